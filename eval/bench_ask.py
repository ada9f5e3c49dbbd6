"""`kb bench ask`: how long a search and an answer take, warm, and what a cold start costs."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable

from eval.bench import Context, Figure, Outcome, percentile
from eval.bench_homes import Home, seconds_of, sketched_home
from eval.generate_entries import make_queries

SIZES, SIZES_FULL = (200, 2_000), (200, 10_000, 100_000)
BARS_P50_MS = {200: 30.0, 100_000: 60.0}
BAR_HELP_S, BAR_COLD_S = 0.3, 2.0
N_QUERIES = 100
N_WARM_UP = 10


def run(context: Context) -> Outcome:
    """Search and ask over indexes of several sizes; then the commands as processes, on the smallest."""
    figures: list[Figure] = []
    homes = [sketched_home(context, n) for n in (SIZES_FULL if context.full else SIZES)]
    for home in homes:
        context.say(f"ask {len(home.entries):,} entries")
        figures += _warm(home, context)
    context.say("cold start")
    kb = [sys.executable, "-m", "kb"]
    cold = [*kb, "--home", str(homes[0].path), "ask", homes[0].entries[0].question]
    figures += [
        Figure("kb --help, median of 5", percentile(seconds_of([*kb, "--help"], times=5), 0.5), "s", BAR_HELP_S),
        Figure("kb ask, cold, median of 5", percentile(seconds_of(cold, times=5), 0.5), "s", BAR_COLD_S),
        Figure("Python itself", percentile(seconds_of([sys.executable, "-c", "pass"], times=5), 0.5), "s"),
    ]
    notes = ("Vectors of passages are sketches (see `kb bench scale`); queries go through the encoder.",)
    return Outcome("ask", tuple(figures), {"queries": N_QUERIES, "threads": 1}, notes)


def _warm(home: Home, context: Context) -> list[Figure]:
    from kb import KnowledgeBase, Settings

    n = len(home.entries)
    queries = make_queries(home.entries, N_QUERIES + N_WARM_UP)
    with KnowledgeBase.open(Settings(home=home.path, embed=context.settings.embed)) as kb:
        started = time.perf_counter()
        kb.search(queries[0])
        figures = [Figure(f"{n:,} entries: open and first search", time.perf_counter() - started, "s")]
        for name, call in (("search", kb.search), ("answer", kb.ask)):
            for query in queries[:N_WARM_UP]:
                call(query)
            found = _times_ms(call, queries[N_WARM_UP:])
            bar = BARS_P50_MS.get(n) if name == "search" else None
            figures += [
                Figure(f"{n:,} entries: {name}, p50", percentile(found, 0.5), "ms", bar),
                Figure(f"{n:,} entries: {name}, p95", percentile(found, 0.95), "ms"),
            ]
    gc.collect()
    return figures


def _times_ms(call: Callable[[str], object], queries: list[str]) -> list[float]:
    found = []
    for query in queries:
        started = time.perf_counter()
        call(query)
        found.append(1000 * (time.perf_counter() - started))
    return found
