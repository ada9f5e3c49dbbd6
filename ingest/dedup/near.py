"""Wordings that are nearly the same string, found by MinHash LSH, and vectors that are near."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kb.ports import FloatArray

BAR = 0.8
"""Least similarity of near wordings."""
MAX_DENSE = 12_000
"""Up to so many wordings every pair of vectors is compared."""
_PERMUTATIONS = 32
_THRESHOLD = 0.6
_SHINGLE = 4
_MAX_BUCKET = 40
_OPPOSITES = """
max min, maximum minimum, global local, static dynamic, inner outer, left right, before after, not no without,
upper lower, input output, encoder decoder, first last, client server, public private, read write, push pull, train test
"""
OPPOSED = frozenset(_OPPOSITES.replace(",", " ").split())
"""Words that no one takes for one another, however near the vectors."""


def shingles(text: str) -> set[bytes]:
    """The overlapping runs of letters of a wording."""
    padded = f" {text} "
    return {padded[i : i + _SHINGLE].encode() for i in range(max(1, len(padded) - _SHINGLE + 1))}


def similarity(a: str, b: str) -> float:
    """Normalised edit similarity of two wordings, in [0, 1]."""
    from rapidfuzz.distance import Indel

    return round(Indel.normalized_similarity(a, b), 4)


def words(a: str, b: str) -> float:
    """Share of words that two wordings have in common, in [0, 1]."""
    ours, theirs = set(a.split()), set(b.split())
    return round(2 * len(ours & theirs) / (len(ours) + len(theirs)), 4) if ours and theirs else 0.0


def pairs(texts: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of near wordings, sorted; the same for the same texts, which are taken in sorted order."""
    from datasketch import MinHash, MinHashLSH

    lsh = MinHashLSH(threshold=_THRESHOLD, num_perm=_PERMUTATIONS)
    # crc32 spreads well enough here and costs a third of the default hash
    sketches = MinHash.bulk([shingles(text) for text in texts], num_perm=_PERMUTATIONS, hashfunc=zlib.crc32)
    found: set[tuple[int, int]] = set()
    for i, sketch in enumerate(sketches):
        near = sorted(lsh.query(sketch))[:_MAX_BUCKET]
        found.update((other, i) for other in near)
        lsh.insert(i, sketch, check_duplication=False)
    return sorted(found)


def dense_pairs(vectors: FloatArray, least: float) -> list[tuple[int, int, float]]:
    """Pairs of vectors with at least the cosine given."""
    return list(_dense(vectors, least))


def _dense(vectors: FloatArray, least: float) -> Iterator[tuple[int, int, float]]:
    import numpy as np

    step = 1024
    for start in range(0, len(vectors), step):
        block = vectors[start : start + step] @ vectors[start:].T
        rows, columns = np.nonzero(block >= least)
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            if column > row:
                yield start + row, start + column, round(float(min(1.0, block[row, column])), 4)
