"""Other processes ingest while this one answers: no error, nothing stale, one writer at a time, steady memory."""

import gc
import re
import threading
import time

import psutil
import pytest

from ingest import ingest_paths
from kb import KnowledgeBase, Settings
from tests.conftest import OTHER_FAQ, SMALL_FAQ
from tests.worker import Worker

ASKERS = 3
QUESTION = "How long should green tea steep?"


def write_version(folder, minutes):
    (folder / "tea.md").write_text(SMALL_FAQ.replace("2 minutes", f"{minutes} minutes"), "utf-8")


def minutes_in(text):
    found = re.search(r"(\d+) minutes", text)
    return int(found.group(1)) if found else None


@pytest.fixture(scope="module")
def workers():
    with Worker() as first, Worker() as second:
        yield first, second


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "store.txt").write_text(OTHER_FAQ, "utf-8")
    return folder


class Askers:
    """Threads that ask all the time, and how old each answer was."""

    def __init__(self, kb, oldest):
        self._kb = kb
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(ASKERS)]
        self.oldest = oldest
        """The version that was published when the last ingest had ended: nothing older may be told from then on."""
        self.asked = 0
        self.faults = []

    def _ask(self):
        while not self._stop.is_set():
            oldest = self.oldest
            try:
                said = minutes_in(self._kb.ask(QUESTION).text)
                hits = self._kb.search("black tea", limit=2)
            except BaseException as error:  # whatever it is, nobody should have met it
                self.faults.append(f"{type(error).__name__}: {error}")
                continue
            if said is None or said < oldest or len(hits) != 2:
                self.faults.append(f"{said} minutes after {oldest} was published, {len(hits)} hits")
            self.asked += 1

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(120)


def ingest_versions(worker, folder, home, askers, versions):
    for minutes in versions:
        write_version(folder, minutes)
        result = worker.run("ingest", home, [folder])
        assert "report" in result, result
        askers.oldest = minutes


def memory_mib():
    gc.collect()
    return psutil.Process().memory_info().rss / 2**20


def open_files():
    return psutil.Process().num_fds()


def test_answers_while_others_ingest(workers, folder, tmp_path):
    home = tmp_path / "home"
    write_version(folder, 10)
    assert "report" in workers[0].run("ingest", home, [folder])
    with KnowledgeBase.open(Settings(home=home)) as kb:
        with Askers(kb, 10) as askers:
            ingest_versions(workers[0], folder, home, askers, range(11, 14))
        assert askers.faults == []
        assert askers.asked > 4
        assert minutes_in(kb.ask(QUESTION).text) == 13
    generations = [path.name for path in (home / "default").iterdir() if path.name.startswith("gen-")]
    assert len(generations) <= 3, "what nobody reads is removed by the next writer"


def test_one_writer_at_a_time(workers, folder, tmp_path):
    """Two start at once: one does it; the other is told who is at it, or comes after it."""
    home = tmp_path / "home"
    write_version(folder, 10)
    for worker in workers:
        worker.start("ingest", home, [folder])
    results = [worker.wait() for worker in workers]
    done = [result for result in results if "report" in result]
    locked = [result["error"] for result in results if "error" in result]
    assert done, results
    assert len(done) + len(locked) == 2
    for name, message, hint in locked:
        assert name == "HomeLocked"
        assert "process" in message
        assert "Wait" in hint
    with KnowledgeBase.open(Settings(home=home)) as kb:
        assert len(kb.entries()) == 6


def test_generations_leave_nothing_behind(workers, folder, tmp_path):
    """Files that are kept open would grow with each switch to a new generation."""
    home = tmp_path / "home"
    write_version(folder, 10)
    workers[0].run("ingest", home, [folder])
    with KnowledgeBase.open(Settings(home=home)) as kb:
        counts = []
        for minutes in (11, 12, 13):
            write_version(folder, minutes)
            assert "report" in workers[0].run("ingest", home, [folder])
            assert minutes_in(kb.ask(QUESTION).text) == minutes
            counts.append(open_files())
    assert counts[-1] <= counts[0] + 3, counts


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_fifty_ingests_while_five_ask(workers, folder, tmp_path):
    home = tmp_path / "home"
    write_version(folder, 10)
    workers[0].run("ingest", home, [folder])
    with KnowledgeBase.open(Settings(home=home)) as kb:
        with Askers(kb, 10) as askers:
            ingest_versions(workers[0], folder, home, askers, range(11, 31))
            time.sleep(1)
            warm = memory_mib()
            ingest_versions(workers[0], folder, home, askers, range(31, 61))
            time.sleep(1)
            end = memory_mib()
        assert askers.faults == []
    assert end < 1.15 * warm, (warm, end)


def test_threads_leave_nothing_behind(faq_folder, settings):
    """A server answers in threads that come and go; what each opened and kept would add up."""
    ingest_paths([faq_folder], settings=settings)
    with KnowledgeBase.open(settings) as kb:
        kb.ask(QUESTION)
        before = open_files()
        for _ in range(20):
            thread = threading.Thread(target=kb.ask, args=(QUESTION,))
            thread.start()
            thread.join()
        assert open_files() <= before + 2
