"""The home: one writer, whole generations, nothing lost at any instant."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from kb import storage
from kb.durable import copy_tree, home_errors, write_atomically
from kb.errors import HomeError, HomeLocked, IndexMismatch, IndexMissing, StoreError
from kb.storage import FORMAT, Home, Manifest, read_manifest

ROOT = Path(__file__).parents[1]
MANIFEST = Manifest(encoder="hash-256", dimension=256, counts={"passages": 3})


@pytest.fixture
def folder(tmp_path):
    return Home(tmp_path / "home").collection("default")


def publish(folder, text: str, *, keep: int = 2, **options) -> str:
    """A generation that holds one file with this text."""
    with folder.writer(command="test", keep=keep) as writer:
        staging = writer.begin()
        staging.chroma_path.mkdir(exist_ok=True)
        (staging.chroma_path / "data").write_text(text)
        return staging.publish(MANIFEST, **options)


def content(folder) -> str:
    with folder.open() as generation:
        return (generation.chroma_path / "data").read_text()


def test_nothing_ingested_yet(folder):
    assert folder.current() is None
    with pytest.raises(IndexMissing, match="Nothing was ingested") as caught:
        folder.open()
    assert "kb ingest" in caught.value.hint
    assert not folder.path.exists(), "asking makes no folders"


def test_a_published_generation_is_what_readers_open(folder):
    assert publish(folder, "one") == "gen-000001"
    assert folder.current() == "gen-000001"
    with folder.open() as generation:
        assert generation.manifest.counts == {"passages": 3}
        assert generation.manifest.generation == generation.name == "gen-000001"
        assert generation.manifest.created
    assert Home(folder.path.parent).collections() == ["default"]


def test_a_new_generation_starts_as_a_copy_that_shares_no_inode(folder):
    publish(folder, "one")
    with folder.writer() as writer:
        staging = writer.begin()
        assert (staging.chroma_path / "data").read_text() == "one"
        assert not (staging.path / "manifest.json").exists()
        (staging.chroma_path / "data").write_text("changed")
        assert content(folder) == "one"
        staging.abandon()
        assert not staging.path.exists()
        fresh = writer.begin(copy=False)
        assert not fresh.chroma_path.exists()


def test_a_long_lived_reader_sees_the_switch_and_keeps_its_generation(folder):
    publish(folder, "one", keep=1)
    reader = Home(folder.path.parent).collection("default")
    assert reader.current() == "gen-000001"
    with reader.open() as old:
        publish(folder, "two", keep=1)
        assert reader.current() == "gen-000002"
        assert content(reader) == "two"
        assert (old.chroma_path / "data").read_text() == "one", "still read, so still there"
    publish(folder, "three", keep=1)
    assert [path.name for path in folder.path.glob("gen-*")] == ["gen-000003"]


def test_no_more_generations_than_asked_for(folder):
    dropped: list[str] = []
    for n in range(5):
        with folder.writer(keep=3, drop=dropped.append) as writer:
            staging = writer.begin()
            staging.chroma_path.mkdir(exist_ok=True)
            (staging.chroma_path / "data").write_text(str(n))
            staging.publish(MANIFEST)
    assert folder.generations() == ["gen-000003", "gen-000004", "gen-000005"]
    assert dropped == ["gen-000001", "gen-000002"]


def test_what_does_not_pass_the_check_is_not_published(folder):
    publish(folder, "good")

    def verify(path, counts):
        assert (path / "data").read_text() == "bad" and counts == {"passages": 3}
        raise StoreError("broken")

    with pytest.raises(StoreError):
        publish(folder, "bad", verify=verify)
    assert content(folder) == "good"
    publish(folder, "better")
    assert content(folder) == "better"
    assert not list(folder.path.glob("*.tmp"))


def test_a_second_writer_is_told_who_holds_the_lock(folder):
    code = (
        "import sys, time; from pathlib import Path; from kb.storage import Home\n"
        "writer = Home(Path(sys.argv[1])).collection('default').writer(command='kb ingest notes')\n"
        "print('locked', flush=True); time.sleep(60)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(folder.path.parent)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        assert child.stdout is not None and child.stdout.readline() == "locked\n"
        with pytest.raises(HomeLocked, match=rf"kb ingest notes \(process {child.pid}, since 20") as caught:
            folder.writer()
        assert "Wait" in caught.value.hint
        child.send_signal(signal.SIGKILL)
        child.wait()
        folder.writer().close()
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def test_a_writer_in_the_same_process_is_locked_out_too(folder):
    with folder.writer(command="first"), pytest.raises(HomeLocked, match="first"):
        folder.writer(command="second")
    folder.writer().close()


@pytest.mark.parametrize("stage", ["mkdir", "verify", "manifest", "rename", "current"])
def test_a_crash_at_any_step_leaves_the_last_good_index(folder, monkeypatch, stage):
    """Each step of publishing fails in turn, as a crash would: nothing behind it runs."""
    publish(folder, "good")

    class Crash(BaseException):
        pass

    def crash(*args, **kwargs):
        raise Crash

    with monkeypatch.context() as patch:
        verify = crash if stage == "verify" else None
        if stage == "mkdir":
            patch.setattr(storage, "copy_tree", crash)
        elif stage == "manifest":
            patch.setattr(storage, "sync_tree", crash)
        elif stage == "rename":
            patch.setattr(Path, "rename", crash)
        elif stage == "current":
            patch.setattr(storage, "sync_folder", crash)
        with pytest.raises(Crash):
            publish(folder, "lost", verify=verify)
    assert content(folder) == "good"
    assert publish(folder, "next") != "gen-000001"
    assert content(folder) == "next"
    assert not list(folder.path.glob("*.tmp"))
    assert len(folder.generations()) == 2


def test_kills_at_random_instants(folder):
    """The writer publishes as fast as it can and is killed; what readers find is always whole and never goes back."""
    code = (
        "import sys; sys.path.insert(0, 'tests'); from pathlib import Path; from kb.storage import Home\n"
        "import test_storage as t\n"
        "folder = Home(Path(sys.argv[1])).collection('default')\n"
        "n = int(sys.argv[2]); print('go', flush=True)\n"
        "while True:\n"
        "    n += 1; t.publish(folder, f'{n}' * 2000)\n"
    )
    chance, last = random.Random(5), 0
    for _ in range(12):
        child = subprocess.Popen(
            [sys.executable, "-c", code, str(folder.path.parent), str(last)],
            stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(chance.uniform(0, 0.15))
        child.kill()
        child.wait()
        child.stdout.close()
        if folder.current() is not None:
            text = content(folder)
            number = int(text[: len(text) // 2000])
            assert text == str(number) * 2000
            assert number >= last
            last = number
    assert last > 0
    publish(folder, "end")
    assert content(folder) == "end"
    assert not list(folder.path.glob("*.tmp"))


def test_readers_never_meet_a_half_deleted_generation(folder):
    """Readers open while a writer publishes and deletes at once."""
    publish(folder, "0", keep=1)
    stop, faults = threading.Event(), []

    def read():
        reader = Home(folder.path.parent).collection("default")
        while not stop.is_set():
            try:
                content(reader)
            except (OSError, HomeError) as exc:
                faults.append(exc)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for n in range(40):
        publish(folder, str(n), keep=1)
    stop.set()
    for thread in threads:
        thread.join()
    assert not faults
    folder.writer(keep=1).close()
    assert len(folder.generations()) == 1


def test_a_generation_deleted_between_finding_and_holding_it_is_passed_over(folder, monkeypatch):
    publish(folder, "old", keep=1)
    really_lock, late = storage.fcntl.flock, []

    def delete_first(handle, how):
        if how & storage.fcntl.LOCK_SH and not late:
            late.append(True)
            publish(folder, "new", keep=1)
        really_lock(handle, how)

    reader = Home(folder.path.parent).collection("default")
    monkeypatch.setattr(storage.fcntl, "flock", delete_first)
    assert content(reader) == "new"


def test_where_current_was_lost_the_newest_whole_generation_is_taken_up(folder):
    publish(folder, "one")
    publish(folder, "two")
    (folder.path / "CURRENT").unlink()
    folder.writer().close()
    assert content(folder) == "two"


@pytest.mark.parametrize("text", ["", "nonsense", "../../etc", "gen-1"])
def test_a_damaged_current_is_reported(folder, text):
    publish(folder, "one")
    (folder.path / "CURRENT").write_text(text)
    with pytest.raises(HomeError, match="damaged") as caught:
        folder.open()
    assert "kb rebuild" in caught.value.hint


def test_a_current_that_names_nothing_is_reported(folder):
    publish(folder, "one")
    (folder.path / "CURRENT").write_text("gen-000009\n")
    with pytest.raises(HomeError, match="gen-000009 is gone"):
        folder.open()


def test_another_encoder_is_refused_with_both_names_and_the_way_out():
    MANIFEST.require("hash-256", 256)
    with pytest.raises(IndexMismatch, match=r"hash-256.*other-encoder") as caught:
        MANIFEST.require("other-encoder", 384)
    assert "kb rebuild" in caught.value.hint


def test_another_format_is_refused(folder):
    publish(folder, "one")
    file = folder.path / "gen-000001" / "manifest.json"
    values = json.loads(file.read_text())
    file.write_text(json.dumps({**values, "format": FORMAT + 1}))
    with pytest.raises(IndexMismatch, match=f"format {FORMAT + 1}"):
        folder.open()
    file.write_text(json.dumps({**values, "added_later": 1}))
    folder.open().close()
    file.write_text("{")
    with pytest.raises(HomeError, match="damaged"):
        read_manifest(file.parent)


@pytest.mark.parametrize(
    ("code", "word"), [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only"), (errno.EACCES, "writable")]
)
def test_faults_of_the_disk_say_what_to_do(folder, monkeypatch, code, word):
    publish(folder, "good")

    def fail(*args, **kwargs):
        raise OSError(code, os.strerror(code), "some/file")

    with monkeypatch.context() as patch:
        patch.setattr(storage, "sync_tree", fail)
        with pytest.raises(HomeError, match="some/file") as caught:
            publish(folder, "lost")
    assert word in caught.value.hint
    assert content(folder) == "good"
    with pytest.raises(HomeError), home_errors(folder.path):
        fail()


def test_a_home_below_a_file_is_reported(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(HomeError) as caught:
        Home(tmp_path / "file" / "home").collection("default").writer()
    assert "--home" in caught.value.hint


@pytest.mark.parametrize("name", ["", "cache", "chats", "a/b", "..", "-x", "x" * 49, "ü"])
def test_names_that_cannot_be_folders(tmp_path, name):
    with pytest.raises(HomeError):
        Home(tmp_path).collection(name)


def test_copies_are_equal_and_hold_hidden_files_and_empty_folders(tmp_path):
    source = tmp_path / "a"
    (source / "deep" / "empty").mkdir(parents=True)
    (source / "deep" / ".hidden").write_bytes(os.urandom(3_000_000))
    (source / "zero").write_bytes(b"")
    (source / "no").write_bytes(b"x")
    target = tmp_path / "b"
    target.mkdir()
    copy_tree(source, target, leave_out={"no"})
    assert (target / "deep" / ".hidden").read_bytes() == (source / "deep" / ".hidden").read_bytes()
    assert (target / "deep" / "empty").is_dir() and (target / "zero").read_bytes() == b""
    assert not (target / "no").exists()


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    file = tmp_path / "f"
    write_atomically(file, "old")

    def fail(*args):
        raise OSError(errno.ENOSPC, "no space")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="no space"):
            write_atomically(file, "new")
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]
