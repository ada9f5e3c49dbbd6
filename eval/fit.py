"""Fit the two small models of the search, the ranker and the confidence, on the development split of the eval set.

`python -m eval.fit FOLDER` writes kb/data/ranker.json and kb/data/confidence.json and prints figures on both
splits; the test split is only reported on. The ranker is a linear model with weights of at least 0, trained
listwise (softmax over a query's candidates, Cao et al. 2007), the confidence a logistic regression; both with
L2. They are fitted over the corpus twice, with and without its `Also asked:` lines, since most people's
documents have none. FOLDER keeps the two indexes for the next run.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ingest import ingest_paths
from kb.confidence import CONFIDENCE_FEATURES, as_mapping, confidence_features
from kb.followup import readings
from kb.knowledge import KnowledgeBase, _Lease
from kb.query import clean, prepare
from kb.retrieve import FEATURES, Candidate, Weights, candidates, load_weights
from kb.settings import Settings
from kb.trees import load_trees
from kb.types import Entry

if TYPE_CHECKING:
    from kb.search import Searcher

DATA = Path(__file__).parent / "data"
CORPUS = Path(__file__).parent.parent / "corpus"
FIXTURES = Path(__file__).parent.parent / "tests" / "fixtures" / "documents"
MODELS = Path(__file__).parent.parent / "kb" / "data"
NOT_FITTED = ("false_premise", "posed_unanswered")
NAMES = ("corpus", "corpus without other wordings", "other subjects")


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """A query of the eval set with the canonical questions that answer it; none for an unanswerable one."""

    id: str
    kind: str
    query: str
    history: tuple[tuple[str, str], ...]
    gold: frozenset[str]
    split: str


def fold(text: str) -> str:
    """The text without markup and white space, for finding a gold entry by its question."""
    return re.sub(r"[\s`*_#]+", "", text).casefold()


def load_items(path: Path, entries: Sequence[Entry], *, answerable: bool) -> list[Item]:
    """The items of a file; raises KeyError where a gold entry is not in the index."""
    by_text = {(Path(e.source).name, fold(e.question)): e.question_id or "" for e in entries}
    by_number = {(Path(e.source).name, e.number): e.question_id or "" for e in entries}
    items = []
    for line in path.read_text("utf-8").splitlines():
        data = json.loads(line)
        gold = set()
        for wanted in data.get("gold", []) if answerable else []:
            if "question" in wanted:
                found = by_text.get((wanted["document"], fold(wanted["question"])))
            else:
                found = by_number.get((wanted["document"], wanted["number"]))
            if found:
                gold.add(found)
        if answerable and not gold:
            sys.stderr.write(f"{data['id']}: no gold entry is in the index\n")
            continue
        history = tuple((role, text) for role, text in data.get("history", []))
        items.append(Item(data["id"], data["kind"], data["query"], history, frozenset(gold), data.get("split", "test")))
    return items


@dataclasses.dataclass(frozen=True, slots=True)
class Observed:
    """An item with what the search saw: a list of candidates per reading."""

    item: Item
    readings: tuple[tuple[Candidate, ...], ...]


def observe(searcher: Searcher, items: Sequence[Item]) -> list[Observed]:
    """Candidates with features for every item and reading."""
    found = []
    for item in items:
        per_reading = []
        for reading in readings(clean(item.query, 2000), item.history):
            query = prepare(reading, searcher.speller, searcher.glossary)
            per_reading.append(tuple(candidates(searcher.index, query, searcher.embedder, searcher.ranker)))
        found.append(Observed(item, tuple(per_reading)))
    return found


def matrix(found: Sequence[Candidate], names: Sequence[str]) -> np.ndarray:
    """Features of candidates. Shape: (n, n_names)."""
    return np.array([[c.features.get(name, 0.0) for name in names] for c in found], dtype=np.float64)


def fit_ranker(observed: Sequence[Observed], names: Sequence[str], l2: float = 0.01) -> np.ndarray:
    """Weights that rank gold candidates first. Shape: (n_names,)."""
    import torch

    groups = []
    for item in observed:
        best = max(item.readings, key=lambda r: sum(c.question_id in item.item.gold for c in r))
        gold = np.array([c.question_id in item.item.gold for c in best])
        if gold.any() and not gold.all():
            groups.append((torch.tensor(matrix(best, names)), torch.tensor(gold)))
    scale = torch.cat([x for x, _ in groups]).std(dim=0).clamp_min(1e-6)
    roots = torch.ones(len(names), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([roots], max_iter=300, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        weights = roots**2  # more likeness is never worse, whatever a small set of queries seems to say
        loss = torch.zeros((), dtype=torch.float64)
        for features, gold in groups:
            scores = (features / scale) @ weights
            loss = loss + torch.logsumexp(scores, 0) - torch.logsumexp(scores[gold], 0)
        loss = loss / len(groups) + l2 * (weights**2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return np.asarray((roots**2 / scale).detach())


def fit_scale(observed: Sequence[Observed], weights: np.ndarray) -> tuple[float, float]:
    """Scale and bias that make the logistic function of the ranker's value the share of right hits."""
    values, right = [], []
    for item in observed:
        scored = [(float(v), c) for r in item.readings for v, c in zip(matrix(r, FEATURES) @ weights, r, strict=True)]
        for value, candidate in sorted(scored, key=lambda pair: -pair[0])[:5]:
            values.append([value])
            right.append(float(candidate.question_id in item.item.gold))
    fitted, bias = fit_logistic(np.array(values), np.array(right), l2=1e-4, balanced=False)
    return float(fitted[0]), bias


def fit_logistic(x: np.ndarray, y: np.ndarray, l2: float = 0.02, *, balanced: bool = True) -> tuple[np.ndarray, float]:
    """Weights and bias of a logistic regression on raw features; balanced: both classes weigh the same."""
    import torch

    scale = x.std(axis=0).clip(1e-6)
    mean = x.mean(axis=0)
    features = torch.tensor((x - mean) / scale)
    target = torch.tensor(y, dtype=torch.float64)
    balance = torch.ones_like(target)
    if balanced:
        balance = torch.where(target > 0, 0.5 / target.mean(), 0.5 / (1 - target.mean()))
    weights = torch.zeros(x.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights, bias], max_iter=500, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        losses = torch.nn.functional.binary_cross_entropy_with_logits(
            features @ weights + bias, target, reduction="none"
        )
        loss = (losses * balance).mean() + l2 * (weights**2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    raw = np.asarray(weights.detach()) / scale
    return raw, float(bias.detach()) - float(raw @ mean)


def grow_confidence(x: np.ndarray, y: np.ndarray) -> None:
    """Grow and write the ensemble of the confidence; scale and bias come from predictions on folds left out."""
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.model_selection import cross_val_predict

    balance = np.where(y > 0, 0.5 / y.mean(), 0.5 / (1 - y.mean()))
    model = GradientBoostingClassifier(
        n_estimators=200,
        max_depth=2,
        learning_rate=0.05,
        subsample=0.6,
        min_samples_leaf=30,
        max_features=0.4,
        random_state=0,
    )
    left_out = cross_val_predict(model, x, y, cv=5, method="decision_function", params={"sample_weight": balance})
    scale, bias = fit_logistic(left_out[:, None], y, l2=1e-4)
    model.fit(x, y, sample_weight=balance)
    trees = []
    for (stage,) in model.estimators_:
        tree = stage.tree_
        nodes: list[list[float]] = []
        for n in range(tree.node_count):
            if tree.children_left[n] < 0:
                nodes.append([round(float(tree.value[n][0][0]) * model.learning_rate, 6)])
            else:
                threshold = round(float(tree.threshold[n]), 6)
                nodes.append([int(tree.feature[n]), threshold, int(tree.children_left[n]), int(tree.children_right[n])])
        trees.append(nodes)
    start = float(model.decision_function(x[:1])[0]) - sum(_walk(tree, x[0]) for tree in trees)
    data = {
        "features": list(CONFIDENCE_FEATURES),
        "scale": round(float(scale[0]), 5),
        "bias": round(bias + float(scale[0]) * start, 5),
        "trees": trees,
    }
    (MODELS / "confidence.json").write_text(json.dumps(data, separators=(",", ":")) + "\n", "utf-8")


def _walk(tree: list[list[float]], row: np.ndarray) -> float:
    node = tree[0]
    while len(node) > 1:
        node = tree[int(node[2] if row[int(node[0])] <= node[1] else node[3])]
    return node[0]


def ranks(observed: Sequence[Observed], model: Weights) -> dict[str, list[int]]:
    """Rank of the first gold candidate by kind, with the reading that scores best; 999 where it is missing."""
    found: dict[str, list[int]] = {}
    for item in observed:
        scored = [sorted(((model.score(c.features), c) for c in r), key=lambda p: -p[0]) for r in item.readings]
        best = max(scored, key=lambda pairs: pairs[0][0] if pairs else -1e9)
        rank = next((n for n, (_, c) in enumerate(best, start=1) if c.question_id in item.item.gold), 999)
        found.setdefault(item.item.kind, []).append(rank)
    return found


def table(found: Mapping[str, list[int]]) -> str:
    """hit@1, hit@5 and MRR by kind."""
    rows = [*found.items(), ("all", [rank for kind in found.values() for rank in kind])]
    lines = []
    for kind, values in rows:
        array = np.array(values)
        lines.append(
            f"{kind:<12} n={len(array):<4} hit@1 {np.mean(array == 1):.3f}  hit@5 {np.mean(array <= 5):.3f}"
            f"  MRR {np.mean(1 / array):.3f}"
        )
    return "\n".join(lines)


def auroc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Probability that a positive scores above a negative, ties counting half."""
    order = np.concatenate([positive, negative])
    ranked = order.argsort().argsort() + 1.0
    for value in np.unique(order):
        ranked[order == value] = ranked[order == value].mean()
    n, m = len(positive), len(negative)
    return float((ranked[:n].sum() - n * (n + 1) / 2) / (n * m))


def save(name: str, features: Sequence[str], weights: Sequence[float], bias: float) -> None:
    """Write a model."""
    data = {"features": list(features), "weights": [round(float(w), 5) for w in weights], "bias": round(bias, 5)}
    (MODELS / f"{name}.json").write_text(json.dumps(data, indent=1) + "\n", "utf-8")


def confidence_rows(searcher: Searcher, items: Sequence[Item]) -> np.ndarray:
    """Confidence features of each item, of its best reading by the current models. Shape: (n, n_features)."""
    rows = []
    for item in items:
        best: tuple[float, dict[str, float]] | None = None
        for reading in readings(clean(item.query, 2000), item.history):
            query = prepare(reading, searcher.speller, searcher.glossary)
            found = [
                c
                for c in candidates(searcher.index, query, searcher.embedder, searcher.ranker)
                if c.passage_row is not None
            ]
            features = as_mapping(confidence_features(searcher.index, query, found, searcher.english))
            value = searcher.model.probability(features)
            if best is None or value > best[0]:
                best = (value, features)
        assert best is not None
        rows.append([best[1][name] for name in CONFIDENCE_FEATURES])
    return np.array(rows)


def report_confidence(
    values: np.ndarray, kinds: Sequence[str], negative: np.ndarray, negative_kinds: Sequence[str]
) -> str:
    """AUROC and refusals at 3 % over-refusal, overall and by kind. Higher values mean answerable."""
    threshold = float(np.quantile(values, 0.03))
    lines = [f"threshold {threshold:.3f}"]
    counted = np.array([kind not in NOT_FITTED for kind in negative_kinds])
    lines.append(
        f"AUROC {auroc(values, negative[counted]):.4f}  refused at 3 %: {np.mean(negative[counted] < threshold):.3f}"
    )
    for kind in sorted(set(negative_kinds)):
        own = negative[np.array([k == kind for k in negative_kinds])]
        lines.append(
            f"  {kind:<16} n={len(own):<4} AUROC {auroc(values, own):.3f}  refused {np.mean(own < threshold):.3f}"
        )
    for kind in sorted(set(kinds)):
        own = values[np.array([k == kind for k in kinds])]
        lines.append(f"  over-refused {kind:<12} {np.mean(own < threshold):.3f}")
    return "\n".join(lines)


def homes(folder: Path) -> list[Path]:
    """Homes of the corpus with and without its `Also asked:` lines, brought up to date."""
    plain = folder / "plain"
    plain.mkdir(parents=True, exist_ok=True)
    for file in CORPUS.iterdir():
        lines = file.read_text("utf-8").splitlines(keepends=True)
        kept = [line for line in lines if "also asked:" not in line.lower()]
        (plain / file.name).write_text("".join(kept), "utf-8")
    other = folder / "other"
    other.mkdir(exist_ok=True)
    for file in FIXTURES.iterdir():
        if file.is_file() and not file.name.endswith(".expected.json"):
            (other / file.name).write_bytes(file.read_bytes())
    found = []
    for name, documents in (("home", CORPUS), ("plain-home", plain), ("other-home", other)):
        ingest_paths([documents], settings=Settings(home=folder / name))
        found.append(folder / name)
    return found


class Sets(NamedTuple):
    """The eval set over one index, with what the search saw."""

    answerable: list[Item]
    unanswerable: list[Item]
    observed: list[Observed]


def read_sets(home: Path) -> Sets:
    """The sets over the index in this home, searched."""
    prefix = "other_" if home.name == "other-home" else ""
    with KnowledgeBase.open(Settings(home=home)) as kb:
        entries = kb.entries()
        answerable = load_items(DATA / f"{prefix}answerable.jsonl", entries, answerable=True)
        unanswerable = load_items(DATA / f"{prefix}unanswerable.jsonl", entries, answerable=False)
        with _Lease(kb) as searcher:
            return Sets(answerable, unanswerable, observe(searcher, answerable))


def confidence_sets(home: Path, sets: Sets) -> tuple[np.ndarray, np.ndarray]:
    """Confidence features of the answerable and the unanswerable items, with the current ranker."""
    with KnowledgeBase.open(Settings(home=home)) as kb, _Lease(kb) as searcher:
        return confidence_rows(searcher, sets.answerable), confidence_rows(searcher, sets.unanswerable)


def main(argv: Sequence[str] | None = None) -> None:
    """Fit and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the indexes are kept")
    parser.add_argument("--report-only", action="store_true")
    options = parser.parse_args(argv)
    say: Any = sys.stdout.write
    places = homes(options.folder)
    sets = [read_sets(home) for home in places]
    if not options.report_only:
        dev = [item for one in sets for item in one.observed if item.item.split == "dev"]
        weights = fit_ranker(dev, FEATURES)
        scale, bias = fit_scale(dev, weights)
        save("ranker", FEATURES, (weights * scale).tolist(), bias)
    model = load_weights("ranker")
    for name, one in zip(NAMES, sets, strict=True):
        for split in ("dev", "test"):
            say(f"{name}, {split}\n{table(ranks([o for o in one.observed if o.item.split == split], model))}\n")
    rows = [confidence_sets(home, one) for home, one in zip(places, sets, strict=True)]
    if not options.report_only:
        xs, ys = [], []
        for one, (positive, negative) in zip(sets, rows, strict=True):
            for items, x, y in ((one.answerable, positive, 1.0), (one.unanswerable, negative, 0.0)):
                # False premises look answerable, and what a document poses is refused by name before this is asked.
                own = [i for i, item in enumerate(items) if item.split == "dev" and item.kind not in NOT_FITTED]
                xs.append(x[own])
                ys.append(np.full(len(own), y))
        grow_confidence(np.concatenate(xs), np.concatenate(ys))
    confidence = load_trees("confidence")

    def values_of(x: np.ndarray) -> np.ndarray:
        return np.array([confidence.probability(dict(zip(CONFIDENCE_FEATURES, row, strict=True))) for row in x])

    for name, one, (positive, negative) in zip(NAMES, sets, rows, strict=True):
        for split in ("dev", "test"):
            p = [i for i, item in enumerate(one.answerable) if item.split == split]
            n = [i for i, item in enumerate(one.unanswerable) if item.split == split]
            kinds, other_kinds = [one.answerable[i].kind for i in p], [one.unanswerable[i].kind for i in n]
            values, others = values_of(positive[p]), values_of(negative[n])
            say(f"{name}, {split}\n{report_confidence(values, kinds, others, other_kinds)}\n")


if __name__ == "__main__":
    main()
