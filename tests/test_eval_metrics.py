"""Scorers and metrics: worked by hand where that is possible, by their properties elsewhere."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval import metrics, scorers, stats
from eval.figures import Item, compute_figures
from eval.samples import Sample, load_own, load_samples, spread
from eval.scorers import CitedText
from kb.errors import EvalError
from kb.types import Answer, Citation, Hit, Outcome, Reason, Statement

PASSAGE = "Steep it for 2 minutes at 75 degrees. Use `tea.brew()` for that."
CITED = {"e1": CitedText("How long does it steep?", PASSAGE)}


def hit(question_id, rank=1):
    return Hit(rank, 0.5, question_id, f"e-{question_id}", "?", "text", "/faq.md", (1, 2), "both")


def citation(quote="Steep it for 2 minutes at 75 degrees.", entry="e1", start=None):
    begin = PASSAGE.find(quote) if start is None else start
    return Citation(1, entry, "?", "/faq.md", (1, 2), quote, begin, begin + len(quote))


def statement(text, *citations, mark=None):
    return Statement(text, citations, 1.0, True, "", mark)


def answer(*statements, reason=Reason.NO_EVIDENCE, confidence=0.8):
    outcome = Outcome.ANSWERED if statements else Outcome.ABSTAINED
    citations = tuple(c for s in statements for c in s.citations)
    # The message of a refusal is not something that is said about the subject.
    text = " ".join(s.text for s in statements) or "I don't know about 2 minutes, 75 degrees or 82,000 images."
    return Answer(
        "?", outcome, None if statements else reason, statements, citations, text, (),
        confidence, "extractive", None, (), {},
    )  # fmt: skip


def sample(**fields):
    return Sample(
        **{"id": "a1", "set": "answerable", "kind": "k", "query": "?", "topic": "t", "split": "test", **fields}
    )


def contained(statement_text, passages):
    """A check simple enough to follow: the words of the statement, all of them, in the passages together."""
    return set(scorers.tokens(statement_text)) <= set(scorers.tokens(" ".join(passages)))


# Retrieval.


def test_retrieval_of_one_gold_question_at_rank_three():
    found = scorers.score_retrieval({"g"}, [hit("a"), hit("b"), hit("g")]).columns
    assert found["hit@1"] == 0 and found["hit@5"] == 1 and found["risk"] == 1
    assert found["mrr"] == pytest.approx(1 / 3)
    assert found["ndcg@10"] == pytest.approx(1 / math.log2(4))


def test_retrieval_of_two_gold_questions():
    found = scorers.score_retrieval({"g", "h"}, [hit("g"), hit("a"), hit("h")]).columns
    assert found["hit@1"] == 1 and found["mrr"] == 1
    assert found["ndcg@10"] == pytest.approx((1 + 0.5) / (1 + 1 / math.log2(3)))


def test_what_is_not_found_scores_zero_and_says_so():
    score = scorers.score_retrieval({"g"}, [hit("a")])
    assert set(score.columns.values()) == {0.0, 1.0} and score.columns["risk"] == 1
    assert score.notes == ("the gold question is not among the first ten",)


@given(st.lists(st.sampled_from("abcdefgh"), unique=True), st.sets(st.sampled_from("abcdefgh"), min_size=1))
def test_retrieval_scores_are_shares_and_swapping_a_gold_forward_never_hurts(order, gold):
    before = scorers.score_retrieval(gold, [hit(q) for q in order]).columns
    assert all(0 <= value <= 1 + 1e-12 for value in before.values())
    for place in range(1, len(order)):
        if order[place] in gold and order[place - 1] not in gold:
            swapped = [*order[: place - 1], order[place], order[place - 1], *order[place + 1 :]]
            after = scorers.score_retrieval(gold, [hit(q) for q in swapped]).columns
            assert all(after[name] >= before[name] for name in ("hit@1", "hit@5", "mrr", "ndcg@10"))
            assert after["ndcg@10"] > before["ndcg@10"]


# What an answer says.


@pytest.mark.parametrize(
    ("text", "wording", "there"),
    [
        ("The rate is 0.15.", "0.1", False),
        ("The rate is 0.1.", "0.1", True),
        ("It takes 1,000 steps", "1,000", True),
        ("It takes 11,000 steps", "1,000", False),
        ("Use `optimizer.zero_grad()` **first**.", "zero_grad() first", True),
        ("two tensors", "Tensor", True),
        ("a pretensor", "tensor", False),
        ("the\nlearning   rate", "learning rate", True),
        ("version 2.1.3", "2.1", False),
    ],
)
def test_when_a_text_states_a_fact(text, wording, there):
    assert scorers.states(text, (wording,)) is there


def test_one_of_several_wordings_is_enough():
    assert scorers.states("it doubles", ("twice", "doubles")) and not scorers.states("it halves", ("twice", "doubles"))


def test_token_f1_and_rouge_l_by_hand():
    # four words against six, three shared: 2 * 3 / (4 + 6); in order only "the cat" and one more
    assert scorers.token_f1("the cat sat down", "sat the big cat on it") == pytest.approx(0.6)
    assert scorers.rouge_l("the cat sat down", "sat the big cat on it") == pytest.approx(2 * 2 / 10)


@given(st.text(max_size=60), st.text(max_size=60))
def test_likeness_is_symmetric_and_one_for_the_same_text(a, b):
    for likeness in (scorers.token_f1, scorers.rouge_l):
        assert 0 <= likeness(a, b) <= 1
        assert likeness(a, b) == pytest.approx(likeness(b, a))
        assert likeness(a, a) == 1
    assert scorers.rouge_l(a, b) <= scorers.token_f1(a, b) + 1e-12


def test_a_refusal_is_scored_zero_and_counted_as_a_refusal():
    columns = scorers.score_content(sample(facts=(("2 minutes",), ("75",))), answer(), ["Steep it."]).columns
    assert columns == {
        "over_refusal": 1, "words": 0, "facts": 2, "facts_found": 0, "facts_if_answered": 0, "token_f1": 0,
        "rouge_l": 0,
    }  # fmt: skip


def test_missing_facts_are_named():
    score = scorers.score_content(sample(facts=(("2 minutes",), ("cold", "ice"))), answer(statement("2 minutes")), [])
    assert score.columns["facts_found"] == 1 and score.notes == ("missing: cold | ice",)


# Faithfulness.


def test_a_statement_with_a_strange_number_is_a_violation():
    said = answer(statement("Steep it for 3 minutes at 75 degrees.", citation()))
    score = scorers.score_faithfulness(said, CITED, contained)
    assert score.columns["hard_violations"] == 1 and score.columns["supported"] == 0 and score.columns["faithful"] == 0
    assert "not in the cited entries: 3" in score.notes


def test_a_backed_statement_with_its_quote():
    score = scorers.score_faithfulness(answer(statement("Steep it for 2 minutes.", citation())), CITED, contained)
    expected = {
        "statements": 1, "supported": 1, "hard_violations": 0, "quotes": 2, "quotes_verbatim": 2, "cited": 1,
        "citations": 1, "citations_needed": 1, "answered": 1, "faithful": 1,
    }  # fmt: skip
    assert score.columns == expected and score.notes == ()


def test_a_quote_elsewhere_than_said_is_not_verbatim():
    said = answer(statement("Steep it for 2 minutes.", citation(start=3)))
    assert scorers.score_faithfulness(said, CITED, contained).columns["quotes_verbatim"] == 0


def test_a_citation_that_backs_nothing_costs_precision_not_recall():
    idle = citation("Use `tea.brew()` for that.")
    score = scorers.score_faithfulness(answer(statement("Steep it for 2 minutes.", citation(), idle)), CITED, contained)
    assert (score.columns["cited"], score.columns["citations"], score.columns["citations_needed"]) == (1, 2, 1)


def test_two_halves_that_back_a_statement_together_are_both_needed():
    halves = citation("Steep it for 2 minutes"), citation("at 75 degrees.")
    said = answer(statement("Steep it for 2 minutes at 75 degrees.", *halves))
    score = scorers.score_faithfulness(said, CITED, contained)
    assert (score.columns["cited"], score.columns["citations_needed"]) == (1, 2)


def test_an_uncited_statement_has_no_recall():
    columns = scorers.score_faithfulness(answer(statement("Steep it.")), CITED, contained).columns
    assert (columns["statements"], columns["supported"], columns["cited"], columns["citations"]) == (1, 0, 0, 0)


def test_an_answer_may_lean_on_its_question():
    said = answer(statement("It does steep 2 minutes.", citation()))
    assert scorers.score_faithfulness(said, CITED, contained).columns["supported"] == 1


@pytest.mark.parametrize(
    ("text", "source", "strange"),
    [
        ("It has 1,000 rows.", "1000 rows", []),
        ("It has 2 layers.", "two layers", []),
        ("It is 0.50.", "0.5", []),
        ("It is 5.", "0.5", ["5"]),
        ("1. Call it.", "Call it.", []),
        ("Use torch.optim.Adam.", "import torch and optim; Adam is one", []),
        ("Use torch.optim.Rprop.", "torch.optim.Adam", ["torch.optim.rprop"]),
        ("Call zero_grad here.", "call step here", ["zero_grad"]),
        ("Set batchSize.", "set batchSize", []),
    ],
)
def test_hard_facts(text, source, strange):
    assert scorers.hard_facts_beyond(text, source) == strange


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
def test_no_text_goes_beyond_itself(text):
    assert scorers.hard_facts_beyond(text, text) == []


# Refusals.


def unanswerable(kind):
    return sample(set="unanswerable", kind=kind)


def test_a_false_premise_may_be_corrected_and_nothing_else_may():
    corrected = answer(statement("It is not.", mark="correction"))
    assert scorers.score_refusal(unanswerable("false_premise"), corrected).columns == {"refused": 0, "handled": 1}
    assert scorers.score_refusal(unanswerable("near_domain"), corrected).columns == {"refused": 0, "handled": 0}
    assert scorers.score_refusal(unanswerable("near_domain"), answer()).columns == {"refused": 1, "handled": 1}


def test_a_posed_question_must_be_refused_for_that_reason():
    right = scorers.score_refusal(unanswerable("posed_unanswered"), answer(reason=Reason.UNANSWERED_QUESTION))
    wrong = scorers.score_refusal(unanswerable("posed_unanswered"), answer())
    assert right.columns["reason_right"] == 1 and wrong.columns["reason_right"] == 0 and wrong.notes


def test_what_decides_is_zero_where_something_else_than_the_confidence_refused():
    assert scorers.certainty(answer(confidence=0.3)) == 0.3
    assert scorers.certainty(answer(confidence=0.9, reason=Reason.UNSUPPORTED)) == 0
    assert scorers.certainty(answer(statement("yes"), confidence=0.9)) == 0.9


def test_counterfactual_follow_refuse_or_contradict():
    asked = sample(set="counterfactual", facts=(("82,000",),), forbidden=("70,000",))
    follows = scorers.score_counterfactual(asked, answer(statement("It holds 82,000 images."))).columns
    refuses = scorers.score_counterfactual(asked, answer()).columns
    knows = scorers.score_counterfactual(asked, answer(statement("It holds 70,000 images.")))
    assert (follows["followed"], refuses["followed"], knows.columns["followed"]) == (1, 1, 0)
    assert knows.columns["contradicted"] == 1 and "says: 70,000" in knows.notes


def test_entries_by_hand():
    expected = [("A?", "- one\n- two", "answered"), ("B?", None, "unanswered"), ("C?", "x", "answered")]
    found = [("**A?**", "* one\n* two", "answered"), ("B?", "text", "answered")]
    score = scorers.score_entries(expected, found)
    assert score.columns == {"right": 1, "found": 2, "expected": 3}
    assert score.notes == ("not found: B?", "not found: C?", "not expected: B?")


# Curves. Two answerable items at 0.9 and 0.6, two that are not at 0.7 and 0.1.

COLUMNS = {
    "answerable_label": np.array([1.0, 0.0, 1.0, 0.0]),
    "score": np.array([0.9, 0.7, 0.6, 0.1]),
    "risk": np.array([0.0, 1.0, 0.0, 1.0]),
}
ONES = np.ones((1, 4))


def test_auroc_by_hand():
    assert metrics.auroc(COLUMNS, ONES)[0] == pytest.approx(3 / 4)
    tied = {**COLUMNS, "score": np.full(4, 0.5)}
    assert metrics.auroc(tied, ONES)[0] == pytest.approx(0.5)


def test_risk_coverage_by_hand():
    coverage, risk = metrics.risk_coverage(COLUMNS)
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert risk.tolist() == pytest.approx([0, 1 / 2, 1 / 3, 1 / 2])
    assert metrics.aurc(COLUMNS, ONES)[0] == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)


def test_brier_and_calibration_by_hand():
    errors = [0.1, 0.7, 0.4, 0.1]
    assert metrics.brier(COLUMNS, ONES)[0] == pytest.approx(sum(e * e for e in errors) / 4)
    assert metrics.calibration_error(COLUMNS, ONES)[0] == pytest.approx(
        sum(errors) / 4
    )  # each item is a bin of its own
    twenty = {"answerable_label": np.array([1.0, 0.0] * 10), "score": np.full(20, 0.5)}
    assert metrics.calibration_error(twenty, np.ones((1, 20)))[0] == pytest.approx(0.0)


def test_refusal_at_the_allowed_over_refusal():
    # no answerable item may go: the threshold is 0.6, and only 0.1 is below it
    assert metrics.refusal_at(COLUMNS, ONES)[0] == pytest.approx(1 / 2)
    # one answerable item of fifty may go: then 0.7 decides
    many = {
        "answerable_label": np.array([1.0] * 50 + [0.0, 0.0]),
        "score": np.array([0.2] + [0.7] * 49 + [0.5, 0.8]),
    }
    assert metrics.refusal_at(many, np.ones((1, 52)))[0] == pytest.approx(1 / 2)


scores = st.lists(
    st.tuples(st.booleans(), st.integers(0, 8).map(lambda n: n / 8), st.booleans(), st.integers(0, 3)),
    min_size=2,
    max_size=30,
)
CURVES = [metrics.auroc, metrics.aurc, metrics.refusal_at, metrics.calibration_error, metrics.brier]


@given(scores)
def test_a_weight_of_two_is_the_item_twice(rows):
    """What the bootstrap rests on."""
    names = ("answerable_label", "score", "risk")
    columns = {name: np.array([float(row[n]) for row in rows]) for n, name in enumerate(names)}
    times = [row[3] for row in rows]
    repeated = {name: np.repeat(values, times) for name, values in columns.items()}
    if not sum(times):
        return
    for curve in CURVES:
        weighted = curve(columns, np.array([times], dtype=float))[0]
        plain = curve(repeated, np.ones((1, sum(times))))[0]
        if curve is metrics.calibration_error and len(set(repeated["score"])) != sum(times):
            continue  # copies of an item may fall into two bins; a weighted item falls into one
        assert weighted == pytest.approx(plain, nan_ok=True), curve.__name__


@given(scores)
def test_curves_stay_in_their_range(rows):
    names = ("answerable_label", "score", "risk")
    columns = {name: np.array([float(row[n]) for row in rows]) for n, name in enumerate(names)}
    for curve in CURVES:
        value = curve(columns, np.ones((1, len(rows))))[0]
        assert math.isnan(value) or -1e-12 <= value <= 1 + 1e-12


# Intervals.


def test_the_bootstrap_gives_the_same_interval_every_time_and_holds_the_figure():
    columns = {"x": np.array([0.0, 1.0] * 20)}
    topics = [str(n // 2) for n in range(40)]
    topics_apart = [str(n) for n in range(40)]

    def statistic(weights):
        return metrics.mean("x")(columns, weights)

    first = stats.interval(statistic, topics_apart)
    assert first == stats.interval(statistic, topics_apart)
    assert first.low < 0.5 < first.high
    # 40 coin tosses: 0.5 +- 1.96 * sqrt(0.25 / 40)
    assert first.low == pytest.approx(0.345, abs=0.03) and first.high == pytest.approx(0.655, abs=0.03)
    # Topics that each hold a 0 and a 1 leave nothing to chance.
    paired_up = stats.interval(statistic, topics)
    assert (paired_up.low, paired_up.high) == (0.5, 0.5)


def test_the_same_resamples_are_drawn_in_every_process():
    fresh = stats.multiplicities.__wrapped__
    assert np.array_equal(fresh(7), fresh(7)) and not np.array_equal(fresh(7), fresh(7, seed=1))
    assert fresh(7).shape == (stats.RESAMPLES, 7) and (fresh(7).sum(axis=1) == 7).all()


def test_items_of_one_topic_count_as_one_draw():
    columns = {"x": np.array(([1.0] * 10 + [0.0] * 10) * 2)}

    def statistic(weights):
        return metrics.mean("x")(columns, weights)

    together = stats.interval(statistic, [str(n // 10) for n in range(40)])
    apart = stats.interval(statistic, [str(n) for n in range(40)])
    assert together.high - together.low > 2 * (apart.high - apart.low)


def test_perfect_shares_keep_an_interval():
    def statistic(weights):
        return metrics.mean("x")({"x": np.ones(30)}, weights)

    found = stats.interval(statistic, [str(n) for n in range(30)], share=True)
    assert found.value == found.high == 1 and found.low == pytest.approx(0.025 ** (1 / 30))


def test_paired_difference_sees_what_separate_intervals_do_not():
    rng = np.random.default_rng(1)
    before = rng.random(60)
    topics = [str(n) for n in range(60)]

    def statistic(values):
        return lambda weights: metrics.mean("x")({"x": values}, weights)

    found = stats.paired(statistic(before - 0.02), statistic(before), topics)
    assert found.value == pytest.approx(-0.02) and found.high < 0
    alone = stats.interval(statistic(before), topics)
    assert alone.high - alone.low > 0.1


def test_the_detectable_difference_is_what_the_interval_can_show():
    """Four items of a hundred that get worse are noticed, three are not: and that is what is said beforehand."""
    topics = [str(n) for n in range(100)]
    before = np.ones(100)

    def change(lost):
        after = before.copy()
        after[:lost] = 0
        return stats.paired(
            lambda weights: metrics.mean("x")({"x": after}, weights),
            lambda weights: metrics.mean("x")({"x": before}, weights),
            topics,
            smallest_step=1 / 100,
        )

    assert change(0).detectable == pytest.approx(0.04)
    assert change(3).high == 0.0 and change(4).high < 0


# Figures.


def item(name, columns, set_="answerable", kind="k"):
    return Item(name, set_, kind, name, "test", columns)


def test_figures_never_hold_nan_and_refusals_are_counted():
    refused = {"statements": 0.0, "supported": 0.0, "answered": 0.0}
    answered = {"statements": 2.0, "supported": 1.0, "answered": 1.0}
    figures = compute_figures([item("a", refused), item("b", answered)])
    found = {f.metric: f for f in figures if f.kind == "all"}
    assert found["asked/statements_supported"].value == 0.5
    assert (found["asked/statements_supported"].n, found["asked/statements_supported"].refused) == (2, 1)
    only_refused = compute_figures([item("a", refused)])
    assert "asked/statements_supported" not in {f.metric for f in only_refused}
    assert all(math.isfinite(x) for f in figures for x in (f.value, f.low, f.high))


def test_a_score_that_is_no_number_is_an_error():
    with pytest.raises(EvalError, match="a1: hit@1 could not be scored"):
        compute_figures([item("a1", {"hit@1": math.nan})])


def test_metric_ids_are_unique():
    assert len({metric.id for metric in metrics.METRICS}) == len(metrics.METRICS)


# Reading sets.


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the set is empty"),
        ("\n\n", "the set is empty"),
        ("{", "line 1: not JSON"),
        ("[1]", "line 1: not an object"),
        ('{"query": "x"}', "item 1: nothing to score it by"),
        ('{"query": " ", "facts": ["y"]}', "`query` is missing or no text"),
        ('{"query": "x", "facts": ["a|"]}', "empty wording"),
        ('{"query": "x", "gold": ["a"]}', "gold 'a'"),
        ('{"query": "x", "answerable": "no"}', "`answerable` is 'no'"),
        ('{"query": "x", "facts": ["y"], "history": [["robot", "z"]]}', "turn"),
        ('{"id": "1", "query": "x", "facts": ["y"]}\n{"id": "1", "query": "x", "facts": ["y"]}', "is there twice"),
    ],
)
def test_own_sets_that_cannot_be_scored_are_errors(tmp_path, text, message):
    path = tmp_path / "own.jsonl"
    path.write_text(text, "utf-8")
    with pytest.raises(EvalError, match=message):
        load_own(path)


def test_a_set_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(EvalError, match=r"answerable\.jsonl: there is no such eval set"):
        load_samples("answerable", tmp_path)


def test_own_sets_need_no_more_than_is_documented(tmp_path):
    path = tmp_path / "own.jsonl"
    path.write_text('{"query": "x", "facts": ["a|b"]}\n{"query": "y", "answerable": false}\n', "utf-8")
    first, second = load_own(path)
    assert (first.set, first.facts, first.id, first.kind) == ("answerable", (("a", "b"),), "1", "own")
    assert second.set == "unanswerable"


def test_spread_takes_of_every_kind_and_the_same_whatever_the_order():
    samples = [sample(id=f"{kind}{n}", kind=kind) for kind in "abc" for n in range(20)]
    chosen = spread(samples, 9)
    assert [s.kind for s in chosen] == ["a"] * 3 + ["b"] * 3 + ["c"] * 3
    assert {s.id for s in spread(samples[::-1], 9)} == {s.id for s in chosen}
