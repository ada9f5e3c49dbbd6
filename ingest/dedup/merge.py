"""Entries that ask the same thing, merged into canonical questions.

Two entries are one question if a full answer to either is a full answer to the other. The wordings are brought into a
canonical form (intent, subject, qualifiers); equal forms are one question. Vectors never decide alone: they confirm a
merge of forms that differ in words of no weight, and they name the pairs that a person should look at.
"""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from ingest.dedup import gather, near
from ingest.dedup.candidates import Forms, bar, clashing_settings, slips, soft_difference, without
from ingest.dedup.intent import parse
from ingest.dedup.knowledge import learn
from ingest.dedup.normalise import clean, exact_key, tokens
from ingest.dedup.subject import forms, oriented
from kb.types import Entry, Question, Status

if TYPE_CHECKING:
    from kb.ports import FloatArray

_NO_GLOSSARY: Mapping[str, str] = MappingProxyType({})
_MAX_BLOCK = 64
"""A core that more forms share says too little to compare them all."""
_SLIP_COSINE = 0.6
_BORDERLINE_COSINE = 0.86
_MAX_BORDERLINE = 500
_ANSWER_TEXT = 2000
"""Characters of an answer that are read for abbreviations written out."""


class MergeStage(StrEnum):
    """Which comparison found that two entries are one question."""

    EXACT = "exact"
    NEAR = "near"
    SEMANTIC = "semantic"


@dataclasses.dataclass(frozen=True, slots=True)
class Merge:
    """Two entries that became one question."""

    entry_a: str
    entry_b: str
    stage: MergeStage
    score: float
    """In [0, 1]: 1 for exact, likeness of the wordings for near, cosine (or share of words) for semantic."""
    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class Borderline:
    """Two entries that were kept apart and that a person should look at."""

    entry_a: str
    entry_b: str
    score: float
    """Cosine of the questions, or similarity of the wordings without vectors."""
    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class MergeResult:
    """The questions that the entries form. None of it depends on the order of the entries but `entries` itself."""

    questions: tuple[Question, ...]
    entries: tuple[Entry, ...]
    """In the order given, `question_id` set."""
    merges: tuple[Merge, ...]
    borderline: tuple[Borderline, ...]


@dataclasses.dataclass(slots=True)
class _Unit:
    """All entries of one wording."""

    key: str
    members: list[int]
    forms: Forms = ()


@dataclasses.dataclass(slots=True)
class _Link:
    a: int
    b: int
    stage: MergeStage
    score: float
    reason: str


def merge_entries(
    entries: Sequence[Entry], vectors: FloatArray | None, *, glossary: Mapping[str, str] = _NO_GLOSSARY
) -> MergeResult:
    """The canonical questions of the entries, with every merge and its reason.

    Args:
        entries: Of all documents.
        vectors: Unit vectors of the entries' questions, in their order; None compares by words alone.
            Shape: (n_entries, dimension), float32.
        glossary: Abbreviations and names with what they stand for; wins over what the entries say.

    Raises:
        ValueError: There is not one vector for each entry.
    """
    if vectors is not None and len(vectors) != len(entries):
        raise ValueError(f"{len(entries)} entries need as many vectors, not {len(vectors)}")
    units = _units(entries)
    _read(units, entries, glossary)
    scorer = _Scorer(units, vectors)
    groups = _Groups(len(units))
    links = _also_asked(units, entries, groups)
    links += _equal(units, groups, scorer)
    near_pairs = near.pairs([unit.key for unit in units])
    links += _slipped(units, groups, scorer, near_pairs)
    soft, doubtful = _soft(units, groups, scorer)
    links += soft
    more, unsure = _gathered(units, groups, scorer)
    links += more
    doubtful += unsure
    doubtful += _close(units, groups, scorer, near_pairs)
    return _result(entries, units, groups, _Findings(links, doubtful), scorer)


def _units(entries: Sequence[Entry]) -> list[_Unit]:
    by_key: dict[str, list[int]] = {}
    for i, entry in enumerate(entries):
        by_key.setdefault(exact_key(entry.question), []).append(i)
    place = _places(entries)
    return [_Unit(key, sorted(members, key=place.__getitem__)) for key, members in sorted(by_key.items())]


def _places(entries: Sequence[Entry]) -> list[tuple[str, tuple[int, int], int, str]]:
    """What sorts the entries as a reader meets them."""
    return [(entry.source, entry.lines or (0, 0), entry.number or 0, entry.id) for entry in entries]


def _read(units: Sequence[_Unit], entries: Sequence[Entry], glossary: Mapping[str, str]) -> None:
    """Sets the forms of every unit."""
    wordings = [min(clean(entries[i].question) for i in unit.members) for unit in units]
    texts = [text for entry in entries for text in (entry.question, (entry.answer or "")[:_ANSWER_TEXT])]
    knowledge = learn([tokens(wording) for wording in wordings], texts, glossary)
    for unit, wording in zip(units, wordings, strict=True):
        unit.forms = forms(parse(wording, knowledge.spellings), knowledge)
    pairs = {pair for unit in units for form in unit.forms for pair in form.pairs}
    reversible = frozenset((a, b) for a, b in pairs if a != b and (b, a) in pairs)
    for unit in units:
        unit.forms = tuple(sorted(oriented(form, reversible) for form in unit.forms))


class _Groups:
    """Units that are one question: disjoint sets, the smallest unit of each its root."""

    def __init__(self, n_units: int) -> None:
        self._root = list(range(n_units))
        self.members: dict[int, list[int]] = {i: [i] for i in range(n_units)}

    def find(self, unit: int) -> int:
        """The root of the unit's group."""
        while self._root[unit] != unit:
            self._root[unit] = self._root[self._root[unit]]
            unit = self._root[unit]
        return unit

    def join(self, a: int, b: int) -> bool:
        """Makes two groups one; False if they were."""
        a, b = sorted((self.find(a), self.find(b)))
        if a == b:
            return False
        self._root[b] = a
        self.members[a] = sorted(self.members[a] + self.members.pop(b))
        return True


class _Scorer:
    """Similarity of two units."""

    def __init__(self, units: Sequence[_Unit], vectors: FloatArray | None) -> None:
        self._units = units
        self.vectors = None if vectors is None else vectors[[unit.members[0] for unit in units]]
        """Shape: (n_units, dimension)."""

    def __call__(self, a: int, b: int) -> float:
        if self.vectors is None:
            return near.words(self._units[a].key, self._units[b].key)
        return round(float(min(1.0, max(0.0, self.vectors[a] @ self.vectors[b]))), 4)


def _also_asked(units: Sequence[_Unit], entries: Sequence[Entry], groups: _Groups) -> list[_Link]:
    """A wording that a curator put under one entry and that another entry has as its question makes them one."""
    by_key = {unit.key: i for i, unit in enumerate(units)}
    found = []
    for i, unit in enumerate(units):
        for key in sorted({exact_key(text) for member in unit.members for text in entries[member].also_asked}):
            other = by_key.get(key)
            if other is not None and groups.join(i, other):
                found.append(_Link(i, other, MergeStage.EXACT, 1.0, "one lists the other's wording under its question"))
    return found


def _equal(units: Sequence[_Unit], groups: _Groups, scorer: _Scorer) -> list[_Link]:
    by_forms: dict[tuple[object, ...], list[int]] = {}
    for i, unit in enumerate(units):
        by_forms.setdefault(tuple(form.key for form in unit.forms), []).append(i)
    found = []
    for same in by_forms.values():
        for other in same[1:]:
            if groups.join(same[0], other):
                likeness = near.similarity(units[same[0]].key, units[other].key)
                if likeness >= near.BAR:
                    found.append(
                        _Link(
                            same[0],
                            other,
                            MergeStage.NEAR,
                            likeness,
                            "the wordings differ in small words or inflection",
                        )
                    )
                else:
                    found.append(
                        _Link(same[0], other, MergeStage.SEMANTIC, scorer(same[0], other), describe(units[other].forms))
                    )
    return found


def _slipped(
    units: Sequence[_Unit], groups: _Groups, scorer: _Scorer, near_pairs: Sequence[tuple[int, int]]
) -> list[_Link]:
    """Near wordings that differ by typing errors."""
    counts = collections.Counter(word for unit in units for form in unit.forms for word in form.key[1])
    rare = frozenset(word for word, n in counts.items() if n == 1)
    gaps: dict[tuple[object, ...], list[int]] = {}
    for i, unit in enumerate(units):
        for gap in without(unit.forms):
            gaps.setdefault(gap, []).append(i)
    pairs = {pair for same in gaps.values() if len(same) <= _MAX_BLOCK for pair in itertools.combinations(same, 2)}
    found = []
    for a, b in sorted(pairs | set(near_pairs)):
        if groups.find(a) == groups.find(b):
            continue
        words = slips(units[a].forms, units[b].forms, rare)
        if words and scorer(a, b) >= _SLIP_COSINE and groups.join(a, b):
            reason = "differ by a typing error: " + ", ".join(f"{left}/{right}" for left, right in words)
            found.append(_Link(a, b, MergeStage.NEAR, near.similarity(units[a].key, units[b].key), reason))
    return found


def _soft(units: Sequence[_Unit], groups: _Groups, scorer: _Scorer) -> tuple[list[_Link], list[_Link]]:
    """Merges of groups whose forms differ in soft words alone, and those that the vectors did not confirm."""
    blocks: dict[tuple[object, ...], list[int]] = {}
    for i, unit in enumerate(units):
        blocks.setdefault(tuple(sorted(form.core for form in unit.forms)), []).append(i)
    proposals: list[tuple[float, int, int, dict[str, set[str]]]] = []
    doubtful: list[_Link] = []
    for block in blocks.values():
        distinct = list({tuple(form.key for form in units[i].forms): i for i in reversed(block)}.values())
        if not 1 < len(distinct) <= _MAX_BLOCK:
            continue
        clash = clashing_settings([units[i].forms for i in distinct])
        for n, a in enumerate(distinct):
            for b in distinct[n + 1 :]:
                one, other = sorted((a, b))
                difference = soft_difference(units[one].forms, units[other].forms)
                if difference is None or groups.find(one) == groups.find(other):
                    continue
                score = _best(one, other, groups, scorer)
                if score >= bar(difference) and not (clash and "context" in difference):
                    proposals.append((-score, one, other, difference))
                else:
                    doubtful.append(_Link(one, other, MergeStage.SEMANTIC, score, _difference(difference)))
    found = []
    for negative, a, b, difference in sorted(proposals, key=lambda item: item[:3]):
        # Every wording of one side must agree with every wording of the other, or chains would join look-alikes.
        sides = [groups.members[groups.find(unit)] for unit in (a, b)]
        if all(soft_difference(units[x].forms, units[y].forms) is not None for x in sides[0] for y in sides[1]):
            if groups.join(a, b):
                reason = f"{describe(units[a].forms)}; {_difference(difference)}"
                found.append(_Link(a, b, MergeStage.SEMANTIC, -negative, reason))
        else:
            doubtful.append(_Link(a, b, MergeStage.SEMANTIC, -negative, _difference(difference)))
    return found, doubtful


def _gathered(units: Sequence[_Unit], groups: _Groups, scorer: _Scorer) -> tuple[list[_Link], list[_Link]]:
    """Merges of groups that say the same in near-synonyms, and those that the vectors did not confirm."""
    gists = [gather.gist(unit.forms) for unit in units]
    heads = {i for i, unit in enumerate(units) if any(form.intent == "head" for form in unit.forms)}
    # One wording of each kind in a group is enough.
    distinct = {(groups.find(i), gists[i]): i for i in reversed(range(len(units)))}
    chosen = {i: gists[i] for i in distinct.values()}
    accepted: list[tuple[float, int, int, str]] = []
    doubtful: list[_Link] = []
    for a, b, least, reason in gather.proposals(chosen, heads):
        if groups.find(a) != groups.find(b):
            score = _best(a, b, groups, scorer)
            if score >= least:
                accepted.append((-score, a, b, reason))
            else:
                doubtful.append(_Link(a, b, MergeStage.SEMANTIC, score, reason))
    found = []
    for negative, a, b, reason in sorted(accepted):
        sides = [groups.members[groups.find(unit)] for unit in (a, b)]
        if all(gather.agree(gists[x], gists[y]) is not None for x in sides[0] for y in sides[1]):
            if groups.join(a, b):
                found.append(_Link(a, b, MergeStage.SEMANTIC, -negative, f"{describe(units[a].forms)}; {reason}"))
        else:
            doubtful.append(_Link(a, b, MergeStage.SEMANTIC, -negative, reason))
    return found, doubtful


def _best(a: int, b: int, groups: _Groups, scorer: _Scorer) -> float:
    """The highest similarity of a wording of one group with one of the other."""
    ours, theirs = (groups.members[groups.find(unit)][:8] for unit in (a, b))
    return max(scorer(x, y) for x in ours for y in theirs)


def _close(
    units: Sequence[_Unit], groups: _Groups, scorer: _Scorer, near_pairs: Sequence[tuple[int, int]]
) -> list[_Link]:
    """Units of different questions whose vectors, or wordings, are very near."""
    if scorer.vectors is not None and len(units) <= near.MAX_DENSE:
        found = near.dense_pairs(scorer.vectors, _BORDERLINE_COSINE)
    else:
        found = [(a, b, scorer(a, b)) for a, b in near_pairs]
    return [
        _Link(a, b, MergeStage.SEMANTIC, score, "near in wording, the forms differ")
        for a, b, score in found
        if groups.find(a) != groups.find(b) and _comparable(units[a].forms, units[b].forms)
    ]


def _comparable(a: Forms, b: Forms) -> bool:
    """Whether a person could doubt that the two differ: the same intents, and one word or two apart."""
    if [form.intent for form in a] != [form.intent for form in b]:
        return False
    ours, theirs = ({word for form in forms for word in form.key[1]} for forms in (a, b))
    different = ours ^ theirs
    return len(different) <= 3 and not any(
        any(letter.isdigit() for letter in word) or word in near.OPPOSED for word in different
    )


def describe(found: Forms) -> str:
    """The forms in words."""
    parts = []
    for form in found:
        intent = {"what": "definition or purpose", "howto": "how to", "works": "how it works"}.get(
            form.intent, form.intent
        )
        parts.append(f"{intent} of {{{', '.join(form.key[1])}}}")
    return "same intent and subject: " + " + ".join(parts)


def _difference(difference: dict[str, set[str]]) -> str:
    return "differ in " + ", ".join(f"{kind} {'/'.join(sorted(words))}" for kind, words in sorted(difference.items()))


@dataclasses.dataclass(frozen=True, slots=True)
class _Findings:
    links: list[_Link]
    doubtful: list[_Link]


def _result(
    entries: Sequence[Entry], units: Sequence[_Unit], groups: _Groups, findings: _Findings, scorer: _Scorer
) -> MergeResult:
    place = _places(entries)
    questions: list[tuple[int, Question]] = []
    question_of: dict[int, str] = {}
    for members in groups.members.values():
        indices = sorted((i for unit in members for i in units[unit].members), key=place.__getitem__)
        question = _question([entries[i] for i in indices], [units[unit] for unit in members], members, scorer)
        questions.append((indices[0], question))
        question_of.update(dict.fromkeys(indices, question.id))
    questions.sort(key=lambda item: place[item[0]])
    merges = [
        Merge(entries[unit.members[0]].id, entries[i].id, MergeStage.EXACT, 1.0, "same wording")
        for unit in units
        for i in unit.members[1:]
    ]
    for link in findings.links:
        a, b = sorted((units[unit].members[0] for unit in (link.a, link.b)), key=place.__getitem__)
        merges.append(Merge(entries[a].id, entries[b].id, link.stage, link.score, link.reason))
    return MergeResult(
        tuple(question for _, question in questions),
        tuple(dataclasses.replace(entry, question_id=question_of[i]) for i, entry in enumerate(entries)),
        tuple(merges),
        _borderline(entries, units, groups, findings.doubtful),
    )


def _borderline(
    entries: Sequence[Entry], units: Sequence[_Unit], groups: _Groups, doubtful: Iterable[_Link]
) -> tuple[Borderline, ...]:
    best: dict[tuple[int, int], _Link] = {}
    for link in doubtful:
        a, b = groups.find(link.a), groups.find(link.b)
        pair = (min(a, b), max(a, b))
        if a != b and (
            pair not in best or (link.score, -link.a, -link.b) > (best[pair].score, -best[pair].a, -best[pair].b)
        ):
            best[pair] = link
    place = _places(entries)
    found = []
    for link in sorted(best.values(), key=lambda link: (-link.score, link.a, link.b))[:_MAX_BORDERLINE]:
        a, b = sorted((units[unit].members[0] for unit in (link.a, link.b)), key=place.__getitem__)
        found.append(Borderline(entries[a].id, entries[b].id, link.score, link.reason))
    return tuple(found)


def _question(entries: Sequence[Entry], units: Sequence[_Unit], members: Sequence[int], scorer: _Scorer) -> Question:
    statuses = {entry.status for entry in entries}
    status = next(status for status in (Status.ANSWERED, Status.UNANSWERED, Status.PLACEHOLDER) if status in statuses)
    key_of = {exact_key(entry.question): entry for entry in reversed(entries)}
    central = {unit.key: _centrality(number, members, scorer) for unit, number in zip(units, members, strict=True)}
    answered = {exact_key(entry.question) for entry in entries if entry.status is status}
    ranked = sorted(
        key_of, key=lambda key: (key not in answered, -_clarity(key_of[key].question, units, central[key]), key)
    )
    wordings = [key_of[key].question for key in ranked]
    listed = {text for entry in entries for text in entry.also_asked}
    variants: dict[str, str] = {}
    for text in [*wordings, *sorted(listed)]:
        variants.setdefault(exact_key(text), text)
    identity = min(repr([(form.intent, form.key[1]) for form in unit.forms]) for unit in units)
    return Question(
        id=hashlib.sha256(identity.encode()).hexdigest()[:16],
        question=wordings[0],
        variants=tuple(variants.values()),
        entry_ids=tuple(entry.id for entry in entries),
        sources=tuple(sorted({entry.source for entry in entries})),
        status=status,
    )


def _centrality(unit: int, members: Sequence[int], scorer: _Scorer) -> float:
    others = [other for other in members if other != unit][:16]
    return sum(scorer(unit, other) for other in others) / len(others) if others else 0.0


def _clarity(text: str, units: Sequence[_Unit], central: float) -> float:
    """How well a wording stands for its group: a whole question, of medium length, like the others."""
    key = exact_key(text)
    words = key.split()
    whole = text.rstrip().endswith(("?", "？", "؟", ";")) or words[:1] in (["explain"], ["describe"], ["define"])
    asks = words[:1] in (
        [word] for word in ("what", "how", "why", "when", "where", "which", "who", "can", "is", "are", "do", "does")
    )
    raw = any(form.intent == "raw" for unit in units if unit.key == key for form in unit.forms)
    length = min(len(words), 8) / 8 - max(0, len(words) - 14) / 14
    return round(central + 0.3 * whole + 0.2 * asks - 0.5 * raw + 0.3 * length, 4)
