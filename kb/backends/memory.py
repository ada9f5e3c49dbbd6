"""Stand-ins without models, files or network, simple enough to compute by hand."""

from __future__ import annotations

import re
import threading
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kb.errors import StoreError
from kb.ports import Neighbour, Record

if TYPE_CHECKING:
    from kb.ports import FloatArray

_WORD = re.compile(r"\w+")


class HashEmbedder:
    """An Embedder that counts words.

    Each word adds one to the coordinate `crc32(word.lower()) % dimension`, then the vector is scaled to length one; a
    text without words counts as one at coordinate 0. So, unless words collide, the cosine of two texts without
    repeated words is (words in common) / sqrt(words of one * words of the other).

    Example: cosine("red fox", "red hat") is 1 / 2.
    """

    def __init__(self, dimension: int = 256, *, max_tokens: int = 256) -> None:
        self._dimension = dimension
        self._max_tokens = max_tokens
        self.texts_embedded = 0
        """Texts embedded so far, for tests that count."""

    @property
    def id(self) -> str:
        """Names the fake and its dimension."""
        return f"hash-{self._dimension}"

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._dimension

    @property
    def max_tokens(self) -> int:
        """Words that count; what is beyond is cut."""
        return self._max_tokens

    def count_tokens(self, text: str) -> int:
        """Number of words."""
        return len(_WORD.findall(text))

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """One unit vector per text, in order. Shape: (len(texts), dimension), float32."""
        self.texts_embedded += len(texts)
        vectors = np.zeros((len(texts), self._dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            words = _WORD.findall(text.lower())[: self._max_tokens]
            for word in words:
                vectors[row, zlib.crc32(word.encode("utf-8", "surrogatepass")) % self._dimension] += 1
            if not words:
                vectors[row, 0] = 1
        unit: FloatArray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(min=1e-12)
        return unit


class MemoryStore:
    """A VectorStore in dictionaries, with exact search."""

    def __init__(self) -> None:
        self._collections: dict[str, dict[str, tuple[Record, FloatArray]]] = {}
        self._lock = threading.RLock()
        self._closed = False

    def __str__(self) -> str:
        return "Store in memory"

    def collections(self) -> list[str]:
        """Names of all collections, sorted."""
        return sorted(self._collections)

    def create(self, collection: str) -> None:
        """Make the collection if it is not there."""
        self._check_open()
        self._collections.setdefault(collection, {})

    def upsert(self, collection: str, records: Sequence[Record], vectors: FloatArray) -> None:
        """Add the records, replacing those with the same id; of equal ids in one call, the last one counts."""
        rows = self._rows(collection)
        if len(records) != len(vectors):
            raise StoreError(f"{self}: {len(records)} records with {len(vectors)} vectors")
        with self._lock:
            if rows and len(records) and next(iter(rows.values()))[1].shape != vectors[0].shape:
                raise StoreError(f"{self}: {collection} holds vectors of another dimension than {vectors.shape[1]}")
            for record, vector in zip(records, vectors, strict=True):
                rows[record.id] = (record, np.array(vector, dtype=np.float32))

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Remove the records; ids that are not there are passed over."""
        rows = self._rows(collection)
        with self._lock:
            for key in ids:
                rows.pop(key, None)

    def get(self, collection: str, ids: Sequence[str] | None = None) -> list[Record]:
        """The records with these ids, in their order, missing ones left out; without ids, all, sorted by id."""
        rows = self._rows(collection)
        with self._lock:
            return [rows[key][0] for key in (sorted(rows) if ids is None else ids) if key in rows]

    def vectors(self, collection: str, ids: Sequence[str]) -> FloatArray:
        """Vectors of these ids, in order. Shape: (len(ids), dimension).

        Raises:
            StoreError: one is missing.
        """
        rows = self._rows(collection)
        with self._lock:
            missing = [key for key in ids if key not in rows]
            if missing:
                raise StoreError(f"{self}: {collection} has no vector of {missing[0]} ({len(missing)} missing)")
            if not ids:
                return np.zeros((0, 0), dtype=np.float32)
            return np.stack([rows[key][1] for key in ids])

    def query(self, collection: str, vector: FloatArray, limit: int) -> list[Neighbour]:
        """The nearest records, best first; of equals, the smaller id first."""
        rows = self._rows(collection)
        with self._lock:
            keys = list(rows)
            if limit <= 0 or not keys:
                return []
            matrix = np.stack([rows[key][1] for key in keys])
        norms = np.linalg.norm(matrix, axis=1) * np.linalg.norm(vector)
        cosines = np.clip(matrix @ vector / np.maximum(norms, 1e-12), -1.0, 1.0)
        found = [Neighbour(key, float(cosine)) for key, cosine in zip(keys, cosines, strict=True)]
        return sorted(found, key=lambda neighbour: (-neighbour.similarity, neighbour.id))[:limit]

    def count(self, collection: str) -> int:
        """Number of records."""
        return len(self._rows(collection))

    def drop(self, collection: str) -> None:
        """Remove the collection, if it is there."""
        self._check_open()
        self._collections.pop(collection, None)

    def close(self) -> None:
        """Forget that the store is open; a second call does nothing."""
        self._closed = True

    def _rows(self, collection: str) -> dict[str, tuple[Record, FloatArray]]:
        self._check_open()
        if collection not in self._collections:
            raise StoreError(f"{self}: no collection {collection}")
        return self._collections[collection]

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(f"{self}: already closed")
