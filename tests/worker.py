"""Ingests in processes that a test may kill: `Worker.start` runs one, `Worker.wait` says what came of it.

Starting Python and importing the libraries costs seconds, which a test with dozens of kills cannot spend each time. So
one process imports them and does nothing else, and each operation runs in a fork of it.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent


class Worker:
    """A process that forks one operation at a time. Use it as a context."""

    def __init__(self):
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.worker"], cwd=ROOT, env=environment, text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._reply() == {"ready": True}
        self.pid = 0
        """Of the operation that was started last."""

    def start(self, operation, home, names=()):
        """Begin `ingest`, `remove` or `rebuild` on the home's default collection; returns when it is running."""
        self._process.stdin.write(
            json.dumps({"operation": operation, "home": str(home), "names": [str(n) for n in names]}) + "\n"
        )
        self.pid = self._reply()["pid"]

    def wait(self):
        """What came of it: `killed`, `error` (class name and message) or `report` (counts), and `seconds`."""
        return self._reply()

    def run(self, operation, home, names=()):
        self.start(operation, home, names)
        return self.wait()

    def kill(self):
        """SIGKILL to the operation; nothing happens if it has ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def close(self):
        self._process.stdin.close()
        self._process.wait(timeout=120)
        self._process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _reply(self):
        line = self._process.stdout.readline()
        assert line, "the worker has died"
        return json.loads(line)


def _operate(request):
    from ingest import ingest_paths, rebuild, remove_documents
    from kb import Settings
    from kb.errors import KBError

    settings = Settings(home=Path(request["home"]))
    try:
        if request["operation"] == "ingest":
            report = ingest_paths([Path(name) for name in request["names"]], settings=settings)
        elif request["operation"] == "remove":
            report = remove_documents(request["names"], settings=settings)
        else:
            report = rebuild(settings=settings)
    except KBError as error:
        return {"error": [type(error).__name__, error.message, error.hint]}
    return {"report": {"entries": report.entries, "generation": report.generation, "embedded": report.embedded}}


def _fork(request):
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        code = 70
        try:
            os.write(writer, json.dumps(_operate(request)).encode())
            code = 0
        except BaseException as error:
            os.write(writer, json.dumps({"bug": f"{type(error).__name__}: {error}"}).encode())
        finally:
            os._exit(code)
    os.close(writer)
    return pid, reader


def _main():
    import bm25s  # noqa: F401 - imported here so that the forks need not
    import chromadb  # noqa: F401
    import datasketch  # noqa: F401
    import numpy  # noqa: F401

    import kb.backends.chroma
    import kb.backends.encoder_numpy
    import kb.lexical  # noqa: F401

    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    answers.write(json.dumps({"ready": True}) + "\n")
    for line in sys.stdin:
        started = time.monotonic()
        pid, reader = _fork(json.loads(line))
        answers.write(json.dumps({"pid": pid}) + "\n")
        with os.fdopen(reader, "rb") as handle:
            said = handle.read()
        _, status = os.waitpid(pid, 0)
        result = json.loads(said) if said else {"killed": os.waitstatus_to_exitcode(status)}
        answers.write(json.dumps({**result, "seconds": time.monotonic() - started}) + "\n")


if __name__ == "__main__":
    _main()
