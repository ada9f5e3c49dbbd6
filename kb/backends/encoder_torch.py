"""Any transformer encoder in torch, for bulk.

In bfloat16 where the processor computes with it, and on the GPU where there is one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kb.backends.bert_torch import TorchBert
from kb.errors import ModelError

if TYPE_CHECKING:
    import torch

    from kb.ports import FloatArray

_BATCH_TOKENS = 1536
"""Tokens of a batch, padding included: as many as stay in the processor's cache."""
_BATCH_TOKENS_GPU = 65536
_YARDSTICK_TEXTS = 32


class TorchEncoder:
    """A transformer with pooling; one batch at a time."""

    def __init__(self, folder: Path, *, pooling: str, plain_bert: bool, yardstick: bool = False) -> None:
        """With `yardstick`, it computes as sentence-transformers does: transformers, float32, 32 texts at a time."""
        import torch

        self._lock = threading.Lock()
        self._pooling = pooling
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._texts_per_batch = _YARDSTICK_TEXTS if yardstick else 0
        dtype = torch.bfloat16 if has_bf16(self._device.type) and not yardstick else torch.float32
        self._hidden_states = (
            TorchBert(folder, device=self._device, dtype=dtype)
            if plain_bert and not yardstick
            else _load_auto_model(folder, device=self._device, dtype=dtype)
        )

    def encode(self, sequences: Sequence[Sequence[int]]) -> FloatArray:
        """Unit vectors, in order. Shape: (len(sequences), dimension), float32.

        Raises:
            ModelError: memory ran out.
        """
        import torch

        # Sorted by length, the texts of a batch are about as long as each other and hardly need padding.
        budget = _BATCH_TOKENS if self._device.type == "cpu" else _BATCH_TOKENS_GPU
        vectors: FloatArray | None = None
        with self._lock, torch.inference_mode():
            for rows in _batches([len(sequence) for sequence in sequences], budget, self._texts_per_batch):
                try:
                    part = self._encode_batch([sequences[row] for row in rows])
                except torch.OutOfMemoryError as exc:
                    raise ModelError(
                        f"The GPU ran out of memory while embedding: {exc}",
                        hint="Free the GPU, or hide it with CUDA_VISIBLE_DEVICES= to embed on the processor.",
                    ) from exc
                if vectors is None:
                    vectors = np.empty((len(sequences), part.shape[1]), dtype=np.float32)
                vectors[rows] = part
        assert vectors is not None
        return vectors

    def _encode_batch(self, sequences: list[Sequence[int]]) -> FloatArray:
        import torch

        longest = max(len(sequence) for sequence in sequences)
        ids = np.zeros((len(sequences), longest), dtype=np.int64)
        mask = np.zeros((len(sequences), longest), dtype=np.int64)
        for row, sequence in enumerate(sequences):
            ids[row, : len(sequence)] = sequence
            mask[row, : len(sequence)] = 1
        attention = torch.from_numpy(mask).to(self._device)
        hidden = self._hidden_states(torch.from_numpy(ids).to(self._device), attention)
        pooled = _pool(hidden.float(), attention, self._pooling)
        result: FloatArray = torch.nn.functional.normalize(pooled, dim=1).cpu().numpy()
        return result


def _batches(lengths: list[int], budget: int, texts: int) -> Iterator[list[int]]:
    """Positions of the texts of each batch, longest first: `texts` of them, or with 0 as many as the budget holds."""
    order = sorted(range(len(lengths)), key=lambda n: -lengths[n])
    start = 0
    while start < len(order):
        count = texts or max(1, budget // max(1, lengths[order[start]]))
        yield order[start : start + count]
        start += count


def _load_auto_model(
    folder: Path, *, device: torch.device, dtype: torch.dtype
) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    from transformers import AutoModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        model: Any = AutoModel.from_pretrained(str(folder), local_files_only=True, dtype=dtype)
    except (OSError, ValueError, RuntimeError, KeyError) as exc:
        raise ModelError(f"{folder}: the encoder cannot be loaded: {exc}", hint="Get the model again.") from exc
    model.eval().to(device)

    def hidden_states(ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        states: torch.Tensor = model(input_ids=ids, attention_mask=mask).last_hidden_state
        return states

    return hidden_states


def _pool(hidden: torch.Tensor, mask: torch.Tensor, pooling: str) -> torch.Tensor:
    """Shape: hidden (texts, tokens, dimension), mask (texts, tokens) -> (texts, dimension)."""
    if pooling == "cls":
        return hidden[:, 0]
    if pooling == "lasttoken":
        last = mask.sum(dim=1) - 1
        return hidden[range(len(hidden)), last]
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    if pooling == "max":
        return hidden.masked_fill(weights == 0, -1e9).max(dim=1).values
    return (hidden * weights).sum(dim=1) / weights.sum(dim=1)


def has_bf16(device: str) -> bool:
    """Whether bfloat16 is computed in hardware; emulated, it is slower than float32."""
    import torch

    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    file = Path("/proc/cpuinfo")
    if not file.is_file():
        return False
    flags = file.read_text(encoding="ascii", errors="replace")
    return "avx512_bf16" in flags or "amx_bf16" in flags
