"""The report: complete, escaped, and alone in the world."""

import base64
import dataclasses
import json
import re
from html.parser import HTMLParser

import pytest

from eval import cli
from eval.figures import EvalReport, Item, compute_figures
from eval.gate import Floor, check_gate, load_baseline, write_baseline
from eval.report import draw, write_report
from kb.errors import EvalError

NASTY = '<script>alert("x")</script><img src="http://example.com/a.png">'


def make_item(n, *, answerable, right):
    columns = {"answered": 1.0, "statements": 1.0, "supported": 1.0, "score": 0.9 if right else 0.4}
    if answerable:
        columns |= {"hit@1": float(right), "over_refusal": 0.0, "answerable_label": 1.0, "risk": float(not right)}
    else:
        columns |= {"refused": float(right), "handled": float(right), "answerable_label": 0.0, "risk": 1.0}
    record = {
        "query": f"query {n} {NASTY}",
        "history": (("user", NASTY),),
        "gold": [{"document": NASTY, "question": NASTY}],
        "outcome": "answered",
        "reason": None,
        "confidence": 0.5,
        "answer": f"answer {n} {NASTY}",
        "rejected": [{"text": NASTY, "support": 0.0, "reason": NASTY}],
        "hits": [{"question": NASTY, "source": NASTY, "score": 0.5, "text": f"passage {n} {NASTY}"}],
    }
    name = "answerable" if answerable else "unanswerable"
    kind = f"kind {n % 2}"
    notes = () if right else (f"wrong because {NASTY}",)
    return Item(f"{name[0]}{n}", name, kind, f"topic {n % 7}", "test", columns, notes, record)


def make_report(items, **fields):
    whole = {
        "suite": "full",
        "split": "all",
        "backend": "extractive",
        "model": None,
        "hashes": {"set": "hash"},
        "own": "",
    }
    return EvalReport(
        **{**whole, **fields},
        items=tuple(items),
        figures=compute_figures(items),
        seconds=1.0,
        ms_median=2.0,
        ms_p95=3.0,
    )


@pytest.fixture(scope="module")
def report():
    return make_report([make_item(n, answerable=n % 3 > 0, right=n % 4 > 0) for n in range(36)])


@pytest.fixture(scope="module")
def gate(report, tmp_path_factory):
    """Compared with a baseline in which everything was right."""
    better = [
        dataclasses.replace(i, columns={**i.columns, "hit@1": 1.0}) if i.set == "answerable" else i
        for i in report.items
    ]
    path = tmp_path_factory.mktemp("baseline") / "b.json"
    write_baseline(make_report(better), path)
    floors = [Floor("answerable/hit@1", "min", 0.99), Floor("asked/citation_recall", "min", 1.0)]
    return check_gate(report, load_baseline("extractive", path), floors)


@pytest.fixture(scope="module")
def folder(report, gate, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    write_report(report, folder, gate=gate)
    return folder


class Tags(HTMLParser):
    """Collects the tags with their attributes, and checks that they nest."""

    VOID = frozenset({"meta", "img", "br", "line", "circle", "col", "wbr"})

    def __init__(self):
        super().__init__()
        self.tags, self.open, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, (tag, self.open[-5:], self.getpos())

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def tags(folder):
    parser = Tags()
    parser.feed((folder / "report.html").read_text("utf-8"))
    assert parser.open == []
    return parser


def test_the_page_fetches_nothing_and_runs_nothing(tags):
    names = {tag for tag, _ in tags.tags}
    assert not names & {"script", "link", "iframe", "object", "embed", "base", "form"}
    for tag, attributes in tags.tags:
        for name in ("src", "href", "srcset", "action"):
            assert (attributes.get(name) or "data:image/svg+xml").startswith("data:image/svg+xml"), (tag, attributes)
        assert not [name for name in attributes if name.startswith("on")]
    policy = next(a["content"] for tag, a in tags.tags if tag == "meta" and "http-equiv" in a)
    assert "default-src 'none'" in policy and "script-src" not in policy


def test_what_documents_say_is_shown_as_text(tags, folder):
    assert NASTY in "".join(tags.text)
    assert "<script" not in (folder / "report.html").read_text("utf-8")


def test_every_plot_is_a_picture_that_needs_nothing(report):
    pictures = draw(report)
    assert {"Risk and coverage", "Reliability of the confidence", "A gold question comes first"} <= {
        p.title for p in pictures
    }
    for picture in pictures:
        head, _, data = picture.source.partition(",")
        svg = base64.b64decode(data).decode("utf-8")
        assert head == "data:image/svg+xml;base64" and "<svg" in svg
        assert not re.search(r"(?:href|src)=\"(?!#)", svg), "a reference to something outside"


def test_the_same_run_gives_the_same_plots(report):
    assert draw(report) == draw(report)


def test_regressions_show_query_answer_and_passages(tags):
    text = "".join(tags.text)
    start = text.index("Items that got worse")
    part = text[start : text.index("Items with faults")]
    assert "query 4" in part and "answer 4" in part and "passage 4" in part
    assert "answerable/hit@1: 100.0 → 0.0" in part


def test_gate_and_floors_are_shown(tags):
    text = "".join(tags.text)
    assert "Gate not met" in text and "nothing to measure" in text and "could have shown" in text.lower()


def test_results_hold_every_item(report, folder):
    rows = [json.loads(line) for line in (folder / "results.jsonl").read_text("utf-8").splitlines()]
    assert [row["id"] for row in rows] == [item.id for item in report.items]
    assert (
        rows[0]["columns"] == dict(report.items[0].columns)
        and rows[0]["record"]["query"] == report.items[0].record["query"]
    )
    assert rows[0]["notes"] == list(report.items[0].notes)


@pytest.mark.parametrize("which", ["answerable", "unanswerable"])
def test_a_run_over_one_set_only_has_a_report_too(report, which, tmp_path):
    items = [item for item in report.items if item.set == which]
    page = write_report(make_report(items, own="<mine>.jsonl", hashes={}), tmp_path, gate_note="there is <no> baseline")
    text = page.read_text("utf-8")
    assert "Evaluation of &lt;mine&gt;.jsonl" in text and "there is &lt;no&gt; baseline" in text
    assert not re.search(r"\bnan\b", re.sub(r"base64,[\w+/=]+", "", text), re.IGNORECASE)


def test_long_lists_are_cut_and_say_so(tmp_path):
    items = [make_item(4 * n, answerable=True, right=False) for n in range(200)]
    text = write_report(make_report(items), tmp_path).read_text("utf-8")
    assert "50 more are in results.jsonl" in text


# The terminal and the README.


def test_the_terminal_shows_every_figure(report, capsys):
    cli.print_report(report)
    shown = capsys.readouterr().out
    for figure in report.figures:
        if figure.kind == "all":
            assert figure.metric.partition("/")[2] in shown
    assert "kind 1" in shown and "36 items" in shown and "\x1b[" not in shown


def test_json_is_one_object_with_the_gate(report, gate, capsys):
    cli.print_report(report, as_json=True, gate=gate)
    found = json.loads(capsys.readouterr().out)
    assert found["n_items"] == 36 and found["gate"]["passed"] is False and found["backend"] == "extractive"
    change = next(c for c in found["gate"]["changes"] if c["metric"] == "answerable/hit@1")
    assert set(change["difference"]) == {"value", "low", "high", "detectable"} and change["difference"]["high"] < 0
    worse = found["gate"]["worse_items"][0]
    assert worse["changes"][0] == {"metric": "answerable/hit@1", "before": 1.0, "after": 0.0}


def test_the_readme_table_replaces_itself(report):
    table = cli.markdown_table(report)
    figure = report.figure("answerable/hit@1")
    value, low, high = (f"{100 * x:.1f}" for x in (figure.value, figure.low, figure.high))
    assert f"| the right question comes first | {value} | {low} to {high} | 24 |" in table
    assert cli.TABLE_COMMAND in table
    text = "before\n<!-- figures -->\nold\n<!-- /figures -->\nafter\n"
    once = cli.insert_table(text, table)
    assert "old" not in once and once.startswith("before\n") and once.endswith("after\n")
    assert cli.insert_table(once, table) == once
    with pytest.raises(EvalError, match="are not there"):
        cli.insert_table("no marks", table)
