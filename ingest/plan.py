"""What an ingest has to do: which files are new, changed, unchanged, doubled, gone or bad."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ingest.types import DocumentAction, DocumentReport, ParsedDocument
from kb.catalogue import DropNote
from kb.errors import DocumentError, SettingsError
from kb.glossary import parse_glossary
from kb.settings import Settings
from kb.types import Document, Entry

GLOSSARY_FILE = "glossary.txt"
"""A file of this name in an ingested folder is the collection's glossary, no document."""
PARSER_VERSION = 1
"""Raised when the parser finds other entries in the same bytes: documents are then parsed again."""


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """What a collection holds: everything else in its index follows from this."""

    documents: tuple[Document, ...] = ()
    entries: tuple[Entry, ...] = ()
    """In document order within each document."""
    drops: tuple[DropNote, ...] = ()
    lines_read: Mapping[str, int] = dataclasses.field(default_factory=dict)
    """Non-blank lines by document id."""
    glossary: str = ""
    generation: str | None = None
    parser_version: int = PARSER_VERSION


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """The next state, and what becomes of each document on the way."""

    state: State
    documents: tuple[DocumentReport, ...]
    changed: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """The files below the given paths."""

    files: tuple[Path, ...]
    glossaries: tuple[Path, ...]
    missing: tuple[Path, ...]
    """Given paths at which there is nothing."""


def find_files(paths: Sequence[Path]) -> Found:
    """The files at and below the paths, sorted, each once. Hidden files and folders are passed over."""
    files: dict[str, Path] = {}
    glossaries: dict[str, Path] = {}
    missing: list[Path] = []
    for path in paths:
        absolute = Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - resolve() would follow links
        if absolute.is_dir():
            for folder, folders, names in os.walk(absolute):
                folders[:] = sorted(name for name in folders if not name.startswith("."))
                for name in sorted(names):
                    if not name.startswith("."):
                        (glossaries if name == GLOSSARY_FILE else files)[f"{folder}/{name}"] = Path(folder) / name
        elif absolute.exists():
            files[absolute.as_posix()] = absolute
        else:
            missing.append(path)
    return Found(
        tuple(files[key] for key in sorted(files)), tuple(glossaries[key] for key in sorted(glossaries)), tuple(missing)
    )


Progress = Callable[[str, int, int], None]


def make_plan(state: State, found: Found, *, settings: Settings, prune: bool, progress: Progress) -> Plan:
    """Compare the files with the state and parse what is new or changed."""
    reports = [
        DocumentReport(path.as_posix(), DocumentAction.REJECTED, "there is no such file or folder")
        for path in found.missing
    ]
    hashes, unreadable = _hash_files(found.files, settings.ingest.max_file_mb)
    reports += unreadable
    held = {source: document.sha256 for document in state.documents for source in (document.source, *document.also_at)}
    wanted = {**held, **hashes}
    gone = [source for source in held if source not in hashes and prune and not Path(source).exists()]
    for source in gone:
        del wanted[source]
        reports.append(DocumentReport(source, DocumentAction.REMOVED))
    main = _main_sources(wanted)
    kept, parsed, parse_reports = _parse_changed(state, main, wanted, settings, progress)
    reports += parse_reports
    rejected = {report.source for report in parse_reports if report.action is DocumentAction.REJECTED}
    reports += _untouched(hashes, held, main, state, rejected)
    next_state = _next_state(state, kept, parsed, main, wanted, rejected, _glossary(state, found))
    changed = _differs(state, next_state)
    return Plan(next_state, tuple(sorted(reports, key=lambda report: report.source)), changed)


def without(state: State, sources: Sequence[str]) -> Plan:
    """The plan that removes these documents."""
    gone = set(sources)
    ids = {document.id for document in state.documents if document.source in gone}
    next_state = dataclasses.replace(
        state,
        documents=tuple(d for d in state.documents if d.id not in ids),
        entries=tuple(e for e in state.entries if e.document not in ids),
        drops=tuple(d for d in state.drops if d.document not in ids),
        lines_read={key: n for key, n in state.lines_read.items() if key not in ids},
    )
    return Plan(
        next_state, tuple(DocumentReport(source, DocumentAction.REMOVED) for source in sorted(gone)), changed=True
    )


def _hash_files(files: Sequence[Path], max_mb: int) -> tuple[dict[str, str], list[DocumentReport]]:
    hashes: dict[str, str] = {}
    reports: list[DocumentReport] = []
    for file in files:
        source = file.as_posix()
        try:
            size = file.stat().st_size
            if size > max_mb * 1_000_000:
                reason = f"the file has {size / 1e6:.0f} MB, and at most {max_mb} MB are read (ingest.max_file_mb)"
                reports.append(DocumentReport(source, DocumentAction.REJECTED, reason))
                continue
            with file.open("rb") as handle:
                hashes[source] = hashlib.file_digest(handle, "sha256").hexdigest()
        except OSError as error:
            reports.append(DocumentReport(source, DocumentAction.REJECTED, f"cannot be read: {error.strerror}"))
    return hashes, reports


def _main_sources(wanted: Mapping[str, str]) -> dict[str, str]:
    """Hash to the path that stands for it: the first in order, so that the order of ingestion does not matter."""
    main: dict[str, str] = {}
    for source in sorted(wanted):
        main.setdefault(wanted[source], source)
    return main


def _parse_changed(
    state: State, main: Mapping[str, str], wanted: Mapping[str, str], settings: Settings, progress: Progress
) -> tuple[set[str], list[ParsedDocument], list[DocumentReport]]:
    """Sources that stay as they are, the documents that were parsed, and what happened to each of those."""
    from ingest.parse import parse_file

    known = {document.source: document for document in state.documents}
    kept: set[str] = set()
    parsed: list[ParsedDocument] = []
    reports: list[DocumentReport] = []
    by_hash = {document.sha256: document for document in state.documents}
    for place, (sha256, source) in enumerate(main.items()):
        progress("read", place + 1, len(main))
        before = known.get(source)
        if before is not None and before.sha256 == sha256 and state.parser_version == PARSER_VERSION:
            kept.add(source)
            continue
        if not Path(source).exists() and (before or by_hash.get(sha256)):
            kept.add((before or by_hash[sha256]).source)  # only the state has it still
            continue
        try:
            document = parse_file(Path(source), max_file_bytes=settings.ingest.max_file_mb * 1_000_000)
        except DocumentError as error:
            reports.append(DocumentReport(source, DocumentAction.REJECTED, _reason(error, source)))
            if before is not None:
                kept.add(source)  # the last good version stays until the file is mended or removed
            continue
        parsed.append(document)
        same_again = before is not None and before.sha256 == document.sha256
        action = DocumentAction.UNCHANGED if same_again else DocumentAction.UPDATED if before else DocumentAction.ADDED
        note = "" if document.entries else "no question was found in it"
        reports.append(DocumentReport(source, action, note, len(document.entries), document.convention))
    return kept, parsed, reports


def _reason(error: DocumentError, source: str) -> str:
    message = error.message.removeprefix(f"{source}: ")
    return f"{message}. {error.hint}".strip() if error.hint else message


def _untouched(
    hashes: Mapping[str, str], held: Mapping[str, str], main: Mapping[str, str], state: State, rejected: set[str]
) -> list[DocumentReport]:
    """Reports of the given files that needed no parsing."""
    known = {document.source for document in state.documents}
    reports: list[DocumentReport] = []
    for source, sha256 in hashes.items():
        if main[sha256] != source:
            if main[sha256] in rejected:
                reports.append(DocumentReport(source, DocumentAction.REJECTED, f"same content as {main[sha256]}"))
            else:
                reports.append(DocumentReport(source, DocumentAction.SAME_CONTENT, f"same content as {main[sha256]}"))
        elif (
            held.get(source) == sha256
            and source in known
            and source not in rejected
            and state.parser_version == PARSER_VERSION
        ):
            n_entries = sum(1 for entry in state.entries if entry.source == source)
            reports.append(DocumentReport(source, DocumentAction.UNCHANGED, "", n_entries))
    return reports


def _next_state(
    state: State,
    kept: set[str],
    parsed: Sequence[ParsedDocument],
    main: Mapping[str, str],
    wanted: Mapping[str, str],
    rejected: set[str],
    glossary: str,
) -> State:
    others: dict[str, list[str]] = {}
    for source, sha256 in wanted.items():
        if main[sha256] != source and main[sha256] not in rejected:
            others.setdefault(sha256, []).append(source)
    documents: list[Document] = []
    for document in state.documents:
        if document.source in kept:
            also_at = tuple(sorted(source for source in others.get(document.sha256, ()) if source != document.source))
            documents.append(dataclasses.replace(document, also_at=also_at))
    for new in parsed:
        also_at = tuple(sorted(others.get(new.sha256, ())))
        documents.append(Document(new.id, new.source, new.title, new.media_type, new.sha256, new.text, also_at))
    ids = {document.id for document in documents if document.source in kept}
    entries = [entry for entry in state.entries if entry.document in ids]
    drops = [drop for drop in state.drops if drop.document in ids]
    lines_read = {key: count for key, count in state.lines_read.items() if key in ids}
    for new in parsed:
        entries.extend(new.entries)
        drops.extend(DropNote(new.id, drop.lines, drop.reason.value, drop.text) for drop in new.dropped)
        lines_read[new.id] = new.lines_read
    return State(tuple(sorted(documents, key=lambda d: d.source)), tuple(entries), tuple(drops), lines_read, glossary)


def _glossary(state: State, found: Found) -> str:
    texts: list[str] = []
    for file in found.glossaries:
        try:
            text = file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{file}: {error}", hint="The glossary must be a text file in UTF-8.") from error
        parse_glossary(text, str(file))
        texts.append(text.strip())
    return "\n".join(texts) + "\n" if texts else state.glossary


def _differs(old: State, new: State) -> bool:
    def key(state: State) -> object:
        return (state.documents, sorted(e.id for e in state.entries), state.glossary)

    return key(old) != key(new) or old.parser_version != new.parser_version
