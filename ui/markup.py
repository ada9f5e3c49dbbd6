"""Text as safe HTML. Whatever comes from a document or a user is text: it is escaped, never trusted as markup.

A small part of Markdown is shown as what it means (code, emphasis, lists, headings). Links and images stay the text
that they are, so that nothing that a document says can load or open anything.
"""

from __future__ import annotations

import dataclasses
import html
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

Span = tuple[int, int]

MIN_WRAP_WIDTH = 50
"""Characters; lines that are shorter throughout were broken on purpose."""

_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_FENCE = re.compile(r"^(?P<indent> {0,3})(?P<mark>`{3,}|~{3,})(?P<info>[^`\n]*)$")
_HEADING = re.compile(r"^ {0,3}#{1,6}\s+")
_ITEM = re.compile(r"^(?P<indent>\s*)(?P<bullet>[-*+]|\d{1,3}[.)])\s+")
_ROW = re.compile(r"^\s*\|.*\|\s*$")
_INLINE = re.compile(
    r"(?P<code>(?P<ticks>`+)(?P<code_text>.+?)(?P=ticks)(?!`))"
    r"|(?P<bold>\*\*(?=\S)(?P<bold_text>.+?)(?<=\S)\*\*)"
    r"|(?P<em>(?<![\w*])\*(?=[^\s*])(?P<em_text>[^*\n]+?)(?<=[^\s*])\*(?![\w*]))",
    re.DOTALL,
)


class _Mark(NamedTuple):
    start: int
    end: int
    attributes: str


def esc(value: object) -> str:
    """The value's text for HTML content or a quoted attribute, without characters that hide or reorder text."""
    return html.escape(_clean(str(value)), quote=True)


def _clean(text: str) -> str:
    return _SURROGATE.sub("\ufffd", _UNSAFE.sub("", text))


def one_line(text: str, width: int = 120) -> str:
    """The text on one line, cut at `width` characters."""
    joined = " ".join(text.split())
    return joined if len(joined) <= width else joined[: width - 1].rstrip() + "…"


@dataclasses.dataclass(frozen=True, slots=True)
class _Block:
    """A run of lines of one kind; the content's offsets point into the whole text."""

    kind: str
    """code, table, heading, item, prose or blank."""
    start: int
    end: int
    label: str = ""
    """The language of code, the bullet of an item."""
    depth: int = 0


def prose(text: str, marks: Sequence[Span] = (), *, strong: Sequence[Span] = (), copy_code: bool = True) -> str:
    """The text as HTML, with the spans of `marks` highlighted.

    `marks` are offsets into `text`, in any order; what they cover is wrapped in `<mark>` wherever it is shown. What
    `strong` covers is marked too, and stands out from the rest.
    """
    spans = _split(_merged(marks, text), _merged(strong, text))
    parts: list[str] = []
    open_list = False
    for block in _blocks(text):
        if open_list and block.kind != "item":
            parts.append("</ul>")
            open_list = False
        if block.kind == "code":
            parts.append(_code(text, block, spans, copy_code))
        elif block.kind == "table":
            parts.append(f'<pre class="kb-table">{_leaf(text, block.start, block.end, spans)}</pre>')
        elif block.kind == "heading":
            parts.append(f'<p class="kb-heading">{_inline(text, block.start, block.end, spans)}</p>')
        elif block.kind == "item":
            if not open_list:
                parts.append('<ul class="kb-list">')
                open_list = True
            bullet = "" if block.label in "-*+" else f'<span class="kb-number">{esc(block.label)}</span> '
            kind = "kb-numbered" if bullet else "kb-bullet"
            inside = _inline(text, block.start, block.end, spans)
            parts.append(f'<li class="{kind} kb-depth-{min(block.depth, 3)}">{bullet}{inside}</li>')
        elif block.kind == "prose":
            parts.append(f"<p>{_inline(_unwrapped(text, block), block.start, block.end, spans)}</p>")
    if open_list:
        parts.append("</ul>")
    return "".join(parts)


def inline(text: str) -> str:
    """The text on one line as HTML, with code and emphasis shown as such; for questions and titles."""
    joined = " ".join(text.split())
    return _inline(joined, 0, len(joined), ())


def _code(text: str, block: _Block, spans: Sequence[_Mark], copy: bool) -> str:
    return _code_frame(_leaf(text, block.start, block.end, spans), block.label, copy=copy)


def _code_frame(inner: str, language: str, *, copy: bool) -> str:
    name = esc(one_line(language, 20))
    button = '<button type="button" class="kb-copy-code" data-copy="code" aria-label="Copy this code">Copy</button>'
    head = f'<div class="kb-code-head"><span>{name or "code"}</span>{button if copy else ""}</div>'
    return f'<div class="kb-code">{head}<pre tabindex="0"><code>{inner}</code></pre></div>'


def _blocks(text: str) -> Iterator[_Block]:
    lines = list(_lines(text))
    position = 0
    while position < len(lines):
        start, end = lines[position]
        line = text[start:end]
        fence = _FENCE.match(line)
        if fence:
            closing = _closing(text, lines, position, fence["mark"])
            inside = lines[position + 1 : closing]
            code_start = inside[0][0] if inside else end
            code_end = inside[-1][1] if inside else end
            yield _Block("code", code_start, code_end, fence["info"].strip().split(" ")[0])
            position = closing + 1
            continue
        kind = _kind(line)
        if kind == "item" and (item := _ITEM.match(line)):
            yield _Block("item", start + item.end(), end, item["bullet"], len(item["indent"].expandtabs(4)) // 2)
        elif kind == "heading" and (heading := _HEADING.match(line)):
            yield _Block("heading", start + heading.end(), end)
        elif kind in ("prose", "table"):
            last = position
            while last + 1 < len(lines) and _continues(text[slice(*lines[last + 1])], kind):
                last += 1
            yield _Block(kind, start, lines[last][1])
            position = last
        position += 1


def _unwrapped(text: str, block: _Block) -> str:
    """The text with the line breaks that only wrap the block's lines as spaces; offsets stay as they are.

    A break wraps when the next word would not have fitted on the line any more, judging by the longest line.
    """
    lines = text[block.start : block.end].split("\n")
    width = max(map(len, lines))
    if len(lines) == 1 or width < MIN_WRAP_WIDTH:
        return text
    joined = lines[0]
    for line, following in itertools.pairwise(lines):
        first = following.split(" ", 1)[0]
        joined += (" " if len(line) + 1 + len(first) > width else "\n") + following
    return text[: block.start] + joined + text[block.end :]


def _lines(text: str) -> Iterator[Span]:
    start = 0
    for line in text.split("\n"):
        yield start, start + len(line)
        start += len(line) + 1


def _closing(text: str, lines: Sequence[Span], opening: int, mark: str) -> int:
    """Index of the line that closes the fence; behind the last line if none does."""
    for index in range(opening + 1, len(lines)):
        line = text[slice(*lines[index])].strip()
        if len(line) >= len(mark) and line == mark[0] * len(line):
            return index
    return len(lines)


def _kind(line: str) -> str:
    if not line.strip():
        return "blank"
    if _ROW.match(line):
        return "table"
    if _HEADING.match(line):
        return "heading"
    return "item" if _ITEM.match(line) else "prose"


def _continues(line: str, kind: str) -> bool:
    return _kind(line) == kind and not _FENCE.match(line)


def _inline(text: str, start: int, end: int, spans: Sequence[_Mark]) -> str:
    parts: list[str] = []
    position = start
    for match in _INLINE.finditer(text, start, end):
        parts.append(_leaf(text, position, match.start(), spans))
        for group, tag in (("code_text", "code"), ("bold_text", "strong"), ("em_text", "em")):
            if match[group] is not None:
                parts.append(f"<{tag}>{_leaf(text, match.start(group), match.end(group), spans)}</{tag}>")
        position = match.end()
    parts.append(_leaf(text, position, end, spans))
    return "".join(parts)


def _leaf(text: str, start: int, end: int, spans: Sequence[_Mark]) -> str:
    parts: list[str] = []
    position = start
    for mark_start, mark_end, kind in spans:
        left, right = max(mark_start, position), min(mark_end, end)
        if left < right:
            parts += [esc(text[position:left]), f"<mark{kind}>", esc(text[left:right]), "</mark>"]
            position = right
    parts.append(esc(text[position:end]))
    return "".join(parts)


def _merged(marks: Sequence[Span], text: str) -> list[Span]:
    """The spans in order, joined where nothing but white space lies between them."""
    found: list[Span] = []
    for start, end in sorted((max(0, start), min(end, len(text))) for start, end in marks):
        if start >= end:
            continue
        if found and not text[found[-1][1] : start].strip():
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _split(marks: Sequence[Span], strong: Sequence[Span]) -> list[_Mark]:
    """The marks cut where strong ones begin and end, in order, without overlap."""
    edges = sorted({edge for span in (*marks, *strong) for edge in span})
    found: list[_Mark] = []
    for start, end in itertools.pairwise(edges):
        if any(left <= start and end <= right for left, right in strong):
            found.append(_Mark(start, end, ' class="is-strong"'))
        elif any(left <= start and end <= right for left, right in marks):
            found.append(_Mark(start, end, ""))
    return found
