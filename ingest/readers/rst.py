"""reStructuredText: titles, definition lists, directives and literal blocks, kept on their source lines."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ingest.readers.inline import words_of
from ingest.readers.model import Kind, Line, Source
from ingest.readers.text import is_wrapped
from ingest.types import DropReason

_ADORNMENT = re.compile(r"([!-/:-@\[-`{-~])\1{2,}\s*$")
_DIRECTIVE = re.compile(r"(\s*)\.\.\s+(?:\|[^|]+\|\s+)?([\w:+-]+)::\s*(.*)$")
_COMMENT = re.compile(r"(\s*)\.\.(?:\s+(.*))?$")
_FIELD = re.compile(r"\s*:([\w][\w .-]{0,40}):(?:\s+(.*))?$")
_CODE = frozenset(
    words_of(
        """code code-block sourcecode highlight parsed-literal math prompt console literalinclude doctest ipython"""
    )
)
_NOTES = frozenset(
    words_of(
        """note tip hint warning important caution danger attention error seealso admonition versionadded deprecated"""
    )
)
_ITEM = re.compile(r"\s*(?:[-*+•]|\(?(?:\d{1,4}|#|[A-Za-z])[.)])\s+\S")
_LITERAL = re.compile(r"``(.+?)``")
_ROLE = re.compile(r":[\w:+.-]{1,40}:`([^`<]{1,300}?)(?:\s*<[^<>`]{0,300}>)?`")
_LINK = re.compile(r"`([^`<]{1,300}?)\s*<([^<>`]{1,300})>`__?")
_REFERENCE = re.compile(r"`([^`]{1,300})`__?")
_SIMPLE_TABLE = re.compile(r"\s*={2,}(?:\s+={2,})+\s*$")
_GRID = re.compile(r"\s*\+(?:[-=]+\+)+\s*$")


def read_rst(text: str, *, media_type: str = "text/x-rst") -> Source:
    """The lines of a reStructuredText document."""
    reader = _Reader(text.split("\n"))
    return Source(
        media_type, text, tuple(reader.read()), title=reader.fields.get("title", ""), metadata=reader.fields,
        wrapped=is_wrapped(text),
    )  # fmt: skip


def inline(text: str) -> str:
    """Inline markup as Markdown."""
    if "`" in text:
        parts = _LITERAL.split(text)
        for index in range(0, len(parts), 2):
            part = _ROLE.sub(r"`\1`", parts[index])
            part = _LINK.sub(r"[\1](\2)", part)
            parts[index] = _REFERENCE.sub(r"\1", part) if "`_" in part else part
        text = "".join(f"`{part}`" if i % 2 else part for i, part in enumerate(parts))
    return text


class _Reader:
    def __init__(self, raw: Sequence[str]) -> None:
        self.raw = raw
        self.out: list[Line] = []
        self.fields: dict[str, str] = {}
        self._styles: list[str] = []
        self._at = 0

    def read(self) -> list[Line]:
        seen_text = False
        while self._at < len(self.raw):
            text = self.raw[self._at]
            if not text.strip():
                self._put("", Kind.BLANK)
            elif self._title():
                continue
            elif match := _DIRECTIVE.match(text):
                self._directive(match)
                continue
            elif (
                (match := _COMMENT.match(text))
                and not seen_text | (text.strip() != ".." and not text.lstrip().startswith(".. "))
            ) or (_COMMENT.match(text) and text.lstrip().startswith("..")):
                self._block(self._indent(text), Kind.TAG)
                continue
            elif not seen_text and (match := _FIELD.match(text)):
                self.fields[match[1].strip().lower()] = (match[2] or "").strip()
                self._put(text, Kind.TEXT, drop=DropReason.FRONT_MATTER)
            elif _SIMPLE_TABLE.match(text) or _GRID.match(text):
                self._table()
                continue
            elif self._is_term():
                self._put(inline(text), Kind.TERM)
                self._at += 1
                self._definition(self._indent(text))
                continue
            else:
                seen_text = True
                self._paragraph_line(text)
                continue
            self._at += 1
        return self.out

    def _put(self, md: str, kind: Kind, *, level: int = 0, drop: DropReason | None = None) -> None:
        number = self._at + 1
        self.out.append(Line(md, kind, level=level, src=(number, number), drop=drop))

    @staticmethod
    def _indent(text: str) -> int:
        expanded = text.expandtabs(8)
        return len(expanded) - len(expanded.lstrip())

    def _line(self, index: int) -> str:
        return self.raw[index] if 0 <= index < len(self.raw) else ""

    def _title(self) -> bool:
        """Write a title with its adornment, if one stands here."""
        text, below = self._line(self._at), self._line(self._at + 1)
        over = _ADORNMENT.match(text)
        if (
            over
            and below.strip()
            and self._line(self._at + 2).rstrip() == text.rstrip()
            and not _ADORNMENT.match(below)
        ):
            level = self._level(text[0] * 2)
            self._put(text, Kind.RULE)
            self._at += 1
            self._put(inline(below.strip()), Kind.HEADING, level=level)
            self._at += 1
            self._put(text, Kind.RULE)
            self._at += 1
            return True
        under = _ADORNMENT.match(below)
        previous = self._line(self._at - 1)
        fits = len(below.rstrip()) >= min(len(text.rstrip()) - 2, 60)
        if under and text.strip() and text[0] != " " and not over and fits and not previous.strip():
            level = self._level(below[0])
            self._put(inline(text.strip()), Kind.HEADING, level=level)
            self._at += 1
            self._put(below, Kind.RULE)
            self._at += 1
            return True
        if over:
            self._put(text, Kind.RULE)
            self._at += 1
            return True
        return False

    def _level(self, style: str) -> int:
        if style not in self._styles:
            self._styles.append(style)
        return min(self._styles.index(style) + 1, 6)

    def _block(self, indent: int, kind: Kind, drop: DropReason | None = None) -> None:
        """The line here and the more indented ones that follow."""
        self._put(self.raw[self._at], kind, drop=drop)
        self._at += 1
        while self._at < len(self.raw):
            text = self.raw[self._at]
            if text.strip() and self._indent(text) <= indent:
                return
            self._put(
                text if text.strip() else "", kind if text.strip() else Kind.BLANK, drop=drop if text.strip() else None
            )
            self._at += 1

    def _directive(self, match: re.Match[str]) -> None:
        indent, name, argument = self._indent(match[0]), match[2].lower(), match[3].strip()
        if name == "contents":
            self._block(indent, Kind.TEXT, DropReason.TABLE_OF_CONTENTS)
        elif name in _CODE:
            self._put(" " * indent + "```" + (argument.split()[0] if argument and name != "math" else ""), Kind.CODE)
            self._at += 1
            self._options(indent)
            self._code(indent)
            self.out.append(Line(" " * indent + "```", Kind.CODE))
        elif name in _NOTES or name in (
            "topic",
            "rubric",
            "epigraph",
            "container",
            "dropdown",
            "details",
            "collapse",
            "question",
        ):
            summary = name in ("dropdown", "details", "collapse", "question") and bool(argument)
            self._put(" " * indent + inline(argument), Kind.SUMMARY if summary else Kind.TEXT if argument else Kind.TAG)
            self._at += 1
            self._options(indent)
        else:
            self._block(indent, Kind.TAG)

    def _options(self, indent: int) -> None:
        while _FIELD.match(self._line(self._at)) and self._indent(self._line(self._at)) > indent:
            self._put(self.raw[self._at], Kind.TAG)
            self._at += 1

    def _code(self, indent: int) -> None:
        """The more indented lines that follow, as code."""
        start = self._at
        stop = start
        while stop < len(self.raw) and (not self.raw[stop].strip() or self._indent(self.raw[stop]) > indent):
            stop += 1
        while stop > start and not self.raw[stop - 1].strip():
            stop -= 1
        while self._at < stop:
            text = self.raw[self._at]
            first = self._at == start and not text.strip()
            self._put(text, Kind.BLANK if first or not text.strip() else Kind.CODE)
            self._at += 1

    def _paragraph_line(self, text: str) -> None:
        stripped = text.rstrip()
        if stripped.strip() == "::":
            self._put(text, Kind.TAG)
            self._at += 1
            self._code(self._indent(text))
            return
        literal = stripped.endswith("::") and self._literal_follows()
        md = stripped[:-1] if literal else text
        md = re.sub(r"^(\s*)\|\s", r"\1", md)  # a line block
        self._put(inline(md), Kind.TEXT)
        self._at += 1
        if literal:
            self._code(self._indent(text))

    def _literal_follows(self) -> bool:
        own = self._indent(self.raw[self._at])
        following = next((t for t in self.raw[self._at + 1 :] if t.strip()), "")
        return not self._line(self._at + 1).strip() and self._indent(following) > own

    def _is_term(self) -> bool:
        """Whether a definition follows directly, more indented."""
        text, below = self._line(self._at), self._line(self._at + 1)
        if _ITEM.match(text) or not below.strip() or self._line(self._at - 1).strip():
            return False
        return self._indent(below) > self._indent(text) and not text.rstrip().endswith("::")

    def _definition(self, indent: int) -> None:
        while self._at < len(self.raw):
            text = self.raw[self._at]
            if not text.strip():
                self._put("", Kind.BLANK)
                self._at += 1
            elif self._indent(text) <= indent:
                return
            elif match := _DIRECTIVE.match(text):
                self._directive(match)
            elif _SIMPLE_TABLE.match(text) or _GRID.match(text):
                self._table()
            else:
                start = len(self.out)
                self._paragraph_line(text)
                line = self.out[start]
                if line.kind is Kind.TEXT and not _ITEM.match(line.md):
                    self.out[start] = Line(line.md, Kind.DEFINITION, src=line.src)

    def _table(self) -> None:
        """A table, kept as it is drawn."""
        grid = _GRID.match(self.raw[self._at]) is not None
        start = self._at
        stop = start + 1
        while stop < len(self.raw) and (self.raw[stop].strip() or (not grid and _more_table(self.raw, stop))):
            stop += 1
        while self._at < stop:
            text = self.raw[self._at]
            border = _GRID.match(text) or _SIMPLE_TABLE.match(text)
            kind = (
                Kind.BLANK if not text.strip() else Kind.RULE if border and grid else Kind.TABLE if grid else Kind.CODE
            )
            self._put(text.strip() if grid else text, kind)
            self._at += 1


def _more_table(raw: Sequence[str], at: int) -> bool:
    following = raw[at + 1 : at + 4]
    return any(_SIMPLE_TABLE.match(text) for text in following) and bool(following and following[0].strip())
