"""A `kb serve` in a process of its own, for the benchmarks that ask it."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil

from eval.bench_homes import ROOT, child_env

_START_S = 180.0


class Server:
    """The running server."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, started: float) -> None:
        self.process = process
        self.url = url
        self.started = started
        """`time.perf_counter()` when the process was started."""

    def wait_for_page(self) -> float:
        """Seconds from the start of the process to the first page.

        Raises:
            RuntimeError: it ended, or does not come up.
        """
        while time.perf_counter() - self.started < _START_S:
            if self.process.poll() is not None:
                raise RuntimeError(f"kb serve ended with {self.process.returncode}")
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(self.url, timeout=10).status_code == 200:
                    return time.perf_counter() - self.started
            time.sleep(0.02)
        raise RuntimeError(f"{self.url} does not answer after {_START_S:.0f} s")

    def ask(self, client: httpx.Client, question: str) -> dict[str, Any]:
        """The answer of the endpoint /ask.

        Raises:
            RuntimeError: the server reported an error.
        """
        call = client.post(f"{self.url}/gradio_api/call/ask", json={"data": [question, [], ""]})
        call.raise_for_status()
        event = ""
        with client.stream("GET", f"{self.url}/gradio_api/call/ask/{call.json()['event_id']}") as stream:
            for line in stream.iter_lines():
                if line.startswith("event:"):
                    event = line.partition(":")[2].strip()
                elif line.startswith("data:") and event == "complete":
                    found: dict[str, Any] = json.loads(line.partition(":")[2])[0]
                    return found
                elif line.startswith("data:") and event == "error":
                    raise RuntimeError(f"the server says: {line}")
        raise RuntimeError("the stream ended without an answer")

    def memory_mib(self) -> float:
        """Memory of the server and its children."""
        root = psutil.Process(self.process.pid)
        return float(sum(p.memory_info().rss for p in [root, *root.children(recursive=True)]) / 2**20)


@contextlib.contextmanager
def serving(home: Path, model: str) -> Iterator[Server]:
    """A server over the home, on a free port; ended afterwards."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "kb", "--home", str(home), "serve", "--port", str(port), "--no-open"]
    environment = {**child_env(), "KB_EMBED_MODEL": model, "KB_LLM_BACKEND": "extractive"}
    with tempfile.TemporaryFile() as said:
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=said, stderr=said)
        try:
            yield Server(process, f"http://127.0.0.1:{port}", started)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
