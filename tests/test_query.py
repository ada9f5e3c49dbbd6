"""Queries: cleaned, corrected towards the documents' words, follow-ups read from the history."""

import pytest

from kb.errors import QueryError, SettingsError
from kb.followup import is_follow_up, readings, subject
from kb.glossary import EMPTY, parse_glossary, phrase_key
from kb.query import clean, prepare
from kb.spelling import Speller

WORDS = {"gradient": 9, "gradients": 5, "learning": 8, "rate": 7, "tensor": 9, "optimizer": 4, "dropout": 3, "load": 2}
ENGLISH = frozenset({"weather", "load", "flask", "gradient", "learning"})


@pytest.fixture
def speller():
    return Speller(WORDS, ENGLISH)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("gradeint", "gradient"),
        ("optimzer", "optimizer"),
        ("droput", "dropout"),
        ("tenosr", "tensor"),
        ("gradients", None),
        ("flask", None),  # a word that the documents lack is no typing error
        ("LoRA", None),
        ("lora", None),
        ("FSDP", None),
        ("zero_grad", None),
        ("xyz", None),
        ("loda", "load"),
    ],
)
def test_spelling(speller, typed, meant):
    assert speller.correct(typed) == meant


def test_corrections_are_reported(speller):
    query = prepare("what is a gradeint", speller, EMPTY)
    assert query.text == "what is a gradient"
    assert query.corrections == (("gradeint", "gradient"),)


@pytest.mark.parametrize("text", ["", "   ", "\u200b\u200b", "\n\t"])
def test_nothing_is_no_query(text):
    with pytest.raises(QueryError, match="empty"):
        clean(text, 100)


def test_too_long_a_query_says_so():
    with pytest.raises(QueryError, match="10000 characters"):
        clean("x" * 10_000, 2_000)


def test_clean_removes_what_cannot_be_seen():
    assert clean("a\u202eb\x00 c\n d", 100) == "ab c d"


def test_glossary_names_stand_for_each_other():
    glossary = parse_glossary("# comment\nlearning rate = lr, step size\n", "test")
    query = prepare("lr too high", None, glossary)
    assert "rate" in query.expansion_terms
    assert query.expanded.startswith("learning rate")
    assert glossary.alternatives(phrase_key("step sizes")) == ("learning rate", "lr")


def test_bad_glossary_names_the_line():
    with pytest.raises(SettingsError, match="line 2"):
        parse_glossary("a = b\nnonsense\n", "file")


HISTORY = [("user", "How do you save a model in PyTorch?"), ("assistant", "With torch.save [1].")]


@pytest.mark.parametrize(
    ("text", "history", "expected"),
    [
        ("and in TensorFlow?", HISTORY, "How do you save a model in TensorFlow?"),
        ("what about optimizers?", [("user", "How do you save a model?")], "How do you save a optimizers?"),
        ("how do I turn it off?", [("user", "What is dropout?")], "how do I turn dropout off?"),
    ],
)
def test_follow_ups_are_read_from_the_history(text, history, expected):
    assert expected in readings(text, history)


def test_a_full_question_is_left_alone():
    text = "What is the difference between a tensor and an array?"
    assert readings(text, HISTORY) == [text]
    assert readings("and in TensorFlow?", []) == ["and in TensorFlow?"]


@pytest.mark.parametrize("text", ["and in TensorFlow?", "why?", "how do I turn it off?", "what about GRUs?"])
def test_is_follow_up(text):
    assert is_follow_up(text)


def test_subject():
    assert subject("How do you save a model in PyTorch?") == "save model PyTorch"
