"""The scorer of question merging, and the labels that it scores against."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.duplicate_score import FOLDER, load_set, pair_scores, report

GROUPINGS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), max_size=12)
SETS = [name for name in ("dev", "heldout") if (FOLDER / f"{name}.jsonl").exists()]


def test_scores_by_hand() -> None:
    """Pairs 1-2, 1-3, 2-3 are true; 1-2 and 3-4 are predicted."""
    scores = pair_scores({"1": "a", "2": "a", "3": "a", "4": "b"}, {"1": "p", "2": "p", "3": "q", "4": "q"})
    assert (scores.true_pairs, scores.found, scores.false_pairs) == (3, 1, 1)
    assert scores.precision == pytest.approx(1 / 2)
    assert scores.recall == pytest.approx(1 / 3)
    assert scores.f1 == pytest.approx(2 / 5)


def test_nothing_merged_is_precise_and_finds_nothing() -> None:
    scores = pair_scores({"1": "a", "2": "a"}, {"1": "p", "2": "q"})
    assert (scores.precision, scores.recall, scores.f1) == (1.0, 0.0, 0.0)


def test_groupings_of_different_entries_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in 1 ids, 2"):
        pair_scores({"1": "a", "2": "a"}, {"1": "a"})


@given(GROUPINGS)
def test_swapping_truth_and_prediction_swaps_precision_and_recall(labels: list[tuple[str, str]]) -> None:
    left = {str(number): pair[0] for number, pair in enumerate(labels)}
    right = {str(number): pair[1] for number, pair in enumerate(labels)}
    there, back = pair_scores(left, right), pair_scores(right, left)
    assert (there.precision, there.recall) == (back.recall, back.precision)
    assert pair_scores(left, left).f1 == 1.0


@pytest.mark.parametrize("name", SETS)
def test_labels_agree_with_each_other(name: str) -> None:
    """Ids and wordings are unique; a look-alike joins two entries of different groups, once."""
    entries, lookalikes = load_set(name)
    groups = {entry.id: entry.group for entry in entries}
    assert len(groups) == len(entries) == len({entry.question for entry in entries})
    assert len({frozenset((item.a, item.b)) for item in lookalikes}) == len(lookalikes)
    assert not [item for item in lookalikes if groups[item.a] == groups[item.b]]


@pytest.mark.parametrize("name", SETS)
def test_the_set_is_large_enough(name: str) -> None:
    entries, lookalikes = load_set(name)
    groups = {entry.id: entry.group for entry in entries}
    assert len(entries) >= 150
    assert pair_scores(groups, groups).true_pairs >= 40
    assert len(lookalikes) >= 120


def test_report_names_what_went_wrong() -> None:
    """Everything in one group: nothing is missed, and every look-alike is listed with its reason."""
    entries, lookalikes = load_set("dev")
    text = report(entries, lookalikes, {entry.id: "all" for entry in entries})
    assert f"look-alikes merged {len(lookalikes)}" in text
    assert "Missed pairs: 0" in text
    assert lookalikes[0].why in text.split("Look-alikes merged:")[1]
