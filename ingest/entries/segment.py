"""A document's lines, cut into entries and what is dropped."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence, Set

from ingest import clean
from ingest.entries.atoms import Atom, build_atoms
from ingest.entries.boilerplate import classify, find_boilerplate
from ingest.entries.convention import Convention, find_convention
from ingest.entries.layout import Layout, Parts, entry_groups, find_layout, split_entry
from ingest.entries.render import render
from ingest.entries.rows import with_pairs, with_rows
from ingest.entries.sections import Outline
from ingest.entries.titles import is_title_like, mark_titles
from ingest.readers.model import Kind, Line, Source
from ingest.types import DropReason
from kb.types import Status

_STAND_IN = re.compile(
    r"(?:tbd|tba|tbc|todo|to do|fixme|wip|n/?a|xxx+|\.{3,}|…|-+|–|—|\?+|placeholder|lorem ipsum.*"
    r"|work in progress|under construction"
    r"|(?:answer |solution )?(?:is )?(?:still )?(?:pending|missing|to follow|follows|needed|goes here|coming soon"
    r"|wanted|outstanding)"
    r"|(?:answer |this |will |is |still )*(?:to )?be (?:written|added|done|determined|completed|announced|decided"
    r"|confirmed|defined|supplied|filled in|updated|provided)"
    r"(?: (?:soon|later|here|shortly|by .{1,30}))?|coming soon|(?:please )?(?:fill (?:this )?in"
    r"|complete)(?: .{0,30})?|(?:insert|write|add|type|put|enter|give) (?:your |an? |the )?(?:own )?(?:answer"
    r"|text|response|content)s?\b.{0,40}"
    r"|your (?:own )?answer(?: (?:goes )?here)?|no answer (?:yet|available|provided)"
    r"|not (?:yet )?answered(?: yet)?|unanswered|answer here|see (?:above|below)\?"
    r"|(?:antwort )?folgt(?: noch)?|(?:antwort )?(?:noch )?(?:offen|ausstehend)|wird (?:noch )?(?:nachgereicht"
    r"|ergänzt)|in arbeit|por (?:completar|escribir|definir)|pendiente|próximamente"
    r"|à (?:compléter|venir|rédiger)|da (?:completare|scrivere)|待补充|待定|待续|未完|暂无(?:答案)?|即将推出"
    r"|準備中|未回答|قريبا|لاحقا|скоро|в разработке)[ .!:…。]*",
    re.IGNORECASE,
)
_INSTRUCTION = re.compile(
    r"(?:prepare|describe|mention|talk|provide|give|tell|share|research|add|write|insert|fill|discuss|name|choose|think"
    r"|answer|explain|replace|personali[sz]e|your (?:own )?\w+|depends on (?:you|your)|beschreiben|nennen|ergänzen)\b",
    re.IGNORECASE,
)
_BRACKETS = {"[": "]", "(": ")", "{": "}", "<": ">", "【": "】", "（": "）", "「": "」", "［": "］", "⟨": "⟩"}


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """One entry, as far as the document's text gives it."""

    question: str
    answer: str | None
    status: Status
    number: int | None
    section: str | None
    also_asked: tuple[str, ...]
    lines: tuple[int, int] | None
    page: int | None


@dataclasses.dataclass(frozen=True, slots=True)
class Segmented:
    """The entries of a document and the fate of each of its lines."""

    entries: tuple[Found, ...]
    entry_lines: frozenset[int]
    """Lines of the text that are in entries."""
    reasons: Mapping[int, DropReason]
    """Reasons for other lines, as far as they are known."""
    convention: str
    title: str


def is_stand_in(answer: str) -> bool:
    """Whether the whole answer is an instruction to the reader, or says that there is none yet.

    Example: `[Describe a project of your own.]`, `TBD`, `(to be written)`.
    """
    text = answer.strip().strip("*_`~ \n")
    if not text:
        return False
    closing = _BRACKETS.get(text[0])
    if closing and text.endswith(closing) and _encloses(text, text[0], closing):
        inner = text[1:-1].strip()
        words = re.findall(r"[^\W\d_]{2,}", inner)
        wide = sum(1 for c in inner if "\u3040" <= c <= "\u9fff")
        if _STAND_IN.fullmatch(inner[:200]):
            return True
        prose = len(words) >= 4 and not re.search(r"[=;{}]|\w\(|^['\"\d]|['\"],", inner)
        if text[0] in "(（":
            return _INSTRUCTION.match(inner) is not None and len(inner) < 300
        return text[0] in "[【［<{" and (prose or wide >= 6) and "](" not in text
    return len(text) <= 120 and "\n" not in text and _STAND_IN.fullmatch(text) is not None


def _encloses(text: str, opening: str, closing: str) -> bool:
    """Whether the first bracket is closed by the last character."""
    depth = 0
    for position, char in enumerate(text):
        depth += (char == opening) - (char == closing)
        if depth == 0:
            return position == len(text) - 1
    return False


def segment(source: Source) -> Segmented:
    """The entries of a document, found by the convention that it follows."""
    lines = source.lines
    reasons: dict[int, DropReason] = {}
    kept = [line if line.drop is None else Line("", Kind.BLANK) for line in lines]
    for line in lines:
        if line.drop is not None and line.src is not None:
            reasons |= dict.fromkeys(range(line.src[0], line.src[1] + 1), line.drop)
    atoms = with_pairs(with_rows(build_atoms(kept)))
    convention = find_convention(atoms)
    gaps = sum(atom.gap for atom in atoms)
    spaced = not source.wrapped and gaps < 0.5 * len(atoms)
    # Advertisements first: the title of an advertisement right before a question is no section title.
    groups = _groups(atoms, convention, Outline(atoms, frozenset(convention.starts)))
    layout = find_layout(atoms, groups, convention.labels, source.wrapped)
    boilerplate = find_boilerplate(atoms, groups, layout, spaced)
    atoms = mark_titles(atoms, frozenset(convention.starts), convention.labels, frozenset(boilerplate))
    return _Work(source, kept, atoms, convention).result(reasons, boilerplate, spaced)


def _groups(atoms: Sequence[Atom], convention: Convention, outline: Outline) -> list[list[int]]:
    owners = [outline.owner(i) for i in range(len(atoms))]
    return entry_groups(atoms, owners, convention.contents | outline.breaks)


class _Work:
    """The state of one segmentation."""

    def __init__(self, source: Source, lines: Sequence[Line], atoms: Sequence[Atom], convention: Convention) -> None:
        self._source = source
        self._lines = lines
        self._atoms = atoms
        self._convention = convention
        self._outline = Outline(atoms, frozenset(convention.starts))
        self._spaced = False

    def result(self, reasons: dict[int, DropReason], dropped: Mapping[int, DropReason], spaced: bool) -> Segmented:
        atoms, outline = self._atoms, self._outline
        self._spaced = spaced
        groups = _groups(atoms, self._convention, outline)
        layout = find_layout(atoms, groups, self._convention.labels, self._source.wrapped)
        entry_lines: set[int] = set()
        entries: list[Found] = []
        atom_reasons: dict[int, DropReason] = dict(dropped)
        for group in groups:
            rest = [i for i in group if i not in dropped]
            if not rest:
                continue
            if group is groups[-1] and self._is_farewell(rest, layout):
                atom_reasons |= dict.fromkeys(rest, DropReason.CLOSING)
                continue
            parts = split_entry(atoms, rest, layout)
            found, used = self._entry(rest, parts)
            if found is None:
                atom_reasons |= dict.fromkeys(rest, DropReason.OTHER)
                continue
            entries.append(found)
            atom_reasons |= dict.fromkeys(parts.fields, DropReason.METADATA)
            atom_reasons |= dict.fromkeys(parts.labels, DropReason.MARKUP)
            for index in used:
                entry_lines |= self._numbers(index)
        inside = {i for group in groups for i in group}
        atom_reasons |= self._outside(inside)
        for index, reason in atom_reasons.items():
            for number in self._numbers(index):
                reasons.setdefault(number, reason)
        return Segmented(tuple(entries), frozenset(entry_lines), reasons, self._convention.name, self._title())

    def _numbers(self, index: int) -> set[int]:
        src = self._lines[self._atoms[index].line].src
        return set() if src is None else set(range(src[0], src[1] + 1))

    def _entry(self, group: Sequence[int], parts: Parts) -> tuple[Found | None, list[int]]:
        atoms = self._atoms
        if not any(c.isalnum() for c in parts.question):
            return None, []
        answer = render(self._lines, atoms, parts.answer_atoms, parts.head, self._spaced).strip("\n")
        filled = any(c.isalnum() for c in answer) or any(atoms[i].kind is Kind.CODE for i in parts.answer_atoms)
        status = Status.UNANSWERED if not filled and not answer.strip() else Status.ANSWERED
        if answer.strip() and is_stand_in(answer):
            status = Status.PLACEHOLDER
        elif not filled:
            status = Status.UNANSWERED
        # A bare label is markup, unless the number of the next question was glued to its line, which is then shared.
        shared = [i for i in parts.labels if i + 1 < len(atoms) and atoms[i + 1].line == atoms[i].line]
        used = sorted({*parts.question_atoms, *parts.answer_atoms, *shared})
        section = self._outline.section(group[0])
        # A number that was glued to the end of the entry before stands on a line that is not this entry's own.
        own = used[1:] if len(used) > 1 and atoms[used[0]].start > 0 and not atoms[used[0]].plain else used
        numbers = set().union(*(self._numbers(i) for i in own))
        return Found(
            question=parts.question,
            answer=answer.strip() if status is Status.ANSWERED else None,
            status=status,
            number=parts.number,
            section=_section_name(atoms[section]) if section is not None else None,
            also_asked=parts.also_asked,
            lines=(min(numbers), max(numbers)) if numbers else None,
            page=atoms[group[0]].page,
        ), used

    def _is_farewell(self, group: Sequence[int], layout: Layout) -> bool:
        """Whether the last line that is marked like a question says good-bye."""
        atom = self._atoms[group[0]]
        if len(self._convention.starts) < 2 or atom.likeness >= 0.5:
            return False
        return clean.closing_reason(atom.plain) is not None and (len(group) == 1 or clean.is_closing_title(atom.plain))

    def _outside(self, inside: Set[int]) -> dict[int, DropReason]:
        """Reasons for the atoms that belong to no entry."""
        atoms, starts = self._atoms, self._convention.starts
        found: dict[int, DropReason] = {}
        last = max(starts, default=-1)
        closing: list[list[int]] = []
        for index, atom in enumerate(atoms):
            if index in inside:
                continue
            if index in self._convention.contents:
                found[index] = DropReason.TABLE_OF_CONTENTS
            elif atom.kind in (Kind.RULE, Kind.TAG):
                found[index] = DropReason.MARKUP
            elif not starts:
                found[index] = DropReason.HEADING if atom.kind is Kind.HEADING else DropReason.OTHER
            elif index > last:
                if (
                    closing
                    and not atom.gap
                    and not atom.bullet
                    and atom.kind is Kind.TEXT
                    and atoms[closing[-1][0]].kind is Kind.TEXT
                ):
                    closing[-1].append(index)
                else:
                    closing.append([index])
            elif atom.kind is Kind.HEADING:
                found[index] = DropReason.HEADING
            else:
                alone = (
                    index + 1 >= len(atoms)
                    or index + 1 in starts
                    or atoms[index + 1].gap
                    or atoms[index + 1].kind is not Kind.TEXT
                    or self._spaced
                    or (index == 0 and self._breaks_after(atom, atoms[index + 1]))
                )
                titled = is_title_like(atom) and (atom.gap or index == 0) and alone
                found[index] = clean.opening_reason(atom.whole or atom.plain, title_like=titled)
                if (
                    not atom.gap
                    and index - 1 in found
                    and found[index - 1] is not DropReason.HEADING
                    and found[index] is not DropReason.AUTHOR
                    and atoms[index - 1].kind is Kind.TEXT
                    and not self._spaced
                    and not atom.bullet
                ):
                    found[index] = found[index - 1]
        found |= classify(closing, atoms)
        for block in closing:
            if atoms[block[0]].kind is Kind.HEADING and not clean.closing_reason(atoms[block[0]].plain):
                found[block[0]] = DropReason.HEADING
        return found

    def _breaks_after(self, atom: Atom, following: Atom) -> bool:
        """Whether the line break behind the first line ends a title, rather than wraps a sentence."""
        full = self._source.wrapped and atom.end >= 0.72 * max(a.end for a in self._atoms)
        return not full and not following.plain[:1].islower()

    def _title(self) -> str:
        if self._source.title:
            return self._source.title
        title = self._outline.title
        if title is not None:
            return _section_name(self._atoms[title])
        first = self._atoms[0] if self._atoms else None
        starts = self._convention.starts
        if first is not None and 0 not in starts and is_title_like(first):
            return first.whole
        return ""


def _section_name(atom: Atom) -> str:
    return (atom.whole or atom.plain).rstrip("#¶ ").rstrip(" :：").strip()
