"""The lexical index: the scores of bm25s, read without it, and what stands where."""

import bm25s
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from kb.lexical import LexicalIndex

WORDS = st.sampled_from(["tea", "leaf", "green", "black", "water", "pot", "wann", "é", "zero_grad", ""])
TEXTS = st.lists(st.lists(WORDS, max_size=8), min_size=1, max_size=12)


@hypothesis_settings(max_examples=50, deadline=None)
@given(texts=TEXTS, query=st.lists(WORDS, max_size=5))
def test_it_says_what_bm25s_says(tmp_path_factory, texts, query):
    folder = tmp_path_factory.mktemp("lexical") / "index"
    built = LexicalIndex.build(texts, folder)
    opened = LexicalIndex.open(folder, len(texts))
    words = [word for word in query if word]
    for index in (built, opened):
        np.testing.assert_array_equal(index.scores(words), built.scores(words))
    if any(texts):
        original = bm25s.BM25.load(str(folder), load_vocab=True, show_progress=False)
        known = [original.vocab_dict[word] for word in words if word in opened.vocabulary]
        expected = original.get_scores_from_ids(known) if known else np.zeros(len(texts))
        np.testing.assert_allclose(opened.scores(words), expected, rtol=1e-6)
    rows = np.arange(len(texts))
    for word in {word for text in texts for word in text if word} | {"unheard"}:
        holding = [word in text for text in texts]
        assert opened.contains(word, rows).tolist() == holding
        assert opened.any_contains(word, rows, rows + 1).tolist() == holding
        assert opened.any_contains(word, np.array([0]), np.array([len(texts)])).tolist() == [any(holding)]
        assert opened.document_frequency(word) == sum(holding)
    weights = [sum(opened.idf(word) for word in {word for word in text if word in opened.vocabulary}) for text in texts]
    np.testing.assert_allclose(opened.weights(), weights, rtol=1e-5)


def test_nothing_to_index(tmp_path):
    index = LexicalIndex.build([[], []], tmp_path / "index")
    assert index.scores(["tea"]).tolist() == [0.0, 0.0]
    assert index.weights().tolist() == [0.0, 0.0]
    assert index.idf("tea") == pytest.approx(LexicalIndex.open(tmp_path / "index", 2).idf("leaf"))
