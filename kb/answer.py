"""The order of the steps of answering: search, decide whether there is an answer, draft, check, emit.

Every backend goes through the same search, the same decision and the same check. A statement is emitted only
after its check; what fails is kept with the reason.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Generator as PyGenerator
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from kb.checking import verify_statement
from kb.compose import Draft, compose
from kb.ground import Evidence, Source, gather
from kb.premise import premises
from kb.search import Filters, Found, Searcher
from kb.settings import Settings
from kb.spans import Kind, blocks
from kb.types import Answer, AnswerEvent, Backend, Citation, Outcome, Reason, Stage, Statement, Status, Turn

if TYPE_CHECKING:
    from kb.ports import Embedder, Generator

N_HITS = 5
N_NEAREST = 3
MIN_CORRECTION_SUPPORT = 0.4
"""How well a span must fit a premise, short of backing it, to be about the same thing."""


@dataclasses.dataclass(frozen=True, slots=True)
class Answerer:
    """Everything that answering needs, for one generation of the index."""

    searcher: Searcher
    settings: Settings
    backend: Backend
    generator: Generator | None
    """None for the extractive backend."""

    def stream(
        self, query: str, *, history: Sequence[Turn] = (), filters: Filters | None = None
    ) -> PyGenerator[AnswerEvent, None, None]:
        """The events of answering, the Answer last. Closing the iterator stops the generation.

        Raises:
            QueryError: the query is empty or too long.
        """
        clock = _Clock()
        found = self.searcher.find(
            query, history=history, limit=max(N_HITS, self.settings.answer.max_passages), filters=filters
        )
        clock.lap("search")
        yield AnswerEvent(Stage.RETRIEVING, found.query.text)
        run = _Run(self, query, found, clock)
        if (refusal := self._refusal(found)) is not None:
            yield AnswerEvent(Stage.EVIDENCE, ())
            yield AnswerEvent(Stage.DONE, run.abstained(*refusal))
            return
        evidence = self._evidence(found)
        yield AnswerEvent(Stage.EVIDENCE, tuple(hit for hit in found.hits if hit.status is Status.ANSWERED))
        yield from run.checked(evidence, history)

    def _refusal(self, found: Found) -> tuple[Reason, str] | None:
        """Why the query is not answered at all, or None if it should be."""
        if found.posed is not None:
            where = ", ".join(PurePosixPath(source).name for source in found.posed.sources)
            return (
                Reason.UNANSWERED_QUESTION,
                f"I don't know. {where} asks this (“{found.posed.question}”), but no document answers it.",
            )
        if found.confidence < self.settings.answer.min_confidence or not any(
            h.status is Status.ANSWERED for h in found.hits
        ):
            return Reason.NO_EVIDENCE, "I don't know. The documents do not answer this."
        return None

    def _evidence(self, found: Found) -> Evidence:
        catalogue = self.searcher.index.catalogue
        answered = [hit for hit in found.hits if hit.status is Status.ANSWERED][: self.settings.answer.max_passages]
        questions = catalogue.questions_by_id([hit.question_id for hit in answered])
        topics = []
        for hit in answered:
            question = questions[hit.question_id]
            entries = catalogue.entries_by_id(question.entry_ids)
            own = sorted(
                (e for e in entries.values() if e.answer is not None and self._in_scope(e.document, found)),
                key=lambda entry: (entry.id != hit.entry_id, entry.source, entry.id),
            )
            passages = catalogue.passages_of([hit.question_id]).values()
            best_first = sorted(passages, key=lambda passage: passage.text != hit.text)
            topics.append((question.question, own, best_first))
        if self.generator is None:
            topics = topics[: found.n_topics]
        return gather(found.query.text, topics)

    @staticmethod
    def _in_scope(document: str, found: Found) -> bool:
        return found.filters.document is None or document == found.filters.document


class _Clock:
    """Milliseconds of each step."""

    def __init__(self) -> None:
        self._started = self._last = time.perf_counter()
        self.laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = round(self.laps.get(name, 0.0) + (now - self._last) * 1000, 3)
        self._last = now

    def total(self) -> dict[str, float]:
        return {**self.laps, "total": round((time.perf_counter() - self._started) * 1000, 3)}


class _Run:
    """The answering of one query."""

    def __init__(self, answerer: Answerer, query: str, found: Found, clock: _Clock) -> None:
        self._answerer = answerer
        self._query = query
        self._found = found
        self._clock = clock
        self._statements: list[Statement] = []
        self._rejected: list[Statement] = []

    def checked(self, evidence: Evidence, history: Sequence[Turn]) -> Iterator[AnswerEvent]:
        """Draft and check; a statement or rejection at a time, and the Answer."""
        answerer = self._answerer
        note = ""
        if (correction := corrected(self._found.query.text, evidence)) is not None:
            yield from self._emit(iter([correction]))
        if answerer.generator is not None:
            yield from self._emit(self._generated(evidence, history))
            if not self._said():
                note = "The language model's draft did not pass the check; this is the documents' own text."
                if not self._rejected:
                    note = "The language model found no answer; this is the documents' own text."
        if not self._said():
            narrow = dataclasses.replace(evidence, topics=evidence.topics[: self._found.n_topics])
            yield from self._emit(iter(extractive_drafts(narrow, answerer.settings, answerer.searcher.embedder)))
        self._clock.lap("answer")
        if self._statements:
            yield AnswerEvent(Stage.DONE, self._answered(note))
        else:
            message = "I don't know. A draft was made, but the documents do not back it."
            yield AnswerEvent(Stage.DONE, self.abstained(Reason.UNSUPPORTED, message))

    def _said(self) -> bool:
        """Whether anything but a correction was said."""
        return any(statement.mark != "correction" for statement in self._statements)

    def _generated(self, evidence: Evidence, history: Sequence[Turn]) -> Iterator[Statement]:
        from kb.generate import drafts, fit

        generator = self._answerer.generator
        assert generator is not None
        fitted = fit(self._found.query.text, evidence, history, generator.max_prompt_tokens, generator.count_tokens)
        with contextlib.closing(drafts(generator, self._found.query.text, fitted, history)) as running:
            for text, claimed in running:
                yield check(text, claimed, evidence.sources, self._answerer.searcher.embedder)

    def _emit(self, statements: Iterator[Statement]) -> Iterator[AnswerEvent]:
        known = {statement.text for statement in self._statements}
        for statement in statements:
            if statement.text in known:
                continue  # the correction has said it
            if statement.supported:
                self._statements.append(statement)
                yield AnswerEvent(Stage.STATEMENT, statement)
            else:
                self._rejected.append(statement)
                yield AnswerEvent(Stage.REJECTED, statement)

    def _answered(self, note: str) -> Answer:
        statements = tuple(self._statements)
        return self._answer(Outcome.ANSWERED, None, statements, answer_text(statements), note)

    def abstained(self, reason: Reason, message: str) -> Answer:
        """The answer that there is none."""
        nearest = [hit.question for hit in self._found.hits if hit.status is Status.ANSWERED][:N_NEAREST]
        return dataclasses.replace(self._answer(Outcome.ABSTAINED, reason, (), message, ""), nearest=tuple(nearest))

    def _answer(
        self, outcome: Outcome, reason: Reason | None, statements: tuple[Statement, ...], text: str, note: str
    ) -> Answer:
        backend = self._answerer.backend
        fell_back = bool(note)
        return Answer(
            query=self._query,
            outcome=outcome,
            reason=reason,
            statements=statements,
            citations=merged_citations(statements),
            text=text,
            rejected=tuple(self._rejected),
            confidence=self._found.confidence,
            backend="extractive" if fell_back else backend.name,
            model=None if fell_back else backend.model,
            hits=self._found.hits,
            timings_ms=self._clock.total(),
            searched=self._found.query.text,
            backend_reason=note or backend.reason,
        )


def corrected(query: str, evidence: Evidence) -> Statement | None:
    """What the evidence says where the query takes something for granted that the evidence does not back.

    None if the query assumes nothing, or nothing that is not backed, or nothing is said about it.
    """
    assumed = premises(query)
    sources = evidence.sources
    if not assumed or not sources:
        return None
    # The questions are read too: a document that asks "why" as well takes the same for granted.
    texts = [source.text for source in sources]
    verdicts = [verify_statement(premise, texts) for premise in assumed]
    if 2 * sum(verdict.supported for verdict in verdicts) >= len(verdicts):
        return None
    # Readings that cut the sentence in the wrong place are nonsense, and now and then nonsense passes.
    best = max((v for v in verdicts if not v.supported), key=lambda verdict: verdict.support)
    if best.passage is None or not best.quote or best.support < MIN_CORRECTION_SUPPORT:
        return None
    if any(premises(topic.question) for topic in evidence.topics[:1]):
        return None
    source = sources[best.passage]
    citation = source.cite(best.start, best.end)
    return Statement(best.quote, (citation,), 1.0, True, f"the question assumes otherwise: {best.reason}", "correction")


def extractive_drafts(evidence: Evidence, settings: Settings, embedder: Embedder | None) -> list[Statement]:
    """The composer's statements, each checked."""

    def backed(statement: str, text: str) -> tuple[int, int] | None:
        verdict = verify_statement(statement, [text])
        return (verdict.start, verdict.end) if verdict.supported else None

    drafted = compose(evidence, max_statements=settings.answer.max_statements, backed=backed)
    return [_check_draft(draft, evidence.sources, embedder) for draft in drafted]


def _check_draft(draft: Draft, sources: Sequence[Source], embedder: Embedder | None) -> Statement:
    texts = {source.n: source.text for source in sources}
    kept: list[Citation] = []
    support, reason = 0.0, "no passage backs it"
    for citation in draft.citations:
        text = texts[citation.n]
        verdict = verify_statement(draft.text, [text[citation.start : citation.end]], embedder=embedder)
        if verdict.supported:
            kept.append(citation)
        if verdict.support >= support:
            support, reason = verdict.support, verdict.reason
    return Statement(draft.text, tuple(kept), support, bool(kept), reason, draft.mark)


def check(text: str, claimed: Sequence[int], sources: Sequence[Source], embedder: Embedder | None) -> Statement:
    """A model's statement with the citations that really back it, whichever it claimed."""
    order = sorted(sources, key=lambda source: (source.n not in claimed, source.n))
    question = order[0].entry.question if order else ""
    verdict = verify_statement(text, [source.text for source in order], embedder=embedder, question=question)
    if not verdict.supported or verdict.passage is None:
        return Statement(text, (), verdict.support, False, verdict.reason)
    source = order[verdict.passage]
    return Statement(text, (source.cite(verdict.start, verdict.end),), verdict.support, True, verdict.reason)


def merged_citations(statements: Sequence[Statement]) -> tuple[Citation, ...]:
    """One citation per marker, in order: the run of the source from the first quote to the last."""
    spans: dict[int, Citation] = {}
    quotes: dict[int, list[Citation]] = {}
    for statement in statements:
        for citation in statement.citations:
            quotes.setdefault(citation.n, []).append(citation)
            spans.setdefault(citation.n, citation)
    return tuple(max(quotes[n], key=lambda c: (c.end - c.start, -c.start)) for n in sorted(spans))


def answer_text(statements: Sequence[Statement]) -> str:
    """The statements with their markers, as Markdown: sentences run on, items and code stand on lines of their own."""
    parts: list[str] = []
    for statement in statements:
        kind = blocks(statement.text)[0].kind if statement.text.strip() else Kind.PARAGRAPH
        markers = "".join(f"[{n}]" for n in dict.fromkeys(citation.n for citation in statement.citations))
        label = {"correction": "Correction: ", "disagreement": "Sources differ: "}.get(statement.mark or "", "")
        if kind in (Kind.CODE, Kind.TABLE):
            parts += ["\n\n", f"{label}{statement.text}\n{markers}", "\n\n"]
        elif kind is Kind.ITEM:
            parts += ["\n", f"{label}{statement.text} {markers}", "\n"]
        else:
            parts += [" " if parts and not parts[-1].endswith("\n") else "", f"{label}{statement.text} {markers}"]
    return "".join(parts).strip().replace("\n\n\n", "\n\n")


def renumbered(statements: Sequence[Statement]) -> list[Statement]:
    """The statements with markers counted from 1 in the order in which they appear."""
    numbers: dict[int, int] = {}
    for statement in statements:
        for citation in statement.citations:
            numbers.setdefault(citation.n, len(numbers) + 1)
    return [
        dataclasses.replace(s, citations=tuple(dataclasses.replace(c, n=numbers[c.n]) for c in s.citations))
        for s in statements
    ]
