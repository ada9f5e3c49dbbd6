"""Which convention a document is found to follow: one that explains it well leaves no evidence for another."""

from __future__ import annotations

import pytest

from ingest.entries.language import question_likeness
from ingest.types import DropReason
from tests.test_entries import parse


def test_a_semicolon_asks_only_in_greek() -> None:
    """The erotimatiko looks like a semicolon; code and clauses that end with one are no questions."""
    assert question_likeness("int x = 3;") == 0.0
    assert question_likeness("La robusta ha più corpo;") == 0.0
    assert question_likeness("Τι ώρα ανοίγει το μουσείο;") == question_likeness("Τι ώρα ανοίγει\u037e") == 1.0
    found = parse("1. Quanto costa? Poco; d'estate un po' di più.\n2. Dove si compra? In centro; anche al mare.\n")
    assert [entry.question for entry in found.entries] == ["Quanto costa?", "Dove si compra?"]


@pytest.mark.parametrize("per_section", [1, 3])
def test_section_headings_gain_nothing_from_their_questions_answers(per_section: int) -> None:
    """The answers below a heading are evidence for the questions between, not for the heading."""
    parts, number = ["# Ferry handbook\n"], 0
    for section in ("Boarding", "Cargo", "Weather"):
        parts.append(f"## {section}\n")
        for _ in range(per_section):
            number += 1
            parts.append(f"{number}. Explain case {number} in a word or two.\n\nAnswer: The rule of row {number}.\n")
    found = parse("\n".join(parts), ".md")
    assert [entry.number for entry in found.entries] == list(range(1, number + 1))
    assert {entry.section for entry in found.entries} == {"Boarding", "Cargo", "Weather"}


def test_a_list_of_questions_inside_of_the_last_answer_is_no_second_convention() -> None:
    text = "".join(f"Question {n}\nWhat is part {n}?\nAnswer\nPart {n} is made of tin.\n\n" for n in range(1, 4))
    found = parse(text + "Ask yourself:\n\n1. Is it tight?\n2. Is it dry?\n")
    assert len(found.entries) == 3
    assert found.entries[-1].answer is not None
    assert found.entries[-1].answer.endswith("2. Is it dry?")


def test_questions_to_the_reader_about_the_page_are_no_entries() -> None:
    text = "How deep is the well?\n\nNine metres.\n\nWho dug it?\n\nNobody knows.\n\nWas this page helpful? Yes No\n"
    found = parse(text)
    assert [entry.question for entry in found.entries] == ["How deep is the well?", "Who dug it?"]
    assert found.dropped[-1].reason is DropReason.NAVIGATION


def test_fields_around_each_question_of_an_export_are_metadata() -> None:
    """Fields before every question belong to it, not to the answer before; a closing remark of one answer stays."""
    record = (
        "Case: 77{n}\nTeam: north\nQuestion: Why is valve {n} warm?\nReply: Steam passes through it.\nSeen by: Ola\n\n"
    )
    found = parse("".join(record.replace("{n}", str(n)) for n in range(1, 5)))
    assert [entry.answer for entry in found.entries] == ["Steam passes through it."] * 4
    kept = parse("Q: Is it warm?\nA: Yes.\nVerdict: warm\n\nQ: Is it dry?\nA: No.\nVerdict: wet\n")
    assert [entry.answer for entry in kept.entries] == ["Yes.\n\nVerdict: warm", "No.\n\nVerdict: wet"]
