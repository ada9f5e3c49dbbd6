"""A cross-encoder through transformers, for those who have one: query and text are read together."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kb.errors import ModelError

if TYPE_CHECKING:
    from kb.ports import FloatArray

BATCH = 16
MAX_TOKENS = 512


class CrossEncoder:
    """A sequence-classification model with one output as a Reranker; safe to share between threads."""

    def __init__(self, model: Any, tokenizer: Any, name: str) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._name = name
        self._lock = threading.Lock()

    @property
    def id(self) -> str:
        """Names the model."""
        return self._name

    def score(self, query: str, texts: Sequence[str]) -> FloatArray:
        """Relevance of each text, higher is better, any range. Shape: (len(texts),), float32."""
        import numpy as np
        import torch

        scores: list[float] = []
        with self._lock, torch.inference_mode():
            for start in range(0, len(texts), BATCH):
                batch = list(texts[start : start + BATCH])
                encoded = self._tokenizer(
                    [query] * len(batch),
                    batch,
                    padding=True,
                    truncation=True,
                    max_length=MAX_TOKENS,
                    return_tensors="pt",
                )
                logits = self._model(**encoded.to(self._model.device)).logits
                scores.extend(logits[:, -1].float().tolist())
        return np.array(scores, dtype=np.float32)


def load_cross_encoder(name: str) -> CrossEncoder:
    """The cross-encoder in a folder or in the hub's cache.

    Raises:
        ModelError: it is not there, or it is no cross-encoder.
    """
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(name, local_files_only=True)
        model = AutoModelForSequenceClassification.from_pretrained(name, local_files_only=True)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"retrieve.reranker: {name} cannot be loaded: {error}",
            hint=f"Download it with `hf download {name}`, name its folder, or set retrieve.reranker to nothing.",
        ) from error
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return CrossEncoder(model.to(device).eval(), tokenizer, name)
