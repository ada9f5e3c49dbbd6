"""From scores to figures. A metric reads columns of numbers and weights, never text.

Every metric is computed for many rows of weights at once, which is what the bootstrap needs. A weight of 0 leaves an
item out; a row in which nothing is left gives NaN, and the caller takes that row for what it is: no information.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from eval.stats import FloatArray

Columns = Mapping[str, FloatArray]
"""One number per item, by name; all of the same length."""
Compute = Callable[[Columns, FloatArray], FloatArray]

N_BINS = 10
OVER_REFUSAL_ALLOWED = 0.03


@dataclasses.dataclass(frozen=True, slots=True)
class Metric:
    """How a figure is made of scores."""

    name: str
    sets: tuple[str, ...]
    """Whose items it takes."""
    columns: tuple[str, ...]
    """What it reads; items that lack one of them are not its business."""
    compute: Compute
    better: str
    """higher, lower, or empty where neither is."""
    says: str
    share: bool = True
    """A share in [0, 1], shown in per cent."""
    by_kind: bool = True
    gated: bool = True
    """Whether the gate compares it with the baseline."""

    @property
    def id(self) -> str:
        """Names the metric in files and floors: set/name."""
        return f"{self.group}/{self.name}"

    @property
    def group(self) -> str:
        """The set, or `asked` and `abstention` for those that take several."""
        if len(self.sets) == 1:
            return self.sets[0]
        return "abstention" if "answerable_label" in self.columns else "asked"


def mean(column: str) -> Compute:
    """The weighted mean of a column."""
    return lambda columns, weights: _divided(weights @ columns[column], weights.sum(axis=1))


def ratio(numerator: str, denominator: str) -> Compute:
    """The sum of one column over the sum of another: a share over statements, citations or pairs rather than items."""
    return lambda columns, weights: _divided(weights @ columns[numerator], weights @ columns[denominator])


def f1(right: str, found: str, expected: str) -> Compute:
    """The harmonic mean of right/found and right/expected."""
    return lambda columns, weights: _divided(
        2 * (weights @ columns[right]), weights @ (columns[found] + columns[expected])
    )


def auroc(columns: Columns, weights: FloatArray) -> FloatArray:
    """Probability that an answerable item has a higher confidence than one that is not; ties count half."""
    label, score = columns["answerable_label"] > 0, columns["score"]
    positive, negative = score[label], score[~label]
    above = (positive[:, None] > negative[None, :]) + 0.5 * (positive[:, None] == negative[None, :])
    w_positive, w_negative = weights[:, label], weights[:, ~label]
    won = ((w_positive @ above) * w_negative).sum(axis=1)
    return _divided(won, w_positive.sum(axis=1) * w_negative.sum(axis=1))


def risk_coverage(columns: Columns) -> tuple[FloatArray, FloatArray]:
    """Coverage and risk when the items are answered in order of falling confidence. Items that tie come in together."""
    order = np.argsort(-columns["score"], kind="stable")
    score, risk = columns["score"][order], columns["risk"][order]
    last = np.append(score[1:] != score[:-1], True)
    answered = np.arange(1, len(score) + 1)
    return (answered / len(score))[last], (np.cumsum(risk) / answered)[last]


def aurc(columns: Columns, weights: FloatArray) -> FloatArray:
    """Mean risk over all coverages: what goes wrong if one answers the surest items first. Lower is better."""
    order = np.argsort(-columns["score"], kind="stable")
    score, risk = columns["score"][order], columns["risk"][order]
    ordered = weights[:, order]
    # Items that tie share their mean risk, so that the order within a tie decides nothing.
    group = np.cumsum(np.append(0, score[1:] != score[:-1]))
    starts = np.flatnonzero(np.append(True, group[1:] != group[:-1]))
    mass = np.add.reduceat(ordered, starts, axis=1)
    wrong = np.add.reduceat(ordered * risk, starts, axis=1)
    answered = np.cumsum(mass, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        so_far = np.where(answered > 0, np.cumsum(wrong, axis=1) / answered, 0.0)
    return _divided((so_far * mass).sum(axis=1), mass.sum(axis=1))


def refusal_at(columns: Columns, weights: FloatArray) -> FloatArray:
    """Share of the unanswerable items below the highest threshold that refuses 3 % of the answerable ones at most."""
    label, score = columns["answerable_label"] > 0, columns["score"]
    order = np.argsort(score[label], kind="stable")
    positive = score[label][order]
    ordered = weights[:, label][:, order]
    total = ordered.sum(axis=1, keepdims=True)
    # The threshold is the first answerable score at which more than the allowed mass would be refused.
    kept = np.cumsum(ordered, axis=1) > OVER_REFUSAL_ALLOWED * total + 1e-9
    if not positive.size:
        return np.full(len(weights), np.nan)
    threshold = positive[np.argmax(kept, axis=1)]
    refused = score[~label][None, :] < threshold[:, None]
    w_negative = weights[:, ~label]
    value = _divided((refused * w_negative).sum(axis=1), w_negative.sum(axis=1))
    return np.where(total[:, 0] > 0, value, np.nan)


def calibration_error(columns: Columns, weights: FloatArray) -> FloatArray:
    """Expected calibration error over ten bins of equal mass: mean |confidence - share answerable|."""
    order = np.argsort(columns["score"], kind="stable")
    score, label = columns["score"][order], columns["answerable_label"][order]
    ordered = weights[:, order]
    total = ordered.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        middle = (np.cumsum(ordered, axis=1) - ordered / 2) / total
    bins = np.minimum((np.nan_to_num(middle) * N_BINS).astype(int), N_BINS - 1)
    error = np.zeros(len(weights))
    for number in range(N_BINS):
        error += np.abs(((bins == number) * ordered) @ (score - label))
    return _divided(error, total[:, 0])


def reliability(columns: Columns) -> list[tuple[float, float, int]]:
    """Mean confidence, share answerable and number of items of each of the bins of `calibration_error`."""
    order = np.argsort(columns["score"], kind="stable")
    bins = np.minimum(((np.arange(len(order)) + 0.5) / len(order) * N_BINS).astype(int), N_BINS - 1)
    found = []
    for number in range(N_BINS):
        rows = order[bins == number]
        if rows.size:
            label = columns["answerable_label"][rows]
            found.append((float(columns["score"][rows].mean()), float(label.mean()), int(rows.size)))
    return found


def brier(columns: Columns, weights: FloatArray) -> FloatArray:
    """Mean squared difference of confidence and truth. Lower is better."""
    squared = (columns["score"] - columns["answerable_label"]) ** 2
    return _divided(weights @ squared, weights.sum(axis=1))


def _divided(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(denominator > 0, numerator / denominator, np.nan)


_ASKED = ("answerable", "unanswerable")
_ABSTENTION = ("answerable_label", "score")


def _mean(
    of: str, column: str, better: str, says: str, *, gated: bool = True, share: bool = True, name: str = ""
) -> Metric:
    return Metric(name or column, (of,), (column,), mean(column), better, says, share=share, gated=gated)


def _share(name: str, of: tuple[str, ...], columns: tuple[str, str], better: str, says: str) -> Metric:
    return Metric(name, of, columns, ratio(*columns), better, says)


def _curve(name: str, compute: Compute, better: str, says: str, columns: tuple[str, ...] = _ABSTENTION) -> Metric:
    return Metric(name, _ASKED, columns, compute, better, says, by_kind=False)


METRICS: tuple[Metric, ...] = (
    _mean("answerable", "hit@1", "higher", "a gold question comes first"),
    _mean("answerable", "hit@5", "higher", "a gold question is among the first five"),
    _mean("answerable", "mrr", "higher", "1 / rank of the first gold question, among ten"),
    _mean("answerable", "ndcg@10", "higher", "normalised discounted gain of the gold questions, among ten"),
    _share(
        "facts",
        ("answerable",),
        ("facts_found", "facts"),
        "higher",
        "facts that the answer contains; refusals have none",
    ),
    Metric(
        "facts_if_answered",
        ("answerable",),
        ("facts_found", "facts_if_answered"),
        ratio("facts_found", "facts_if_answered"),
        "higher",
        "the same over the answered items",
        gated=False,
    ),
    _mean("answerable", "token_f1", "higher", "words shared with the nearest gold answer; 0 for a refusal"),
    _mean("answerable", "rouge_l", "higher", "longest common run of words with it, as F1; 0 for a refusal"),
    Metric(
        "words",
        ("answerable",),
        ("words", "answered"),
        ratio("words", "answered"),
        "",
        "words of an answer, over the answered items",
        share=False,
        gated=False,
    ),
    _mean("answerable", "over_refusal", "lower", "refused although the documents answer it"),
    _mean("unanswerable", "handled", "higher", "refused; of a false premise also: corrected"),
    _mean("unanswerable", "refused", "higher", "refused", gated=False),
    Metric(
        "reason_right",
        ("unanswerable",),
        ("reason_right", "reasons"),
        ratio("reason_right", "reasons"),
        "higher",
        "refused because the question is posed without an answer, where that is so",
        gated=False,
    ),
    _share(
        "statements_supported", _ASKED, ("supported", "statements"), "higher", "statements that the cited entries back"
    ),
    _share(
        "answers_supported", _ASKED, ("faithful", "answered"), "higher", "answers of which every statement is backed"
    ),
    _share(
        "hard_violations",
        _ASKED,
        ("hard_violations", "statements"),
        "lower",
        "statements with a number or identifier that the cited entries lack",
    ),
    _share(
        "quotes_verbatim", _ASKED, ("quotes_verbatim", "quotes"), "higher", "quotes found at their place in the entry"
    ),
    _share("citation_recall", _ASKED, ("cited", "statements"), "higher", "statements that their quotes together back"),
    _share(
        "citation_precision",
        _ASKED,
        ("citations_needed", "citations"),
        "higher",
        "citations that back their statement or are needed to",
    ),
    _curve("auroc", auroc, "higher", "an answerable item has the higher confidence"),
    _curve("refusal_at_3%", refusal_at, "higher", "unanswerable items refused where 3 % of the answerable are"),
    _curve("aurc", aurc, "lower", "area under the risk-coverage curve", (*_ABSTENTION, "risk")),
    _curve("calibration_error", calibration_error, "lower", "ten bins of equal mass"),
    _curve("brier", brier, "lower", "squared error of the confidence"),
    _mean("counterfactual", "followed", "higher", "says what the passage says, or refuses"),
    _mean("counterfactual", "refused", "", "refused", gated=False),
    _mean("counterfactual", "contradicted", "lower", "says what the passage does not say"),
    _mean("robustness", "hit@1_change", "higher", "hit@1 against the same item undisturbed", share=False),
    _mean("robustness", "facts_change", "higher", "share of facts against the same item undisturbed", share=False),
    _mean("robustness", "outcome_kept", "higher", "answered or refused as the same item undisturbed"),
    _share("precision", ("entries",), ("right", "found"), "higher", "found entries that are right"),
    _share("recall", ("entries",), ("right", "expected"), "higher", "labelled entries that were found"),
    _share("precision", ("duplicates",), ("right", "found"), "higher", "merged pairs that are one question"),
    _share("recall", ("duplicates",), ("right", "expected"), "higher", "pairs of one question that were merged"),
    Metric(
        "f1", ("duplicates",), ("right", "found", "expected"), f1("right", "found", "expected"), "higher", "of the two"
    ),
    _mean("lookalikes", "merged", "lower", "pairs that only look alike and were merged"),
    _mean("mutants", "caught", "higher", "false statements that the check refuses: its sensitivity"),
    _mean("genuine", "passed", "higher", "true statements that the check lets pass"),
)
