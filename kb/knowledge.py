"""The knowledge base as programs see it: open, search, ask, list."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Generator as PyGenerator
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from kb.errors import DocumentError, IndexMissing, SettingsError
from kb.settings import Settings
from kb.storage import Generation, Home
from kb.types import Answer, AnswerEvent, Backend, Document, Entry, Hit, Question, Stage, Status, Turn
from kb.wiring import choose_backend, load_encoder, load_generator, load_reranker, store_access

if TYPE_CHECKING:
    from kb.answer import Answerer
    from kb.index import Index
    from kb.ports import Embedder, FloatArray, Generator
    from kb.search import Filters, Searcher


@dataclasses.dataclass(frozen=True, slots=True)
class BorderlinePair:
    """Two questions that were nearly merged."""

    score: float
    question_a: str
    source_a: str
    question_b: str
    source_b: str
    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class DroppedRun:
    """Lines of a document that are in no entry."""

    source: str
    lines: tuple[int, int] | None
    reason: str
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Review:
    """What a curator should look at."""

    gaps: tuple[Question, ...]
    """Questions that no document answers."""
    borderline: tuple[BorderlinePair, ...]
    dropped: tuple[DroppedRun, ...]
    unanswered_queries: tuple[str, ...]
    feedback: tuple[Mapping[str, Any], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Probe:
    """What a search did with a query, for people who look into it."""

    searched: str
    confidence: float
    min_confidence: float
    hits: tuple[Hit, ...]
    features: Mapping[str, float]
    evidence: tuple[str, ...]


class KnowledgeBase:
    """A collection, open for reading. Safe to share between threads; follows new generations by itself."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._folder = Home(settings.home).collection(settings.collection)
        self._lock = threading.RLock()
        self._opened: tuple[Generation, Searcher] | None = None
        self._users: dict[str, int] = {}
        self._retired: dict[str, tuple[Generation, Searcher]] = {}
        self._backend: Backend | None = None
        self._generator: Generator | None = None
        self._embedder: Embedder | None = None

    @classmethod
    def open(cls, settings: Settings | None = None) -> Self:
        """The knowledge base of these settings. What it needs is loaded when first used."""
        return cls(settings or Settings())

    def close(self) -> None:
        """Close the index and let go of the language model."""
        with self._lock:
            for generation, searcher in [*self._retired.values(), *([self._opened] if self._opened else [])]:
                searcher.index.close()
                generation.close()
            self._retired.clear()
            self._opened = None
            if self._generator is not None:
                self._generator.close()
                self._generator = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def search(
        self,
        query: str,
        *,
        limit: int = 5,
        history: Sequence[Turn] = (),
        document: str | None = None,
        status: str | None = None,
    ) -> list[Hit]:
        """The canonical questions nearest to a query, best first.

        Raises:
            QueryError: the query is empty or too long.
            IndexMissing: nothing was ingested yet.
        """
        with _Lease(self) as searcher:
            filters = self._filters(searcher, document, status)
            return list(searcher.find(query, history=history, limit=limit, filters=filters).hits)

    def ask(self, query: str, *, history: Sequence[Turn] = (), document: str | None = None) -> Answer:
        """The answer to a query, or an abstention. See `stream`."""
        for event in self.stream(query, history=history, document=document):
            if event.stage is Stage.DONE:
                found: Answer = event.payload
                return found
        raise RuntimeError("the stream ended without an answer")

    def stream(
        self, query: str, *, history: Sequence[Turn] = (), document: str | None = None
    ) -> PyGenerator[AnswerEvent, None, None]:
        """The steps of answering as they happen, the Answer last. Closing the iterator stops the generation.

        Raises:
            QueryError: the query is empty or too long.
            IndexMissing: nothing was ingested yet.
            ModelError, ServerError: the language model failed.
        """
        with _Lease(self) as searcher:
            filters = self._filters(searcher, document, None)
            yield from self._answerer(searcher).stream(query, history=history, filters=filters)

    def probe(self, query: str, *, history: Sequence[Turn] = ()) -> Probe:
        """What a search does with a query, with every score."""
        with _Lease(self) as searcher:
            found = searcher.find(query, history=history, limit=10)
            evidence = tuple(hit.text for hit in found.hits if hit.text)[: self.settings.answer.max_passages]
            return Probe(
                found.query.text,
                found.confidence,
                self.settings.answer.min_confidence,
                found.hits,
                found.features,
                evidence,
            )

    def documents(self) -> list[Document]:
        """All documents, by source; empty before the first ingest."""
        with _Lease(self, optional=True) as searcher:
            return searcher.index.catalogue.documents() if searcher else []

    def entries(self, document: str | None = None, *, unanswered: bool = False) -> list[Entry]:
        """All entries in document order; or of one document (id, path or file name), or those without an answer."""
        with _Lease(self, optional=True) as searcher:
            if searcher is None:
                return []
            wanted = None if document is None else self._document_id(searcher.index, document)
            return [
                entry
                for entry in searcher.index.catalogue.entries()
                if (wanted is None or entry.document == wanted)
                and (not unanswered or entry.status is not Status.ANSWERED)
            ]

    def questions(self) -> list[Question]:
        """All canonical questions; empty before the first ingest."""
        with _Lease(self, optional=True) as searcher:
            return searcher.index.catalogue.questions() if searcher else []

    def review(self) -> Review:
        """Gaps, borderline merges, dropped lines, unanswered queries and feedback."""
        feedback = tuple(self._json_lines("feedback.jsonl"))
        queries = tuple(dict.fromkeys(str(line.get("query", "")) for line in self._json_lines("unanswered.jsonl")))
        with _Lease(self, optional=True) as searcher:
            if searcher is None:
                return Review((), (), (), queries, feedback)
            catalogue = searcher.index.catalogue
            entries = {entry.id: entry for entry in catalogue.entries()}
            sources = {document.id: document.source for document in catalogue.documents()}
            gaps = tuple(question for question in catalogue.questions() if question.status is not Status.ANSWERED)
            pairs = (
                BorderlinePair(note.score, a.question, a.source, b.question, b.source, note.reason)
                for note in catalogue.notes()
                if not note.merged
                for a, b in [(entries[note.entry_a], entries[note.entry_b])]
            )
            dropped = tuple(DroppedRun(sources[d.document], d.lines, d.reason, d.text) for d in catalogue.drops())
            return Review(
                gaps, tuple(sorted(pairs, key=lambda p: (-p.score, p.question_a))), dropped, queries, feedback
            )

    def examples(self, n: int) -> list[str]:
        """Questions to start with, from different documents; the same for the same index."""
        by_source: dict[str, list[Question]] = {}
        for question in self.questions():
            if question.status is Status.ANSWERED and 15 <= len(question.question) <= 90:
                by_source.setdefault(question.sources[0], []).append(question)
        found: list[str] = []
        for group in by_source.values():  # what several documents ask first
            group.sort(key=lambda question: (-len(question.entry_ids), question.id))
        for place in range(max(map(len, by_source.values()), default=0)):
            found += [group[place].question for group in by_source.values() if place < len(group)]
        return found[:n]

    def question_vectors(self) -> tuple[list[str], FloatArray]:
        """Ids of all canonical questions with the mean vectors of their wordings. Shape: (n, dimension), float32."""
        import numpy as np

        with _Lease(self) as searcher:
            index = searcher.index
            sums = np.zeros((len(index.question_ids), index.question_vectors.shape[1]), dtype=np.float32)
            np.add.at(sums, index.variant_rows, index.question_vectors.astype(np.float32))
            norms = np.linalg.norm(sums, axis=1, keepdims=True)
            return list(index.question_ids), sums / np.maximum(norms, 1e-9)

    def backend(self) -> Backend:
        """What writes the answers, and why."""
        with self._lock:
            if self._backend is None:
                self._backend = choose_backend(self.settings)
            return self._backend

    def as_retriever(self, limit: int = 5) -> Any:
        """A LlamaIndex BaseRetriever over this knowledge base."""
        from kb.backends.llamaindex import as_llama_retriever

        return as_llama_retriever(lambda query: self.search(query, limit=limit), limit)

    # What follows keeps track of generations: a request works on the one that it began with.

    def _answerer(self, searcher: Searcher) -> Answerer:
        from kb.answer import Answerer

        backend = self.backend()
        with self._lock:
            if self._generator is None and backend.name != "extractive":
                self._generator = load_generator(self.settings, backend)
            return Answerer(searcher, self.settings, backend, self._generator)

    def _filters(self, searcher: Searcher, document: str | None, status: str | None) -> Filters:
        from kb.search import Filters

        if status is not None and status not in [item.value for item in Status]:
            raise SettingsError(f"status: {status!r} is not one of {', '.join(Status)}", hint="Name one of these.")
        wanted = None if document is None else self._document_id(searcher.index, document)
        return Filters(wanted, None if status is None else Status(status))

    @staticmethod
    def _document_id(index: Index, name: str) -> str:
        documents = index.catalogue.documents()
        wanted = name.replace("\\", "/")
        found = [d for d in documents if wanted in (d.id, d.source) or d.source.endswith("/" + wanted.lstrip("./"))]
        if len(found) != 1:
            problem = "no such document in the index" if not found else f"{len(found)} documents are called so"
            raise DocumentError(f"{name}: {problem}", hint="`kb documents` lists them with their paths.")
        return found[0].id

    def _json_lines(self, name: str) -> list[dict[str, Any]]:
        file = self.settings.home / name
        if not file.is_file():
            return []
        found = []
        for line in file.read_text("utf-8").splitlines():
            try:
                found.append(json.loads(line))
            except json.JSONDecodeError:
                continue  # the last line of a process that was killed while it wrote
        return [item for item in found if isinstance(item, dict)]

    def _current(self) -> tuple[Generation, Searcher]:
        """The current generation, opened; the last one is closed once nobody uses it. The lock is held."""
        name = self._folder.current()
        if self._opened is not None and self._opened[0].name == name:
            return self._opened
        generation = self._folder.open()
        try:
            searcher = self._open_searcher(generation)
        except BaseException:
            generation.close()
            raise
        if self._opened is not None:
            old = self._opened
            if self._users.get(old[0].name, 0):
                self._retired[old[0].name] = old
            else:
                old[1].index.close()
                old[0].close()
        self._opened = (generation, searcher)
        return self._opened

    def _open_searcher(self, generation: Generation) -> Searcher:
        from kb.english import english_words
        from kb.glossary import load_collection_glossary
        from kb.index import Index
        from kb.retrieve import load_weights
        from kb.search import Searcher
        from kb.spelling import Speller
        from kb.trees import load_trees

        if self._embedder is None:
            self._embedder = load_encoder(self.settings)
        manifest = generation.manifest
        manifest.require(self._embedder.id, self._embedder.dimension)
        access = store_access(self.settings, manifest.server)
        index = Index.open(generation.path, access.open(generation.chroma_path), access.names(generation.name))
        english = english_words()
        return Searcher(
            index=index,
            embedder=self._embedder,
            glossary=load_collection_glossary(self.settings.retrieve.glossary, generation.path),
            speller=Speller(index.words, english),
            english=english,
            ranker=load_weights("ranker"),
            model=load_trees("confidence"),
            max_query_chars=self.settings.retrieve.max_query_chars,
            reranker=load_reranker(self.settings),
        )


class _Lease:
    """A searcher for the length of one request, kept open although a new generation may come meanwhile."""

    def __init__(self, kb: KnowledgeBase, *, optional: bool = False) -> None:
        self._kb = kb
        self._optional = optional
        self._name = ""

    def __enter__(self) -> Any:
        kb = self._kb
        with kb._lock:
            try:
                generation, searcher = kb._current()
            except IndexMissing:
                if self._optional:
                    return None
                raise
            self._name = generation.name
            kb._users[self._name] = kb._users.get(self._name, 0) + 1
            return searcher

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        kb = self._kb
        if not self._name:
            return
        with kb._lock:
            kb._users[self._name] -= 1
            if kb._users[self._name]:
                return
            del kb._users[self._name]
            if self._name in kb._retired:
                generation, searcher = kb._retired.pop(self._name)
                searcher.index.close()
                generation.close()
