"""The benchmarks: what `kb bench` runs, prints and writes.

Bars that compare are ratios within one run, because absolute times say more about the machine than about the program.
Each benchmark is a module `eval.bench_<name>` with a function `run(context) -> Outcome`.
"""

from __future__ import annotations

import dataclasses
import datetime
import importlib
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from kb.settings import Settings

BENCHES: Mapping[str, str] = {
    "ingest": "entries a second against the bare encoder, memory, and an ingest that changes nothing",
    "ask": "latency of search and of an answer, warm and from a cold start",
    "scale": "a large index: time, memory, size, latency, and what the approximate search misses",
    "serve": "time from `kb serve` to the first page and the first answer",
    "load": "many askers at once against `kb serve`",
    "llm": "the local language model against what the memory's bandwidth allows",
}
"""Name to what it measures, in the order in which all of them run."""
MIB = 1024.0 * 1024.0
Progress = Callable[[str, int, int], None]


@dataclasses.dataclass(frozen=True, slots=True)
class Figure:
    """One measured number, with the bar that it should meet."""

    name: str
    value: float
    unit: str
    bar: float | None = None
    better: Literal["lower", "higher"] = "lower"

    @property
    def met(self) -> bool | None:
        """Whether the bar is met; None where there is none."""
        if self.bar is None:
            return None
        return self.value <= self.bar if self.better == "lower" else self.value >= self.bar


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What one benchmark found."""

    name: str
    figures: tuple[Figure, ...]
    parameters: Mapping[str, Any]
    """Sizes and choices that the figures depend on."""
    notes: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True)
class Context:
    """What a benchmark may use."""

    settings: Settings
    """Of the user; benchmarks make homes of their own below `folder`."""
    folder: Path
    """Thrown away afterwards; benchmarks of one run may share what they made in it."""
    full: bool = False
    """The sizes that the bars are stated for, which take up to an hour; else sizes for a minute or two."""
    progress: Progress = lambda step, done, total: None

    def say(self, step: str, done: int = 0, total: int = 0) -> None:
        """Report progress."""
        self.progress(step, done, total)


def run_bench(
    names: Sequence[str],
    settings: Settings,
    out_dir: Path | None = None,
    progress: Progress | None = None,
    *,
    full: bool = False,
) -> list[Outcome]:
    """The outcomes of the named benchmarks (all where none is named), one after the other.

    Args:
        names: of BENCHES.
        settings: encoder and language model to measure with.
        out_dir: where `bench-<name>.json` is written for each, with versions and machine; None writes nothing.
        progress: called with a step's name, what is done of it, and its total.
        full: the sizes that the bars are stated for.

    Raises:
        EvalError: there is no such benchmark.
    """
    from kb.errors import EvalError

    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        raise EvalError(f"there is no benchmark {unknown[0]!r}", hint=f"Benchmarks: {', '.join(BENCHES)}.")
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="kb-bench-") as folder:
        context = Context(settings, Path(folder), full, progress or (lambda step, done, total: None))
        for name in names or list(BENCHES):
            outcome = _run_one(name, context)
            outcomes.append(outcome)
            if out_dir is not None:
                write_outcome(outcome, out_dir)
    return outcomes


def _run_one(name: str, context: Context) -> Outcome:
    context.say(name)
    started = time.monotonic()
    outcome: Outcome = importlib.import_module(f"eval.bench_{name}").run(context)
    return dataclasses.replace(outcome, seconds=round(time.monotonic() - started, 1))


def write_outcome(outcome: Outcome, out_dir: Path) -> Path:
    """The file that was written: figures, bars, versions and machine as JSON."""
    out_dir.mkdir(parents=True, exist_ok=True)
    file = out_dir / f"bench-{outcome.name}.json"
    file.write_text(json.dumps(outcome_json(outcome), indent=2, ensure_ascii=False) + "\n", "utf-8")
    return file


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """The outcome with the circumstances under which it was measured."""
    return {
        "name": outcome.name,
        "measured": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "seconds": outcome.seconds,
        "parameters": dict(outcome.parameters),
        "figures": [{**dataclasses.asdict(figure), "met": figure.met} for figure in outcome.figures],
        "notes": list(outcome.notes),
        "machine": machine(),
        "versions": versions(),
    }


def machine() -> dict[str, Any]:
    """The machine, without anything that names it: processor, cores, memory, and how busy it was."""
    found: dict[str, Any] = {
        "system": platform.system(),
        "architecture": platform.machine(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS", ""),
    }
    if hasattr(os, "getloadavg"):
        found["load"] = round(os.getloadavg()[0], 2)
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found["memory_gib"] = round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
    return found


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    if file.is_file():
        for line in file.read_text("ascii", "replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that the figures depend on."""
    found = {"python": platform.python_version()}
    for name in ("kb", "torch", "transformers", "chromadb", "gradio", "numpy", "bm25s", "tokenizers", "datasketch"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of the values lies; 0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def print_outcomes(outcomes: Sequence[Outcome]) -> None:
    """Print a table for each benchmark: figure, bar, whether it is met."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120, highlight=False)
    for outcome in outcomes:
        title = f"{outcome.name}: {BENCHES.get(outcome.name, '')} ({outcome.seconds:.0f} s)"
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left", title_style="bold")
        table.add_column("")
        for heading in ("measured", "bar", ""):
            table.add_column(heading, justify="right", no_wrap=True)
        for figure in outcome.figures:
            sign = "at most" if figure.better == "lower" else "at least"
            bar = "" if figure.bar is None else f"{sign} {_number(figure.bar)}"
            mark = {None: "", True: "met", False: "NOT MET"}[figure.met]
            table.add_row(figure.name, f"{_number(figure.value)} {figure.unit}".rstrip(), bar, mark)
        console.print(table)
        parameters = ", ".join(f"{name} {value}" for name, value in outcome.parameters.items())
        console.print(parameters, style="dim")
        for note in outcome.notes:
            console.print(note)
        console.print()


def _number(value: float) -> str:
    if value == int(value) and abs(value) < 1e9:
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.3g}"


__all__ = ["BENCHES", "Context", "Figure", "Outcome", "outcome_json", "print_outcomes", "run_bench", "write_outcome"]
