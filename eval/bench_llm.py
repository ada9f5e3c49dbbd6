"""`kb bench llm`: the local language model against what the memory's bandwidth allows.

Needs torch and transformers and no weights, so it also runs on a machine that has nothing else:
`python -m eval.bench_llm`. With a GPU the model has the configuration of a real one of 4 billion parameters, without
one it is small; the weights are random either way, which changes what is said and not how fast.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from eval.bench import Context, Figure, Outcome, percentile, print_outcomes, write_outcome

N_PROMPT, N_NEW = 1024, 128
N_PROMPT_SMALL, N_NEW_SMALL = 128, 32
CONCURRENT = 8
BAR_OF_BOUND = 0.5
"""Share of the tokens a second that reading every weight once a token allows."""
REAL = {
    "hidden_size": 2560, "intermediate_size": 9728, "num_hidden_layers": 36, "num_attention_heads": 32,
    "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151_936, "max_position_embeddings": 32_768,
    "tie_word_embeddings": True,
}  # fmt: skip
"""A model of 4 billion parameters of the Qwen3 family."""
SMALL = {
    **REAL, "hidden_size": 256, "intermediate_size": 768, "num_hidden_layers": 4, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 64, "vocab_size": 8192, "max_position_embeddings": 4096,
}  # fmt: skip
Tokens = Callable[[list[int], int], Iterator[int]]


def run(context: Context | None = None) -> Outcome:
    """Measure the engines that answer (`kb.backends.local_serial`, `kb.backends.local_batching`) on this device."""
    import torch

    from kb.backends.local_serial import SerialEngine

    on_gpu = torch.cuda.is_available()
    device = torch.device("cuda" if on_gpu else "cpu")
    model = _model(device)
    n_bytes = sum(p.numel() * p.element_size() for p in model.parameters())
    bandwidth = _bandwidth(device)
    bound = bandwidth / n_bytes
    n_prompt, n_new = (N_PROMPT, N_NEW) if on_gpu else (N_PROMPT_SMALL, N_NEW_SMALL)
    prompt = [(17 * n) % 8000 + 100 for n in range(n_prompt)]
    engine = SerialEngine(model, name="bench", eos_ids=[], pad_id=0)
    _timed(engine.tokens, prompt, 4)
    first, rest = zip(*(_timed(engine.tokens, prompt, n_new) for _ in range(3)), strict=True)
    serial = (n_new - 1) / percentile(rest, 0.5)
    figures = [
        Figure("memory bandwidth", bandwidth / 1e9, "GB/s"),
        Figure("weights", n_bytes / 2**30, "GiB"),
        Figure("bound: tokens a second at batch 1", bound, "/s"),
        Figure("time to first token", 1000 * percentile(first, 0.5), "ms"),
        Figure("tokens a second at batch 1", serial, "/s", better="higher"),
        Figure("share of the bound", serial / bound, "", BAR_OF_BOUND if on_gpu else None, "higher"),
        Figure("stop latency", 1000 * _stop_latency(engine.tokens, prompt, n_new), "ms"),
    ]
    notes = [] if on_gpu else ["There is no GPU here: a small model in float32 stands in, and the bar is not applied."]
    figures += _concurrent(model, prompt, n_new, serial, notes)
    if on_gpu:
        figures.append(Figure("peak memory", torch.cuda.max_memory_allocated() / 2**30, "GiB"))
    name = torch.cuda.get_device_name(0) if on_gpu else "cpu"
    parameters = {"device": name, "parameters": f"{sum(p.numel() for p in model.parameters()) / 1e6:.0f} M"}
    return Outcome("llm", tuple(figures), {**parameters, "prompt_tokens": n_prompt, "new_tokens": n_new}, tuple(notes))


def _model(device: Any) -> Any:
    import torch
    from transformers import GenerationConfig, Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(0)
    on_gpu = device.type == "cuda"
    previous = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16 if on_gpu else torch.float32)
    try:
        with device:
            model = Qwen3ForCausalLM(Qwen3Config(**(REAL if on_gpu else SMALL)))
    finally:
        torch.set_default_dtype(previous)
    model.generation_config = GenerationConfig(pad_token_id=0)
    return model.eval()


def _bandwidth(device: Any) -> float:
    """Bytes a second at which memory is read: the best of several sums over a large tensor."""
    import torch

    n_bytes = 2**32 if device.type == "cuda" else 2**28
    data = torch.ones(n_bytes // 4, dtype=torch.float32, device=device)
    best = 0.0
    for _ in range(6):
        _wait(device)
        started = time.perf_counter()
        data.sum()
        _wait(device)
        best = max(best, n_bytes / (time.perf_counter() - started))
    del data
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    return best


def _wait(device: Any) -> None:
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize()


def _timed(tokens: Tokens, prompt: list[int], n_new: int) -> tuple[float, float]:
    """Seconds to the first token, and from it to the last."""
    started = time.perf_counter()
    found = tokens(prompt, n_new)
    next(found)
    first = time.perf_counter()
    n_rest = sum(1 for _ in found)
    if n_rest != n_new - 1:
        raise RuntimeError(f"{n_rest + 1} tokens came instead of {n_new}")
    return first - started, time.perf_counter() - first


def _stop_latency(tokens: Tokens, prompt: list[int], n_new: int) -> float:
    """Seconds from closing the iterator until the model is free."""
    found = tokens(prompt, n_new)
    for _ in range(4):
        next(found)
    started = time.perf_counter()
    found.close()  # type: ignore[attr-defined]  # the engines' iterators are generators
    return time.perf_counter() - started


def _concurrent(model: Any, prompt: list[int], n_new: int, serial: float, notes: list[str]) -> list[Figure]:
    """Several askers at once through the engine that batches them."""
    from kb.backends.local_batching import BatchEngine, BatchLimits, can_batch

    if not can_batch(model):
        notes.append("Continuous batching does not run this model.")
        return []
    limits = BatchLimits() if model.device.type == "cuda" else BatchLimits(num_blocks=64, max_batch_tokens=1024)
    engine = BatchEngine(model, name="bench", eos_ids=[], pad_id=0, max_concurrent=CONCURRENT, limits=limits)
    try:
        _timed(engine.tokens, prompt, 4)
        firsts: list[float] = []
        # Prompts differ from the first token on, or their shared beginning would be computed once.
        prompts = [[n + 1, *prompt[1:]] for n in range(CONCURRENT)]
        threads = [
            threading.Thread(target=lambda own=own: firsts.append(_timed(engine.tokens, own, n_new)[0]))
            for own in prompts
        ]
        started = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        elapsed = time.perf_counter() - started
    finally:
        engine.close()
    if len(firsts) != CONCURRENT:
        raise RuntimeError(f"only {len(firsts)} of {CONCURRENT} askers got an answer")
    rate = CONCURRENT * n_new / elapsed
    return [
        Figure(f"tokens a second at {CONCURRENT} askers, prompts included", rate, "/s", better="higher"),
        Figure(f"of {CONCURRENT} askers, last first token", 1000 * max(firsts), "ms"),
        Figure("against one asker", rate / serial, "x", better="higher"),
    ]


if __name__ == "__main__":
    outcome = run()
    print_outcomes([outcome])
    if len(sys.argv) > 1:
        write_outcome(outcome, Path(sys.argv[1]))
