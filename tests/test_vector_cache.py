"""The cache of vectors: never wrong, at worst empty."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.backends.memory import HashEmbedder
from kb.errors import HomeError
from kb.vector_cache import CachedEmbedder, VectorCache

ROOT = Path(__file__).parents[1]
DIMENSION = 8


def cache(folder: Path) -> VectorCache:
    return VectorCache(folder, encoder="test/encoder:1", dimension=DIMENSION)


def vectors(texts) -> np.ndarray:
    return HashEmbedder(DIMENSION).embed(texts)


def holds(which: VectorCache, texts) -> bool:
    found = which.get(texts)
    known = vectors(texts)
    return len(found) == len(texts) and all(np.array_equal(found[n], known[n]) for n in range(len(texts)))


def test_gives_back_exactly_what_was_put(tmp_path):
    texts = ["", "one", "zwei äöü", "x" * 10_000, "lone \ud800 surrogate"]
    writer = cache(tmp_path)
    assert writer.get(texts) == {} and len(writer) == 0
    assert not list(tmp_path.iterdir()), "reading makes no files"
    writer.put(texts, vectors(texts))
    assert holds(writer, texts) and len(writer) == len(texts)
    assert holds(cache(tmp_path), texts)
    assert list(cache(tmp_path).get(["unknown", "one"])) == [1]


def test_encoders_do_not_share(tmp_path):
    cache(tmp_path).put(["one"], vectors(["one"]))
    assert VectorCache(tmp_path, encoder="test/encoder:2", dimension=DIMENSION).get(["one"]) == {}
    assert VectorCache(tmp_path, encoder="test/encoder:1", dimension=16).get(["one"]) == {}


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, 400), which=st.sampled_from(["keys", "vectors"]), fresh=st.booleans())
def test_a_torn_tail_costs_only_its_own_rows(tmp_path_factory, cut, which, fresh):
    folder = tmp_path_factory.mktemp("cache")
    texts = [f"text {n}" for n in range(20)]
    writer = cache(folder)
    writer.put(texts, vectors(texts))
    file = writer.path / which
    size = file.stat().st_size
    os.truncate(file, max(0, size - cut))
    left = cache(folder) if fresh else writer
    row_bytes = 20 if which == "keys" else DIMENSION * 4
    whole = max(0, size - cut) // row_bytes
    assert sorted(left.get(texts)) == list(range(whole))
    left.put(["after"], vectors(["after"]))
    assert holds(left, [*texts[:whole], "after"])
    assert holds(cache(folder), [*texts[:whole], "after"])


@settings(max_examples=40, deadline=None)
@given(position=st.integers(0, 10 * DIMENSION * 4 - 1), bit=st.integers(0, 7))
def test_a_damaged_vector_counts_as_not_there(tmp_path_factory, position, bit):
    folder = tmp_path_factory.mktemp("cache")
    texts = [f"text {n}" for n in range(10)]
    writer = cache(folder)
    writer.put(texts, vectors(texts))
    data = bytearray((writer.path / "vectors").read_bytes())
    data[position] ^= 1 << bit
    (writer.path / "vectors").write_bytes(data)
    reader = cache(folder)
    bad = position // (DIMENSION * 4)
    assert sorted(reader.get(texts)) == [n for n in range(10) if n != bad]
    reader.put([texts[bad]], vectors([texts[bad]]))
    assert holds(reader, texts)


def test_may_be_deleted_while_in_use(tmp_path):
    writer = cache(tmp_path)
    writer.put(["one"], vectors(["one"]))
    assert holds(writer, ["one"])
    for file in writer.path.iterdir():
        file.unlink()
    writer.path.rmdir()
    assert writer.get(["one"]) == {}
    writer.put(["two"], vectors(["two"]))
    assert holds(writer, ["two"]) and writer.get(["one"]) == {}


def start_together(folder: Path) -> None:
    """Return in all three processes at about the same moment."""
    (folder / f"ready-{os.getpid()}").touch()
    while len(list(folder.glob("ready-*"))) < 3:
        time.sleep(0.001)


def test_deleted_and_made_anew_by_another(tmp_path):
    mine, other = cache(tmp_path), cache(tmp_path)
    mine.put(["one"], vectors(["one"]))
    assert holds(mine, ["one"])
    keep = (mine.path / "keys").open()  # its inode is not used again
    for file in mine.path.iterdir():
        file.unlink()
    other.put(["two", "three"], vectors(["two", "three"]))
    assert holds(mine, ["two", "three"]) and mine.get(["one"]) == {}
    keep.close()


def test_two_processes_and_several_threads_write_at_once(tmp_path):
    code = (
        "import sys; sys.path.insert(0, 'tests'); from pathlib import Path; import test_vector_cache as t\n"
        "c = t.cache(Path(sys.argv[1])); t.start_together(Path(sys.argv[1]))\n"
        "for n in range(300):\n"
        "    texts = [f'{sys.argv[2]} {n} {m}' for m in range(7)]; c.put(texts, t.vectors(texts))\n"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name], cwd=ROOT) for name in ("left", "right")
    ]
    shared = cache(tmp_path)

    def write(name):
        for n in range(100):
            texts = [f"{name} {n} {m}" for m in range(7)]
            shared.put(texts, vectors(texts))
            assert holds(shared, texts)

    threads = [threading.Thread(target=write, args=(name,)) for name in ("up", "down")]
    start_together(tmp_path)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [child.wait() for child in children] == [0, 0]
    texts = [f"{name} {n} {m}" for name in ("up", "down") for n in range(100) for m in range(7)]
    texts += [f"{name} {n} {m}" for name in ("left", "right") for n in range(300) for m in range(7)]
    assert holds(shared, texts) and holds(cache(tmp_path), texts)


def test_a_kill_in_mid_write_loses_nothing_that_was_finished(tmp_path):
    code = (
        "import sys; sys.path.insert(0, 'tests'); from pathlib import Path; import test_vector_cache as t\n"
        "c = t.cache(Path(sys.argv[1])); n = int(sys.argv[2])\n"
        "while True:\n"
        "    texts = [f'{n} {m}' for m in range(50)]; c.put(texts, t.vectors(texts)); print(n, flush=True); n += 1\n"
    )
    done = -1
    for _ in range(4):
        child = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), str(done + 1)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(0.05)
        child.kill()
        done = max([done + 1, *map(int, child.stdout.read().split())])
        child.stdout.close()
        child.wait()
        assert holds(cache(tmp_path), [f"{n} {m}" for n in range(done + 1) for m in range(50)])


def test_embeds_each_text_once(tmp_path):
    encoder = HashEmbedder(DIMENSION)
    embedder = CachedEmbedder(encoder, VectorCache(tmp_path, encoder=encoder.id, dimension=DIMENSION))
    texts = ["b", "a a", "b", "", "c c c"]
    assert np.array_equal(embedder.embed(texts), HashEmbedder(DIMENSION).embed(texts))
    assert (embedder.hits, embedder.misses, encoder.texts_embedded) == (0, 4, 4)
    assert np.array_equal(embedder.embed([*texts, "new"]), HashEmbedder(DIMENSION).embed([*texts, "new"]))
    assert (embedder.hits, embedder.misses, encoder.texts_embedded) == (5, 5, 5)
    assert embedder.embed([]).shape == (0, DIMENSION)
    assert (embedder.id, embedder.dimension, embedder.max_tokens) == (encoder.id, DIMENSION, encoder.max_tokens)


def test_reports_progress_and_keeps_finished_blocks(tmp_path):
    """What was embedded before a failure is not embedded again."""
    encoder = HashEmbedder(DIMENSION)
    seen: list[int] = []

    def progress(count: int) -> None:
        seen.append(count)
        if len(seen) == 2:
            raise KeyboardInterrupt

    store = VectorCache(tmp_path, encoder=encoder.id, dimension=DIMENSION)
    texts = [f"text number {n}" for n in range(3_000)]
    with pytest.raises(KeyboardInterrupt):
        CachedEmbedder(encoder, store, progress=progress).embed(texts)
    again = CachedEmbedder(encoder, store)
    again.embed(texts)
    assert again.hits == sum(seen) > 0
    assert encoder.texts_embedded == len(texts)


def test_a_folder_that_cannot_be_made_is_reported(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(HomeError):
        cache(tmp_path / "file").put(["one"], vectors(["one"]))


def test_ten_thousand_lookups_cost_little_against_reading_the_same_bytes(tmp_path):
    """A ratio, not milliseconds: looking up all rows may cost a few times what hashing the texts alone costs."""
    import hashlib

    texts = [f"text {n} " * 20 for n in range(10_000)]
    store = VectorCache(tmp_path, encoder="e", dimension=384)
    store.put(texts, np.ones((len(texts), 384), dtype=np.float32))
    started = time.perf_counter()
    for text in texts:
        hashlib.blake2b(text.encode(), digest_size=16).digest()
    floor = time.perf_counter() - started
    fresh = VectorCache(tmp_path, encoder="e", dimension=384)
    started = time.perf_counter()
    assert len(fresh.get(texts)) == len(texts)
    assert time.perf_counter() - started < 30 * floor
