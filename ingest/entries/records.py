"""Entries of files that hold records."""

from __future__ import annotations

from ingest.entries.segment import Found, Segmented, is_stand_in
from ingest.readers.model import Source
from ingest.types import DropReason
from kb.types import Status


def from_records(source: Source) -> Segmented:
    """One entry per record; in files without lines everything counts as read into the entries."""
    entries: list[Found] = []
    used: set[int] = set()
    for record in source.records or ():
        answer = record.answer.strip()
        status = Status.ANSWERED if any(c.isalnum() for c in answer) else Status.UNANSWERED
        if answer and is_stand_in(answer):
            status = Status.PLACEHOLDER
        entries.append(
            Found(
                question=record.question,
                answer=answer if status is Status.ANSWERED else None,
                status=status,
                number=record.number,
                section=record.section,
                also_asked=record.also_asked,
                lines=record.lines,
                page=None,
            )
        )
        if record.lines is not None:
            used |= set(range(record.lines[0], record.lines[1] + 1))
    count = source.text.count("\n") + 1
    if not source.has_lines and entries:
        used = set(range(1, count + 1))
    reasons = {n: DropReason.METADATA for n in range(1, count + 1) if n not in used}
    return Segmented(
        tuple(entries), frozenset(used), reasons, f"records ({source.media_type.split('/')[-1]})", source.title
    )
