"""Tables of contents: lists that repeat the questions, or link to places in the same document."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

from ingest.entries.atoms import Atom, normalised
from ingest.entries.language import ANSWER_LABELS
from ingest.readers.model import Kind

_ANCHOR_ITEM = re.compile(r"\[[^\[\]]{1,400}\]\(#[^()\s]*(?:\([^()\s]*\)[^()\s]*)*\)\W*")
_PAGE = re.compile(r"[\s.·…_-]{2,}\d{1,4}\s*$|\s{2,}\d{1,4}\s*$")
_PLACE = re.compile(r"\W*(?:\w{1,8}\W{0,2})?[\divxlc.]{0,8}\W*|\W*\[[^\[\]]*\]\([^()\s]*\)\W*", re.IGNORECASE)
"""What stands beside a question in a table of contents: a page, a number, a link."""
_TITLE = re.compile(
    r"(?:table of )?contents?|toc|inhalt(?:sverzeichnis)?|índice|contenido|sommaire|table des matières|indice|sumário"
    r"|目录|目次|الفهرس|المحتويات|содержание|оглавление|(?:the )?questions|quick links|jump to.*|on this page"
    r"|overview"
    r"|in this (?:article|guide|page)",
    re.IGNORECASE,
)


def table_of_contents(atoms: Sequence[Atom]) -> frozenset[int]:
    """Indices of the atoms that make up tables of contents."""
    places: dict[str, list[int]] = defaultdict(list)
    keys: list[str] = []
    for index, atom in enumerate(atoms):
        listed = atom.kind in (Kind.TEXT, Kind.HEADING, Kind.SUMMARY, Kind.TERM, Kind.ROW)
        key = normalised(_PAGE.sub("", atom.plain)) if listed and len(atom.plain) < 400 else ""
        keys.append(key)
        if key:
            places[key].append(index)
    found = _anchor_lists(atoms) | _anchor_tables(atoms)
    pairs = [(seen[0], seen[-1]) for seen in places.values() if len(seen) >= 2]
    short = [_may_be_item(atom, key) for atom, key in zip(atoms, keys, strict=True)]
    found |= _lists(sorted(pair for pair in pairs if short[pair[0]]), atoms)
    found |= _lists(sorted((last, first) for first, last in pairs if short[last] and first not in found), atoms)
    found |= _table_heads(found, atoms)
    for first in sorted(found):
        before = first - 1
        if before >= 0 and before not in found and _TITLE.fullmatch(atoms[before].whole.strip(" :*")):
            found.add(before)
    return frozenset(found)


def _may_be_item(atom: Atom, key: str) -> bool:
    answers = atom.label in ANSWER_LABELS and atom.number is None
    if atom.kind is Kind.ROW:
        return bool(key) and _PLACE.fullmatch(atom.lead) is not None
    return bool(key) and atom.kind is Kind.TEXT and len(atom.plain) < 300 and not answers


def _anchor_lists(atoms: Sequence[Atom]) -> set[int]:
    """Runs of at least two links to places in the same document."""
    found: set[int] = set()
    run: list[int] = []
    for index, atom in enumerate(atoms):
        if atom.kind is Kind.TEXT and _ANCHOR_ITEM.fullmatch(atom.content[:1000]):
            run.append(index)
            continue
        if len(run) >= 2:
            found |= set(run)
        if (
            atom.kind is not Kind.TEXT
            or len(run) < 2
            or index - run[-1] > 1
            or not (atom.bullet and len(atom.plain) < 60)
        ):
            run = []
    return found | (set(run) if len(run) >= 2 else set())


def _anchor_tables(atoms: Sequence[Atom]) -> set[int]:
    """Tables most of whose rows link to places in the same document."""
    found: set[int] = set()
    start = 0
    while start < len(atoms):
        stop = start
        while stop < len(atoms) and atoms[stop].kind is Kind.TABLE and (stop == start or not atoms[stop].gap):
            stop += 1
        links = sum("](#" in atom.content for atom in atoms[start:stop])
        if stop - start >= 3 and links >= max(2, 0.6 * (stop - start - 2)):
            found |= set(range(start, stop))
        start = max(stop, start + 1)
    return found


def _table_heads(found: set[int], atoms: Sequence[Atom]) -> set[int]:
    """The head and the separator of tables whose rows are contents."""
    heads: set[int] = set()
    for first in sorted(found):
        if atoms[first].kind is not Kind.ROW:
            continue
        before = first - 1
        while before >= 0 and before not in found and atoms[before].kind is Kind.RULE and not atoms[before + 1].gap:
            heads.add(before)
            before -= 1
    return heads


def _announces(item: Atom, other: Atom) -> bool:
    """Whether a line may announce another one that says the same."""
    if other.kind in (Kind.HEADING, Kind.SUMMARY, Kind.TERM) or other.bold == "full":
        return True
    if other.likeness >= 0.7:
        return not other.bullet or other.number is not None
    return other.number is not None and bool(item.bullet or item.number is not None)


def _lists(pairs: Sequence[tuple[int, int]], atoms: Sequence[Atom]) -> set[int]:
    """Runs of neighbouring lines of which each is repeated elsewhere, where the other places lie further apart."""
    found: set[int] = set()
    run: list[tuple[int, int]] = []
    for pair in [*pairs, (len(atoms) + 10, 0)]:
        if run and pair[0] - run[-1][0] > 2:
            span = run[-1][0] - run[0][0] + 1
            others = [other for _, other in run]
            spread = max(others) - min(others) + 1
            steps = [b - a for a, b in pairwise(sorted(others))]
            apart = sum(step >= 2 for step in steps) >= 0.6 * len(steps)
            asked = sum(_announces(atoms[i], atoms[other]) for i, other in run) >= 0.6 * len(run)
            listed = len(run) >= 3 or all(atoms[i].bullet or atoms[i].number is not None for i, _ in run)
            if len(run) >= 2 and apart and asked and listed and len(run) >= 0.7 * span and spread > 1.4 * span:
                found |= set(range(run[0][0], run[-1][0] + 1))
            run = []
        run.append(pair)
    return found
