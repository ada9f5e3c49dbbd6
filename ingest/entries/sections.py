"""The outline of a document: which headings end a question's answer, and under which section each question stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from functools import cached_property

from ingest.entries.atoms import Atom
from ingest.entries.language import ANSWER_LABELS
from ingest.readers.model import Kind


def _labels(atom: Atom) -> bool:
    """Whether a heading is nothing but a label for the answer: `### Answer`."""
    return atom.label in ANSWER_LABELS and not atom.plain


def _outside(atom: Atom, start: Atom) -> bool:
    """Whether a line stands behind the end of the structure that a question opens."""
    if start.kind is Kind.ROW:
        return True
    if atom.kind in (Kind.TAG, Kind.RULE, Kind.CODE):
        return False
    if atom.fold < start.fold:
        return True
    if start.kind is Kind.TERM and not start.fold:
        return atom.kind is Kind.TEXT and atom.gap and atom.indent <= start.indent
    return False


class Outline:
    """Headings and questions of a document in their order."""

    def __init__(self, atoms: Sequence[Atom], starts: Set[int]) -> None:
        self._atoms = atoms
        self._starts = starts

    @cached_property
    def breaks(self) -> frozenset[int]:
        """Headings that are no questions and end the answer before them."""
        return frozenset(self._find_breaks())

    @cached_property
    def _owners(self) -> list[int | None]:
        owners: list[int | None] = []
        owner: int | None = None
        for index, atom in enumerate(self._atoms):
            if index in self._starts:
                owner = index
            elif index in self.breaks or (owner is not None and _outside(atom, self._atoms[owner])):
                owner = None
            owners.append(owner)
        return owners

    def owner(self, index: int) -> int | None:
        """The question whose answer a line would belong to, or None if a heading separates it from every question."""
        return self._owners[index]

    @cached_property
    def title(self) -> int | None:
        """The heading that is the title of the whole document."""
        headings = [i for i, a in enumerate(self._atoms) if a.kind is Kind.HEADING and i not in self._starts]
        if not headings:
            return None
        first = headings[0]
        if any(start < first for start in self._starts):
            return None
        levels = Counter(self._atoms[i].level for i in headings)
        level = self._atoms[first].level
        if levels[level] == 1 and level <= min(levels):
            return first
        following = next((i for i in range(first + 1, len(self._atoms)) if i in self._starts or i in headings), None)
        direct = following is not None and following in self._starts
        return None if direct or level > min(levels) else first

    def section(self, index: int) -> int | None:
        """The nearest heading that encloses a question and is not the title."""
        return self._sections.get(index)

    @cached_property
    def _sections(self) -> dict[int, int | None]:
        found: dict[int, int | None] = {}
        stack: list[int] = []
        for index, atom in enumerate(self._atoms):
            if index in self._starts:
                if atom.kind is Kind.HEADING:
                    stack = [h for h in stack if self._atoms[h].level < atom.level]
                found[index] = stack[-1] if stack else None
            elif index in self.breaks:
                stack = [h for h in stack if self._atoms[h].level < atom.level]
                if index != self.title:
                    stack.append(index)
        return found

    def _find_breaks(self) -> list[int]:
        atoms, starts = self._atoms, self._starts
        headings = [i for i, a in enumerate(atoms) if a.kind is Kind.HEADING and i not in starts and not _labels(a)]
        leads = self._leading(headings)
        section_level = max((atoms[i].level for i in leads), default=0)
        owners: dict[int, int | None] = {}
        owner: int | None = None
        inner_levels: set[int] = set()
        last = max(starts, default=-1)
        order = sorted([*headings, *starts])
        for index in order:
            if index in starts:
                owner = index
                continue
            owners[index] = owner
            if owner is not None and owner != last and index not in leads and atoms[index].level > section_level:
                inner_levels.add(atoms[index].level)
        found: list[int] = []
        for index in headings:
            owner, level = owners[index], atoms[index].level
            if owner is None:
                found.append(index)
                continue
            if any(b > owner for b in found[-1:]):
                found.append(index)  # below a heading that has ended the answer already
                continue
            start = atoms[owner]
            if start.kind in (Kind.SUMMARY, Kind.TERM, Kind.ROW) and start.fold:
                ends = atoms[index].fold < start.fold
            elif start.kind is Kind.HEADING:
                ends = level <= start.level
            elif index in leads or level <= section_level:
                ends = True
            else:
                outside = start.depth > 0 and atoms[index].depth == 0
                ends = outside or (owner == last and level not in inner_levels)
            if ends:
                found.append(index)
        return found

    def _leading(self, headings: Sequence[int]) -> set[int]:
        """Headings that are followed by a question, with an introduction of two paragraphs at most between."""
        atoms, starts = self._atoms, self._starts
        found: set[int] = set()
        for index in headings:
            texts = 0
            if atoms[index].fold:
                continue  # inside of a fold-out, it leads to nothing outside
            for inner in range(index + 1, min(len(atoms), index + 12)):
                if inner in starts:
                    found.add(index)
                    break
                if atoms[inner].kind is Kind.HEADING:
                    if inner in found or atoms[inner].level > atoms[index].level:
                        continue
                    break
                texts += atoms[inner].gap
                if texts > 2:
                    break
        return found
