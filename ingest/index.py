"""The write path: what a collection should hold becomes a new generation, and readers are switched to it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.feed import Feed
from kb.catalogue import Catalogue, Contents, Variant
from kb.index import ENTRIES, PASSAGES, Names, Vectors, write_index
from kb.ports import Record, Scalar
from kb.storage import Manifest
from kb.types import Entry, Passage
from kb.wiring import StoreAccess

if TYPE_CHECKING:
    from kb.ports import Embedder, FloatArray
    from kb.storage import Staging, Writer

STALE_SHARE = 0.2
"""From this share of stale records on, the store is built anew: deleted vectors stay in its graph."""
BLOCK = 4096
"""Texts embedded between two writes to the store: each of those waits for the disk and may rewrite the graph."""


def passage_input(question: str, passage: str) -> str:
    """The text that stands for a passage in the encoder: an answer alone often does not name its subject."""
    return f"{question}\n{passage}"


def publish(
    writer: Writer,
    contents: Contents,
    embedder: Embedder,
    *,
    access: StoreAccess,
    parameters: Mapping[str, Any],
    extra: Mapping[str, str],
    progress: Callable[[str, int, int], None],
) -> str:
    """Write the contents as a new generation, check it, and switch readers to it. Returns its name.

    `parameters` go into the manifest; `extra` are further text files, by name, empty ones left out.
    """
    previous = _previous(writer) if not access.url else None
    stale = _stale_share(previous, contents) if previous else 1.0
    staging = writer.begin(copy=stale <= STALE_SHARE)
    try:
        names = access.names(staging.name)
        store = access.open(staging.chroma_path)
        try:
            with Feed(store) as feed:
                vectors = _embed_and_feed(contents, embedder, feed, names)
                progress("index", 0, 0)
                write_index(staging.path, contents, vectors)
        finally:
            store.close()
        for name, text in extra.items():
            (staging.path / name).unlink(missing_ok=True)
            if text:
                (staging.path / name).write_text(text, "utf-8")
        manifest = Manifest(
            encoder=embedder.id,
            dimension=embedder.dimension,
            counts={names.entries: len(contents.variants), names.passages: len(contents.passages)},
            parameters=dict(parameters),
            server=access.url,
        )
        return staging.publish(manifest, verify=access.verify)
    except BaseException:
        _abandon(staging, access)
        raise


def _embed_and_feed(contents: Contents, embedder: Embedder, feed: Feed, names: Names) -> Vectors:
    """Vectors of all wordings and passages, in their order; on the way, the store gets what it does not hold yet.

    The wordings come first: their vectors are known since entries were merged, so the store is busy from the start.
    """
    questions = {entry.id: entry.question for entry in contents.entries}
    wordings = [variant.text for variant in contents.variants]
    inputs = [passage_input(questions[passage.entry_id], passage.text) for passage in contents.passages]
    wording_vectors = _embed_into(feed, names.entries, entry_records_of(contents), wordings, embedder)
    passage_vectors = _embed_into(feed, names.passages, passage_records_of(contents), inputs, embedder)
    answer_vectors = embedder.embed([passage.text for passage in contents.passages])
    return Vectors(wording_vectors, passage_vectors, answer_vectors)


def _embed_into(
    feed: Feed, collection: str, records: Sequence[Record], texts: Sequence[str], embedder: Embedder
) -> FloatArray:
    """Vectors of the texts, each of which is the record's in its place. Shape: (len(texts), dimension), float32."""
    import numpy as np

    changed = feed.prepare(collection, records)
    vectors = np.empty((len(texts), embedder.dimension), dtype=np.float32)
    # Longest first, so that each block holds texts of about one length: neighbours are embedded together.
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]), reverse=True)
    for start in range(0, len(order), BLOCK):
        rows = order[start : start + BLOCK]
        vectors[rows] = embedder.embed([texts[row] for row in rows])
        fresh = [row for row in rows if row in changed]
        feed.put(collection, [records[row] for row in fresh], vectors[fresh])
    return vectors


def _abandon(staging: Staging, access: StoreAccess) -> None:
    staging.abandon()
    access.drop(staging.name)


def _previous(writer: Writer) -> Path | None:
    current = writer.folder.current()
    return writer.folder.path / current if current else None


def _stale_share(previous: Path, contents: Contents) -> float:
    file = previous / "catalogue.sqlite"
    if not file.is_file():
        return 1.0
    catalogue = Catalogue(file)
    try:
        old = {entry.id for entry in catalogue.entries()}
    finally:
        catalogue.close()
    return len(old - {entry.id for entry in contents.entries}) / len(old) if old else 0.0


def entry_records_of(contents: Contents) -> list[Record]:
    """Records of the entries collection, a wording each, in the order of the wordings.

    The first wording of an entry has the entry's id, the others have `~1`, `~2` behind it.
    """
    by_id = {entry.id: entry for entry in contents.entries}
    seen: dict[str, int] = {}
    records: list[Record] = []
    for variant in contents.variants:
        entry = by_id[variant.entry_id]
        count = seen.get(entry.id, 0)
        seen[entry.id] = count + 1
        key = f"{entry.id}~{count}" if count else entry.id
        records.append(Record(key, variant.text, _entry_metadata(entry)))
    return records


def _entry_metadata(entry: Entry) -> dict[str, Scalar]:
    metadata = _place_metadata(entry)
    metadata["answer"] = entry.answer or ""
    if entry.number is not None:
        metadata["number"] = entry.number
    if entry.section:
        metadata["section"] = entry.section
    return metadata


def _place_metadata(entry: Entry) -> dict[str, Scalar]:
    metadata: dict[str, Scalar] = {
        "document": entry.document,
        "source": entry.source,
        "question": entry.question,
        "question_id": entry.question_id or "",
        "entry_id": entry.id,
        "status": entry.status.value,
    }
    if entry.lines:
        metadata |= {
            "line_start": entry.lines[0],
            "line_end": entry.lines[1],
            "lines": f"{entry.lines[0]}-{entry.lines[1]}",
        }
    if entry.page is not None:
        metadata["page"] = entry.page
    return metadata


def passage_records_of(contents: Contents) -> list[Record]:
    """Records of the passages collection, which stock LlamaIndex can read."""
    by_id = {entry.id: entry for entry in contents.entries}
    return [
        Record(
            passage.id,
            passage.text,
            {**_place_metadata(by_id[passage.entry_id]), "start": passage.start, "end": passage.end},
        )
        for passage in contents.passages
    ]


def variants_of(entries: Sequence[Entry], question_order: Mapping[str, int]) -> list[Variant]:
    """All wordings of all entries, those of one canonical question side by side, in the order of the questions."""
    variants: list[Variant] = []
    for entry in sorted(entries, key=lambda e: question_order[e.question_id or ""]):
        wordings = dict.fromkeys((entry.question, *entry.also_asked))
        variants.extend(Variant(wording, entry.question_id or "", entry.id) for wording in wordings)
    return variants


def passages_in_order(passages: Sequence[Passage], question_order: Mapping[str, int]) -> list[Passage]:
    """The passages, those of one canonical question side by side, in the order of the questions."""
    return sorted(passages, key=lambda p: question_order[p.question_id])


def contents_key(contents: Contents) -> str:
    """A hash over everything that a clean ingest of the same documents would give again."""
    digest = hashlib.sha256()
    for items in (
        contents.documents,
        contents.entries,
        contents.questions,
        contents.passages,
        contents.notes,
        contents.drops,
    ):
        for item in items:
            digest.update(repr(item).encode())
    return digest.hexdigest()


__all__ = [
    "ENTRIES",
    "PASSAGES",
    "contents_key",
    "passages_in_order",
    "publish",
    "variants_of",
]
