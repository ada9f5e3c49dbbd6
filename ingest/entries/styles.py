"""The ways in which a document could mark its questions, each with the evidence for it over the whole document."""

from __future__ import annotations

import dataclasses
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence, Set
from itertools import pairwise
from typing import NamedTuple

from ingest.entries.atoms import Atom, normalised
from ingest.entries.language import ends_with_question_mark, first_question_mark, looks_like_error, question_likeness
from ingest.entries.numbering import Numbered, best_chain, consecutive_share
from ingest.readers.model import Kind


class Style(NamedTuple):
    """A way to mark a line."""

    family: str
    """heading, summary, term, row, label, number, letter, bold, boldlead, bullet, caps, plain."""
    rank: int
    """Heading level or nesting depth: a greater one is further inside."""
    variant: str


@dataclasses.dataclass(frozen=True, slots=True)
class Hypothesis:
    """That the lines of one style are the questions of the document."""

    style: Style
    atoms: tuple[int, ...]
    """Indices of the lines, in order."""
    score: float
    """Evidence per line; about 1 where every line is beyond doubt a question with a body."""
    likeness: float
    """Mean question-likeness."""
    body: float
    """Share of lines that something follows."""
    alone: bool = False
    """Whether this is believed only where nothing better is found."""

    @property
    def total(self) -> float:
        """How much of the document the hypothesis explains."""
        return float(self.score * len(self.atoms))


@dataclasses.dataclass(frozen=True, slots=True)
class Labels:
    """The labels that are believed to mark questions and answers in this document."""

    questions: frozenset[str]
    answers: frozenset[str]


def style_of(atom: Atom, labels: Labels) -> Style | None:
    """The style of a line, or None if it cannot begin a question."""
    if atom.kind in (Kind.CODE, Kind.TABLE, Kind.RULE, Kind.TAG, Kind.DEFINITION):
        return None
    if atom.kind is Kind.ROW:
        return Style("row", 0, "")
    if is_answer(atom, labels):
        return None
    labelled = atom.label in labels.questions
    if atom.kind is Kind.HEADING:
        variant = "labelled" if labelled else "numbered" if atom.style else ""
        return Style("heading", atom.level, variant)
    if atom.kind is Kind.SUMMARY:
        return Style("summary", 0, "")
    if atom.kind is Kind.TERM:
        return Style("term", 0, "")
    depth = max(atom.depth - (1 if atom.bullet or atom.number is not None else 0), 0) or atom.indent // 4
    if labelled and atom.number is None:
        return Style("label", depth, "")
    if atom.style.startswith("letter"):
        return Style("letter", depth, atom.style) if atom.plain else None
    if atom.style:
        alone = "" if atom.plain else " alone"
        letter = len(atom.label) == 1 and not labelled  # A1, A2, B1: the letter numbers the part
        return Style("number", depth, f"{'x' + atom.style[1:] if letter else atom.style}{alone}")
    if not atom.plain:
        return None
    if atom.bold == "full":
        return Style("bold", depth, atom.bullet and "bullet")
    if atom.bold == "lead" and not atom.label:
        return Style("boldlead", depth, atom.bullet and "bullet")
    if atom.bullet:
        return Style("bullet", depth, "")
    if _is_capital(atom):
        return Style("caps", depth, "")
    if atom.likeness >= 0.7 and len(atom.plain) < 600 and (ends_with_question_mark(atom.plain) or _opens(atom)):
        return Style("plain", depth, "")
    return None


def _is_capital(atom: Atom) -> bool:
    """Whether a line is set in capitals throughout, as titles are where there is no other way to mark them."""
    letters = [c for c in atom.plain if c.isalpha()]
    return len(letters) >= 4 and len(atom.plain) <= 160 and not atom.label and all(c.isupper() for c in letters)


class _View(NamedTuple):
    """What the evidence is taken from."""

    atoms: Sequence[Atom]
    labels: Labels
    skip: frozenset[int]
    bounds: Sequence[int] = ()
    """Questions that are certain already, in order: what follows them is their own."""


def beside(
    hypothesis: Hypothesis, atoms: Sequence[Atom], labels: Labels, skip: frozenset[int], starts: Sequence[int]
) -> Hypothesis:
    """The hypothesis with the evidence that is left for it where other lines are known to begin questions.

    A section's heading stands before the answers of its questions, but they are no evidence for the heading.
    """
    view = _View(atoms, labels, skip, starts)
    return _hypothesis(hypothesis.style, hypothesis.atoms, view) or hypothesis


def hypotheses(atoms: Sequence[Atom], labels: Labels, skip: frozenset[int]) -> list[Hypothesis]:
    """Every style of the document with the evidence for it, best first."""
    view = _View(atoms, labels, skip)
    groups: dict[Style, list[int]] = defaultdict(list)
    for index, atom in enumerate(atoms):
        if index in skip:
            continue
        style = style_of(atom, labels)
        if style is not None:
            groups[style].append(index)
    for style, group in groups.items():
        if style.family == "plain":
            groups[style] = _paragraph_starts(group, atoms)
        elif style.family == "caps":
            # A title without a text of its own names the document or a section.
            members = set(group)
            groups[style] = [i for i in group if atoms[i].likeness >= 0.5 or _has_text(i, atoms, members)]
    numbered = ("number", "letter")
    found = [_number_hypothesis(style, group, view) for style, group in groups.items() if style.family in numbered]
    found += [_hypothesis(style, group, view) for style, group in groups.items() if style.family not in numbered]
    return sorted((h for h in found if h is not None), key=lambda h: (-h.total, h.style))


def _has_text(index: int, atoms: Sequence[Atom], others: Set[int]) -> bool:
    """Whether text follows a title before the next one, in the same block unless titles stand alone."""
    below = index + 1
    return below < len(atoms) and below not in others and atoms[below].kind is Kind.TEXT and not atoms[below].gap


def _paragraph_starts(group: Sequence[int], atoms: Sequence[Atom]) -> list[int]:
    """The lines that begin a paragraph; a question in the middle of one is part of an answer."""
    gaps = sum(atoms[i].gap for i in group)
    if gaps >= 0.6 * len(group):
        return [i for i in group if atoms[i].gap]
    return [i for i in group if atoms[i].gap or i == 0 or atoms[i - 1].plain.rstrip("*_\"'”)")[-1:] in ".?!:。？！；;؟"]


def is_answer(atom: Atom, labels: Labels) -> bool:
    """Whether the line begins with an answer label."""
    return atom.label in labels.answers and atom.kind is not Kind.ROW


def question_text_likeness(atom: Atom, following: Atom | None) -> float:
    """Likeness of the question that a line begins, looking behind a number on a line of its own."""
    if atom.kind is Kind.ROW:
        return atom.likeness
    if atom.bold == "lead" and atom.lead:
        return max(atom.likeness if first_question_mark(atom.plain) > 0 else 0.0, _lead_likeness(atom))
    if not atom.plain and following is not None:
        return following.likeness if following.likeness > 0 else 0.3
    inside = first_question_mark(atom.plain)
    return max(atom.likeness, 0.9 if 0 < inside < 300 and _opens(atom) else 0.0)


def _opens(atom: Atom) -> bool:
    """Whether no sentence ends before the question mark."""
    from_start = atom.plain[: first_question_mark(atom.plain)]
    return ". " not in from_start


def _lead_likeness(atom: Atom) -> float:
    return question_likeness(atom.lead)


def _bodies(group: Sequence[int], view: _View, rank: int) -> list[tuple[bool, bool]]:
    """For each line: whether something follows before the next one, and whether an answer label does."""
    found: list[tuple[bool, bool]] = []
    for position, index in enumerate(group):
        stop = group[position + 1] if position + 1 < len(group) else len(view.atoms)
        bound = bisect_right(view.bounds, index)
        stop = min(stop, view.bounds[bound]) if bound < len(view.bounds) else stop
        body = _inline_body(view.atoms[index])
        labelled = False
        for inner in range(index + 1, min(stop, index + 40)):
            atom = view.atoms[inner]
            if atom.kind is Kind.HEADING and (rank == 0 or atom.level <= rank):
                break
            if atom.label in view.labels.questions and (inner > index + 1 or view.atoms[index].plain):
                break  # another question, whatever its style
            if inner in view.skip or atom.kind in (Kind.RULE, Kind.TAG):
                continue
            if is_answer(atom, view.labels):
                labelled = True
                body = body or bool(atom.plain)
            elif atom.kind is not Kind.HEADING or rank:
                body = body or view.atoms[index].plain != "" or inner > index + 1
            if body and labelled:
                break
        found.append((body, labelled))
    return found


def _inline_body(atom: Atom) -> bool:
    if atom.kind is Kind.ROW:
        return bool(atom.lead)
    if atom.bold == "lead":
        return True
    inside = first_question_mark(atom.plain)
    return 0 < inside < len(atom.plain) - 2


def _value(atom: Atom) -> int:
    """The place in its sequence that a line claims."""
    if atom.style.startswith("letter"):
        return ord(atom.label[0]) - ord("a") + 1
    return atom.number if atom.number is not None else 0


def _number_hypothesis(style: Style, group: Sequence[int], view: _View) -> Hypothesis | None:
    atoms = view.atoms
    followed = _bodies(group, view, 0)
    indents = sorted(atoms[i].indent for i in group)
    items: list[Numbered] = []
    previous = -1
    headings = [i for i, atom in enumerate(atoms) if atom.kind is Kind.HEADING]
    heading_at = 0
    announced = _announced_lists(group, atoms)
    for (_, labelled), index in zip(followed, group, strict=True):
        atom = atoms[index]
        fresh = False
        while heading_at < len(headings) and headings[heading_at] < index:
            fresh = fresh or headings[heading_at] > previous
            heading_at += 1
        following = atoms[index + 1] if index + 1 < len(atoms) else None
        weight = question_text_likeness(atom, following)
        weight += 0.5 * labelled + 0.3 * (atom.bold != "") + 0.1 * atom.gap + 0.1 * (atom.indent <= indents[0] + 1)
        weight += 0.5 * (atom.label in view.labels.questions) - 0.9 * (index in announced)
        items.append(Numbered(_value(atom), weight, fresh))
        previous = index
    if "n.n" in style.variant:
        return _hypothesis(style, group, view)
    chain = [group[i] for i in best_chain(items)]
    return _hypothesis(style, chain, view)


def _announced_lists(group: Sequence[int], atoms: Sequence[Atom]) -> set[int]:
    """The items of lists that a line with a colon announces, in the text under an earlier numbered line."""
    found: set[int] = set()
    for before, index in pairwise(group):
        follows = index == before + 1 and before in found and _value(atoms[index]) == _value(atoms[before]) + 1
        follows = follows and atoms[index].gap <= atoms[before].gap
        lead_in = atoms[index - 1]
        if follows or (
            _value(atoms[index]) == 1
            and index > before + 1
            and lead_in.kind in (Kind.TEXT, Kind.DEFINITION)
            and lead_in.plain.rstrip("*_ ").endswith((":", "："))
        ):
            found.add(index)
    return found


_BASE_FAMILY = {"plain": 0.75, "caps": 0.9, "bullet": 0.8, "boldlead": 0.9}


def _hypothesis(style: Style, group: Sequence[int], view: _View) -> Hypothesis | None:
    if not group:
        return None
    atoms = view.atoms
    rank = style.rank if style.family == "heading" else 0
    followed = _bodies(group, view, rank)
    body = sum(has for has, _ in followed) / len(group)
    labelled = sum(has for _, has in followed) / len(group)
    values = [_likeness(atoms, i, style) for i in group]
    likeness = sum(values) / len(values)
    texts = [normalised(_text(atoms, i)) for i in group]
    distinct = len(set(texts)) / len(texts)
    score, alone = _base(style, group, view, (likeness, labelled, body))
    score *= _BASE_FAMILY.get(style.family, 1.0)
    if labelled < 0.5:
        # Unanswered questions exist under numbers and labels; a bare line with nothing behind it is hardly one.
        floor = {"number": 0.75, "label": 0.9, "summary": 0.8, "heading": 0.5, "plain": 0.25, "bullet": 0.4}
        base = floor.get(style.family, 0.4)
        score *= base + (1 - base) * body
    if distinct < 0.7:
        score *= distinct
    return Hypothesis(style, tuple(group), score, likeness, body, alone)


def _text(atoms: Sequence[Atom], index: int) -> str:
    atom = atoms[index]
    return atom.plain or (atoms[index + 1].plain if index + 1 < len(atoms) else "")


def _likeness(atoms: Sequence[Atom], index: int, style: Style) -> float:
    atom = atoms[index]
    following = atoms[index + 1] if index + 1 < len(atoms) else None
    value = question_text_likeness(atom, following)
    if value < 0.5 and style.family in ("heading", "summary", "bold", "term") and looks_like_error(atom.plain):
        value = 0.5
    return value


def _errors(group: Sequence[int], atoms: Sequence[Atom]) -> bool:
    """Whether the lines are mostly error messages, perhaps with questions between."""
    errors = sum(looks_like_error(atoms[i].whole) for i in group)
    asking = sum(atoms[i].likeness >= 0.9 and not looks_like_error(atoms[i].whole) for i in group)
    return errors >= 2 and errors >= 0.34 * len(group) and errors + asking >= 0.5 * len(group)


def _base(style: Style, group: Sequence[int], view: _View, evidence: tuple[float, float, float]) -> tuple[float, bool]:
    """Evidence from what the lines say and how they are marked; and whether it holds only for want of better."""
    likeness, labelled, body = evidence
    atoms = view.atoms
    score, alone = likeness, False
    if style.family == "row":
        return max(score, 0.95 if atoms[group[0]].label == "q" else 0.0), False
    if style.family in ("label", "summary") or "labelled" in style.variant:
        return max(score, 0.95), False
    if style.family == "number" and atoms[group[0]].label in view.labels.questions:
        return max(score, 0.95), False
    if labelled >= 0.5 and (len(group) >= 2 or likeness >= 0.5):
        return max(score, 0.6 + 0.35 * labelled), False
    numbers = [atoms[i].number for i in group]
    values = [n for n in numbers if n is not None]
    single = len(values) == len(group) and consecutive_share(values) >= 0.9
    if style.family == "number" and single and len(group) >= 3 and body >= 0.6 and likeness < 0.6:
        lengths = sorted(len(_text(atoms, i)) for i in group)
        if lengths[len(lengths) // 2] <= 120:
            score, alone = max(score, 0.6), likeness < 0.3
    elif style.family in ("heading", "bold") and len(group) >= 2 and body >= 0.8 and _errors(group, atoms):
        score = max(score, 0.7)
    elif style.family in ("heading", "term") and len(group) >= 2 and body >= 0.8 and likeness < 0.5:
        score, alone = max(score, 0.5), True
    return score, alone
