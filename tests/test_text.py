"""Words, terms, spans and sentences: exact positions, nothing lost, the same for queries and documents."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.spans import Kind, blocks, sentences, statements
from kb.text import content_words, normalise, terms, word_terms, words

PROSE = st.text(alphabet=st.sampled_from("abcZ .!?\n`#-*|1。؟()_'\"é"), max_size=300)


@given(st.text(max_size=300))
def test_words_stand_where_they_say(text):
    for word in words(text):
        assert text[word.start : word.end] == word.text


@given(st.text(max_size=200))
def test_normalise_is_idempotent(text):
    assert normalise(normalise(text)) == normalise(text)


@given(PROSE)
def test_blocks_hold_everything_in_order(text):
    found = blocks(text)
    outside = text
    for block in reversed(found):
        piece = text[block.start : block.end]
        assert piece and piece == piece.strip()
        outside = outside[: block.start] + outside[block.end :]
    assert not outside.strip()
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))


@given(PROSE)
def test_sentences_hold_everything_in_order(text):
    assert "".join("".join(text[a:b].split()) for a, b in sentences(text)) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Use e.g. torch.nn. Then call it.", ["Use e.g. torch.nn.", "Then call it."]),
        ("It costs 3.5 units. Next.", ["It costs 3.5 units.", "Next."]),
        ("Is it? Yes! Fine.", ["Is it?", "Yes!", "Fine."]),
        ("What is it。It is that。", ["What is it。", "It is that。"]),
        ("`a. B` is code. End.", ["`a. B` is code.", "End."]),
        ("Written by J. Doe in 1999.", ["Written by J. Doe in 1999."]),
    ],
)
def test_sentences(text, expected):
    assert [text[a:b] for a, b in sentences(text)] == expected


def test_code_is_one_statement_and_a_heading_is_none():
    text = "## Head\n\nRun this:\n\n```python\n# not a heading. Not a sentence.\n\nx = 1\n```\n- one\n- two"
    found = [(span.kind, text[span.start : span.end]) for span in statements(text)]
    assert [kind for kind, _ in found] == [Kind.PARAGRAPH, Kind.CODE, Kind.ITEM, Kind.ITEM]
    assert found[1][1].startswith("```python") and found[1][1].endswith("```")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("torch.no_grad", {"torch.no_grad", "torch", "no_grad", "grad"}),
        ("CrossEntropyLoss", {"crossentropyloss", "cross", "loss"}),
        ("GPUs", {"gpu"}),
        ("batches", {"batch"}),
        ("C++", {"c++"}),
    ],
)
def test_identifiers_are_found_whole_and_in_parts(word, expected):
    assert expected <= set(word_terms(word))


def test_scripts_without_spaces_give_pairs():
    assert set(terms("梯度消失")) == {"梯度", "度消", "消失"}


def test_content_words_leave_out_the_asking():
    assert content_words("Could you please explain what dropout is?") == ["dropout"]


def test_long_inputs_take_linear_time():
    for text in ("a. b. " * 50_000, "`" * 100_000, "x" * 1_000_000, "?" * 100_000, "- " * 50_000, "1. " * 50_000):
        assert isinstance(statements(text), list)
        assert sum(1 for _ in words(text)) >= 0
