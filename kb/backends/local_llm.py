"""A local causal language model through transformers, from a folder or the hub cache."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from kb.backends.local_text import ChatTokenizer, decode_stream, without_thoughts
from kb.errors import ModelError
from kb.ports import Message

if TYPE_CHECKING:
    from kb.backends.local_batching import BatchLimits
    from kb.settings import LLMSettings

_log = logging.getLogger(__name__)
_MAX_CONTEXT = 32_768
"""Longer contexts are not used: passages never need them, and their memory would be set aside."""
_CONFIG = "config.json"


class Engine(Protocol):
    """What turns a prompt's ids into a reply's."""

    @property
    def queue_position(self) -> int:
        """Askers before a new one."""

    def tokens(self, ids: list[int], max_new: int, on_wait: Callable[[int], None] | None = None) -> Iterator[int]:
        """Ids of the reply."""

    def close(self) -> None:
        """Let go of what is held."""


class LocalGenerator:
    """A Generator on this machine."""

    def __init__(
        self, engine: Engine, tokenizer: ChatTokenizer, *, name: str, context: int, max_answer_tokens: int
    ) -> None:
        self._engine: Engine | None = engine
        self._tokenizer = tokenizer
        self._name = name
        self._context = context
        self._max_answer = max(1, min(max_answer_tokens, context // 2))

    @property
    def model(self) -> str:
        """Name of the model."""
        return self._name

    @property
    def max_prompt_tokens(self) -> int:
        """Tokens that a prompt may have."""
        return self._context - self._max_answer

    def count_tokens(self, text: str) -> int:
        """Tokens of the text."""
        return self._tokenizer.count(text)

    def queue_position(self) -> int:
        """Askers that a new question would wait for; 0 if it is answered at once."""
        return self._engine.queue_position if self._engine is not None else 0

    def stream(self, messages: Sequence[Message], *, on_wait: Callable[[int], None] | None = None) -> Iterator[str]:
        """Pieces of the reply; greedy, so the same for the same messages.

        Args:
            messages: the prompt.
            on_wait: told the place in the queue while others are answered first.

        Raises:
            ModelError: the prompt is too long, memory ran out, the model failed or was closed.
        """
        if self._engine is None:
            raise ModelError(f"{self._name}: the model was closed.", hint="Open the knowledge base again.")
        ids, in_thought = self._tokenizer.encode(messages)
        room = min(self._max_answer, self._context - len(ids))
        if room < 1:
            raise ModelError(
                f"{self._name}: the prompt has {len(ids)} tokens, and the model's context is {self._context}.",
                hint="Lower answer.max_passages, or choose a model with a longer context.",
            )
        tokens = self._engine.tokens(ids, room, on_wait)
        with contextlib.closing(tokens):  # type: ignore[type-var]  # engines' iterators are generators
            pieces = decode_stream(tokens, self._tokenizer)
            yield from without_thoughts(pieces, inside=in_thought)

    def close(self) -> None:
        """Let go of the model and of its memory."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()


def find_local_model(settings: LLMSettings) -> Path | None:
    """Folder of the configured model's weights, or None if they are not on this machine. Asks no server."""
    folder = Path(settings.model).expanduser()
    if not (folder / _CONFIG).is_file():
        folder = _cached(settings) or folder
    has_weights = any(folder.glob("*.safetensors")) if folder.is_dir() else False
    return folder if has_weights and (folder / _CONFIG).is_file() else None


def _cached(settings: LLMSettings) -> Path | None:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(settings.model, _CONFIG, revision=settings.revision or None)
    except HFValidationError:  # a path, not a hub name
        return None
    return Path(found).parent if isinstance(found, str) else None


def has_gpu() -> bool:
    """Whether torch can use a GPU here."""
    import torch

    return bool(torch.cuda.is_available() or torch.backends.mps.is_available())


def load_local_generator(settings: LLMSettings, *, batching: BatchLimits | bool | None = None) -> LocalGenerator:
    """The configured model, ready to answer.

    Args:
        settings: which model, on which device, and how many askers at once.
        batching: whether several askers are answered at once, or the limits of the batch; None for what the device
            and the model allow.

    Raises:
        ModelError: the model is not here, cannot be loaded, or does not fit into memory.
    """
    source, local = _source(settings)
    _check_quantization(settings)
    model, tokenizer = _load(settings, source, local=local)
    chat = ChatTokenizer(tokenizer, settings.model)
    eos_ids = _eos_ids(model, tokenizer)
    pad_id = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else eos_ids[0] if eos_ids else 0
    engine = _engine(model, settings, eos_ids, pad_id, batching)
    context = _context(model, tokenizer)
    return LocalGenerator(
        engine, chat, name=settings.model, context=context, max_answer_tokens=settings.max_answer_tokens
    )


def _source(settings: LLMSettings) -> tuple[str, bool]:
    """Folder to load from, or the hub name if the environment allows a download; and whether it is a folder."""
    folder = find_local_model(settings)
    if folder is not None:
        return str(folder), True
    if Path(settings.model).expanduser().is_dir():
        raise ModelError(
            f"{settings.model}: the folder does not hold a model in Hugging Face format.",
            hint=f"It must hold {_CONFIG}, *.safetensors and the tokenizer's files.",
        )
    # Nothing is downloaded that was not asked for: weights have gigabytes.
    if os.environ.get("HF_HUB_OFFLINE", "").strip().lower() in {"0", "false", "no", "off"}:
        return settings.model, False
    revision = f" --revision {settings.revision}" if settings.revision else ""
    raise ModelError(
        f"{settings.model}: there is no such folder, and the model is not in the hub cache.",
        hint=f"Get it with `hf download {settings.model}{revision}`, or set llm.model to a folder that holds it. "
        "Without a model, --backend extractive answers from the documents' own sentences.",
    )


def _check_quantization(settings: LLMSettings) -> None:
    if settings.quantization == "none":
        return
    missing = [name for name in ("bitsandbytes", "accelerate") if importlib.util.find_spec(name) is None]
    if missing:
        raise ModelError(
            f"llm.quantization is {settings.quantization}, and {' and '.join(missing)} cannot be imported.",
            hint="Install the extra: pip install 'kb[gpu]'. Or set llm.quantization to none.",
        )


def _load(settings: LLMSettings, source: str, *, local: bool) -> tuple[Any, Any]:
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer

    device = _device(settings.device)
    given: dict[str, Any] = {"local_files_only": local, "trust_remote_code": False}
    if not local and settings.revision:
        given["revision"] = settings.revision
    extra: dict[str, Any] = {}
    if settings.quantization != "none":
        from transformers import BitsAndBytesConfig

        four = settings.quantization == "4bit"
        extra["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=four,
            load_in_8bit=not four,
            bnb_4bit_compute_dtype=torch.bfloat16,
            bnb_4bit_quant_type="nf4",
        )
    if device.type == "cuda" and importlib.util.find_spec("accelerate") is not None:
        extra["device_map"] = {"": device}  # straight to the GPU, not through the machine's memory
    try:
        with _no_bars():
            tokenizer = AutoTokenizer.from_pretrained(source, **given)
            model = AutoModelForCausalLM.from_pretrained(
                source, dtype=_dtype(device), use_safetensors=True, **given, **extra
            )
        if "quantization_config" not in extra:
            model = model.to(device)
    except (torch.OutOfMemoryError, MemoryError) as exc:
        raise ModelError(
            f"{settings.model}: the model does not fit into the memory of {device}.",
            hint="Choose a smaller llm.model, or set llm.quantization to 4bit.",
        ) from exc
    except (OSError, ValueError, RuntimeError, KeyError, ImportError, SafetensorError) as exc:
        raise ModelError(
            f"{settings.model}: the model cannot be loaded from {source}: {exc}",
            hint=f"Get it again with `hf download {settings.model}`, or choose another llm.model.",
        ) from exc
    return model.eval(), tokenizer


@contextlib.contextmanager
def _no_bars() -> Iterator[None]:
    """Keeps transformers' progress bars, which ask no one whether there is a terminal, off stderr."""
    from transformers.utils import logging as transformers_logging

    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()


def _device(name: str) -> Any:
    import torch

    if name == "auto":
        kind = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        return torch.device(kind)
    try:
        device = torch.device(name)
    except RuntimeError as exc:
        raise ModelError(f"llm.device: {name!r} is not a device.", hint="Use cpu, cuda, cuda:1, mps or auto.") from exc
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ModelError(f"llm.device is {name}, and torch sees no such GPU.", hint="Set llm.device to auto or cpu.")
    return device


def _dtype(device: Any) -> Any:
    import torch

    if device.type == "cpu":
        return torch.float32
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.float16
    return torch.bfloat16


def _eos_ids(model: Any, tokenizer: Any) -> list[int]:
    """Every token that ends a reply: the model's own, and the tokenizer's."""
    of_model = getattr(model.generation_config, "eos_token_id", None)
    found = list(of_model) if isinstance(of_model, (list, tuple)) else [of_model]
    return list(dict.fromkeys(i for i in (*found, tokenizer.eos_token_id) if isinstance(i, int)))


def _context(model: Any, tokenizer: Any) -> int:
    config = model.config.get_text_config()
    limits = [getattr(config, "max_position_embeddings", None), getattr(tokenizer, "model_max_length", None)]
    return min([_MAX_CONTEXT, *(limit for limit in limits if isinstance(limit, int) and limit > 0)])


def _engine(
    model: Any, settings: LLMSettings, eos_ids: list[int], pad_id: int, batching: BatchLimits | bool | None
) -> Engine:
    # What the model's authors set for sampling would come through where our settings are silent.
    from transformers import GenerationConfig

    from kb.backends.local_batching import BatchEngine, BatchLimits, can_batch
    from kb.backends.local_serial import SerialEngine

    model.generation_config = GenerationConfig(eos_token_id=eos_ids, pad_token_id=pad_id)
    wanted = batching is not False and settings.max_concurrent > 1
    if batching is None:
        wanted = wanted and model.device.type == "cuda" and settings.quantization == "none"
    if wanted and can_batch(model):
        limits = batching if isinstance(batching, BatchLimits) else BatchLimits()
        return BatchEngine(
            model,
            name=settings.model,
            eos_ids=eos_ids,
            pad_id=pad_id,
            max_concurrent=settings.max_concurrent,
            limits=limits,
        )
    return SerialEngine(model, name=settings.model, eos_ids=eos_ids, pad_id=pad_id)
