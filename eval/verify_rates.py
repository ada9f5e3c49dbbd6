"""How often the check of statements is right: false ones caught and true ones passed, by type.

`python -m eval.verify_rates --split dev` prints the table; `mutant_rates("heldout")` gives the figures.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from eval.mutate import light_edits, mutants
from kb.checking import verify_statement

if TYPE_CHECKING:
    from kb.ports import Embedder

FIXTURES = Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "verify"
TRUE_TYPES = ("verbatim", "light", "paraphrase")


class Case(NamedTuple):
    """A statement, what it is to be checked against, and whether it is true."""

    id: str
    statement: str
    passage: str
    label: bool
    type: str
    question: str
    origin: str
    """`written` by hand or `generated` from a true statement."""


class Rate(NamedTuple):
    """Share of a type that was judged rightly."""

    right: int
    n: int

    @property
    def share(self) -> float:
        """In [0, 1]; 1 where there was nothing to judge."""
        return self.right / self.n if self.n else 1.0


def cases(split: str) -> list[Case]:
    """The written statements of a split, and the mutants and light edits made from its true ones."""
    rows = [json.loads(line) for line in (FIXTURES / f"{split}.jsonl").read_text("utf-8").splitlines() if line.strip()]
    found = [
        Case(row["id"], row["statement"], row["passage"], row["label"], row["type"], row.get("question", ""), "written")
        for row in rows
    ]
    passages = list(dict.fromkeys(row["passage"] for row in rows))
    for row in rows:
        if row["label"]:
            found.extend(_generated(row, passages))
    return found


def _generated(row: Mapping[str, str], passages: Sequence[str]) -> Iterator[Case]:
    name, text, passage, question = row["id"], row["statement"], row["passage"], row.get("question", "")
    for number, (statement, kind) in enumerate(mutants(text, passage)):
        yield Case(f"{name}-m{number}", statement, passage, False, kind, question, "generated")
    if row["type"] == "verbatim":
        for number, statement in enumerate(light_edits(text)):
            yield Case(f"{name}-l{number}", statement, passage, True, "light", question, "generated")
    at = passages.index(passage)
    wrong = passages[(at + 1 + sum(map(ord, name)) % (len(passages) - 1)) % len(passages)]
    yield Case(f"{name}-o", text, wrong, False, "other_passage", question, "generated")


def judge(found: Sequence[Case], embedder: Embedder | None = None) -> list[tuple[Case, bool, str]]:
    """Each case with whether it was judged rightly, and the reason that was given."""
    judged = []
    for case in found:
        verdict = verify_statement(case.statement, [case.passage], embedder=embedder, question=case.question)
        judged.append((case, verdict.supported == case.label, verdict.reason))
    return judged


def mutant_rates(split: str, *, embedder: Embedder | None = None) -> dict[str, Rate]:
    """Rates by type on a split, with `false` (all false ones), `true` (all true ones) and `paraphrase` among them."""
    return rates(judge(cases(split), embedder))


def rates(judged: Sequence[tuple[Case, bool, str]]) -> dict[str, Rate]:
    """Counts of what was judged rightly, by type, by truth, and by origin for the false ones."""
    counts: dict[str, list[int]] = {}
    for case, right, _ in judged:
        side = "true" if case.label else "false"
        for key in (case.type, side, *((f"{side}, {case.origin}",) if not case.label else ())):
            count = counts.setdefault(key, [0, 0])
            count[0] += right
            count[1] += 1
    return {key: Rate(*counts[key]) for key in sorted(counts, key=lambda k: (k.startswith(("true", "false")), k))}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table of a split; with --errors also each case that was judged wrongly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", choices=("dev", "heldout"), default="dev")
    parser.add_argument("--errors", action="store_true", help="list what was judged wrongly")
    parser.add_argument("--embedder", action="store_true", help="match unknown wordings by meaning as well")
    options = parser.parse_args(arguments)
    embedder = None
    if options.embedder:
        from kb.backends.encoder import load_embedder

        embedder = load_embedder()
    judged = judge(cases(options.split), embedder)
    for name, rate in rates(judged).items():
        sys.stdout.write(f"{name:20} {rate.right:4}/{rate.n:<4} {rate.share:.3f}\n")
    if options.errors:
        for case, right, reason in judged:
            if not right:
                sys.stdout.write(f"{case.id} {case.type}: {case.statement} ({reason})\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
