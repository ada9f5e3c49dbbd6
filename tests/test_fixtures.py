"""The parser on labelled documents of many conventions, formats and subjects."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.parse import parse_file
from tests.fixture_score import (
    dropped_differences,
    entry_differences,
    fixture_documents,
    fold,
    load_expected,
    score,
    source_lines,
    trim_lines,
)

FIXTURES = Path(__file__).parent / "fixtures"
DOCUMENTS = [*fixture_documents(FIXTURES / "documents"), *fixture_documents(FIXTURES / "heldout")]
each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=[f"{d.parent.name}-{d.name}" for d in DOCUMENTS])


@each_document
def test_entries_are_those_of_the_labels(document: Path) -> None:
    """Every labelled entry is found in order with its question, answer, status and place, and nothing else is."""
    expected = load_expected(document)
    parsed = parse_file(document)
    differences = entry_differences(expected, parsed)
    assert not differences, "\n".join([f"{document.name} ({parsed.convention})", *differences])
    assert score(expected, parsed).precision == score(expected, parsed).recall == 1.0


@each_document
def test_dropped_lines_carry_the_labelled_reason(document: Path) -> None:
    """Lines whose reason is beyond doubt (advertisement, navigation, ...) are dropped for that reason."""
    differences = dropped_differences(load_expected(document), parse_file(document))
    assert not differences, "\n".join([document.name, *differences])


@each_document
def test_every_line_is_accounted_for(document: Path) -> None:
    """No line is lost and none is counted twice."""
    parsed = parse_file(document)
    assert parsed.lines_read == parsed.lines_in_entries + parsed.lines_dropped
    source = source_lines(parsed.text)
    taken: set[int] = set()
    for lines in [*(entry.lines for entry in parsed.entries), *(drop.lines for drop in parsed.dropped)]:
        if lines is not None:
            assert 1 <= lines[0] <= lines[1] <= len(source)
            taken |= {n for n in range(lines[0], lines[1] + 1) if source[n - 1].strip()}
    if any(entry.lines is not None for entry in parsed.entries):
        everything = {n for n, line in enumerate(source, start=1) if line.strip()}
        assert taken == everything, f"lines in no entry and not dropped: {sorted(everything - taken)}"


@each_document
def test_labels_are_words_of_the_document(document: Path) -> None:
    """Guards the labels themselves: each question and answer occurs in the text, and within its lines."""
    expected = load_expected(document)
    parsed = parse_file(document)
    assert expected["entries"], "a document without entries labels nothing"
    whole = fold(parsed.text)
    for entry in expected["entries"]:
        assert (entry["answer"] is None) == (entry["status"] != "answered")
        assert fold(entry["question"]), entry
        if entry["lines"] is not None and document.suffix in {".txt", ".md"}:
            first, last = entry["lines"]
            own = fold("\n".join(source_lines(parsed.text)[first - 1 : last]))
            assert fold(entry["question"]) in own
            assert fold(entry["question"]) in whole
            assert fold(entry["answer"] or "")[-20:] in own


def test_the_labels_cover_enough_documents() -> None:
    """The parser is measured on many documents of all formats."""
    formats = {document.suffix for document in DOCUMENTS}
    assert len(DOCUMENTS) >= 24
    assert {".txt", ".md", ".html", ".pdf", ".docx", ".ipynb", ".rst", ".csv", ".tsv", ".json", ".jsonl"} <= formats


def test_fold_keeps_words_and_drops_markup() -> None:
    """Two notations of one text fold to the same string; two texts do not."""
    assert fold("1. **Bold** `x`\n\n| a | b |\n|---|---|\n") == fold("<ol><li><b>Bold</b> <code>x</code></li></ol> a b")
    assert fold("```python\nprint(1)\n```") == fold("print(1)")
    assert fold("Use x.") != fold("Use y.")
    assert fold("Really?") != fold("Really")


def test_trim_lines_removes_bare_lines_only() -> None:
    """A number or label on a line of its own does not count; a line with a word does."""
    text = "3.\nWhy so?\nAnswer:\nBecause.\n</details>"
    assert trim_lines((1, 5), text) == (2, 4)
    assert trim_lines((2, 3), text) == (2, 2)
