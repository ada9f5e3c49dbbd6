"""The parts of one entry: question, other wordings, fields, answer."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Sequence, Set

from ingest.entries.atoms import Atom
from ingest.entries.language import (
    ANSWER_LABELS,
    ends_with_question_mark,
    first_question_mark,
    opening,
    question_likeness,
)
from ingest.entries.styles import Labels, is_answer
from ingest.readers import inline
from ingest.readers.inline import words_of
from ingest.readers.model import Kind

_ALSO = re.compile(r"\s*also asked(?: as)?\s*", re.IGNORECASE)
_SEPARATOR = re.compile(r"\s*(?:[-–—:：→|]|=>|->)+\s+|\s+")
_OPTION = re.compile(r"\s*(?:[-*+]\s+)?(?:\[[ xX]\]\s*)?\(?[A-Ha-h1-8][.):]\s|\s*[-*+]\s+\[[ xX]\]")
_TERMINAL = re.compile(r"[.?!:。？！：؟;]['\"”’)*_`]*$")
_FIELDS = frozenset(
    words_of(
        """difficulty level tags tag topic topics category categories id points point marks time source asked author
    date votes views type keywords companies company updated frequency weight score module chapter year exam
    schwierigkeit thema kategorie stichworte dificultad tema nivel difficulté niveau catégorie 难度 标签 分类
    difficulty-level stufe punkte quelle verified reviewed version"""
    )
) | {"asked in", "asked by", "asked at", "last updated", "last reviewed", "difficulty level", "question type"}
_MAX_QUESTION_CHARS = 1200


@dataclasses.dataclass(frozen=True, slots=True)
class Parts:
    """What the atoms of an entry are."""

    question: str
    number: int | None
    also_asked: tuple[str, ...]
    question_atoms: tuple[int, ...]
    fields: tuple[int, ...]
    """Atoms of fields that are neither question nor answer."""
    labels: tuple[int, ...]
    """Atoms that hold an empty answer label."""
    answer_atoms: tuple[int, ...]
    head: str | None
    """The answer's text on the first of `answer_atoms`, where it does not begin with the atom; None if it does."""


@dataclasses.dataclass(frozen=True, slots=True)
class Layout:
    """What the entries of a document have in common."""

    labels: Labels
    inline_share: float
    """Share of entries whose line goes on behind the question mark."""
    fields: frozenset[str]
    """Labels of fields that stand between question and answer in most entries."""
    recurring: frozenset[str]
    """First words of short lines that stand right under most questions, such as `asked by`."""
    prefixes: frozenset[str]
    """What stands before the colon of lines right under most questions, such as `what they want to hear`."""
    trailing: frozenset[str]
    """Labels of the fields around each question in an export of records; they end the entry before."""
    wrapped: bool
    """Whether line breaks mean nothing."""
    width: int
    """Length of the longest line, in a wrapped document."""


def find_layout(atoms: Sequence[Atom], groups: Sequence[Sequence[int]], labels: Labels, wrapped: bool) -> Layout:
    """The layout that the entries share."""
    inline_answers = 0
    under: Counter[str] = Counter()
    for group in groups:
        atom = atoms[group[0]]
        cut = first_question_mark(atom.plain)
        rest = atom.plain[cut:].strip() if cut > 0 else ""
        inline_answers += bool(rest) and not _asks(rest)
        for index in group[1:5]:
            other = atoms[index]
            if (
                other.label
                and other.label[-1] not in ".)"
                and not is_answer(other, labels)
                and 0 < len(other.plain.split()) <= 8
            ):
                under[other.label] += 1
            else:
                break
    often = {label for label, times in under.items() if times >= 2 and times >= 0.4 * len(groups)}
    known = {label for label in under if label in _FIELDS}
    prose = {
        "explanation",
        "note",
        "example",
        "hint",
        "erklärung",
        "explicación",
        "explication",
        "解析",
        "beispiel",
        "reason",
    }
    width = max((a.end for a in atoms if a.kind is Kind.TEXT), default=0)
    share = inline_answers / len(groups) if groups else 0.0
    fields = frozenset((often | known) - prose)
    trailing = _trailing(atoms, groups, labels) - prose
    prefixes = _prefixes(atoms, groups, labels) - fields
    return Layout(labels, share, fields, _recurring(atoms, groups, labels), prefixes, trailing, wrapped, width)


def _prefix(atom: Atom) -> str:
    """What stands before the colon of a line, if it could name a part of every entry."""
    head, colon, _ = atom.whole[:80].partition(":")
    return head.strip("*_ ").lower() if colon and 0 < len(head.split()) <= 7 and atom.kind is Kind.TEXT else ""


def _prefixes(atoms: Sequence[Atom], groups: Sequence[Sequence[int]], labels: Labels) -> frozenset[str]:
    times: Counter[str] = Counter()
    for group in groups:
        times.update({_prefix(atoms[i]) for i in group[1:4] if not is_answer(atoms[i], labels)})
    return frozenset(key for key, count in times.items() if key and count >= 2 and count >= 0.5 * len(groups))


def _trailing(atoms: Sequence[Atom], groups: Sequence[Sequence[int]], labels: Labels) -> frozenset[str]:
    """Labels of short lines that stand right before every question, the first one included, and under its answer.

    An export of records repeats its fields around each question. Without fields before the question nothing tells
    them from parts of the answers.
    """

    def is_field(index: int) -> bool:
        atom = atoms[index]
        short = bool(atom.plain) and len(atom.plain.split()) <= 10 and not atom.bullet and not atom.style
        known = atom.label in labels.questions or atom.label in labels.answers
        return atom.kind is Kind.TEXT and atom.label[-1:] not in ("", ".", ")") and short and not known

    leading: Counter[str] = Counter()
    for group in groups:
        index = group[0]
        while index > 0 and is_field(index - 1) and not atoms[index].gap:
            index -= 1
            leading[atoms[index].label] += 1
    lead = {label for label, times in leading.items() if times >= 3 and times >= 0.8 * len(groups)}
    if not lead:
        return frozenset()
    behind: Counter[str] = Counter()
    for group in groups:
        for index in reversed(group[1:]):
            if not is_field(index):
                break
            behind[atoms[index].label] += 1
    return frozenset(lead | {label for label, times in behind.items() if times >= 0.6 * len(groups)})


def _recurring(atoms: Sequence[Atom], groups: Sequence[Sequence[int]], labels: Labels) -> frozenset[str]:
    """First words of marked short lines that come back under most questions."""
    times: Counter[str] = Counter()
    for group in groups:
        keys: set[str] = set()
        for index in group[1:4]:
            key = _lead_words(atoms[index])
            if not key or is_answer(atoms[index], labels):
                break
            keys.add(key)
        times.update(keys)
    return frozenset(key for key, count in times.items() if count >= 2 and count >= 0.6 * len(groups))


def _lead_words(atom: Atom) -> str:
    """The first two words of a short line that is set off by emphasis; empty for other lines."""
    words = atom.plain.lower().split()
    marked = atom.content[:1] in "*_" or atom.bold != ""
    if (
        atom.kind is not Kind.TEXT
        or not marked
        or not 2 <= len(words) <= 12
        or atom.label
        or _TERMINAL.search(atom.plain)
    ):
        return ""
    return " ".join(words[:2])


def split_entry(atoms: Sequence[Atom], group: Sequence[int], layout: Layout) -> Parts:
    """The parts of the entry whose atoms are given, the first one beginning its question."""
    first = atoms[group[0]]
    if first.kind is Kind.ROW:
        cell = (group[0],) if first.lead else ()
        return Parts(first.whole, first.number, (), (group[0],), (), tuple(group[1:]), cell, first.lead or None)
    question, rest = _first_line(first, has_body=_has_body(atoms, group, layout), layout=layout)
    used = 1
    question_atoms = [group[0]]
    if rest is None and (first.kind in (Kind.TEXT, Kind.DEFINITION) or not question):
        used = _continuation(atoms, group, layout, question)
        question_atoms += group[1:used]
        joined = " ".join([question, *(_words_of(atoms[i]) for i in group[1:used])]).strip()
        question = _close_emphasis(joined)
        if used > 1:
            last = atoms[group[used - 1]]
            question, rest = _inline_answer(question, last, _has_body(atoms, group[used - 1 :], layout), layout)
    also: list[str] = []
    fields: list[int] = []
    empty: list[int] = []
    at = used
    while rest is None and at < len(group):
        atom = atoms[group[at]]
        if _ALSO.fullmatch(atom.label):
            question_atoms.append(group[at])
            also += _variants(atom.content)
            at += 1
            while (
                at < len(group) and not also and atoms[group[at]].bullet and question_likeness(atoms[group[at]].plain)
            ):
                question_atoms.append(group[at])
                also += _variants(atoms[group[at]].content)
                at += 1
                while at < len(group) and atoms[group[at]].bullet and ends_with_question_mark(atoms[group[at]].plain):
                    question_atoms.append(group[at])
                    also += _variants(atoms[group[at]].content)
                    at += 1
        elif atom.label in layout.fields and atom.kind is Kind.TEXT:
            fields.append(group[at])
            at += 1
        elif atom.kind in (Kind.TAG, Kind.RULE):
            empty.append(group[at])
            at += 1
        elif (key := _lead_words(atom)) and key in layout.recurring:
            (empty if set(key.split()) & ANSWER_LABELS else fields).append(group[at])
            at += 1
        else:
            break
    head = rest
    answer: list[int] = [question_atoms[-1], *group[at:]] if rest is not None else list(group[at:])
    if rest is None and answer and is_answer(atoms[answer[0]], layout.labels):
        if atoms[answer[0]].plain:
            head = atoms[answer[0]].content
        else:
            empty.append(answer.pop(0))
    while answer and atoms[answer[-1]].kind in (Kind.RULE, Kind.TAG):
        empty.append(answer.pop())
    while len(answer) > 1 and (
        (atoms[answer[-1]].label in _FIELDS and len(atoms[answer[-1]].plain.split()) <= 6)
        or atoms[answer[-1]].label in layout.trailing
    ):
        fields.append(answer.pop())
    if len(answer) == 1 and is_answer(atoms[answer[0]], layout.labels) and not atoms[answer[0]].plain:
        empty.append(answer.pop())
    return Parts(
        question=question, number=first.number, also_asked=tuple(also), question_atoms=tuple(question_atoms),
        fields=tuple(sorted(fields)), labels=tuple(sorted(empty)), answer_atoms=tuple(answer), head=head,
    )  # fmt: skip


def _asks(text: str) -> bool:
    """Whether a text behind a question mark still belongs to the question: another question, or a request."""
    text = re.sub(r"^(?:please|bitte|por favor)\s+", "", text.strip(" *_()"), flags=re.IGNORECASE)
    if not any(c.isalnum() for c in text):
        return True
    cut = first_question_mark(text)
    if cut > 0:
        return (". " not in text[:cut] and not text[cut:].strip(" *_)")) or (
            ". " not in text[:cut] and _asks(text[cut:])
        )
    return opening(text) >= 0.7 and len(text.split()) <= 14 and text.rstrip("*_) ").endswith((".", "!", "。", "?"))


def _has_body(atoms: Sequence[Atom], group: Sequence[int], layout: Layout) -> bool:
    return any(
        atoms[i].plain and atoms[i].kind not in (Kind.RULE, Kind.TAG) and atoms[i].label not in layout.fields
        for i in group[1:]
    )


def _first_line(atom: Atom, *, has_body: bool, layout: Layout) -> tuple[str, str | None]:
    """The question on the first line, and the answer behind it if the line holds one."""
    if atom.bold == "lead" and atom.lead:
        again = inline.leading_bold(atom.content)
        after = again[1] if again else ""
        lead_asks = question_likeness(inline.plain(atom.lead)) >= 0.5 or not question_likeness(atom.plain) >= 0.9
        if after and lead_asks and not _asks(inline.plain(after)):
            return inline.unwrap(atom.lead).rstrip(" :"), _SEPARATOR.sub("", " " + after, count=1)
    return _inline_answer(_clean_question(atom, layout.labels), atom, has_body, layout)


def _inline_answer(question: str, atom: Atom, has_body: bool, layout: Layout) -> tuple[str, str | None]:
    """Cut the answer off that stands behind the question mark on the same line."""
    if atom.kind in (Kind.HEADING, Kind.SUMMARY, Kind.TERM):
        return question, None
    at = 0
    while True:
        cut = first_question_mark(question[at:])
        if cut < 0:
            return question, None
        at += cut
        rest = question[at:].strip()
        if not rest.strip(" *_)"):
            return question, None
        next_mark = first_question_mark(rest)
        following = rest[: max(next_mark, 0)]
        asks_on = bool(following) and ". " not in following and question_likeness(following) >= 0.9
        if not (asks_on and (opening(following) >= 0.4 or next_mark < 80)):
            break
    if _asks(rest):
        return question, None
    short = len(rest.split()) <= 8
    if has_body and short and layout.inline_share < 0.5:
        return question, None
    # The answer keeps its markup, so it is cut from the Markdown, not from the plain text.
    source = atom.content
    mark = _locate(source, question[:at])
    answer = source[mark:].strip() if mark >= 0 else rest
    return question[:at].strip(), _SEPARATOR.sub("", " " + answer, count=1)


def _locate(source: str, question: str) -> int:
    """Index in the Markdown behind as many question marks as the question holds."""
    marks = sum(1 for c in question if c in "?？؟")
    at = -1
    for _ in range(marks):
        found = [source.find(c, at + 1) for c in "?？؟"]
        found = [f for f in found if f >= 0]
        if not found:
            return -1
        at = min(found)
    end = at + 1
    while source[end : end + 1] and source[end] in "*_\"'”’»)":
        end += 1
    return end


def _clean_question(atom: Atom, labels: Labels) -> str:
    # A label is cut off only if it marks questions; "FATAL:" belongs to the words of an error message.
    known = not atom.label or atom.label in labels.questions or atom.style != ""
    text = inline.unwrap(atom.content) if known else atom.whole
    if atom.kind is Kind.HEADING:
        text = text.rstrip("#¶🔗 ").strip()
    return text


def _close_emphasis(text: str) -> str:
    """A question that was put together from several lines, without emphasis that spans them."""
    return inline.unwrap(text).strip("*_ ") if "*" in text[:3] or "_" in text[:3] else inline.unwrap(text)


def _words_of(atom: Atom) -> str:
    return inline.unwrap(atom.whole or atom.content)


def _continuation(atoms: Sequence[Atom], group: Sequence[int], layout: Layout, question: str) -> int:
    """How many of the atoms hold the question."""
    label_at = next((n for n, i in enumerate(group) if n and is_answer(atoms[i], layout.labels)), 0)
    limit = min(len(group), 40)
    if label_at and label_at < limit:
        return _until_label(atoms, group, label_at, layout)
    used = 1
    while used < limit and group[used] == group[used - 1] + 1:  # never over a line that was dropped
        atom = atoms[group[used]]
        if not question:
            if atom.kind not in (Kind.TEXT, Kind.HEADING) or is_answer(atom, layout.labels):
                break
        elif not _goes_on(atoms, group, used, question, layout):
            break
        question = f"{question} {atom.whole}".strip()
        used += 1
    return used


def _until_label(atoms: Sequence[Atom], group: Sequence[int], label_at: int, layout: Layout) -> int:
    """The question ends at the answer label, or before options, code or a second paragraph."""
    used, chars = 1, len(atoms[group[0]].plain)
    while used < label_at and group[used] == group[used - 1] + 1:
        atom = atoms[group[used]]
        chars += len(atom.plain)
        empty = not atoms[group[0]].plain and used == 1
        if _ALSO.fullmatch(atom.label) or atom.kind is not Kind.TEXT or chars > _MAX_QUESTION_CHARS:
            break
        if _prefix(atom) in layout.prefixes and not empty:
            break
        if atom.bullet or (_OPTION.match(atom.whole) and not empty and atom.likeness < 0.9) or (atom.label in _FIELDS):
            break
        before = atoms[group[used - 1]]
        if (
            atom.gap
            and not empty
            and _TERMINAL.search(before.plain)
            and not atom.plain.rstrip().endswith(("?", "？", "؟"))
        ):
            break
        used += 1
    return used


def _goes_on(atoms: Sequence[Atom], group: Sequence[int], used: int, question: str, layout: Layout) -> bool:
    """Whether the question was broken and goes on with the next atom."""
    atom, before = atoms[group[used]], atoms[group[used - 1]]
    if atom.gap or atom.kind is not Kind.TEXT or atom.bullet or atom.label or atom.style or atom.page != before.page:
        return False
    if _TERMINAL.search(question.strip()) or len(question) > 500:
        return bool(question.count("**") % 2 and "**" in atom.content)
    if question.count("**") % 2:
        return "**" in atom.content
    full = layout.wrapped and before.end >= 0.72 * layout.width
    first = next((c for c in atom.plain if c.isalpha()), "")
    near = [atom]
    for index in group[used + 1 : used + 5]:
        if atoms[index].gap or atoms[index].kind is not Kind.TEXT or atoms[index].bullet:
            break
        near.append(atoms[index])
    chars = 0
    for following in near:
        cut = first_question_mark(following.plain)
        sentence = re.search(r"[.!。] ", following.plain[: cut if cut > 0 else None])
        if cut > 0 and sentence is None and chars + cut <= 300:
            opens = opening(question) >= 0.4 or question_likeness(question) > 0 or not first.isupper() or full
            return (
                opens
                and question_likeness(following.plain[:cut]) >= 0.9
                and (opening(following.plain) < 0.7 or not first.isupper())
            )
        if sentence is not None or _TERMINAL.search(following.plain):
            break
        chars += len(following.plain)
    return full and first.islower()


def _variants(content: str) -> list[str]:
    return [
        text
        for part in content.split(" | ")
        if (text := inline.unwrap(part).strip("*_ ")) and any(map(str.isalnum, text))
    ]


def entry_groups(atoms: Sequence[Atom], owners: Sequence[int | None], skip: Set[int]) -> list[list[int]]:
    """The atoms of each entry, in order."""
    groups: dict[int, list[int]] = {}
    for index, owner in enumerate(owners):
        if owner is not None and index not in skip:
            groups.setdefault(owner, []).append(index)
    return [groups[start] for start in sorted(groups)]
