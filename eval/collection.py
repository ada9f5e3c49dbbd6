"""The index that the project's sets are asked of: corpus/ in a cache folder, made anew when files or code change."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from eval.samples import CORPUS, ROOT
from ingest import ingest_paths
from kb.errors import EvalError
from kb.settings import Settings, StoreSettings

Progress = Callable[[str, int, int], None]
_Thing = TypeVar("_Thing")

KEPT = 6
"""Collections that stay in the cache."""
_CODE = ("ingest", "kb")


def cache_home() -> Path:
    """The folder of the eval's own indexes; deletable at any time."""
    import platformdirs  # deferred as in kb.settings

    return Path(platformdirs.user_cache_dir("kb", appauthor=False)) / "eval"


def corpus_collection(settings: Settings, *, home: Path | None = None, progress: Progress) -> Settings:
    """Settings of a collection that holds corpus/ as the present code ingests it.

    Raises:
        EvalError: corpus/ is not there, or a file of it was rejected.
    """
    if not CORPUS.is_dir():
        raise EvalError(
            f"{CORPUS}: not there", hint="The project's sets need a checkout; --data takes your own queries."
        )
    return ingested(CORPUS, "corpus", settings, home=home, progress=progress)


def ingested(folder: Path, name: str, settings: Settings, *, home: Path | None = None, progress: Progress) -> Settings:
    """Settings of a collection that holds this folder; made unless the same files and code made one before.

    The vectors of texts are kept across collections, in the home's cache, so only what changed is embedded.

    Raises:
        EvalError: a file was rejected.
    """
    home = home or cache_home()
    key = _fingerprint(folder, settings)
    # Always the embedded store: the eval leaves nothing on anybody's server.
    chosen = dataclasses.replace(settings, home=home, collection=f"{name}-{key[:16]}", store=StoreSettings())
    # The mark is written last: a run that was interrupted between ingest and check is done again.
    mark = home / chosen.collection / "EVAL"
    if not mark.is_file():
        report = ingest_paths([folder], settings=chosen, progress=progress)
        rejected = [f"{d.source}: {d.reason}" for d in report.documents if d.action == "rejected"]
        if rejected:
            raise EvalError(f"{len(rejected)} files were rejected; {rejected[0]}", hint="`kb parse FILE` shows why.")
        mark.write_text(key, "utf-8")
        _forget(home, keep=mark.parent)
    return chosen


def _fingerprint(folder: Path, settings: Settings) -> str:
    digest = hashlib.sha256(f"{settings.embed!r} {settings.ingest!r}".encode())
    code = (path for name in _CODE for path in (ROOT / name).rglob("*") if path.suffix in (".py", ".json", ".txt"))
    files = (path for path in folder.rglob("*") if path.is_file())
    for path in [*sorted(files), *sorted(code)]:
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _forget(home: Path, keep: Path) -> None:
    """Remove the oldest collections beyond those kept."""
    marks = sorted(home.glob("*/EVAL"), key=lambda path: path.stat().st_mtime, reverse=True)
    for mark in marks[KEPT:]:
        if mark.parent != keep:
            shutil.rmtree(mark.parent, ignore_errors=True)


def counted(step: str, things: Sequence[_Thing], progress: Progress) -> Iterator[_Thing]:
    """The things one by one, with the progress reported."""
    for done, thing in enumerate(things):
        progress(step, done, len(things))
        yield thing
    progress(step, len(things), len(things))
