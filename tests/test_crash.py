"""Killed at any instant, on a full disk, in a read-only home: the last good index answers, the next run mends."""

import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

from kb import KnowledgeBase, Settings
from kb.storage import Home, read_manifest
from kb.wiring import store_access
from tests.conftest import OTHER_FAQ, SMALL_FAQ
from tests.worker import ROOT, Worker

KILLS = 6
"""In `make test`; `make soak` has the rest."""
SOAK_KILLS = 200
# What appears in the collection's folder one after the other while a generation is made.
STAGES = (
    "lock",
    "gen-*.tmp",
    "gen-*.tmp/chroma/chroma.sqlite3",
    "gen-*.tmp/catalogue.sqlite",
    "gen-*.tmp/rows.npz",
    "gen-*.tmp/manifest.json",
)
CYCLE = ("ingest", "remove", "rebuild")
N_SMALL, N_BOTH = 4, 6


@pytest.fixture(scope="module")
def worker():
    with Worker() as worker:
        yield worker


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    folder = tmp_path_factory.mktemp("crash-documents")
    (folder / "tea.md").write_text(SMALL_FAQ, "utf-8")
    (folder / "store.txt").write_text(OTHER_FAQ, "utf-8")
    return folder


@pytest.fixture(scope="module")
def clean(worker, documents, tmp_path_factory):
    """What clean runs make of one document and of both, by the number of entries."""
    home = tmp_path_factory.mktemp("clean") / "home"
    run(worker, "ingest", home, [documents / "tea.md"])
    small = index_contents(home)
    run(worker, "ingest", home, [documents])
    return {N_SMALL: small, N_BOTH: index_contents(home)}


def run(worker, operation, home, names):
    result = worker.run(operation, home, names)
    assert "report" in result, result
    return result


def index_contents(home):
    """Everything that the current generation holds, as one value: derived files, and Chroma's records with vectors."""
    settings = Settings(home=home)
    with Home(home).collection("default").open() as generation:
        manifest = read_manifest(generation.path)
        database = sqlite3.connect(f"file:{generation.path / 'catalogue.sqlite'}?mode=ro&immutable=1", uri=True)
        with contextlib.closing(database):
            dump = list(database.iterdump())
        store = store_access(settings).open(generation.chroma_path)
        try:
            records, vectors = {}, {}
            for name in store.collections():
                records[name] = sorted((r.id, r.text, sorted(r.metadata.items())) for r in store.get(name))
                vectors[name] = store.vectors(name, [key for key, _, _ in records[name]])
                for key, vector in zip((r[0] for r in records[name]), vectors[name], strict=True):
                    assert any(n.similarity > 0.999 for n in store.query(name, vector, 1)), f"{key} is not found"
        finally:
            store.close()
        arrays = {
            name: np.load(generation.path / name).astype(np.float32) for name in ("questions.npy", "passages.npy")
        }
        words = (generation.path / "words.json").read_text("utf-8")
        return {
            "same": (manifest.parameters["contents"], dict(manifest.counts), dump, records, words),
            "near": {**vectors, **arrays},
        }


def assert_same_index(found, expected):
    assert found["same"] == expected["same"]
    assert found["near"].keys() == expected["near"].keys()
    for name, vectors in expected["near"].items():
        np.testing.assert_allclose(found["near"][name], vectors, atol=2e-3, err_msg=name)


class Reader:
    """Asks all the time, in threads of its own; keeps what went wrong."""

    def __init__(self, home, n_entries):
        self._kb = KnowledgeBase.open(Settings(home=home))
        self._allowed = n_entries
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._read, args=(n,)) for n in range(2)]
        self.asked = 0
        self.faults = []

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
        self._kb.close()

    def _read(self, number):
        while not self._stop.is_set():
            try:
                if number == 0:
                    answer = self._kb.ask("How long should green tea steep?")
                    if "2 minutes" not in answer.text:
                        self.faults.append(f"the answer was {answer.text!r}")
                else:
                    entries = self._kb.entries()
                    if len(entries) not in self._allowed:
                        self.faults.append(f"{len(entries)} entries")
                    if len(self._kb.search("green tea leaves", limit=3)) != 3:
                        self.faults.append("hits are missing")
            except BaseException as error:  # whatever it is, a reader should not have seen it
                self.faults.append(f"{type(error).__name__}: {error}")
            self.asked += 1
            time.sleep(0.01)


def wait_for_stage(worker, folder, stage, seconds):
    """Return when the stage's file is there, or the time is over."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and not any(folder.glob(stage)):
        time.sleep(0.001)


def crash_and_repair(start, documents, home, clean, kills, seed):
    """Kills operations at random instants, runs each again to its end, and compares; returns how many were killed."""
    rng = random.Random(seed)
    killed = 0
    folder = home / "default"
    for n in range(kills):
        operation = CYCLE[n % len(CYCLE)]
        names = {"ingest": [documents], "remove": ["store.txt"], "rebuild": []}[operation]
        expected = N_BOTH if operation == "ingest" else N_SMALL
        process = start(operation, home, names)
        wait_for_stage(process, folder, rng.choice(STAGES), 20)
        time.sleep(rng.choice((0, 0.003, 0.03, 0.3)) * rng.random())
        process.kill()
        first = process.wait()
        killed += "killed" in first
        again = start(operation, home, names).wait()
        done_before_the_kill = operation == "remove" and again.get("error", ("",))[0] == "DocumentError"
        assert "report" in again or done_before_the_kill, (operation, first, again)
        assert_same_index(index_contents(home), clean[expected])
        assert not list(folder.glob("*.tmp")), "what the crash left was not removed"
    return killed


def test_killed_at_random_instants(worker, documents, clean, tmp_path):
    home = tmp_path / "home"
    run(worker, "ingest", home, [documents / "tea.md"])

    def start(operation, home, names):
        worker.start(operation, home, names)
        return worker

    with Reader(home, {N_SMALL, N_BOTH}) as reader:
        killed = crash_and_repair(start, documents, home, clean, KILLS, seed=random.randrange(1000))
    assert reader.faults == []
    assert reader.asked > KILLS
    assert killed >= KILLS // 2, "most should have been killed before they were done"


class Command:
    """`kb` as users start it."""

    def __init__(self, operation, home, names):
        command = [sys.executable, "-m", "kb", "--home", str(home), operation, *map(str, names)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def kill(self):
        self._process.kill()

    def wait(self):
        _, said = self._process.communicate(timeout=300)
        if self._process.returncode < 0:
            return {"killed": self._process.returncode}
        if "no such document in the index" in said:
            return {"error": ["DocumentError", said, ""]}
        return {"report": {}} if self._process.returncode == 0 else {"error": ["?", said, ""]}


@pytest.mark.soak
@pytest.mark.timeout(5400)
def test_commands_killed_at_200_instants(worker, documents, clean, tmp_path):
    home = tmp_path / "home"
    run(worker, "ingest", home, [documents / "tea.md"])
    with Reader(home, {N_SMALL, N_BOTH}) as reader:
        killed = crash_and_repair(Command, documents, home, clean, SOAK_KILLS, seed=7)
    assert reader.faults == []
    assert killed > SOAK_KILLS // 2


def test_killed_before_there_is_any_index(worker, documents, clean, tmp_path):
    """The first ingest has no good index to fall back on: until it is whole there is none."""
    home = tmp_path / "home"
    for stage in STAGES[2:]:
        worker.start("ingest", home, [documents])
        wait_for_stage(worker, home / "default", stage, 20)
        worker.kill()
        if "report" in worker.wait():
            break
        with KnowledgeBase.open(Settings(home=home)) as kb:
            assert kb.entries() == []
    run(worker, "ingest", home, [documents])
    assert_same_index(index_contents(home), clean[N_BOTH])


# A disk of a few MB, and one that cannot be written to, mounted for one process alone.

IN_NAMESPACE = textwrap.dedent(
    """
    set -e
    mount -t tmpfs -o size={size} tmpfs {place}
    cp -r {source}/. {place}/
    {then}
    set +e
    {python} -m kb --home {place} ingest {documents} > {out}/ingest 2>&1
    echo $? > {out}/code
    {python} -m kb --home {place} search "green tea" --json > {out}/search 2>&1
    echo $? > {out}/search-code
    rm -rf {place}/default/*.tmp 2> /dev/null
    cp -r {place}/. {out}/home
    """
)


def unshare():
    """The command that gives a process mounts of its own, or a skip."""
    if shutil.which("unshare"):
        for command in (["unshare", "-m"], ["unshare", "-Urm"]):
            probe = subprocess.run(
                [*command, "sh", "-c", "mount -t tmpfs tmpfs /mnt"], capture_output=True, check=False
            )
            if probe.returncode == 0:
                return command
    pytest.skip("mounts cannot be made here")
    raise AssertionError


def in_small_mount(tmp_path, home, documents, *, size, then):
    """Exit code, output, home of a `kb ingest` in a mount that holds a copy of `home`; and whether a search worked."""
    place, out = tmp_path / "mount", tmp_path / "out"
    place.mkdir()
    (out / "home").mkdir(parents=True)
    script = IN_NAMESPACE.format(
        size=size,
        place=place,
        source=home,
        documents=documents,
        out=out,
        then=then.format(place=place),
        python=sys.executable,
    )
    subprocess.run([*unshare(), "sh", "-c", script], cwd=ROOT, check=True, timeout=280, capture_output=True)
    found = (out / "search").read_text("utf-8")
    assert (out / "search-code").read_text().strip() == "0", found
    assert "green tea" in found
    return int((out / "code").read_text()), (out / "ingest").read_text("utf-8"), out / "home"


@pytest.fixture
def small_home(worker, documents, tmp_path):
    home = tmp_path / "good"
    run(worker, "ingest", home, [documents / "tea.md"])
    return home


def pages_kb(folder):
    """What a copy of the folder takes in memory, by whole pages."""
    return 4 * sum(1 + file.stat().st_size // 4096 for file in folder.rglob("*"))


@pytest.mark.parametrize("room_kb", [40, 400])
def test_full_disk(small_home, documents, clean, tmp_path, room_kb):
    """With less room than a second generation needs, the message says so and the last good index answers."""
    size = f"{pages_kb(small_home) + room_kb}k"
    code, said, after = in_small_mount(tmp_path, small_home, documents, size=size, then="")
    assert code == 1, said
    assert "Traceback" not in said
    assert "free some" in said.lower()
    assert_same_index(index_contents(after), clean[N_SMALL])


def test_read_only_home(small_home, documents, clean, tmp_path):
    code, said, after = in_small_mount(tmp_path, small_home, documents, size="100m", then="mount -o remount,ro {place}")
    assert code == 1, said
    assert "Traceback" not in said
    assert "read-only" in said.lower()
    assert "--home" in said
    assert_same_index(index_contents(after), clean[N_SMALL])
