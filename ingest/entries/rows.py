"""Lines that hold a question and its answer side by side: rows of tables, and exports of flash cards."""

from __future__ import annotations

import dataclasses

from ingest.entries.atoms import Atom, normalised
from ingest.entries.language import question_likeness
from ingest.entries.tables import rows_of
from ingest.readers import inline
from ingest.readers.model import Kind

_BETWEEN = ("\t", "::", "=>", "->", "→", "|", "=")


def with_pairs(atoms: list[Atom]) -> list[Atom]:
    """The atoms, with lines that hold a question and its answer on either side of one separator made rows.

    Only where nearly every line of the document has it, and exactly once: an export of flash cards.
    """
    texts = [i for i, atom in enumerate(atoms) if atom.kind is Kind.TEXT and not atom.whole.startswith("#")]
    if len(texts) < 3 or any(atom.kind not in (Kind.TEXT, Kind.HEADING) for atom in atoms):
        return atoms
    for sign in _BETWEEN:
        halves = {i: [part.strip() for part in atoms[i].content.split(sign)] for i in texts if sign in atoms[i].content}
        halves = {i: parts for i, parts in halves.items() if len(parts) == 2 and all(parts)}
        if len(halves) < 0.8 * len(texts) or len(halves) < 3:
            continue
        asking = sum(question_likeness(inline.plain(parts[0])) >= 0.7 for parts in halves.values())
        if asking < 0.6 * len(halves):
            continue
        for i, (question, answer) in halves.items():
            plain = inline.plain(question)
            atoms[i] = dataclasses.replace(
                atoms[i], kind=Kind.ROW, content=question, whole=inline.unwrap(question), plain=plain, lead=answer,
                likeness=question_likeness(plain), label="", bold="", style="",
            )  # fmt: skip
        break
    return atoms


def with_rows(atoms: list[Atom]) -> list[Atom]:
    """The atoms, with the rows of question tables told apart from other tables."""
    tables: list[tuple[int, int]] = []
    start = 0
    while start < len(atoms):
        stop = start
        while stop < len(atoms) and atoms[stop].kind is Kind.TABLE and (stop == start or not atoms[stop].gap):
            stop += 1
        if stop - start >= 2:
            tables.append((start, stop))
        start = max(stop, start + 1)
    found = {start: rows_of([atom.content for atom in atoms[start:stop]]) for start, stop in tables}
    # A table under the same head as one that holds questions holds questions, whatever its rows look like.
    heads = {normalised(atoms[start].content) for start, rows in found.items() if rows and rows[0] is None} - {""}
    for start, stop in tables:
        rows = found[start]
        if rows is None and normalised(atoms[start].content) in heads:
            rows = rows_of([atom.content for atom in atoms[start:stop]], trusted=True)
        for atom, row in zip(range(start, stop), rows or [], strict=False):
            if row is None:
                atoms[atom] = dataclasses.replace(atoms[atom], kind=Kind.RULE)
                continue
            plain = inline.plain(row.question)
            atoms[atom] = dataclasses.replace(
                atoms[atom], kind=Kind.ROW, content=row.question, whole=inline.unwrap(row.question), plain=plain,
                lead=row.answer, number=row.number, likeness=question_likeness(plain),
                label="q" if row.named else "",
            )  # fmt: skip
    return atoms
