"""A grounded answer over texts that are given with the query, without an index.

The same decision, draft and check as over an index, on less: there are no questions to match, so sentences are
compared with the query directly.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from kb.answer import answer_text, check, merged_citations, renumbered
from kb.ground import Evidence, Source, Topic
from kb.query import clean, prepare
from kb.retrieve import load_weights
from kb.settings import Settings
from kb.spans import Kind, Span, blocks, statements
from kb.text import terms
from kb.types import Answer, Entry, Outcome, Reason, Statement, Status
from kb.wiring import choose_backend, load_encoder, load_generator

if TYPE_CHECKING:
    from kb.ports import Embedder
    from kb.query import Query

MAX_TEXTS = 50
KEEP_SHARE = 0.8
"""Statements this near to the best one, as a share of its relevance, are part of the answer too."""


class _Scored(NamedTuple):
    source: Source
    span: Span
    relevance: float


def answer_over_texts(query: str, passages: Sequence[str], settings: Settings) -> Answer:
    """The answer that the passages give to the query, or an abstention.

    Raises:
        QueryError: the query is empty or too long.
    """
    from kb.glossary import load_glossary

    started = time.perf_counter()
    cleaned = clean(query, settings.retrieve.max_query_chars)
    prepared = prepare(cleaned, None, load_glossary(settings.retrieve.glossary))
    embedder = load_encoder(settings)
    sources = [_source(n, text) for n, text in enumerate(passages[:MAX_TEXTS], start=1) if text.strip()]
    scored, features = _scored(prepared, sources, embedder)
    confidence = load_weights("passage_confidence").probability(features) if scored else 0.0
    backend = choose_backend(settings)
    kept: list[Statement] = []
    rejected: list[Statement] = []
    if confidence >= settings.answer.min_confidence:
        for statement in _drafted(cleaned, sources, scored, settings, embedder):
            (kept if statement.supported else rejected).append(statement)
    shown = tuple(renumbered(kept))
    reason = None if shown else Reason.UNSUPPORTED if rejected else Reason.NO_EVIDENCE
    return Answer(
        query=query,
        outcome=Outcome.ANSWERED if shown else Outcome.ABSTAINED,
        reason=reason,
        statements=shown,
        citations=merged_citations(shown),
        text=answer_text(shown) if shown else "I don't know. The passages do not answer this.",
        rejected=tuple(rejected),
        confidence=confidence,
        backend=backend.name,
        model=backend.model,
        hits=(),
        timings_ms={"total": round((time.perf_counter() - started) * 1000, 3)},
        searched=prepared.text,
        backend_reason=backend.reason,
    )


def _source(n: int, text: str) -> Source:
    entry = Entry(
        id=str(n - 1),
        document="",
        source=f"passage {n}",
        number=n,
        section=None,
        question="",
        answer=text,
        status=Status.ANSWERED,
        lines=None,
    )
    return Source(n, entry, text, (0, len(text)))


def _scored(query: Query, sources: Sequence[Source], embedder: Embedder) -> tuple[list[_Scored], dict[str, float]]:
    """All statements of the passages with their relevance, best first, and the features of the decision."""
    pieces = [(source, span) for source in sources for span in statements(source.text)]
    if not pieces:
        return [], {}
    texts = [source.text[span.start : span.end] for source, span in pieces]
    vectors = embedder.embed([query.expanded, *texts, *(source.text for source in sources)])
    cosines = vectors[1 : 1 + len(texts)] @ vectors[0]
    whole = {source.n: float(vectors[1 + len(texts) + place] @ vectors[0]) for place, source in enumerate(sources)}
    found: list[_Scored] = []
    for (source, span), text, cosine in zip(pieces, texts, cosines, strict=True):
        coverage = _coverage(query, text)
        found.append(_Scored(source, span, 0.6 * float(cosine) + 0.25 * coverage + 0.15 * whole[source.n]))
    found.sort(key=lambda item: -item.relevance)
    best = found[0]
    features = {
        "dense_statement": float(cosines.max()),
        "dense_passage": max(whole.values()),
        "coverage_statement": _coverage(query, best.source.text[best.span.start : best.span.end]),
        "coverage_passage": max(_coverage(query, source.text) for source in sources),
    }
    return found, features


def _coverage(query: Query, text: str) -> float:
    """Share of the query's concepts that a text names."""
    own = set(terms(text))
    if not query.concepts:
        return 0.0
    covered = [
        any(set(names) <= own for names in (concept.terms[:1], concept.terms, *concept.others))
        for concept in query.concepts
    ]
    return sum(covered) / len(covered)


def _drafted(
    query: str, sources: Sequence[Source], scored: Sequence[_Scored], settings: Settings, embedder: Embedder
) -> list[Statement]:
    backend = choose_backend(settings)
    generator = load_generator(settings, backend)
    if generator is not None:
        from kb.generate import drafts, fit

        evidence = Evidence(query, tuple(Topic("", (source,)) for source in sources))
        fitted = fit(query, evidence, (), generator.max_prompt_tokens, generator.count_tokens)
        try:
            made = [check(text, claimed, sources, embedder) for text, claimed in drafts(generator, query, fitted, ())]
        finally:
            generator.close()
        if any(statement.supported for statement in made):
            return made
    return _selected(scored, settings.answer.max_statements)


def _selected(scored: Sequence[_Scored], limit: int) -> list[Statement]:
    """The best statement and those nearly as relevant, in the order of the passages."""
    floor = scored[0].relevance * KEEP_SHARE
    chosen = [item for item in scored if item.relevance >= floor][:limit]
    chosen += [follower for item in chosen for follower in _followers(item, scored) if follower not in chosen]
    found: list[Statement] = []
    for item in sorted(dict.fromkeys(chosen), key=lambda item: (item.source.n, item.span.start)):
        text = item.source.text[item.span.start : item.span.end]
        citation = item.source.cite(item.span.start, item.span.end)
        found.append(Statement(text, (citation,), 1.0, True, "verbatim"))
    return found


def _followers(item: _Scored, scored: Sequence[_Scored]) -> list[_Scored]:
    """What a line that ends in a colon leads in to."""
    text = item.source.text[item.span.start : item.span.end]
    if not text.rstrip("*_ ").endswith(":"):
        return []
    after = sorted(
        (other for other in scored if other.source.n == item.source.n and other.span.start >= item.span.end),
        key=lambda other: other.span.start,
    )
    items = [other for other in after if other.span.kind in (Kind.ITEM, Kind.CODE)]
    return items if items and blocks(text) else after[:1]
