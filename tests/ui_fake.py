"""A small knowledge base in memory for the tests of the UI: answers are made from the query, slowly if asked to."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kb.errors import DocumentError, QueryError, ServerError
from kb.knowledge import BorderlinePair, DroppedRun, Probe, Review
from kb.settings import LLMSettings, Settings
from kb.types import (
    Answer,
    AnswerEvent,
    Backend,
    Citation,
    Document,
    Entry,
    Hit,
    Outcome,
    Question,
    Reason,
    Stage,
    Statement,
    Status,
)

HOSTILE = (
    "<script>window.hacked=1</script> <img src=x onerror=window.hacked=1> [link](javascript:window.hacked=1) "
    "![image](http://example.invalid/x.png) ${window.hacked=1} {{value}} `<b>code</b>` \u202eabc"
)
ANSWER = "First fact about gardens. Second fact about gardens.\n\n```python\nprint('<b>')\n```\n"


def make_entry(number: int, question: str, answer: str | None, source: str = "/docs/garden.md") -> Entry:
    status = Status.UNANSWERED if answer is None else Status.ANSWERED
    return Entry(
        f"e{number}",
        "d1",
        source,
        number,
        "Beds",
        question,
        answer,
        status,
        (number * 10, number * 10 + 5),
        None,
        f"q{number}",
    )


class FakeKnowledgeBase:
    """Repeats a query in its statements; abstains on "unknown ..."; fails on "fail ..." and "crash ..."."""

    def __init__(self, home: Path, *, delay: float = 0.0, hostile: bool = False, n_statements: int = 3) -> None:
        self.settings = Settings(home=home, llm=LLMSettings(max_concurrent=8))
        self.delay = delay
        self.n_statements = n_statements
        text = HOSTILE if hostile else "How deep are beds?"
        source = f"/docs/{HOSTILE.replace('/', '_')}.md" if hostile else "/docs/garden.md"
        answer = f"{HOSTILE}\n\n{ANSWER}" if hostile else ANSWER
        self._entries = [
            make_entry(1, text, answer, source),
            make_entry(2, "Where do `ferns` grow?", "In the shade.", source),
            make_entry(3, "What about frost?", None, source),
        ]
        self._documents = [Document("d1", source, text if hostile else "Garden", "text/markdown", "0" * 64, "...")]
        self.hostile = hostile
        self.closed = threading.Event()
        self.running = 0
        self.most_running = 0
        self._lock = threading.Lock()

    def close(self) -> None:
        return

    def documents(self) -> list[Document]:
        return self._documents

    def entries(self, document: str | None = None, *, unanswered: bool = False) -> list[Entry]:
        if document not in (None, "d1"):
            raise DocumentError(f"{document}: no such document in the index", hint="List them.")
        return [entry for entry in self._entries if not unanswered or entry.answer is None]

    def questions(self) -> list[Question]:
        return [
            Question(f"q{e.number}", e.question, (e.question,), (e.id,), (e.source,), e.status) for e in self._entries
        ]

    def examples(self, n: int) -> list[str]:
        return [entry.question for entry in self._entries if entry.answer][:n]

    def backend(self) -> Backend:
        return Backend("extractive", f"no GPU {HOSTILE if self.hostile else ''}")

    def review(self) -> Review:
        text = HOSTILE if self.hostile else "text"
        pair = BorderlinePair(0.8, text, self._documents[0].source, text, self._documents[0].source, text)
        drop = DroppedRun(self._documents[0].source, (1, 2), "heading", text)
        feedback = ({"time": "2026-01-01T00:00", "rating": "up", "query": text, "comment": text},)
        return Review((self.questions()[2],), (pair,), (drop,), (text,), feedback)

    def question_vectors(self) -> tuple[list[str], np.ndarray]:
        return [q.id for q in self.questions()], np.eye(3, 4, dtype=np.float32)

    def hit(self) -> Hit:
        e = self._entries[0]
        return Hit(
            1, 0.9, "q1", e.id, e.question, (e.answer or "")[:200], e.source, e.lines, "both", scores={"dense": 0.5}
        )

    def search(self, query, *, limit=5, history=(), document=None, status=None) -> list[Hit]:
        if not query.strip():
            raise QueryError("The query is empty.", hint="Write one.")
        return [self.hit()][:limit]

    def probe(self, query, *, history=()) -> Probe:
        return Probe(query, 0.8, 0.5, (self.hit(),), {"top": 0.5}, (self.hit().text,))

    def stream(self, query, *, history=(), document=None) -> Iterator[AnswerEvent]:
        with self._lock:
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        try:
            yield from self._steps(query)
        finally:
            with self._lock:
                self.running -= 1
            self.closed.set()

    def _steps(self, query: str) -> Iterator[AnswerEvent]:
        yield AnswerEvent(Stage.RETRIEVING, query)
        if query.startswith("fail"):
            raise ServerError("The server at http://127.0.0.1:1 did not answer.", hint="Start it.")
        if query.startswith("crash"):
            raise RuntimeError("a bug, with a secret in its message")
        yield AnswerEvent(Stage.EVIDENCE, (self.hit(),))
        if query.startswith("unknown"):
            nearest = ("How deep are beds?", "Where do `ferns` grow?")
            yield AnswerEvent(Stage.DONE, self._answer(query, (), Outcome.ABSTAINED, nearest))
            return
        statements = []
        for number in range(self.n_statements):
            time.sleep(self.delay)
            statements.append(self._statement(query, number))
            yield AnswerEvent(Stage.STATEMENT, statements[-1])
        rejected = Statement(f"{query} is wrong", (), 0.1, False, "no passage says so")
        yield AnswerEvent(Stage.REJECTED, rejected)
        yield AnswerEvent(Stage.DONE, self._answer(query, tuple(statements), Outcome.ANSWERED, (), (rejected,)))

    def _statement(self, query: str, number: int) -> Statement:
        e = self._entries[0]
        assert e.answer is not None
        quote = "First fact about gardens." if number % 2 == 0 else "Second fact about gardens."
        start = e.answer.index(quote)
        citation = Citation(1, e.id, e.question, e.source, e.lines, quote, start, start + len(quote))
        return Statement(f"{query}: statement {number}.", (citation,), 0.93, True, "said by the passage")

    def _answer(self, query, statements, outcome, nearest=(), rejected=()) -> Answer:
        abstained = outcome is Outcome.ABSTAINED
        citations = tuple(c for s in statements for c in s.citations)
        text = "I don't know." if abstained else " ".join(f"{s.text} [1]" for s in statements)
        reason = Reason.NO_EVIDENCE if abstained else None
        return Answer(
            query, outcome, reason, statements, citations, text, rejected, 0.2 if abstained else 0.9, "extractive",
            None, (self.hit(),), {"total": 12.0}, query, "no GPU", nearest,
        )  # fmt: skip
