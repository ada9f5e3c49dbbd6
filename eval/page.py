"""The HTML of the report. Everything that comes from documents, queries and answers is escaped; nothing is fetched."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from eval.figures import EvalReport, Figure, Item, is_refused, metric_of, show, show_difference
from eval.gate import Change, FloorCheck, GateResult, ItemChange, MovedItem
from eval.metrics import METRICS, Metric

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""The browser itself is told to fetch nothing and to run nothing."""
MAX_ITEMS_SHOWN = 150
"""Items of a list; all of them are in results.jsonl."""
_GROUPS = {
    "answerable": "Queries that the documents answer",
    "unanswerable": "Queries that they do not answer",
    "asked": "Faithfulness and citations of every answer",
    "abstention": "Knowing what it does not know",
    "counterfactual": "Passages against common knowledge",
    "robustness": "Disturbed queries and passages, against the undisturbed ones",
    "entries": "Finding the entries of documents",
    "duplicates": "Merging duplicate questions",
    "lookalikes": "Questions that only look alike",
    "mutants": "The check itself: false statements",
    "genuine": "The check itself: true statements",
}
_CSS = """
:root { color-scheme: light; --ink: #1f2328; --soft: #59636e; --line: #d0d7de; --accent: #0b63b5; --pale: #f6f8fa;
  --bad: #b42318; --good: #1a7f37; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1140px; padding: 28px 24px 80px; font: 15px/1.5 system-ui, sans-serif;
  color: var(--ink); background: #fff; overflow-wrap: anywhere; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 19px; margin: 42px 0 8px; }
h3 { font-size: 15px; margin: 22px 0 6px; }
p { margin: 6px 0; } .soft, figcaption, small { color: var(--soft); font-size: 13px; }
.verdict { display: inline-block; margin: 14px 6px 2px 0; padding: 4px 12px; border-radius: 6px; font-weight: 600;
  color: #fff; background: var(--soft); }
.verdict.good { color: #fff; background: var(--good); } .verdict.bad { color: #fff; background: var(--bad); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 10px; margin: 18px 0; }
.card { border: 1px solid var(--line); border-radius: 8px; padding: 10px 14px; }
.card b { display: block; font-size: 24px; line-height: 1.25; }
table { border-collapse: collapse; width: 100%; margin: 6px 0 10px; font-size: 14px; }
table.figures { table-layout: fixed; min-width: 900px; }
th { text-align: left; font-weight: 600; color: var(--soft); border-bottom: 1px solid var(--line);
  padding: 4px 12px 4px 0; }
td { border-bottom: 1px solid #eaeef2; padding: 4px 12px 4px 0; vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.metric { white-space: nowrap; }
table.kinds th { white-space: normal; overflow-wrap: normal; vertical-align: bottom; }
.scroll { overflow-x: auto; }
.bad { color: var(--bad); } .good { color: var(--good); }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(430px, 1fr)); gap: 8px 36px;
  align-items: start; }
figure { margin: 10px 0; } figure img { width: 100%; height: auto; display: block; } figure b { font-size: 15px; }
details { border: 1px solid var(--line); border-radius: 8px; margin: 6px 0; padding: 0 14px; }
details[open] { padding-bottom: 10px; } summary { cursor: pointer; padding: 7px 0; }
.tag { display: inline-block; font-size: 12px; color: var(--soft); border: 1px solid var(--line);
  border-radius: 10px; padding: 0 8px; margin-right: 6px; }
.text { white-space: pre-wrap; background: var(--pale); border-radius: 6px; padding: 8px 12px; margin: 4px 0;
  font-size: 13.5px; max-height: 320px; overflow-y: auto; }
ul, ol { margin: 4px 0; padding-left: 22px; }
@media (max-width: 560px) { .plots { grid-template-columns: 1fr; } body { padding: 18px 14px 60px; } }
@media print { details { break-inside: avoid; } .text { max-height: none; } }
"""


class Picture(NamedTuple):
    """A plot."""

    title: str
    source: str
    """Data URI."""
    note: str


def page(report: EvalReport, pictures: Sequence[Picture], gate: GateResult | None, gate_note: str = "") -> str:
    """The whole page."""
    title = f"Evaluation of {_text(report.own)}" if report.own else "Evaluation"
    body = [
        f"<h1>{title}</h1>",
        _about(report),
        _verdict(gate, gate_note),
        _cards(report),
        _gate_section(gate),
        "<h2>Figures</h2>",
        '<p class="soft">Per cent unless it says otherwise, with 95 % intervals (bootstrap over topics). Refusals are '
        "counted in, and shown beside.</p>",
        *(_group(name, report) for name in dict.fromkeys(metric.group for metric in METRICS)),
        _plots(pictures),
        _by_kind(report),
        _regressions(gate),
        _misses(report),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f"<title>{title}</title>\n<style>{_CSS}</style>\n</head>\n<body>\n"
        + "\n".join(filter(None, body))
        + "\n</body>\n</html>\n"
    )


def _text(value: Any) -> str:
    return html.escape(str(value), quote=True)


def _about(report: EvalReport) -> str:
    model = f" with {report.model}" if report.model else ""
    asked = sum(
        1 for item in report.items if item.set in ("answerable", "unanswerable", "robustness", "counterfactual")
    )
    scope = "own queries" if report.own else f"suite {report.suite}, split {report.split}"
    return (
        f'<p class="soft">{_text(scope)} · answers by {_text(report.backend + model)} · {asked} queries, '
        f"{len(report.items)} items · an answer takes {report.ms_median:.0f} ms (95 % below {report.ms_p95:.0f} ms) · "
        f"{report.seconds:.0f} s in all</p>"
    )


def _verdict(gate: GateResult | None, note: str) -> str:
    if gate is None:
        return f'<p><span class="verdict none">Not compared</span> {_text(note)}</p>' if note else ""
    if gate.passed:
        return '<p><span class="verdict good">Gate met</span> No floor is broken, nothing is significantly worse.</p>'
    what = [f"{len(gate.broken)} floors broken"] if gate.broken else []
    what += [f"{len(gate.worse)} figures significantly worse"] if gate.worse else []
    return f'<p><span class="verdict bad">Gate not met</span> {" and ".join(what)}.</p>'


_HEADLINES = (
    ("answerable/hit@1", "right question first"),
    ("answerable/facts", "facts in the answer"),
    ("answerable/over_refusal", "refused though answerable"),
    ("unanswerable/handled", "unanswerable, handled"),
    ("asked/statements_supported", "statements backed"),
    ("mutants/caught", "false statements caught"),
)


def _cards(report: EvalReport) -> str:
    cards = []
    for metric_id, label in _HEADLINES:
        if figure := report.figure(metric_id):
            metric = metric_of(metric_id)
            interval = f"{show(metric, figure.low)} to {show(metric, figure.high)}"
            value = f"<b>{show(metric, figure.value)} %</b>"
            cards.append(f'<div class="card">{value}{_text(label)}<br><small>{interval}</small></div>')
    return f'<div class="cards">{"".join(cards)}</div>' if cards else ""


def _group(name: str, report: EvalReport) -> str:
    rows = []
    for metric in METRICS:
        figure = report.figure(metric.id) if metric.group == name else None
        if figure is None:
            continue
        rows.append(
            f'<tr><td class="metric">{_text(metric.name)}</td><td class="n">{show(metric, figure.value)}</td>'
            f'<td class="n">{show(metric, figure.low)} to {show(metric, figure.high)}</td>'
            f'<td>{_bar(metric, figure)}</td><td class="n">{figure.n}</td><td class="n">{figure.refused}</td>'
            f"<td>{_text(metric.says)}{_text(_arrow(metric))}</td></tr>"
        )
    if not rows:
        return ""
    head = (
        '<colgroup><col style="width:180px"><col style="width:62px"><col style="width:118px"><col style="width:186px">'
        '<col style="width:58px"><col style="width:72px"><col></colgroup>'
        '<tr><th>metric</th><th class="n">figure</th><th class="n">95 % interval</th><th></th><th class="n">items</th>'
        '<th class="n">refused</th><th></th></tr>'
    )
    table = f'<div class="scroll"><table class="figures">{head}{"".join(rows)}</table></div>'
    return f"<h3>{_text(_GROUPS.get(name, name))}</h3>{table}"


def _arrow(metric: Metric) -> str:
    return "; lower is better" if metric.better == "lower" else ""


def _bar(metric: Metric, figure: Figure) -> str:
    """A line from 0 to 100 % with the interval and the figure on it."""
    if not metric.share:
        return ""
    low, value, high = (round(160 * min(max(x, 0.0), 1.0), 1) + 5 for x in (figure.low, figure.value, figure.high))
    return (
        '<svg width="170" height="14" role="img" aria-label="interval">'
        '<line x1="5" y1="7" x2="165" y2="7" stroke="#d0d7de"/>'
        f'<line x1="{low:.1f}" y1="7" x2="{high:.1f}" y2="7" stroke="#0b63b5" stroke-width="5" stroke-opacity="0.45"/>'
        f'<circle cx="{value:.1f}" cy="7" r="3.5" fill="#0b63b5"/></svg>'
    )


def _plots(pictures: Sequence[Picture]) -> str:
    if not pictures:
        return ""
    figures = "".join(
        f'<figure><b>{_text(p.title)}</b><img src="{_text(p.source)}" alt="{_text(p.title)}">'
        f"<figcaption>{_text(p.note)}</figcaption></figure>"
        for p in pictures
    )
    return f'<h2>Plots</h2><div class="plots">{figures}</div>'


def _by_kind(report: EvalReport) -> str:
    tables = []
    for name in dict.fromkeys(metric.group for metric in METRICS):
        metrics = [m for m in METRICS if m.group == name and m.by_kind and report.figure(m.id)]
        sets = {set_name for metric in metrics for set_name in metric.sets}
        items = [item for item in report.items if item.set in sets]
        kinds = sorted({item.kind for item in items})
        if len(kinds) < 2:
            continue
        found = {(f.metric, f.kind): f for f in report.figures}
        head = "".join(f'<th class="n">{_text(m.name).replace("_", "_<wbr>")}</th>' for m in metrics)
        rows = []
        for kind in kinds:
            mine = [item for item in items if item.kind == kind]
            cells = [_kind_cell(metric, found.get((metric.id, kind))) for metric in metrics]
            numbers = f'<td class="n">{len(mine)}</td><td class="n">{sum(map(is_refused, mine))}</td>'
            rows.append(f'<tr><td class="metric">{_text(kind)}</td>{numbers}{"".join(cells)}</tr>')
        first = '<tr><th>kind</th><th class="n">items</th><th class="n">refused</th>'
        table = f'<div class="scroll"><table class="kinds">{first}{head}</tr>{"".join(rows)}</table></div>'
        tables.append(f"<details><summary>{_text(_GROUPS.get(name, name))}</summary>{table}</details>")
    return f"<h2>By kind</h2>{''.join(tables)}" if tables else ""


def _kind_cell(metric: Metric, figure: Figure | None) -> str:
    if figure is None:
        return '<td class="n" title="nothing was said that could be measured">–</td>'
    interval = f"{show(metric, figure.low)} to {show(metric, figure.high)}"
    return f'<td class="n" title="{interval}">{show(metric, figure.value)}</td>'


def _gate_section(gate: GateResult | None) -> str:
    if gate is None:
        return ""
    floors = "".join(_floor_row(check.floor.metric, check) for check in gate.floors)
    changes = "".join(_change_row(change) for change in gate.changes)
    return (
        "<h2>Against the baseline</h2>"
        f'<div class="scroll"><table><tr><th>figure</th><th class="n">baseline</th><th class="n">now</th>'
        '<th class="n">difference</th><th class="n">95 % interval</th><th class="n">could have shown</th><th></th></tr>'
        f"{changes}</table></div>"
        '<p class="soft">Paired over the same items. “Could have shown”: the smallest true difference that these '
        "items would show four times in five.</p>"
        '<h3>Floors</h3><table><tr><th>figure</th><th>kind</th><th class="n">floor</th><th class="n">found</th>'
        "<th></th></tr>"
        f"{floors}</table>"
    )


def _floor_row(metric_id: str, check: FloorCheck) -> str:
    metric, floor = metric_of(metric_id), check.floor
    value = "nothing to measure" if check.value is None else show(metric, check.value)
    verdict = '<span class="good">met</span>' if check.met else '<span class="bad">broken</span>'
    bound = "at least" if floor.bound == "min" else "at most"
    return (
        f"<tr><td>{_text(metric_id)}</td><td>{_text(floor.kind)}</td>"
        f'<td class="n">{bound} {show(metric, floor.limit)}</td>'
        f'<td class="n">{value}</td><td>{verdict}</td></tr>'
    )


def _change_row(change: Change) -> str:
    metric = metric_of(change.metric)
    css = {"worse": "bad", "better": "good"}.get(change.verdict, "soft")
    before, after = ("–" if value is None else show(metric, value) for value in (change.before, change.after))
    found = change.difference
    return (
        f'<tr><td class="metric">{_text(change.metric)}</td><td class="n">{before}</td><td class="n">{after}</td>'
        f'<td class="n">{show_difference(metric, found.value)}</td>'
        f'<td class="n">{show_difference(metric, found.low)} to {show_difference(metric, found.high)}</td>'
        f'<td class="n">{show(metric, found.detectable).lstrip("+")}</td>'
        f'<td class="{css}">{_text(change.verdict)}</td></tr>'
    )


def _regressions(gate: GateResult | None) -> str:
    if gate is None:
        return ""
    if not gate.worse_items:
        return '<h2>Items that got worse</h2><p class="soft">None.</p>'
    better = f"{gate.n_better_items} got better in some and worse in none"
    note = f"{len(gate.worse_items)} items got worse in a figure, {better}."
    return f'<h2>Items that got worse</h2><p class="soft">{note}</p>' + _listed(
        [_item(moved.item, _moves(moved)) for moved in gate.worse_items]
    )


def _moves(moved: MovedItem) -> list[str]:
    return [move_text(change) for change in moved.changes]


def move_text(change: ItemChange) -> str:
    """What moved in an item, for people."""
    metric = metric_of(change.metric)
    return f"{change.metric}: {show(metric, change.before)} → {show(metric, change.after)}"


def _misses(report: EvalReport) -> str:
    parts = []
    for name in dict.fromkeys(item.set for item in report.items):
        wrong = [item for item in report.items if item.set == name and item.notes]
        if wrong:
            total = sum(1 for item in report.items if item.set == name)
            parts.append(
                f"<h3>{_text(name)}: {len(wrong)} of {total}</h3>" + _listed([_item(item, ()) for item in wrong])
            )
    intro = '<p class="soft">What is not as it should be in this run, with the reason.</p>'
    return "<h2>Items with faults</h2>" + (intro + "".join(parts) if parts else '<p class="soft">None.</p>')


def _listed(items: Sequence[str]) -> str:
    more = len(items) - MAX_ITEMS_SHOWN
    tail = f'<p class="soft">{more} more are in results.jsonl.</p>' if more > 0 else ""
    return "".join(items[:MAX_ITEMS_SHOWN]) + tail


def _item(item: Item, changes: Iterable[str]) -> str:
    record = item.record
    parts = [_list("Changed", changes), _list("Wrong", item.notes)]
    history = [f"{role}: {text}" for role, text in record.get("history", ())]
    parts += [_list("Before it", history), _block("Undisturbed", record.get("base"))]
    parts += [_list("Gold", (f"{g['question']} ({g['document']})" for g in record.get("gold", ())))]
    parts += [_list("Facts", record.get("facts", ()))]
    if "outcome" in record:
        outcome = str(record["outcome"]) + (f", {record['reason']}" if record.get("reason") else "")
        parts += [
            f"<h3>Answer ({_text(outcome)}; confidence {record['confidence']:.2f})</h3>",
            _block("", record.get("answer")),
        ]
        parts += [_list("Rejected by the check", (f"{r['text']} ({r['reason']})" for r in record.get("rejected", ())))]
    parts += [_passages(record)]
    tags = f'<span class="tag">{_text(item.set)}</span><span class="tag">{_text(item.kind)}</span>'
    head = tags + _text(record.get("query", ""))
    return f"<details><summary>{head} <small>{_text(item.id)}</small></summary>{''.join(filter(None, parts))}</details>"


def _passages(record: Mapping[str, Any]) -> str:
    hits = record.get("hits", ())
    if hits:
        rows = "".join(
            f"<li>{_text(h['question'])} <small>{_text(h['source'])} · {h['score']:.3f}</small>"
            + (_block("", h["text"]) if place < 3 else "")
            + "</li>"
            for place, h in enumerate(hits[:5])
        )
        return f"<h3>Found</h3><ol>{rows}</ol>"
    return "".join(_block("Passage" if n == 0 else "", text) for n, text in enumerate(record.get("passages", ())))


def _list(title: str, lines: Iterable[str]) -> str:
    rows = "".join(f"<li>{_text(line)}</li>" for line in lines)
    return f"<h3>{title}</h3><ul>{rows}</ul>" if rows else ""


def _block(title: str, text: str | None) -> str:
    if not text:
        return ""
    return (f"<h3>{title}</h3>" if title else "") + f'<div class="text">{_text(text)}</div>'
