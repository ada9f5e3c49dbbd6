"""The eval sets: what is asked, and what a right answer must hold. Read, checked and chosen from; not scored."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from kb.errors import EvalError

DATA = Path(__file__).parent / "data"
ROOT = Path(__file__).parent.parent
CORPUS = ROOT / "corpus"
FIXTURES = ROOT / "tests" / "fixtures"

Split = Literal["dev", "test", "all"]
Suite = Literal["smoke", "full"]

SETS = ("answerable", "unanswerable", "counterfactual", "robustness")
"""The sets of queries, each a file of this name."""
SMOKE_SIZES: Mapping[str, int] = {
    "answerable": 49,
    "unanswerable": 30,
    "counterfactual": 15,
    "robustness": 0,
    "documents": 10,
    "mutants": 120,
}
"""Items of the quick suite, spread evenly over the kinds."""


class Gold(NamedTuple):
    """An entry that answers the query: a question as it stands in a document."""

    document: str
    """The file's name."""
    question: str


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    """One item of an eval set."""

    id: str
    set: str
    """answerable, unanswerable, counterfactual or robustness."""
    kind: str
    query: str
    topic: str
    """Items of one topic stand or fall together: the unit of the bootstrap, and of the split."""
    split: str
    history: tuple[tuple[str, str], ...] = ()
    gold: tuple[Gold, ...] = ()
    facts: tuple[tuple[str, ...], ...] = ()
    """What a right answer contains: one of the wordings of each."""
    passages: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    """What an answer from `passages` must not say."""
    base: str = ""
    """Of a disturbed query: the id of the undisturbed one."""


@dataclasses.dataclass(frozen=True, slots=True)
class Claim:
    """A statement with the passage that does or does not back it, to measure the check itself."""

    id: str
    kind: str
    """How the statement was made false; or, of a true one, how it was worded."""
    passage: str
    statement: str
    backed: bool
    split: str


_Item = TypeVar("_Item", Sample, Claim)


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a file of JSON Lines.

    Raises:
        EvalError: the file is not there, is empty, or a line of it is no object.
    """
    if not path.is_file():
        raise EvalError(
            f"{path}: there is no such eval set", hint="Run it from a checkout of the project, or give --data."
        )
    rows: list[dict[str, Any]] = []
    try:
        lines = path.read_text("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise EvalError(f"{path}: not UTF-8: {error}", hint="Save it as UTF-8.") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise EvalError(f"{path}, line {number}: not JSON: {error}", hint="One JSON object per line.") from error
        if not isinstance(row, dict):
            raise EvalError(f"{path}, line {number}: not an object", hint='One JSON object per line, with a "query".')
        rows.append(row)
    if not rows:
        raise EvalError(
            f"{path}: the set is empty", hint="A set without items says nothing; add items or leave it out."
        )
    return rows


def load_samples(name: str, folder: Path = DATA) -> list[Sample]:
    """The items of one of the project's own sets.

    Raises:
        EvalError: the set is missing, empty or holds an item that could not be scored.
    """
    path = folder / f"{name}.jsonl"
    samples = [
        _sample(row, name, f"{path}, item {row.get('id', n)}") for n, row in enumerate(read_json_lines(path), start=1)
    ]
    _check_unique(samples, path)
    return samples


def load_own(path: Path) -> list[Sample]:
    """A user's own queries. See docs/evaluation.md for the format.

    A line needs a `query`; then `gold` (what should be found), `facts` (what the answer must contain), or both; or
    `"answerable": false`. `id`, `kind`, `topic` and `history` may be left out.
    """
    samples = []
    for number, row in enumerate(read_json_lines(path), start=1):
        where = f"{path}, item {row.get('id', number)}"
        answerable = row.get("answerable", True)
        if not isinstance(answerable, bool):
            raise EvalError(f"{where}: `answerable` is {answerable!r}", hint="Write true or false.")
        defaults = {"id": str(number), "kind": "own", "topic": str(row.get("id", number)), "split": "test"}
        name = "answerable" if answerable else "unanswerable"
        samples.append(_sample({**defaults, **row}, name, where, own=True))
    _check_unique(samples, path)
    return samples


def _sample(row: Mapping[str, Any], name: str, where: str, *, own: bool = False) -> Sample:
    def text(field: str) -> str:
        value = row.get(field)
        if not isinstance(value, str) or not value.strip():
            raise EvalError(f"{where}: `{field}` is missing or no text", hint="See docs/evaluation.md for the fields.")
        return value

    facts = tuple(
        _alternatives(fact, where) for fact in _list(row, "facts" if name == "answerable" else "expected", where)
    )
    gold = tuple(_gold(item, where) for item in _list(row, "gold", where))
    if name == "answerable" and not (gold or facts if own else gold and facts):
        raise EvalError(
            f"{where}: nothing to score it by",
            hint='Give `gold` or `facts`, or say `"answerable": false`.' if own else "Give `gold` and `facts`.",
        )
    passages = tuple(str(passage) for passage in _list(row, "passages", where))
    if name == "counterfactual" and not (passages and facts):
        raise EvalError(f"{where}: it needs `passages` and `expected`", hint="See eval/data/README.md.")
    return Sample(
        id=text("id"),
        set=name,
        kind=text("kind"),
        query=text("query"),
        topic=str(row.get("topic") or row["id"]),
        split=str(row.get("split", "test")),
        history=tuple(_turn(turn, where) for turn in _list(row, "history", where)),
        gold=gold,
        facts=facts,
        passages=passages,
        forbidden=tuple(str(item) for item in _list(row, "forbidden", where)),
        base=text("base") if name == "robustness" else "",
    )


def _list(row: Mapping[str, Any], field: str, where: str) -> list[Any]:
    value = row.get(field, [])
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        raise EvalError(f"{where}: `{field}` is no list", hint="See docs/evaluation.md for the fields.")
    return value


def _alternatives(fact: Any, where: str) -> tuple[str, ...]:
    wordings = tuple(part.strip() for part in str(fact).split("|"))
    if not all(wordings):
        raise EvalError(f"{where}: the fact {fact!r} has an empty wording", hint="It would be found in any answer.")
    return wordings


def _gold(item: Any, where: str) -> Gold:
    try:
        return Gold(str(item["document"]), str(item["question"]))
    except (TypeError, KeyError) as error:
        raise EvalError(f"{where}: gold {item!r}", hint='Write {"document": "faq.md", "question": "..."}.') from error


def _turn(item: Any, where: str) -> tuple[str, str]:
    if isinstance(item, Mapping):
        item = [item.get("role"), item.get("content", item.get("text"))]
    if (
        not isinstance(item, list)
        or len(item) != 2
        or item[0] not in ("user", "assistant")
        or not isinstance(item[1], str)
    ):
        raise EvalError(f"{where}: turn {item!r}", hint='Write ["user", "..."] or ["assistant", "..."].')
    return str(item[0]), item[1]


def _check_unique(samples: Sequence[Sample], path: Path) -> None:
    seen: set[str] = set()
    for sample in samples:
        if sample.id in seen:
            raise EvalError(
                f"{path}: the id {sample.id!r} is there twice", hint="Ids pair items between runs; make them unique."
            )
        seen.add(sample.id)


def load_claims(split: Split, folder: Path = FIXTURES / "verify") -> list[Claim]:
    """Labelled statements with their passages; the split `test` is the file `heldout`."""
    found = []
    for name, its_split in (("dev", "dev"), ("heldout", "test")):
        if split not in ("all", its_split):
            continue
        for row in read_json_lines(folder / f"{name}.jsonl"):
            backed = bool(row["label"])
            found.append(Claim(row["id"], row["type"], row["passage"], row["statement"], backed, its_split))
    return found


def in_split(samples: Iterable[Sample], split: Split) -> list[Sample]:
    """Those of the split."""
    return [sample for sample in samples if split in ("all", sample.split)]


def spread(items: Sequence[_Item], size: int) -> list[_Item]:
    """About `size` items, taken in turn from each kind; the same ones for the same set, in the set's order.

    Which items of a kind are taken is decided by a hash of their ids, so that it does not depend on their order.
    """
    by_kind: dict[str, list[_Item]] = {}
    for item in sorted(items, key=lambda item: hashlib.sha256(item.id.encode()).hexdigest()):
        by_kind.setdefault(item.kind, []).append(item)
    queues = [by_kind[kind] for kind in sorted(by_kind)]
    chosen: set[str] = set()
    for place in range(max(map(len, queues), default=0)):
        for queue in queues:
            if place < len(queue) and len(chosen) < size:
                chosen.add(queue[place].id)
    return [item for item in items if item.id in chosen]


def file_hash(path: Path) -> str:
    """SHA-256 of a text file's content, blind to how lines end."""
    return hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()


def set_hashes(data: Path = DATA, fixtures: Path = FIXTURES, corpus: Path = CORPUS) -> dict[str, str]:
    """A hash of everything that a figure is measured on, by set: another hash, another measurement."""
    hashes = {name: file_hash(data / f"{name}.jsonl") for name in SETS if (data / f"{name}.jsonl").is_file()}
    folders = {
        "corpus": sorted(p for p in corpus.rglob("*") if p.is_file()),
        "documents": sorted(p for p in (fixtures / "documents").glob("*") if p.is_file()),
        "duplicates": sorted((fixtures / "duplicates").glob("*.jsonl")),
        "verify": sorted((fixtures / "verify").glob("*.jsonl")),
    }
    for name, files in folders.items():
        if files:
            lines = "".join(f"{file.name} {file_hash(file)}\n" for file in files)
            hashes[name] = hashlib.sha256(lines.encode()).hexdigest()
    return hashes


def sums_text(hashes: Mapping[str, str]) -> str:
    """The hashes as they stand in eval/data/SHA256SUMS."""
    return "".join(f"{value}  {name}\n" for name, value in sorted(hashes.items()))


def main() -> None:
    """Write eval/data/SHA256SUMS for the sets as they are: `python -m eval.samples`."""
    (DATA / "SHA256SUMS").write_text(sums_text(set_hashes()), "utf-8")


if __name__ == "__main__":
    main()
