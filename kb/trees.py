"""A small ensemble of decision trees, evaluated without the library that grew it (gradient boosting, Friedman 2001)."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from importlib import resources


@dataclasses.dataclass(frozen=True, slots=True)
class Trees:
    """Probability as the logistic function of a sum over trees, calibrated by a scale and a bias (Platt 1999)."""

    names: tuple[str, ...]
    """Features, in the order in which nodes count them."""
    trees: tuple[tuple[tuple[float, ...], ...], ...]
    """Trees of nodes: (feature, threshold, left, right) for a split, which goes left up to the threshold; (value,)
    for a leaf. The first node is the root."""
    scale: float
    bias: float

    def probability(self, features: Mapping[str, float]) -> float:
        """In [0, 1]; a feature that is missing counts as 0."""
        values = [features.get(name, 0.0) for name in self.names]
        total = self.bias + self.scale * sum(_leaf(tree, values) for tree in self.trees)
        return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, total))))


def _leaf(tree: Sequence[Sequence[float]], values: Sequence[float]) -> float:
    node = tree[0]
    while len(node) > 1:
        feature, threshold, left, right = node
        node = tree[int(left if values[int(feature)] <= threshold else right)]
    return node[0]


def load_trees(name: str) -> Trees:
    """The fitted ensemble in `kb/data/<name>.json`."""
    data = json.loads((resources.files("kb") / "data" / f"{name}.json").read_text("utf-8"))
    trees = tuple(tuple(tuple(node) for node in tree) for tree in data["trees"])
    return Trees(tuple(data["features"]), trees, data["scale"], data["bias"])
