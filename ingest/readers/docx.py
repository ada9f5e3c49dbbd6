"""Word documents: paragraphs with their styles, automatic numbers made visible, tables row by row."""

from __future__ import annotations

import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

import docx
from docx.document import Document
from docx.oxml.ns import qn
from docx.table import Table
from docx.text.paragraph import Paragraph
from docx.text.run import Run
from lxml import etree

from ingest.readers.lines import Writer, escape
from ingest.readers.model import Kind, Source
from kb.errors import DocumentError

_MAX_UNPACKED = 400_000_000
_MAX_RATIO = 200
# What python-docx raises on damaged files: it checks little, so the errors are those of its own lookups.
_BROKEN = (
    KeyError, ValueError, AttributeError, TypeError, IndexError, EOFError, OSError, NotImplementedError, RecursionError,
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, etree.LxmlError, docx.opc.exceptions.OpcError,
    docx.exceptions.PythonDocxError,
)  # fmt: skip
_MONO = ("courier", "consolas", "mono", "menlo", "code")


def read_docx(data: bytes, name: str) -> Source:
    """The paragraphs and tables of a document in their order."""
    check_archive(data, name)
    try:
        document = docx.Document(io.BytesIO(data))
        writer = _DocxWriter(document)
        writer.write()
        title = (document.core_properties.title or "").strip()
    except _BROKEN as exc:
        raise DocumentError(
            f"{name}: no readable Word document: {exc}"[:300],
            hint="Open it in a word processor and save it again as docx.",
        ) from exc
    text, lines = writer.out.as_text()
    generic = not title or title.lower() in ("word document", "untitled", "document")
    return Source(
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document", text, tuple(lines),
        title="" if generic else title, has_lines=False,
    )  # fmt: skip


def check_archive(data: bytes, name: str) -> None:
    """Refuse what is no zip archive, or one that unpacks to far more than a document holds."""
    hint = "Open it in a word processor and save it again as docx."
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, UnicodeDecodeError) as exc:
        raise DocumentError(f"{name}: no Word document: {exc}", hint=hint) from exc
    unpacked = sum(info.file_size for info in infos)
    if unpacked > _MAX_UNPACKED or len(infos) > 20_000 or (unpacked > 20_000_000 and unpacked > _MAX_RATIO * len(data)):
        raise DocumentError(
            f"{name}: {len(data)} bytes that unpack to {unpacked}: refused as a zip bomb",
            hint="If it is a real document, save it without its embedded media.",
        )
    if any(info.flag_bits & 1 for info in infos):
        raise DocumentError(f"{name}: the file is encrypted", hint="Save it without a password and ingest it again.")
    if "[Content_Types].xml" not in {info.filename for info in infos}:
        raise DocumentError(f"{name}: a zip archive, but no Word document", hint=hint)


class _DocxWriter:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.out = Writer()
        self._counters: dict[tuple[str, int], int] = {}
        self._formats = _number_formats(document)
        self._code: list[str] = []

    def write(self) -> None:
        """Write the body."""
        for item in self.document.iter_inner_content():
            if isinstance(item, Paragraph):
                self._paragraph(item)
            else:
                self._flush_code()
                self._table(item)
        self._flush_code()

    def _flush_code(self) -> None:
        if self._code:
            self.out.code("\n".join(self._code), 0, "")
            self._code = []

    def _paragraph(self, paragraph: Paragraph) -> None:
        text = paragraph.text
        if not text.strip():
            if self._code:
                self._code.append("")
            else:
                self.out.blank()
            return
        style = (paragraph.style.name or "" if paragraph.style is not None else "").lower()
        if _is_code(paragraph, style):
            self._code.append(text)
            return
        self._flush_code()
        md = "".join(_inline(paragraph)).strip()
        level = _heading_level(style, paragraph)
        if level:
            number = self._number(paragraph)
            prefix = number if number.rstrip(". ").isdigit() else ""
            self.out.text(md.replace("**", ""), 0)
            self.out.flush(Kind.HEADING, level=level, prefix=prefix, joined=True)
            return
        prefix = self._number(paragraph)
        if not prefix and style.startswith("list"):
            prefix = self._styled_item(style)
        depth = _list_level(paragraph) if prefix else 0
        for position, part in enumerate(md.split("\n")):
            if not part.strip():
                continue
            lead = "  " * depth * 2 + (prefix if position == 0 else " " * len(prefix))
            self.out.text((lead.strip() and lead.lstrip() + part.strip()) or part.strip(), 0)
            self.out.flush(Kind.TEXT, indent=4 * depth if prefix else 0, depth=depth + 1 if prefix else 0)
        if not prefix:
            self.out.blank()

    def _styled_item(self, style: str) -> str:
        if "number" in style:
            key = (style, 0)
            self._counters[key] = self._counters.get(key, 0) + 1
            return f"{self._counters[key]}. "
        return "- " if "bullet" in style or style == "list paragraph" else ""

    def _number(self, paragraph: Paragraph) -> str:
        """The number or bullet that the word processor would show."""
        properties = paragraph._p.pPr
        numbering = properties.numPr if properties is not None else None
        if numbering is None and paragraph.style is not None:
            own = paragraph.style.element.find(qn("w:pPr"))
            numbering = own.find(qn("w:numPr")) if own is not None else None
        if numbering is None:
            return ""
        number_id = numbering.find(qn("w:numId"))
        level_element = numbering.find(qn("w:ilvl"))
        identity = number_id.get(qn("w:val")) if number_id is not None else None
        level = _whole(level_element.get(qn("w:val"))) if level_element is not None else 0
        if identity is None or identity == "0":
            return ""
        if self._formats.get((identity, level), "bullet") in ("bullet", "none"):
            return "- "
        for key in [k for k in self._counters if k[0] == identity and k[1] > level]:
            del self._counters[key]
        self._counters[identity, level] = self._counters.get((identity, level), 0) + 1
        return f"{self._counters[identity, level]}. "

    def _table(self, table: Table) -> None:
        rows: list[list[str]] = []
        for row in table.rows:
            seen: list[Any] = []
            cells: list[str] = []
            for cell in row.cells:
                if any(cell._tc is other for other in seen):
                    continue
                seen.append(cell._tc)
                cells.append(
                    " ".join("".join(_inline(p)).strip() for p in cell.paragraphs if p.text.strip()).replace("|", "\\|")
                )
            rows.append(cells)
        width = max((len(row) for row in rows), default=0)
        self.out.blank()
        for position, cells in enumerate(rows):
            if width == 1:
                self.out.text(cells[0] if cells else "", 0)
                self.out.flush(Kind.TEXT)
            elif any(cells):
                self.out.row([*cells, *[""] * (width - len(cells))], (0, 0), header=position == 0)
        self.out.blank()


def _heading_level(style: str, paragraph: Paragraph) -> int:
    if style == "title":
        return 1
    match = re.match(r"(?:heading|überschrift|titre|título|titolo|kop|rubrik|标题)\s*(\d)", style)
    if match:
        return min(6, int(match[1]))
    properties = paragraph._p.pPr
    outline = properties.find(qn("w:outlineLvl")) if properties is not None else None
    value = outline.get(qn("w:val"), "9") if outline is not None else "9"
    level = _whole(value, 9)
    return level + 1 if level < 6 else 0


def _list_level(paragraph: Paragraph) -> int:
    properties = paragraph._p.pPr
    numbering = properties.numPr if properties is not None else None
    level = numbering.find(qn("w:ilvl")) if numbering is not None else None
    if level is not None:
        return min(8, _whole(level.get(qn("w:val"))))
    name = paragraph.style.name or "" if paragraph.style is not None else ""
    return _whole(name[-1:], 1) - 1


def _is_code(paragraph: Paragraph, style: str) -> bool:
    if any(word in style for word in ("code", "preformatted", "source", "verbatim", "macro")):
        return True
    runs = [run for run in paragraph.runs if run.text.strip()]
    return bool(runs) and all(any(m in (run.font.name or "").lower() for m in _MONO) for run in runs)


def _inline(paragraph: Paragraph) -> Iterator[str]:
    """The text of a paragraph with its bold, italic and code runs marked."""
    pieces: list[tuple[str, str]] = []
    for item in paragraph.iter_inner_content():
        for run in [item] if isinstance(item, Run) else item.runs:
            mark = _mark(run)
            text = run.text
            if mark != "`":
                text = escape(text)
            if pieces and pieces[-1][0] == mark:
                pieces[-1] = (mark, pieces[-1][1] + text)
            else:
                pieces.append((mark, text))
    for mark, text in pieces:
        bare = text.strip()
        if not mark or not bare or "\n" in bare:
            yield text
            continue
        lead, trail = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
        yield f"{lead}{mark}{bare}{mark}{trail}"


def _mark(run: Run) -> str:
    name = (run.font.name or "").lower()
    if any(m in name for m in _MONO) or (run.style is not None and "code" in (run.style.name or "").lower()):
        return "`"
    bold = run.bold or (run.style is not None and (run.style.name or "").lower() == "strong")
    return "**" if bold else "*" if run.italic else ""


def _number_formats(document: Document) -> dict[tuple[str, int], str]:
    """The format of each level of each numbering of the document."""
    try:
        part = document.part.numbering_part
    except (KeyError, NotImplementedError):
        return {}
    root = part.element
    abstract: dict[str, dict[int, str]] = {}
    for element in root.findall(qn("w:abstractNum")):
        levels: dict[int, str] = {}
        for level in element.findall(qn("w:lvl")):
            form = level.find(qn("w:numFmt"))
            levels[_whole(level.get(qn("w:ilvl")))] = form.get(qn("w:val"), "") if form is not None else ""
        abstract[element.get(qn("w:abstractNumId"), "")] = levels
    found: dict[tuple[str, int], str] = {}
    for element in root.findall(qn("w:num")):
        reference = element.find(qn("w:abstractNumId"))
        for level_number, form in abstract.get(
            reference.get(qn("w:val"), "") if reference is not None else "", {}
        ).items():
            found[element.get(qn("w:numId"), ""), level_number] = form
    return found


def _whole(value: str | None, otherwise: int = 0) -> int:
    """The number that an attribute holds; files are not always what their schema says."""
    return int(value) if value and value.isdecimal() and len(value) < 6 else otherwise
