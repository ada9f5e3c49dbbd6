"""What every test may use. No test reaches a network or the user's own home."""

import os
import shutil
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from ingest import ingest_paths
from kb import KnowledgeBase, Settings

ROOT = Path(__file__).parent.parent
CORPUS = ROOT / "corpus"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch, tmp_path):
    """No KB_* variable of the machine counts, and what names no home gets one that is thrown away."""
    for name in [name for name in os.environ if name.startswith("KB_") and name not in KEPT]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KB_HOME", str(tmp_path / "kb-home"))


KEPT = {"KB_REQUIRE_BROWSER", "KB_SHARED_DOCUMENTS", "KB_FUZZ_SECONDS"}

SMALL_FAQ = """\
# Tea

## What is green tea?

Green tea is made from leaves that were not oxidised. It keeps more of the taste of the fresh leaf.

## How long should green tea steep?

Green tea should steep for 2 minutes at 75 degrees. Longer steeping makes it bitter.

## What is black tea?

Black tea is made from fully oxidised leaves, which gives it a dark colour.

## Which teapot is best for white tea?
"""

OTHER_FAQ = """\
1. What do you mean by green tea?

Answer: Green tea is tea whose leaves are steamed or roasted soon after picking, so that they stay green.

2. How do you store tea?

Answer: Tea is stored in a closed tin, away from light and spices.
"""


@pytest.fixture
def faq_folder(tmp_path):
    """Two small documents: four questions, two questions; one is the same in both."""
    folder = tmp_path / "faq"
    folder.mkdir()
    (folder / "tea.md").write_text(SMALL_FAQ, "utf-8")
    (folder / "store.txt").write_text(OTHER_FAQ, "utf-8")
    return folder


@pytest.fixture
def settings(tmp_path):
    """Settings with a home of the test's own."""
    return Settings(home=tmp_path / "home")


@pytest.fixture(scope="session")
def corpus_home(tmp_path_factory):
    """A home into which corpus/ was ingested, once for all tests; nobody may write to it."""
    home = tmp_path_factory.mktemp("corpus-home")
    report = ingest_paths([CORPUS], settings=Settings(home=home))
    assert report.rejected == 0, report
    return home


@pytest.fixture
def own_corpus_home(corpus_home, tmp_path):
    """A copy of the corpus home that a test may write to."""
    return Path(shutil.copytree(corpus_home, tmp_path / "own-home"))


@pytest.fixture(scope="session")
def corpus_kb(corpus_home):
    """The knowledge base over corpus/, open."""
    with KnowledgeBase.open(Settings(home=corpus_home)) as kb:
        yield kb
