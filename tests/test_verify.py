"""The check of statements: what stands in a passage always passes, what is changed does not, and nothing crashes it."""

from __future__ import annotations

import json
import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.mutate import light_edits, mutants
from eval.verify_rates import FIXTURES, TRUE_TYPES, cases, mutant_rates
from kb.checking import verify_statement
from kb.spans import statements

PASSAGE = (
    "The pump starts when the pressure falls below 2 bar. It must not run dry.\n\n"
    "- Check the oil every 500 hours.\n- `pump.stop()` closes the valve.\n\n"
    "```python\nfor step in range(3):\n    pump.run(step)\n```\n\nDiesel pumps are louder than electric pumps."
)
WORDS = st.sampled_from(
    "the a pump is not faster than `x.y()` 3 bar, and . - * ``` | if\n it 4.5 % não 泵 Ünïcode".split(" ")  # noqa: SIM905
)
TEXTS = st.one_of(st.text(max_size=200), st.lists(WORDS, max_size=40).map(" ".join))


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_every_statement_of_a_text_is_backed_by_it(text):
    for span in statements(text):
        piece = text[span.start : span.end]
        verdict = verify_statement(piece, ["Something else.", text])
        assert verdict.supported, (piece, verdict)
        assert verdict.passage is not None
        quote = ["Something else.", text][verdict.passage][verdict.start : verdict.end]
        assert quote == verdict.quote
        assert " ".join(piece.split()) in " ".join(quote.split()) or verdict.support == 1.0


@settings(max_examples=150, deadline=None)
@given(TEXTS, TEXTS, TEXTS)
def test_nothing_crashes_it_and_the_quote_is_verbatim(statement, passage, question):
    verdict = verify_statement(statement, [passage, PASSAGE], question=question)
    assert 0.0 <= verdict.support <= 1.0
    assert verdict.reason
    if verdict.passage is None:
        assert not verdict.supported
        assert verdict.quote == ""
    else:
        assert [passage, PASSAGE][verdict.passage][verdict.start : verdict.end] == verdict.quote


@pytest.mark.parametrize(
    "statement",
    [
        "When the pressure falls below 2 bar, the pump starts.",
        "The oil should be checked every 500 hours.",
        "The valve is closed by `pump.stop()`.",
        "Electric pumps are less loud than diesel pumps.",
        "The pump must not run dry, and its oil is checked every 500 hours.",
        "In short, **diesel pumps** are louder than electric pumps [2].",
        "```\nfor step in range(3):\n  pump.run(step)\n```",
    ],
)
def test_other_wordings_of_what_is_said_pass(statement):
    verdict = verify_statement(statement, [PASSAGE])
    assert verdict.supported, verdict.reason
    assert verdict.quote in PASSAGE


@pytest.mark.parametrize(
    "statement",
    [
        "The pump starts when the pressure falls below 3 bar.",
        "The pump starts when the pressure rises above 2 bar.",
        "The pressure falls below 2 bar when the pump starts.",
        "The pump must run dry.",
        "It may run dry.",
        "The oil is checked every 500 minutes.",
        "`pump.start()` closes the valve.",
        "`pump.stop()` opens the valve.",
        "Electric pumps are louder than diesel pumps.",
        "Diesel pumps are less loud than electric pumps.",
        "All pumps are louder than electric pumps.",
        "Diesel pumps are louder than electric pumps, and they also last longer.",
        "Check the oil every 500 hours because the warranty requires it.",
        "Siemens pumps are louder than electric pumps.",
        "```python\nfor step in range(4):\n    pump.run(step)\n```",
    ],
)
def test_what_is_changed_does_not_pass(statement):
    verdict = verify_statement(statement, [PASSAGE])
    assert not verdict.supported
    assert verdict.reason
    assert verdict.support < 0.5


@pytest.mark.parametrize("statement", ["", "   ", "\n", "```\n```", "...", "[1]", "?", "—"])
def test_an_empty_statement_is_never_backed(statement):
    assert not verify_statement(statement, [PASSAGE]).supported


def test_numbers_in_brackets_are_citations_only_where_they_can_be():
    """A list in code once passed with another number in it, because it was taken for a citation and dropped."""
    passage = "Call `x = torch.tensor([1, 2, 3])` first. The shape is [4, 5].\n\n```python\ny = f([1, 2, 3])\n```"
    assert verify_statement("Call `x = torch.tensor([1, 2, 3])` first [1].", [passage]).supported
    assert not verify_statement("Call `x = torch.tensor([1, 2, 30])` first.", [passage]).supported
    assert not verify_statement("```python\ny = f([1, 2, 30])\n```", [passage]).supported
    assert not verify_statement("The shape is [4, 6].", [passage]).supported


def test_without_passages_nothing_is_backed():
    assert not verify_statement("The pump starts.", []).supported


def test_the_parts_of_a_statement_may_come_from_two_passages():
    passages = ["The pump needs 2 litres of oil.", "The motor is cooled with water."]
    verdict = verify_statement("The pump needs 2 litres of oil, and the motor is cooled with water.", passages)
    assert verdict.supported
    assert not verify_statement(
        "The motor needs 2 litres of oil, and the pump is cooled with water.", passages
    ).supported


def test_the_question_gives_the_subject_and_no_facts():
    passage = "A way of training that skips random units."
    assert verify_statement(
        "Dropout is a way of training that skips random units.", [passage], question="What is dropout?"
    ).supported
    assert not verify_statement("Dropout is a way of training that skips random units.", [passage]).supported
    question = "Is it true that dropout was invented in 2012?"
    assert not verify_statement("Dropout was invented in 2012.", [passage], question=question).supported


@pytest.mark.parametrize(
    ("passage", "changed"),
    [
        ("泵在压力低于2巴时启动。", "泵在压力高于2巴时启动。"),
        (
            "Die Pumpe läuft nicht, wenn der Druck zu hoch ist und das Ventil klemmt.",
            "Die Pumpe läuft, wenn der Druck zu hoch ist und das Ventil klemmt.",
        ),
        ("Насос не работает без масла.", "Насос работает без масла."),
    ],
)
def test_in_other_languages_only_the_very_words_pass(passage, changed):
    assert verify_statement(passage, [passage]).supported
    assert not verify_statement(changed, [passage]).supported


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 9999), st.integers(2, 9999), st.sampled_from(["hours", "metres", "euros", "percent", "files"]))
def test_a_number_must_be_the_same(one, other, unit):
    passage = f"The limit of the service is {one} {unit} per account."
    statement = f"Per account, the service has a limit of {other} {unit}."
    assert verify_statement(statement, [passage]).supported == (one == other)


@settings(max_examples=60, deadline=None)
@given(st.text(string.ascii_lowercase, min_size=4, max_size=9), st.text(string.ascii_lowercase, min_size=4, max_size=9))
def test_an_identifier_must_be_the_same(one, other):
    passage = f"Call `lib.{one}()` before the model is saved."
    assert verify_statement(f"`lib.{other}()` is called before the model is saved.", [passage]).supported == (
        one == other
    )


def test_mutants_are_repeatable_false_and_of_each_type():
    statement = "Ann says that `lib.run()` is not faster than Redis for 40 files."
    found = mutants(statement, statement)
    assert found == mutants(statement, statement)
    assert {mutant.type for mutant in found} >= {"number", "entity", "api", "negation_removed", "clause"}
    for mutant in found:
        assert mutant.statement != statement
    for edited in light_edits("The pump does not run for two hours."):
        assert edited != "The pump does not run for two hours."


def test_the_two_halves_of_the_fixtures_share_no_passage():
    halves = []
    for split in ("dev", "heldout"):
        rows = [json.loads(line) for line in (FIXTURES / f"{split}.jsonl").read_text("utf-8").splitlines()]
        assert len({row["id"] for row in rows}) == len(rows)
        assert all(row["label"] == (row["type"] in TRUE_TYPES) for row in rows)
        halves.append({row["passage"] for row in rows})
    assert not halves[0] & halves[1]


def test_false_statements_are_caught_and_verbatim_ones_pass():
    """The floors are what was measured less a little; a change that falls below them has broken something."""
    for split, caught in (("dev", 0.985), ("heldout", 0.97)):
        rates = mutant_rates(split)
        assert rates["false"].share >= caught, {name: rate.share for name, rate in rates.items()}
        assert rates["verbatim"].share == 1.0
        assert rates["light"].share >= 0.98
        assert rates["other_passage"].share >= 0.99
        assert rates["paraphrase"].share >= 0.5


def test_a_check_is_fast():
    sample = [case for case in cases("dev") if case.origin == "written"]
    for case in sample[:20]:
        verify_statement(case.statement, [case.passage])
    start = time.perf_counter()
    for case in sample:
        verify_statement(case.statement, [case.passage])
    assert (time.perf_counter() - start) / len(sample) < 0.015
