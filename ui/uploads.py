"""Uploaded files: where they are kept, under which name, and which ones are refused."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import shutil
import unicodedata
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from kb.errors import DocumentError

MAX_FILES = 200
_RESERVED = {"con", "prn", "aux", "nul", *(f"{name}{n}" for name in ("com", "lpt") for n in range(1, 10))}


def safe_name(name: str) -> str:
    """A plain file name made from what a client sent: no folders, no leading dot, no control or shell characters.

    Example: `safe_name("../../etc/My notes?.MD") == "My notes.md"`
    """
    last = re.split(r"[\\/]", unicodedata.normalize("NFC", name))[-1]
    kept = "".join(c if c.isalnum() or c in " ._-()+" or unicodedata.category(c) in ("Mn", "Mc") else "" for c in last)
    kept = re.sub(r"\s+", " ", kept).strip(" .")
    path = PurePosixPath(kept)
    suffix = path.suffix.lower()[:20]
    stem = kept[: -len(path.suffix)] if path.suffix else kept
    while len(stem.encode("utf-8")) > 150:
        stem = stem[:-1]
    stem = stem.strip(" .")
    if not stem or stem.casefold() in _RESERVED:
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        stem = f"{stem or 'document'}-{digest}"
    return f"{stem}{suffix}"


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """What may be uploaded; `ingest` has the last word on whether it can be read."""

    suffixes: tuple[str, ...]
    """In lower case, with the dot."""
    max_file_mb: int


def check(name: str, n_bytes: int, limits: Limits) -> None:
    """Raise DocumentError if a file of this name and size may not be uploaded."""
    suffix = PurePosixPath(safe_name(name)).suffix
    if suffix not in limits.suffixes:
        raise DocumentError(
            f"{safe_name(name)}: files of the type {suffix or '(none)'} are not taken",
            hint=f"Taken: {', '.join(limits.suffixes)}.",
        )
    if n_bytes > limits.max_file_mb * 1_000_000:
        raise DocumentError(
            f"{safe_name(name)}: {n_bytes / 1e6:.1f} MB is more than the limit of {limits.max_file_mb} MB",
            hint="Split the file, or raise ingest.max_file_mb.",
        )
    if n_bytes == 0:
        raise DocumentError(f"{safe_name(name)}: the file is empty", hint="Choose another file.")


def store_file(source: Path, name: str, folder: Path, limits: Limits, *, taken: Sequence[str] = ()) -> Path:
    """Copy an uploaded file into the folder; an earlier upload of the same name is replaced.

    Args:
        source: where the upload lies now.
        name: the name that the client gave.
        folder: the collection's folder of uploads.
        limits: which files are refused.
        taken: names that other files of the same upload have; a number keeps them apart.
    """
    check(name, source.stat().st_size, limits)
    target = _target(name, folder, taken)
    temporary = target.with_name(f".{target.name}.part")
    shutil.copyfile(source, temporary)
    temporary.replace(target)
    return target


def store_bytes(content: bytes, name: str, folder: Path, limits: Limits) -> Path:
    """Write an uploaded file's content into the folder; an earlier upload of the same name is replaced."""
    check(name, len(content), limits)
    target = _target(name, folder, ())
    temporary = target.with_name(f".{target.name}.part")
    temporary.write_bytes(content)
    temporary.replace(target)
    return target


def _target(name: str, folder: Path, taken: Sequence[str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    plain = PurePosixPath(safe_name(name))
    used = {other.casefold() for other in taken}
    candidate, number = plain.name, 2
    while candidate.casefold() in used:
        candidate = f"{plain.stem} ({number}){plain.suffix}"
        number += 1
    return folder / candidate
