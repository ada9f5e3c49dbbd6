"""Spans of a long answer that an encoder can take in whole, cut where a reader would pause.

A code fence is never cut, whatever its length. A heading stays with what follows it, and so does a line that ends in a
colon. Spans come in order, do not overlap, and hold every character of the answer that is not white space.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from kb.spans import Kind, Span, blocks, sentences

_SPACE = re.compile(r"\s+")
_LINE = re.compile(r"[^\n]*\n?")
CountTokens = Callable[[str], int]


class _Piece(NamedTuple):
    """A span that is not cut any further, with its number of tokens."""

    start: int
    end: int
    tokens: int
    leads: bool
    """Whether it belongs to what follows."""


def split_answer(text: str, *, max_tokens: int, count_tokens: CountTokens) -> list[tuple[int, int]]:
    """Spans of a Markdown text with at most `max_tokens` tokens each; only one with a code fence may have more.

    Example: two paragraphs that fit together are one span; with half the tokens allowed, they are two.
    """
    whole = _trimmed(text, 0, len(text))
    if whole is None:
        return []
    # No token is shorter than a byte, which spares the tokenizer many short answers.
    if len(text.encode("utf-8", "surrogatepass")) <= max_tokens or count_tokens(text) <= max_tokens:
        return [whole]
    pieces = [piece for block in blocks(text) for piece in _pieces(text, block, max_tokens, count_tokens)]
    return _packed(pieces, max_tokens)


def _packed(pieces: Sequence[_Piece], max_tokens: int) -> list[tuple[int, int]]:
    """Neighbours put together while they fit."""
    spans: list[tuple[int, int]] = []
    current: list[_Piece] = []
    for piece in pieces:
        if current and _tokens([*current, piece]) > max_tokens:
            carried = _carried(current, piece, max_tokens)
            kept = current[: len(current) - len(carried)]
            spans.append((kept[0].start, kept[-1].end))
            current = carried
        current.append(piece)
    if current:
        spans.append((current[0].start, current[-1].end))
    return spans


def _carried(current: list[_Piece], following: _Piece, max_tokens: int) -> list[_Piece]:
    """The pieces at the end that go along with what follows, if they fit with it and are not all there is.

    Code that is too long anyway takes what introduces it along.
    """
    carried: list[_Piece] = []
    for piece in reversed(current[1:]):
        fits = _tokens([piece, *carried, following]) <= max_tokens or following.tokens > max_tokens
        if not piece.leads or not fits:
            break
        carried.insert(0, piece)
    return carried


def _tokens(pieces: Sequence[_Piece]) -> int:
    """Tokens of the pieces together, with one for each line break between them, which some tokenizers count."""
    return sum(piece.tokens + 1 for piece in pieces) - 1


def _pieces(text: str, block: Span, max_tokens: int, count_tokens: CountTokens) -> Iterator[_Piece]:
    tokens = count_tokens(text[block.start : block.end])
    if tokens <= max_tokens or block.kind is Kind.CODE:
        leads = block.kind is Kind.HEADING or text[block.end - 1] in ":："
        yield _Piece(block.start, block.end, tokens, leads)
        return
    for start, end in _lines(text, block) if block.kind is Kind.TABLE else sentences(text, block.start, block.end):
        yield from _halves(text, start, end, max_tokens, count_tokens)


def _lines(text: str, block: Span) -> Iterator[tuple[int, int]]:
    for match in _LINE.finditer(text, block.start, block.end):
        span = _trimmed(text, match.start(), match.end())
        if span is not None:
            yield span


def _halves(text: str, start: int, end: int, max_tokens: int, count_tokens: CountTokens) -> Iterator[_Piece]:
    """The span, halved at the space nearest to its middle until each part fits."""
    tokens = count_tokens(text[start:end])
    if tokens <= max_tokens or end - start < 2:
        yield _Piece(start, end, tokens, False)
        return
    middle = (start + end) // 2
    spaces = [match.start() for match in _SPACE.finditer(text, start, end)]
    cut = min(spaces, key=lambda place: abs(place - middle)) if spaces else middle
    for left, right in ((start, cut), (cut, end)):
        span = _trimmed(text, left, right)
        if span is not None:
            yield from _halves(text, *span, max_tokens, count_tokens)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int] | None:
    piece = text[start:end]
    left = start + len(piece) - len(piece.lstrip())
    right = start + len(piece.rstrip())
    return (left, right) if left < right else None
