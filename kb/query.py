"""A query, looked at before it is searched: cleaned, spelling corrected, names of the glossary expanded."""

from __future__ import annotations

import dataclasses
import unicodedata

from kb.errors import QueryError
from kb.glossary import Glossary, find_phrases
from kb.spelling import Speller
from kb.text import FRAME_WORDS, STOP_WORDS, terms, word_terms, words

MAX_EXPANSIONS = 12


@dataclasses.dataclass(frozen=True, slots=True)
class Concept:
    """One thing that the query is about: a word or a name of several words."""

    text: str
    """As it stands in the corrected query."""
    terms: tuple[str, ...]
    """Its terms."""
    others: tuple[tuple[str, ...], ...]
    """Terms of its other names in the glossary."""


@dataclasses.dataclass(frozen=True, slots=True)
class Query:
    """A query that is ready to be searched."""

    original: str
    text: str
    """Cleaned and corrected: what is really searched."""
    expanded: str
    """`text` with names of the glossary written out; equal to `text` if there are none."""
    terms: tuple[str, ...]
    """Terms of `text`, without words of asking unless nothing else is left."""
    expansion_terms: tuple[str, ...]
    """Terms of other names, not in `terms`."""
    concepts: tuple[Concept, ...]
    corrections: tuple[tuple[str, str], ...]
    """(as typed, as corrected)."""


def clean(text: str, max_chars: int) -> str:
    """The query's text on one line, without control characters.

    Raises:
        QueryError: nothing is left, or it is longer than `max_chars`.
    """
    if len(text) > max_chars:
        raise QueryError(
            f"the query has {len(text)} characters; at most {max_chars} are searched",
            hint="Ask one question at a time.",
        )
    visible = "".join(
        " " if c.isspace() else c
        for c in text
        if c.isspace() or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co")
    )
    cleaned = " ".join(visible.split())
    if not cleaned:
        raise QueryError("the query is empty", hint="Ask a question.")
    return cleaned


def prepare(text: str, speller: Speller | None, glossary: Glossary) -> Query:
    """The query with everything that searching needs. `text` is clean already."""
    corrected, corrections = _correct(text, speller)
    concepts, expanded = _concepts(corrected, glossary)
    own = [term for term in terms(corrected) if term not in _FRAME_TERMS] or terms(corrected)
    extra = dict.fromkeys(term for concept in concepts for other in concept.others for term in other)
    return Query(
        original=text,
        text=corrected,
        expanded=expanded,
        terms=tuple(own),
        expansion_terms=tuple(term for term in extra if term not in own)[: MAX_EXPANSIONS * 3],
        concepts=concepts,
        corrections=corrections,
    )


_FRAME_TERMS = frozenset(term for word in FRAME_WORDS for term in word_terms(word))


def _correct(text: str, speller: Speller | None) -> tuple[str, tuple[tuple[str, str], ...]]:
    if speller is None:
        return text, ()
    pieces: list[str] = []
    corrections: list[tuple[str, str]] = []
    last = 0
    for word in words(text):
        better = None
        if word.text.lower() not in STOP_WORDS and word.text.lower() not in FRAME_WORDS:
            better = speller.correct(word.text)
        if better:
            pieces += [text[last : word.start], better]
            last = word.end
            corrections.append((word.text, better))
    return "".join([*pieces, text[last:]]), tuple(corrections)


def _concepts(text: str, glossary: Glossary) -> tuple[tuple[Concept, ...], str]:
    """The concepts of a query, and the query with one other name of each written behind it."""
    found = [word for word in words(text) if word_terms(word.text)]
    phrases = find_phrases([word_terms(word.text)[0] for word in found], glossary)
    starts = {start: (end, others) for start, end, others in phrases}
    concepts: list[Concept] = []
    pieces: list[str] = []
    last = position = 0
    while position < len(found):
        end, others = starts.get(position, (position + 1, ()))
        span = text[found[position].start : found[end - 1].end]
        lower = span.lower()
        if others or (lower not in STOP_WORDS and lower not in FRAME_WORDS):
            own = tuple(dict.fromkeys(term for word in found[position:end] for term in word_terms(word.text)))
            other_terms = tuple(tuple(terms(other)) for other in others[:MAX_EXPANSIONS] if terms(other))
            if own and not (len(others) == 0 and lower in STOP_WORDS):
                concepts.append(Concept(span, own, other_terms))
        if others:
            pieces += [text[last : found[position].start], others[0]]
            last = found[end - 1].end
        position = end
    return tuple(concepts), "".join([*pieces, text[last:]])
