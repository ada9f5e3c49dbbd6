"""`kb bench ingest`: what an ingest costs beyond the encoder, and the encoder against the usual way to run it."""

from __future__ import annotations

from typing import Any

from eval.bench import Context, Figure, Outcome
from eval.bench_homes import run_child, timed_ingest
from eval.generate_entries import make_entries, write_documents

N_ENTRIES, N_FULL = 400, 10_000
YARDSTICK_SHARE = 8
"""One text in so many is embedded by the yardstick, which is slow."""
BAR_OF_ENCODER = 0.85
BAR_OF_YARDSTICK = 1.5
BAR_COSINE = 0.999
BAR_PEAK_MIB = 2048.0
BAR_UNCHANGED_S = 2.0


def run(context: Context) -> Outcome:
    """Ingest generated entries between two halves of the bare encoder's run, so that a drift of the machine cancels."""
    n = N_FULL if context.full else N_ENTRIES
    model = context.settings.embed.model
    documents, home = context.folder / "ingest-documents", context.folder / "ingest-home"
    write_documents(documents, make_entries(n))
    place = {"home": str(home), "documents": str(documents), "model": model}

    def encode(offset: int, step: int, *, yardstick: bool, save: str = "") -> dict[str, Any]:
        return run_child("encode", {**place, "offset": offset, "step": step, "yardstick": yardstick, "save": save})

    context.say("encoder, first half")
    halves = [encode(0, 2, yardstick=False)]
    context.say(f"ingest {n:,} entries")
    first = timed_ingest(home, documents, model=model)
    context.say("encoder, second half")
    halves.append(encode(1, 2, yardstick=False))
    context.say("yardstick")
    ours, plain = str(context.folder / "ours.npy"), str(context.folder / "plain.npy")
    rates, plain_rates = [], []
    for _ in range(2):
        found = encode(0, YARDSTICK_SHARE, yardstick=False, save=ours)
        usual = encode(0, YARDSTICK_SHARE, yardstick=True, save=plain)
        rates.append(found["texts"] / found["seconds"])
        plain_rates.append(usual["texts"] / usual["seconds"])
    context.say("unchanged")
    unchanged = min((timed_ingest(home, documents, model=model) for _ in range(3)), key=lambda child: child["seconds"])
    encoder_s = sum(half["seconds"] for half in halves)
    figures = (
        Figure("entries a second", n / first["seconds"], "/s", better="higher"),
        Figure("rate of the bare encoder that is kept", encoder_s / first["seconds"], "", BAR_OF_ENCODER, "higher"),
        Figure("encoder against plain float32", sum(rates) / sum(plain_rates), "x", _yardstick_bar(), "higher"),
        Figure("least cosine with plain float32", _least_cosine(ours, plain), "", BAR_COSINE, "higher"),
        Figure("peak memory of the ingest", first["peak_mib"], "MiB", BAR_PEAK_MIB),
        Figure("ingest again, unchanged", unchanged["seconds"], "s", BAR_UNCHANGED_S if context.full else None),
        Figure("ingest, in all", first["seconds"], "s"),
        Figure("the bare encoder on the same texts", encoder_s, "s"),
        *(Figure(f"step: {name}", seconds, "s") for name, seconds in first["steps"].items()),
    )
    parameters = {"entries": n, "texts": first["embedded"], "questions": first["questions"]}
    note = "The encoder's run is timed in two halves, before and after the ingest."
    if not context.full:
        note += " At this size start-up costs weigh much; the bars are stated for 10,000 entries (--full)."
    return Outcome("ingest", figures, parameters, (note,))


def _yardstick_bar() -> float | None:
    """The bar holds where the processor computes in bfloat16."""
    from kb.backends.encoder_torch import has_bf16

    return BAR_OF_YARDSTICK if has_bf16("cpu") else None


def _least_cosine(ours: str, plain: str) -> float:
    import numpy as np

    return float((np.load(ours) * np.load(plain)).sum(axis=1).min())
