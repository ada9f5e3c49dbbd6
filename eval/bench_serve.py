"""`kb bench serve`: from the command to a page that can be used."""

from __future__ import annotations

import sys
import time

import httpx

from eval.bench import Context, Figure, Outcome, percentile
from eval.bench_homes import seconds_of, sketched_home
from eval.bench_server import serving

N_ENTRIES = 200
TIMES = 3
BAR_PAGE_S = 5.0


def run(context: Context) -> Outcome:
    """Start the server a few times over an ingested index; the median of each figure counts."""
    home = sketched_home(context, N_ENTRIES)
    pages, answers, memory = [], [], []
    for number in range(TIMES):
        context.say("serve", number + 1, TIMES)
        with serving(home.path, context.settings.embed.model) as server, httpx.Client(timeout=120) as client:
            pages.append(server.wait_for_page())
            server.ask(client, home.entries[0].question)
            answers.append(time.perf_counter() - server.started)
            memory.append(server.memory_mib())
    gradio = percentile(seconds_of([sys.executable, "-c", "import gradio"], times=TIMES), 0.5)
    figures = (
        Figure("start to first page, median", percentile(pages, 0.5), "s", BAR_PAGE_S),
        Figure("start to first answer, median", percentile(answers, 0.5), "s"),
        Figure("of it, importing Gradio", gradio, "s"),
        Figure("memory after the first answer", percentile(memory, 0.5), "MiB"),
    )
    return Outcome("serve", figures, {"entries": N_ENTRIES, "starts": TIMES})
