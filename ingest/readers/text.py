"""Plain text, which may carry bits of Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ingest.readers.model import Kind, Line, Source

_FENCE = re.compile(r"\s*(`{3,}|~{3,})\s*([^`]*)$")
_HEADING = re.compile(r"(#{1,6})\s+(\S.*?)(?:\s+#+)?\s*$")
_RULE = re.compile(r"[-=_*~#+.•· \t─━═—–]{3,}")
_SIGNS = frozenset("-=_*~#+.•·─━═—–`^")
_UNDERLINE = re.compile(r"(={3,}|-{3,}|~{3,}|\^{3,})\s*")


def read_text(text: str, *, media_type: str = "text/plain") -> Source:
    """The lines of a plain text."""
    return Source(media_type=media_type, text=text, lines=tuple(text_lines(text.split("\n"))), wrapped=is_wrapped(text))


def is_wrapped(text: str) -> bool:
    """Whether most paragraphs were broken at a fixed width."""
    lengths = [len(line.rstrip()) for line in text.split("\n") if line.strip()]
    if len(lengths) < 6:
        return False
    widest = max(lengths)
    full = sum(1 for n in lengths if n > 0.75 * widest)
    return 40 <= widest <= 130 and full >= 0.35 * len(lengths)


def text_lines(raw: Sequence[str]) -> list[Line]:
    """Kinds for the lines of a plain text: fences, headings with marks or underlines, separators."""
    lines: list[Line] = []
    fence = ""
    closing = _closing_fences(raw)
    for number, text in enumerate(raw, start=1):
        src = (number, number)
        if fence:
            lines.append(Line(text, Kind.CODE, src=src))
            if text.strip().startswith(fence) and not text.strip().strip(fence[0]):
                fence = ""
            continue
        if not text.strip():
            lines.append(Line("", Kind.BLANK, src=src))
            continue
        if text[0] not in _SIGNS and text.lstrip()[0] not in _SIGNS:
            lines.append(Line(text, Kind.TEXT, src=src))
        elif len(text) < 200 and (match := _FENCE.match(text)) and number in closing:
            fence = match[1]
            lines.append(Line(text, Kind.CODE, src=src))
        elif len(text) < 1000 and (match := _HEADING.match(text)):
            lines.append(Line(match[2], Kind.HEADING, level=len(match[1]), src=src))
        elif _RULE.fullmatch(text.strip()[:300]):
            if lines and ((_UNDERLINE.fullmatch(text) and _underlines(text, lines)) or _boxes(text, lines)):
                level = 1 if text.lstrip()[0] == "=" else 2
                lines[-1] = Line(lines[-1].md.strip(), Kind.HEADING, level=level, src=lines[-1].src)
            lines.append(Line(text, Kind.RULE, src=src))
        else:
            lines.append(Line(text, Kind.TEXT, src=src))
    return lines


def _closing_fences(raw: Sequence[str]) -> set[int]:
    """Numbers of the lines that open a fence which is closed later; an unclosed one is no fence in a plain text."""
    found: set[int] = set()
    opened: tuple[int, str] | None = None
    for number, text in enumerate(raw, start=1):
        if len(text) > 200 or not (match := _FENCE.match(text)):
            continue
        if opened is None:
            opened = (number, match[1])
        elif match[1].startswith(opened[1]) and not match[2].strip():
            found.add(opened[0])
            opened = None
    return found


def _boxes(text: str, lines: Sequence[Line]) -> bool:
    """Whether a rule closes a box that the same rule has opened above a single line, which then is a title."""
    if len(lines) < 2 or lines[-2].kind is not Kind.RULE or lines[-1].kind is not Kind.TEXT:
        return False
    title = lines[-1].md.strip()
    return lines[-2].md.strip() == text.strip() and len(title) <= 100 and title[-1] not in ".:;,"


def _underlines(text: str, lines: Sequence[Line]) -> bool:
    """Whether a rule underlines the line before it, which then is a title."""
    title = lines[-1]
    alone = len(lines) < 2 or lines[-2].kind in (Kind.BLANK, Kind.RULE)
    width, own = len(title.md.strip()), len(text.strip())
    fits = abs(width - own) <= max(3, width // 3)
    return title.kind is Kind.TEXT and alone and fits and width <= 100 and title.md.strip()[-1] not in ".:;,"
