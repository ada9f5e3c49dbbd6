"""The report: one HTML page that needs nothing else, and results.jsonl with every item. The plots are drawn here."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.figures import ALL, EvalReport, Figure, metric_of, table_of
from eval.gate import GateResult
from eval.metrics import Metric, reliability, risk_coverage
from eval.page import Picture, page
from kb.types import to_json

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PAGE = "report.html"
RESULTS = "results.jsonl"
_INK, _LINE, _ACCENT, _SOFT = "#1f2328", "#d0d7de", "#0b63b5", "#c5d9ee"
_RC = {
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _INK,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.grid": True,
    "grid.color": "#eaeef2",
    "axes.axisbelow": True,
    "svg.hashsalt": "kb",
}
_BY_KIND = (
    ("answerable/hit@1", "A gold question comes first"),
    ("answerable/facts", "Facts that the answer contains"),
    ("answerable/over_refusal", "Refused although answerable"),
    ("unanswerable/handled", "Unanswerable, handled"),
    ("robustness/outcome_kept", "Disturbed query, same outcome"),
    ("counterfactual/followed", "Counterfactual passage followed"),
    ("mutants/caught", "False statements caught, by type"),
    ("genuine/passed", "True statements passed, by type"),
)


def write_report(report: EvalReport, folder: Path, *, gate: GateResult | None = None, gate_note: str = "") -> Path:
    """The path of the page, written into the folder together with results.jsonl.

    Args:
        report: the run.
        folder: made if it is not there.
        gate: the comparison with the baseline, if there was one.
        gate_note: why there was none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(to_json(item), ensure_ascii=False) for item in report.items)
    (folder / RESULTS).write_text("".join(line + "\n" for line in lines), "utf-8")
    path = folder / PAGE
    path.write_text(page(report, draw(report), gate, gate_note), "utf-8")
    return path


def draw(report: EvalReport) -> list[Picture]:
    """The plots that the run allows."""
    import matplotlib as mpl  # deferred: takes a second, and only reports need it

    pictures = []
    with mpl.rc_context(_RC):
        confidence = table_of(report.items, metric_of("abstention/aurc"))
        if len(set(confidence.columns["answerable_label"].tolist())) == 2:
            pictures.append(_risk_coverage(confidence.columns))
            pictures.append(_reliability(confidence.columns))
        for metric_id, title in _BY_KIND:
            figures = [f for f in report.figures if f.metric == metric_id]
            if len(figures) > 2:  # more than `all` and one kind
                pictures.append(_by_kind(metric_of(metric_id), title, figures))
    return pictures


def _risk_coverage(columns: Any) -> Picture:
    coverage, risk = risk_coverage(columns)

    def paint(axes: Axes) -> None:
        axes.step(100 * coverage, 100 * risk, where="post", color=_ACCENT, linewidth=1.8)
        axes.fill_between(100 * coverage, 100 * risk, step="post", color=_SOFT, alpha=0.5)
        share = 100 * float(columns["answerable_label"].mean())
        axes.axvline(share, color=_INK, linewidth=0.9, linestyle=":")
        axes.annotate(
            "answerable",
            (share, 1),
            xycoords=("data", "axes fraction"),
            xytext=(-4, -10),
            textcoords="offset points",
            ha="right",
        )
        axes.set(
            xlabel="queries answered, surest first (%)", ylabel="of these wrong (%)", xlim=(0, 100), ylim=(0, None)
        )

    note = "Wrong: the first question found is none of the gold ones, or there is none. Lower is better."
    return Picture("Risk and coverage", _svg(paint, (5.0, 3.2)), note)


def _reliability(columns: Any) -> Picture:
    bins = reliability(columns)

    def paint(axes: Axes) -> None:
        axes.plot([0, 100], [0, 100], color=_INK, linewidth=0.9, linestyle=":")
        x = [100 * confidence for confidence, _, _ in bins]
        y = [100 * share for _, share, _ in bins]
        axes.plot(x, y, color=_ACCENT, linewidth=1.2, alpha=0.6)
        axes.scatter(x, y, color=_ACCENT, s=28, zorder=3)
        axes.set(xlabel="confidence (%)", ylabel="answerable (%)", xlim=(-2, 102), ylim=(-4, 104))

    note = f"Ten bins of about {bins[0][2]} queries each. On the dotted line the confidence says the truth."
    return Picture("Reliability of the confidence", _svg(paint, (5.0, 3.2)), note)


def _by_kind(metric: Metric, title: str, figures: Sequence[Figure]) -> Picture:
    overall = next(figure for figure in figures if figure.kind == ALL)
    kinds = sorted((figure for figure in figures if figure.kind != ALL), key=lambda figure: (figure.value, figure.kind))

    def paint(axes: Axes) -> None:
        rows = [*kinds, overall]
        for place, figure in enumerate(rows):
            colour = _INK if figure is overall else _ACCENT
            axes.plot(
                [100 * figure.low, 100 * figure.high], [place, place], color=colour, linewidth=2, solid_capstyle="butt"
            )
            axes.scatter([100 * figure.value], [place], color=colour, s=34, zorder=3)
        axes.set_yticks(range(len(rows)), [f"{figure.kind.replace('_', ' ')} ({figure.n})" for figure in rows])
        axes.set(xlim=(-2, 102), ylim=(-0.6, len(rows) - 0.4), xlabel="%")
        axes.grid(axis="y", visible=False)

    better = {"higher": "Higher is better.", "lower": "Lower is better."}.get(metric.better, "")
    note = f"{metric.says.capitalize()}, with 95 % intervals; in brackets the number of items. {better}"
    return Picture(title, _svg(paint, (5.0, 0.9 + 0.27 * (len(kinds) + 1))), note)


def _svg(paint: Callable[[Axes], None], size: tuple[float, float]) -> str:
    """What is painted, as a data URI of an SVG picture."""
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=size, layout="constrained")
    paint(canvas.add_subplot())
    buffer = io.BytesIO()
    canvas.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
