"""Answers to passages: the unit that the search finds. A short answer is one passage, a long one several."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ingest.chunk import split_answer
from kb.types import Entry, Passage, Status


def chunk_entries(entries: Sequence[Entry], *, max_tokens: int, count_tokens: Callable[[str], int]) -> list[Passage]:
    """The passages of all answered entries, in order.

    Args:
        entries: with their `question_id`.
        max_tokens: tokens that question and passage together may have.
        count_tokens: of the encoder.
    """
    found: list[Passage] = []
    for entry in entries:
        if entry.status is not Status.ANSWERED or entry.answer is None:
            continue
        for n, (start, end) in enumerate(_spans(entry.question, entry.answer, max_tokens, count_tokens)):
            passage_id = f"{entry.id}/{n}"
            found.append(Passage(passage_id, entry.id, entry.question_id or "", entry.answer[start:end], start, end))
    return found


def _spans(question: str, answer: str, max_tokens: int, count_tokens: Callable[[str], int]) -> list[tuple[int, int]]:
    whole = [(0, len(answer))]
    # No token is shorter than a byte, so a text with no more bytes than tokens allowed needs no tokenizer.
    if _bytes(question) + _bytes(answer) <= max_tokens:
        return whole
    question_tokens = count_tokens(question)
    if question_tokens + count_tokens(answer) <= max_tokens:
        return whole
    return split_answer(answer, max_tokens=max(32, max_tokens - question_tokens), count_tokens=count_tokens)


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
