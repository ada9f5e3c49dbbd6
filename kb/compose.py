"""The extractive composer: an answer made of spans of the evidence, without a model.

The best source's answer is given whole if it is short, else its most relevant statements in their order.
What other sources say too is said once and cites them all; what they add follows; where they differ in a
number or a negation, both are given and marked.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from kb.ground import Evidence, Source, Topic
from kb.spans import Kind, Span, statements
from kb.text import FRAME_WORDS, terms, words
from kb.types import Citation

SHORT_WORDS = 130
"""An answer up to this many words, code not counted, is given whole."""
MAX_ADDED = 3
"""Statements that the other sources of a question may add."""
MIN_NOVELTY = 0.35
"""Share of its terms that must be new for a statement of another source to be worth adding."""
SAME_SHARE = 0.7
"""Share of its terms that a statement must have in common with another to say the same."""


@dataclasses.dataclass(frozen=True, slots=True)
class Draft:
    """A statement that has not been checked yet."""

    text: str
    citations: tuple[Citation, ...]
    mark: str | None = None


Backed = Callable[[str, str], tuple[int, int] | None]
"""Takes a statement and a text; the span of the text that backs it, or None."""


def compose(evidence: Evidence, *, max_statements: int, backed: Backed) -> list[Draft]:
    """Draft statements in the order in which they should be read."""
    drafts: list[Draft] = []
    for topic in evidence.topics:
        drafts.extend(_compose_topic(evidence.query, topic, max_statements - len(drafts), backed))
        if len(drafts) >= max_statements:
            break
    return drafts


def _compose_topic(query: str, topic: Topic, limit: int, backed: Backed) -> list[Draft]:
    if limit <= 0 or not topic.sources:
        return []
    main, *others = topic.sources
    chosen = select(query, main, limit)
    drafts = [Draft(main.text[span.start : span.end], (main.cite(span.start, span.end),)) for span in chosen]
    added: list[Draft] = []
    for source in others:
        drafts = [_with_support(draft, source, backed) for draft in drafts]
        added = [_with_support(draft, source, backed) for draft in added]
        known = [*drafts, *added]
        added.extend(_additions(query, source, known, MAX_ADDED - len(added)))
    drafts, added = _mark_disagreements(drafts, added)
    return (drafts + added)[:limit]


def _with_support(draft: Draft, source: Source, backed: Backed) -> Draft:
    """The draft with a citation of this source too, if it says the same."""
    span = backed(draft.text, source.text)
    return dataclasses.replace(draft, citations=(*draft.citations, source.cite(*span))) if span else draft


def select(query: str, source: Source, limit: int) -> list[Span]:
    """The statements of an answer that answer the query: all if it is short, else the most relevant, in order."""
    spans = statements(source.text)
    prose = sum(len(list(words(source.text[s.start : s.end]))) for s in spans if s.kind is not Kind.CODE)
    if prose <= SHORT_WORDS and len(spans) <= limit:
        return spans
    scores = [_relevance(query, source, span, place) for place, span in enumerate(spans)]
    order = sorted(range(len(spans)), key=lambda place: -scores[place])
    chosen: set[int] = set()
    n_words = 0
    for place in order:
        group = _group(source.text, spans, place)
        if len(chosen | group) > limit or (n_words > SHORT_WORDS and chosen):
            continue
        n_words += sum(
            len(source.text[spans[p].start : spans[p].end].split())
            for p in group - chosen
            if spans[p].kind is not Kind.CODE
        )
        chosen |= group
    return [spans[place] for place in sorted(chosen)]


def _relevance(query: str, source: Source, span: Span, place: int) -> float:
    wanted = set(terms(query))
    own = set(terms(source.text[span.start : span.end]))
    share = len(wanted & own) / (len(wanted) or 1)
    in_focus = source.focus[0] <= span.start and span.end <= source.focus[1]
    # An answer says first what matters most.
    return share + (0.5 if place == 0 else 0.15 / place) + (0.25 if in_focus else 0.0)


def _group(text: str, spans: Sequence[Span], place: int) -> set[int]:
    """The statement with what it cannot be read without: the line that leads in to it, or what it leads in to."""
    group = {place}
    if text[spans[place].start : spans[place].end].rstrip("*_ ").endswith((":", "：")):
        after = place + 1
        if after < len(spans):
            group.add(after)
            while spans[after].kind is Kind.ITEM and after + 1 < len(spans) and spans[after + 1].kind is Kind.ITEM:
                after += 1
                group.add(after)
    if spans[place].kind in (Kind.ITEM, Kind.CODE, Kind.TABLE):
        before = place - 1
        while before >= 0 and spans[place].kind is Kind.ITEM and spans[before].kind is Kind.ITEM:
            before -= 1
        if before >= 0 and text[spans[before].start : spans[before].end].rstrip("*_ ").endswith((":", "：")):
            group.add(before)
    return group


def _additions(query: str, source: Source, known: Sequence[Draft], limit: int) -> list[Draft]:
    """What this source says that no known statement does."""
    if limit <= 0:
        return []
    held = [set(terms(draft.text)) for draft in known]
    everything = set().union(*held) if held else set()
    found: list[tuple[float, int, Draft]] = []
    for place, span in enumerate(statements(source.text)):
        text = source.text[span.start : span.end]
        own = set(terms(text))
        if len(own) < 4 or text.rstrip("*_ ").endswith((":", "：")):
            continue
        if any(draft.text == text for draft in known) or span.kind is Kind.CODE:
            continue
        contradicts = any(differ(draft.text, text) for draft in known)
        novelty = len(own - everything) / len(own)
        said = max((len(own & other) / len(own) for other in held), default=0.0) >= SAME_SHARE
        if not contradicts and (said or novelty < MIN_NOVELTY):
            continue
        novelty += contradicts  # where sources differ, both must be shown
        found.append(
            (
                -_relevance(query, source, span, place) - novelty,
                place,
                Draft(text, (source.cite(span.start, span.end),)),
            )
        )
    best = sorted(sorted(found, key=lambda item: item[:2])[:limit], key=lambda item: item[1])
    return [draft for _, _, draft in best]


def _mark_disagreements(drafts: list[Draft], added: list[Draft]) -> tuple[list[Draft], list[Draft]]:
    marked = list(drafts)
    marked_added = list(added)
    for i, first in enumerate(drafts):
        for j, second in enumerate(added):
            if differ(first.text, second.text):
                marked[i] = dataclasses.replace(first, mark="disagreement")
                marked_added[j] = dataclasses.replace(second, mark="disagreement")
    return marked, marked_added


_NEGATIONS = frozenset(
    {"not", "no", "never", "cannot", "can't", "doesn't", "isn't", "don't", "won't", "without", "nor"}
)


def differ(a: str, b: str) -> bool:
    """Whether two statements say the same of the same thing but for a number or a negation."""
    plain_a = {term for term in terms(a) if not _has_digit(term)}
    plain_b = {term for term in terms(b) if not _has_digit(term)}
    shared = len(plain_a & plain_b)
    if shared < 3 or shared < 0.7 * min(len(plain_a), len(plain_b)):
        return False
    numbers_a, numbers_b = ({w.text for w in words(text) if w.text[0].isdigit()} for text in (a, b))
    if numbers_a and numbers_b and not numbers_a & numbers_b:
        return True
    negated_a, negated_b = (bool(_NEGATIONS & {w.text.lower() for w in words(text)}) for text in (a, b))
    return negated_a != negated_b and shared >= 0.8 * max(len(plain_a), len(plain_b))


def _has_digit(term: str) -> bool:
    return any(c.isdigit() for c in term)


def content_terms(query: str) -> set[str]:
    """Terms of a query without the words of asking."""
    return {term for term in terms(query) if term not in FRAME_WORDS}
