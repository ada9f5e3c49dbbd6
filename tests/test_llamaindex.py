"""LlamaIndex on both sides: its models behind our ports, and our index in its hands."""

from __future__ import annotations

import numpy as np
import pytest

from kb.backends.llamaindex import (
    LlamaIndexEmbedder,
    LlamaIndexGenerator,
    as_llama_embedding,
    as_llama_retriever,
    estimated_tokens,
)
from kb.backends.memory import HashEmbedder
from kb.errors import ModelError
from kb.ports import Embedder, Message, Record
from kb.types import Hit


def hit(rank: int, text: str, **changes) -> Hit:
    values = {
        "rank": rank, "score": 1 / rank, "question_id": f"q{rank}", "entry_id": f"e{rank}", "text": text,
        "question": f"Question {rank}?", "source": "/notes/faq.md", "lines": (rank, rank + 2), "origin": "both",
    }  # fmt: skip
    return Hit(**{**values, **changes})


def test_the_retriever_gives_passages_with_where_they_come_from():
    from llama_index.core.retrievers import BaseRetriever

    asked: list[str] = []

    def search(query: str) -> list[Hit]:
        asked.append(query)
        return [hit(1, "One."), hit(2, ""), hit(3, "Three.", lines=None, page=7), hit(4, "Four.")]

    retriever = as_llama_retriever(search, 2)
    assert isinstance(retriever, BaseRetriever)
    found = retriever.retrieve("what?")
    assert asked == ["what?"]
    assert [(node.node.text, node.score) for node in found] == [("One.", 1.0), ("Three.", 1 / 3)]
    first, second = (node.node.metadata for node in found)
    assert (first["source"], first["question"], first["lines"]) == ("/notes/faq.md", "Question 1?", "1-3")
    assert second["page"] == 7 and "lines" not in second


def test_stock_llamaindex_reads_a_finished_collection(tmp_path):
    """What the design promises to users of LlamaIndex: no adapter of ours is needed to read the passages."""
    import chromadb
    from llama_index.core import VectorStoreIndex
    from llama_index.vector_stores.chroma import ChromaVectorStore

    from kb.backends.chroma import ChromaStore

    embedder = HashEmbedder()
    texts = ["A glacier moves downhill", "A mortgage is a loan on a house", "Yeast makes dough rise"]
    store = ChromaStore.open(tmp_path / "chroma")
    store.create("passages")
    store.upsert(
        "passages",
        [
            Record(f"p{n}", text, {"source": "a.md", "question": f"Q{n}?", "lines": f"{n}-{n + 1}"})
            for n, text in enumerate(texts)
        ],
        embedder.embed(texts),
    )
    store.close()
    collection = chromadb.PersistentClient(str(tmp_path / "chroma")).get_collection("passages")
    index = VectorStoreIndex.from_vector_store(
        ChromaVectorStore(chroma_collection=collection), embed_model=as_llama_embedding(embedder)
    )
    found = index.as_retriever(similarity_top_k=1).retrieve("is a mortgage a loan?")
    assert [node.node.get_content() for node in found] == [texts[1]]
    assert found[0].node.metadata["source"] == "a.md"
    assert found[0].node.metadata["question"] == "Q1?"
    assert found[0].node.metadata["lines"] == "1-2"


def test_any_llamaindex_embedding_is_an_embedder():
    from llama_index.core.embeddings import MockEmbedding

    embedder = LlamaIndexEmbedder(MockEmbedding(embed_dim=5), max_tokens=7)
    assert isinstance(embedder, Embedder)
    assert (embedder.dimension, embedder.max_tokens) == (5, 7)
    vectors = embedder.embed(["one", ""])
    assert vectors.shape == (2, 5) and vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1])
    assert embedder.embed([]).shape == (0, 5)
    assert "MockEmbedding" in embedder.id
    there_and_back = LlamaIndexEmbedder(as_llama_embedding(HashEmbedder()))
    assert np.allclose(there_and_back.embed(["a b", "c"]), HashEmbedder().embed(["a b", "c"]), atol=1e-6)


def test_failures_of_a_foreign_model_are_model_errors():
    from llama_index.core.embeddings import MockEmbedding

    class Failing(MockEmbedding):
        def _get_vector(self):
            raise RuntimeError("quota used up")

    class Zero(MockEmbedding):
        def _get_vector(self):
            return [0.0] * self.embed_dim

    with pytest.raises(ModelError, match="quota used up"):
        LlamaIndexEmbedder(Failing(embed_dim=3)).embed(["x"])
    with pytest.raises(ModelError, match="without a direction"):
        LlamaIndexEmbedder(Zero(embed_dim=3)).embed(["x"])


def test_any_llamaindex_llm_is_a_generator():
    from llama_index.core.llms.mock import MockLLM

    generator = LlamaIndexGenerator(MockLLM())
    pieces = list(generator.stream([Message("system", "Be short."), Message("user", "one two three")]))
    assert len(pieces) > 1 and "one two three" in "".join(pieces)
    assert generator.max_prompt_tokens > 0 and generator.model
    generator.close()


def test_closing_the_stream_closes_the_models_own():
    from llama_index.core.base.llms.types import ChatResponse
    from llama_index.core.llms.mock import MockLLM

    ended: list[bool] = []

    class Endless(MockLLM):
        def stream_chat(self, messages, **kwargs):
            try:
                while True:
                    yield ChatResponse(message=messages[-1], delta="word ")
            finally:
                ended.append(True)

    class Broken(MockLLM):
        def stream_chat(self, messages, **kwargs):
            yield ChatResponse(message=messages[-1], delta="word ")
            raise ConnectionError("gone")

    stream = LlamaIndexGenerator(Endless()).stream([Message("user", "x")])
    assert next(stream) == "word "
    stream.close()
    assert ended == [True]
    with pytest.raises(ModelError, match="gone"):
        list(LlamaIndexGenerator(Broken()).stream([Message("user", "x")]))


def test_estimates_err_on_the_safe_side():
    from kb.backends.encoder import load_embedder

    encoder = load_embedder()
    for text in ["An ordinary English sentence about tides.", "for n in range(10):\n    total += n", "潮の満ち引き"]:
        assert estimated_tokens(text) >= encoder.count_tokens(text)
