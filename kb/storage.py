"""The home folder: collections, their generations, the one writer, and the switch from one generation to the next.

    home/<collection>/CURRENT        names the generation that readers open; replaced by rename, last of all
    home/<collection>/gen-000042/    one complete index that nobody changes any more, with manifest.json
    home/<collection>/lock           held by the one writer (flock), names it
    home/cache/                      deletable at any time

A writer works on a copy, `gen-000043.<random>.tmp`, and publishes it: check, manifest, fsync, rename, CURRENT. What a
crash leaves behind is named by no CURRENT, so nobody reads it, and the next writer removes it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import errno
import fcntl
import json
import os
import re
import secrets
import shutil
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kb.durable import copy_tree, home_error, home_errors, sync_folder, sync_tree, write_atomically
from kb.errors import HomeError, HomeLocked, IndexMismatch, IndexMissing

FORMAT = 1
"""Version of what lies in a generation; another one is rebuilt, not converted."""

_GENERATION = re.compile(r"gen-(\d{6,})")
_COLLECTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,47}")
_RESERVED = frozenset({"cache", "chats"})
_CURRENT, _LOCK, _MANIFEST, _IN_USE = "CURRENT", "lock", "manifest.json", ".inuse"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a generation holds; written last, so that a generation with a manifest is complete."""

    encoder: str
    """`Embedder.id` of its vectors."""
    dimension: int
    counts: Mapping[str, int]
    """Number of records by collection of the vector store."""
    parameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Whatever else changes the index, as JSON types."""
    server: str = ""
    """URL of the Chroma server that holds the vectors; empty if they are in the generation's folder."""
    generation: str = ""
    created: str = ""
    """UTC, ISO 8601."""
    format: int = FORMAT

    def require(self, encoder: str, dimension: int) -> None:
        """Pass if this encoder made the index.

        Raises:
            IndexMismatch: another one did.
        """
        if (self.encoder, self.dimension) != (encoder, dimension):
            raise IndexMismatch(
                f"The index was made by the encoder {self.encoder} ({self.dimension} dimensions), "
                f"and embed.model is {encoder} ({dimension})",
                hint="Run `kb rebuild` to make the index anew, or set embed.model back.",
            )


@dataclasses.dataclass(frozen=True, slots=True)
class Holder:
    """The process that writes to a collection."""

    pid: int
    command: str
    since: str
    host: str = ""


class Home:
    """The folder that holds everything that is kept."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def cache_path(self) -> Path:
        """Folder of what can be computed again."""
        return self.path / "cache"

    def collections(self) -> list[str]:
        """Names of the collections that have an index, sorted."""
        if not self.path.is_dir():
            return []
        return sorted(folder.name for folder in self.path.iterdir() if (folder / _CURRENT).is_file())

    def collection(self, name: str) -> CollectionFolder:
        """The collection's folder; it need not exist yet.

        Raises:
            HomeError: the name cannot be a folder's name.
        """
        if not _COLLECTION.fullmatch(name) or name.lower() in _RESERVED:
            raise HomeError(
                f"collection: {name!r} cannot be used as a name",
                hint="Use letters, digits, '-' and '_', at most 48 of them; 'cache' and 'chats' are taken.",
            )
        return CollectionFolder(self.path / name)


class Generation:
    """A complete index that is kept from deletion while it is open."""

    def __init__(self, path: Path, manifest: Manifest, handle: int | None) -> None:
        self.path = path
        self.manifest = manifest
        self._handle = handle

    @property
    def name(self) -> str:
        """gen-000042."""
        return self.path.name

    @property
    def chroma_path(self) -> Path:
        """Folder of the embedded vector store."""
        return self.path / "chroma"

    def close(self) -> None:
        """Let the generation be deleted when it is no longer kept."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class CollectionFolder:
    """One collection's generations."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[tuple[int, int, int], str | None] | None = None

    @property
    def name(self) -> str:
        """The collection's name."""
        return self.path.name

    def current(self) -> str | None:
        """Name of the generation to read, None before the first ingest; costs one stat while it stays the same.

        Raises:
            HomeError: CURRENT cannot be read or is damaged.
        """
        file = self.path / _CURRENT
        try:
            stat = file.stat()
            mark = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
            seen = self._seen
            if seen is not None and seen[0] == mark:
                return seen[1]
            name = file.read_text(encoding="ascii", errors="replace").strip()
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise home_error(file, exc) from exc
        if not _GENERATION.fullmatch(name):
            raise HomeError(f"{file} is damaged: it names no generation", hint="Run `kb rebuild`.")
        self._seen = (mark, name)
        return name

    def open(self) -> Generation:
        """The current generation, held until it is closed.

        Raises:
            IndexMissing: nothing was ingested yet.
            IndexMismatch: another version of this program wrote it.
            HomeError: it is damaged.
        """
        for _ in range(100):
            name = self.current()
            if name is None:
                raise IndexMissing(f"Nothing was ingested into {self.path} yet", hint="Run `kb ingest PATH...` first.")
            generation = self._hold(name)
            if generation is not None:
                return generation
            # CURRENT moved on between reading it and opening what it named.
            self._seen = None
        raise HomeError(f"{self.path}: {self.current()} is gone", hint="Run `kb rebuild`.")

    def writer(self, *, command: str = "", keep: int = 2, drop: Callable[[str], None] | None = None) -> Writer:
        """The right to write to the collection, until closed.

        Args:
            command: what the holder of the lock is called in the message that others get.
            keep: generations to keep, the current one included.
            drop: called with the name of each generation that is deleted, to remove what a server holds of it.

        Raises:
            HomeLocked: another process has it.
            HomeError: the home cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as exc:
            raise home_error(self.path, exc) from exc
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            os.close(handle)
            if exc.errno not in {errno.EWOULDBLOCK, errno.EACCES}:
                raise home_error(self.path, exc) from exc
            raise self._locked() from exc
        try:
            _describe_holder(handle, command)
            return Writer(self, handle, keep=max(1, keep), drop=drop)
        except BaseException:
            os.close(handle)
            raise

    def generations(self) -> list[str]:
        """Names of the complete generations, oldest first."""
        if not self.path.is_dir():
            return []
        names = [folder.name for folder in self.path.iterdir() if _GENERATION.fullmatch(folder.name)]
        return sorted((name for name in names if (self.path / name / _MANIFEST).is_file()), key=_number)

    def _hold(self, name: str) -> Generation | None:
        path = self.path / name
        handle: int | None = None
        try:
            handle = os.open(path / _IN_USE, os.O_RDONLY)
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            if os.fstat(handle).st_nlink > 0:
                return Generation(path, read_manifest(path), handle)
        except FileNotFoundError:
            if (path / _MANIFEST).is_file():
                return Generation(path, read_manifest(path), handle)
        except BlockingIOError:
            pass  # It is being deleted.
        except OSError as exc:
            raise home_error(path, exc) from exc
        except HomeError:
            if handle is not None:
                os.close(handle)
            raise
        if handle is not None:
            os.close(handle)
        return None

    def _locked(self) -> HomeLocked:
        holder = self.holder()
        hint = "Wait until it is done and run the command again."
        if holder is None:
            return HomeLocked(f"Another process is writing to {self.path}", hint=hint)
        host = f" on {holder.host}" if holder.host not in {"", socket.gethostname()} else ""
        who = f"{holder.command} (process {holder.pid}{host}, since {holder.since})"
        return HomeLocked(f"Another process is writing to {self.path}: {who}", hint=hint)

    def holder(self) -> Holder | None:
        """Who holds the lock, or held it when it was killed; None if nobody has said."""
        try:
            return Holder(**json.loads((self.path / _LOCK).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None


class Writer:
    """The right to write to a collection. Close it, or use it as a context."""

    def __init__(self, folder: CollectionFolder, handle: int, *, keep: int, drop: Callable[[str], None] | None) -> None:
        self.folder = folder
        self._handle: int | None = handle
        self._keep = keep
        self._drop = drop
        with home_errors(folder.path):
            self._recover()
            self.clean()

    def begin(self, *, copy: bool = True) -> Staging:
        """A new generation to work on, with the current one's files in it unless `copy` is false.

        Raises:
            HomeError: the disk is full, or the home cannot be written.
        """
        current = self.folder.current()
        numbers = [_number(folder.name) for folder in self.folder.path.iterdir() if folder.name.startswith("gen-")]
        name = f"gen-{max(numbers, default=0) + 1:06d}"
        path = self.folder.path / f"{name}.{secrets.token_hex(4)}.tmp"
        with home_errors(path):
            path.mkdir()
            try:
                if copy and current is not None:
                    copy_tree(self.folder.path / current, path, leave_out={_MANIFEST, _IN_USE})
            except BaseException:
                shutil.rmtree(path, ignore_errors=True)
                raise
        return Staging(self, name, path)

    def clean(self) -> None:
        """Remove what crashed runs left, and the generations beyond `keep` that nobody reads."""
        current = self.folder.current()
        for folder in list(self.folder.path.iterdir()):
            if folder.name.endswith(".tmp"):
                self._remove(folder)
        complete = self.folder.generations()
        for folder in list(self.folder.path.iterdir()):
            if not _GENERATION.fullmatch(folder.name) or folder.name == current:
                continue
            unpublished = current is None or _number(folder.name) > _number(current)
            if unpublished or folder.name not in complete:
                self._remove(folder)
        older = [name for name in complete if current is not None and _number(name) < _number(current)]
        for name in older[: len(older) - (self._keep - 1)] if len(older) >= self._keep else []:
            self._remove_unread(self.folder.path / name)

    def close(self) -> None:
        """Let the next writer in."""
        if self._handle is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._handle, 0)
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _recover(self) -> None:
        """Where CURRENT is lost but complete generations are there, the newest of them becomes current."""
        complete = self.folder.generations()
        if self.folder.current() is None and complete:
            write_atomically(self.folder.path / _CURRENT, complete[-1] + "\n")

    def _remove(self, folder: Path) -> None:
        match = _GENERATION.match(folder.name)
        if self._drop is not None and match is not None:
            self._drop(match.group(0))
        shutil.rmtree(folder)

    def _remove_unread(self, folder: Path) -> None:
        handle: int | None = None
        try:
            with contextlib.suppress(FileNotFoundError):
                handle = os.open(folder / _IN_USE, os.O_RDONLY)
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            doomed = folder.with_name(f"{folder.name}.{secrets.token_hex(4)}.tmp")
            folder.rename(doomed)
            self._remove(doomed)
        except BlockingIOError:
            return  # Somebody reads it; a later writer removes it.
        finally:
            if handle is not None:
                os.close(handle)


class Staging:
    """A generation in the making; nobody else sees it."""

    def __init__(self, writer: Writer, name: str, path: Path) -> None:
        self._writer = writer
        self.name = name
        self.path = path

    @property
    def chroma_path(self) -> Path:
        """Folder of the embedded vector store."""
        return self.path / "chroma"

    def publish(self, manifest: Manifest, *, verify: Callable[[Path, Mapping[str, int]], None] | None = None) -> str:
        """Make this the generation that readers open; returns its name. Everything in it must be closed.

        Args:
            manifest: what the generation holds; name and time are filled in.
            verify: called with the vector store's folder and the counts; raises if they do not agree.

        Raises:
            HomeError: the disk is full, or the home cannot be written; the old generation stays current.
        """
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        manifest = dataclasses.replace(manifest, generation=self.name, created=now)
        folder = self._writer.folder
        if verify is not None:
            verify(self.chroma_path, manifest.counts)
        with home_errors(self.path):
            (self.path / _IN_USE).touch()
            sync_tree(self.path)
            write_atomically(self.path / _MANIFEST, json.dumps(dataclasses.asdict(manifest), indent=2) + "\n")
            self.path.rename(folder.path / self.name)
            sync_folder(folder.path)
            write_atomically(folder.path / _CURRENT, self.name + "\n")
            self.path = folder.path / self.name
            self._writer.clean()
        return self.name

    def abandon(self) -> None:
        """Remove it; does nothing once it is published."""
        if self.path.name.endswith(".tmp"):
            shutil.rmtree(self.path, ignore_errors=True)


def read_manifest(path: Path) -> Manifest:
    """The manifest of the generation in this folder.

    Raises:
        HomeError: it is missing or damaged.
        IndexMismatch: another version of this program wrote it.
    """
    file = path / _MANIFEST
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        found = int(values["format"])
        if found != FORMAT:
            raise IndexMismatch(
                f"{path} has format {found}, and this version reads format {FORMAT}", hint="Run `kb rebuild`."
            )
        names = {field.name for field in dataclasses.fields(Manifest)}
        return Manifest(**{name: value for name, value in values.items() if name in names})
    except OSError as exc:
        raise home_error(file, exc) from exc
    except (ValueError, KeyError, TypeError) as exc:
        raise HomeError(f"{file} is damaged: {exc}", hint="Run `kb rebuild`.") from exc


def _describe_holder(handle: int, command: str) -> None:
    now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    holder = Holder(os.getpid(), command or " ".join(sys.argv) or "python", now, socket.gethostname())
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps(dataclasses.asdict(holder)).encode(), 0)


def _number(name: str) -> int:
    match = _GENERATION.match(name)
    return int(match.group(1)) if match else 0
