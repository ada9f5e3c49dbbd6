"""A learned change of the encoder's vectors towards how people ask (`eval/fit_adapter.py`).

The encoder knows general likeness; the adapter adds what its training pairs showed: that an everyday description of a
symptom belongs to the entry that explains it. It is used beside the plain vectors, never instead of them, and only with
the encoder that it was trained for.
"""

from __future__ import annotations

import dataclasses
import functools
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kb.ports import FloatArray


@dataclasses.dataclass(frozen=True, slots=True)
class Adapter:
    """A low-rank change: v becomes v + v @ down @ up, at unit length."""

    down: FloatArray | None
    """Shape: (dimension, rank); None leaves vectors as they are."""
    up: FloatArray | None
    """Shape: (rank, dimension)."""

    def __call__(self, vectors: FloatArray) -> FloatArray:
        """The changed vectors, of unit length. Shape: (n, dimension) in and out, float32."""
        import numpy as np

        if self.down is None or self.up is None:
            return vectors
        changed = vectors + vectors @ self.down @ self.up
        return np.asarray(changed / np.maximum(np.linalg.norm(changed, axis=1, keepdims=True), 1e-9), dtype=np.float32)


IDENTITY = Adapter(None, None)


@functools.cache
def load_adapter(encoder: str) -> Adapter:
    """The adapter that was trained for this encoder, or one that changes nothing."""
    import numpy as np

    with (resources.files("kb") / "data" / "adapter.npz").open("rb") as file, np.load(file) as data:
        if str(data["encoder"]) != encoder:
            return IDENTITY
        return Adapter(data["down"].astype(np.float32), data["up"].astype(np.float32))
