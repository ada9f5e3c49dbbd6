"""Spelling correction against the index's own vocabulary.

A word is corrected only if neither the index nor general English knows it, and one known word is clearly
nearest. General English is the word list of the sentence encoder's tokenizer: a word in it that the index
lacks is an unknown subject, not a typing error, and must stay unknown.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

from kb.text import is_identifier, stem

MIN_LENGTH = 4
"""Shorter words have too many neighbours: LoRA is no misspelt load."""


class Speller:
    """Corrects words towards those that stand in the documents."""

    def __init__(self, frequencies: Mapping[str, int], english: frozenset[str]) -> None:
        """Take the words of the documents, lower case, with their frequencies, and the words of general English."""
        self._frequencies = dict(frequencies)
        self._english = english
        self._stems = {stem(word) for word in self._frequencies}
        self._by_length: dict[int, list[str]] = {}
        for word in self._frequencies:
            if len(word) >= MIN_LENGTH and word.isalpha():
                self._by_length.setdefault(len(word), []).append(word)
        self.correct = functools.lru_cache(maxsize=10_000)(self._correct)

    def knows(self, word: str) -> bool:
        """Whether the documents hold the word, or a form of it."""
        lower = word.lower()
        return lower in self._frequencies or stem(lower) in self._stems

    def _correct(self, word: str) -> str | None:
        """The word that is meant, or None where the word is known, or no known word is near enough."""
        lower = word.lower()
        if "." in word and word.replace(".", "").isalpha():
            return None if self.knows(lower) else self._correct_parts(word)
        if len(lower) < MIN_LENGTH or not lower.isalpha() or not lower.isascii():
            return None
        if is_identifier(word) or word.isupper() or self.knows(lower) or lower in self._english:
            return None
        from rapidfuzz import process  # deferred: only queries with unknown words need it
        from rapidfuzz.distance import OSA

        allowed = 1 if len(lower) <= 7 else 2
        if len(lower) <= 4 and word != lower:  # a short name in capitals
            return None
        candidates = [
            w
            for length in range(len(lower) - allowed, len(lower) + allowed + 1)
            for w in self._by_length.get(length, ())
        ]
        found = process.extract(lower, candidates, scorer=OSA.distance, score_cutoff=allowed, limit=20)
        if not found:
            return None
        best = min(found, key=lambda item: (item[1], item[0][0] != lower[0], -self._frequencies[item[0]], item[0]))
        # Short words: only swapped, doubled or missing letters, since one replaced letter makes another word.
        missing = len(best[0]) > len(lower) and best[0][0] == lower[0]
        if (
            len(lower) == MIN_LENGTH
            and sorted(best[0]) != sorted(lower)
            and not _is_doubled(lower, best[0])
            and not missing
        ):
            return None
        return str(best[0])

    def _correct_parts(self, word: str) -> str | None:
        """A dotted name with its parts corrected: torhc.compile."""
        parts = word.split(".")
        better = [part if self.knows(part) else self._correct(part) or part for part in parts]
        return ".".join(better) if better != parts else None


def _is_doubled(a: str, b: str) -> bool:
    short, long = sorted((a, b), key=len)
    return len(long) == len(short) + 1 and any(
        long[i] == long[i - 1] and long[:i] + long[i + 1 :] == short for i in range(1, len(long))
    )
