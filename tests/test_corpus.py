"""The shipped corpus: its entries, its code, and what its code prints."""

import ast
import contextlib
import io
import re
import textwrap
import warnings
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from ingest import parse_file
from kb.types import Status

CORPUS = Path(__file__).parent.parent / "corpus"
DOCUMENTS = sorted(path for path in CORPUS.iterdir() if path.name != "glossary.txt")
EXPECTED = {
    "deep-learning-basics.txt": (54, 0),
    "error-messages.md": (17, 0),
    "modern-pytorch.md": (50, 0),
    "pytorch-and-tensorflow.txt": (40, 3),
    "pytorch-fundamentals.txt": (65, 3),
    "pytorch-in-practice.md": (50, 0),
    "scaling-and-performance.md": (44, 3),
}
"""Entries and, of these, gaps left on purpose."""
FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)
SKIPPED = {"no-run", "tensorflow"}


class Block(NamedTuple):
    info: str
    code: str


def blocks(answer):
    return [Block(m.group(1).strip(), textwrap.dedent(m.group(2))) for m in FENCE.finditer(answer)]


def answers():
    return [
        pytest.param(entry.answer, id=f"{path.stem}:{entry.lines[0]}")
        for path in DOCUMENTS
        for entry in parse_file(path).entries
        if entry.answer and any(block.info.startswith("python") for block in blocks(entry.answer))
    ]


def test_every_document_is_expected():
    assert [path.name for path in DOCUMENTS] == sorted(EXPECTED)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_entries_are_found_exactly(path):
    parsed = parse_file(path)
    n_entries, n_gaps = EXPECTED[path.name]
    assert len(parsed.entries) == n_entries
    assert sum(entry.status is not Status.ANSWERED for entry in parsed.entries) == n_gaps
    assert {drop.reason.value for drop in parsed.dropped} <= {"front_matter", "heading", "markup", "introduction"}
    numbers = [entry.number for entry in parsed.entries if entry.number is not None]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_front_matter(path):
    data = yaml.safe_load(path.read_text("utf-8").split("---")[1])
    assert {"title", "licence", "last_reviewed", "versions"} <= set(data)
    assert data["licence"] == "Apache-2.0"
    assert parse_file(path).title == data["title"]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_questions_have_other_wordings(path):
    entries = parse_file(path).entries
    share = sum(bool(entry.also_asked) for entry in entries) / len(entries)
    assert share >= 0.6
    for entry in entries:
        assert "also asked" not in (entry.answer or "").lower()
        assert all(len(wording) < 200 for wording in entry.also_asked)


@pytest.mark.parametrize("answer", answers())
def test_code_runs_and_prints_what_it_says(answer, tmp_path, monkeypatch):
    """Blocks of one answer share a namespace; a `text` block is the output of the block before it."""
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__main__"}
    printed = None
    for block in blocks(answer):
        language, *flags = block.info.split()
        if language == "text" and printed is not None:
            assert printed.rstrip() == block.code.rstrip()
        elif language == "python":
            compile(block.code, "answer", "exec")
            printed = None
            if not SKIPPED & set(flags):
                printed = run(block.code, namespace)


def run(code, namespace):
    """Run a block; lines `expression  # -> value` must have that value. Returns what it printed."""
    output = io.StringIO()
    stated = []
    lines = code.splitlines()
    for node in ast.parse(code).body:
        source = "\n".join(lines[node.lineno - 1 : node.end_lineno])
        comment = re.search(r"#\s*->\s*(.+?)\s*$", lines[node.end_lineno - 1])
        before = len(output.getvalue())
        with contextlib.redirect_stdout(output), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if comment and isinstance(node, ast.Expr) and not is_print(node.value):
                value = eval(compile(ast.Expression(node.value), "answer", "eval"), namespace)
                stated.append((comment.group(1), repr(value), str(value)))
                continue
            exec(compile(ast.Module([node], []), "answer", "exec"), namespace)
        if comment:
            text = output.getvalue()[before:].rstrip("\n")
            stated.append((comment.group(1), text, text))
        del source
    for expected, *actual in stated:
        assert normal(expected) in {normal(text) for text in actual}, f"stated {expected!r}, got {actual}"
    return output.getvalue()


def is_print(node):
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"


def normal(text):
    return " ".join(text.split())


def test_the_collection(corpus_kb):
    """Overlap between the documents, and gaps that were left on purpose and no others."""
    questions = corpus_kb.questions()
    shared = [question for question in questions if len(question.sources) > 1]
    assert len(shared) >= 30
    gaps = [question for question in questions if question.status is not Status.ANSWERED]
    posed = sum(gaps for _, gaps in EXPECTED.values())
    assert posed - 2 <= len(gaps) <= posed  # a gap of one document may be answered by another
    assert {Path(drop.source).name for drop in corpus_kb.review().dropped} == set(EXPECTED)
