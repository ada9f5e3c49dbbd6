"""The order of an ingest: plan, parse, merge, chunk, embed, publish; and the counts of each step.

The state of a collection is a list of documents with their entries. A run makes the next state from the
current one and the files, and derives everything else (questions, passages, vectors, index) anew from that
state, with a cache for the vectors. So the result depends on the documents alone, not on how they came in.
"""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.index import contents_key, passages_in_order, publish, variants_of
from ingest.passages import chunk_entries
from ingest.plan import GLOSSARY_FILE, PARSER_VERSION, Plan, State, find_files, make_plan, without
from ingest.types import DocumentAction, DocumentReport, IngestReport
from kb.catalogue import Catalogue, Contents, DropNote, MergeNote
from kb.errors import DocumentError, IndexMissing
from kb.settings import Settings
from kb.storage import Home, Writer, read_manifest
from kb.types import Document, Entry, Status
from kb.wiring import cached_encoder, load_encoder, store_access

if TYPE_CHECKING:
    from kb.ports import Embedder

Progress = Callable[[str, int, int], None]


def ingest_paths(
    paths: Sequence[Path | str],
    *,
    settings: Settings,
    progress: Progress | None = None,
    dry_run: bool = False,
    prune: bool = False,
) -> IngestReport:
    """Read files and folders into the collection; visible at once, or not at all.

    Args:
        paths: files and folders.
        settings: home, collection, encoder, store.
        progress: called with a step's name, what is done of it, and its total.
        dry_run: report what would be done; write nothing.
        prune: also remove documents whose files are gone.

    Raises:
        DocumentError: none of the paths exists.
        KBError: the home, the store or the encoder cannot be used. Single bad files are reported, not raised.
    """
    started = time.monotonic()
    say = progress or _silent
    found = find_files([Path(path) for path in paths])
    if found.missing and len(found.missing) == len(paths):
        raise DocumentError(f"{found.missing[0]}: there is no such file or folder", hint="Check the path.")
    if dry_run:
        state = _read_state(settings)
        plan = make_plan(state, found, settings=settings, prune=prune, progress=say)
        contents = _derive(plan.state, settings, load_encoder(settings), say)
        return _report(plan, contents, settings, "", 0, started)
    with _writer(settings) as writer:
        state = _read_state(settings)
        plan = make_plan(state, found, settings=settings, prune=prune, progress=say)
        return _apply(writer, plan, settings, say, started)


def remove_documents(names: Sequence[str], *, settings: Settings, progress: Progress | None = None) -> IngestReport:
    """Remove documents, named by id, path or file name; their questions are re-formed from what is left.

    Raises:
        DocumentError: a name fits no document, or several.
    """
    started = time.monotonic()
    with _writer(settings) as writer:
        state = _read_state(settings)
        if state.generation is None:
            raise IndexMissing("Nothing was ingested yet", hint="Run `kb ingest PATH...` first.")
        gone = [document_named(state.documents, name) for name in names]
        plan = without(state, [document.source for document in gone])
        return _apply(writer, plan, settings, progress or _silent, started)


def rebuild(*, settings: Settings, progress: Progress | None = None) -> IngestReport:
    """Make the index anew from the entries that it holds, with the configured encoder and store.

    Raises:
        IndexMissing: nothing was ingested yet.
    """
    started = time.monotonic()
    with _writer(settings) as writer:
        state = _read_state(settings)
        if state.generation is None:
            raise IndexMissing("Nothing was ingested yet", hint="Run `kb ingest PATH...` first.")
        documents = tuple(DocumentReport(d.source, DocumentAction.UPDATED) for d in state.documents)
        plan = Plan(state, documents, changed=True)
        return _apply(writer, plan, settings, progress or _silent, started)


def document_named(documents: Sequence[Document], name: str) -> Document:
    """The document with this id, path, or end of a path.

    Raises:
        DocumentError: there is none, or there are several.
    """
    wanted = name.replace("\\", "/")
    for document in documents:
        if wanted in (document.id, document.source, *document.also_at):
            return document
    absolute = Path(name).absolute().as_posix()
    found = [d for d in documents if any(s == absolute or s.endswith("/" + wanted) for s in (d.source, *d.also_at))]
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(document.source for document in found[:5])
        raise DocumentError(f"{name}: {len(found)} documents are called so: {listed}", hint="Give more of the path.")
    raise DocumentError(f"{name}: no such document in the index", hint="`kb documents` lists them.")


def _silent(step: str, done: int, total: int) -> None:
    """Take progress and say nothing."""


def _writer(settings: Settings) -> Writer:
    access = store_access(settings)
    folder = Home(settings.home).collection(settings.collection)
    return folder.writer(keep=settings.store.keep, drop=access.drop if access.url else None)


def _read_state(settings: Settings) -> State:
    """The collection's documents and entries as they are; empty before the first ingest."""
    folder = Home(settings.home).collection(settings.collection)
    name = folder.current()
    if name is None:
        return State()
    path = folder.path / name
    catalogue = Catalogue(path / "catalogue.sqlite")
    glossary = path / GLOSSARY_FILE
    parameters = read_manifest(path).parameters
    try:
        return State(
            documents=tuple(catalogue.documents()),
            entries=tuple(dataclasses.replace(entry, question_id=None) for entry in catalogue.entries()),
            drops=tuple(catalogue.drops()),
            lines_read=parameters.get("lines_read", {}),
            glossary=glossary.read_text("utf-8") if glossary.is_file() else "",
            generation=name,
            parser_version=int(parameters.get("parser", 0)),
        )
    finally:
        catalogue.close()


def _apply(writer: Writer, plan: Plan, settings: Settings, say: Progress, started: float) -> IngestReport:
    folder = Home(settings.home).collection(settings.collection)
    if not plan.changed:
        return _unchanged_report(plan, settings, folder.current() or "", started)
    embedded = 0

    def count(n_texts: int) -> None:
        nonlocal embedded
        embedded += n_texts
        say("embed", embedded, 0)

    embedder = cached_encoder(settings, count)
    contents = _derive(plan.state, settings, embedder, say)
    if not contents.documents and folder.current() is None:
        return _report(plan, contents, settings, "", 0, started)
    say("embed", embedded, 0)
    generation = publish(
        writer,
        contents,
        embedder,
        access=store_access(settings),
        parameters={
            "parser": PARSER_VERSION,
            "contents": contents_key(contents),
            "lines_read": dict(sorted(plan.state.lines_read.items())),
        },
        extra={GLOSSARY_FILE: plan.state.glossary},
        progress=say,
    )
    return _report(plan, contents, settings, generation, embedded, started)


def _derive(state: State, settings: Settings, embedder: Embedder, say: Progress) -> Contents:
    """Everything that follows from the documents' entries."""
    from ingest.dedup import merge_entries
    from kb.glossary import load_glossary

    entries = sorted(state.entries, key=lambda entry: entry.source)  # stable: the documents' own order within each
    say("merge", 0, len(entries))
    vectors = embedder.embed([entry.question for entry in entries]) if entries else None
    merged = merge_entries(entries, vectors, glossary=load_glossary(settings.retrieve.glossary).abbreviations())
    order = {question.id: row for row, question in enumerate(merged.questions)}
    say("chunk", 0, len(entries))
    passages = chunk_entries(
        merged.entries, max_tokens=settings.ingest.max_chunk_tokens, count_tokens=embedder.count_tokens
    )
    notes = [MergeNote(m.entry_a, m.entry_b, True, str(m.stage), float(m.score), m.reason) for m in merged.merges]
    notes += [MergeNote(b.entry_a, b.entry_b, False, "semantic", float(b.score), b.reason) for b in merged.borderline]
    contents = Contents(
        documents=sorted(state.documents, key=lambda document: document.source),
        entries=merged.entries,
        questions=merged.questions,
        passages=passages_in_order(passages, order),
        variants=variants_of(merged.entries, order),
        notes=notes,
        drops=sorted(state.drops, key=lambda drop: (drop.document, drop.lines or (0, 0), drop.text)),
    )
    return contents


def _unchanged_report(plan: Plan, settings: Settings, generation: str, started: float) -> IngestReport:
    """The report of a run that had nothing to do: counts from the state, which costs no encoder."""
    folder = Home(settings.home).collection(settings.collection)
    n_questions = 0
    if generation:
        catalogue = Catalogue(folder.path / generation / "catalogue.sqlite")
        n_questions = catalogue.count("questions")
        catalogue.close()
    return _counted(plan, plan.state.entries, n_questions, plan.state.drops, settings, generation, 0, started)


def _report(
    plan: Plan, contents: Contents, settings: Settings, generation: str, embedded: int, started: float
) -> IngestReport:
    return _counted(
        plan, contents.entries, len(contents.questions), contents.drops, settings, generation, embedded, started
    )


def _counted(
    plan: Plan,
    entries: Sequence[Entry],
    n_questions: int,
    drops: Sequence[DropNote],
    settings: Settings,
    generation: str,
    embedded: int,
    started: float,
) -> IngestReport:
    actions = Counter(document.action for document in plan.documents)
    statuses = Counter(entry.status for entry in entries)
    by_reason: Counter[str] = Counter()
    for drop in drops:
        by_reason[drop.reason] += sum(1 for line in drop.text.splitlines() if line.strip())
    n_dropped = by_reason.total()
    n_read = sum(plan.state.lines_read.values())
    return IngestReport(
        collection=settings.collection,
        generation=generation,
        documents=plan.documents,
        added=actions[DocumentAction.ADDED],
        updated=actions[DocumentAction.UPDATED],
        unchanged=actions[DocumentAction.UNCHANGED] + actions[DocumentAction.SAME_CONTENT],
        removed=actions[DocumentAction.REMOVED],
        rejected=actions[DocumentAction.REJECTED],
        entries=len(entries),
        questions=n_questions,
        merged=len(entries) - n_questions,
        answered=statuses[Status.ANSWERED],
        unanswered=statuses[Status.UNANSWERED],
        placeholders=statuses[Status.PLACEHOLDER],
        lines_read=n_read,
        lines_in_entries=n_read - n_dropped,
        lines_dropped=n_dropped,
        dropped_by_reason=dict(sorted(by_reason.items())),
        embedded=embedded,
        seconds=round(time.monotonic() - started, 3),
    )


__all__ = ["document_named", "ingest_paths", "rebuild", "remove_documents"]
