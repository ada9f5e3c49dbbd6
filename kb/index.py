"""One generation's index as a reader has it: catalogue, lexical indexes, vectors, and the vector store for the search.

Files in a generation, beside the store's own:

    catalogue.sqlite          kb.catalogue
    lexical-questions/        BM25 over the wordings of the questions, row n = wording n
    lexical-passages/         BM25 over question and passage together, row n = passage n
    questions.npy             float16, (n_wordings, dimension): vectors of the wordings
    passages.npy              float16, (n_passages, dimension): vectors of question and passage together
    answers.npy               float16, (n_passages, dimension): vectors of the passages alone
    words.json                words of the documents with their frequencies, for spelling
    rows.npz                  for each wording and passage, the row of its canonical question; entries of each question

The arrays repeat vectors of the store: re-scoring some dozens of candidates exactly takes microseconds from
a mapped file and a request each from the store.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kb.catalogue import Catalogue, Contents, write_catalogue
from kb.lexical import LexicalIndex
from kb.text import terms, words

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from kb.ports import FloatArray, VectorStore

    IntArray = npt.NDArray[np.int32]

ENTRIES = "entries"
PASSAGES = "passages"


@dataclasses.dataclass(frozen=True, slots=True)
class Names:
    """Names of the store's two collections for one generation."""

    entries: str = ENTRIES
    passages: str = PASSAGES


@dataclasses.dataclass(frozen=True, slots=True)
class Vectors:
    """Vectors of a collection's texts, of unit length.

    Shape: questions (n_wordings, dimension), passages and answers (n_passages, dimension).
    """

    questions: FloatArray
    passages: FloatArray
    """Of question and passage together."""
    answers: FloatArray
    """Of the passages alone."""


def write_index(folder: Path, contents: Contents, vectors: Vectors) -> None:
    """Write all derived files of a generation into `folder`, replacing those that are there."""
    import shutil

    import numpy as np

    for name in ("lexical-questions", "lexical-passages"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in ("catalogue.sqlite", "questions.npy", "passages.npy", "answers.npy", "rows.npz", "words.json"):
        (folder / name).unlink(missing_ok=True)  # copies may be links to the last generation's files
    write_catalogue(folder / "catalogue.sqlite", contents)
    row_of = {question.id: row for row, question in enumerate(contents.questions)}
    question_text = {entry.id: entry.question for entry in contents.entries}
    LexicalIndex.build([terms(variant.text) for variant in contents.variants], folder / "lexical-questions")
    passage_terms = [terms(question_text[p.entry_id]) + terms(p.text) for p in contents.passages]
    LexicalIndex.build(passage_terms, folder / "lexical-passages")
    np.save(folder / "questions.npy", vectors.questions.astype(np.float16))
    np.save(folder / "passages.npy", vectors.passages.astype(np.float16))
    np.save(folder / "answers.npy", vectors.answers.astype(np.float16))
    (folder / "words.json").write_text(json.dumps(_word_frequencies(contents), ensure_ascii=False), "utf-8")
    np.savez(
        folder / "rows.npz",
        variants=np.array([row_of[variant.question_id] for variant in contents.variants], dtype=np.int32),
        passages=np.array([row_of[passage.question_id] for passage in contents.passages], dtype=np.int32),
        question_ids=np.array([question.id for question in contents.questions], dtype="U64"),
        entries=np.array([len(question.entry_ids) for question in contents.questions], dtype=np.int32),
    )


def _word_frequencies(contents: Contents) -> dict[str, int]:
    """Words, lower case, with the number of wordings and passages in which they stand."""
    counts: Counter[str] = Counter()
    for text in (*(variant.text for variant in contents.variants), *(passage.text for passage in contents.passages)):
        counts.update({word.text.lower() for word in words(text)})
    return dict(sorted(counts.items()))


@dataclasses.dataclass(frozen=True)
class Index:
    """A generation that is open for reading. It never changes."""

    name: str
    """The generation's name."""
    catalogue: Catalogue
    store: VectorStore
    names: Names
    lexical_questions: LexicalIndex
    lexical_passages: LexicalIndex
    question_vectors: npt.NDArray[Any]
    passage_vectors: npt.NDArray[Any]
    answer_vectors: npt.NDArray[Any]
    variant_rows: IntArray
    """For each wording, the row of its canonical question."""
    passage_rows: IntArray
    question_ids: Sequence[str]
    """Id of the canonical question in each row."""
    n_entries: Sequence[int]
    """Number of entries of the canonical question in each row."""
    words: Mapping[str, int]
    """Words of the documents, lower case, with their frequencies."""

    @classmethod
    def open(cls, folder: Path, store: VectorStore, names: Names) -> Index:
        """The index in a generation's folder."""
        import numpy as np

        with np.load(folder / "rows.npz") as rows:
            variant_rows, passage_rows, ids = rows["variants"], rows["passages"], rows["question_ids"]
            n_entries = rows["entries"]
        return cls(
            name=folder.name,
            catalogue=Catalogue(folder / "catalogue.sqlite"),
            store=store,
            names=names,
            lexical_questions=LexicalIndex.open(folder / "lexical-questions", len(variant_rows)),
            lexical_passages=LexicalIndex.open(folder / "lexical-passages", len(passage_rows)),
            question_vectors=np.load(folder / "questions.npy", mmap_mode="r"),
            passage_vectors=np.load(folder / "passages.npy", mmap_mode="r"),
            answer_vectors=np.load(folder / "answers.npy", mmap_mode="r"),
            variant_rows=variant_rows,
            passage_rows=passage_rows,
            question_ids=ids.tolist(),
            n_entries=n_entries.tolist(),
            words=json.loads((folder / "words.json").read_text("utf-8")),
        )

    @functools.cached_property
    def row_of(self) -> dict[str, int]:
        """Row of each canonical question, by id."""
        return {question_id: row for row, question_id in enumerate(self.question_ids)}

    @functools.cached_property
    def vocabulary(self) -> dict[str, int]:
        """Every term of the index with the number of wordings and passages in which it stands."""
        counts: dict[str, int] = {}
        for lexical in (self.lexical_questions, self.lexical_passages):
            for term in lexical.vocabulary:
                counts[term] = counts.get(term, 0) + lexical.document_frequency(term)
        return counts

    @functools.cached_property
    def wording_weights(self) -> FloatArray:
        """Sum of the weights of each wording's terms. Shape: (n_wordings,)."""
        return self.lexical_questions.weights()

    def close(self) -> None:
        """Close the files and the store."""
        self.catalogue.close()
        self.store.close()
