"""The five real pages, where they are at hand: a sibling folder of the repository, or KB_SHARED_DOCUMENTS."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ingest.parse import parse_file
from ingest.types import ParsedDocument
from kb.types import Status

FOLDER = Path(os.environ.get("KB_SHARED_DOCUMENTS") or Path(__file__).parents[2] / "shared" / "documents")
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"{FOLDER} does not exist")


@pytest.fixture(scope="module")
def pages() -> list[ParsedDocument]:
    return [parse_file(path) for path in sorted(FOLDER.glob("*.txt"))]


def test_the_number_of_entries(pages: list[ParsedDocument]) -> None:
    assert [len(page.entries) for page in pages] == [65, 15, 40, 50, 37]
    for page in pages:
        assert [entry.number for entry in page.entries] == list(range(1, len(page.entries) + 1))


def test_what_is_not_answered(pages: list[ParsedDocument]) -> None:
    numbers = {
        (number, entry.status.value): [e.number for e in page.entries if e.status is entry.status]
        for number, page in enumerate(pages)
        for entry in page.entries
        if entry.status is not Status.ANSWERED
    }
    assert numbers == {
        (0, "placeholder"): list(range(42, 53)),
        (1, "unanswered"): list(range(2, 16)),
        (3, "unanswered"): [26],
    }


def test_every_line_is_accounted_for(pages: list[ParsedDocument]) -> None:
    for page in pages:
        assert page.lines_read == page.lines_in_entries + page.lines_dropped


def test_boilerplate_is_in_no_answer(pages: list[ParsedDocument]) -> None:
    answers = "\n".join(entry.answer or "" for page in pages for entry in page.entries).lower()
    for word in (
        "your resume",
        "resume builder",
        "devops engineer",
        "published by",
        "thank you for reading",
        "recommended reading",
        "conclusion",
        "january 1",
    ):
        assert word not in answers
    dropped = [{drop.reason.value for drop in page.dropped} for page in pages]
    assert "closing" in dropped[0]
    assert "navigation" in dropped[3]
    assert {"advertisement", "closing", "navigation", "author"} <= dropped[4]


def test_sections_and_code(pages: list[ParsedDocument]) -> None:
    assert len({entry.section for entry in pages[1].entries}) == 3
    assert len({entry.section for entry in pages[2].entries}) == 6
    fences = [(entry.answer or "").count("```") for entry in pages[2].entries]
    assert all(count % 2 == 0 for count in fences)
    assert sum(1 for count in fences if count) >= 20
