"""Which of the numbered lines form the document's own sequence, and which belong to lists inside of answers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

_MAX_GAP = 4


class Numbered(NamedTuple):
    """A numbered line as the chain sees it."""

    value: int
    weight: float
    """How much the line looks like a question, apart from its number."""
    fresh: bool
    """Whether a section heading stands between it and the numbered line before it."""


class _Link(NamedTuple):
    score: float
    at: int
    before: int


def best_chain(items: Sequence[Numbered]) -> list[int]:
    """Indices of the items that number the questions: the sequence of consecutive numbers with the greatest weight.

    Every next number adds, a gap costs, and so does a restart, unless a heading precedes it. A list inside an answer
    restarts the numbers and does not look like questions, so leaving it out is cheaper than taking it in. Linear time.
    """
    asking = sum(item.weight >= 0.7 for item in items)
    # Where many items ask, one that does not is more likely a step of an answer.
    offset = 0.5 if asking >= 0.25 * len(items) and asking >= 2 else 0.15
    by_value: dict[int, _Link] = {}
    best: _Link | None = None
    links: list[_Link] = []
    for index, item in enumerate(items):
        gain = item.weight - (offset if item.weight < 0.7 else 0.15)
        options = [_Link(gain - (0.0 if item.value <= 1 else 0.3), index, -1)]
        for gap in range(1, _MAX_GAP + 1):
            link = by_value.get(item.value - gap)
            if link is not None:
                step = 0.3 if gap == 1 else -0.25 * gap
                options.append(_Link(link.score + gain + step, index, link.at))
        if best is not None and item.value <= 1:
            options.append(_Link(best.score + gain - (0.0 if item.fresh else 0.7), index, best.at))
        elif best is not None:
            options.append(_Link(best.score + gain - 1.2, index, best.at))
        chosen = max(options)
        links.append(chosen)
        held = by_value.get(item.value)
        if held is None or chosen.score >= held.score:
            by_value[item.value] = chosen
        if best is None or chosen.score >= best.score:
            best = chosen
    if best is None:
        return []
    chain: list[int] = []
    at = best.at
    while at >= 0:
        chain.append(at)
        at = links[at].before
    return chain[::-1]


def consecutive_share(values: Sequence[int]) -> float:
    """The share of numbers that follow their predecessor directly."""
    if len(values) < 2:
        return 0.0
    return sum(1 for a, b in pairwise(values) if b == a + 1) / (len(values) - 1)
