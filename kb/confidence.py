"""How probable it is that the documents answer a query, from what the search found.

A logistic regression over a few features of the query and its best candidates, fitted on the development split
of the eval set (`eval/fit.py`) and calibrated there. The features are ratios and cosines, so that they mean the
same over any collection.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from kb.text import is_identifier, word_terms, words

if TYPE_CHECKING:
    from kb.index import Index
    from kb.query import Query
    from kb.retrieve import Candidate

CONFIDENCE_FEATURES = (
    "dense_best",
    "dense_question",
    "dense_passage",
    "dense_answer",
    "adapted_question",
    "adapted_passage",
    "adapted_answer",
    "bm25_question",
    "bm25_passage",
    "coverage_question",
    "coverage_entry",
    "precision_question",
    "identifiers",
    "score",
    "margin",
    "agreement",
    "unknown_share",
    "unknown_any",
    "uncovered_max",
    "uncovered_question_max",
    "foreign_share",
    "few_concepts",
    "length",
    "adapted_best",
    "dense_outlier",
    "adapted_outlier",
    "likeness",
    "likeness_covered",
)


def confidence_features(
    index: Index, query: Query, found: Sequence[Candidate], english: frozenset[str]
) -> dict[str, float]:
    """Features of a query and its candidates, best first, for the model of `CONFIDENCE_FEATURES`."""
    if not found:
        return {"unknown_share": 1.0, "foreign_share": _foreign_share(query.text, english, index), "few_concepts": 1.0}
    best = found[0]
    features = {name: best.features.get(name, 0.0) for name in CONFIDENCE_FEATURES if name in best.features}
    features["dense_best"] = max(best.features.get("dense_question", 0.0), best.features.get("dense_passage", 0.0))
    features["score"] = best.score
    features["margin"] = best.score - found[1].score if len(found) > 1 else 1.0
    by_dense = max(
        found, key=lambda c: max(c.features.get("dense_question", 0.0), c.features.get("dense_passage", 0.0))
    )
    by_bm25 = max(found, key=lambda c: c.features.get("bm25_question", 0.0) + c.features.get("bm25_passage", 0.0))
    features["agreement"] = (float(by_dense.row == best.row) + float(by_bm25.row == best.row)) / 2
    weights = {concept.text: _weight(index, query, concept.terms) for concept in query.concepts}
    total = sum(weights.values())
    unknown = [c for c in query.concepts if not _is_known(index, c.terms, c.others)]
    features["unknown_share"] = sum(weights[c.text] for c in unknown) / total if total else 1.0
    features["unknown_any"] = float(bool(unknown))
    features["uncovered_max"] = best.features.get("uncovered_max", 0.0)
    features["uncovered_question_max"] = best.features.get("uncovered_question_max", 0.0)
    features["foreign_share"] = _foreign_share(query.text, english, index)
    features["adapted_best"] = _best_of(best, "adapted")
    features["dense_outlier"] = _outlier([_best_of(c, "dense") for c in found], _best_of(best, "dense"))
    features["adapted_outlier"] = _outlier([_best_of(c, "adapted") for c in found], features["adapted_best"])
    features["likeness"] = math.sqrt(best.features["coverage_question"] * best.features["precision_question"])
    features["likeness_covered"] = features["dense_best"] * best.features.get("coverage_entry", 0.0)
    features["few_concepts"] = 1.0 / (1 + len(query.concepts))
    features["length"] = math.log1p(len(query.text.split()))
    return features


def _best_of(candidate: Candidate, family: str) -> float:
    """The best cosine of a family of vectors (dense, adapted) over wording, passage and answer."""
    return max(candidate.features.get(f"{family}_{part}", 0.0) for part in ("question", "passage", "answer"))


def _outlier(values: Sequence[float], value: float) -> float:
    """By how many standard deviations a value stands out among the candidates', at most 5."""
    n = len(values)
    mean = sum(values) / n
    deviation = math.sqrt(sum((v - mean) ** 2 for v in values) / n)
    return min(5.0, (value - mean) / deviation) if deviation > 1e-6 else 0.0


def _weight(index: Index, query: Query, terms: Sequence[str]) -> float:
    n = len(index.variant_rows) + 1
    vocabulary = index.vocabulary
    return max(math.log(1 + n / (1 + vocabulary.get(term, 0))) for term in terms)


def _is_known(index: Index, own: Sequence[str], others: Sequence[Sequence[str]]) -> bool:
    vocabulary = index.vocabulary
    return own[0] in vocabulary or any(all(term in vocabulary for term in other) for other in others)


def _foreign_share(text: str, english: frozenset[str], index: Index) -> float:
    """Share of the words that neither general English nor the documents know."""
    found = [word.text for word in words(text) if not word.text[0].isdigit()]
    if not found:
        return 1.0
    foreign = [w for w in found if w.lower() not in english and not is_identifier(w) and not _in_index(w, index)]
    return len(foreign) / len(found)


def _in_index(word: str, index: Index) -> bool:
    return any(term in index.vocabulary for term in word_terms(word)[:1])


def as_mapping(features: Mapping[str, float]) -> dict[str, float]:
    """The features with every name of the model, 0 where one is missing."""
    return {name: float(features.get(name, 0.0)) for name in CONFIDENCE_FEATURES}
