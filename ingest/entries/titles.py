"""Section titles that carry no mark: short lines right before a question that belong to no answer."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence, Set
from itertools import pairwise

from ingest.entries.atoms import Atom
from ingest.entries.styles import Labels, is_answer
from ingest.readers.inline import words_of
from ingest.readers.model import Kind

TITLE_LEVEL = 6
_SENTENCE_END = re.compile(r"[.!?;,。！？；，…]['\"”’)]*$")
_PARTS = frozenset(
    words_of(
        """part section chapter unit module lesson topic round block teil abschnitt kapitel lektion thema parte sección
    capítulo tema partie chapitre sezione capitolo deel hoofdstuk del avsnitt часть раздел глава 第一部分 第二部分"""
    )
)
_SMALL = frozenset(
    words_of(
        """a an and as at but by for from in into nor of on or over per the to up via vs with is der die das und von
    für mit im de la le les el los y et du des del e di"""
    )
)


def is_title_like(atom: Atom) -> bool:
    """Whether a line has the shape of a title: short, no sentence, no list item."""
    text = atom.plain
    if atom.kind is Kind.HEADING:
        return True
    if atom.kind is not Kind.TEXT or atom.bullet or not text or len(text) > 70 or len(text.split()) > 9:
        return False
    if _SENTENCE_END.search(text) or not any(c.isalpha() for c in text):
        return False
    first = next(c for c in text if c.isalpha())
    return not first.islower()


def is_title_case(text: str) -> bool:
    """Whether all words that carry meaning begin with a capital, or the script has none."""
    found = [w for w in re.findall(r"[^\W\d_][\w'’-]*", text) if w.lower() not in _SMALL]
    return bool(found) and sum(not w[0].islower() for w in found) >= 0.8 * len(found)


def _names_a_part(atom: Atom) -> bool:
    """Whether the words before a colon name a part of the document, or the line is set as a title beyond doubt."""
    return atom.label.split()[0] in _PARTS or (atom.whole.isupper() and len(atom.whole) > 8)


def _numbers_a_part(atom: Atom, before: Atom | None) -> bool:
    """Whether a title carries a number of its own, and is no item of a list."""
    return atom.style != "" and before is not None and before.style != atom.style


def mark_titles(atoms: Sequence[Atom], starts: Set[int], labels: Labels, skip: Set[int]) -> list[Atom]:
    """The atoms, with unmarked section titles made headings.

    One such line alone proves nothing: it may be a short answer. Two of them in the same position do.
    """
    order = sorted(starts)
    if not order:
        return list(atoms)
    certain: list[int] = []
    likely: list[int] = []
    prose = _answers_in_sentences(atoms, starts)
    label_first = _answers_begin_on_label_line(atoms, labels)
    styles = {(atoms[i].style, atoms[i].label) for i in order}
    for position, start in enumerate(order):
        index = start - 1
        floor = order[position - 1] if position else -1
        if index <= floor or index in skip or not is_title_like(atoms[index]) or atoms[index].kind is Kind.HEADING:
            continue
        atom = atoms[index]
        if (
            (atom.label and not atom.style and not _names_a_part(atom))
            or (atom.style and (atom.style, atom.label) in styles)
            or atom.likeness >= 0.9
        ):
            continue
        before = atoms[index - 1] if index else None
        if position == 0:
            likely.append(index)
        elif before is not None and is_answer(before, labels) and not before.plain:
            if label_first and before.line != atom.line:
                certain.append(index)
        elif not (atom.gap and _has_body(atoms, floor, index, labels)):
            continue
        elif atoms[start].gap or _numbers_a_part(atom, before):
            closed = before is None or not before.plain.endswith((":", "："))
            if closed and (prose or is_title_case(atom.plain) or atom.bold == "full" or atom.style):
                likely.append(index)
    chosen = set(certain)
    if certain or len(likely) >= 2:
        chosen |= set(likely)
    if len(chosen) > max(2, 0.6 * len(order)):
        return list(atoms)
    return [
        dataclasses.replace(a, kind=Kind.HEADING, level=TITLE_LEVEL) if i in chosen else a for i, a in enumerate(atoms)
    ]


def _answers_in_sentences(atoms: Sequence[Atom], starts: Set[int]) -> bool:
    """Whether every paragraph but those right before a question ends like a sentence, so that a title stands out."""
    ends = [
        _SENTENCE_END.search(atom.plain) is not None or atom.plain.endswith((":", "："))
        for index, atom in enumerate(atoms)
        if index > min(starts) and index not in starts and index + 1 not in starts
        if atom.kind is Kind.TEXT and not atom.bullet and not atom.style
    ]
    return len(ends) >= 3 and all(ends)


def _has_body(atoms: Sequence[Atom], start: int, stop: int, labels: Labels) -> bool:
    inner = [a for a in atoms[start + 1 : stop] if not (is_answer(a, labels) and not a.plain)]
    return bool(inner) or "?" in atoms[start].plain[:-1]


def _answers_begin_on_label_line(atoms: Sequence[Atom], labels: Labels) -> bool:
    """Whether answers stand behind their label, rather than on the line below it."""
    behind = below = 0
    for atom, following in pairwise(atoms):
        if is_answer(atom, labels):
            behind += bool(atom.plain)
            below += not atom.plain and not following.gap and len(following.plain) > 80
    return (behind > 0 and below == 0) or behind > 2 * below
