"""What `kb eval` does: run, compare, report, print. stdout carries the result."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from eval.figures import ALL, EvalReport, metric_of, show, show_difference
from eval.gate import (
    BASELINE,
    Baseline,
    GateResult,
    MovedItem,
    check_gate,
    load_baseline,
    write_baseline,
)
from eval.metrics import METRICS
from eval.page import move_text
from eval.report import write_report
from eval.run import EvalOptions, run_eval
from eval.samples import Split, Suite
from kb.errors import EvalError
from kb.settings import Settings
from kb.types import to_json

__all__ = [
    "EvalCommand",
    "EvalOptions",
    "check_gate",
    "evaluate",
    "load_baseline",
    "markdown_table",
    "print_gate",
    "print_report",
    "run_eval",
]

Progress = Callable[[str, int, int], None]

MAX_SHOWN = 40
"""Items that the terminal lists; the report has more, results.jsonl all."""
TABLE_COMMAND = "kb eval --suite full --split test --markdown"
_TABLE = re.compile(r"(<!-- figures -->\n).*?(<!-- /figures -->)", re.DOTALL)
_IN_README = (
    ("answerable/hit@1", "the right question comes first"),
    ("answerable/hit@5", "the right question is among the first five"),
    ("answerable/mrr", "mean reciprocal rank, among ten"),
    ("answerable/ndcg@10", "nDCG@10"),
    ("answerable/facts", "facts of a right answer that the answer contains (refusals contain none)"),
    ("answerable/token_f1", "token F1 against the document's answer"),
    ("answerable/rouge_l", "ROUGE-L against the document's answer"),
    ("answerable/over_refusal", "refused although the documents answer it (lower is better)"),
    ("unanswerable/handled", "not answered by the documents: refused, or the false premise corrected"),
    ("abstention/auroc", "AUROC of the confidence"),
    ("abstention/refusal_at_3%", "unanswerable refused where 3 % of the answerable are"),
    ("abstention/calibration_error", "calibration error of the confidence (lower is better)"),
    ("asked/statements_supported", "statements that the cited entries back"),
    ("asked/hard_violations", "statements with a number or identifier from elsewhere (must be 0)"),
    ("asked/quotes_verbatim", "quotes that stand verbatim where the citation says (must be 100)"),
    ("asked/citation_recall", "citation recall (ALCE)"),
    ("asked/citation_precision", "citation precision (ALCE)"),
    ("counterfactual/followed", "passages against common knowledge: followed, or refused"),
    ("robustness/outcome_kept", "disturbed queries: answered or refused as before"),
    ("entries/precision", "entries found in documents: precision"),
    ("entries/recall", "entries found in documents: recall"),
    ("duplicates/precision", "duplicates merged: precision"),
    ("duplicates/recall", "duplicates merged: recall"),
    ("duplicates/f1", "duplicates merged: F1"),
    ("lookalikes/merged", "look-alikes merged by mistake (lower is better)"),
    ("mutants/caught", "false statements that the check catches"),
    ("genuine/passed", "true statements that the check lets pass"),
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EvalCommand:
    """The options of `kb eval`; None where the user said nothing."""

    suite: Suite | None = None
    split: Split | None = None
    data: Path | None = None
    gate: bool = False
    update_baseline: bool = False
    report: Path | None = None
    own_index: bool = False
    """Whether --home or --collection was given: then the project's sets, too, are asked of that index."""
    as_json: bool = False
    markdown: bool = False
    """Print the table of figures for the README instead."""
    baseline: Path = BASELINE
    cache: Path | None = None


def evaluate(command: EvalCommand, settings: Settings, progress: Progress) -> bool:
    """Whether the gate is met; True where it was not asked for. Prints the figures, writes the report and the baseline.

    The backend is `settings.llm.backend`.

    Raises:
        EvalError: a set or the baseline cannot be used.
    """
    options = _options(command)
    report = run_eval(options, settings, progress)
    if command.update_baseline:
        write_baseline(report, command.baseline)
    gate, note = _gate(command, report)
    if command.report is not None:
        page = write_report(report, command.report, gate=gate, gate_note=note)
        sys.stderr.write(f"report: {page}\n")
    if command.markdown:
        sys.stdout.write(markdown_table(report))
    else:
        print_report(report, as_json=command.as_json, gate=gate)
    if command.update_baseline:
        sys.stderr.write(f"baseline: {command.baseline} ({report.backend}); commit it by itself\n")
    if command.gate and gate is not None and not command.as_json:
        print_gate(gate)
    return gate is None or not command.gate or gate.passed


def _options(command: EvalCommand) -> EvalOptions:
    suite, split = command.suite or "full", command.split or "test"
    if command.update_baseline:
        if command.data or command.suite == "smoke" or command.split in ("dev", "test") or command.own_index:
            raise EvalError(
                "a baseline needs the full suite, both splits and a fresh index",
                hint="Run `kb eval --update-baseline` without --suite, --split, --data and --home.",
            )
        suite, split = "full", "all"
    if command.gate and command.data:
        raise EvalError("the gate compares the project's own sets", hint="Leave out --gate, or --data.")
    return EvalOptions(suite=suite, split=split, data=command.data, own_index=command.own_index, cache=command.cache)


def _gate(command: EvalCommand, report: EvalReport) -> tuple[GateResult | None, str]:
    """The comparison with the baseline; without --gate, a baseline that cannot be used is a note, no error."""
    if report.own:
        return None, ""
    if not command.gate and command.report is None:
        return None, ""
    try:
        baseline: Baseline = load_baseline(report.backend, command.baseline)
        return check_gate(report, baseline), ""
    except EvalError as error:
        if command.gate:
            raise
        return None, error.message


def _console() -> Console:
    # Where nobody looks on, in a pipe or a log, lines must not be cut to some terminal's width.
    return Console(file=sys.stdout, width=None if sys.stdout.isatty() else 140, highlight=False, soft_wrap=False)


def print_report(report: EvalReport, *, as_json: bool = False, gate: GateResult | None = None) -> None:
    """Print the figures: tables for people, or one JSON object."""
    if as_json:
        sys.stdout.write(json.dumps(report_json(report, gate), ensure_ascii=False) + "\n")
        return
    console = _console()
    for name in dict.fromkeys(metric.group for metric in METRICS):
        metrics = [m for m in METRICS if m.group == name and report.figure(m.id)]
        if not metrics:
            continue
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=name, title_justify="left", title_style="bold")
        table.add_column("")
        for heading in ("figure", "95 % interval", "items", "refused"):
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column("")
        for metric in metrics:
            figure = report.figure(metric.id)
            if figure is None:
                continue
            interval = f"{show(metric, figure.low)} to {show(metric, figure.high)}"
            says = metric.says + ("; lower is better" if metric.better == "lower" else "")
            value = show(metric, figure.value)
            table.add_row(metric.name, value, interval, str(figure.n), str(figure.refused), says)
        console.print(table)
    _print_kinds(console, report)
    faults = sum(1 for item in report.items if item.notes)
    console.print(
        f"{len(report.items)} items, {faults} with faults; {report.backend}; {report.ms_median:.0f} ms an answer, "
        f"95 % of them below {report.ms_p95:.0f} ms; {report.seconds:.0f} s in all"
    )


_KIND_COLUMNS = {
    "answerable": ("hit@1", "hit@5", "facts", "over_refusal"),
    "unanswerable": ("handled", "refused"),
    "counterfactual": ("followed", "contradicted"),
    "robustness": ("hit@1_change", "facts_change", "outcome_kept"),
    "mutants": ("caught",),
}


def _print_kinds(console: Console, report: EvalReport) -> None:
    """The figures by kind, with their intervals."""
    for name, columns in _KIND_COLUMNS.items():
        metrics = [metric_of(f"{name}/{column}") for column in columns]
        kinds = sorted({f.kind for f in report.figures if f.metric in {m.id for m in metrics} and f.kind != ALL})
        if len(kinds) < 2:
            continue
        table = Table(
            box=box.SIMPLE_HEAD, pad_edge=False, title=f"{name} by kind", title_justify="left", title_style="bold"
        )
        table.add_column("kind")
        table.add_column("items", justify="right")
        for metric in metrics:
            table.add_column(metric.name, justify="right", no_wrap=True)
        for kind in kinds:
            figures = [report.figure(metric.id, kind) for metric in metrics]
            cells = [
                f"{show(m, f.value)} [{show(m, f.low)}, {show(m, f.high)}]" if f else "–"
                for m, f in zip(metrics, figures, strict=True)
            ]
            table.add_row(Text(kind), str(max(f.n for f in figures if f)), *map(Text, cells))
        console.print(table)


def report_json(report: EvalReport, gate: GateResult | None = None) -> dict[str, Any]:
    """The run without its items, which results.jsonl has."""
    fields = {f.name: getattr(report, f.name) for f in dataclasses.fields(report) if f.name != "items"}
    data: dict[str, Any] = to_json(fields)
    data["n_items"] = len(report.items)
    data["gate"] = None
    if gate is not None:
        worse = [
            {
                "id": m.item.id,
                "set": m.item.set,
                "query": m.item.record.get("query"),
                "changes": to_json([c._asdict() for c in m.changes]),
            }
            for m in gate.worse_items
        ]
        changes = [{**to_json(change), "difference": change.difference._asdict()} for change in gate.changes]
        data["gate"] = {
            "passed": gate.passed,
            "floors": to_json(gate.floors),
            "changes": changes,
            "worse_items": worse,
            "n_better_items": gate.n_better_items,
        }
    return data


def print_gate(gate: GateResult) -> None:
    """Print what the gate says: differences, with what could have been detected; floors; the items that got worse."""
    console = _console()
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, title="against the baseline", title_justify="left", title_style="bold"
    )
    table.add_column("")
    for heading in ("before", "now", "difference", "95 % interval", "detectable", ""):
        table.add_column(heading, justify="right", no_wrap=True)
    for change in gate.changes:
        metric, found = metric_of(change.metric), change.difference
        before, after = ("–" if value is None else show(metric, value) for value in (change.before, change.after))
        interval = f"{show_difference(metric, found.low)} to {show_difference(metric, found.high)}"
        detectable = show(metric, found.detectable).lstrip("+")
        style = {"worse": "red", "better": "green"}.get(change.verdict, "")
        table.add_row(
            change.metric,
            before,
            after,
            show_difference(metric, found.value),
            interval,
            detectable,
            Text(change.verdict, style=style),
        )
    console.print(table)
    for check in gate.floors:
        metric = metric_of(check.floor.metric)
        bound = "at least" if check.floor.bound == "min" else "at most"
        found_text = "nothing to measure" if check.value is None else show(metric, check.value)
        state = "met   " if check.met else "BROKEN"
        kind = "" if check.floor.kind == ALL else f" ({check.floor.kind})"
        console.print(
            Text(
                f"floor {state} {check.floor.metric}{kind}: {bound} {show(metric, check.floor.limit)}, is {found_text}"
            )
        )
    _print_worse(console, gate.worse_items)
    if gate.worse_items or gate.n_better_items:
        console.print(f"{len(gate.worse_items)} items got worse in some figure, {gate.n_better_items} only better.")
    console.print(
        Text("gate met" if gate.passed else "gate NOT met", style="bold green" if gate.passed else "bold red")
    )


def _print_worse(console: Console, moved: tuple[MovedItem, ...]) -> None:
    from kb.console import safe

    for item in moved[:MAX_SHOWN]:
        query = safe(" ".join(str(item.item.record.get("query", "")).split()))
        console.print(Text(f"worse: {item.item.set} {item.item.id} [{item.item.kind}] {query}"))
        console.print(Text("       " + "; ".join(move_text(change) for change in item.changes)))
    if len(moved) > MAX_SHOWN:
        console.print(f"and {len(moved) - MAX_SHOWN} more; --report DIR shows them")


def markdown_table(report: EvalReport) -> str:
    """The table of figures for the README, with the command that makes it."""
    lines = ["| what | % | 95 % interval | items |", "|---|---:|---:|---:|"]
    for metric_id, label in _IN_README:
        if figure := report.figure(metric_id):
            metric = metric_of(metric_id)
            value, low, high = (show(metric, x) for x in (figure.value, figure.low, figure.high))
            lines.append(f"| {label} | {value} | {low} to {high} | {figure.n} |")
    scope = f"suite {report.suite}, split {report.split}, backend {report.backend}"
    lines += ["", f"Made with `{TABLE_COMMAND}` ({scope}); intervals by a bootstrap over topics."]
    return "\n".join(lines) + "\n"


def insert_table(text: str, table: str) -> str:
    """The text with the table between `<!-- figures -->` and `<!-- /figures -->`.

    Raises:
        EvalError: the marks are not there.
    """
    if not _TABLE.search(text):
        raise EvalError(
            "the marks <!-- figures --> and <!-- /figures --> are not there", hint="Put them on lines of their own."
        )
    return _TABLE.sub(lambda match: match.group(1) + table + match.group(2), text)
