"""Passages: exact spans, nothing lost, no code cut."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.chunk import split_answer
from kb.spans import Kind, blocks


def words(text: str) -> int:
    return len(re.findall(r"\w+|[^\w\s]", text))


def split(text: str, limit: int) -> list[str]:
    return [text[start:end] for start, end in split_answer(text, max_tokens=limit, count_tokens=words)]


MARKDOWN = st.lists(
    st.one_of(
        st.text(alphabet="ab .!?\n", max_size=80),
        st.sampled_from(
            [
                "# Heading\n", "\n\n", "- item one\n- item two\n", "1. first\n2. second\n", "As follows:\n\n",
                "```py\nfor x in y:\n\n    print(x)\n```\n", "~~~\n```\nnot an end\n~~~\n", "x " * 60,
                "| a | b |\n|---|---|\n| 1 | 2 |\n", "```\nnever closed\n", "naïve café 🦊 ",
                "潮の満ち引きは月による。" * 5,
            ]
        ),
    ),
    max_size=12,
).map("".join)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(text=MARKDOWN, limit=st.integers(1, 60))
def test_spans_cover_the_text_in_order_and_keep_to_the_limit(text, limit):
    spans = split_answer(text, max_tokens=limit, count_tokens=words)
    end_before = 0
    for start, end in spans:
        assert start >= end_before and end > start
        assert not text[end_before:start].strip(), "only white space lies between spans"
        assert text[start:end].strip()
        assert words(text[start:end]) <= limit or _holds_code(text, start, end) or end - start < 2
        end_before = end
    assert not text[end_before:].strip()


@settings(max_examples=200, deadline=None)
@given(text=MARKDOWN, limit=st.integers(1, 60))
def test_no_fence_is_cut(text, limit):
    spans = split_answer(text, max_tokens=limit, count_tokens=words)
    for block in blocks(text):
        if block.kind is Kind.CODE:
            assert any(start <= block.start and block.end <= end for start, end in spans)


def _holds_code(text: str, start: int, end: int) -> bool:
    return any(block.kind is Kind.CODE and start <= block.start < end for block in blocks(text))


def test_a_short_answer_is_one_span_without_the_white_space_around_it():
    assert split_answer("\n  Yes.\n", max_tokens=200, count_tokens=words) == [(3, 7)]
    assert split_answer(" \n", max_tokens=200, count_tokens=words) == []


def test_cuts_between_paragraphs_before_it_cuts_inside_them():
    text = "One two three four five.\n\nSix seven eight nine ten.\n\nEleven twelve."
    assert split(text, 13) == ["One two three four five.\n\nSix seven eight nine ten.", "Eleven twelve."]
    assert split(text, 7) == ["One two three four five.", "Six seven eight nine ten.", "Eleven twelve."]


def test_cuts_between_sentences_before_it_cuts_inside_them():
    text = "Tides follow the moon. The sun adds, e.g. at new moon. They turn twice a day."
    assert split(text, 12) == ["Tides follow the moon.", "The sun adds, e.g. at new moon.", "They turn twice a day."]


def test_headings_and_introductions_stay_with_what_they_lead_to():
    text = "First words here are some.\n\n## Steps\n\nDo it so:\n\n```\na b c d\n```"
    assert split(text, 20) == ["First words here are some.", "## Steps\n\nDo it so:\n\n```\na b c d\n```"]


def test_code_that_is_too_long_stays_whole_with_its_introduction():
    code = "```py\n" + "\n".join(f"step_{n}()" for n in range(50)) + "\n```"
    text = f"Some words first.\n\nRun this:\n\n{code}\n\nThat is all."
    assert split(text, 20) == ["Some words first.", f"Run this:\n\n{code}", "That is all."]


def test_a_long_table_is_cut_between_its_rows():
    rows = [f"| {n} | {n * n} |" for n in range(20)]
    assert "\n".join(split("\n".join(rows), 12)) == "\n".join(rows)
    assert all(piece.count("|") % 3 == 0 for piece in split("\n".join(rows), 12))


def test_keeps_fences_whole_where_the_stock_splitter_cuts_them():
    """Why answers are not split by LlamaIndex: its splitters cut long fences, and give no places in the text."""
    splitter = pytest.importorskip("llama_index.core.node_parser").SentenceSplitter
    code = "```py\n" + "\n".join(f"value_{n} = compute(value_{n - 1}, rate)" for n in range(1, 12)) + "\n```"
    text = "Interest is added each year. " * 6 + f"\n\nIn code:\n\n{code}\n\n" + "It grows with time. " * 6
    stock = splitter(chunk_size=60, chunk_overlap=0, tokenizer=lambda t: re.findall(r"\w+|[^\w\s]", t)).split_text(text)
    assert not any(code in piece for piece in stock)
    assert any(code in piece for piece in split(text, 60))
