"""The catalogue of a generation: everything that is looked up by id or listed, in one SQLite file.

It is derived from what ingest found and never changed afterwards, so readers open it as immutable. It
exists because listing and joining entries through a vector store costs a request each, while a cold
`kb ask` has some milliseconds for it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sqlite3
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kb.errors import HomeError
from kb.types import Document, Entry, Passage, Question, Status, to_json


class Variant(NamedTuple):
    """A wording under which a question can be found; row n belongs to row n of the question vectors."""

    text: str
    question_id: str
    entry_id: str


@dataclasses.dataclass(frozen=True, slots=True)
class MergeNote:
    """Why two entries became one question, or nearly did."""

    entry_a: str
    entry_b: str
    merged: bool
    """False for a borderline pair that a curator should look at."""
    stage: str
    """exact, near or semantic."""
    score: float
    """In [0, 1]."""
    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class DropNote:
    """A run of lines of a document that is in no entry."""

    document: str
    lines: tuple[int, int] | None
    reason: str
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Contents:
    """All that a catalogue holds."""

    documents: Sequence[Document]
    entries: Sequence[Entry]
    questions: Sequence[Question]
    passages: Sequence[Passage]
    variants: Sequence[Variant]
    notes: Sequence[MergeNote]
    drops: Sequence[DropNote]


_TABLES = ("documents", "entries", "questions", "passages", "variants", "notes", "drops")
_SCHEMA = """
create table documents (row integer primary key, id text unique, payload text);
create table entries (row integer primary key, id text unique, parent text, payload text);
create table questions (row integer primary key, id text unique, payload text);
create table passages (row integer primary key, id text unique, parent text, payload text);
create table variants (row integer primary key, parent text, payload text);
create table notes (row integer primary key, payload text);
create table drops (row integer primary key, parent text, payload text);
"""


def write_catalogue(path: Path, contents: Contents) -> None:
    """Write a new catalogue; `path` must not exist. Raises HomeError when the disk is full or cannot be written."""
    try:
        with sqlite3.connect(path) as db:
            db.executescript("pragma journal_mode = off; pragma synchronous = off;" + _SCHEMA)
            _fill(db, contents)
        db.close()
    except sqlite3.Error as error:
        raise HomeError(
            f"{path}: cannot be written: {error}", hint="Free some space or check the permissions."
        ) from error


def _fill(db: sqlite3.Connection, contents: Contents) -> None:
    def dumped(items: Iterable[Any]) -> Iterator[str]:
        return (json.dumps(to_json(item), ensure_ascii=False) for item in items)

    def insert(table: str, columns: str, rows: Iterable[tuple[Any, ...]]) -> None:
        marks = ",".join("?" * len(columns.split(",")))
        db.executemany(f"insert into {table} ({columns}) values ({marks})", rows)

    documents, entries, passages = contents.documents, contents.entries, contents.passages
    insert(
        "documents",
        "row,id,payload",
        ((n, d.id, p) for n, (d, p) in enumerate(zip(documents, dumped(documents), strict=True))),
    )
    insert(
        "entries",
        "row,id,parent,payload",
        ((n, e.id, e.question_id, p) for n, (e, p) in enumerate(zip(entries, dumped(entries), strict=True))),
    )
    insert(
        "questions",
        "row,id,payload",
        ((n, q.id, p) for n, (q, p) in enumerate(zip(contents.questions, dumped(contents.questions), strict=True))),
    )
    insert(
        "passages",
        "row,id,parent,payload",
        ((n, x.id, x.question_id, p) for n, (x, p) in enumerate(zip(passages, dumped(passages), strict=True))),
    )
    insert(
        "variants",
        "row,parent,payload",
        (
            (n, v.question_id, json.dumps([v.text, v.entry_id], ensure_ascii=False))
            for n, v in enumerate(contents.variants)
        ),
    )
    insert("notes", "row,payload", enumerate(dumped(contents.notes)))
    insert(
        "drops",
        "row,parent,payload",
        ((n, d.document, p) for n, (d, p) in enumerate(zip(contents.drops, dumped(contents.drops), strict=True))),
    )
    for table in ("entries", "passages", "variants", "drops"):
        db.execute(f"create index {table}_parent on {table} (parent)")


class Catalogue:
    """A reader of one catalogue. Safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        """Open the file, which must exist and never changes again."""
        self.path = path
        self._idle: deque[sqlite3.Connection] = deque()
        self._closed = False

    def _rows(self, query: str, keys: Sequence[Any] = ()) -> list[Any]:
        """All rows of the query's result.

        Connections are shared between threads, one user at a time: one for each thread would stay when the thread ends.
        """
        try:
            db = self._idle.pop()
        except IndexError:
            db = self._connect()
        try:
            return db.execute(query, keys).fetchall()
        finally:
            self._idle.append(db)
            if self._closed:
                self.close()

    def _connect(self) -> sqlite3.Connection:
        uri = f"{self.path.absolute().as_uri()}?mode=ro&immutable=1"
        try:
            return sqlite3.connect(uri, uri=True, check_same_thread=False)
        except sqlite3.Error as error:
            raise HomeError(
                f"{self.path}: cannot be opened: {error}", hint="Run `kb doctor`, then `kb rebuild`."
            ) from error

    def close(self) -> None:
        """Close the file; a query that is under way in another thread closes its own connection."""
        self._closed = True
        while self._idle:
            with contextlib.suppress(IndexError):  # another thread took the last one
                self._idle.pop().close()

    def _all(self, table: str) -> list[str]:
        return [payload for (payload,) in self._rows(f"select payload from {table} order by row")]

    def _some(self, table: str, column: str, keys: Sequence[Any]) -> list[str]:
        found: list[str] = []
        for start in range(0, len(keys), 500):
            part = list(keys[start : start + 500])
            marks = ",".join("?" * len(part))
            query = f"select payload from {table} where {column} in ({marks}) order by row"
            found.extend(payload for (payload,) in self._rows(query, part))
        return found

    def count(self, table: str) -> int:
        """Rows of documents, entries, questions, passages, variants, notes or drops."""
        if table not in _TABLES:
            raise ValueError(table)
        return int(self._rows(f"select count(*) from {table}")[0][0])

    def documents(self) -> list[Document]:
        """All documents, by source."""
        return [_document(json.loads(payload)) for payload in self._all("documents")]

    def entries(self) -> list[Entry]:
        """All entries, by source and place in the document."""
        return [_entry(json.loads(payload)) for payload in self._all("entries")]

    def questions(self) -> list[Question]:
        """All canonical questions."""
        return [_question(json.loads(payload)) for payload in self._all("questions")]

    def passages(self) -> list[Passage]:
        """All passages; row n belongs to row n of the passage vectors."""
        return [Passage(**json.loads(payload)) for payload in self._all("passages")]

    def variants(self) -> list[Variant]:
        """All wordings; row n belongs to row n of the question vectors."""
        rows = self._rows("select parent, payload from variants order by row")
        return [Variant(text, parent, entry_id) for parent, payload in rows for text, entry_id in [json.loads(payload)]]

    def notes(self) -> list[MergeNote]:
        """Why entries were merged, and the borderline pairs."""
        return [MergeNote(**json.loads(payload)) for payload in self._all("notes")]

    def drops(self) -> list[DropNote]:
        """All dropped lines."""
        loaded = (json.loads(payload) for payload in self._all("drops"))
        return [DropNote(**{**drop, "lines": _pair(drop["lines"])}) for drop in loaded]

    def questions_by_id(self, ids: Sequence[str]) -> dict[str, Question]:
        """The canonical questions with these ids; unknown ids are left out."""
        found = (_question(json.loads(payload)) for payload in self._some("questions", "id", ids))
        return {question.id: question for question in found}

    def entries_by_id(self, ids: Sequence[str]) -> dict[str, Entry]:
        """The entries with these ids; unknown ids are left out."""
        found = (_entry(json.loads(payload)) for payload in self._some("entries", "id", ids))
        return {entry.id: entry for entry in found}

    def question_ids_of(self, entry_ids: Sequence[str]) -> list[str]:
        """Ids of the canonical questions of these entries, each once."""
        found: dict[str, None] = {}
        for start in range(0, len(entry_ids), 500):
            part = list(entry_ids[start : start + 500])
            marks = ",".join("?" * len(part))
            query = f"select distinct parent from entries where id in ({marks}) order by parent"
            found.update({parent: None for (parent,) in self._rows(query, part)})
        return list(found)

    def variant(self, row: int) -> Variant:
        """The wording in this row."""
        ((parent, payload),) = self._rows("select parent, payload from variants where row = ?", (row,))
        text, entry_id = json.loads(payload)
        return Variant(text, parent, entry_id)

    def passage(self, row: int) -> Passage:
        """The passage in this row."""
        ((payload,),) = self._rows("select payload from passages where row = ?", (row,))
        return Passage(**json.loads(payload))

    def passages_of(self, question_ids: Sequence[str]) -> dict[int, Passage]:
        """Row to passage, for all passages of these canonical questions."""
        found: dict[int, Passage] = {}
        for start in range(0, len(question_ids), 500):
            part = list(question_ids[start : start + 500])
            marks = ",".join("?" * len(part))
            query = f"select row, payload from passages where parent in ({marks}) order by row"
            found.update({row: Passage(**json.loads(payload)) for row, payload in self._rows(query, part)})
        return found

    def variants_of(self, question_ids: Sequence[str]) -> dict[int, Variant]:
        """Row to wording, for all wordings of these canonical questions."""
        found: dict[int, Variant] = {}
        for start in range(0, len(question_ids), 500):
            part = list(question_ids[start : start + 500])
            marks = ",".join("?" * len(part))
            query = f"select row, parent, payload from variants where parent in ({marks}) order by row"
            for row, parent, payload in self._rows(query, part):
                text, entry_id = json.loads(payload)
                found[row] = Variant(text, parent, entry_id)
        return found


def _pair(value: list[int] | None) -> tuple[int, int] | None:
    return (value[0], value[1]) if value else None


def _document(data: dict[str, Any]) -> Document:
    return Document(**{**data, "also_at": tuple(data["also_at"])})


def _entry(data: dict[str, Any]) -> Entry:
    return Entry(
        **{
            **data,
            "lines": _pair(data["lines"]),
            "status": Status(data["status"]),
            "also_asked": tuple(data["also_asked"]),
        }
    )


def _question(data: dict[str, Any]) -> Question:
    fixed = {name: tuple(data[name]) for name in ("variants", "entry_ids", "sources")}
    return Question(**{**data, **fixed, "status": Status(data["status"])})
