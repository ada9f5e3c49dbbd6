"""Files in, sources out: types, sizes and encodings are checked before any format library sees a byte."""

from __future__ import annotations

import codecs
import contextlib
import dataclasses
import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from charset_normalizer import from_bytes

from ingest.readers.docx import read_docx
from ingest.readers.frontmatter import front_matter
from ingest.readers.html import read_html
from ingest.readers.markdown import read_markdown
from ingest.readers.model import Line, Source
from ingest.readers.notebook import read_notebook
from ingest.readers.pdf import read_pdf
from ingest.readers.records import read_csv, read_json, read_jsonl
from ingest.readers.rst import read_rst
from ingest.readers.text import read_text
from ingest.types import DropReason
from kb.errors import DocumentError

MAX_FILE_BYTES = 100_000_000

_TEXT_READERS: dict[str, Callable[[str, str], Source]] = {
    ".txt": lambda text, name: with_front_matter(read_text(text)),
    ".text": lambda text, name: with_front_matter(read_text(text)),
    ".md": lambda text, name: with_front_matter(read_markdown(text)),
    ".markdown": lambda text, name: with_front_matter(read_markdown(text)),
    ".html": lambda text, name: read_html(text),
    ".htm": lambda text, name: read_html(text),
    ".xhtml": lambda text, name: read_html(text),
    ".rst": lambda text, name: read_rst(text),
    ".ipynb": read_notebook,
    ".csv": lambda text, name: read_csv(text, name),
    ".tsv": lambda text, name: read_csv(text, name, delimiter="\t", media_type="text/tab-separated-values"),
    ".json": read_json,
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
}
_BINARY_READERS: dict[str, Callable[[bytes, str], Source]] = {".pdf": read_pdf, ".docx": read_docx}
SUFFIXES = frozenset([*_TEXT_READERS, *_BINARY_READERS])
"""The file types that can be read."""

_NOT_WESTERN = frozenset(
    [
        "cp932",
        "cp936",
        "cp949",
        "cp950",
        "cp1251",
        "cp1253",
        "cp1255",
        "cp1256",
        "cp866",
        "cp855",
        "cp864",
        "cp737",
        "cp874",
        "iso8859_5",
        "iso8859_6",
        "iso8859_7",
        "iso8859_8",
        "iso8859_11",
        "mac_cyrillic",
        "mac_greek",
    ]
)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MAGIC = {
    b"%PDF-": ".pdf", b"PK\x03\x04": "a zip archive", b"\x89PNG": "a picture", b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture", b"\x7fELF": "a program", b"MZ\x90": "a program", b"\x1f\x8b": "an archive",
    b"\xd0\xcf\x11\xe0": "an old Office document", b"{\\rtf": "a rich text document",
}  # fmt: skip
_CHARSET = re.compile(
    rb"""<meta[^>]{0,200}charset=["']?([\w-]{2,20})|<\?xml[^>]{0,100}encoding=["']([\w-]{2,20})""", re.IGNORECASE
)


@dataclasses.dataclass(frozen=True, slots=True)
class ReadFile:
    """What was read from a file."""

    source: Source
    sha256: str
    """Of the file's bytes."""


def read(path: str | Path, *, max_file_bytes: int = MAX_FILE_BYTES) -> ReadFile:
    """The content of a file, by the reader for its type.

    Raises:
        DocumentError: The file is missing, too large, of no known type, damaged, or empty.
    """
    file = Path(path)
    name = str(path)
    suffix = file.suffix.lower()
    data = load(file, max_file_bytes)
    digest = hashlib.sha256(data).hexdigest()
    if suffix not in SUFFIXES:
        raise DocumentError(
            f"{name}: files of type {suffix or '(none)'} cannot be read",
            hint=f"Known types: {' '.join(sorted(SUFFIXES))}",
        )
    if not data.strip():
        raise DocumentError(f"{name}: the file is empty", hint="Save it again with its content, or remove it.")
    if suffix in _BINARY_READERS:
        return ReadFile(_BINARY_READERS[suffix](data, name), digest)
    text = normalise_newlines(decode(data, name, suffix))
    if not text.strip():
        raise DocumentError(f"{name}: the file is empty", hint="Save it again with its content, or remove it.")
    return ReadFile(_TEXT_READERS[suffix](text, name), digest)


def load(file: Path, max_file_bytes: int) -> bytes:
    """The bytes of a file, not more than allowed."""
    try:
        if file.is_dir():
            raise DocumentError(f"{file}: a folder, not a file", hint="Give the files in it, or ingest the folder.")
        if file.exists() and not file.is_file():
            raise DocumentError(f"{file}: not a regular file", hint="Copy its content into a file.")
        size = file.stat().st_size
        if size > max_file_bytes:
            raise DocumentError(
                f"{file}: {size / 1e6:.0f} MB, and {max_file_bytes / 1e6:.0f} MB is the limit",
                hint="Split the file, or raise the limit on the size of files.",
            )
        with file.open("rb") as stream:
            data = stream.read(max_file_bytes + 1)
    except FileNotFoundError as exc:
        raise DocumentError(f"{file}: no such file", hint="Check the path; the file may have been moved.") from exc
    except PermissionError as exc:
        raise DocumentError(f"{file}: no permission to read it", hint="Make the file readable for you.") from exc
    except (OSError, ValueError) as exc:
        raise DocumentError(f"{file}: cannot be read: {exc}", hint="Check the path and the disk.") from exc
    if len(data) > max_file_bytes:
        raise DocumentError(f"{file}: grew beyond the limit while it was read", hint="Ingest it when it is complete.")
    return data


def decode(data: bytes, name: str, suffix: str = ".txt") -> str:
    """The text of a file in whatever encoding it is.

    Raises:
        DocumentError: The content is no text.
    """
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError as exc:
                raise _no_text(name, f"broken {encoding}: {exc.reason} at byte {exc.start}") from exc
    for magic, kind in _MAGIC.items():
        if data.startswith(magic):
            raise _no_text(name, f"it looks like {kind if kind[0] != '.' else 'a pdf'}")
    head = data[:65536]
    if b"\x00" in head:
        wide = _wide(head)
        if wide is None:
            raise _no_text(name, "it holds zero bytes")
        try:
            return data.decode(wide)
        except UnicodeDecodeError as exc:
            raise _no_text(name, f"{exc.reason} at byte {exc.start}") from exc
    with contextlib.suppress(UnicodeDecodeError):
        return _checked(data.decode("utf-8"), name)
    return _checked(_guess(data, name, suffix), name)


def _guess(data: bytes, name: str, suffix: str) -> str:
    if suffix in (".html", ".htm", ".xhtml") and (match := _CHARSET.search(data[:4096])):
        with contextlib.suppress(LookupError, ValueError):
            return data.decode((match[1] or match[2]).decode("ascii"))
    broken = data.decode("utf-8", "replace")
    if broken.count("\ufffd") <= 2 + len(broken) // 2000 and len(broken) > 200:
        return broken  # utf-8 with a damaged character or two
    western: str | None = None
    with contextlib.suppress(UnicodeDecodeError):
        western = data.decode("cp1252")
    letters = sum(1 for b in data[:100_000] if b >= 0x80)
    best = from_bytes(data[:200_000]).best()
    if western is not None and letters < 0.1 * min(len(data), 100_000) and (best is None or _is_western(best.encoding)):
        return western
    if best is not None:
        try:
            return data.decode(best.encoding)
        except (UnicodeDecodeError, LookupError):
            return data.decode(best.encoding, "replace")
    raise _no_text(name, "no known encoding fits")


def _is_western(encoding: str) -> bool:
    """Whether an encoding is one that a few accented letters are easily mistaken for."""
    return encoding.startswith(("cp", "latin", "iso8859", "mac_", "hp_roman", "ascii")) and encoding not in _NOT_WESTERN


def _wide(head: bytes) -> str | None:
    """The byte order of utf-16 without a mark, or None."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = max(1, len(head) // 2)
    if odd > 0.3 * half and even < 0.05 * half:
        return "utf-16-le"
    if even > 0.3 * half and odd < 0.05 * half:
        return "utf-16-be"
    return None


def _checked(text: str, name: str) -> str:
    """The text, unless it is full of control characters."""
    sample = text[:100_000]
    odd = sum(1 for c in sample if (c < " " and c not in "\t\n\r\f\v\x1b\x1a") or c == "\x7f")
    if odd > max(3, 0.01 * len(sample)) or (len(sample) < 400 and odd > 0.02 * len(sample) and odd):
        raise _no_text(name, f"{odd} control characters in the first {len(sample)}")
    return text


def _no_text(name: str, why: str) -> DocumentError:
    return DocumentError(
        f"{name}: no text: {why}", hint="Give the file the ending of its real type, or save it as text."
    )


def normalise_newlines(text: str) -> str:
    """The text with newlines as its only line breaks."""
    return text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")


def with_front_matter(source: Source) -> Source:
    """The source with YAML front matter taken out of its lines and into its metadata."""
    raw = source.text.split("\n")
    taken, fields = front_matter(raw)
    if not taken:
        return source
    front = [Line(text, src=(n, n), drop=DropReason.FRONT_MATTER) for n, text in enumerate(raw[:taken], start=1)]
    # The text is read again without the front matter, which the format would take for something else.
    reader = read_markdown if source.media_type == "text/markdown" else read_text
    body = reader("\n".join([""] * taken + raw[taken:]))
    rest = [line for line in body.lines if line.src is None or line.src[0] > taken]
    return dataclasses.replace(source, lines=(*front, *rest), metadata=fields, title=fields.get("title", source.title))
