"""One file in, its entries out, every line accounted for."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from ingest.entries.records import from_records
from ingest.entries.segment import Found, segment
from ingest.read import MAX_FILE_BYTES, read
from ingest.readers.model import Source
from ingest.types import Dropped, DropReason, ParsedDocument
from kb.types import Entry


def parse_file(path: str | Path, *, max_file_bytes: int = MAX_FILE_BYTES) -> ParsedDocument:
    """The entries of a file, and what was dropped from it and why.

    Raises:
        DocumentError: The file cannot be read, or is none that can hold questions.
    """
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links, and the user named the link
    file = read(absolute, max_file_bytes=max_file_bytes)
    source = file.source
    result = segment(source) if source.records is None else from_records(source)
    name = absolute.as_posix()
    document = document_id(name)
    entries = _entries(result.entries, document, name, source.has_lines)
    filled = [n for n, text in enumerate(source.text.split("\n"), start=1) if text.strip()]
    inside = [n for n in filled if n in result.entry_lines]
    outside = [n for n in filled if n not in result.entry_lines]
    dropped = _dropped(source, outside, result.reasons)
    lines_dropped = sum(count for _, count in dropped)
    if len(filled) != len(inside) + lines_dropped:
        raise AssertionError(f"{name}: {len(filled)} lines read, {len(inside)} in entries, {lines_dropped} dropped")
    return ParsedDocument(
        id=document,
        source=name,
        title=result.title or absolute.stem,
        media_type=source.media_type,
        sha256=file.sha256,
        text=source.text,
        entries=entries,
        dropped=tuple(drop for drop, _ in dropped),
        lines_read=len(filled),
        lines_in_entries=len(inside),
        lines_dropped=lines_dropped,
        convention=result.convention,
        metadata=source.metadata,
    )


def document_id(source: str) -> str:
    """The id of the document at an absolute path."""
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _entries(found: Iterable[Found], document: str, source: str, has_lines: bool) -> tuple[Entry, ...]:
    entries: list[Entry] = []
    seen: dict[tuple[str, str], int] = {}
    for item in found:
        key = (item.question, item.answer or "")
        ordinal = seen[key] = seen.get(key, -1) + 1
        digest = hashlib.sha256("\x1f".join((document, *key, str(ordinal))).encode("utf-8", "surrogatepass"))
        entries.append(
            Entry(
                id=digest.hexdigest()[:20],
                document=document,
                source=source,
                number=item.number,
                section=item.section,
                question=item.question,
                answer=item.answer,
                status=item.status,
                lines=item.lines if has_lines else None,
                page=item.page,
                also_asked=item.also_asked,
            )
        )
    return tuple(entries)


def _dropped(source: Source, outside: Iterable[int], reasons: Mapping[int, DropReason]) -> list[tuple[Dropped, int]]:
    """Runs of dropped lines with one reason, each with its count of lines that are not blank."""
    raw = source.text.split("\n")
    runs: list[tuple[DropReason, list[int]]] = []
    for number in outside:
        reason = reasons.get(number, DropReason.MARKUP)
        blank_between = runs and all(not raw[n - 1].strip() for n in range(runs[-1][1][-1] + 1, number))
        if runs and runs[-1][0] is reason and blank_between:
            runs[-1][1].append(number)
        else:
            runs.append((reason, [number]))
    return [
        (
            Dropped((run[0], run[-1]) if source.has_lines else None, reason, "\n".join(raw[run[0] - 1 : run[-1]])),
            len(run),
        )
        for reason, run in runs
    ]
