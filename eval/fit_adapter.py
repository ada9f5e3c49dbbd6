"""Train the adapter of the sentence encoder: a low-rank change of its vectors towards how people ask.

`python -m eval.fit_adapter FOLDER` (after `python -m eval.fit FOLDER`, which makes the indexes) writes
kb/data/adapter.npz. The pairs are the corpus' own: each `Also asked:` wording with the entry it stands under,
contrastively against all other entries; and, so that other subjects keep what the encoder knew, the questions of
the parser's fixture documents with their answers. No query of an eval set is used.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest import parse_file
from kb.knowledge import KnowledgeBase
from kb.settings import Settings
from kb.types import Entry
from kb.wiring import cached_encoder

if TYPE_CHECKING:
    from kb.ports import Embedder, FloatArray

FIXTURES = Path(__file__).parent.parent / "tests" / "fixtures" / "documents"
MODEL = Path(__file__).parent.parent / "kb" / "data" / "adapter.npz"
RANK = 128
EPOCHS = 6
BATCH = 128
TEMPERATURE = 0.05
SEED = 0


def other_entries() -> list[Entry]:
    """Answered entries of the fixture documents, which are about many subjects."""
    files = [path for path in sorted(FIXTURES.iterdir()) if not path.name.endswith(".expected.json")]
    return [entry for path in files for entry in parse_file(path).entries if entry.answer]


def vectors_of(embedder: Embedder, entries: Sequence[Entry]) -> list[FloatArray]:
    """Vectors of questions, of questions with answers, and of answers. Shape of each: (n_entries, dimension)."""
    questions = [entry.question for entry in entries]
    answers = [(entry.answer or "")[:1500] for entry in entries]
    both = [f"{question}\n{answer}" for question, answer in zip(questions, answers, strict=True)]
    return [embedder.embed(texts) for texts in (questions, both, answers)]


def train(
    documents: Sequence[FloatArray], asked: FloatArray, target: Sequence[int], others: Sequence[FloatArray]
) -> Any:
    """The two factors of the change. Shape: (dimension, RANK) and (RANK, dimension), float32."""
    import torch
    from torch.nn import functional

    torch.manual_seed(SEED)
    corpus = [torch.tensor(matrix) for matrix in documents]
    x, y = torch.tensor(asked), torch.tensor(target)
    x_other, all_answers = torch.tensor(others[0]), torch.cat([torch.tensor(others[2]), corpus[2]])
    dimension = x.shape[1]
    down = torch.zeros(dimension, RANK, requires_grad=True)
    up = (torch.randn(RANK, dimension) * 0.05).requires_grad_()
    optimizer = torch.optim.AdamW([down, up], lr=1e-3, weight_decay=0.1)

    def adapted(vectors: Any) -> Any:
        return functional.normalize(vectors + vectors @ down @ up, dim=1)

    for _ in range(EPOCHS):
        for rows in torch.randperm(len(x)).split(BATCH):
            noisy = x[rows] + 0.02 * torch.randn_like(x[rows])
            queries = adapted(noisy)
            scores = sum(queries @ adapted(matrix).T for matrix in corpus) / (3 * TEMPERATURE)
            loss = functional.cross_entropy(scores, y[rows])
            picked = torch.randint(len(x_other), (BATCH,))
            kept = adapted(x_other[picked]) @ adapted(all_answers).T / TEMPERATURE
            loss = loss + functional.cross_entropy(kept, picked)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return down.detach().numpy(), up.detach().numpy()


def main(argv: Sequence[str] | None = None) -> None:
    """Train and write the adapter."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where eval.fit keeps its indexes")
    options = parser.parse_args(argv)
    settings = Settings(home=options.folder / "home")
    with KnowledgeBase.open(settings) as kb:
        entries = [entry for entry in kb.entries() if entry.answer]
    embedder = cached_encoder(settings)
    pairs = [(wording, row) for row, entry in enumerate(entries) for wording in entry.also_asked]
    asked = embedder.embed([wording for wording, _ in pairs])
    others = vectors_of(embedder, other_entries())
    down, up = train(vectors_of(embedder, entries), asked, [row for _, row in pairs], others)
    np.savez(MODEL, encoder=embedder.id, down=down.astype(np.float16), up=up.astype(np.float16))
    sys.stdout.write(f"{len(pairs)} pairs, {len(entries)} entries: {MODEL}\n")


if __name__ == "__main__":
    main()
