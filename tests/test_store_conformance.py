"""What every vector store does, asked of all of them: the one in memory, embedded Chroma, and a Chroma server."""

from __future__ import annotations

import inspect
import itertools
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kb.backends.memory import HashEmbedder, MemoryStore
from kb.errors import StoreError
from kb.ports import Record, VectorStore

_names = (f"test-{n:04d}-passages" for n in itertools.count())


@pytest.fixture(scope="module")
def server_url(tmp_path_factory):
    """URL of a `chroma run` server of our own, on a free port of the loopback interface."""
    program = shutil.which("chroma") or str(Path(sys.executable).parent / "chroma")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("server")
    with (folder / "log").open("wb") as log:
        command = [program, "run", "--path", str(folder / "data"), "--host", "127.0.0.1", "--port", str(port)]
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
        try:
            for _ in range(300):
                with socket.socket() as client:
                    if client.connect_ex(("127.0.0.1", port)) == 0:
                        break
                assert process.poll() is None, (folder / "log").read_text()
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=20)


@pytest.fixture(scope="module", params=["memory", "chroma", pytest.param("server", marks=pytest.mark.server)])
def store(request, tmp_path_factory):
    if request.param == "memory":
        made: VectorStore = MemoryStore()
    else:
        from kb.backends.chroma import ChromaStore

        if request.param == "chroma":
            made = ChromaStore.open(tmp_path_factory.mktemp("embedded") / "chroma")
        else:
            made = ChromaStore.connect(request.getfixturevalue("server_url"))
    yield made
    made.close()


@pytest.fixture
def name(store):
    """An empty collection."""
    fresh = next(_names)
    store.create(fresh)
    yield fresh
    store.drop(fresh)


def unit(seed: int, rows: int, dimension: int = 16) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(rows, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def records(count: int, prefix: str = "r") -> list[Record]:
    return [Record(f"{prefix}{n:05d}", f"text {n}", {"n": n, "source": "a.md"}) for n in range(count)]


def test_is_a_vector_store(store):
    assert isinstance(store, VectorStore)


def test_keeps_what_it_was_given(store, name):
    given_records = [
        Record("a", "Ünïcödé → 漢字 🦊\n```py\nx = 1\n```", {"s": "é", "i": -3, "f": 0.5, "b": True}),
        Record("b", "", {}),
        Record("c/ü:1", "x" * 20_000, {"long": "y" * 5_000}),
    ]
    vectors = unit(0, 3)
    store.upsert(name, given_records, vectors)
    assert store.get(name) == given_records
    assert store.count(name) == 3
    assert np.allclose(store.vectors(name, ["c/ü:1", "a"]), vectors[[2, 0]], atol=1e-6)


def test_upsert_replaces_text_metadata_and_vector_whole(store, name):
    """Chroma merges metadata on upsert, so keys of the old version would stay; and it skips a text of None."""
    store.upsert(name, [Record("a", "old", {"x": 1, "y": 2}), Record("b", "b", {})], unit(1, 2))
    new = unit(2, 1)
    store.upsert(name, [Record("a", "", {"y": 3})], new)
    assert store.get(name, ["a"]) == [Record("a", "", {"y": 3})]
    assert np.allclose(store.vectors(name, ["a"]), new, atol=1e-6)
    store.upsert(name, [Record("a", "newer", {})], new)
    assert store.get(name, ["a"]) == [Record("a", "newer", {})]
    assert store.count(name) == 2


def test_of_equal_ids_in_one_call_the_last_counts(store, name):
    vectors = unit(3, 3)
    store.upsert(name, [Record("a", "1", {}), Record("b", "2", {}), Record("a", "3", {})], vectors)
    assert [record.text for record in store.get(name)] == ["3", "2"]
    assert np.allclose(store.vectors(name, ["a"]), vectors[2:], atol=1e-6)


def test_get_keeps_the_order_asked_for_and_leaves_out_what_is_not_there(store, name):
    given_records = records(5)
    store.upsert(name, given_records, unit(4, 5))
    wanted = ["r00003", "nowhere", "r00001", "r00003"]
    assert [record.id for record in store.get(name, wanted)] == ["r00003", "r00001", "r00003"]
    assert store.get(name, []) == []
    assert [record.id for record in store.get(name)] == [record.id for record in given_records]


def test_delete_passes_over_unknown_ids(store, name):
    store.upsert(name, records(4), unit(5, 4))
    store.delete(name, ["r00002", "nowhere", "r00002"])
    store.delete(name, [])
    assert [record.id for record in store.get(name)] == ["r00000", "r00001", "r00003"]
    assert "r00002" not in {found.id for found in store.query(name, unit(5, 4)[2], 10)}


def test_an_empty_collection_answers(store, name):
    assert store.count(name) == 0
    assert store.get(name) == []
    assert store.query(name, unit(6, 1)[0], 5) == []
    store.delete(name, ["a"])
    store.upsert(name, [], np.zeros((0, 16), dtype=np.float32))
    assert store.vectors(name, []).shape[0] == 0


def test_similarity_is_the_cosine_and_best_comes_first(store, name):
    axes = np.eye(4, dtype=np.float32)
    halfway = np.array([1, 1, 0, 0], dtype=np.float32) / np.sqrt(2, dtype=np.float32)
    given_vectors = np.stack([axes[0], axes[1], -axes[0], halfway])
    store.upsert(name, [Record(key, "", {}) for key in ("same", "across", "opposite", "between")], given_vectors)
    found = store.query(name, axes[0], 4)
    assert [hit.id for hit in found] == ["same", "between", "across", "opposite"]
    assert [hit.similarity for hit in found] == pytest.approx([1, 0.70710678, 0, -1], abs=1e-5)
    assert len(store.query(name, axes[0], 2)) == 2
    assert store.query(name, axes[0], 0) == []
    assert len(store.query(name, axes[0], 100)) == 4


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), rows=st.integers(1, 60), limit=st.integers(1, 12))
def test_search_is_exact_on_small_sets(store, seed, rows, limit):
    name = next(_names)
    store.create(name)
    vectors, asked = unit(seed, rows), unit(seed + 1, 1)[0]
    store.upsert(name, records(rows), vectors)
    cosines = vectors @ asked
    best = sorted(range(rows), key=lambda row: -cosines[row])[:limit]
    found = store.query(name, asked, limit)
    assert [hit.similarity for hit in found] == pytest.approx([float(cosines[row]) for row in best], abs=1e-4)
    store.drop(name)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200),
    value=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=50),
)
def test_any_text_comes_back_as_it_went_in(store, text, value):
    name = next(_names)
    store.create(name)
    store.upsert(name, [Record("a", text, {"v": value})], unit(7, 1))
    assert store.get(name) == [Record("a", text, {"v": value})]
    store.drop(name)


def test_more_records_than_one_call_takes(store, name):
    """Chroma refuses more than 5461 records in a call, and pages have an end."""
    count = 6_000
    vectors = unit(8, count, 4)
    store.upsert(name, records(count), vectors)
    assert store.count(name) == count
    everything = store.get(name)
    assert [record.id for record in everything] == [f"r{n:05d}" for n in range(count)]
    ids = [f"r{n:05d}" for n in range(0, count, 2)]
    assert np.allclose(store.vectors(name, ids), vectors[::2], atol=1e-5)
    store.delete(name, ids)
    assert store.count(name) == count // 2


def test_faults_are_store_errors(store, name):
    store.upsert(name, records(2), unit(9, 2))
    with pytest.raises(StoreError):
        store.count("no-such-collection")
    with pytest.raises(StoreError, match="nowhere"):
        store.vectors(name, ["r00000", "nowhere"])
    with pytest.raises(StoreError):
        store.upsert(name, records(2), unit(9, 3))
    with pytest.raises(StoreError):
        store.upsert(name, records(2), unit(9, 2, dimension=8))


def test_create_and_drop_may_be_repeated(store, name):
    store.upsert(name, records(2), unit(10, 2))
    store.create(name)
    assert store.count(name) == 2
    assert name in store.collections()
    store.drop(name)
    store.drop(name)
    assert name not in store.collections()
    store.create(name)
    assert store.count(name) == 0


def test_closing_twice_is_fine_and_a_closed_store_says_so(store, tmp_path, request):
    kind = request.node.callspec.params["store"]
    if kind == "memory":
        other: VectorStore = MemoryStore()
    else:
        from kb.backends.chroma import ChromaStore

        if kind == "chroma":
            other = ChromaStore.open(tmp_path / "x")
        else:
            other = ChromaStore.connect(request.getfixturevalue("server_url"))
    name = next(_names)
    other.create(name)
    other.close()
    other.close()
    with pytest.raises(StoreError, match="closed"):
        other.count(name)


def test_a_second_opening_sees_the_disk_not_the_first_ones_memory(tmp_path):
    """Chroma shares one engine per path and process; a plain second client never finds what another process wrote."""
    from kb.backends.chroma import ChromaStore

    path = tmp_path / "chroma"
    first = ChromaStore.open(path)
    first.create("passages")
    first.upsert("passages", records(3), unit(11, 3))
    assert len(first.query("passages", unit(11, 1)[0], 10)) == 3
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, '.')\n"
        "from tests.test_store_conformance import records, unit\n"
        "from kb.backends.chroma import ChromaStore\n"
        "store = ChromaStore.open(Path(sys.argv[1]))\n"
        "store.upsert('passages', records(2, 'new'), unit(12, 2)); store.close()\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, cwd=Path(__file__).parents[1])
    second = ChromaStore.open(path)
    found = {hit.id for hit in second.query("passages", unit(12, 1)[0], 10)}
    assert "new00000" in found and len(found) == 5
    first.close()
    assert second.count("passages") == 5
    second.close()


def test_a_store_on_a_read_only_disk_is_read_from_a_copy(tmp_path, monkeypatch):
    """Chroma cannot open what it cannot write."""
    from kb.backends.chroma import ChromaStore

    path = tmp_path / "chroma"
    store = ChromaStore.open(path)
    store.create("passages")
    store.upsert("passages", records(1_200), unit(14, 1_200))
    store.close()
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    with monkeypatch.context() as patch:
        patch.setattr("os.access", lambda asked, mode: False)
        copied = ChromaStore.open(path)
    assert copied.count("passages") == 1_200
    assert copied.query("passages", unit(14, 1)[0], 1)
    copied.upsert("passages", records(1, "new"), unit(15, 1))
    copied.close()
    assert before == {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_every_error_of_chromadb_becomes_a_store_error():
    import chromadb.errors
    import httpx

    from kb.backends.chroma import _Mapped

    kinds = [
        kind
        for _, kind in inspect.getmembers(chromadb.errors, inspect.isclass)
        if issubclass(kind, chromadb.errors.ChromaError) and not inspect.isabstract(kind)
    ]
    assert len(kinds) >= 15
    for error in [*(kind("told") for kind in kinds), ValueError("told"), httpx.ConnectError("told")]:
        with pytest.raises(StoreError, match="told") as caught, _Mapped("Chroma"):
            raise error
        assert caught.value.__cause__ is error
        assert caught.value.hint
    with pytest.raises(KeyError), _Mapped("Chroma"):
        raise KeyError("a bug of ours stays one")


def test_a_server_that_is_not_there_is_reported_at_once():
    from kb.backends.chroma import ChromaStore

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started = time.monotonic()
    with pytest.raises(StoreError, match=str(port)) as caught:
        ChromaStore.connect(f"http://127.0.0.1:{port}")
    assert "chroma run" in caught.value.hint
    assert time.monotonic() - started < 10
    with pytest.raises(StoreError, match="not a URL"):
        ChromaStore.connect("ftp://somewhere")


def test_a_foreign_env_file_changes_nothing(tmp_path, monkeypatch):
    """chromadb reads .env from the working folder, and stops at names that it does not know."""
    from kb.backends.chroma import ChromaStore

    (tmp_path / ".env").write_text("SOMEBODYS_SECRET=1\nIS_PERSISTENT=maybe\n")
    monkeypatch.chdir(tmp_path)
    ChromaStore.open(tmp_path / "chroma").close()


def test_the_probe_tells_a_sound_store_from_a_damaged_one(tmp_path):
    from kb.backends.chroma import ChromaStore
    from kb.backends.chroma_probe import verify_index

    path = tmp_path / "chroma"
    store = ChromaStore.open(path)
    store.create("passages")
    store.upsert("passages", records(1_500), unit(13, 1_500))
    store.create("empty")
    store.close()
    verify_index(path, {"passages": 1_500, "empty": 0})
    with pytest.raises(StoreError, match="1500 records instead of 1501"):
        verify_index(path, {"passages": 1_501})
    for file in path.glob("*/*.bin"):
        file.write_bytes(file.read_bytes()[:1_000])
    with pytest.raises(StoreError, match="check failed"):
        verify_index(path, {"passages": 1_500})


def test_hash_embedder_can_be_computed_by_hand():
    embedder = HashEmbedder()
    vectors = embedder.embed(["red fox", "Red hat", "", "fox fox"])
    assert vectors.dtype == np.float32 and vectors.shape == (4, embedder.dimension)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1, 1, 1])
    assert float(vectors[0] @ vectors[1]) == pytest.approx(0.5)
    assert float(vectors[0] @ vectors[3]) == pytest.approx(1 / np.sqrt(2))
    assert vectors[2][0] == 1
    assert embedder.embed([]).shape == (0, embedder.dimension)
