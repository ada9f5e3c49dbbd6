"""Exact spans of a Markdown answer: blocks (paragraph, list item, code, table, heading) and the sentences in them.

Everything that is quoted, cited or checked is such a span, so `text[span.start:span.end]` is always verbatim.
Spans are found line by line in one pass; no rendering, since the words must stay where they are.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What a span is made of."""

    PARAGRAPH = "paragraph"
    ITEM = "item"
    CODE = "code"
    TABLE = "table"
    HEADING = "heading"


class Span(NamedTuple):
    """A piece of a text; `text[start:end]` has no white space at its ends."""

    kind: Kind
    start: int
    end: int


_FENCE = re.compile(r"\s*(`{3,}|~{3,})")
_ITEM = re.compile(r"\s*(?:[-*+•‣▪◦–]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)])\s+\S")
_HEADING = re.compile(r"\s{0,3}#{1,6}\s+\S")
_TABLE = re.compile(r"\s*\|")
# Possessive, and begun only at the start of a run: a million question marks must not be tried from each of them.
_END = re.compile(
    r"""(?<![.!?…])[.!?…]++["'”’)\]*_`]*+(?=\s) | [。！？｡؟।]++["'”’)\]」』]*+ | \n[^\S\n]*+\n""", re.VERBOSE
)
# A full stop after these ends no sentence.
_ABBREVIATIONS = frozenset(
    [
        "e.g",
        "i.e",
        "etc",
        "vs",
        "cf",
        "approx",
        "resp",
        "incl",
        "no",
        "nos",
        "fig",
        "figs",
        "eq",
        "eqs",
        "sec",
        "ch",
        "vol",
        "pp",
        "p",
        "al",
        "mr",
        "mrs",
        "ms",
        "dr",
        "prof",
        "st",
        "jr",
        "sr",
        "inc",
        "ltd",
        "co",
        "dept",
        "est",
        "z.b",
        "bzw",
        "usw",
        "ca",
        "u.a",
        "d.h",
        "p.ej",
    ]
)
_BEFORE = re.compile(r"[\w.]+$")


def blocks(text: str) -> list[Span]:
    """The blocks of a Markdown text, in order. Together they hold every character that is not white space."""
    found: list[Span] = []
    kind: Kind | None = None
    start = end = position = 0
    fence = ""

    def close() -> None:
        nonlocal kind
        if kind is not None:
            found.append(_trimmed(text, kind, start, end))
        kind = None

    for line in text.splitlines(keepends=True):
        line_end = position + len(line)
        if fence:
            end = line_end
            if _closes(line, fence):
                fence = ""
                close()
        elif not line.strip():
            close()
        elif opened := _FENCE.match(line):
            close()
            kind, start, end, fence = Kind.CODE, position, line_end, opened.group(1)
        else:
            new = _line_kind(line, kind)
            if new != kind or (new in (Kind.ITEM, Kind.HEADING) and _starts(line, new)):
                close()
                kind, start = new, position
            end = line_end
        position = line_end
    close()
    return found


def _line_kind(line: str, current: Kind | None) -> Kind:
    if _ITEM.match(line):
        return Kind.ITEM
    if _HEADING.match(line):
        return Kind.HEADING
    if _TABLE.match(line):
        return Kind.TABLE
    # A line that opens nothing goes on with the item or paragraph above it.
    return current if current in (Kind.ITEM, Kind.PARAGRAPH) else Kind.PARAGRAPH


def _starts(line: str, kind: Kind) -> bool:
    return bool((_ITEM if kind is Kind.ITEM else _HEADING).match(line))


def _closes(line: str, fence: str) -> bool:
    stripped = line.strip()
    return len(stripped) >= len(fence) and set(stripped) == {fence[0]}


def _trimmed(text: str, kind: Kind, start: int, end: int) -> Span:
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    if kind is Kind.CODE:  # the indentation of a fence belongs to the code
        left = len(piece) - len(piece.lstrip("\n\r"))
        left += len(piece[left:]) - len(piece[left:].lstrip(" \t"))
    return Span(kind, start + left, start + len(piece.rstrip()))


def sentences(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """Spans of the sentences in `text[start:end]`, without white space at their ends, in order, nothing left out.

    Example: `sentences("Use e.g. torch.nn. Then call it.")` gives `[(0, 18), (19, 32)]`.
    """
    stop = len(text) if end is None else end
    found: list[tuple[int, int]] = []
    begin = seen = start
    ticks = 0
    for match in _END.finditer(text, start, stop):
        # Counted from mark to mark: counting from the sentence's start each time would be quadratic.
        ticks += text.count("`", seen, match.end())
        seen = match.end()
        if ticks % 2 or not _ends_sentence(text, begin, match.start(), match.end(), stop):
            continue
        _append(found, text, begin, match.end())
        begin = match.end()
    _append(found, text, begin, stop)
    return found


def _append(found: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    left = start + len(piece) - len(piece.lstrip())
    right = start + len(piece.rstrip())
    if right > left:
        found.append((left, right))


def _ends_sentence(text: str, begin: int, mark: int, after: int, stop: int) -> bool:
    """Whether the mark at `text[mark:after]` ends the sentence that began at `begin`."""
    if text[mark] != ".":
        return True
    before = _BEFORE.search(text, max(begin, mark - 24), mark)
    word = before.group().lower() if before else ""
    if word in _ABBREVIATIONS or (len(word) == 1 and word.isalpha() and text[mark - 1].isupper()):
        return False
    if word.isdigit() and mark - len(word) == begin:  # "1. First"
        return False
    following = text[after : min(stop, after + 40)].lstrip()
    return not following or not following[0].islower() or bool(re.match(r"[\w.]*[_.(]\w|\w+\(", following))


def statements(text: str) -> list[Span]:
    """The pieces of an answer that can stand alone: sentences, list items, code blocks, tables; no headings."""
    found: list[Span] = []
    for block in blocks(text):
        if block.kind is Kind.PARAGRAPH:
            found.extend(Span(Kind.PARAGRAPH, start, end) for start, end in sentences(text, block.start, block.end))
        elif block.kind is not Kind.HEADING:
            found.append(block)
    return found
