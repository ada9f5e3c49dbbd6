"""Sets that are labelled rather than asked: documents with entries, duplicate questions, true and false statements."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

from eval.collection import Progress, counted, ingested
from eval.figures import Item
from eval.samples import FIXTURES, Claim, Split, read_json_lines
from eval.scorers import Backs, Score, score_entries
from ingest import parse_file
from kb import KnowledgeBase
from kb.errors import EvalError
from kb.settings import Settings


def claim_items(backs: Backs, claims: list[Claim], progress: Progress) -> list[Item]:
    """The check of statements on statements that are known to be true or false."""
    items = []
    for claim in counted("statements made false", claims, progress):
        passed = backs(claim.statement, [claim.passage])
        wrong = () if passed == claim.backed else ("a false statement passed" if passed else "a true one was refused",)
        columns = {"passed" if claim.backed else "caught": float(passed == claim.backed)}
        record = {"query": claim.statement, "passages": (claim.passage,)}
        name = "genuine" if claim.backed else "mutants"
        items.append(Item(claim.id, name, claim.kind, claim.passage[:80], claim.split, columns, wrong, record))
    return items


def document_items(progress: Progress, limit: int | None) -> list[Item]:
    """Documents whose entries are labelled. They are not split: no weights are fitted on them."""
    folder = FIXTURES / "documents"
    labels = sorted(folder.glob("*.expected.json"))[:limit]
    if not labels:
        raise EvalError(f"{folder}: no labelled documents", hint="Run it from a checkout of the project.")
    items = []
    for label in counted("documents", labels, progress):
        document = label.with_name(label.name.removesuffix(".expected.json"))
        expected = json.loads(label.read_text("utf-8"))["entries"]
        found = parse_file(document).entries
        score = score_entries(
            [(entry["question"], entry["answer"], entry["status"]) for entry in expected],
            [(entry.question, entry.answer, entry.status.value) for entry in found],
        )
        record = {"query": document.name}
        kind = document.suffix.lstrip(".")
        items.append(Item(document.name, "entries", kind, document.name, "test", score.columns, score.notes, record))
    return items


def duplicate_items(split: Split, settings: Settings, cache: Path | None, progress: Progress) -> list[Item]:
    """Labelled duplicates, each question ingested as a document of its own; counted per group of one question."""
    items = []
    for name, its_split in (("dev", "dev"), ("heldout", "test")):
        if split not in ("all", its_split):
            continue
        rows = read_json_lines(FIXTURES / "duplicates" / f"{name}.jsonl")
        merged = _merged(rows, name, settings, cache, progress)
        members: dict[str, list[str]] = {}
        for row in rows:
            members.setdefault(row["group"], []).append(row["id"])
        groups = {row["id"]: row["group"] for row in rows}
        texts = {row["id"]: row["question"] for row in rows}
        together: dict[str, list[str]] = {}
        for row in rows:
            together.setdefault(merged[row["id"]], []).append(row["id"])
        for group, ids in members.items():
            score = _group_score(ids, merged, groups, together, texts)
            kind = next(row["domain"] for row in rows if row["group"] == group)
            record = {"query": texts[ids[0]]}
            items.append(
                Item(f"{name}/{group}", "duplicates", kind, group, its_split, score.columns, score.notes, record)
            )
        items += _lookalike_items(name, its_split, merged, texts)
    return items


def _group_score(
    ids: list[str],
    merged: dict[str, str],
    groups: dict[str, str],
    together: dict[str, list[str]],
    texts: dict[str, str],
) -> Score:
    """Pairs of a group; of a false pair, which belongs to two groups, a half."""
    pairs = [(a, b) for n, a in enumerate(ids) for b in ids[n + 1 :]]
    right = [pair for pair in pairs if merged[pair[0]] == merged[pair[1]]]
    false = [(a, b) for a in ids for b in together[merged[a]] if groups[b] != groups[a]]
    notes = [f"not merged: {texts[a]} | {texts[b]}" for a, b in pairs if (a, b) not in right]
    notes += [f"merged, but another question: {texts[a]} | {texts[b]}" for a, b in false]
    columns = {"right": float(len(right)), "found": len(right) + len(false) / 2, "expected": float(len(pairs))}
    return Score(columns, tuple(notes))


def _lookalike_items(name: str, split: str, merged: dict[str, str], texts: dict[str, str]) -> list[Item]:
    items = []
    for row in read_json_lines(FIXTURES / "duplicates" / f"{name}_lookalikes.jsonl"):
        a, b = row["a"], row["b"]
        wrong = merged[a] == merged[b]
        record = {"query": f"{texts[a]} | {texts[b]}"}
        notes = ("merged",) if wrong else ()
        columns = {"merged": float(wrong)}
        items.append(Item(f"{name}/{a}-{b}", "lookalikes", row["why"], f"{name}/{a}", split, columns, notes, record))
    return items


def _merged(
    rows: list[dict[str, Any]], name: str, settings: Settings, cache: Path | None, progress: Progress
) -> dict[str, str]:
    """Id of the canonical question of each labelled question, as an ingest of one document per question merges them."""
    with tempfile.TemporaryDirectory() as folder:
        for row in rows:
            file = Path(folder) / f"{row['id']}.jsonl"
            # A record without an answer: the merging goes by the questions.
            file.write_text(json.dumps({"question": row["question"]}, ensure_ascii=False) + "\n", "utf-8")
        chosen = ingested(Path(folder), f"duplicates-{name}", settings, home=cache, progress=progress)
    with KnowledgeBase.open(chosen) as kb:
        found = {PurePosixPath(entry.source).stem: entry.question_id or "" for entry in kb.entries()}
    if lacking := sorted({row["id"] for row in rows} - found.keys()):
        raise EvalError(
            f"duplicates/{name}: {len(lacking)} questions were not ingested, {lacking[0]} for one",
            hint="Ingest lost them.",
        )
    return found
