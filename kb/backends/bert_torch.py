"""BERT in torch from its weights alone: what transformers takes seconds to import for, in one page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kb.backends.encoder_numpy import read_safetensors
from kb.errors import ModelError

if TYPE_CHECKING:
    import torch

_LAYER_PARTS = {
    "out": "attention.output.dense",
    "out_norm": "attention.output.LayerNorm",
    "up": "intermediate.dense",
    "down": "output.dense",
    "down_norm": "output.LayerNorm",
}


class TorchBert:
    """The hidden states of plain BERT (absolute positions, gelu); called as transformers' models are."""

    def __init__(self, folder: Path, *, device: torch.device, dtype: torch.dtype) -> None:
        import torch

        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        tensors = read_safetensors(folder / "model.safetensors")
        prefix = "bert." if "bert.embeddings.word_embeddings.weight" in tensors else ""

        def load(*names: str) -> torch.Tensor:
            parts = [torch.tensor(tensors[prefix + name]) for name in names]
            return torch.cat(parts).to(device=device, dtype=dtype)

        self._heads = int(config["num_attention_heads"])
        self._epsilon = float(config["layer_norm_eps"])
        self._layers: list[dict[str, Any]] = []
        try:
            self._words = load("embeddings.word_embeddings.weight")
            self._places = load("embeddings.position_embeddings.weight")
            # Every token is of the first segment, so its vector goes into the positions once and for all.
            self._places += load("embeddings.token_type_embeddings.weight")[0]
            self._norm_weight = load("embeddings.LayerNorm.weight")
            self._norm_bias = load("embeddings.LayerNorm.bias")
            for number in range(int(config["num_hidden_layers"])):
                at = f"encoder.layer.{number}."
                joined = [f"{at}attention.self.{name}" for name in ("query", "key", "value")]
                layer: dict[str, Any] = {
                    name: (load(f"{at}{part}.weight"), load(f"{at}{part}.bias")) for name, part in _LAYER_PARTS.items()
                }
                layer["qkv"] = (load(*(f"{n}.weight" for n in joined)), load(*(f"{n}.bias" for n in joined)))
                self._layers.append(layer)
        except KeyError as exc:
            raise ModelError(f"{folder}: the weights lack {exc.args[0]}", hint="Get the model again.") from exc

    def __call__(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Hidden states. Shape: ids, mask (texts, tokens) -> (texts, tokens, dimension)."""
        from torch.nn.functional import gelu, layer_norm, linear, scaled_dot_product_attention

        texts, tokens = ids.shape
        size = self._words.shape[1]
        allowed = None if bool(mask.all()) else mask.bool()[:, None, None, :]

        def normed(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
            return layer_norm(x, (size,), weight, bias, self._epsilon)

        x = self._words[ids] + self._places[:tokens]
        x = normed(x, self._norm_weight, self._norm_bias)
        for layer in self._layers:
            qkv = linear(x, *layer["qkv"]).view(texts, tokens, 3, self._heads, -1).permute(2, 0, 3, 1, 4)
            attended = scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], attn_mask=allowed)
            attended = attended.transpose(1, 2).reshape(texts, tokens, size)
            x = normed(x + linear(attended, *layer["out"]), *layer["out_norm"])
            x = normed(x + linear(gelu(linear(x, *layer["up"])), *layer["down"]), *layer["down_norm"])
        return x
