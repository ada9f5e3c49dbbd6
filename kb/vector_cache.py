"""Vectors by text, kept outside the index, so that no text is embedded twice.

    <folder>/keys       rows of (hash of the text, checksum of the vector)
    <folder>/vectors    rows of float32

Row n of one belongs to row n of the other. Both only grow; vectors are written first, so a crash leaves at worst
vectors without a key, which the next writer cuts off. A row with a wrong checksum counts as not there. Any number of
processes may use the folder at once, and it may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kb.durable import home_error

if TYPE_CHECKING:
    from kb.ports import Embedder, FloatArray

_KEY_BYTES = 16
_ROW_BYTES = _KEY_BYTES + 4
_BLOCK = 1024
"""Texts embedded between two writes: what a crash can lose."""


class VectorCache:
    """The vectors that one encoder has made; safe to share between threads and processes."""

    def __init__(self, folder: Path, *, encoder: str, dimension: int) -> None:
        """`folder` is the cache folder of all encoders; nothing is made in it before the first `put`."""
        self.path = folder / f"vectors-{re.sub(r'[^A-Za-z0-9._-]+', '-', encoder)}-{dimension}"
        self._dimension = dimension
        self._vector_bytes = dimension * 4
        self._lock = threading.RLock()
        self._rows: dict[bytes, int] = {}
        self._read = 0
        self._inode = 0
        self._checks: list[int] = []
        self._vectors: FloatArray = np.zeros((0, dimension), dtype=np.float32)

    def __len__(self) -> int:
        with self._lock:
            self._refresh()
            return len(self._rows)

    def get(self, texts: Sequence[str]) -> dict[int, FloatArray]:
        """Vectors of the texts that are known, by position in `texts`. Shape of each: (dimension,)."""
        with self._lock:
            self._refresh()
            found: dict[int, FloatArray] = {}
            for position, text in enumerate(texts):
                row = self._rows.get(text_key(text))
                if row is not None:
                    vector = self._vectors[row]
                    if zlib.crc32(vector) == self._checks[row]:
                        found[position] = vector
            return found

    def put(self, texts: Sequence[str], vectors: FloatArray) -> None:
        """Keep the vectors of these texts. Shape: vectors (len(texts), dimension).

        Raises:
            HomeError: the disk is full, or the folder cannot be written.
        """
        rows = np.ascontiguousarray(vectors, dtype=np.float32)
        keys = b"".join(
            text_key(text) + zlib.crc32(row).to_bytes(4, "little") for text, row in zip(texts, rows, strict=True)
        )
        try:
            with self._lock, self._files() as (key_file, vector_file):
                sizes = os.fstat(key_file).st_size, os.fstat(vector_file).st_size
                whole = min(sizes[0] // _ROW_BYTES, sizes[1] // self._vector_bytes)
                os.ftruncate(key_file, whole * _ROW_BYTES)
                os.ftruncate(vector_file, whole * self._vector_bytes)
                _write(vector_file, rows.tobytes(), whole * self._vector_bytes)
                _write(key_file, keys, whole * _ROW_BYTES)
        except OSError as exc:
            raise home_error(self.path, exc) from exc

    @contextlib.contextmanager
    def _files(self) -> Iterator[tuple[int, int]]:
        self.path.mkdir(parents=True, exist_ok=True)
        key_file = os.open(self.path / "keys", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(key_file, fcntl.LOCK_EX)
            vector_file = os.open(self.path / "vectors", os.O_RDWR | os.O_CREAT, 0o644)
            try:
                yield key_file, vector_file
            finally:
                os.close(vector_file)
        finally:
            os.close(key_file)

    def _refresh(self) -> None:
        """Take in the rows that came since the last look, whoever wrote them."""
        try:
            key_file, vector_file = self.path / "keys", self.path / "vectors"
            stat = key_file.stat()
            rows = min(stat.st_size // _ROW_BYTES, vector_file.stat().st_size // self._vector_bytes)
            if stat.st_ino != self._inode or rows < self._read:
                self._forget()
                self._inode = stat.st_ino
            if rows == self._read:
                return
            with key_file.open("rb") as handle:
                handle.seek(self._read * _ROW_BYTES)
                raw = handle.read((rows - self._read) * _ROW_BYTES)
            self._vectors = np.memmap(vector_file, dtype=np.float32, mode="r", shape=(rows, self._dimension))
        except FileNotFoundError:
            self._forget()
            return
        except OSError as exc:
            raise home_error(self.path, exc) from exc
        table = np.frombuffer(raw, dtype=[("key", f"V{_KEY_BYTES}"), ("check", "<u4")])
        self._checks += table["check"].tolist()
        # A later row of the same text counts: it replaces one whose checksum is wrong.
        self._rows.update(zip(table["key"].tolist(), range(self._read, self._read + len(table)), strict=True))
        self._read += len(table)

    def _forget(self) -> None:
        self._rows, self._checks, self._read, self._inode = {}, [], 0, 0
        self._vectors = np.zeros((0, self._dimension), dtype=np.float32)


class CachedEmbedder:
    """An Embedder that asks the cache first."""

    def __init__(
        self, embedder: Embedder, cache: VectorCache, *, progress: Callable[[int], None] | None = None
    ) -> None:
        """`progress` is called with the number of texts that were just embedded."""
        self._embedder = embedder
        self._cache = cache
        self._progress = progress
        self.hits = 0
        """Texts found in the cache so far."""
        self.misses = 0
        """Texts embedded so far; a text that comes twice in one call is embedded once."""

    @property
    def id(self) -> str:
        """Of the encoder behind the cache."""
        return self._embedder.id

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._embedder.dimension

    @property
    def max_tokens(self) -> int:
        """Tokens of a text that count."""
        return self._embedder.max_tokens

    def count_tokens(self, text: str) -> int:
        """Tokens of the text, special tokens not counted."""
        return self._embedder.count_tokens(text)

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """One unit vector per text, in order. Shape: (len(texts), dimension), float32."""
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        known = self._cache.get(texts)
        for position, vector in known.items():
            vectors[position] = vector
        self.hits += len(known)
        missing: dict[str, list[int]] = {}
        for position, text in enumerate(texts):
            if position not in known:
                missing.setdefault(text, []).append(position)
        # Longest first, so that each block holds texts of about one length, and memory is short at the start if at all.
        waiting = sorted(missing, key=len, reverse=True)
        for start in range(0, len(waiting), _BLOCK):
            block = waiting[start : start + _BLOCK]
            made = self._embedder.embed(block)
            self._cache.put(block, made)
            for text, vector in zip(block, made, strict=True):
                vectors[missing[text]] = vector
            self.misses += len(block)
            if self._progress is not None:
                self._progress(len(block))
        return vectors


def text_key(text: str) -> bytes:
    """Key of a text in the cache."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_KEY_BYTES).digest()


def _write(handle: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(handle, view, offset)
        view, offset = view[written:], offset + written
