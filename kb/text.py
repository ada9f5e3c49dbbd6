"""Words and terms: the one way in which queries, questions and answers are cut up, so that they can meet.

A *word* is what stands in the text; a *term* is the key under which it is indexed. Identifiers give
several terms, whole and in parts: `torch.no_grad()` gives `torch.no_grad`, `torch`, `no_grad`, `grad`.
Scripts without spaces give pairs of neighbouring characters.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

_WORD = re.compile(
    r"""
    [A-Za-z_][A-Za-z0-9_]*(?:(?:\.|::|->)[A-Za-z_][A-Za-z0-9_]*)+   # dotted identifiers
    | [A-Za-z](?:\+\+|\#)                                          # C++, C#
    | [^\W_]+(?:[_][^\W_]+)+ | __\w+__                              # snake_case, dunders
    | \d+(?:x\d+)+                                                 # 3x3
    | \d+(?:[.,]\d+)*(?:%|[^\W\d_]+\b)?                             # numbers, with a unit glued on
    | [^\W_]+(?:['’][^\W\d_]+)?                                     # words, also of other scripts
    """,
    re.VERBOSE,
)
_PLURAL_ACRONYM = re.compile(r"[A-Z][A-Z0-9]+s")
_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_NO_SPACES = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\u0e00-\u0e7f]+")
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212"), "-")
_QUOTES = {ord("‘"): "'", ord("’"): "'", ord("“"): '"', ord("”"): '"', ord("\u00a0"): " ", ord("\u00ad"): None}
_INVISIBLE = dict.fromkeys([*range(0x200B, 0x2010), *range(0x202A, 0x202F), 0x2060, 0xFEFF])

# Words that say how one asks, not what about. Question words are kept apart: the intent needs them.
STOP_WORDS = frozenset(
    """
    a about above after again all also am an and any are aren't as at be because been being below between both but by
    can can't cannot could couldn't did didn't do does doesn't doing don't down during each etc few for from further
    get gets got had has have haven't having he her here hers him his how i i'd i'll i'm i've if in into is isn't it
    it's its itself just let lets like may me might more most much must my myself need no nor not now of off on once
    one only or other our ours out over own please same shall she should shouldn't so some such than that that's the
    their theirs them then there these they this those through to too under until up upon us use used uses using very
    via was wasn't we well were weren't what what's when where whether which while who whom whose why will with
    within without won't would you you'd you'll you're your yours yourself
    """.split()  # noqa: SIM905 - a list of a hundred quoted words reads worse
)
FRAME_WORDS = frozenset(
    """
    answer ask asked asking briefly concept concepts define definition describe detail details difference differences
    discuss example examples explain explained explanation give help hey hello hi idea know mean meaning means
    mention name outline question questions quick quickly role purpose significance importance important say show
    tell term terms thanks understand want way ways work works working kind kinds type types
    """.split()  # noqa: SIM905
)


class Word(NamedTuple):
    """A word and where it stands: `text[start:end] == word`."""

    text: str
    start: int
    end: int


def normalise(text: str) -> str:
    """The text for comparison: compatibility forms, case folded, plain quotes and dashes, single spaces."""
    folded = unicodedata.normalize("NFKC", text).translate(_INVISIBLE).translate(_QUOTES).translate(_DASHES)
    return " ".join(folded.casefold().split())


def words(text: str) -> Iterator[Word]:
    """The words of a text in order, identifiers and numbers whole."""
    for match in _WORD.finditer(text):
        yield Word(match.group(), match.start(), match.end())


@functools.cache
def _stemmer() -> object:
    import Stemmer  # deferred: a compiled library that only indexing and asking need

    return Stemmer.Stemmer("english", 50_000)


@functools.lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """The word's stem (Snowball English, M. F. Porter); other scripts and words with digits are left alone."""
    if not word.isascii() or not word.isalpha():
        return word
    return str(_stemmer().stemWord(word))  # type: ignore[attr-defined]


def is_identifier(word: str) -> bool:
    """Whether a word is written like code: dotted, snake_case, camelCase, or letters with digits."""
    if word[:1].isdigit() or _PLURAL_ACRONYM.fullmatch(word):
        return False
    if "." in word or "_" in word or "::" in word or "->" in word:
        return True
    inner = word[1:]
    return any(c.isupper() for c in inner) and any(c.islower() for c in word)


@functools.lru_cache(maxsize=100_000)
def word_terms(word: str) -> tuple[str, ...]:
    """The terms of one word, the most specific first."""
    lower = unicodedata.normalize("NFKC", word).translate(_QUOTES).casefold()
    if _NO_SPACES.search(lower):
        return tuple(lower[i : i + 2] for i in range(max(1, len(lower) - 1)))
    if lower.endswith("'s"):
        lower = lower[:-2]
    if _PLURAL_ACRONYM.fullmatch(word):
        lower = lower[:-1]
    if not is_identifier(word):
        return (stem(lower),) if lower else ()
    found = [lower.strip("_")]
    for part in re.split(r"\.|::|->|_+", word):
        if not part:
            continue
        found.append(stem(part.casefold()))
        pieces = _CAMEL.findall(part)
        if len(pieces) > 1:
            found.extend(stem(piece.casefold()) for piece in pieces if len(piece) > 1)
    for part in re.split(r"\.|::|->", lower):
        if "_" in part.strip("_"):
            found.append(part.strip("_"))
    return tuple(dict.fromkeys(term for term in found if term))


def terms(text: str) -> list[str]:
    """The terms of a text in order, stop words left out. Repeats are kept."""
    cleaned = text.translate(_INVISIBLE).translate(_QUOTES)
    found: list[str] = []
    for word in words(cleaned):
        lower = word.text.casefold()
        if lower in STOP_WORDS:
            continue
        found.extend(word_terms(word.text))
    return found


def content_words(text: str) -> list[str]:
    """The words that say what a query is about: neither stop words nor words of asking. Case is kept."""
    cleaned = text.translate(_INVISIBLE).translate(_QUOTES)
    return [
        word.text
        for word in words(cleaned)
        if word.text.casefold() not in STOP_WORDS and word.text.casefold() not in FRAME_WORDS
    ]
