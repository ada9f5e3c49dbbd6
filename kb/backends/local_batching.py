"""Several askers at once through transformers' continuous batching."""

from __future__ import annotations

import dataclasses
import importlib.util
import itertools
import logging
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

from kb.backends.local_serial import free_memory, greedy_config, is_out_of_memory, out_of_memory
from kb.backends.turnstile import Turnstile
from kb.errors import ModelError

_log = logging.getLogger(__name__)
_MAX_MEMORY_SHARE = 0.7
"""Of the memory that the weights leave free; the rest is for the sentence encoder and for activations."""


@dataclasses.dataclass(frozen=True, slots=True)
class BatchLimits:
    """Limits of the batch's memory; None leaves the choice to transformers, which asks the GPU."""

    num_blocks: int | None = None
    max_batch_tokens: int | None = None


class BatchEngine:
    """Token ids from one running batch that askers join and leave at any token.

    One thread deals the tokens out to their askers. transformers' own `request_id_iter` has every asker take from one
    queue and put back what is not for it, which spins, and for ever after a cancelled request.
    """

    def __init__(
        self,
        model: Any,
        *,
        name: str,
        eos_ids: list[int],
        pad_id: int,
        max_concurrent: int,
        limits: BatchLimits,
    ) -> None:
        self._model = model
        self._name = name
        self._eos_ids = eos_ids
        self._pad_id = pad_id
        self._limits = limits
        self._turnstile = Turnstile(max_concurrent)
        self._lock = threading.Lock()
        self._manager: Any = None
        self._askers: dict[str, queue.SimpleQueue[Any]] = {}
        self._numbers = itertools.count()

    @property
    def queue_position(self) -> int:
        """Askers that have to leave before a new one is let in."""
        return self._turnstile.position

    def tokens(self, ids: list[int], max_new: int, on_wait: Callable[[int], None] | None = None) -> Iterator[int]:
        """Ids of the reply as they are chosen.

        Raises:
            ModelError: memory ran out, or the model failed.
        """
        with self._turnstile.turn(on_wait):
            request = f"kb-{next(self._numbers)}"
            mine: queue.SimpleQueue[Any] = queue.SimpleQueue()
            manager = self._join(request, mine, ids, max_new)
            try:
                yield from self._received(manager, mine, len(ids))
            finally:
                with self._lock:
                    self._askers.pop(request, None)
                manager.cancel_request(request)

    def _received(self, manager: Any, mine: queue.SimpleQueue[Any], n_prompt: int) -> Iterator[int]:
        taken = 0
        while True:
            try:
                output = mine.get(timeout=0.5)
            except queue.Empty:
                if manager.is_running():
                    continue
                raise self._failed(manager, "the batch ended", n_prompt) from None
            if output.error is not None:
                raise self._failed(manager, output.error, n_prompt)
            # Each output holds all tokens up to it.
            for token in output.generated_tokens[taken:]:
                if token not in self._eos_ids:
                    yield token
            taken = len(output.generated_tokens)
            if output.is_finished():
                return

    def _join(self, request: str, mine: queue.SimpleQueue[Any], ids: list[int], max_new: int) -> Any:
        with self._lock:
            if self._manager is None or not self._manager.is_running():
                self._manager = self._started()
            self._askers[request] = mine
            joined = self._manager.add_request(
                ids, request_id=request, max_new_tokens=max_new, streaming=True, eos_token_id=self._eos_ids
            )
            if joined is None:
                del self._askers[request]
                raise ModelError(f"{self._name}: the model takes no more questions.", hint="Start the program again.")
            return self._manager

    def _started(self) -> Any:
        from transformers import ContinuousBatchingConfig, GenerationConfig

        on_gpu = self._model.device.type == "cuda"
        given = {name: value for name, value in dataclasses.asdict(self._limits).items() if value is not None}
        if on_gpu and not given:
            given["max_memory_percent"] = _MAX_MEMORY_SHARE
        manager = self._model.init_continuous_batching(
            generation_config=greedy_config(GenerationConfig, 1, self._eos_ids, self._pad_id),
            continuous_batching_config=ContinuousBatchingConfig(
                # Without the package, transformers would look for kernels on the hub.
                auto_switch_to_flash=on_gpu and importlib.util.find_spec("flash_attn") is not None,
                **given,
            ),
        )
        manager.start()
        threading.Thread(target=self._deal, args=(manager,), name="kb-deal-tokens", daemon=True).start()
        return manager

    def _deal(self, manager: Any) -> None:
        """Hand each output to its asker, as long as the batch runs."""
        while manager.is_running():
            output = manager.get_result(timeout=0.2)
            if output is not None:
                with self._lock:
                    asker = self._askers.get(output.request_id)
                if asker is not None:
                    asker.put(output)
            elif not threading.main_thread().is_alive():
                # transformers' thread is no daemon: left running, it would keep the process from ending.
                manager.stop(block=True, timeout=5, hard_stop=True)
                return
        while (output := manager.get_result(timeout=0)) is not None:  # what the end of the batch left
            with self._lock:
                asker = self._askers.get(output.request_id)
            if asker is not None:
                asker.put(output)

    def _failed(self, manager: Any, error: str, n_prompt: int) -> ModelError:
        """The error to raise; a batch that ended is taken down, so that the next question starts another one."""
        cause = manager.background_thread_status.fatal_error
        with self._lock:
            if not manager.is_running() and self._manager is manager:
                manager.stop(block=True, timeout=5, hard_stop=True)
                self._manager = None
        free_memory()
        if is_out_of_memory(cause if cause is not None else error) or is_out_of_memory(error):
            return out_of_memory(self._name, n_prompt)
        return ModelError(
            f"{self._name}: the model failed while generating: {error}",
            hint="`kb doctor` tests the model; llm.max_concurrent = 1 answers one asker at a time.",
        )

    def close(self) -> None:
        """End the batch and give its memory back."""
        with self._lock:
            manager, self._manager = self._manager, None
        if manager is not None:
            manager.stop(block=True, timeout=10, hard_stop=True)
        free_memory()


def can_batch(model: Any) -> bool:
    """Whether continuous batching runs this model: plain or sliding-window attention in every layer."""
    if not hasattr(model, "init_continuous_batching"):
        return False
    kinds = getattr(model.config.get_text_config(), "layer_types", None) or []
    if any(kind not in ("full_attention", "sliding_attention") for kind in kinds):
        _log.info("continuous batching does not run layers of kinds %s", sorted(set(kinds)))
        return False
    return True
