"""Check of a finished embedded store, in a process of its own: a damaged store can crash whoever opens it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from kb.errors import KBError, StoreError

_SAMPLES = 16
_TIMEOUT_S = 300.0


def verify_index(path: Path, counts: Mapping[str, int]) -> None:
    """Pass if the store at this path opens, holds these numbers of records, and finds its own records.

    Raises:
        StoreError: it does not.
    """
    request = json.dumps({"path": str(path), "counts": dict(counts)})
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    try:
        child = subprocess.run(
            [sys.executable, "-m", "kb.backends.chroma_probe"],
            input=request,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise StoreError(f"Chroma at {path}: cannot be checked: {exc}", hint="Run the command again.") from exc
    if child.returncode != 0:
        last = (child.stdout.strip() or child.stderr.strip() or "no message").splitlines()[-1]
        ended = f"signal {-child.returncode}" if child.returncode < 0 else f"exit {child.returncode}"
        raise StoreError(
            f"Chroma at {path}: the check failed ({ended}): {last}",
            hint="Nothing was published. Run the command again; if it fails again, run `kb rebuild`.",
        )


def check(path: Path, counts: Mapping[str, int]) -> str:
    """What is wrong with the store, or an empty text."""
    from kb.backends.chroma import ChromaStore

    store = ChromaStore.open(path)
    try:
        for collection, expected in counts.items():
            found = store.count(collection)
            if found != expected:
                return f"{collection} holds {found} records instead of {expected}"
            for key in store.sample(collection, _SAMPLES):
                vector = store.vectors(collection, [key])[0]
                nearest = store.query(collection, vector, 3)
                # Records with equal vectors may crowd the sample out; then the best one is as near as itself.
                if not nearest or (nearest[0].similarity < 0.99 and key not in {n.id for n in nearest}):
                    return f"{collection} does not find its own record {key}"
    finally:
        store.close()
    return ""


def _main() -> int:
    request = json.load(sys.stdin)
    try:
        fault = check(Path(request["path"]), request["counts"])
    except KBError as exc:
        fault = exc.message
    sys.stdout.write(fault + "\n" if fault else "")
    return 1 if fault else 0


if __name__ == "__main__":
    sys.exit(_main())
