"""A BERT encoder in numpy: no import of torch, so that the first vector is there after a tenth of a second."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kb.errors import ModelError

if TYPE_CHECKING:
    from kb.ports import FloatArray

_PACK_TOKENS = 2048
"""Tokens computed at once; bounds the memory of long lists."""
_DTYPES = {"F32": np.float32, "F16": np.float16}


class NumpyBert:
    """BERT with mean or CLS pooling.

    Texts are laid end to end instead of padded, so a vector does not depend on the texts that are embedded with it.
    """

    def __init__(self, folder: Path, *, pooling: str) -> None:
        _one_thread()
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        tensors = read_safetensors(folder / "model.safetensors")
        self._pooling = pooling
        self._heads = int(config["num_attention_heads"])
        self._epsilon = float(config["layer_norm_eps"])
        prefix = "bert." if "bert.embeddings.word_embeddings.weight" in tensors else ""
        try:
            self._words = tensors[f"{prefix}embeddings.word_embeddings.weight"]
            self._places = tensors[f"{prefix}embeddings.position_embeddings.weight"]
            norm = f"{prefix}embeddings.LayerNorm."
            self._first_norm = (tensors[f"{norm}weight"], tensors[f"{norm}bias"])
            self._token_type = tensors[f"{prefix}embeddings.token_type_embeddings.weight"][0]
            self._layers = [
                _Layer(tensors, f"{prefix}encoder.layer.{n}.") for n in range(int(config["num_hidden_layers"]))
            ]
        except KeyError as exc:
            raise ModelError(f"{folder}: the weights lack {exc.args[0]}", hint="Get the model again.") from exc

    def encode(self, sequences: Sequence[Sequence[int]]) -> FloatArray:
        """Unit vectors, in order. Shape: (len(sequences), dimension), float32."""
        parts = [self._encode_pack(pack) for pack in _packs(sequences)]
        return np.concatenate(parts) if parts else np.zeros((0, self._token_type.shape[0]), dtype=np.float32)

    def _encode_pack(self, sequences: list[Sequence[int]]) -> FloatArray:
        lengths = [len(sequence) for sequence in sequences]
        ids = np.concatenate([np.asarray(sequence, dtype=np.int64) for sequence in sequences])
        positions = np.concatenate([np.arange(length) for length in lengths])
        x = self._words[ids] + self._places[positions]
        x += self._token_type
        x = self._norm(x, *self._first_norm)
        bounds = np.concatenate([[0], np.cumsum(lengths)])
        spans = [slice(int(start), int(end)) for start, end in itertools.pairwise(bounds)]
        for layer in self._layers:
            attended = self._attend(x @ layer.qkv_weight.T + layer.qkv_bias, spans)
            x = self._norm(x + (attended @ layer.out_weight.T + layer.out_bias), *layer.out_norm)
            wide = _gelu(x @ layer.up_weight.T + layer.up_bias)
            x = self._norm(x + (wide @ layer.down_weight.T + layer.down_bias), *layer.down_norm)
        pooled = np.stack([x[span][0] if self._pooling == "cls" else x[span].mean(axis=0) for span in spans])
        unit: FloatArray = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
        return unit

    def _attend(self, qkv: FloatArray, spans: list[slice]) -> FloatArray:
        """Attention inside each text. Shape: qkv (tokens, 3 * dimension) -> (tokens, dimension)."""
        size = qkv.shape[1] // 3
        out = np.empty((qkv.shape[0], size), dtype=np.float32)
        scale = np.float32(1 / math.sqrt(size // self._heads))
        for span in spans:
            rows = qkv[span]
            q, k, v = rows.reshape(len(rows), 3, self._heads, -1).transpose(1, 2, 0, 3)
            scores = (q * scale) @ k.transpose(0, 2, 1)
            scores -= scores.max(axis=-1, keepdims=True)
            np.exp(scores, out=scores)
            scores /= scores.sum(axis=-1, keepdims=True)
            out[span] = (scores @ v).transpose(1, 0, 2).reshape(len(rows), size)
        return out

    def _norm(self, x: FloatArray, weight: FloatArray, bias: FloatArray) -> FloatArray:
        centred: FloatArray = x - x.mean(axis=-1, keepdims=True)
        variance = np.einsum("ij,ij->i", centred, centred)[:, None] / np.float32(x.shape[1])
        centred /= np.sqrt(variance + np.float32(self._epsilon))
        centred *= weight
        centred += bias
        return centred


class _Layer:
    """One layer's weights; query, key and value joined, for one product instead of three."""

    def __init__(self, tensors: dict[str, FloatArray], prefix: str) -> None:
        attention = f"{prefix}attention."
        names = [f"{attention}self.{name}" for name in ("query", "key", "value")]
        self.qkv_weight = np.concatenate([tensors[f"{name}.weight"] for name in names])
        self.qkv_bias = np.concatenate([tensors[f"{name}.bias"] for name in names])
        self.out_weight = tensors[f"{attention}output.dense.weight"]
        self.out_bias = tensors[f"{attention}output.dense.bias"]
        self.out_norm = (tensors[f"{attention}output.LayerNorm.weight"], tensors[f"{attention}output.LayerNorm.bias"])
        self.up_weight = tensors[f"{prefix}intermediate.dense.weight"]
        self.up_bias = tensors[f"{prefix}intermediate.dense.bias"]
        self.down_weight = tensors[f"{prefix}output.dense.weight"]
        self.down_bias = tensors[f"{prefix}output.dense.bias"]
        self.down_norm = (tensors[f"{prefix}output.LayerNorm.weight"], tensors[f"{prefix}output.LayerNorm.bias"])


def read_safetensors(file: Path) -> dict[str, FloatArray]:
    """The file's float tensors as views of a memory map: what is not used is never read."""
    try:
        raw = np.memmap(file, dtype=np.uint8, mode="r")
        header_size = int.from_bytes(raw[:8].tobytes(), "little")
        header = json.loads(raw[8 : 8 + header_size].tobytes())
        tensors: dict[str, FloatArray] = {}
        for name, entry in header.items():
            if name == "__metadata__" or entry["dtype"] not in _DTYPES:
                continue
            start, end = (8 + header_size + offset for offset in entry["data_offsets"])
            values = np.asarray(raw[start:end]).view(_DTYPES[entry["dtype"]]).reshape(entry["shape"])
            tensors[name] = values.astype(np.float32, copy=False)
    except (OSError, ValueError, KeyError) as exc:
        raise ModelError(f"{file}: the weights cannot be read: {exc}", hint="Get the model again.") from exc
    return tensors


def _packs(sequences: Sequence[Sequence[int]]) -> Iterator[list[Sequence[int]]]:
    pack: list[Sequence[int]] = []
    tokens = 0
    for sequence in sequences:
        if pack and tokens + len(sequence) > _PACK_TOKENS:
            yield pack
            pack, tokens = [], 0
        pack.append(sequence)
        tokens += len(sequence)
    if pack:
        yield pack


def _gelu(x: FloatArray) -> FloatArray:
    """The product of x and Phi(x), by formula 7.1.26 of Abramowitz and Stegun: absolute error below 2e-7."""
    z = np.abs(x)
    z *= np.float32(1 / math.sqrt(2))
    t = 1 / (1 + np.float32(0.3275911) * z)
    tail = np.full_like(t, 1.061405429)
    for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        tail *= t
        tail += np.float32(coefficient)
    tail *= t
    np.multiply(z, z, out=z)
    np.negative(z, out=z)
    tail *= np.exp(z, out=z)
    # tail is 1 - erf(|x| / sqrt 2); Phi(x) is 1 - tail / 2 right of zero and tail / 2 left of it.
    tail *= np.float32(0.5)
    phi: FloatArray = np.where(x > 0, 1 - tail, tail)
    phi *= x
    return phi


def _one_thread() -> None:
    """Keep numpy's products in one thread: beside a busy neighbour, two are ten times slower on such small ones."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(limits=1, user_api="blas")
