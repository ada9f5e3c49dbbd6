"""Homes with generated entries, and processes whose time and memory are measured."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.bench import Context
from eval.generate_entries import Made, make_entries, write_documents

if TYPE_CHECKING:
    from kb.ports import FloatArray

ROOT = Path(__file__).resolve().parent.parent
_BLOCK = 20_000


@dataclasses.dataclass(frozen=True, slots=True)
class Home:
    """A home into which generated entries were ingested."""

    path: Path
    documents: Path
    entries: list[Made]
    child: dict[str, Any]
    """What the process that ingested said: seconds, peak_mib, cpu_s, steps."""


def timed_ingest(home: Path, documents: Path, *, model: str) -> dict[str, Any]:
    """What an ingest in a process of its own took: seconds, cpu_s, peak_mib, and seconds by step; and its counts."""
    return run_child("ingest", {"home": str(home), "documents": str(documents), "model": model})


def run_child(operation: str, request: dict[str, Any]) -> dict[str, Any]:
    """The reply of `eval.bench_child` to a request."""
    command = [sys.executable, "-m", "eval.bench_child", operation]
    done = subprocess.run(
        command, input=json.dumps(request), capture_output=True, text=True, cwd=ROOT, check=False, env=child_env()
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr[-2000:]}")
    reply: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return reply


def child_env() -> dict[str, str]:
    """The environment of measured processes: no KB_* variable of the user, no hub."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KB_")}
    return {**kept, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}


def sketched_home(context: Context, n: int) -> Home:
    """A home with `n` generated entries whose passages have sketches for vectors, made once for a run's benchmarks.

    Embedding 100,000 entries takes an hour on two cores, nearly all of it for the passages. What an index of that size
    costs to build, to open and to search does not depend on where vectors come from, so those of the passages are made
    from the encoder's word vectors alone and put into the cache that an ingest asks first.
    """
    folder = context.folder / f"sketched-{n}"
    entries = make_entries(n)
    done = folder / "child.json"
    home, documents = folder / "home", folder / "documents"
    if not done.is_file():
        context.say(f"generate {n:,} entries")
        write_documents(documents, entries)
        model = context.settings.embed.model
        sketched = run_child("sketch", {"home": str(home), "documents": str(documents), "model": model})
        context.say(f"ingest {n:,} entries")
        child = timed_ingest(home, documents, model=model)
        child["sketch_s"] = sketched["seconds"]
        done.write_text(json.dumps(child), "utf-8")
    return Home(home, documents, entries, json.loads(done.read_text("utf-8")))


class Sketcher:
    """Vectors of texts from the encoder's word table: the mean of the words' vectors, rare words weighing more."""

    def __init__(self, model: str) -> None:
        import numpy as np

        from kb.backends.encoder import find_model, load_tokenizer
        from kb.backends.encoder_numpy import read_safetensors

        folder = find_model(model)
        tensors = read_safetensors(folder / "model.safetensors")
        name = next(name for name in tensors if name.endswith("embeddings.word_embeddings.weight"))
        table = np.asarray(tensors[name], dtype=np.float32)
        self._table = table - table.mean(axis=0)
        self._weights = np.log1p(np.arange(len(table), dtype=np.float32)) / 10.0  # the list is sorted by frequency
        self._tokenizer = load_tokenizer(folder)

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """Unit vectors. Shape: (len(texts), dimension), float32."""
        import numpy as np

        vectors = np.zeros((len(texts), self._table.shape[1]), dtype=np.float32)
        for start in range(0, len(texts), _BLOCK):
            lowered = [text.lower() for text in texts[start : start + _BLOCK]]
            for row, encoding in enumerate(self._tokenizer.encode_batch_fast(lowered, add_special_tokens=False), start):
                ids = np.asarray(encoding.ids or [0])
                vectors[row] = self._weights[ids] @ self._table[ids]
        return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6), dtype=np.float32)


def folder_mib(folder: Path) -> float:
    """Size of the files in a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 2**20


def seconds_of(command: Sequence[str], *, times: int = 3) -> list[float]:
    """Wall-clock seconds of each run of a command.

    Raises:
        RuntimeError: it failed.
    """
    found = []
    for _ in range(times):
        started = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, env=child_env())
        found.append(time.perf_counter() - started)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr[-2000:]}")
    return found
