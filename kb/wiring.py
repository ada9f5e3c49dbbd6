"""Settings to backends: which encoder, which store, which language model. Nothing heavy is loaded before it is used."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kb.index import ENTRIES, PASSAGES, Names
from kb.settings import Settings
from kb.storage import Home
from kb.types import Answer, Backend, Verdict

if TYPE_CHECKING:
    from kb.ports import Embedder, Generator, Reranker, VectorStore


@dataclasses.dataclass(frozen=True, slots=True)
class StoreAccess:
    """How to open the vector store of a generation: a folder of its own, or collections on a server."""

    url: str
    prefix: str
    """Before the names of a server's collections."""

    def names(self, generation: str) -> Names:
        """Names of the generation's collections."""
        if not self.url:
            return Names()
        return Names(f"{self.prefix}-{generation}-{ENTRIES}", f"{self.prefix}-{generation}-{PASSAGES}")

    def open(self, folder: Path) -> VectorStore:
        """The store; `folder` counts only for the embedded one."""
        from kb.backends.chroma import ChromaStore

        return ChromaStore.connect(self.url) if self.url else ChromaStore.open(folder)

    def drop(self, generation: str) -> None:
        """Remove what a server holds of a generation."""
        if not self.url:
            return
        store = self.open(Path())
        try:
            names = self.names(generation)
            store.drop(names.entries)
            store.drop(names.passages)
        finally:
            store.close()

    def verify(self, folder: Path, counts: Mapping[str, int]) -> None:
        """Check a finished generation. Raises StoreError if it does not hold what it should."""
        if not self.url:
            from kb.backends.chroma_probe import verify_index

            verify_index(folder, counts)
            return
        from kb.errors import StoreError

        store = self.open(folder)
        try:
            for name, expected in counts.items():
                if (found := store.count(name)) != expected:
                    raise StoreError(
                        f"{name} holds {found} records instead of {expected}", hint="Run the command again."
                    )
        finally:
            store.close()


def store_access(settings: Settings, url: str | None = None) -> StoreAccess:
    """Access to the collection's store; `url` overrides the setting (readers take it from the manifest)."""
    home = hashlib.sha256(str(settings.home.absolute()).encode()).hexdigest()[:8]
    return StoreAccess(settings.store.chroma_url if url is None else url, f"kb-{settings.collection}-{home}")


def load_encoder(settings: Settings) -> Embedder:
    """The configured sentence encoder; its weights are loaded when it is first used."""
    from kb.backends.encoder import load_embedder

    return load_embedder(settings.embed.model)


def cached_encoder(settings: Settings, progress: Callable[[int], None] | None = None) -> Embedder:
    """The configured encoder behind the home's vector cache."""
    from kb.vector_cache import CachedEmbedder, VectorCache

    encoder = load_encoder(settings)
    cache = VectorCache(Home(settings.home).cache_path, encoder=encoder.id, dimension=encoder.dimension)
    return CachedEmbedder(encoder, cache, progress=progress)


def load_reranker(settings: Settings) -> Reranker | None:
    """The configured cross-encoder, or None."""
    if not settings.retrieve.reranker:
        return None
    from kb.backends.reranker import load_cross_encoder

    return load_cross_encoder(settings.retrieve.reranker)


def choose_backend(settings: Settings) -> Backend:
    """What will answer with these settings, and the reason. Loads nothing but a look at the disk."""
    llm = settings.llm
    if llm.backend == "extractive":
        return Backend("extractive", "llm.backend is extractive")
    if llm.backend == "openai":
        return Backend("openai", "llm.backend is openai", llm.model)
    if llm.backend == "transformers":
        return Backend("transformers", "llm.backend is transformers", llm.model)
    if llm.url:
        return Backend("openai", f"llm.url is set ({llm.url})", llm.model)
    from kb.backends.local_llm import find_local_model, has_gpu

    if find_local_model(llm) is None:
        return Backend("extractive", f"the weights of {llm.model} are not on this machine, and no llm.url is set")
    if not has_gpu():
        return Backend("extractive", "this machine has no GPU, and no llm.url is set")
    return Backend("transformers", f"a GPU and the weights of {llm.model} are here", llm.model)


def load_generator(settings: Settings, backend: Backend) -> Generator | None:
    """The language model of a backend; None for the extractive one."""
    if backend.name == "transformers":
        from kb.backends.local_llm import load_local_generator

        return load_local_generator(settings.llm)
    if backend.name == "openai":
        from kb.backends.openai_llm import load_openai_generator

        return load_openai_generator(settings.llm)
    return None


def answer_from_passages(query: str, passages: Sequence[str], *, settings: Settings | None = None) -> Answer:
    """A grounded answer over the given texts, without an index.

    A citation's `entry_id` is the passage's index as a string.

    Raises:
        QueryError: the query is empty or too long.
    """
    from kb.over_texts import answer_over_texts

    chosen = settings or Settings()
    return answer_over_texts(query, passages, chosen)


def verify(statement: str, passages: Sequence[str], *, settings: Settings | None = None) -> Verdict:
    """Whether the texts back the statement, with the span that does."""
    from kb.checking import verify_statement

    return verify_statement(statement, passages, embedder=load_encoder(settings or Settings()))
