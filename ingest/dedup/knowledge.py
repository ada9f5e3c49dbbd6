"""What a collection says about its own words: abbreviations, compounds, spellings.

All of it is a function of the set of texts, so that the order in which documents come makes no difference.
"""

from __future__ import annotations

import collections
import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence

from ingest.dedup import lexicon
from ingest.dedup.normalise import Token, stem

_LONG_SHORT = re.compile(r"((?:[A-Za-z][\w-]*[ ]){0,6}[A-Za-z][\w-]*) \(([A-Z][A-Za-z0-9-]{1,9})\)")
_SHORT_LONG = re.compile(
    r"\b([A-Z][A-Za-z0-9-]{1,9}) \((?:short for |stands for )?((?:[A-Za-z][\w-]*[ ]){1,6}[A-Za-z][\w-]*)\)"
)
_SMALL = {"of", "and", "the", "for", "in", "to", "a", "on", "by", "with", "from", "as", "or"}
_MIN_LETTERS = 6
"""Shorter words have too many neighbours for a spelling to be called wrong."""


@dataclasses.dataclass(frozen=True, slots=True)
class Knowledge:
    """How the words of one collection are read."""

    expansions: Mapping[str, tuple[str, ...]]
    """Abbreviation (lower case) to the words that it stands for."""
    compounds: frozenset[str]
    """Words that are also written in two ("back propagation")."""
    spellings: Mapping[str, str]
    """Typing errors and what they stand for."""
    names: frozenset[str]
    """Words that are mostly written with a capital inside a sentence."""
    common: frozenset[str]
    """Words that are mostly written without."""
    hyphened: frozenset[str] = frozenset()
    """Compounds that are written with a hyphen somewhere ("one-hot", "on-campus")."""


def learn(questions: Iterable[Sequence[Token]], texts: Iterable[str], glossary: Mapping[str, str]) -> Knowledge:
    """What the collection's questions and texts, with the caller's glossary, say about words."""
    counts: collections.Counter[str] = collections.Counter()
    hyphened: set[str] = set()
    capitals: collections.Counter[str] = collections.Counter()
    small: collections.Counter[str] = collections.Counter()
    for tokens in questions:
        words = {token.text for token in tokens if token.kind == "word"}
        counts.update(words)
        capitals.update({token.text for token in tokens if token.kind == "word" and token.named})
        small.update({token.text for token in tokens if token.kind == "word" and token.raw.islower()})
        hyphened.update(token.text for token in tokens if token.kind == "word" and "-" in token.raw)
    expansions = {short: _plain(long) for short, long in lexicon.GLOSSARY.items()}
    expansions.update(_abbreviations(texts))
    expansions.update({short.lower(): _plain(long) for short, long in glossary.items()})
    hyphened.update(part.replace("-", "") for long in lexicon.GLOSSARY.values() for part in long.split() if "-" in part)
    solid = {word for word in counts if len(word) >= _MIN_LETTERS and word.isalpha()}
    names, common = _written(capitals, small)
    compounds = frozenset(hyphened | solid)
    return Knowledge(expansions, compounds, _spellings(counts), names, common, frozenset(hyphened))


def _written(capitals: Mapping[str, int], small: Mapping[str, int]) -> tuple[frozenset[str], frozenset[str]]:
    names = frozenset(word for word, n in capitals.items() if n > small.get(word, 0))
    return names, frozenset(word for word, n in small.items() if n >= capitals.get(word, 0))


def _plain(long: str) -> tuple[str, ...]:
    return tuple(word.replace("-", "") for word in long.lower().split())


def _abbreviations(texts: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Expansions written out in the texts; those with two meanings are left alone."""
    found: dict[str, dict[tuple[str, ...], tuple[str, ...]]] = {}
    for text in texts:
        if "(" not in text:
            continue
        pairs = [(match[2], match[1]) for match in _LONG_SHORT.finditer(text)]
        pairs += [(match[1], match[2]) for match in _SHORT_LONG.finditer(text)]
        for short, long in pairs:
            if words := _initials(short, long.split()):
                key = short.rstrip("s").lower() if short[:-1].isupper() else short.lower()
                meaning = tuple(stem(word) for word in words)
                known = found.setdefault(key, {})
                known[meaning] = min(known.get(meaning, words), words)
    return {short: next(iter(known.values())) for short, known in found.items() if len(known) == 1}


def _initials(short: str, words: Sequence[str]) -> tuple[str, ...] | None:
    """The shortest tail of the words whose initials spell the abbreviation."""
    letters = re.sub(r"[^a-z0-9]", "", (short.removesuffix("s") if short[:-1].isupper() else short).lower())
    if sum(letter.isupper() for letter in short) < 2:
        return None
    for start in range(len(words) - 1, -1, -1):
        tail = [part for word in words[start:] for part in word.lower().split("-") if part]
        variants = ("".join(part[0] for part in tail), "".join(part[0] for part in tail if part not in _SMALL))
        if letters in variants and len(tail) > 1 and tail[0] not in _SMALL:
            return tuple(part for word in words[start:] for part in _parts(word))
    return None


def _parts(word: str) -> list[str]:
    parts = word.lower().split("-")
    return parts if _SMALL & set(parts) else ["".join(parts)]


def _spellings(counts: Mapping[str, int]) -> dict[str, str]:
    """Words seen once that are a slip of the hand away from a known word: a letter swapped, doubled, missing."""
    known = lexicon.VERBS | lexicon.PRODUCTS | lexicon.SOFT_HEADS | lexicon.LIST_FILLERS | lexicon.RELATIONS
    common = {word: n for word, n in counts.items() if n > 1 and len(word) >= _MIN_LETTERS and word.isalpha()}
    common.update({word: 2 for word in known if len(word) >= _MIN_LETTERS and word.isalpha() and word not in common})
    shortened: dict[str, list[str]] = {}
    for word in common:
        for i in range(1, len(word)):
            shortened.setdefault(word[:i] + word[i + 1 :], []).append(word)
    found = {}
    for word, n in counts.items():
        if n > 1 or len(word) < _MIN_LETTERS or word in common or not word.isalpha() or not word.isascii():
            continue
        candidates = {word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(1, len(word) - 1)}
        candidates |= {word[:i] + word[i + 1 :] for i in range(1, len(word) - 1)}
        candidates |= {word[:-1]} if word[-1] == word[-2] else set()
        candidates &= common.keys()
        candidates.update(other for other in shortened.get(word, ()) if other[:-1] != word or other[-1] == other[-2])
        candidates = {other for other in candidates if stem(other) != stem(word)}
        if candidates:
            found[word] = min(candidates, key=lambda other: (-common[other], other))
    return found
