"""The knowledge base as the UI uses it: opened when needed, listed from a cache, changed by one ingest at a time."""

from __future__ import annotations

import contextlib
import datetime
import queue
import threading
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ingest import ingest_paths, remove_documents
from ingest.types import IngestReport
from kb.errors import DocumentError, HomeError, KBError
from kb.knowledge import KnowledgeBase, Probe, Review
from kb.settings import Settings
from kb.types import Answer, AnswerEvent, Backend, Document, Entry, Hit, Outcome, Question, Stage, Turn
from ui.records import add_unanswered
from ui.uploads import Limits, store_bytes, store_file

if TYPE_CHECKING:
    from kb.ports import FloatArray


class Upload(NamedTuple):
    """A file that a client sent."""

    path: Path
    name: str
    """As the client calls it; never used as a path."""


class Step(NamedTuple):
    """How far an ingest is."""

    name: str
    done: int
    total: int


class Snapshot(NamedTuple):
    """The lists of one generation."""

    version: str
    documents: tuple[Document, ...]
    entries: Mapping[str, Entry]
    questions: tuple[Question, ...]


class ReadOnly(KBError):
    """The server was started to be read only."""


class Library:
    """Everything that the UI and the API do. Safe to share between threads."""

    def __init__(self, settings: Settings, *, read_only: bool = False, kb: KnowledgeBase | None = None) -> None:
        self.settings = settings
        self.read_only = read_only
        self._kb = kb
        self._lock = threading.Lock()
        self._listing = threading.Lock()
        self._writing = threading.Lock()
        self._snapshot: Snapshot | None = None

    @property
    def kb(self) -> KnowledgeBase:
        """The knowledge base, opened once."""
        with self._lock:
            if self._kb is None:
                self._kb = KnowledgeBase.open(self.settings)
            return self._kb

    def close(self) -> None:
        """Let go of the index and the model."""
        with self._lock:
            if self._kb is not None:
                self._kb.close()
                self._kb = None

    def warm_up(self) -> None:
        """Load what the first question needs, so that it need not wait for it."""
        with contextlib.suppress(KBError):  # the first request shows the error where a user sees it
            if self.snapshot().documents:
                self.kb.search("warm up", limit=1)

    # Asking

    def stream(
        self, query: str, *, history: Sequence[Turn] = (), document: str | None = None
    ) -> Generator[AnswerEvent, None, None]:
        """The steps of answering; closing the iterator stops the generation. An abstention is kept for the curator."""
        events = self.kb.stream(query, history=history, document=document or None)
        with contextlib.closing(events):
            for event in events:
                if event.stage is Stage.DONE:
                    self._note(event.payload)
                yield event

    def ask(self, query: str, *, history: Sequence[Turn] = (), document: str | None = None) -> Answer:
        """The answer to a query, or an abstention."""
        answers = [event.payload for event in self.stream(query, history=history, document=document)]
        answer: Answer = answers[-1]
        return answer

    def _note(self, answer: Answer) -> None:
        if answer.outcome is Outcome.ABSTAINED:
            add_unanswered(self.settings.home, answer.query, answer.reason.value if answer.reason else "")

    def search(
        self, query: str, *, limit: int = 5, document: str | None = None, status: str | None = None
    ) -> list[Hit]:
        """The questions nearest to a query."""
        return self.kb.search(query, limit=limit, document=document or None, status=status or None)

    def probe(self, query: str) -> Probe:
        """What retrieval makes of a query."""
        return self.kb.probe(query)

    def backend(self) -> Backend:
        """What writes the answers, and why."""
        return self.kb.backend()

    def examples(self, n: int) -> list[str]:
        """Questions to start with."""
        return self.kb.examples(n)

    # Looking

    def snapshot(self) -> Snapshot:
        """The documents, entries and questions of the current generation, read once per generation."""
        with self._listing:
            version = self._version()
            if self._snapshot is None or self._snapshot.version != version:
                entries = {entry.id: entry for entry in self.kb.entries()}
                self._snapshot = Snapshot(version, tuple(self.kb.documents()), entries, tuple(self.kb.questions()))
            return self._snapshot

    def _version(self) -> str:
        current = self.settings.home / self.settings.collection / "CURRENT"
        return current.read_text("utf-8").strip() if current.is_file() else ""

    def answers_of(self, entry_ids: Iterable[str]) -> dict[str, str]:
        """The whole answers of these entries, by id; entries that are gone are left out."""
        entries = self.snapshot().entries
        found = (entries.get(entry_id) for entry_id in entry_ids)
        return {entry.id: entry.answer for entry in found if entry is not None and entry.answer is not None}

    def question(self, question_id: str) -> tuple[Question, list[Entry]] | None:
        """A canonical question with its entries."""
        snapshot = self.snapshot()
        for question in snapshot.questions:
            if question.id == question_id:
                entries = [snapshot.entries[id_] for id_ in question.entry_ids if id_ in snapshot.entries]
                return question, entries
        return None

    def document(self, document_id: str) -> tuple[Document, int] | None:
        """A document with the number of its entries."""
        snapshot = self.snapshot()
        for document in snapshot.documents:
            if document.id == document_id:
                return document, sum(entry.document == document.id for entry in snapshot.entries.values())
        return None

    def review(self) -> Review:
        """What a curator should look at."""
        return self.kb.review()

    def question_vectors(self) -> tuple[list[str], FloatArray]:
        """Ids and mean vectors of all questions."""
        return self.kb.question_vectors()

    def evaluation(self) -> tuple[str, str] | None:
        """The latest evaluation report as HTML, and when it was made."""
        file = self.settings.home / "eval" / "report.html"
        if not file.is_file():
            return None
        made = datetime.datetime.fromtimestamp(file.stat().st_mtime, tz=datetime.UTC)
        return file.read_text("utf-8", errors="replace"), made.strftime("%Y-%m-%d %H:%M UTC")

    # Changing

    @property
    def uploads(self) -> Path:
        """Where this collection's uploaded files are kept."""
        return self.settings.home.absolute() / "uploads" / self.settings.collection

    def limits(self) -> Limits:
        """Which files may be uploaded."""
        from ingest.read import SUFFIXES  # deferred: brings the readers along

        return Limits(tuple(sorted(SUFFIXES)), self.settings.ingest.max_file_mb)

    def ingest_uploads(self, files: Sequence[Upload]) -> Generator[Step, None, IngestReport]:
        """Take the files in; yields how far it is. It goes on to its end although nobody may be looking any more."""
        with self._writer():
            limits = self.limits()
            stored: list[Path] = []
            for file in files:
                taken = [path.name for path in stored]
                stored.append(store_file(file.path, file.name, self.uploads, limits, taken=taken))
        return (yield from self._in_background(lambda say: self._ingest(stored, say)))

    def ingest_content(self, name: str, content: bytes) -> IngestReport:
        """Take a document in whose content is at hand."""
        self._require_writable()
        path = store_bytes(content, name, self.uploads, self.limits())
        return _drained(self._in_background(lambda say: self._ingest([path], say)))

    def remove(self, names: Sequence[str]) -> Generator[Step, None, IngestReport]:
        """Take documents out; an uploaded file goes too, any other file stays where it is."""
        self._require_writable()
        return (yield from self._in_background(lambda say: self._remove(names, say)))

    def remove_now(self, names: Sequence[str]) -> IngestReport:
        """Take documents out, and wait for it."""
        return _drained(self.remove(names))

    def _ingest(self, paths: Sequence[Path], say: Callable[[str, int, int], None]) -> IngestReport:
        report = ingest_paths(paths, settings=self.settings, progress=say)
        rejected = {item.source for item in report.documents if item.action.value == "rejected"}
        for path in paths:
            if path.as_posix() in rejected:
                path.unlink(missing_ok=True)
        return report

    def _remove(self, names: Sequence[str], say: Callable[[str, int, int], None]) -> IngestReport:
        report = remove_documents(names, settings=self.settings, progress=say)
        for item in report.documents:
            path = Path(item.source)
            if item.action.value == "removed" and path.parent == self.uploads:
                path.unlink(missing_ok=True)
        return report

    def _require_writable(self) -> None:
        if self.read_only:
            raise ReadOnly(
                "This server is read only.", hint="Change the library with `kb ingest` on the server's machine."
            )

    @contextlib.contextmanager
    def _writer(self) -> Generator[None, None, None]:
        self._require_writable()
        try:
            yield
        except OSError as error:
            raise HomeError(
                f"{self.uploads}: the upload cannot be kept: {error}", hint="Check the home's disk."
            ) from error

    def _in_background(
        self, work: Callable[[Callable[[str, int, int], None]], IngestReport]
    ) -> Generator[Step, None, IngestReport]:
        if not self._writing.acquire(blocking=False):
            raise DocumentError(
                "Another change of the library is running.", hint="Wait until it is done, then try again."
            )
        steps: queue.SimpleQueue[Step | IngestReport | BaseException] = queue.SimpleQueue()

        def run() -> None:
            try:
                result: Any = work(lambda name, done, total: steps.put(Step(name, done, total)))
            except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits for the result
                result = error
            finally:
                self._writing.release()
            steps.put(result)

        threading.Thread(target=run, name="kb-ingest", daemon=False).start()
        while True:
            item = steps.get()
            if isinstance(item, Step):
                yield item
            elif isinstance(item, BaseException):
                raise item
            else:
                return item


def _drained(steps: Generator[Step, None, IngestReport]) -> IngestReport:
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            report: IngestReport = stop.value
            return report
