"""The ways in and out of LlamaIndex: its models behind our ports, our search and encoder in its terms.

Its classes can only be subclassed once it is imported, which takes over a second; so they are made inside functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from kb.errors import KBError, ModelError
from kb.types import Hit

if TYPE_CHECKING:
    from llama_index.core.base.embeddings.base import BaseEmbedding
    from llama_index.core.base.llms.base import BaseLLM
    from llama_index.core.retrievers import BaseRetriever

    from kb.ports import Embedder, FloatArray, Message

_CHARS_PER_TOKEN = 3
"""Safe for text and code: real tokens are longer."""


def as_llama_retriever(search: Callable[[str], Sequence[Hit]], limit: int) -> BaseRetriever:
    """A LlamaIndex retriever over our search: nodes of passages with source, question and lines as metadata.

    A node's score is the hit's, in [0, 1]. Questions without an answer have no node.
    """
    from llama_index.core.retrievers import BaseRetriever
    from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

    class KnowledgeRetriever(BaseRetriever):  # type: ignore[misc]
        def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
            hits = [hit for hit in search(query_bundle.query_str) if hit.text][:limit]
            nodes = []
            for hit in hits:
                node = TextNode(
                    text=hit.text,
                    metadata=hit_metadata(hit),
                    excluded_llm_metadata_keys=["entry_id", "question_id"],
                )
                nodes.append(NodeWithScore(node=node, score=hit.score))
            return nodes

    return KnowledgeRetriever()


def hit_metadata(hit: Hit) -> dict[str, str | int]:
    """Where a passage comes from, under the names that the Chroma collection uses too."""
    metadata: dict[str, str | int] = {
        "source": hit.source,
        "question": hit.question,
        "entry_id": hit.entry_id,
        "question_id": hit.question_id,
    }
    if hit.lines is not None:
        metadata["lines"] = f"{hit.lines[0]}-{hit.lines[1]}"
    if hit.page is not None:
        metadata["page"] = hit.page
    return metadata


def as_llama_embedding(embedder: Embedder) -> BaseEmbedding:
    """Our encoder as a LlamaIndex embedding, for a stock index over our collections."""
    from llama_index.core.base.embeddings.base import BaseEmbedding

    class KnowledgeEmbedding(BaseEmbedding):  # type: ignore[misc]
        def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
            vectors: list[list[float]] = embedder.embed(texts).tolist()
            return vectors

        def _get_text_embedding(self, text: str) -> list[float]:
            return self._get_text_embeddings([text])[0]

        def _get_query_embedding(self, query: str) -> list[float]:
            return self._get_text_embeddings([query])[0]

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return self._get_query_embedding(query)

    return KnowledgeEmbedding(model_name=embedder.id)


class LlamaIndexEmbedder:
    """Any LlamaIndex embedding as an Embedder."""

    def __init__(
        self, model: BaseEmbedding, *, max_tokens: int = 512, count_tokens: Callable[[str], int] | None = None
    ) -> None:
        """Without `count_tokens`, tokens are estimated from above by the number of characters."""
        self._model = model
        self._max_tokens = max_tokens
        self._count_tokens = count_tokens
        self._dimension: int | None = None

    @property
    def id(self) -> str:
        """Class and model name, as LlamaIndex gives them."""
        return f"llama-index-{self._model.class_name()}-{self._model.model_name}"

    @property
    def dimension(self) -> int:
        """Length of a vector; known after one text has been embedded."""
        if self._dimension is None:
            self._dimension = int(self._vectors(["dimension"]).shape[1])
        return self._dimension

    @property
    def max_tokens(self) -> int:
        """Tokens of a text that count."""
        return self._max_tokens

    def count_tokens(self, text: str) -> int:
        """Tokens of the text, or an estimate from above."""
        return estimated_tokens(text) if self._count_tokens is None else self._count_tokens(text)

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """One unit vector per text, in order. Shape: (len(texts), dimension), float32.

        Raises:
            ModelError: the model failed.
        """
        import numpy as np

        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        return self._vectors(texts)

    def _vectors(self, texts: Sequence[str]) -> FloatArray:
        import numpy as np

        with _ForeignErrors(self.id):
            # Services refuse an empty text; a space has a vector everywhere.
            raw = self._model.get_text_embedding_batch([text or " " for text in texts])
            vectors: FloatArray = np.asarray(raw, dtype=np.float32).reshape(len(texts), -1)
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(norms).all() or (norms == 0).any():
            raise ModelError(f"{self.id} gave a vector without a direction", hint="Use another embed.model.")
        vectors /= norms
        return vectors


class LlamaIndexGenerator:
    """Any LlamaIndex LLM as a Generator."""

    def __init__(self, llm: BaseLLM, *, count_tokens: Callable[[str], int] | None = None) -> None:
        """Without `count_tokens`, tokens are estimated from above by the number of characters."""
        self._llm = llm
        self._count_tokens = count_tokens

    @property
    def model(self) -> str:
        """Name of the model, as LlamaIndex gives it."""
        return str(self._llm.metadata.model_name or self._llm.class_name())

    @property
    def max_prompt_tokens(self) -> int:
        """The context window less the room for the answer."""
        metadata = self._llm.metadata
        return max(1, int(metadata.context_window) - max(0, int(metadata.num_output)))

    def count_tokens(self, text: str) -> int:
        """Tokens of the text, or an estimate from above."""
        return estimated_tokens(text) if self._count_tokens is None else self._count_tokens(text)

    def stream(self, messages: Sequence[Message]) -> Iterator[str]:
        """Pieces of the reply. Closing the iterator closes the model's own.

        Raises:
            ModelError: the model failed.
        """
        from llama_index.core.base.llms.types import ChatMessage

        chat = [ChatMessage(role=message.role, content=message.content) for message in messages]
        with _ForeignErrors(self.model):
            replies: Any = self._llm.stream_chat(chat)
            try:
                for reply in replies:
                    if reply.delta:
                        yield reply.delta
            finally:
                close = getattr(replies, "close", None)
                if close is not None:
                    close()

    def close(self) -> None:
        """Does nothing: whoever made the LLM ends it."""


def estimated_tokens(text: str) -> int:
    """A number that the tokens of usual text and code do not exceed."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // _CHARS_PER_TOKEN)


class _ForeignErrors:
    """Turns what a foreign model raises into ModelError; which types these are, only its own package knows."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # GeneratorExit and KeyboardInterrupt are no Exception, and pass.
        if isinstance(error, Exception) and not isinstance(error, KBError):
            text = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ModelError(f"{self._name}: {text}", hint="Check the model and its service.") from error
