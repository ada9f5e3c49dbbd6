"""Markdown: the block structure of markdown-it, mapped back onto the source lines."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

from ingest.readers import inline
from ingest.readers.codelike import looks_like_prose
from ingest.readers.model import Kind, Line, Source
from ingest.readers.text import is_wrapped, text_lines

_HEADING = re.compile(r"[\s>]*(?:[-*+]\s+|(\d{1,6}[.)]\s+))?#{1,6}\s*(.*?)(?:\s+#+)?\s*$")
_SUMMARY = re.compile(r"<summary\b[^<>]{0,300}>(.*?)(</summary\s*>|$)", re.IGNORECASE)
_LABEL_START = re.compile(r"[\s*_]*(?:[QA]|Question|Answer)\b.{0,5}[:.]", re.IGNORECASE)
# Within a line: matching across blank lines would take quadratic time on a file of many.
_DEEP = re.compile(r"^(?:[^\S\n]*(?:>|(?:[-*+]|\d+[.)])(?=\s))){40,}", re.MULTILINE)
_MAX_DEPTH = 90


def read_markdown(text: str, *, media_type: str = "text/markdown") -> Source:
    """The lines of a Markdown text."""
    raw = text.split("\n")
    return Source(media_type=media_type, text=text, lines=tuple(markdown_lines(raw)), wrapped=is_wrapped(text))


def markdown_lines(raw: Sequence[str]) -> list[Line]:
    """Kinds for the lines of a Markdown text."""
    text = "\n".join(raw)
    if _DEEP.search(text) or max(map(len, raw), default=0) > 100_000:
        return text_lines(raw)  # nothing that a person wrote; the block parser takes quadratic time on it
    parser = MarkdownIt("commonmark").enable("table").disable("inline")
    kinds = [Kind.TEXT if line.strip() else Kind.BLANK for line in raw]
    levels = [0] * len(raw)
    depths = [0] * len(raw)
    contents = list(raw)
    depth_changes = [0] * (len(raw) + 1)
    # A tab and some exotic separators would shift the line map of the parser.
    tokens = parser.parse("\n".join(line.replace("\x0b", " ").replace("\x0c", " ") for line in raw))
    for position, token in enumerate(tokens):
        if token.map is None:
            continue
        first, last = token.map[0], min(token.map[1], len(raw))
        if token.type == "list_item_open":
            depth_changes[first] += 1
            depth_changes[last] -= 1
        elif token.type == "heading_open":
            _mark_heading(token, tokens[position + 1], (first, last), (raw, kinds, levels, contents))
        elif token.type in ("fence", "code_block"):
            _mark_code(token, (first, last), raw, kinds)
        elif token.type == "table_open":
            kinds[first:last] = [Kind.TABLE] * (last - first)
        elif token.type == "hr":
            kinds[first] = Kind.RULE
    depth = 0
    for index in range(len(raw)):
        depth += depth_changes[index]
        depths[index] = min(depth, _MAX_DEPTH)
    return _with_markup(raw, kinds, levels, depths, contents)


def _mark_heading(
    token: Token,
    content: Token,
    span: tuple[int, int],
    columns: tuple[Sequence[str], list[Kind], list[int], list[str]],
) -> None:
    raw, kinds, levels, contents = columns
    first, last = span
    level = int(token.tag[1])
    if token.markup in ("=", "-"):
        titles = raw[first : last - 1]
        joined = " ".join(titles).strip()
        # "last sentence of an answer\n---": a separator that lacks its blank line, not a title
        sentence = joined[-1:] in ".!:;,。" and len(joined.split()) > 3
        if len(titles) > 1 or len(joined) > 120 or (token.markup == "-" and sentence) or _LABEL_START.match(joined):
            kinds[last - 1] = Kind.RULE
            return
        kinds[first], levels[first], contents[first] = Kind.HEADING, level, joined
        kinds[last - 1] = Kind.RULE
        return
    match = _HEADING.match(raw[first])
    text = (match[1] or "") + match[2] if match else content.content
    if not (match[2] if match else text).strip():
        kinds[first] = Kind.RULE
        return
    kinds[first], levels[first], contents[first] = Kind.HEADING, level, text


def _mark_code(token: Token, span: tuple[int, int], raw: Sequence[str], kinds: list[Kind]) -> None:
    first, last = span
    while last > first and not raw[last - 1].strip():
        last -= 1
    if token.type == "code_block" and looks_like_prose(raw[first:last]):
        return
    if token.type == "code_block" and _LABEL_START.match(raw[first].strip()):
        return
    if token.type == "fence" and last - first > 1 and not raw[last - 1].strip().startswith(token.markup[0] * 3):
        # An unclosed fence swallows the rest of the document. Trust it only as far as the next heading.
        for index in range(first + 1, last):
            if re.match(r"#{1,6} \S", raw[index]) and not raw[index - 1].strip():
                last = index
                break
    for index in range(first, last):
        kinds[index] = Kind.CODE


def _with_markup(
    raw: Sequence[str], kinds: list[Kind], levels: Sequence[int], depths: Sequence[int], contents: Sequence[str]
) -> list[Line]:
    """Lines with their HTML markup told apart, fold-outs and definition lists found."""
    lines: list[Line] = []
    in_summary = in_pre = False
    in_comment = False
    fold = 0
    for index, text in enumerate(contents):
        kind, src = kinds[index], (index + 1, index + 1)
        if kind is Kind.TEXT and "<" in text and "details" in (low := text[:2000].lower()):
            fold += low.count("<details")
            line = Line(text, kind, depth=depths[index], src=src, fold=fold)
            fold = max(0, fold - low.count("</details"))
        else:
            line = Line(text, kind, level=levels[index], depth=depths[index], src=src, fold=fold)
        if kind is not Kind.TEXT:
            lines.append(line if kind is not Kind.BLANK else Line("", Kind.BLANK, src=src))
            continue
        lowered = text[:2000].lower()
        if in_comment or lowered.lstrip().startswith("<!--"):
            in_comment = "-->" not in text
            lines.append(Line(text, Kind.TAG, src=src))
            continue
        if "<pre" in lowered or in_pre:
            in_pre = "</pre" not in lowered
            lines.append(dataclasses.replace(line, kind=Kind.CODE))
            continue
        if in_summary or "<summary" in lowered:
            in_summary = _split_summary(text, in_summary, line, lines)
            continue
        if inline.is_markup_only(text):
            lines.append(Line(text, Kind.TAG, src=src))
            continue
        if re.match(r"\s{0,3}:\s+\S", text) and lines:
            _mark_definition(lines)
            lines.append(Line(text.lstrip(" :"), Kind.DEFINITION, src=src))
            continue
        lines.append(line)
    return lines


def _split_summary(text: str, inside: bool, line: Line, lines: list[Line]) -> bool:
    """Append the summary and what follows it on the line; gives whether the summary is still open."""
    if inside:
        body, closing, rest = text.partition("</summary>")
        opened = True
    else:
        match = _SUMMARY.search(text)
        if match is None:
            lines.append(Line(text, Kind.TAG, src=line.src))
            return True
        body, closing, rest = match[1], match[2], text[match.end() :]
        opened = not closing
    body = body.strip()
    if body and not inline.is_markup_only(body):
        lines.append(dataclasses.replace(line, md=body, kind=Kind.SUMMARY))
    else:
        lines.append(Line(text, Kind.TAG, src=line.src))
    if closing and rest.strip() and not inline.is_markup_only(rest):
        lines.append(dataclasses.replace(line, md=rest.strip()))
    return opened and not closing


def _mark_definition(lines: list[Line]) -> None:
    """Make the paragraph before a definition its term."""
    at = len(lines) - 1
    if lines[at].kind is Kind.BLANK:
        at -= 1
    if at >= 0 and lines[at].kind is Kind.TEXT and (at == 0 or lines[at - 1].kind is not Kind.TEXT):
        lines[at] = Line(lines[at].md, Kind.TERM, depth=lines[at].depth, src=lines[at].src)
