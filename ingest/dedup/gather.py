"""Pairs of questions whose gists are equal, or nearly so, and the vectors' likeness that each has to reach."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from ingest.dedup.gist import View, same_action, views
from ingest.dedup.subject import Form

_MAX_BLOCK = 64
_EQUAL_BAR = 0.5
_GENERIC_BAR = 0.7
_NAMING_BAR = 0.8
_MAX_GENERIC = 2

Gist = tuple[tuple[View, ...], ...]
"""The readings of a question; each has one view of every clause."""


class Proposal(NamedTuple):
    """Two questions that are one if their vectors agree."""

    a: int
    b: int
    bar: float
    reason: str


def gist(forms: Sequence[Form]) -> Gist:
    """The readings of a question; only a question of one clause has several."""
    found = [views(form) for form in forms]
    if len(found) == 1:
        return tuple((view,) for view in found[0])
    return (tuple(sorted((clause[0] for clause in found), key=_order)),)


def _keys(reading: Sequence[View]) -> set[tuple[tuple[str, tuple[str, ...]], ...]]:
    """What a reading is looked up by: its words with those of no weight, and without."""
    bare = tuple((view.intent, tuple(sorted(view.words or view.action))) for view in reading)
    full = tuple((view.intent, tuple(sorted(view.words | view.generic or view.action))) for view in reading)
    return {bare, full}


def _order(view: View) -> tuple[str, list[str]]:
    return view.intent, sorted(view.words)


def agree(a: Gist, b: Gist) -> float | None:
    """The bar that two questions have to reach to be one; None where they cannot be."""
    bars = [bar for one, other in itertools.product(a, b) if (bar := _readings(one, other)) is not None]
    return min(bars, default=None)


def _readings(one: Sequence[View], other: Sequence[View]) -> float | None:
    if len(one) != len(other):
        return None
    found = 0.0
    if any(not (view.words or view.action) for view in one):
        return None
    for left, right in zip(one, other, strict=True):
        if left.intent != right.intent or not _same_words(left, right) or not same_action(left, right):
            return None
        found = max(found, _bar(left, right))
    return found if found <= 1 else None


def _same_words(left: View, right: View) -> bool:
    return left.words <= right.words | right.generic and right.words <= left.words | left.generic


def _bar(left: View, right: View) -> float:
    ours, theirs = left.words | left.generic, right.words | right.generic
    missing = ours ^ theirs
    if not missing:
        return _EQUAL_BAR
    if (ours - theirs and theirs - ours) or len(missing) > _MAX_GENERIC:
        return 2.0
    if left.intent == "what":
        return _NAMING_BAR if len(left.words) > 1 else 2.0
    return _GENERIC_BAR


def proposals(gists: Mapping[int, Gist], heads: Collection[int]) -> Iterator[Proposal]:
    """Pairs to compare, of the questions given. A heading that could be either of two of them is left alone."""
    blocks: dict[tuple[tuple[str, tuple[str, ...]], ...], list[int]] = {}
    for i, readings in sorted(gists.items()):
        for reading in readings:
            for key in _keys(reading):
                block = blocks.setdefault(key, [])
                if not block or block[-1] != i:
                    block.append(i)
    found: dict[tuple[int, int], set[tuple[str, ...]]] = {}
    asked: dict[int, set[tuple[str, ...]]] = {}
    for key, block in blocks.items():
        if not 1 < len(block) <= _MAX_BLOCK:
            continue
        intents = tuple(intent for intent, _ in key)
        for a, b in itertools.combinations(block, 2):
            pair = (min(a, b), max(a, b))
            if agree(gists[a], gists[b]) is not None:
                found.setdefault(pair, set()).add(intents)
                if (a in heads) != (b in heads):
                    asked.setdefault(a if a in heads else b, set()).add(intents)
    for pair in found:
        if not any(len(asked.get(i, ())) > 1 for i in pair):
            bar = agree(gists[pair[0]], gists[pair[1]])
            yield Proposal(*pair, bar or 0.0, "the same but for near-synonyms and derived forms")
