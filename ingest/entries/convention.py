"""Which hypotheses together explain a document: its convention, or its conventions where it mixes several."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from ingest import clean
from ingest.entries.atoms import Atom, believed_labels
from ingest.entries.contents import table_of_contents
from ingest.entries.language import looks_like_error, question_likeness
from ingest.entries.sections import Outline
from ingest.entries.styles import Hypothesis, Labels, beside, hypotheses, is_answer
from ingest.readers.model import Kind

_ENOUGH = 0.62
"""Evidence per line from which a style is believed beside another one."""
_ANNOUNCES = re.compile(
    r"\b(?:faqs?|questions?|q ?& ?a|fragen|preguntas|questions?|domande|perguntas|vragen|frågor|problems?|errors?)\b"
    r"|вопрос|问题|問題|質問|질문|أسئلة|प्रश्न",
    re.IGNORECASE,
)
"""Words with which a document says that it holds questions."""
_BARELY = 0.42
"""Evidence per line from which a style is believed where nothing better is found."""


@dataclasses.dataclass(frozen=True, slots=True)
class Convention:
    """How a document marks its questions."""

    starts: tuple[int, ...]
    """Atoms that begin a question, in order."""
    styles: tuple[Hypothesis, ...]
    """The styles that were accepted, best first."""
    labels: Labels
    contents: frozenset[int]
    """Atoms of tables of contents."""

    @property
    def name(self) -> str:
        """For people: the accepted styles."""
        return " + ".join(_describe(h) for h in self.styles) or "none"


def find_convention(atoms: Sequence[Atom]) -> Convention:
    """The convention that explains the document best."""
    labels = Labels(*believed_labels(atoms))
    contents = table_of_contents(atoms)
    ranked = hypotheses(atoms, labels, contents)
    main = _main(ranked, atoms)
    if main is None:
        return Convention((), (), labels, contents)
    main = _explained_away(main, ranked, atoms, labels, contents)
    accepted = [main]
    starts = set(main.atoms) - _sections_among(main, ranked, atoms) - _strangers(main, atoms)
    for other in ranked:
        if other is main or other.alone or other.score < _ENOUGH or _is_title(other, atoms):
            continue
        other = beside(other, atoms, labels, contents, sorted(starts))
        if other.alone or other.score < _ENOUGH:
            continue
        more = _admissible(other, accepted, frozenset(starts), atoms)
        if more:
            accepted.append(dataclasses.replace(other, atoms=tuple(sorted(more))))
            starts |= more
    starts -= {i for i in starts if clean.asks_for_feedback(atoms[i].plain)}
    return Convention(_without_farewell(sorted(starts), atoms, labels), tuple(accepted), labels, contents)


def _without_farewell(starts: Sequence[int], atoms: Sequence[Atom], labels: Labels) -> tuple[int, ...]:
    """The questions but those at the end with which the page takes its leave: "Still have questions?"."""
    kept = list(starts)
    while len(kept) > 2:
        atom = atoms[kept[-1]]
        answered = kept[-1] + 1 < len(atoms) and is_answer(atoms[kept[-1] + 1], labels)
        if atom.style or atom.label or answered or not clean.is_closing_title(atom.lead or atom.plain):
            break
        kept.pop()
    return tuple(kept)


def _main(ranked: Sequence[Hypothesis], atoms: Sequence[Atom]) -> Hypothesis | None:
    """The hypothesis that explains most; bare lines only if no marked ones explain nearly as much."""
    good = [h for h in ranked if h.score >= _ENOUGH and not h.alone]
    marked = [h for h in good if h.style.family not in ("plain", "bullet", "boldlead")]
    weak = [h for h in good if h.style.family in ("plain", "bullet", "boldlead")]
    weak = [h for h in weak if len(h.atoms) >= 2 or h.style.family == "boldlead" or h.atoms[0] == 0]
    if (
        marked
        and weak
        and marked[0].total < 0.25 * weak[0].total
        and weak[0].body >= 0.8
        and marked[0].style.family != "label"
    ):
        return weak[0]
    if marked and marked[0].body < 0.4 and marked[0].style.family != "label":
        # A list of questions without answers, under questions that have some, belongs to their answers.
        marked = sorted(marked, key=lambda h: not (h.body >= 0.8 and h.atoms[0] < marked[0].atoms[0]))
    if marked:
        title = _is_title(marked[0], atoms)
        if title and (len(marked) > 1 or (weak and len(weak[0].atoms) >= 2 and weak[0].body >= 0.8)):
            return marked[1] if len(marked) > 1 else weak[0]
        return marked[0]
    if weak and not (weak[0].style.family == "bullet" and weak[0].body < 0.3 and len(weak[0].atoms) < 3):
        return weak[0]
    for h in ranked:
        # Nothing but a list of questions.
        if h.style.family in ("bullet", "plain") and h.likeness >= 0.8 and len(h.atoms) >= 3:
            others = sum(1 for a in atoms if a.kind is Kind.TEXT) - len(h.atoms)
            if others <= 0.5 * len(h.atoms):
                return h
    rest = [h for h in ranked if h.score >= _BARELY and h.style.family in ("number", "heading", "term", "bold")]
    rest = [h for h in rest if len(h.atoms) >= 3 or h.likeness >= 0.5]
    # Any article has headings. They are questions only where something says so.
    announced = any(_ANNOUNCES.search(a.whole) and not a.plain.endswith(".") for a in atoms[:3])
    rest = [h for h in rest if h.style.family == "number" or h.style.variant or h.likeness >= 0.15 or announced]
    return max(rest, key=lambda h: (h.style.family == "heading" and h.body >= 0.9, h.total), default=None)


def _explained_away(
    main: Hypothesis, ranked: Sequence[Hypothesis], atoms: Sequence[Atom], labels: Labels, contents: frozenset[int]
) -> Hypothesis:
    """The main hypothesis, or the one whose questions account for everything that speaks for it.

    Headings over single questions are followed by answers just as the questions are; only the questions keep their
    evidence where both are assumed.
    """
    if main.likeness >= 0.5 or main.style.family not in ("heading", "bold", "number", "letter", "bullet"):
        return main
    for other in ranked:
        if other is main or other.alone or other.score < _ENOUGH or other.total < 0.5 * main.total:
            continue
        if other.likeness <= main.likeness or other.style.family in ("plain", "bullet", "boldlead"):
            continue
        left = beside(main, atoms, labels, contents, other.atoms)
        if left.score < _ENOUGH and beside(other, atoms, labels, contents, main.atoms).score >= _ENOUGH:
            return other
    return main


def _is_title(hypothesis: Hypothesis, atoms: Sequence[Atom]) -> bool:
    """Whether the hypothesis is nothing but the title of the document."""
    if len(hypothesis.atoms) != 1 or hypothesis.style.family != "heading":
        return False
    first = next((i for i, atom in enumerate(atoms) if atom.kind is Kind.HEADING), -1)
    return hypothesis.atoms[0] == first


def _sections_among(main: Hypothesis, ranked: Sequence[Hypothesis], atoms: Sequence[Atom]) -> set[int]:
    """Lines of the main style that are section titles: no question, and nothing but marked questions below."""
    found: set[int] = set()
    if main.style.family not in ("heading", "bold") or "labelled" in main.style.variant:
        return found
    others = [h for h in ranked if h is not main and h.score >= 0.7 and not h.alone and h.likeness >= 0.8]
    members = {i for h in others for i in h.atoms}
    for position, index in enumerate(main.atoms):
        stop = main.atoms[position + 1] if position + 1 < len(main.atoms) else len(atoms)
        inside = [i for i in range(index + 1, stop) if i in members]
        first = inside[0] - index if inside else 0
        if atoms[index].likeness < 0.5 and (first == 1 or (first == 2 and len(inside) >= 2)):
            found.add(index)
    return found if len(found) < len(main.atoms) else set()


def _strangers(main: Hypothesis, atoms: Sequence[Atom]) -> set[int]:
    """Bold lines that ask nothing among bold lines that ask.

    Numbers, labels and heading levels are set on purpose, so their convention holds for every line. Bold text is set
    for many purposes.
    """
    if main.style.family not in ("bold", "boldlead", "bullet"):
        return set()
    values = {i: max(atoms[i].likeness, question_likeness(atoms[i].lead)) for i in main.atoms}
    asking = sum(value >= 0.5 for value in values.values())
    if asking < 0.6 * len(values):
        return set()
    return {i for i, value in values.items() if value < 0.35 and not looks_like_error(atoms[i].plain)}


def _admissible(
    other: Hypothesis, accepted: Sequence[Hypothesis], starts: frozenset[int], atoms: Sequence[Atom]
) -> set[int]:
    """The lines of a further style that begin questions of their own, rather than parts of other questions' answers."""
    outline = Outline(atoms, starts)
    families = {h.style.family for h in accepted}
    found: set[int] = set()
    trailing: list[int] = []
    first, last = min(starts, default=-1), max(starts, default=-1)
    for index in other.atoms:
        if index in starts:
            continue
        owner = outline.owner(index)
        if owner is None or _is_sibling(atoms[index], other, accepted):
            found.add(index)
        elif index > last:
            trailing.append(index)
    if other.style.family in ("plain", "bullet") and "label" not in families:
        # Questions that are asked before the first marked one belong to the introduction, unless they have a body.
        found = {i for i in found if i > first} if len(found) < 3 else found
    if trailing and _is_region(trailing, other, atoms, accepted):
        found |= set(trailing)
    return found


def _is_sibling(atom: Atom, other: Hypothesis, accepted: Sequence[Hypothesis]) -> bool:
    """Whether a line of another style stands on one level with the accepted ones and is a question without doubt."""
    if other.style.family == "label":
        return other.likeness >= 0.5 and atom.likeness >= 0.5
    for h in accepted:
        if other.style.family == h.style.family == "heading" and other.style.rank <= h.style.rank:
            return atom.likeness >= 0.9
        if other.style.family == h.style.family == "bold" and other.style.rank <= h.style.rank:
            return atom.likeness >= 0.9
        if other.style.family == h.style.family == "number" and other.style.variant != h.style.variant:
            own = other.body >= 0.6 and other.style.rank <= h.style.rank
            return own and atom.likeness >= 0.9 and other.likeness >= 0.9
    return False


def _is_region(
    trailing: Sequence[int], other: Hypothesis, atoms: Sequence[Atom], accepted: Sequence[Hypothesis]
) -> bool:
    """Whether the lines behind the last question form a part of the document with a convention of its own."""
    if len(trailing) < 2 or other.likeness < 0.9 or other.body < 0.8:
        return False
    if other.style.family in ("plain", "bullet", "boldlead"):
        return False
    main = accepted[0].style
    if main.family == "heading" and other.style.family == "heading" and other.style.rank > main.rank:
        return False
    return other.style.rank <= main.rank or main.family in ("heading", "label")


def _describe(hypothesis: Hypothesis) -> str:
    family, rank, variant = hypothesis.style
    names = {
        "heading": f"{variant + ' ' if variant else ''}headings of level {rank}",
        "summary": "fold-outs",
        "term": "definition list",
        "row": "rows of a table",
        "label": "labelled questions",
        "number": f"numbered questions ({variant})",
        "letter": f"lettered questions ({variant[-1:]})",
        "bold": "bold questions",
        "boldlead": "bold questions with the answer on the line",
        "bullet": "questions as list items",
        "caps": "questions in capitals",
        "plain": "question lines",
    }
    return names[family]
