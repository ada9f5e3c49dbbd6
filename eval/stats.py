"""Intervals by the cluster bootstrap: what figures would other samples of the same topics have given?

Queries about one topic stand or fall together, so whole topics are drawn, with replacement. All resamples are one
matrix of weights, and a figure is computed for all of them at once.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Statistic = Callable[[FloatArray], FloatArray]
"""Weights of the items, one row per resample, to one figure per row. Shape: (rows, items) -> (rows,)."""

RESAMPLES = 2000
SEED = 20240517
LEVEL = 0.95
POWER_Z = 0.8416
"""Of the normal distribution at 80 %: the power for which a detectable difference is stated."""


class Interval(NamedTuple):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


class Difference(NamedTuple):
    """A paired difference with its 95 % interval, and the smallest one that these items could have shown."""

    value: float
    low: float
    high: float
    detectable: float


@functools.lru_cache(maxsize=64)
def multiplicities(n_clusters: int, resamples: int = RESAMPLES, seed: int = SEED) -> FloatArray:
    """How often each cluster is drawn in each resample; the same for the same arguments.

    Shape: (resamples, n_clusters), float64. Every row sums to `n_clusters`.
    """
    drawn = np.random.default_rng(seed).multinomial(n_clusters, np.full(n_clusters, 1 / n_clusters), size=resamples)
    weights = drawn.astype(np.float64)
    weights.setflags(write=False)  # cached, so shared
    return weights


def item_weights(clusters: Sequence[str], resamples: int = RESAMPLES, seed: int = SEED) -> FloatArray:
    """Weights of items in each resample, given the cluster of each item. Shape: (resamples, items)."""
    names, index = np.unique(np.asarray(clusters, dtype=object).astype(str), return_inverse=True)
    return multiplicities(len(names), resamples, seed)[:, index]


def interval(statistic: Statistic, clusters: Sequence[str], *, share: bool = False) -> Interval:
    """A statistic of some items with its interval.

    Args:
        statistic: from weights to figures; NaN marks a resample that holds nothing to compute it from.
        clusters: the cluster of each item, in the order of the weights' columns.
        share: whether it is a share in [0, 1]. Where all items agree, resampling sees no uncertainty at all; a share
            then gets the exact binomial limit of as many independent trials as there are clusters.
    """
    value = float(statistic(np.ones((1, len(clusters))))[0])
    drawn = statistic(item_weights(clusters))
    low, high = _percentiles(drawn, value)
    if share and low == high and value in (0.0, 1.0):
        beyond = 1 - ((1 - LEVEL) / 2) ** (1 / len(set(clusters)))
        low, high = (0.0, beyond) if value == 0.0 else (1 - beyond, 1.0)
    return Interval(value, low, high)


def paired(after: Statistic, before: Statistic, clusters: Sequence[str], *, smallest_step: float = 0.0) -> Difference:
    """The difference of two statistics over the same items.

    Args:
        after: the figure now.
        before: the figure of the baseline.
        clusters: the cluster of each item.
        smallest_step: what one item can add to the figure; floor of the detectable difference, which the spread of
            the difference says nothing about while nothing differs.
    """
    ones, weights = np.ones((1, len(clusters))), item_weights(clusters)
    value = float((after(ones) - before(ones))[0])
    drawn = after(weights) - before(weights)
    low, high = _percentiles(drawn, value)
    known = drawn[~np.isnan(drawn)]
    spread = float(known.std()) if known.size else 0.0
    z = 1.96 + POWER_Z
    return Difference(value, low, high, max(z * spread, smallest_step * _clusters_to_notice(len(set(clusters)))))


def _clusters_to_notice(n_clusters: int) -> int:
    """How many clusters must get worse, while none gets better, before the interval excludes zero."""
    for k in range(1, n_clusters):
        if (1 - k / n_clusters) ** n_clusters < (1 - LEVEL) / 2:
            return k
    return n_clusters


def _percentiles(drawn: FloatArray, value: float) -> tuple[float, float]:
    known = drawn[~np.isnan(drawn)]
    if not known.size:
        return value, value
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(known, [tail, 100 - tail])
    # Rounded, since sums in another order must not turn "no difference" into one of 1e-17.
    return _rounded(low), _rounded(high)


def _rounded(value: float) -> float:
    return math.floor(value * 1e12 + 0.5) / 1e12
