"""Hits to evidence: the answers that an answer may draw from, each under a number."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from kb.types import Citation, Entry, Passage

MAX_ENTRIES_PER_QUESTION = 4


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """One entry's answer as evidence."""

    n: int
    """Its number, 1-based: the marker [n]."""
    entry: Entry
    text: str
    """The whole answer."""
    focus: tuple[int, int]
    """The part that the search found: `text[focus[0]:focus[1]]`."""

    def cite(self, start: int, end: int) -> Citation:
        """A citation of `text[start:end]`."""
        entry = self.entry
        quote = self.text[start:end]
        return Citation(self.n, entry.id, entry.question, entry.source, entry.lines, quote, start, end, entry.page)


@dataclasses.dataclass(frozen=True, slots=True)
class Topic:
    """A canonical question with the answers that its documents give, the best one first."""

    question: str
    sources: tuple[Source, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that one answer may say, best topic first."""

    query: str
    topics: tuple[Topic, ...]

    @property
    def sources(self) -> tuple[Source, ...]:
        """All sources, in the order of their numbers."""
        return tuple(source for topic in self.topics for source in topic.sources)


def gather(query: str, found: Sequence[tuple[str, Sequence[Entry], Sequence[Passage]]]) -> Evidence:
    """Evidence from canonical questions, best first.

    Args:
        query: what was searched.
        found: per canonical question its wording, its answered entries and their passages for this query, best first.
    """
    topics: list[Topic] = []
    number = 0
    for question, entries, passages in found:
        sources: list[Source] = []
        best = {passage.entry_id: passage for passage in reversed(passages)}
        for entry in entries[:MAX_ENTRIES_PER_QUESTION]:
            if entry.answer is None:
                continue
            number += 1
            passage = best.get(entry.id)
            focus = (passage.start, passage.end) if passage else (0, len(entry.answer))
            sources.append(Source(number, entry, entry.answer, focus))
        if sources:
            topics.append(Topic(question, tuple(sources)))
    return Evidence(query, tuple(topics))


def within_budget(evidence: Evidence, max_tokens: int, count_tokens: Callable[[str], int]) -> Evidence:
    """The evidence cut to a token budget: whole sources while they fit, then focus parts, the rest left out.

    The first source is always kept, cut to its focus if need be.
    """
    left = max_tokens
    topics: list[Topic] = []
    for topic in evidence.topics:
        kept: list[Source] = []
        for source in topic.sources:
            for text, focus in ((source.text, source.focus), (source.text[slice(*source.focus)], source.focus)):
                cost = count_tokens(text) + count_tokens(source.entry.question) + 8
                if cost <= left or not (topics or kept):
                    whole = text == source.text
                    kept.append(source if whole else dataclasses.replace(source, focus=focus))
                    left -= cost
                    break
        if kept:
            topics.append(Topic(topic.question, tuple(kept)))
    return Evidence(evidence.query, tuple(topics))
