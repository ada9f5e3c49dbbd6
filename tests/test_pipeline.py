"""Ingest from files to a published index: what is kept, what is reported, and that order does not matter."""

import itertools
import json
import os
import shutil
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ingest import ingest_paths, rebuild, remove_documents
from ingest.types import DocumentAction
from kb import KnowledgeBase, Settings
from kb.catalogue import Catalogue
from kb.errors import DocumentError, HomeError, HomeLocked, IndexMismatch, IndexMissing
from kb.storage import Home, read_manifest


def contents(home, collection="default"):
    """Everything that the index says about itself: two indexes with the same contents are the same."""
    folder = Home(home).collection(collection)
    return read_manifest(folder.path / folder.current()).parameters["contents"]


def actions(report):
    return {Path(document.source).name: document.action for document in report.documents}


def test_ingest_finds_merges_and_counts(faq_folder, settings):
    report = ingest_paths([faq_folder], settings=settings)
    assert (report.added, report.entries, report.questions, report.merged) == (2, 6, 5, 1)
    assert (report.answered, report.unanswered) == (5, 1)
    assert report.lines_read == report.lines_in_entries + report.lines_dropped
    with KnowledgeBase.open(settings) as kb:
        tea = next(question for question in kb.questions() if len(question.entry_ids) == 2)
        assert {Path(source).name for source in tea.sources} == {"tea.md", "store.txt"}
        assert set(tea.variants) == {"What is green tea?", "What do you mean by green tea?"}


def test_second_ingest_changes_nothing(faq_folder, settings):
    first = ingest_paths([faq_folder], settings=settings)
    second = ingest_paths([faq_folder], settings=settings)
    assert second.unchanged == 2
    assert second.embedded == 0
    assert second.generation == first.generation
    assert (second.entries, second.questions, second.lines_read) == (first.entries, first.questions, first.lines_read)


def test_changed_file_replaces_its_entries(faq_folder, settings):
    ingest_paths([faq_folder], settings=settings)
    text = (faq_folder / "store.txt").read_text("utf-8").replace("closed tin", "glass jar")
    (faq_folder / "store.txt").write_text(text, "utf-8")
    report = ingest_paths([faq_folder], settings=settings)
    assert actions(report) == {"store.txt": DocumentAction.UPDATED, "tea.md": DocumentAction.UNCHANGED}
    with KnowledgeBase.open(settings) as kb:
        answers = [entry.answer or "" for entry in kb.entries()]
    assert any("glass jar" in answer for answer in answers)
    assert not any("closed tin" in answer for answer in answers)


def test_same_content_under_another_name_is_a_success(faq_folder, settings):
    shutil.copy(faq_folder / "tea.md", faq_folder / "zzz.md")
    report = ingest_paths([faq_folder], settings=settings)
    assert actions(report)["zzz.md"] is DocumentAction.SAME_CONTENT
    assert report.entries == 6
    assert report.rejected == 0
    again = ingest_paths([faq_folder], settings=settings)
    assert again.generation == report.generation


def test_removing_a_document_reforms_its_questions(faq_folder, settings):
    ingest_paths([faq_folder], settings=settings)
    report = remove_documents(["store.txt"], settings=settings)
    assert (report.removed, report.entries, report.merged) == (1, 4, 0)
    with KnowledgeBase.open(settings) as kb:
        assert not any("do you mean" in variant for question in kb.questions() for variant in question.variants)


def test_add_and_remove_is_as_if_it_never_was(faq_folder, settings, tmp_path):
    ingest_paths([faq_folder / "tea.md"], settings=settings)
    before = contents(settings.home)
    ingest_paths([faq_folder / "store.txt"], settings=settings)
    remove_documents(["store.txt"], settings=settings)
    assert contents(settings.home) == before


def test_prune_removes_documents_whose_files_are_gone(faq_folder, settings):
    ingest_paths([faq_folder], settings=settings)
    (faq_folder / "store.txt").unlink()
    kept = ingest_paths([faq_folder], settings=settings)
    assert kept.entries == 6
    pruned = ingest_paths([faq_folder], settings=settings, prune=True)
    assert (pruned.removed, pruned.entries) == (1, 4)


def test_dry_run_changes_nothing(faq_folder, settings):
    report = ingest_paths([faq_folder], settings=settings, dry_run=True)
    assert (report.added, report.entries, report.merged) == (2, 6, 1)
    assert not settings.home.exists()


QUESTIONS = st.lists(
    st.tuples(
        st.sampled_from(["What is", "Explain", "How do you brew", "How do you store", "What do you mean by"]),
        st.sampled_from(["green tea", "black tea", "white tea", "oolong tea", "mate"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda item: item[:2],
)


@given(st.lists(QUESTIONS, min_size=2, max_size=2), st.randoms(use_true_random=False))
@hypothesis_settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
def test_order_of_ingestion_does_not_matter(tmp_path_factory, documents, random):
    folder = tmp_path_factory.mktemp("documents")
    files = []
    for n, document in enumerate(documents):
        file = folder / f"d{n}.txt"
        lines = [
            f"{i}. {frame} {subject}?\n" + (f"\nAnswer: {subject} number {n}{i} is a drink.\n" if answered else "")
            for i, (frame, subject, answered) in enumerate(document, start=1)
        ]
        file.write_text("\n".join(lines), "utf-8")
        files.append(file)
    at_once = Settings(home=tmp_path_factory.mktemp("home-a"))
    ingest_paths(files, settings=at_once)
    one_by_one = Settings(home=tmp_path_factory.mktemp("home-b"))
    shuffled = list(files)
    random.shuffle(shuffled)
    for file in shuffled:
        ingest_paths([file], settings=one_by_one)
    assert contents(at_once.home) == contents(one_by_one.home)


def test_one_good_and_nine_bad_files(tmp_path, settings):
    folder = tmp_path / "mixed"
    folder.mkdir()
    (folder / "good.md").write_text("## What is tea?\n\nA drink.\n", "utf-8")
    bad = {
        "empty.txt": b"",
        "blank.txt": b"   \n\n",
        "binary.txt": bytes(range(256)) * 20,
        "broken.pdf": b"%PDF-1.7 broken",
        "broken.docx": b"PK\x03\x04 broken",
        "broken.json": b'{"question": ',
        "broken.ipynb": b"{]",
        "picture.png": b"\x89PNG\r\n\x1a\n" + bytes(100),
        "controls.md": bytes(2000),
    }
    for name, data in bad.items():
        (folder / name).write_bytes(data)
    report = ingest_paths([folder], settings=settings)
    assert report.added == 1
    assert report.rejected == len(bad)
    for document in report.documents:
        if document.action is DocumentAction.REJECTED:
            assert document.reason, document


def test_a_document_without_questions_is_kept_and_said_to_have_none(tmp_path, settings):
    (tmp_path / "prose.txt").write_text("Nothing is asked here. It is only a short note about spring.", "utf-8")
    report = ingest_paths([tmp_path / "prose.txt"], settings=settings)
    assert (report.added, report.entries, report.lines_dropped) == (1, 0, 1)
    assert report.documents[0].reason == "no question was found in it"


def test_missing_path_is_an_error(settings, tmp_path):
    with pytest.raises(DocumentError, match="nowhere"):
        ingest_paths([tmp_path / "nowhere"], settings=settings)


def test_too_large_a_file_is_rejected_without_reading_it(tmp_path, settings):
    file = tmp_path / "large.txt"
    with file.open("wb") as handle:
        handle.truncate(200_000_000)
    report = ingest_paths([file], settings=settings)
    assert report.rejected == 1
    assert "200 MB" in report.documents[0].reason


def test_bad_file_keeps_the_last_good_version(faq_folder, settings):
    ingest_paths([faq_folder], settings=settings)
    (faq_folder / "store.txt").write_bytes(b"")
    report = ingest_paths([faq_folder], settings=settings)
    assert report.rejected == 1
    assert report.entries == 6


def test_file_that_vanishes_while_it_is_read(faq_folder, settings, monkeypatch):
    import ingest.parse

    real = ingest.parse.parse_file

    def vanishing(path, **options):
        if Path(path).name == "store.txt":
            Path(path).unlink()
        return real(path, **options)

    monkeypatch.setattr(ingest.parse, "parse_file", vanishing)
    report = ingest_paths([faq_folder], settings=settings)
    assert actions(report)["store.txt"] is DocumentAction.REJECTED
    assert actions(report)["tea.md"] is DocumentAction.ADDED


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_home(faq_folder, tmp_path):
    home = tmp_path / "read-only"
    home.mkdir()
    home.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(HomeError, match="read-only"):
        ingest_paths([faq_folder], settings=Settings(home=home))


def test_locked_home_names_the_holder(faq_folder, settings):
    folder = Home(settings.home).collection("default")
    with folder.writer(command="kb ingest elsewhere"), pytest.raises(HomeLocked, match="kb ingest elsewhere"):
        ingest_paths([faq_folder], settings=settings)


def test_index_of_another_encoder_is_refused_and_rebuilt(faq_folder, settings):
    ingest_paths([faq_folder], settings=settings)
    folder = Home(settings.home).collection("default")
    manifest = folder.path / folder.current() / "manifest.json"
    data = json.loads(manifest.read_text("utf-8"))
    manifest.write_text(json.dumps({**data, "encoder": "another-encoder"}), "utf-8")
    with KnowledgeBase.open(settings) as kb, pytest.raises(IndexMismatch, match="another-encoder"):
        kb.search("tea")
    rebuild(settings=settings)
    with KnowledgeBase.open(settings) as kb:
        assert "green tea" in kb.search("what is green tea")[0].question


def test_empty_collection(settings):
    with KnowledgeBase.open(settings) as kb:
        assert kb.documents() == kb.entries() == kb.questions() == []
        with pytest.raises(IndexMissing, match="Nothing was ingested"):
            kb.ask("What is tea?")


def test_reader_follows_new_generations(faq_folder, settings):
    ingest_paths([faq_folder / "tea.md"], settings=settings)
    with KnowledgeBase.open(settings) as kb:
        assert len(kb.entries()) == 4
        ingest_paths([faq_folder], settings=settings)
        assert len(kb.entries()) == 6
        assert "tin" in kb.ask("How do you store tea?").text


def test_collections_are_apart(faq_folder, tmp_path):
    one, two = (Settings(home=tmp_path / "home", collection=name) for name in ("one", "two"))
    ingest_paths([faq_folder / "tea.md"], settings=one)
    ingest_paths([faq_folder / "store.txt"], settings=two)
    with KnowledgeBase.open(one) as a, KnowledgeBase.open(two) as b:
        assert {len(a.entries()), len(b.entries())} == {4, 2}


def test_store_and_catalogue_agree(faq_folder, settings):
    """Chroma is the store; the catalogue is derived from the same contents."""
    ingest_paths([faq_folder], settings=settings)
    from kb.wiring import store_access

    folder = Home(settings.home).collection("default")
    with folder.open() as generation:
        catalogue = Catalogue(generation.path / "catalogue.sqlite")
        store = store_access(settings).open(generation.chroma_path)
        try:
            records = store.get("entries")
            assert {r.id.partition("~")[0] for r in records} == {entry.id for entry in catalogue.entries()}
            by_id = {entry.id: entry for entry in catalogue.entries()}
            for record in records:
                entry = by_id[record.id.partition("~")[0]]
                assert record.metadata["answer"] == (entry.answer or "")
                assert record.metadata["question_id"] == entry.question_id
            passages = {passage.id: passage for passage in catalogue.passages()}
            for record in store.get("passages"):
                passage = passages[record.id]
                assert by_id[passage.entry_id].answer[passage.start : passage.end] == record.text == passage.text
        finally:
            store.close()
            catalogue.close()


def test_variants_and_passages_are_grouped_by_question(faq_folder, settings):
    """The search takes a question's rows as one run; the order of the arrays must allow it."""
    ingest_paths([faq_folder], settings=settings)
    folder = Home(settings.home).collection("default")
    catalogue = Catalogue(folder.path / folder.current() / "catalogue.sqlite")
    for rows in ([v.question_id for v in catalogue.variants()], [p.question_id for p in catalogue.passages()]):
        runs = [key for key, _ in itertools.groupby(rows)]
        assert len(runs) == len(set(runs))
    catalogue.close()
