"""Records on their way into the vector store, written while the encoder makes the next vectors."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Self

from kb.ports import Record

if TYPE_CHECKING:
    from kb.ports import FloatArray, VectorStore

_WAITING = 2
"""Blocks that may wait to be written; more would only take memory."""


class Feed:
    """Writes to a store in a thread of its own, in order. Use it as a context: its end waits for the last write."""

    def __init__(self, store: VectorStore) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="kb-feed")
        self._waiting: deque[Future[None]] = deque()

    def prepare(self, collection: str, records: Sequence[Record]) -> set[int]:
        """Make the collection, remove what is not among the records, and say which places the store must be given."""
        self._drain(0)
        self._store.create(collection)
        known = {record.id: record for record in self._store.get(collection)}
        wanted = {record.id for record in records}
        self._store.delete(collection, [key for key in known if key not in wanted])
        return {place for place, record in enumerate(records) if not _same(known.get(record.id), record)}

    def put(self, collection: str, records: Sequence[Record], vectors: FloatArray) -> None:
        """Have the records written; returns before they are, unless too many wait. Raises what a former write raised.

        Shape: vectors (len(records), dimension).
        """
        if not records:
            return
        self._drain(_WAITING - 1)
        self._waiting.append(self._thread.submit(self._store.upsert, collection, records, vectors))

    def _drain(self, leave: int) -> None:
        while len(self._waiting) > leave:
            self._waiting.popleft().result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._drain(0)
        finally:
            # The store is closed next, so nothing may be under way.
            self._thread.shutdown(wait=True, cancel_futures=True)


def _same(known: Record | None, record: Record) -> bool:
    return known is not None and known.text == record.text and dict(known.metadata) == dict(record.metadata)
