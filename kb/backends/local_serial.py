"""One asker at a time through `generate`: what works with every model and on every device."""

from __future__ import annotations

import gc
import queue
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from kb.backends.turnstile import Turnstile
from kb.errors import ModelError


class SerialEngine:
    """Token ids from `generate`, which runs in a thread of its own and stops within one token."""

    def __init__(self, model: Any, *, name: str, eos_ids: list[int], pad_id: int) -> None:
        self._model = model
        self._name = name
        self._eos_ids = eos_ids
        self._pad_id = pad_id
        self._turnstile = Turnstile(1)

    @property
    def queue_position(self) -> int:
        """Askers before a new one."""
        return self._turnstile.position

    def tokens(self, ids: list[int], max_new: int, on_wait: Callable[[int], None] | None = None) -> Iterator[int]:
        """Ids of the reply as they are chosen.

        Raises:
            ModelError: memory ran out, or the model failed.
        """
        with self._turnstile.turn(on_wait):
            chosen: queue.SimpleQueue[int | BaseException | None] = queue.SimpleQueue()
            stop = threading.Event()
            worker = threading.Thread(
                target=self._work, args=(ids, max_new, chosen, stop), name="kb-generate", daemon=True
            )
            worker.start()
            try:
                while (item := _next(chosen, worker)) is not None:
                    if isinstance(item, BaseException):
                        raise _failure(item, self._name, len(ids)) from item
                    yield item
            finally:
                # The next asker must not come in before the model is free.
                stop.set()
                worker.join()

    def _work(
        self, ids: list[int], max_new: int, chosen: queue.SimpleQueue[int | BaseException | None], stop: threading.Event
    ) -> None:
        try:
            self._generate(ids, max_new, chosen.put, stop)
        except BaseException as exc:  # noqa: BLE001 - raised again in the thread that asks
            chosen.put(exc)
        finally:
            chosen.put(None)

    def _generate(self, ids: list[int], max_new: int, take: Callable[[int], None], stop: threading.Event) -> None:
        import torch
        from transformers import GenerationConfig, StoppingCriteria, StoppingCriteriaList
        from transformers.generation.streamers import BaseStreamer

        class Stopped(StoppingCriteria):  # type: ignore[misc]  # untyped base
            def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
                return torch.full((input_ids.shape[0],), stop.is_set(), dtype=torch.bool, device=input_ids.device)

        class Taken(BaseStreamer):  # type: ignore[misc]
            def __init__(self) -> None:
                self._prompt = True

            def put(self, value: Any) -> None:
                # The prompt comes first.
                if not self._prompt and not stop.is_set():
                    for token in value.tolist():
                        take(token)
                self._prompt = False

            def end(self) -> None:
                pass

        prompt = torch.tensor([ids], device=self._model.device)
        with torch.inference_mode():
            self._model.generate(
                prompt,
                attention_mask=torch.ones_like(prompt),
                generation_config=greedy_config(GenerationConfig, max_new, self._eos_ids, self._pad_id),
                stopping_criteria=StoppingCriteriaList([Stopped()]),
                streamer=Taken(),
            )

    def close(self) -> None:
        """Nothing is held but the model."""


def greedy_config(kind: Any, max_new: int, eos_ids: list[int], pad_id: int) -> Any:
    """Settings of a greedy generation."""
    return kind(
        max_new_tokens=max_new, do_sample=False, num_beams=1, use_cache=True, eos_token_id=eos_ids, pad_token_id=pad_id
    )


def _next(
    chosen: queue.SimpleQueue[int | BaseException | None], worker: threading.Thread
) -> int | BaseException | None:
    """What comes next; None when the worker is gone."""
    while True:
        try:
            return chosen.get(timeout=0.5)
        except queue.Empty:
            if not worker.is_alive() and chosen.empty():
                return None


def _failure(exc: BaseException, model: str, n_prompt: int) -> BaseException:
    """The error to raise for one in the worker. Memory that ran out is given back first."""
    if is_out_of_memory(exc):
        # The frames of the traceback hold the tensors that filled the memory.
        traceback.clear_frames(exc.__traceback__)
        free_memory()
        return out_of_memory(model, n_prompt)
    if isinstance(exc, RuntimeError):
        return ModelError(f"{model}: the model failed while generating: {exc}", hint="`kb doctor` tests the model.")
    return exc


def is_out_of_memory(exc: BaseException | str) -> bool:
    """Whether an error, or an error's text, says that memory ran out."""
    text = str(exc).lower()
    return isinstance(exc, MemoryError) or "out of memory" in text or "can't allocate memory" in text


def out_of_memory(model: str, n_prompt: int) -> ModelError:
    """The error for memory that ran out."""
    return ModelError(
        f"{model}: memory ran out while answering a prompt of {n_prompt} tokens.",
        hint="Lower answer.max_passages, llm.max_answer_tokens or llm.max_concurrent, "
        "set llm.quantization to 4bit, or choose a smaller llm.model.",
    )


def free_memory() -> None:
    """Give back what is not in use any more."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
