"""Chroma behind `kb.ports.VectorStore`: embedded at a path, or a `chroma run` server by URL.

Chroma counts in cosine distance; it becomes similarity here and nowhere else.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import tempfile
import threading
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from kb.errors import StoreError
from kb.ports import Neighbour, Record

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection
    from chromadb.config import Settings

    from kb.ports import FloatArray

P = ParamSpec("P")
R = TypeVar("R")

_BATCH = 5000
"""Records per call at most. Each call waits for the disk once and rewrites the graph at most once, so large is fast."""
_HNSW = {"space": "cosine", "max_neighbors": 16, "ef_construction": 100, "ef_search": 1000, "sync_threshold": 1000}
"""Recall@10 above 0.99 at 100,000 questions: an ef_search of 400 gave 0.986, 800 gave 0.993 (`kb bench scale`)."""
_CONNECT_TIMEOUT_S = 5.0
_REQUEST_TIMEOUT_S = 120.0

_open_paths: set[str] = set()
_open_paths_lock = threading.Lock()


class _Mapped:
    """Turns whatever chromadb raises into StoreError; pass-through for our own errors."""

    def __init__(self, where: str) -> None:
        self._where = where

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or not _is_vendors(error):
            return
        text = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise StoreError(f"{self._where}: {type(error).__name__}: {text}", hint=_hint(text)) from error


def _is_vendors(error: BaseException) -> bool:
    import httpx
    from chromadb.errors import ChromaError

    # A panic of the Rust core derives from BaseException and has no importable type.
    return isinstance(error, (ChromaError, httpx.HTTPError, ValueError, TypeError, OSError, RuntimeError)) or (
        type(error).__name__ == "PanicException"
    )


def _hint(text: str) -> str:
    lowered = text.lower()
    if "disk is full" in lowered or "no space left" in lowered:
        return "Free some disk space and run the command again; the last good index is untouched."
    if "readonly" in lowered or "read-only" in lowered or "permission denied" in lowered:
        return "Make the home folder writable, or choose another one with --home."
    if "connect" in lowered or "timed out" in lowered:
        return "Check that the Chroma server runs (chroma run) and that the URL is right."
    return "Run `kb doctor`; `kb rebuild` makes the index anew."


def _mapped(method: Callable[P, R]) -> Callable[P, R]:
    @functools.wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        with _Mapped(str(args[0])):
            return method(*args, **kwargs)

    return call


class ChromaStore:
    """A VectorStore in Chroma. Make one with `open` or `connect`."""

    def __init__(self, client: ClientAPI, name: str) -> None:
        self._client = client
        self._name = name
        self._release: Callable[[], None] | None = None
        self._collections: dict[str, Collection] = {}
        self._closed = False
        self._batch = max(1, min(_BATCH, client.get_max_batch_size()))

    @classmethod
    def open(cls, path: Path) -> ChromaStore:
        """The embedded store in this folder, as it is on disk now; made if it is not there.

        Raises:
            StoreError: it cannot be opened.
        """
        import chromadb

        with _Mapped(f"Chroma at {path}"), contextlib.ExitStack() as undo:
            place = path
            if path.is_dir() and not os.access(path, os.W_OK):
                # Chroma writes whenever it opens, so a store on a read-only disk is read from a copy.
                place = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="kb-chroma-"))) / "chroma"
                shutil.copytree(path, place)
            place.mkdir(parents=True, exist_ok=True)
            spelling = _claim_spelling(place)
            undo.callback(_free_spelling, spelling)
            client = chromadb.PersistentClient(path=spelling, settings=_settings())
            store = cls(client, f"Chroma at {path}")
            store._release = undo.pop_all().close
            return store

    @classmethod
    def connect(cls, url: str, *, headers: Mapping[str, str] | None = None) -> ChromaStore:
        """The store of the Chroma server at this URL.

        Raises:
            StoreError: nothing answers there within seconds, or it is no Chroma server.
        """
        import chromadb
        import httpx

        name = f"Chroma server {url}"
        parts = urllib.parse.urlsplit(url if "//" in url else f"http://{url}")
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise StoreError(f"{name}: not a URL", hint="Give it as http://host:8000.")
        with _Mapped(name):
            port = parts.port or (443 if parts.scheme == "https" else 8000)
            address = f"{parts.scheme}://{parts.hostname}:{port}/api/v2/heartbeat"
            # chromadb's client waits for ever; asked once with a time limit, a wrong address is known at once.
            httpx.get(address, timeout=_CONNECT_TIMEOUT_S, headers=dict(headers or {})).raise_for_status()
            client = chromadb.HttpClient(
                host=parts.hostname,
                port=port,
                ssl=parts.scheme == "https",
                headers=dict(headers or {}),
                settings=_settings(),
            )
            session = getattr(getattr(client, "_server", None), "_session", None)
            if isinstance(session, httpx.Client):
                session.timeout = httpx.Timeout(_REQUEST_TIMEOUT_S, connect=_CONNECT_TIMEOUT_S)
            return cls(client, name)

    def __str__(self) -> str:
        return self._name

    @_mapped
    def collections(self) -> list[str]:
        """Names of all collections, sorted."""
        pages: list[str] = []
        while True:
            page = self._client.list_collections(limit=100, offset=len(pages))
            pages += [collection.name for collection in page]
            if len(page) < 100:
                return sorted(pages)

    @_mapped
    def create(self, collection: str) -> None:
        """Make the collection if it is not there."""
        self._collections[collection] = self._client.get_or_create_collection(
            collection, configuration=cast(Any, {"hnsw": _HNSW}), embedding_function=None
        )

    @_mapped
    def upsert(self, collection: str, records: Sequence[Record], vectors: FloatArray) -> None:
        """Add the records, replacing those with the same id; of equal ids in one call, the last one counts."""
        if len(records) != len(vectors):
            raise StoreError(f"{self}: {len(records)} records with {len(vectors)} vectors")
        target = self._collection(collection)
        rows = list({record.id: row for row, record in enumerate(records)}.values())
        fresh = target.count() == 0
        for part in _batched(rows, self._batch):
            chosen = [records[row] for row in part]
            target.upsert(
                ids=[record.id for record in chosen],
                embeddings=vectors[list(part)],
                documents=[record.text for record in chosen],
                metadatas=cast(Any, _metadata(chosen) if fresh else _metadata(chosen, _old_metadata(target, chosen))),
            )

    @_mapped
    def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Remove the records; ids that are not there are passed over."""
        target = self._collection(collection)
        for part in _batched(list(dict.fromkeys(ids)), self._batch):
            target.delete(ids=list(part))

    @_mapped
    def get(self, collection: str, ids: Sequence[str] | None = None) -> list[Record]:
        """The records with these ids, in their order, missing ones left out; without ids, all, sorted by id."""
        target = self._collection(collection)
        found: dict[str, Record] = {}
        if ids is None:
            total = target.count()
            for offset in range(0, total, self._batch):
                page = target.get(limit=self._batch, offset=offset, include=["documents", "metadatas"])
                found.update((record.id, record) for record in _records(page))
            return [found[key] for key in sorted(found)]
        for part in _batched(list(dict.fromkeys(ids)), self._batch):
            page = target.get(ids=list(part), include=["documents", "metadatas"])
            found.update((record.id, record) for record in _records(page))
        return [found[key] for key in ids if key in found]

    @_mapped
    def vectors(self, collection: str, ids: Sequence[str]) -> FloatArray:
        """Vectors of these ids, in order. Shape: (len(ids), dimension).

        Raises:
            StoreError: one is missing.
        """
        import numpy as np

        target = self._collection(collection)
        found: dict[str, Any] = {}
        for part in _batched(list(dict.fromkeys(ids)), self._batch):
            page = target.get(ids=list(part), include=["embeddings"])
            found.update(zip(page["ids"], cast(Any, page["embeddings"]), strict=True))
        missing = [key for key in ids if key not in found]
        if missing:
            message = f"{self}: {collection} has no vector of {missing[0]} ({len(missing)} missing)"
            raise StoreError(message, hint=_hint(""))
        if not ids:
            return np.zeros((0, 0), dtype=np.float32)
        return np.asarray([found[key] for key in ids], dtype=np.float32)

    @_mapped
    def query(self, collection: str, vector: FloatArray, limit: int) -> list[Neighbour]:
        """The nearest records, best first; of equals, the smaller id first."""
        target = self._collection(collection)
        if limit <= 0:
            return []
        # Chroma gives what there is if that is less; asking for the count first took as long as the search.
        answer = target.query(query_embeddings=cast(Any, [vector]), n_results=limit, include=["distances"])
        distances = answer["distances"]
        assert distances is not None
        pairs = zip(answer["ids"][0], distances[0], strict=True)
        found = [Neighbour(key, max(-1.0, min(1.0, 1.0 - float(distance)))) for key, distance in pairs]
        return sorted(found, key=lambda neighbour: (-neighbour.similarity, neighbour.id))

    @_mapped
    def count(self, collection: str) -> int:
        """Number of records."""
        return int(self._collection(collection).count())

    @_mapped
    def sample(self, collection: str, limit: int) -> list[str]:
        """Ids of up to `limit` records, spread evenly over the collection."""
        target = self._collection(collection)
        total = target.count()
        offsets = sorted({total * n // limit for n in range(limit)}) if total else []
        return [target.get(limit=1, offset=offset, include=[])["ids"][0] for offset in offsets]

    @_mapped
    def drop(self, collection: str) -> None:
        """Remove the collection, if it is there."""
        from chromadb.errors import NotFoundError

        self._collections.pop(collection, None)
        try:
            self._client.delete_collection(collection)
        except NotFoundError:
            return

    def close(self) -> None:
        """Let go of files and connections; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self._collections.clear()
        close = getattr(self._client, "close", None)
        if close is not None:
            close()
        if self._release is not None:
            self._release()

    def _collection(self, name: str) -> Collection:
        if self._closed:
            raise StoreError(f"{self}: already closed")
        if name not in self._collections:
            self._collections[name] = self._client.get_collection(name, embedding_function=None)
        return self._collections[name]


def _settings() -> Settings:
    from chromadb.config import Settings

    # Without _env_file=None, a .env file in the working folder is read, and any unknown name in it is an error.
    return Settings(_env_file=None, anonymized_telemetry=False)


def _claim_spelling(path: Path) -> str:
    """The path in a spelling that no open store uses.

    Chroma shares one engine between all clients of a path in a process, so a second one would see the state that the
    first one opened, not the disk. The engines are told apart by the path's spelling alone.
    """
    spelling = str(path.resolve())
    with _open_paths_lock:
        while spelling in _open_paths:
            spelling += "/."
        _open_paths.add(spelling)
    return spelling


def _free_spelling(spelling: str) -> None:
    with _open_paths_lock:
        _open_paths.discard(spelling)


def _metadata(
    records: Sequence[Record], old: Mapping[str, Mapping[str, Any]] | None = None
) -> list[dict[str, Any] | None]:
    """Metadata that replaces the old one: Chroma merges the two, and drops a key only where its new value is None."""
    return [{**dict.fromkeys((old or {}).get(record.id, ())), **record.metadata} or None for record in records]


def _old_metadata(target: Collection, records: Sequence[Record]) -> dict[str, Mapping[str, Any]]:
    page = target.get(ids=[record.id for record in records], include=["metadatas"])
    return {key: metadata or {} for key, metadata in zip(page["ids"], page["metadatas"] or [], strict=True)}


def _records(page: Any) -> list[Record]:
    rows = zip(page["ids"], page["documents"], page["metadatas"], strict=True)
    return [Record(key, text or "", dict(metadata or {})) for key, text, metadata in rows]


T = TypeVar("T")


def _batched(items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[start : start + size] for start in range(0, len(items), size)]
