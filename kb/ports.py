"""The seams between our code and vendors' libraries. Implementations live in `kb.backends`.

Arrays are numpy; vectors are float32 with unit length, so that a dot product is the cosine.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float32]

Scalar = str | int | float | bool


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """One row of a vector store's collection."""

    id: str
    text: str
    metadata: Mapping[str, Scalar]
    """Flat; no None values."""


@dataclasses.dataclass(frozen=True, slots=True)
class Neighbour:
    """A record that a vector search found."""

    id: str
    similarity: float
    """Cosine, in [-1, 1]."""


@runtime_checkable
class Embedder(Protocol):
    """Texts to vectors."""

    @property
    def id(self) -> str:
        """Names the encoder and everything that changes its output (weights, pooling, precision class)."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    @property
    def max_tokens(self) -> int:
        """Tokens of a text that count; what is beyond is cut."""

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """One unit vector per text, in order.

        Shape: (len(texts), dimension), float32. An empty text gives a valid unit vector. No texts give (0, dimension).
        """

    def count_tokens(self, text: str) -> int:
        """Tokens of the text, special tokens not counted."""


@runtime_checkable
class VectorStore(Protocol):
    """Named collections of records with vectors, in cosine space."""

    def create(self, collection: str) -> None:
        """Make the collection if it is not there."""

    def upsert(self, collection: str, records: Sequence[Record], vectors: FloatArray) -> None:
        """Add the records, replacing those with the same id. Any number; batched inside.

        Shape: vectors (len(records), dimension).
        """

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Remove the records; ids that are not there are passed over."""

    def get(self, collection: str, ids: Sequence[str] | None = None) -> list[Record]:
        """The records with these ids, in the order of `ids`, missing ones left out; all, sorted by id, without ids."""

    def vectors(self, collection: str, ids: Sequence[str]) -> FloatArray:
        """Vectors of these ids, in order. Shape: (len(ids), dimension). Raises StoreError if one is missing."""

    def query(self, collection: str, vector: FloatArray, limit: int) -> list[Neighbour]:
        """The nearest records, best first; fewer than `limit` in a smaller collection. Shape: vector (dimension,)."""

    def count(self, collection: str) -> int:
        """Number of records."""

    def drop(self, collection: str) -> None:
        """Remove the collection, if it is there."""

    def close(self) -> None:
        """Let go of files and connections."""


class Reranker(Protocol):
    """A cross-encoder: how well each text answers the query."""

    @property
    def id(self) -> str:
        """Names the model."""

    def score(self, query: str, texts: Sequence[str]) -> FloatArray:
        """Relevance of each text, higher is better, any range. Shape: (len(texts),), float32."""


@dataclasses.dataclass(frozen=True, slots=True)
class Message:
    """A turn of a prompt."""

    role: str
    """system, user or assistant."""
    content: str


class Generator(Protocol):
    """A language model that continues a conversation."""

    @property
    def model(self) -> str:
        """Name of the model, as users know it."""

    @property
    def max_prompt_tokens(self) -> int:
        """Tokens that a prompt may have, room for the answer already taken off."""

    def count_tokens(self, text: str) -> int:
        """Tokens of the text, or a safe estimate where the tokenizer is not at hand."""

    def stream(self, messages: Sequence[Message]) -> Iterator[str]:
        """Pieces of the reply as they are generated. Closing the iterator ends the generation within one token.

        Raises ModelError or ServerError.
        """

    def close(self) -> None:
        """Let go of the model or the connection."""
