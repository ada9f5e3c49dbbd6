"""Tables whose rows are questions with their answers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ingest.entries.language import ANSWER_LABELS, QUESTION_LABELS, question_likeness
from ingest.readers import inline
from ingest.readers.inline import words_of

_RULE_CELL = re.compile(r"\s*:?-{1,}:?\s*")
_MORE_QUESTION = frozenset(words_of("""questions prompt query ask fragen preguntas queries faq"""))
_OTHER_FIELDS = frozenset(words_of("""type id no nr number count topic category date author page link level status"""))
_MORE_ANSWER = frozenset(["answers", "reply", "antworten", "respuestas", "réponses", "explanation"])


class Row(NamedTuple):
    """A row that holds a question."""

    question: str
    answer: str
    number: int | None
    named: bool
    """Whether the table's head says that the column holds questions."""


def cells(row: str) -> list[str]:
    """The cells of a row of a Markdown table."""
    bare = row.strip()
    bare = bare[1:] if bare.startswith("|") else bare
    found = [""]
    for index, piece in enumerate(inline.split_code(bare)):
        if index % 2:
            found[-1] += piece.replace("\\|", "|")
            continue
        parts = re.split(r"(?<!\\)\|", piece)
        found[-1] += parts[0]
        found += parts[1:]
    if len(found) > 1 and not found[-1].strip():
        found.pop()
    return [cell.replace("\\|", "|").strip() for cell in found]


def _names(head: str, words: frozenset[str]) -> bool:
    """Whether the head of a column says what stands in it: `Question`, `Problem or question`."""
    found = words_of(head)
    return head in words or (
        0 < len(found) <= 4 and (found[-1] in words or found[0] in words) and not _OTHER_FIELDS & set(found)
    )


def rows_of(lines: Sequence[str], *, trusted: bool = False) -> list[Row | None] | None:
    """For each line its row, or None for head and separator; None if the table holds no questions.

    Args:
        lines: The lines of the table, as Markdown.
        trusted: Whether it is known from elsewhere that the table holds questions, if its head names them.
    """
    table = [cells(line) for line in lines]
    separators = [bool(row) and all(_RULE_CELL.fullmatch(cell) for cell in row) for row in table]
    headed = len(table) > 1 and separators[1]
    head = [inline.plain(cell).lower().strip(" :") for cell in table[0]] if headed else []
    body = [i for i in range(len(table)) if not separators[i] and not (headed and i == 0)]
    members = set(body)
    width = max((len(table[i]) for i in body), default=0)
    if width < 2 or not body:
        return None
    named = next((c for c, name in enumerate(head) if _names(name, QUESTION_LABELS | _MORE_QUESTION)), None)
    answer = next((c for c, name in enumerate(head) if _names(name, ANSWER_LABELS | _MORE_ANSWER)), None)
    shares = [
        sum(question_likeness(inline.plain(_cell(table[i], c))) >= 0.7 for i in body) / len(body) for c in range(width)
    ]
    named = None if named is not None and _links(table, body, named) else named
    question = named if named is not None else max(range(width), key=lambda c: shares[c])
    if named is None and (shares[question] < 0.6 or (len(body) < 2 and answer is None)):
        return None
    if _links(table, body, question):
        return None
    if named is not None and answer is None and shares[question] < 0.3 and not trusted:
        return None
    if answer is None or answer == question:
        sizes = [sum(len(_cell(table[i], c)) for i in body) if c != question else -1 for c in range(width)]
        answer = max(range(width), key=lambda c: sizes[c])
    if headed and named is None and question_likeness(inline.plain(_cell(table[0], question))) >= 0.9:
        headed = not _cell(table[0], answer)  # a table without a head, which Markdown cannot write
        members |= set() if headed else {0}
    first = _cell(table[body[0]], question).lower().strip(" *:")
    found: list[Row | None] = []
    for index, row in enumerate(table):
        text = _cell(row, question)
        header_row = not headed and index == body[0] and first in QUESTION_LABELS | _MORE_QUESTION
        if index not in members or header_row or not any(c.isalnum() for c in text):
            found.append(None)
            continue
        number = next(
            (
                int(c.rstrip(".)"))
                for i, c in enumerate(row)
                if i not in (question, answer) and c.rstrip(".)").isdecimal() and len(c) < 6
            ),
            None,
        )
        found.append(
            Row(text, _cell(row, answer).replace("<br>", "\n").replace("<br/>", "\n"), number, named is not None)
        )
    return found


def _links(table: Sequence[Sequence[str]], body: Sequence[int], column: int) -> bool:
    """Whether the cells of a column are links to places in the document: a table of contents."""
    return sum("](#" in _cell(table[i], column) for i in body) >= 0.6 * len(body)


def _cell(row: Sequence[str], column: int) -> str:
    return row[column] if column < len(row) else ""
