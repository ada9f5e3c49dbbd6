"""What the ingestion pipeline hands from step to step, and what it reports."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import StrEnum

from kb.types import Entry


class DropReason(StrEnum):
    """Why a line of a document is in no entry. The set is closed."""

    ADVERTISEMENT = "advertisement"
    NAVIGATION = "navigation"
    """Menus, breadcrumbs, related and recommended articles, cookie notices, share buttons."""
    TABLE_OF_CONTENTS = "table_of_contents"
    AUTHOR = "author"
    """Author boxes, by-lines, dates of publication."""
    INTRODUCTION = "introduction"
    """Text before the first question, or between a heading and its first question."""
    CLOSING = "closing"
    """Thanks, conclusions and calls to action after the last answer."""
    HEADING = "heading"
    """Titles and section headings (sections are kept as `Entry.section`)."""
    MARKUP = "markup"
    """Separators, labels and tags that carry no words of their own."""
    FRONT_MATTER = "front_matter"
    METADATA = "metadata"
    """Fields of a record or of a question (difficulty, tags, ids) that are neither question nor answer."""
    OTHER = "other"
    """Text that belongs to no question."""


@dataclasses.dataclass(frozen=True, slots=True)
class Dropped:
    """A run of lines that ended in no entry."""

    lines: tuple[int, int] | None
    """First and last line, 1-based; None where the format has no lines."""
    reason: DropReason
    text: str
    """The dropped text, verbatim."""


@dataclasses.dataclass(frozen=True, slots=True)
class ParsedDocument:
    """What was found in one file.

    For formats with lines: `lines_read == lines_in_entries + lines_dropped`, over non-blank lines.
    """

    id: str
    source: str
    title: str
    media_type: str
    sha256: str
    text: str
    """The text whose lines `Entry.lines` and `Dropped.lines` count."""
    entries: tuple[Entry, ...]
    """In document order; `question_id` is None."""
    dropped: tuple[Dropped, ...]
    """In document order."""
    lines_read: int
    lines_in_entries: int
    lines_dropped: int
    convention: str
    """The convention that the document was found to follow, for people."""
    metadata: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Front matter (title, licence, last reviewed, versions)."""


class DocumentAction(StrEnum):
    """What an ingest did with a file."""

    ADDED = "added"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    SAME_CONTENT = "same_content"
    """The same bytes were ingested under another name."""
    REMOVED = "removed"
    REJECTED = "rejected"


@dataclasses.dataclass(frozen=True, slots=True)
class DocumentReport:
    """What happened to one file."""

    source: str
    action: DocumentAction
    reason: str = ""
    """Of a rejection, for the user; of same_content, the other name."""
    entries: int = 0
    convention: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class IngestReport:
    """What an ingest did. `entries`, `questions` and the statuses count the whole collection afterwards."""

    collection: str
    generation: str
    documents: tuple[DocumentReport, ...]
    added: int
    updated: int
    unchanged: int
    removed: int
    rejected: int
    entries: int
    questions: int
    merged: int
    """Entries that share their question with an earlier one: entries - questions."""
    answered: int
    unanswered: int
    placeholders: int
    lines_read: int
    lines_in_entries: int
    lines_dropped: int
    dropped_by_reason: Mapping[str, int]
    embedded: int
    """Texts that went through the encoder; the others were in the cache."""
    seconds: float
