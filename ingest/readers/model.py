"""What a reader gives: the lines of a document, with the structure that its format states."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import StrEnum

from ingest.types import DropReason


class Kind(StrEnum):
    """What a line is in the structure of its format."""

    BLANK = "blank"
    TEXT = "text"
    HEADING = "heading"
    CODE = "code"
    """Code or a code fence."""
    TABLE = "table"
    RULE = "rule"
    """A separator without words."""
    TAG = "tag"
    """Markup without words."""
    TERM = "term"
    """The term of a definition list."""
    DEFINITION = "definition"
    ROW = "row"
    """A table's row that holds a question and its answer."""
    SUMMARY = "summary"
    """The visible line of a fold-out."""


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """One line of a document, as Markdown."""

    md: str
    """The line as Markdown, indentation kept; headings without their marks."""
    kind: Kind = Kind.TEXT
    level: int = 0
    """Of a heading, 1 to 6."""
    depth: int = 0
    """How many list items enclose the line, where the format says so."""
    src: tuple[int, int] | None = None
    """First and last line in `Source.text`, 1-based; None where the format has no lines."""
    page: int | None = None
    fold: int = 0
    """How many fold-outs or definition lists enclose the line."""
    drop: DropReason | None = None
    """Set where the format itself says that the line is no content (navigation, page headers)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """One record of a file that holds records: a question with its answer."""

    question: str
    answer: str
    number: int | None = None
    section: str | None = None
    lines: tuple[int, int] | None = None
    also_asked: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """A file that was read, before anything is known about its questions."""

    media_type: str
    text: str
    """The text whose lines are counted, newlines normalised."""
    lines: tuple[Line, ...] = ()
    title: str = ""
    """As the format states it; empty if it does not."""
    metadata: Mapping[str, str] = dataclasses.field(default_factory=dict)
    records: tuple[Record, ...] | None = None
    """Of a file that holds records; None for a document."""
    has_lines: bool = True
    """Whether `Line.src` counts lines that the user can find in the file."""
    wrapped: bool = False
    """Whether lines were broken at a page's width, so that a line break is no boundary."""
