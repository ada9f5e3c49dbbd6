"""The scores of a run, and the figures that they make: overall and by kind, each with its interval."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from eval.metrics import METRICS, Metric
from eval.stats import FloatArray, Interval, interval
from kb.errors import EvalError

ALL = "all"


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """One scored sample."""

    id: str
    set: str
    kind: str
    topic: str
    split: str
    columns: Mapping[str, float]
    notes: tuple[str, ...] = ()
    """What is wrong with it, for people."""
    record: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """What was asked and what came back, as it goes into results.jsonl."""


@dataclasses.dataclass(frozen=True, slots=True)
class Figure:
    """A metric over some items."""

    metric: str
    """Its id: set/name."""
    kind: str
    """`all`, or the kind of item."""
    value: float
    low: float
    high: float
    """Of the 95 % interval."""
    n: int
    """Items that it was computed from, refusals included."""
    refused: int
    """How many of these were refused."""


@dataclasses.dataclass(frozen=True, slots=True)
class EvalReport:
    """What an eval run found."""

    suite: str
    split: str
    backend: str
    model: str | None
    hashes: Mapping[str, str]
    """Of what was measured on, by set; empty for a user's own queries."""
    items: tuple[Item, ...]
    figures: tuple[Figure, ...]
    seconds: float
    ms_median: float
    """Of one answer."""
    ms_p95: float
    own: str = ""
    """The file of a user's own queries; empty for the project's sets."""

    def figure(self, metric: str, kind: str = ALL) -> Figure | None:
        """The figure, or None where there was nothing to compute it from."""
        return next((f for f in self.figures if f.metric == metric and f.kind == kind), None)


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """The items of a metric as columns of numbers."""

    ids: tuple[str, ...]
    topics: tuple[str, ...]
    columns: Mapping[str, FloatArray]

    def statistic(self, metric: Metric) -> Callable[[FloatArray], FloatArray]:
        """The metric as a function of weights alone."""
        return functools.partial(metric.compute, self.columns)


def table_of(items: Iterable[Item], metric: Metric) -> Table:
    """The items that the metric takes: those of its sets that have all its columns."""
    rows = [i for i in items if i.set in metric.sets and all(name in i.columns for name in metric.columns)]
    columns = {name: np.array([row.columns[name] for row in rows], dtype=np.float64) for name in metric.columns}
    return Table(tuple(row.id for row in rows), tuple(row.topic for row in rows), columns)


def compute_figures(items: Sequence[Item], metrics: Sequence[Metric] = METRICS) -> tuple[Figure, ...]:
    """Every figure that the items allow, overall and by kind.

    A figure that has no denominator (the citations of answers that were all refused) is left out rather than NaN; the
    gate takes a floor without its figure as broken.

    Raises:
        EvalError: a score is not a number.
    """
    for item in items:
        if odd := [name for name, value in item.columns.items() if not math.isfinite(value)]:
            raise EvalError(
                f"{item.id}: {odd[0]} could not be scored", hint="This is a fault of the scorer; please report it."
            )
    found = []
    for metric in metrics:
        mine = [item for item in items if item.set in metric.sets]
        found += _figures(metric, ALL, mine)
        if metric.by_kind:
            for kind in sorted({item.kind for item in mine}):
                found += _figures(metric, kind, [item for item in mine if item.kind == kind])
    return tuple(found)


def _figures(metric: Metric, kind: str, items: Sequence[Item]) -> list[Figure]:
    table = table_of(items, metric)
    if not table.ids:
        return []
    found: Interval = interval(table.statistic(metric), table.topics, share=metric.share)
    if math.isnan(found.value):
        return []
    refused = sum(is_refused(item) for item in items)
    return [Figure(metric.id, kind, found.value, found.low, found.high, len(table.ids), refused)]


def is_refused(item: Item) -> bool:
    """Whether the item is a query that was refused."""
    return item.columns.get("answered") == 0.0 or item.columns.get("refused") == 1.0


@functools.cache
def metric_of(metric_id: str) -> Metric:
    """The metric with this id.

    Raises:
        EvalError: there is none.
    """
    for metric in METRICS:
        if metric.id == metric_id:
            return metric
    raise EvalError(f"there is no metric {metric_id!r}", hint=f"There are: {', '.join(m.id for m in METRICS)}.")


def show(metric: Metric, value: float) -> str:
    """The figure as text: shares in per cent, changes with their sign, others as they are."""
    if metric.share:
        return f"{100 * value:.1f}"
    return signed(f"{value:+.3f}") if metric.name.endswith("_change") else f"{value:.1f}"


def show_difference(metric: Metric, value: float) -> str:
    """A difference of two figures as text, with its sign."""
    return signed(f"{100 * value:+.1f}" if metric.share else f"{value:+.3f}")


def signed(text: str) -> str:
    """A number as text without its sign where it is written as zero."""
    return text if text.strip("+-0.") else text.lstrip("+-")
