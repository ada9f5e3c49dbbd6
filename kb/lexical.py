"""The lexical index: BM25 (Robertson et al., 1994) over lists of terms, in memory-mapped files.

bm25s computes and writes it. Its files are plain arrays, which are read here without it: importing it takes as long as
a dozen searches.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from kb.ports import FloatArray

    IntArray = npt.NDArray[np.int64]
    BoolArray = npt.NDArray[np.bool_]


class _Matrix(NamedTuple):
    """A score for each term and text that holds it, term by term: the columns of a sparse matrix."""

    data: FloatArray
    indices: IntArray
    """The texts, ascending within each term."""
    indptr: IntArray
    """Where each term begins; one longer than there are terms."""


class LexicalIndex:
    """BM25 scores of all texts for a query's terms."""

    def __init__(self, matrix: _Matrix | None, vocabulary: Mapping[str, int], n_texts: int) -> None:
        self.n_texts = n_texts
        self._matrix = matrix
        self._frequencies: list[int] = []
        self.vocabulary: dict[str, int] = {}
        """Column of each term."""
        if matrix is not None:
            self._frequencies = (matrix.indptr[1:] - matrix.indptr[:-1]).tolist()
            # bm25s keeps an empty word without a column
            columns = len(self._frequencies)
            self.vocabulary = {term: column for term, column in vocabulary.items() if column < columns}

    @classmethod
    def build(cls, texts: Sequence[Sequence[str]], folder: Path) -> LexicalIndex:
        """Index the texts, each a list of terms, and keep the index in `folder`, which must not exist."""
        folder.mkdir(parents=True)
        if any(texts):
            import bm25s  # deferred: takes a third of a second, and only building needs it

            retriever = bm25s.BM25(method="lucene", k1=1.2, b=0.6)
            retriever.index([list(text) for text in texts], show_progress=False)
            retriever.save(str(folder), show_progress=False)
        return cls.open(folder, len(texts))

    @classmethod
    def open(cls, folder: Path, n_texts: int) -> LexicalIndex:
        """The index that `build` kept."""
        if not any(folder.iterdir()):
            return cls(None, {}, n_texts)
        import numpy as np

        # Plain views of the mapped files: slicing a memmap itself costs ten times as much.
        data, indices, indptr = (
            np.asarray(np.load(folder / f"{name}.csc.index.npy", mmap_mode="r"))
            for name in ("data", "indices", "indptr")
        )
        vocabulary = json.loads((folder / "vocab.index.json").read_text("utf-8"))
        return cls(_Matrix(data, indices, indptr), vocabulary, n_texts)

    def scores(self, terms: Sequence[str]) -> FloatArray:
        """BM25 of every text, 0 where no term stands in it. Shape: (n_texts,), float32."""
        import numpy as np

        found = np.zeros(self.n_texts, dtype=np.float32)
        for term in terms:
            column = self.vocabulary.get(term)
            if column is not None and self._matrix is not None:
                start, end = int(self._matrix.indptr[column]), int(self._matrix.indptr[column + 1])
                found[self._matrix.indices[start:end]] += self._matrix.data[start:end]
        return found

    def document_frequency(self, term: str) -> int:
        """Number of texts in which the term stands."""
        column = self.vocabulary.get(term)
        return 0 if column is None else self._frequencies[column]

    def idf(self, term: str) -> float:
        """Inverse document frequency as BM25 has it; highest for a term that no text holds."""
        df = self.document_frequency(term)
        return math.log(1.0 + (self.n_texts - df + 0.5) / (df + 0.5))

    def weights(self) -> FloatArray:
        """Sum of the inverse document frequencies of the terms of each text. Shape: (n_texts,), float32."""
        import numpy as np

        if self._matrix is None:
            return np.zeros(self.n_texts, dtype=np.float32)
        df = np.asarray(self._frequencies, dtype=np.float64)
        idf = np.log(1.0 + (self.n_texts - df + 0.5) / (df + 0.5))
        sums = np.bincount(self._matrix.indices, np.repeat(idf, self._frequencies), minlength=self.n_texts)
        return sums.astype(np.float32)

    def any_contains(self, term: str, starts: IntArray, ends: IntArray) -> BoolArray:
        """Whether the term stands in one of the texts of each run. Shape: starts, ends (n,); result (n,), bool."""
        import numpy as np

        column = self.vocabulary.get(term)
        if column is None:
            return np.zeros(len(starts), dtype=bool)
        postings = self._postings(column)
        return np.asarray(np.searchsorted(postings, starts) < np.searchsorted(postings, ends))

    def contains(self, term: str, rows: IntArray) -> BoolArray:
        """Whether the term stands in each of these texts. Shape: rows (n,), int; result (n,), bool."""
        import numpy as np

        column = self.vocabulary.get(term)
        if column is None:
            return np.zeros(len(rows), dtype=bool)
        postings = self._postings(column)
        places = np.minimum(np.searchsorted(postings, rows), len(postings) - 1)
        return np.asarray(postings[places] == rows)

    def _postings(self, column: int) -> IntArray:
        """The texts in which a term stands, ascending. Shape: (n,), int."""
        assert self._matrix is not None
        return self._matrix.indices[int(self._matrix.indptr[column]) : int(self._matrix.indptr[column + 1])]
