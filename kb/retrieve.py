"""A prepared query to candidates: canonical questions with the features that rank them.

Dense search (the store's) and lexical search (BM25), each over wordings and over passages, propose
candidates; every candidate is then scored exactly on the same features, and a linear model, fitted on the
development split of the eval set (`eval/fit.py`), orders them. Several documents that pose a question give it
several wordings and passages, of which the best counts.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import TYPE_CHECKING

from kb.adapter import Adapter, load_adapter
from kb.text import is_identifier, word_terms, words

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from kb.index import Index
    from kb.lexical import LexicalIndex
    from kb.ports import Embedder, FloatArray
    from kb.query import Query

    IntArray = npt.NDArray[np.int64]

N_PROPOSED = 30
"""Candidates that each of the searches proposes."""
EXPANSION_WEIGHT = 0.5
"""Weight of a term that only the glossary brought in."""
FEATURES = (
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
    "votes",
)


@dataclasses.dataclass(frozen=True, slots=True)
class Candidate:
    """A canonical question with the features that rank it for one query."""

    row: int
    question_id: str
    score: float
    """The linear model's value; comparable between candidates of one query."""
    features: Mapping[str, float]
    passage_row: int | None
    """The best passage; None where the question has no answer."""
    origin: str


@dataclasses.dataclass(frozen=True, slots=True)
class Weights:
    """A linear model over features."""

    names: tuple[str, ...]
    values: tuple[float, ...]
    bias: float = 0.0

    def score(self, features: Mapping[str, float]) -> float:
        """The model's value for these features; a feature that is missing counts as 0."""
        return self.bias + sum(
            value * features.get(name, 0.0) for name, value in zip(self.names, self.values, strict=True)
        )

    def probability(self, features: Mapping[str, float]) -> float:
        """The logistic function of the model's value."""
        return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, self.score(features)))))


def load_weights(name: str) -> Weights:
    """The fitted model in `kb/data/<name>.json`."""
    data = json.loads((resources.files("kb") / "data" / f"{name}.json").read_text("utf-8"))
    return Weights(tuple(data["features"]), tuple(data["weights"]), data.get("bias", 0.0))


def candidates(index: Index, query: Query, embedder: Embedder, weights: Weights) -> list[Candidate]:
    """All candidates for the query, best first. Empty if the index is."""
    if not index.question_ids:
        return []
    texts = list(dict.fromkeys((query.text, query.expanded)))
    vectors = embedder.embed(texts)
    lexical_question = _lexical(index.lexical_questions, query)
    lexical_passage = _lexical(index.lexical_passages, query)
    dense_rows = _dense_rows(index, vectors)
    lexical_rows = _top_rows(lexical_question, index.variant_rows) | _top_rows(lexical_passage, index.passage_rows)
    rows = sorted(dense_rows | lexical_rows)
    scored = _Scorer(index, query, vectors, lexical_question, lexical_passage, rows, load_adapter(embedder.id))
    found = []
    for row in rows:
        features, passage_row = scored.features(row)
        origin = "both" if row in dense_rows and row in lexical_rows else "dense" if row in dense_rows else "lexical"
        found.append(Candidate(row, index.question_ids[row], weights.score(features), features, passage_row, origin))
    return sorted(found, key=lambda c: (-c.score, c.question_id))


def _lexical(lexical: LexicalIndex, query: Query) -> FloatArray:
    scores = lexical.scores(query.terms)
    if query.expansion_terms:
        scores = scores + EXPANSION_WEIGHT * lexical.scores(query.expansion_terms)
    return scores


def _dense_rows(index: Index, vectors: FloatArray) -> set[int]:
    entry_ids = {
        neighbour.id.partition("~")[0].partition("/")[0]
        for vector in vectors
        for collection in (index.names.entries, index.names.passages)
        for neighbour in index.store.query(collection, vector, N_PROPOSED)
    }
    entries = index.catalogue.question_ids_of(sorted(entry_ids))
    return {index.row_of[question_id] for question_id in entries if question_id in index.row_of}


def _top_rows(scores: FloatArray, question_rows: npt.NDArray[np.int32]) -> set[int]:
    import numpy as np

    if not len(scores):
        return set()
    count = min(N_PROPOSED, len(scores))
    top = np.argpartition(-scores, count - 1)[:count]
    return {int(question_rows[row]) for row in top if scores[row] > 0}


class _Scorer:
    """Features of candidates for one query. What can be is computed for all of them at once: there may be hundreds."""

    def __init__(
        self,
        index: Index,
        query: Query,
        vectors: FloatArray,
        bm25_question: FloatArray,
        bm25_passage: FloatArray,
        rows: Sequence[int],
        adapter: Adapter,
    ) -> None:
        self._index = index
        self._query = query
        self._vectors = vectors
        self._bm25_question = bm25_question
        self._bm25_passage = bm25_passage
        self._idf = {term: _idf(index, term) for term in {*query.terms, *query.expansion_terms}}
        for concept in query.concepts:
            for term in (*concept.terms, *(t for other in concept.others for t in other)):
                self._idf.setdefault(term, _idf(index, term))
        self._concept_weights = [max(self._idf[term] for term in concept.terms) for concept in query.concepts]
        self._bm25_scale = sum(self._idf[term] for term in query.terms) or 1.0
        self._identifiers = {
            term for word in words(query.text) if is_identifier(word.text) for term in word_terms(word.text)[:1]
        }
        self._query_terms = {*query.terms, *query.expansion_terms}
        self._variants = _Runs(index.variant_rows, rows)
        self._passages = _Runs(index.passage_rows, rows)
        self._holders: dict[str, tuple[frozenset[int], frozenset[int]]] = {}
        self._dense: dict[str, FloatArray] = {}
        for name, matrix, own in (
            ("question", index.question_vectors, self._variants.all),
            ("passage", index.passage_vectors, self._passages.all),
            ("answer", index.answer_vectors, self._passages.all),
        ):
            held = matrix[own].astype("float32")
            self._dense[f"dense_{name}"] = _similarities(held, vectors)
            self._dense[f"adapted_{name}"] = _similarities(adapter(held), adapter(vectors))
        self._precision = self._precisions()

    def features(self, row: int) -> tuple[dict[str, float], int | None]:
        """Features of the canonical question in this row, and the row of its best passage."""
        variants, passages = self._variants.place(row), self._passages.place(row)
        own = self._variants.all[variants]
        in_question, in_entry = self._concept_shares(row, answers=False), self._concept_shares(row, answers=True)
        features = {
            "dense_question": float(self._dense["dense_question"][variants].max()),
            "adapted_question": float(self._dense["adapted_question"][variants].max()),
            "bm25_question": float(self._bm25_question[own].max()) / self._bm25_scale,
            "coverage_question": self._coverage(in_question),
            "votes": math.log(self._index.n_entries[row]),
            "precision_question": float(self._precision[variants].max()),
        }
        best: int | None = None
        if passages.start < passages.stop:
            own = self._passages.all[passages]
            dense_passage = self._dense["dense_passage"][passages]
            bm25 = self._bm25_passage[own] / self._bm25_scale
            best = int(own[int((dense_passage + 0.3 * bm25).argmax())])
            for name in ("dense_passage", "dense_answer", "adapted_passage", "adapted_answer"):
                features[name] = float(self._dense[name][passages].max())
            features["bm25_passage"] = float(bm25.max())
        features["coverage_entry"] = self._coverage(in_entry)
        features["uncovered_max"] = self._uncovered(in_entry)
        features["uncovered_question_max"] = self._uncovered(in_question)
        features["identifiers"] = self._identifier_share(row)
        return features, best

    def _concept_shares(self, row: int, *, answers: bool) -> list[float]:
        """For each concept of the query, the share of it that stands in the wordings (and answers), in [0, 1]."""
        return [self._has_concept(c.terms, c.others, row, answers) for c in self._query.concepts]

    def _coverage(self, shares: Sequence[float]) -> float:
        """Weighted share of the query's concepts that are there."""
        total = sum(self._concept_weights)
        covered = sum(weight * share for weight, share in zip(self._concept_weights, shares, strict=True))
        return covered / total if total else 0.0

    def _uncovered(self, shares: Sequence[float]) -> float:
        """Weight of the heaviest concept that is missing, as a share of the heaviest that there can be; in [0, 1]."""
        missing = [weight * (1.0 - share) for weight, share in zip(self._concept_weights, shares, strict=True)]
        return min(1.0, max(missing, default=0.0) / _heaviest_idf(self._index))

    def _has_concept(self, own: Sequence[str], others: Sequence[Sequence[str]], row: int, answers: bool) -> float:
        def share(wanted: Sequence[str]) -> float:
            weight = sum(self._idf[term] for term in wanted)
            held = sum(self._idf[term] for term in wanted if self._has_term(term, row, answers))
            return held / weight if weight else 0.0

        return max([share(own), *(0.95 * share(other) for other in others)])

    def _has_term(self, term: str, row: int, answers: bool) -> bool:
        held = self._holders.get(term)
        if held is None:
            index = self._index
            held = self._holders[term] = (
                self._variants.holders(index.lexical_questions, term),
                self._passages.holders(index.lexical_passages, term),
            )
        return row in held[0] or (answers and row in held[1])

    def _precisions(self) -> FloatArray:
        """Weighted share of each candidate wording's terms that the query holds. Shape: (n_wordings,)."""
        import numpy as np

        rows = self._variants.all
        held = np.zeros(len(rows), dtype=np.float32)
        for term in self._query_terms:
            held += self._idf[term] * self._index.lexical_questions.contains(term, rows)
        total = self._index.wording_weights[rows]
        return np.divide(held, total, out=np.zeros(len(rows), dtype=np.float32), where=total > 0)

    def _identifier_share(self, row: int) -> float:
        if not self._identifiers:
            return 0.0
        return sum(self._has_term(term, row, True) for term in self._identifiers) / len(self._identifiers)


class _Runs:
    """The wordings (or passages) of some canonical questions: a run of rows each, put one behind the other."""

    def __init__(self, question_rows: npt.NDArray[np.int32], rows: Sequence[int]) -> None:
        """`question_rows` has, for each wording, the row of its canonical question; it ascends."""
        import numpy as np

        self._rows = rows
        self._starts = np.searchsorted(question_rows, rows, side="left")
        self._ends = np.searchsorted(question_rows, rows, side="right")
        bounds = np.concatenate(([0], np.cumsum(self._ends - self._starts)))
        self.all: IntArray = np.concatenate(
            [np.arange(start, end) for start, end in zip(self._starts, self._ends, strict=True)]
            or [np.zeros(0, dtype=np.int64)]
        )
        """Rows of all wordings."""
        self._places = {row: slice(int(bounds[n]), int(bounds[n + 1])) for n, row in enumerate(rows)}

    def place(self, row: int) -> slice:
        """Where in `all` the wordings of this canonical question stand."""
        return self._places[row]

    def holders(self, lexical: LexicalIndex, term: str) -> frozenset[int]:
        """The canonical questions of which a wording holds the term."""
        held = lexical.any_contains(term, self._starts, self._ends)
        return frozenset(row for row, holds in zip(self._rows, held.tolist(), strict=True) if holds)


def _similarities(matrix: FloatArray, vectors: FloatArray) -> FloatArray:
    """Best cosine of each row with any of the query's vectors. Shape: matrix (n, dimension), result (n,)."""
    import numpy as np

    return np.asarray((matrix @ vectors.T).max(axis=1), dtype=np.float32)


def _heaviest_idf(index: Index) -> float:
    return math.log(1.0 + (len(index.variant_rows) + 0.5) / 0.5)


def _idf(index: Index, term: str) -> float:
    """Inverse document frequency over wordings; a term that no document holds is the rarest."""
    return index.lexical_questions.idf(term)
