"""Files that survive a crash: copies, atomic replacement, fsync, and the system's errors in words a user can act on."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

from kb.errors import HomeError

_HINTS = {
    errno.ENOSPC: "The disk is full: free some space and run the command again. The last good index is untouched.",
    errno.EDQUOT: "The disk quota is used up: free some space and run the command again.",
    errno.EROFS: "The file system is read-only: choose another home with --home or KB_HOME.",
    errno.EACCES: "Make the folder writable for you, or choose another home with --home or KB_HOME.",
    errno.EPERM: "Make the folder writable for you, or choose another home with --home or KB_HOME.",
    errno.ENOTDIR: "A file is in the way: choose another home with --home or KB_HOME.",
    errno.EEXIST: "A file is in the way: choose another home with --home or KB_HOME.",
}


@contextlib.contextmanager
def home_errors(path: Path) -> Iterator[None]:
    """Turns the system's errors about the home into HomeError."""
    try:
        yield
    except OSError as exc:
        raise home_error(path, exc) from exc


def home_error(path: Path, error: OSError) -> HomeError:
    """The error with what to do about it."""
    where = error.filename or path
    hint = _HINTS.get(error.errno or 0, "Check the folder, or choose another home with --home or KB_HOME.")
    return HomeError(f"{where}: {error.strerror or error}", hint=hint)


def write_atomically(file: Path, text: str) -> None:
    """Replace the file's content; after a crash it is the old or the new one."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        with temporary.open("w", encoding="utf-8") as handle:
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(file.parent)


def copy_tree(source: Path, target: Path, *, leave_out: set[str]) -> None:
    """Copy a folder's files into another one; shares blocks where the file system can, never inodes."""
    for folder, _, files in os.walk(source):
        relative = Path(folder).relative_to(source)
        (target / relative).mkdir(exist_ok=True)
        for name in files:
            if name not in leave_out:
                _copy_file(Path(folder) / name, target / relative / name)


def _copy_file(source: Path, target: Path) -> None:
    if not hasattr(os, "copy_file_range"):
        shutil.copyfile(source, target)
        return
    with source.open("rb") as reader, target.open("wb") as writer:
        left = os.fstat(reader.fileno()).st_size
        try:
            while left > 0:
                copied = os.copy_file_range(reader.fileno(), writer.fileno(), left)
                if copied == 0:
                    break
                left -= copied
        except OSError as exc:
            if exc.errno not in {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}:
                raise
            reader.seek(0)
            writer.seek(0)
            writer.truncate()
            shutil.copyfileobj(reader, writer, 1 << 20)


def sync_tree(path: Path) -> None:
    """Wait until the folder and everything in it is on the disk."""
    for folder, _, files in os.walk(path):
        for name in files:
            handle = os.open(Path(folder) / name, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        sync_folder(Path(folder))


def sync_folder(path: Path) -> None:
    """Wait until the folder's names are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
