"""`python -m eval.bench_child`: what is measured in a process of its own, so that its memory is its own, too.

Takes a JSON object on standard input and prints one.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kb.settings import EmbedSettings, Settings


def _settings(request: Mapping[str, Any]) -> Settings:
    return Settings(home=Path(request["home"]), embed=EmbedSettings(model=request["model"]))


def ingest(request: Mapping[str, Any]) -> dict[str, Any]:
    """One ingest: seconds in all and by step, processor time, peak memory, counts."""
    from ingest import ingest_paths

    steps: dict[str, float] = {}
    current, since = "start", time.perf_counter()

    def progress(step: str, done: int, total: int) -> None:
        nonlocal current, since
        now = time.perf_counter()
        if step != current:
            steps[current] = steps.get(current, 0.0) + now - since
            current, since = step, now

    started = since
    report = ingest_paths([Path(request["documents"])], settings=_settings(request), progress=progress)
    progress("", 0, 0)
    return {
        "seconds": since - started,
        "cpu_s": time.process_time(),
        "peak_mib": peak_mib(),
        "steps": {name: round(seconds, 2) for name, seconds in steps.items()},
        "entries": report.entries,
        "questions": report.questions,
        "embedded": report.embedded,
        "rejected": report.rejected,
        "generation": report.generation,
    }


def texts_of(request: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The texts that an ingest of these documents embeds, each once: the questions, and all others."""
    from ingest.index import passage_input
    from ingest.parse import parse_file
    from ingest.passages import chunk_entries
    from kb.wiring import load_encoder

    settings = _settings(request)
    encoder = load_encoder(settings)
    asked: dict[str, None] = {}
    found: dict[str, None] = {}
    for file in sorted(Path(request["documents"]).iterdir()):
        entries = parse_file(file).entries
        questions = {entry.id: entry.question for entry in entries}
        passages = chunk_entries(
            entries, max_tokens=settings.ingest.max_chunk_tokens, count_tokens=encoder.count_tokens
        )
        asked.update(dict.fromkeys(entry.question for entry in entries))
        found.update(dict.fromkeys(passage_input(questions[p.entry_id], p.text) for p in passages))
        found.update(dict.fromkeys(p.text for p in passages))
    return list(asked), [text for text in found if text not in asked]


def sketch(request: Mapping[str, Any]) -> dict[str, Any]:
    """Fill the vector cache: the encoder's vectors for the questions, sketches for passages, which are far longer."""
    from eval.bench_homes import Sketcher
    from kb.storage import Home
    from kb.vector_cache import CachedEmbedder, VectorCache
    from kb.wiring import load_encoder

    started = time.perf_counter()
    asked, others = texts_of(request)
    encoder = load_encoder(_settings(request))
    cache = VectorCache(Home(Path(request["home"])).cache_path, encoder=encoder.id, dimension=encoder.dimension)
    CachedEmbedder(encoder, cache).embed(asked)
    cache.put(others, Sketcher(request["model"]).embed(others))
    return {"seconds": time.perf_counter() - started, "texts": len(asked) + len(others)}


def encode(request: Mapping[str, Any]) -> dict[str, Any]:
    """The bare encoder over every `step`-th text from `offset` on, longest first, as an ingest gives them to it."""
    import numpy as np

    from kb.backends.encoder import load_embedder, load_yardstick

    asked, others = texts_of(request)
    texts = sorted([*asked, *others][request["offset"] :: request["step"]], key=len, reverse=True)
    encoder = load_yardstick(request["model"]) if request["yardstick"] else load_embedder(request["model"])
    encoder.embed(texts[-1:] * 65)  # loads the weights, which an ingest of any size does once
    started = time.perf_counter()
    rows = [encoder.embed(texts[at : at + 1024]) for at in range(0, len(texts), 1024)]
    seconds = time.perf_counter() - started
    if request.get("save"):
        np.save(request["save"], np.concatenate(rows))
    return {"seconds": seconds, "texts": len(texts), "peak_mib": peak_mib()}


def peak_mib() -> float:
    """Most memory that this process has held at once."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


OPERATIONS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "ingest": ingest,
    "sketch": sketch,
    "encode": encode,
}

if __name__ == "__main__":
    sys.stdout.write(json.dumps(OPERATIONS[sys.argv[1]](json.loads(sys.stdin.read()))) + "\n")
