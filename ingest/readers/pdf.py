"""PDF: text by page, with the gaps between paragraphs and the weight and size of the letters."""

from __future__ import annotations

import ctypes
import dataclasses
import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import pypdfium2
import pypdfium2.raw as pdfium

from ingest.readers.model import Kind, Line, Source
from ingest.types import DropReason
from kb.errors import DocumentError

_MAX_PAGES = 20_000
_PAGE_NUMBER = re.compile(
    r"(?:page |seite |página |p\. ?|第\s?)?[-–— ]*\d{1,5}[-–— ]*(?:(?:of|/|von|de)\s*\d{1,5})?\s?页?", re.IGNORECASE
)


@dataclasses.dataclass(frozen=True, slots=True)
class _Row:
    """A line of a page."""

    text: str
    page: int
    top: float
    bottom: float
    left: float
    right: float
    size: float
    bold: bool


def read_pdf(data: bytes, name: str) -> Source:
    """The lines of all pages."""
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as exc:
        if "assword" in str(exc) or "ecurity" in str(exc):
            raise DocumentError(
                f"{name}: the file is encrypted", hint="Save it without a password and ingest it again."
            ) from exc
        raise DocumentError(
            f"{name}: no readable pdf: {exc}", hint="Open it in a viewer, print it to a new pdf, and ingest that."
        ) from exc
    try:
        rows = [row for number in range(min(len(document), _MAX_PAGES)) for row in _page(document, number)]
        title = document.get_metadata_value("Title").strip()
    except pypdfium2.PdfiumError as exc:
        raise DocumentError(
            f"{name}: a page cannot be read: {exc}", hint="Print it to a new pdf, and ingest that."
        ) from exc
    finally:
        document.close()
    if not any(row.text.strip() for row in rows):
        raise DocumentError(
            f"{name}: the pages hold no text", hint="It may be a scan: run it through text recognition first."
        )
    lines = _lines(rows)
    text = "\n".join(("#" * x.level + " " if x.kind is Kind.HEADING else "") + x.md for x in lines)
    numbered = tuple(dataclasses.replace(line, src=(n, n)) for n, line in enumerate(lines, start=1))
    return Source(
        "application/pdf", text, numbered, title=title if len(title) > 3 else "", has_lines=False, wrapped=True
    )


def _page(document: pypdfium2.PdfDocument, number: int) -> list[_Row]:
    page = document[number]
    textpage = page.get_textpage()
    try:
        count = textpage.count_chars()
        text = textpage.get_text_range(0, count) if count > 0 else ""
        rows: list[_Row] = []
        at = 0
        exact = len(text) == count
        for raw in text.split("\n"):
            clean = raw.rstrip("\r").replace("\x02", "-").replace("\ufffe", "-").replace("\x00", "")
            if clean.strip():
                rows.append(_row(textpage, clean, number + 1, (at, at + len(raw)) if exact else None))
            at += len(raw) + 1
        return rows
    finally:
        textpage.close()
        page.close()


def _row(textpage: pypdfium2.PdfTextPage, text: str, page: int, span: tuple[int, int] | None) -> _Row:
    if span is None:
        return _Row(text, page, 0.0, 0.0, 0.0, 0.0, 0.0, False)
    indices = [i for i, char in zip(range(*span), text, strict=False) if not char.isspace()]
    if not indices:
        return _Row(text, page, 0.0, 0.0, 0.0, 0.0, 0.0, False)
    probes = indices[:: max(1, len(indices) // 12)]
    boxes = [textpage.get_charbox(i) for i in {*probes, indices[0], indices[-1]}]
    sizes = sorted(float(pdfium.FPDFText_GetFontSize(textpage, i)) for i in probes)
    bold = sum(_is_bold(textpage, i) for i in probes) >= 0.8 * len(probes)
    return _Row(
        text=text, page=page, top=max(b[3] for b in boxes), bottom=min(b[1] for b in boxes),
        left=min(b[0] for b in boxes), right=max(b[2] for b in boxes), size=sizes[len(sizes) // 2], bold=bold,
    )  # fmt: skip


def _is_bold(textpage: pypdfium2.PdfTextPage, index: int) -> bool:
    if pdfium.FPDFText_GetFontWeight(textpage, index) >= 600:
        return True
    buffer = ctypes.create_string_buffer(128)
    flags = ctypes.c_int()
    size = pdfium.FPDFText_GetFontInfo(textpage, index, buffer, 128, flags)
    return 0 < size <= 128 and b"bold" in buffer.value.lower()


def _lines(rows: Sequence[_Row]) -> list[Line]:
    furniture = _furniture(rows)
    sizes = Counter(round(row.size, 1) for row in rows for _ in range(len(row.text)))
    body = sizes.most_common(1)[0][0] if sizes else 0.0
    larger = sorted({round(r.size, 1) for r in rows if r.size > body * 1.12 and body}, reverse=True)[:5]
    mostly_bold = sum(len(r.text) for r in rows if r.bold) > 0.6 * sum(len(r.text) for r in rows)
    leading = _leading(rows)
    edge = min((r.left for r in rows if r.size), default=0.0)
    lines: list[Line] = []
    before: _Row | None = None
    for index, row in enumerate(rows):
        if before is not None and _parted(before, row, leading, index in furniture):
            lines.append(Line("", Kind.BLANK, page=row.page))
        text = re.sub(r"[ \t\xa0]+", " ", row.text).strip()
        drop = furniture.get(index)
        size = round(row.size, 1)
        if size in larger and len(text) < 200 and drop is None:
            lines += _heading(lines, text, larger.index(size) + 1, row.page)
        else:
            indent = " " * min(12, round((row.left - edge) / max(row.size * 0.5, 1.0))) if row.size else ""
            md = f"**{text}**" if row.bold and not mostly_bold and drop is None else text
            lines.append(Line(indent + md, Kind.TEXT, page=row.page, drop=drop))
        before = row if drop is None else before
    return lines


def _heading(lines: list[Line], text: str, level: int, page: int) -> list[Line]:
    """A heading; a second line of the same one is joined to it."""
    if lines and lines[-1].kind is Kind.HEADING and lines[-1].level == level and lines[-1].page == page:
        held = lines.pop()
        return [dataclasses.replace(held, md=f"{held.md} {text}")]
    return [Line(text, Kind.HEADING, level=level, page=page)]


def _leading(rows: Sequence[_Row]) -> float:
    """The usual distance between lines of a paragraph."""
    steps = sorted(
        a.bottom - b.bottom
        for a, b in pairwise(rows)
        if a.page == b.page and a.size and b.size and 0 < a.bottom - b.bottom < 5 * a.size
    )
    return steps[len(steps) // 4] if steps else 0.0


def _parted(before: _Row, row: _Row, leading: float, furniture: bool) -> bool:
    if furniture:
        return True
    if before.page != row.page:
        # A paragraph goes on over the page if its line was full and its sentence is open.
        return before.text.rstrip()[-1:] in ".?!:。" or not row.text.lstrip()[:1].islower()
    if not (before.size and row.size and leading):
        return False
    step = before.bottom - row.bottom
    return step > 1.28 * max(leading, 0.9 * row.size) or abs(before.size - row.size) > 1.0 or step < -row.size


def _furniture(rows: Sequence[_Row]) -> dict[int, DropReason]:
    """Running heads and feet: lines at the top or bottom of pages that repeat, apart from their digits."""
    pages: dict[int, list[int]] = {}
    for index, row in enumerate(rows):
        pages.setdefault(row.page, []).append(index)
    found: dict[int, DropReason] = {}
    edges = {p: [*own[:2], *own[-2:]] for p, own in pages.items()}
    keys = Counter(key for p in edges for key in {_key(rows[i].text) for i in edges[p]})
    for page, indices in edges.items():
        for index in indices:
            text = rows[index].text.strip()
            repeated = (
                len(pages) >= 2 and keys[_key(text)] >= max(2, 0.6 * len(pages)) and not text.endswith(("?", "？"))
            )
            alone = index in (pages[page][-1], pages[page][0]) and _PAGE_NUMBER.fullmatch(text) is not None
            last = index == pages[page][-1] and len(text) < 100
            if last and re.search(
                r"\b(?:page|seite|página|p\.)\s?\d{1,5}(?:\s?(?:of|/|von|de)\s?\d{1,5})?$", text, re.IGNORECASE
            ):
                found[index] = DropReason.NAVIGATION
            elif alone and (re.search(r"[a-zA-Z页]", text) or index == pages[page][-1]):
                found[index] = DropReason.MARKUP
            elif repeated and len(text) < 120:
                found[index] = DropReason.NAVIGATION
    return found


def _key(text: str) -> str:
    return re.sub(r"\d+", "0", " ".join(text.split()).lower())
