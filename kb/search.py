"""From a query as typed, with its history, to hits and the probability that the documents answer it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from kb.confidence import as_mapping, confidence_features
from kb.followup import readings
from kb.glossary import Glossary
from kb.query import Query, clean, prepare
from kb.retrieve import Candidate, Weights, candidates
from kb.spelling import Speller
from kb.trees import Trees
from kb.types import Entry, Hit, Passage, Question, Status, Turn

if TYPE_CHECKING:
    from kb.index import Index
    from kb.ports import Embedder, Reranker

AS_TYPED_BONUS = 0.05
"""Probability by which another reading of a follow-up must be better than the query as it was typed."""
N_RERANKED = 20
POSED_MARGIN = 0.05
"""By how much a question without an answer must be liker to the query than any that has one."""
MIN_POSED_LIKENESS = 1.2
"""Likeness from which a query is taken to ask the question at all; see `_likeness`."""


@dataclasses.dataclass(frozen=True, slots=True)
class Filters:
    """Which questions may be found."""

    document: str | None = None
    """Id of the only document whose entries count."""
    status: Status | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """What a search came to."""

    query: Query
    hits: tuple[Hit, ...]
    confidence: float
    """Probability that the documents answer the query, in [0, 1]."""
    features: Mapping[str, float]
    """What the probability was made from."""
    posed: Question | None
    """The question, posed by a document and answered by none, that the query asks; None if it asks no such."""
    n_topics: int
    """Answered hits, from the best on, that an answer needs to cover the query."""
    filters: Filters


@dataclasses.dataclass(frozen=True, slots=True)
class Searcher:
    """Everything that a search needs, for one generation of the index."""

    index: Index
    embedder: Embedder
    glossary: Glossary
    speller: Speller
    english: frozenset[str]
    ranker: Weights
    model: Trees
    """Of the confidence."""
    max_query_chars: int
    reranker: Reranker | None = None

    def find(self, text: str, *, history: Sequence[Turn] = (), limit: int = 5, filters: Filters | None = None) -> Found:
        """Hits for a query, and how probable it is that they answer it.

        Raises:
            QueryError: the query is empty or too long.
        """
        cleaned = clean(text, self.max_query_chars)
        best: Found | None = None
        for reading in readings(cleaned, history):
            found = self._find(reading, limit, filters or Filters())
            if best is None or found.confidence > best.confidence + AS_TYPED_BONUS:
                best = found
        assert best is not None
        return best

    def _find(self, text: str, limit: int, filters: Filters) -> Found:
        query = prepare(text, self.speller, self.glossary)
        ranked = candidates(self.index, query, self.embedder, self.ranker)
        ranked = self._filtered(ranked, filters)
        if self.reranker is not None:
            ranked = self._reranked(query, ranked)
        answered = [candidate for candidate in ranked if candidate.passage_row is not None]
        features = as_mapping(confidence_features(self.index, query, answered, self.english))
        confidence = self.model.probability(features) if answered else 0.0
        hits = tuple(self._hit(rank, candidate, filters) for rank, candidate in enumerate(ranked[:limit], start=1))
        return Found(query, hits, confidence, features, self._posed(ranked), 1, filters)

    def _posed(self, ranked: Sequence[Candidate]) -> Question | None:
        """The question without an answer that the query asks rather than any that has one; None if there is no such."""
        unanswered = [candidate for candidate in ranked if candidate.passage_row is None]
        if not unanswered:
            return None
        best = max(unanswered, key=_likeness)
        others = max((_likeness(candidate) for candidate in ranked if candidate.passage_row is not None), default=0.0)
        if _likeness(best) < max(MIN_POSED_LIKENESS, others + POSED_MARGIN):
            return None
        return self.index.catalogue.questions_by_id([best.question_id])[best.question_id]

    def _filtered(self, ranked: list[Candidate], filters: Filters) -> list[Candidate]:
        if filters.document is None and filters.status is None:
            return ranked
        questions = self.index.catalogue.questions_by_id([candidate.question_id for candidate in ranked])
        entry_ids = [entry_id for question in questions.values() for entry_id in question.entry_ids]
        entries = self.index.catalogue.entries_by_id(entry_ids)

        def passes(candidate: Candidate) -> bool:
            question = questions[candidate.question_id]
            own = [entries[entry_id] for entry_id in question.entry_ids]
            if filters.document is not None:
                own = [entry for entry in own if entry.document == filters.document]
            if filters.status is not None:
                return bool(own) and (question.status is filters.status)
            return bool(own)

        return [candidate for candidate in ranked if passes(candidate)]

    def _reranked(self, query: Query, ranked: list[Candidate]) -> list[Candidate]:
        assert self.reranker is not None
        head = ranked[:N_RERANKED]
        texts = [self._text_of(candidate) for candidate in head]
        if not texts:
            return ranked
        scores = self.reranker.score(query.text, texts)
        order = sorted(range(len(head)), key=lambda place: (-float(scores[place]), place))
        return [head[place] for place in order] + ranked[N_RERANKED:]

    def _text_of(self, candidate: Candidate) -> str:
        question = self.index.catalogue.questions_by_id([candidate.question_id])[candidate.question_id].question
        passage = "" if candidate.passage_row is None else self.index.catalogue.passage(candidate.passage_row).text
        return f"{question}\n{passage}"

    def _hit(self, rank: int, candidate: Candidate, filters: Filters) -> Hit:
        catalogue = self.index.catalogue
        question = catalogue.questions_by_id([candidate.question_id])[candidate.question_id]
        passage = None if candidate.passage_row is None else catalogue.passage(candidate.passage_row)
        entries = catalogue.entries_by_id(question.entry_ids)
        entry = entries[passage.entry_id if passage else question.entry_ids[0]]
        if filters.document is not None and entry.document != filters.document:
            entry, passage = self._within(entries, filters.document, candidate)
        return Hit(
            rank=rank,
            score=self._hit_score(candidate),
            question_id=question.id,
            entry_id=entry.id,
            question=question.question,
            text=passage.text if passage else "",
            source=entry.source,
            lines=entry.lines,
            origin=candidate.origin,
            status=question.status,
            scores=dict(candidate.features),
            page=entry.page,
        )

    def _hit_score(self, candidate: Candidate) -> float:
        """The ranker's value, squashed into [0, 1]."""
        return self.ranker.probability(candidate.features)

    def _within(
        self, entries: Mapping[str, Entry], document: str, candidate: Candidate
    ) -> tuple[Entry, Passage | None]:
        entry = next(entry for entry in entries.values() if entry.document == document)
        passages = self.index.catalogue.passages_of([candidate.question_id]).values()
        return entry, next((passage for passage in passages if passage.entry_id == entry.id), None)


def _likeness(candidate: Candidate) -> float:
    """How like a query is to the wordings of a question, answers left out; about 0 to 2.6."""
    f = candidate.features
    return f["dense_question"] + f["adapted_question"] + 0.4 * f["coverage_question"] + 0.2 * f["precision_question"]


__all__ = ["Filters", "Found", "Searcher"]
