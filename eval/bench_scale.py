"""`kb bench scale`: what a large index costs, and what its approximate search misses."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from eval.bench import Context, Figure, Outcome, percentile
from eval.bench_homes import folder_mib, sketched_home, timed_ingest
from eval.generate_entries import make_queries

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from kb.index import Index
    from kb.ports import Embedder

N_ENTRIES, N_FULL = 2_000, 100_000
BAR_RECALL = 0.99
BAR_P50_MS = 60.0
N_QUERIES = 200
TOP = 10
_SLACK = 1e-5


def run(context: Context) -> Outcome:
    """Ingest, open, search; then compare the store's ten nearest with the ten nearest of all."""
    from kb import Settings
    from kb.index import Index
    from kb.storage import Home as HomeFolder
    from kb.wiring import load_encoder, store_access

    home = sketched_home(context, N_FULL if context.full else N_ENTRIES)
    n, child = len(home.entries), home.child
    settings = Settings(home=home.path, embed=context.settings.embed)
    context.say("ingest again, unchanged")
    unchanged = timed_ingest(home.path, home.documents, model=settings.embed.model)
    with HomeFolder(home.path).collection(settings.collection).open() as generation:
        started = time.perf_counter()
        access = store_access(settings)
        index = Index.open(generation.path, access.open(generation.chroma_path), access.names(generation.name))
        open_s = time.perf_counter() - started
        context.say("recall")
        recall, store_ms = _recall(index, load_encoder(settings), make_queries(home.entries, N_QUERIES))
        index.close()
        index_mib = folder_mib(generation.path)
    figures = (
        Figure("ingest without the encoder", child["seconds"], "s"),
        Figure("processor time of it", child["cpu_s"], "s"),
        Figure("peak memory of the ingest", child["peak_mib"], "MiB"),
        Figure("ingest again, unchanged", unchanged["seconds"], "s"),
        Figure("size of the index", index_mib, "MiB"),
        Figure("size of the index, by entry", 1024 * index_mib / n, "KiB"),
        Figure("open", open_s, "s"),
        Figure(f"recall@{TOP} of the store's search", recall, "", BAR_RECALL, "higher"),
        Figure("the store's search, p50", percentile(store_ms, 0.5), "ms"),
        Figure("the store's search, p95", percentile(store_ms, 0.95), "ms"),
        *(Figure(f"step: {name}", seconds, "s") for name, seconds in child["steps"].items()),
    )
    notes = (
        "Recall is measured on the questions, whose vectors are the encoder's. Those of the passages are sketches from "
        "its word table, which spares an hour; `kb bench ingest` measures the encoder, `kb bench ask` whole searches.",
    )
    return Outcome("scale", figures, {"entries": n, "questions": child["questions"], "queries": N_QUERIES}, notes)


def _recall(index: Index, embedder: Embedder, queries: list[str]) -> tuple[float, list[float]]:
    """Share of the nearest wordings that the store's search finds, and its milliseconds for each query."""
    import numpy as np

    names = [record.id for record in index.store.get(index.names.entries)]
    rows = {name: row for row, name in enumerate(names)}
    stored = np.concatenate(
        [index.store.vectors(index.names.entries, names[at : at + 5000]) for at in range(0, len(names), 5000)]
    )
    found_share, times = [], []
    for vector in embedder.embed(queries):
        started = time.perf_counter()
        found = index.store.query(index.names.entries, vector, TOP)
        times.append(1000 * (time.perf_counter() - started))
        exact: npt.NDArray[np.float32] = stored @ vector
        count = min(TOP, len(exact))
        # Equals of the tenth count as well: which of several equals is named is a matter of taste.
        least = np.partition(exact, -count)[-count] - _SLACK
        found_share.append(sum(exact[rows[neighbour.id]] >= least for neighbour in found) / count)
    return float(np.mean(found_share)), times
