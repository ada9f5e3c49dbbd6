"""How well question merging does on the labelled sets: `python -m tests.duplicate_score dev|heldout [FOLDER]`.

A set is two files of JSON Lines in FOLDER (`tests/fixtures/duplicates` if not given): `<set>.jsonl` (id, question,
group, domain) and `<set>_lookalikes.jsonl` (a, b, why: entries that look alike and are not one question).
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kb.types import Entry, Status

FOLDER = Path(__file__).parent / "fixtures" / "duplicates"

Pair = tuple[str, str]
"""Two entry ids, the smaller one first."""


@dataclasses.dataclass(frozen=True, slots=True)
class Labelled:
    """One entry of a labelled set."""

    id: str
    question: str
    group: str
    """Entries are one question exactly if this is equal."""
    domain: str


@dataclasses.dataclass(frozen=True, slots=True)
class LookAlike:
    """Two entries that are close in wording and are two questions."""

    a: str
    b: str
    why: str


@dataclasses.dataclass(frozen=True, slots=True)
class PairScores:
    """Agreement of two groupings, over unordered pairs of entries."""

    precision: float
    """1.0 where nothing was merged."""
    recall: float
    """1.0 where there was nothing to merge."""
    f1: float
    true_pairs: int
    found: int
    """Pairs that both groupings have."""
    false_pairs: int
    """Pairs that the predicted grouping alone has."""


def pairs_of(groups: Mapping[str, str]) -> set[Pair]:
    """Every pair of ids that share a group, from a mapping of id to group."""
    members: dict[str, list[str]] = {}
    for item, group in groups.items():
        members.setdefault(group, []).append(item)
    return {pair for items in members.values() for pair in itertools.combinations(sorted(items), 2)}


def pair_scores(groups_true: Mapping[str, str], groups_pred: Mapping[str, str]) -> PairScores:
    """Precision, recall and F1 of a predicted grouping; both arguments map each id to the name of its group.

    Raises:
        ValueError: the two groupings are not over the same ids.
    """
    if groups_true.keys() != groups_pred.keys():
        odd = sorted(groups_true.keys() ^ groups_pred.keys())
        raise ValueError(f"the groupings differ in {len(odd)} ids, {odd[0]} for one")
    true, predicted = pairs_of(groups_true), pairs_of(groups_pred)
    found = len(true & predicted)
    precision = found / len(predicted) if predicted else 1.0
    recall = found / len(true) if true else 1.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return PairScores(precision, recall, f1, len(true), found, len(predicted) - found)


def load_set(name: str, folder: Path = FOLDER) -> tuple[list[Labelled], list[LookAlike]]:
    """The entries and the look-alike pairs of a labelled set."""
    entries = [Labelled(**row) for row in _read_lines(folder / f"{name}.jsonl")]
    lookalikes = [LookAlike(**row) for row in _read_lines(folder / f"{name}_lookalikes.jsonl")]
    return entries, lookalikes


def as_entries(labelled: Sequence[Labelled]) -> list[Entry]:
    """The labelled questions as unmerged, unanswered entries, each from a document of its own."""
    return [
        Entry(
            id=item.id,
            document=f"doc-{item.id}",
            source=f"/{item.id}.md",
            number=None,
            section=None,
            question=item.question,
            answer=None,
            status=Status.UNANSWERED,
            lines=None,
        )
        for item in labelled
    ]


def predict(labelled: Sequence[Labelled], *, use_vectors: bool = True) -> dict[str, str]:
    """The grouping that `ingest.dedup.merge_entries` makes of the set, as id to question id."""
    # Imported late: the pure functions above serve tests that need neither merging nor an encoder.
    from ingest.dedup import merge_entries

    vectors = None
    if use_vectors:
        from kb.backends.encoder import load_embedder

        vectors = load_embedder().embed([item.question for item in labelled])
    result = merge_entries(as_entries(labelled), vectors)
    return {entry.id: str(entry.question_id) for entry in result.entries}


def report(labelled: Sequence[Labelled], lookalikes: Sequence[LookAlike], predicted: Mapping[str, str]) -> str:
    """Scores, then every false merge, every missed pair and every look-alike that was merged, for people."""
    truth = {item.id: item.group for item in labelled}
    questions = {item.id: item.question for item in labelled}
    scores = pair_scores(truth, predicted)
    true, merged = pairs_of(truth), pairs_of(predicted)
    violated = [item for item in lookalikes if predicted[item.a] == predicted[item.b]]
    lines = [
        f"{len(labelled)} entries, {scores.true_pairs} true pairs, {len(lookalikes)} look-alikes",
        f"precision {scores.precision:.3f}  recall {scores.recall:.3f}  F1 {scores.f1:.3f}",
        f"found {scores.found}  missed {scores.true_pairs - scores.found}  false {scores.false_pairs}"
        f"  look-alikes merged {len(violated)}",
    ]
    for title, pairs in (("False merges", merged - true), ("Missed pairs", true - merged)):
        lines += ["", f"{title}: {len(pairs)}"]
        lines += [f"  {a} {b}  {questions[a]}  |  {questions[b]}" for a, b in sorted(pairs)]
    lines += ["", f"Look-alikes merged: {len(violated)}"]
    lines += [f"  {v.a} {v.b}  [{v.why}]  {questions[v.a]}  |  {questions[v.b]}" for v in violated]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the report of one set; 0 if nothing was merged wrongly and F1 is 0.95 or better, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.duplicate_score", description="Score question merging.")
    parser.add_argument("name", choices=("dev", "heldout", "heldout2"))
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("--no-vectors", action="store_true", help="merge without an encoder")
    options = parser.parse_args(arguments)
    labelled, lookalikes = load_set(options.name, options.folder)
    predicted = predict(labelled, use_vectors=not options.no_vectors)
    sys.stdout.write(report(labelled, lookalikes, predicted) + "\n")
    scores = pair_scores({item.id: item.group for item in labelled}, predicted)
    return 0 if scores.false_pairs == 0 and scores.f1 >= 0.95 else 1


def _read_lines(file: Path) -> list[dict[str, Any]]:
    with file.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


if __name__ == "__main__":
    sys.exit(main())
