"""Writing lines for formats that are trees: text gathers into blocks, blocks become Markdown lines."""

from __future__ import annotations

import dataclasses
import re

from ingest.readers.inline import unwrap
from ingest.readers.model import Kind, Line
from ingest.types import DropReason

_SPACES = re.compile(r"[ \t\r\n\f\v\xa0]+")
_SPECIAL = re.compile(r"([\\`*_<>\[\]])")
_BLOCK_START = re.compile(r"^(?:#{1,6}\s|[-*+]\s|>)")


def escape(text: str) -> str:
    """The text with those characters escaped that Markdown would take for markup."""
    if any(c in text for c in "*_<[`\\") and unwrap(text).replace("`", "") != " ".join(text.split()):
        return _SPECIAL.sub(r"\\\1", text)
    return text


class Writer:
    """Collects lines; `drop` is the reason that they carry."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.drop: DropReason | None = None
        self.page: int | None = None
        self.fold = 0
        self._pieces: list[tuple[str, int, int]] = []
        self._opening = ""

    def text(self, text: str, line: int) -> int:
        """Gather text that begins on a source line; gives the line on which it ends."""
        end = line + text.count("\n")
        if text.strip():
            lead = text[: len(text) - len(text.lstrip())].count("\n")
            trail = text[len(text.rstrip()) :].count("\n")
            opening, self._opening = self._opening, ""
            body = text.lstrip() if opening else text
            space = " " if opening and body != text and self._pieces else ""
            self._pieces.append((space + opening + body, line + lead, end - trail))
        elif text and self._pieces:
            self._pieces.append((" ", self._pieces[-1][2], self._pieces[-1][2]))
        return end

    def mark(self, mark: str, *, opening: bool) -> None:
        """An emphasis mark or the bracket of a link, kept close to the text that it encloses."""
        if not mark:
            return
        if opening:
            self._opening += mark
        elif self._opening:
            self._opening = self._opening[: -len(mark)] if self._opening.endswith(mark) else ""
        elif self._pieces:
            text, first, last = self._pieces[-1]
            bare = text.rstrip(" \n\t")
            self._pieces[-1] = (bare + mark + text[len(bare) :], first, last)

    def space(self) -> None:
        """A word boundary."""
        if self._pieces:
            self._pieces.append((" ", self._pieces[-1][2], self._pieces[-1][2]))

    def line_break(self) -> None:
        """A forced line break inside of a block."""
        if self._pieces:
            self._pieces.append(("\x00", self._pieces[-1][2], self._pieces[-1][2]))

    def pending_text(self) -> bool:
        """Whether there is text that was not written yet."""
        return any(text.strip(" \x00") for text, _, _ in self._pieces)

    def take(self) -> tuple[str, int]:
        """The gathered text as one line, and the source line on which it ends."""
        text = _SPACES.sub(" ", "".join(t for t, _, _ in self._pieces).replace("\x00", " ")).strip()
        last = max((last for _, _, last in self._pieces), default=0)
        self._pieces.clear()
        self._opening = ""
        return text, last

    def flush(
        self, kind: Kind, *, level: int = 0, prefix: str = "", indent: int = 0, depth: int = 0, joined: bool = False
    ) -> None:
        """Write the gathered text as a block."""
        rows: list[list[tuple[str, int, int]]] = [[]]
        for piece in self._pieces:
            if piece[0] == "\x00":
                if not joined:
                    rows.append([])
                else:
                    rows[-1].append((" ", piece[1], piece[2]))
            else:
                rows[-1].append(piece)
        self._pieces.clear()
        self._opening = ""
        first = True
        for row in rows:
            text = _SPACES.sub(" ", "".join(t for t, _, _ in row)).strip()
            if not text:
                continue
            if first and not (prefix and depth):
                self.blank()
            filled = [(a, b) for t, a, b in row if t.strip()]
            src = (min(a for a, _ in filled), max(b for _, b in filled))
            if kind in (Kind.TEXT, Kind.DEFINITION) and not prefix and _BLOCK_START.match(text):
                text = "\\" + text
            lead = " " * indent + prefix if first else " " * (indent + len(prefix))
            self.lines.append(
                Line(lead + text, kind, level, depth, src, page=self.page, fold=self.fold, drop=self.drop)
            )
            first = False
        if not first and kind is not Kind.TEXT:
            self.blank()

    def blank(self) -> None:
        """A blank line, unless there is one."""
        if self.lines and self.lines[-1].kind is not Kind.BLANK:
            self.lines.append(Line("", Kind.BLANK))

    def rule(self, line: int) -> None:
        """A separator."""
        self.blank()
        self.lines.append(Line("---", Kind.RULE, src=(line, line), drop=self.drop))
        self.blank()

    def code(self, text: str, line: int, language: str, *, indent: int = 0, depth: int = 0) -> None:
        """A fenced block of code whose text begins on a source line."""
        self.blank()
        lead = " " * indent
        body = text.split("\n")
        first = line
        while body and not body[0].strip():
            body.pop(0)
            first += 1
        while body and not body[-1].strip():
            body.pop()
        if not body:
            return
        fence = "````" if "```" in text else "```"

        def add(content: str, number: int) -> None:
            self.lines.append(
                Line(
                    lead + content,
                    Kind.CODE,
                    0,
                    depth,
                    (number, number),
                    page=self.page,
                    fold=self.fold,
                    drop=self.drop,
                )
            )

        add(fence + language, first)
        for offset, content in enumerate(body):
            add(content.rstrip("\r"), first + offset)
        add(fence, first + len(body) - 1)
        self.blank()

    def row(self, cells: list[str], src: tuple[int, int], *, header: bool) -> None:
        """A row of a table."""
        for text in ["| " + " | ".join(cells) + " |", *(["|" + " --- |" * len(cells)] if header else [])]:
            self.lines.append(Line(text, Kind.TABLE, src=src, page=self.page, fold=self.fold, drop=self.drop))

    def as_text(self) -> tuple[str, list[Line]]:
        """The lines as a text of their own, and the same lines counted in that text."""
        rendered = [("#" * x.level + " " if x.kind is Kind.HEADING else "") + x.md for x in self.lines]
        lines = [dataclasses.replace(x, src=(n, n)) for n, x in enumerate(self.lines, start=1)]
        return "\n".join(rendered), lines
