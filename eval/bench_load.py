"""`kb bench load`: many askers at once against `kb serve`."""

from __future__ import annotations

import dataclasses
import itertools
import threading
import time

import httpx

from eval.bench import Context, Figure, Outcome, percentile
from eval.bench_homes import sketched_home
from eval.bench_server import Server, serving
from eval.generate_entries import make_queries

CLIENTS = (1, 10, 50)
SECONDS, SECONDS_FULL = 8.0, 60.0
N_ENTRIES, N_FULL = 200, 10_000
BAR_GROWTH = 1.1
"""Memory at the end against memory after the warm-up."""


@dataclasses.dataclass(slots=True)
class _Tally:
    """What the askers met."""

    seconds: list[float] = dataclasses.field(default_factory=list)
    errors: list[str] = dataclasses.field(default_factory=list)


def run(context: Context) -> Outcome:
    """Ask for a bounded time with more and more clients, and look at the server's memory in between."""
    home = sketched_home(context, N_FULL if context.full else N_ENTRIES)
    duration = SECONDS_FULL if context.full else SECONDS
    queries = make_queries(home.entries, 500)
    figures: list[Figure] = []
    errors: list[str] = []
    with serving(home.path, context.settings.embed.model) as server:
        server.wait_for_page()
        started_mib = server.memory_mib()
        context.say("warm up")
        _ask_for(server, queries, clients=max(CLIENTS), duration=duration)
        warm_mib = server.memory_mib()
        for clients in CLIENTS:
            context.say(f"{clients} clients")
            begun = time.perf_counter()
            tally = _ask_for(server, queries, clients=clients, duration=duration)
            elapsed = time.perf_counter() - begun
            errors += tally.errors
            figures += [
                Figure(f"{clients} clients: answers a second", len(tally.seconds) / elapsed, "/s", better="higher"),
                Figure(f"{clients} clients: p50", 1000 * percentile(tally.seconds, 0.5), "ms"),
                Figure(f"{clients} clients: p95", 1000 * percentile(tally.seconds, 0.95), "ms"),
            ]
        end_mib = server.memory_mib()
    figures += [
        Figure("errors", len(errors), "", 0.0),
        Figure("memory when started", started_mib, "MiB"),
        Figure("memory after the warm-up", warm_mib, "MiB"),
        Figure("memory at the end", end_mib, "MiB"),
        Figure("growth after the warm-up", end_mib / warm_mib, "x", BAR_GROWTH),
    ]
    return Outcome(
        "load", tuple(figures), {"entries": len(home.entries), "seconds": duration}, tuple(dict.fromkeys(errors[:5]))
    )


def _ask_for(server: Server, queries: list[str], *, clients: int, duration: float) -> _Tally:
    """Each client asks one question after the other until the time is over."""
    tally = _Tally()
    lock = threading.Lock()
    until = time.perf_counter() + duration

    def ask(offset: int) -> None:
        with httpx.Client(timeout=120) as client:
            for number in itertools.count(offset * 7):
                started = time.perf_counter()
                if started >= until:
                    return
                try:
                    answer = server.ask(client, queries[number % len(queries)])
                    problem = "" if answer.get("outcome") in ("answered", "abstained") else f"not an answer: {answer}"
                except (httpx.HTTPError, RuntimeError, ValueError) as error:
                    problem = f"{type(error).__name__}: {error}"
                with lock:
                    if problem:
                        tally.errors.append(problem)
                    else:
                        tally.seconds.append(time.perf_counter() - started)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tally
