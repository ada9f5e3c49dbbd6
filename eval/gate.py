"""Did this change make it worse? Floors that no run may break, and the paired difference to the committed baseline.

The baseline holds the scores of every item, not only the figures: the same items are compared, so that what they have
in common (a hard query stays hard) drops out of the difference.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import numpy as np

from eval.figures import ALL, EvalReport, Item, Table, metric_of, table_of
from eval.metrics import METRICS, Metric
from eval.stats import Difference, paired
from kb.errors import EvalError

FLOORS = Path(__file__).parent / "floors.json"
BASELINE = Path(__file__).parent / "baseline.json"
UPDATE = "kb eval --update-baseline"
_FORMAT = 1
_DIGITS = 5
_EPSILON = 1e-6


@dataclasses.dataclass(frozen=True, slots=True)
class Floor:
    """A bound that a figure must keep, whatever the baseline says."""

    metric: str
    bound: str
    """min or max."""
    limit: float
    kind: str = ALL
    backend: str = ""
    """The only backend for which it holds; empty for all."""
    suite: str = ""
    """The only suite for which it holds; empty for all."""


@dataclasses.dataclass(frozen=True, slots=True)
class FloorCheck:
    """A floor and what was found."""

    floor: Floor
    value: float | None
    """None where there was nothing to compute the figure from, which breaks the floor."""
    met: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """A figure now and in the baseline, over the same items."""

    metric: str
    n: int
    before: float | None
    after: float | None
    """None where nothing was said that could be measured."""
    difference: Difference
    verdict: str
    """worse, better or same; worse and better where the 95 % interval of the difference excludes zero."""


class ItemChange(NamedTuple):
    """A score of one item that moved."""

    metric: str
    before: float
    after: float


@dataclasses.dataclass(frozen=True, slots=True)
class MovedItem:
    """An item with scores that got worse."""

    item: Item
    changes: tuple[ItemChange, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class GateResult:
    """What the gate says."""

    floors: tuple[FloorCheck, ...]
    changes: tuple[Change, ...]
    worse_items: tuple[MovedItem, ...]
    n_better_items: int

    @property
    def broken(self) -> tuple[FloorCheck, ...]:
        """Floors that are not met."""
        return tuple(check for check in self.floors if not check.met)

    @property
    def worse(self) -> tuple[Change, ...]:
        """Figures that are significantly worse."""
        return tuple(change for change in self.changes if change.verdict == "worse")

    @property
    def passed(self) -> bool:
        """Whether no floor is broken and nothing is significantly worse."""
        return not self.broken and not self.worse


@dataclasses.dataclass(frozen=True, slots=True)
class Baseline:
    """The scores of an earlier run, by set and item."""

    backend: str
    model: str | None
    hashes: Mapping[str, str]
    scores: Mapping[str, Mapping[str, Mapping[str, float]]]
    """Set to item id to column to number."""


def load_floors(path: Path = FLOORS) -> tuple[Floor, ...]:
    """The floors, from a list of objects: `metric`, `min` or `max`, and `kind`, `backend`, `suite` to narrow it.

    Raises:
        EvalError: a floor names no metric that there is, or has no bound.
    """
    if not path.is_file():
        raise EvalError(f"{path}: there are no floors", hint="The gate needs them; restore the file.")
    floors = []
    for row in _read(path):
        bounds = [name for name in ("min", "max") if name in row]
        if len(bounds) != 1:
            raise EvalError(f"{path}: {row!r} needs `min` or `max`", hint="One bound per floor.")
        metric_of(row["metric"])
        narrow = {name: str(row[name]) for name in ("kind", "backend", "suite") if name in row}
        floors.append(Floor(row["metric"], bounds[0], float(row[bounds[0]]), **narrow))
    return tuple(floors)


def check_floors(report: EvalReport, floors: Sequence[Floor]) -> tuple[FloorCheck, ...]:
    """The floors that hold for this backend and suite, each with its figure."""
    checks = []
    for floor in floors:
        if floor.backend not in ("", report.backend) or floor.suite not in ("", report.suite):
            continue
        figure = report.figure(floor.metric, floor.kind)
        if figure is None:
            checks.append(FloorCheck(floor, None, met=False))
            continue
        above = figure.value >= floor.limit - _EPSILON
        met = above if floor.bound == "min" else figure.value <= floor.limit + _EPSILON
        checks.append(FloorCheck(floor, figure.value, met))
    return tuple(checks)


def check_gate(report: EvalReport, baseline: Baseline, floors: Sequence[Floor] | None = None) -> GateResult:
    """Floors and paired differences.

    Args:
        report: the run.
        baseline: the scores to compare it with, from `load_baseline`.
        floors: those of eval/floors.json if None.

    Raises:
        EvalError: the baseline was made from other sets.
    """
    _require_same_sets(report, baseline)
    checks = check_floors(report, load_floors() if floors is None else floors)
    changes, moved, n_better = _compare(report, baseline)
    return GateResult(checks, tuple(changes), tuple(moved), n_better)


def _require_same_sets(report: EvalReport, baseline: Baseline) -> None:
    if report.own:
        raise EvalError("the gate compares the project's own sets", hint="Leave out --gate, or --data.")
    differing = sorted(
        name
        for name in report.hashes.keys() | baseline.hashes.keys()
        if report.hashes.get(name) != baseline.hashes.get(name)
    )
    if differing:
        raise EvalError(
            f"the baseline was made from other sets: {', '.join(differing)} changed since",
            hint=f"Look at the figures, then run `{UPDATE} --backend {report.backend}` and commit it by itself.",
        )
    # The name alone: the folder in which a model lies differs from machine to machine.
    models = [PurePath(model).name if model else None for model in (baseline.model, report.model)]
    if models[0] != models[1]:
        raise EvalError(
            f"the baseline was made with the model {models[0]}, this run with {models[1]}",
            hint=f"Compare like with like (llm.model), or run `{UPDATE} --backend {report.backend}`.",
        )


def _compare(report: EvalReport, baseline: Baseline) -> tuple[list[Change], list[MovedItem], int]:
    changes: list[Change] = []
    by_item: dict[tuple[str, str], tuple[list[ItemChange], list[ItemChange]]] = {}
    for metric in METRICS:
        if not metric.gated:
            continue
        rows = [i for i in report.items if i.set in metric.sets and all(c in i.columns for c in metric.columns)]
        if not rows:
            continue
        now = table_of(rows, metric)
        then = _baseline_table(rows, metric, baseline)
        changes.append(_change(metric, now, then))
        if metric.by_kind:  # the others say nothing about one item
            _item_changes(metric, rows, now, then, by_item)
    items = {(item.set, item.id): item for item in report.items}
    moved = [MovedItem(items[key], tuple(worse)) for key, (worse, _) in by_item.items() if worse]
    moved.sort(key=lambda m: (m.item.set, m.item.kind, m.item.id))
    return changes, moved, sum(1 for worse, better in by_item.values() if better and not worse)


def _baseline_table(rows: Sequence[Item], metric: Metric, baseline: Baseline) -> Table:
    columns: dict[str, list[float]] = {name: [] for name in metric.columns}
    for row in rows:
        scores = baseline.scores.get(row.set, {}).get(row.id, {})
        for name in metric.columns:
            if name not in scores:
                raise EvalError(
                    f"the baseline has no {name} for {row.id}",
                    hint=f"It was made by another version; run `{UPDATE} --backend {baseline.backend}`.",
                )
            columns[name].append(scores[name])
    arrays = {name: np.array(values, dtype=np.float64) for name, values in columns.items()}
    return Table(tuple(row.id for row in rows), tuple(row.topic for row in rows), arrays)


def _change(metric: Metric, now: Table, then: Table) -> Change:
    ones = np.ones((1, len(now.ids)))
    before = _number(float(then.statistic(metric)(ones)[0]))
    after = _number(float(now.statistic(metric)(ones)[0]))
    if before is None or after is None:
        # Nothing is said any more, say, because everything is refused: that cannot pass for "not worse".
        verdict = "worse" if before is not None else "same"
        return Change(metric.id, len(now.ids), before, after, Difference(0.0, 0.0, 0.0, 0.0), verdict)
    found = paired(now.statistic(metric), then.statistic(metric), now.topics, smallest_step=1 / len(now.ids))
    up, down = found.low > _EPSILON, found.high < -_EPSILON
    if metric.better == "lower":
        up, down = down, up
    verdict = "better" if up else "worse" if down else "same"
    return Change(metric.id, len(now.ids), before, after, found, verdict)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _item_changes(
    metric: Metric,
    rows: Sequence[Item],
    now: Table,
    then: Table,
    by_item: dict[tuple[str, str], tuple[list[ItemChange], list[ItemChange]]],
) -> None:
    """Add to `by_item` what got worse and what got better, item by item."""
    alone = np.eye(len(rows))
    after, before = now.statistic(metric)(alone), then.statistic(metric)(alone)
    sign = -1.0 if metric.better == "lower" else 1.0
    for row, value, old in zip(rows, after, before, strict=True):
        gain = sign * (value - old)
        if math.isnan(gain) or abs(gain) < 10.0**-_DIGITS * 2:  # the baseline is rounded
            continue
        worse, better = by_item.setdefault((row.set, row.id), ([], []))
        (better if gain > 0 else worse).append(ItemChange(metric.id, float(old), float(value)))


def load_baseline(backend: str, path: Path = BASELINE) -> Baseline:
    """The committed scores of a backend.

    Raises:
        EvalError: there are none, or the file is damaged.
    """
    hint = f"Make it with `{UPDATE} --backend {backend}`."
    if not path.is_file():
        raise EvalError(f"{path}: there is no baseline", hint=hint)
    data = _read(path)
    if not isinstance(data, dict) or data.get("format") != _FORMAT:
        raise EvalError(f"{path}: not a baseline of format {_FORMAT}", hint=hint)
    run = data["runs"].get(backend)
    if run is None:
        raise EvalError(f"{path}: no baseline for the backend {backend}", hint=hint)
    scores: dict[str, dict[str, dict[str, float]]] = {}
    for name, table in run["sets"].items():
        rows: dict[str, dict[str, float]] = {item: {} for item in table["ids"]}
        for column, values in table["columns"].items():
            for item, value in zip(table["ids"], values, strict=True):
                if value is not None:
                    rows[item][column] = float(value)
        scores[name] = rows
    return Baseline(backend, run["model"], run["hashes"], scores)


def write_baseline(report: EvalReport, path: Path = BASELINE) -> None:
    """Write the run's scores as the backend's baseline; those of other backends stay.

    Raises:
        EvalError: the run is not a full one over all splits of the project's sets.
    """
    if report.own or report.suite != "full" or report.split != "all":
        raise EvalError(
            "a baseline needs the full suite over all splits", hint=f"Run `{UPDATE}` without other options."
        )
    data: dict[str, Any] = _read(path) if path.is_file() else {"format": _FORMAT, "runs": {}}
    needed = {column for metric in METRICS if metric.gated for column in metric.columns}
    sets: dict[str, Any] = {}
    for name in sorted({item.set for item in report.items}):
        items = sorted((item for item in report.items if item.set == name), key=lambda item: item.id)
        columns = sorted({column for item in items for column in item.columns} & needed)
        sets[name] = {
            "ids": [item.id for item in items],
            "columns": {column: [_compact(item.columns.get(column)) for item in items] for column in columns},
        }
    data["runs"][report.backend] = {"model": report.model, "hashes": dict(sorted(report.hashes.items())), "sets": sets}
    path.write_text(_lines(data), "utf-8")


def _compact(value: float | None) -> float | int | None:
    if value is None:
        return None
    return int(value) if value == int(value) else round(value, _DIGITS)


def _lines(data: Mapping[str, Any]) -> str:
    """JSON with a line per column, so that a change of the baseline can be read as a diff."""
    runs = []
    for backend, run in sorted(data["runs"].items()):
        sets = []
        for name, table in run["sets"].items():
            columns = ",\n".join(f"     {_dump(key)}: {_dump(values)}" for key, values in table["columns"].items())
            ids = f'    "ids": {_dump(table["ids"])}'
            sets.append(f'   {_dump(name)}: {{\n{ids},\n    "columns": {{\n{columns}\n    }}\n   }}')
        head = f'"model": {_dump(run["model"])}, "hashes": {_dump(run["hashes"])}'
        runs.append(f'  {_dump(backend)}: {{{head}, "sets": {{\n' + ",\n".join(sets) + "\n  }}")
    return f'{{"format": {data["format"]}, "runs": {{\n' + ",\n".join(runs) + "\n}}\n"


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise EvalError(f"{path}: not JSON: {error}", hint="Restore it from the repository.") from error
