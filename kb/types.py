"""The domain: what a document becomes on its way to a checked answer.

Every type is frozen and holds plain data, so that any of them can be written as JSON with the field
names that stand here (`to_json`). Standard library only.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """What a document does with a question that it poses."""

    ANSWERED = "answered"
    """The document gives an answer."""
    UNANSWERED = "unanswered"
    """The question is posed and nothing follows it."""
    PLACEHOLDER = "placeholder"
    """An instruction to the reader stands where the answer should be."""


class Outcome(StrEnum):
    """How a query ended. A failure is an exception, never an outcome."""

    ANSWERED = "answered"
    ABSTAINED = "abstained"


class Reason(StrEnum):
    """Why a query was not answered."""

    NO_EVIDENCE = "no_evidence"
    """The documents hold nothing that answers the query."""
    UNANSWERED_QUESTION = "unanswered_question"
    """A document poses this question, and none answers it."""
    UNSUPPORTED = "unsupported"
    """A draft was made, and no statement of it passed the check."""


class Stage(StrEnum):
    """The steps of answering, in the order in which their events come."""

    RETRIEVING = "retrieving"
    """Payload: the query that is really searched (str)."""
    EVIDENCE = "evidence"
    """Payload: the hits that the answer may use (tuple of Hit)."""
    STATEMENT = "statement"
    """Payload: a Statement that has passed its check."""
    REJECTED = "rejected"
    """Payload: a Statement that has not."""
    DONE = "done"
    """Payload: the Answer."""


@dataclasses.dataclass(frozen=True, slots=True)
class Document:
    """One ingested file."""

    id: str
    source: str
    """Absolute path of the file, with forward slashes."""
    title: str
    media_type: str
    sha256: str
    """Of the file's bytes, in hexadecimal."""
    text: str
    """The text that was read from the file; line n of it is line n of the file where the format has lines."""
    also_at: tuple[str, ...] = ()
    """Other paths at which the same content was ingested."""


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One question that one document poses, with the answer that it gives, if any."""

    id: str
    document: str
    """Id of the Document."""
    source: str
    number: int | None
    """The number that the document gives to the question."""
    section: str | None
    """The heading under which the question stands."""
    question: str
    answer: str | None
    """Markdown, code fenced; None unless `status` is answered."""
    status: Status
    lines: tuple[int, int] | None
    """First and last line in the source file, 1-based, question included; None where the format has no lines."""
    page: int | None = None
    """1-based page of the question, for paged formats."""
    question_id: str | None = None
    """Id of the canonical Question; None before merging (`ingest.parse_file`)."""
    also_asked: tuple[str, ...] = ()
    """Other wordings that the document's curator wrote under the question."""


@dataclasses.dataclass(frozen=True, slots=True)
class Question:
    """A canonical question: all entries that ask the same thing."""

    id: str
    question: str
    variants: tuple[str, ...]
    """Every distinct wording, the canonical one first."""
    entry_ids: tuple[str, ...]
    sources: tuple[str, ...]
    status: Status
    """answered if any entry is; else unanswered if any is; else placeholder."""


@dataclasses.dataclass(frozen=True, slots=True)
class Passage:
    """The unit of retrieval: an answer, or a part of a long one. `answer[start:end] == text`."""

    id: str
    entry_id: str
    question_id: str
    text: str
    start: int
    end: int


@dataclasses.dataclass(frozen=True, slots=True)
class Hit:
    """A canonical question that a query found, with its best passage for that query."""

    rank: int
    """1-based."""
    score: float
    """In [0, 1], higher is better."""
    question_id: str
    entry_id: str
    question: str
    text: str
    """The passage; empty where the question has no answer."""
    source: str
    lines: tuple[int, int] | None
    origin: str
    """Which search found it: lexical, dense, or both."""
    status: Status = Status.ANSWERED
    scores: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """The parts of the score, by name; not comparable between queries."""
    page: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Citation:
    """An exact span of an entry's answer: `entry.answer[start:end] == quote`."""

    n: int
    """The marker in the text, [n], 1-based."""
    entry_id: str
    question: str
    source: str
    lines: tuple[int, int] | None
    """Lines of the entry in its source file."""
    quote: str
    start: int
    end: int
    page: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Statement:
    """One sentence, list item or code block of an answer, with what backs it."""

    text: str
    citations: tuple[Citation, ...]
    support: float
    """In [0, 1]."""
    supported: bool
    reason: str
    """Why it passed or did not, for people."""
    mark: str | None = None
    """`correction` (contradicts a premise of the query), `disagreement` (sources differ), or None."""


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a statement is backed by the passages that it was checked against."""

    support: float
    """In [0, 1]."""
    supported: bool
    reason: str
    quote: str
    """The span of a passage that backs the statement best, verbatim; empty if there is none."""
    passage: int | None = None
    """Index of the passage that holds the quote."""
    start: int = 0
    end: int = 0
    """`passages[passage][start:end] == quote`."""


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What came of a query. An abstained answer has no statements and no citations."""

    query: str
    outcome: Outcome
    reason: Reason | None
    """Of an abstention; None when answered."""
    statements: tuple[Statement, ...]
    citations: tuple[Citation, ...]
    text: str
    """What to show: the statements with their markers [n], or the abstention's message."""
    rejected: tuple[Statement, ...]
    """Drafted statements that did not pass the check."""
    confidence: float
    """Calibrated probability, in [0, 1], that the documents answer the query."""
    backend: str
    model: str | None
    hits: tuple[Hit, ...]
    timings_ms: Mapping[str, float]
    searched: str = ""
    """The query that was really searched: follow-ups resolved, typing errors corrected."""
    backend_reason: str = ""
    """Why this backend answered."""
    nearest: tuple[str, ...] = ()
    """On abstention: the nearest questions that the documents do answer."""


@dataclasses.dataclass(frozen=True, slots=True)
class AnswerEvent:
    """A step of answering; see Stage for what each payload is."""

    stage: Stage
    payload: Any


@dataclasses.dataclass(frozen=True, slots=True)
class Backend:
    """What writes the answers, and why it was chosen."""

    name: str
    """extractive, transformers or openai."""
    reason: str
    model: str | None = None


Turn = tuple[str, str]
"""An earlier turn of a conversation: (role, text), role being "user" or "assistant"."""


def to_json(value: Any) -> Any:
    """The value as JSON types: dataclasses become objects with their field names, tuples become lists."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    if isinstance(value, StrEnum):
        return value.value
    return value
