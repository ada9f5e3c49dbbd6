"""Jupyter notebooks: Markdown cells as they are, code cells as fenced code."""

from __future__ import annotations

import json
from typing import Any

from ingest.readers.markdown import read_markdown
from ingest.readers.model import Source
from kb.errors import DocumentError


def read_notebook(text: str, name: str) -> Source:
    """The cells of a notebook as one Markdown text."""
    try:
        notebook: Any = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise DocumentError(
            f"{name}: not a notebook: {exc}"[:300], hint="Open the file in Jupyter, save it again, and ingest it again."
        ) from exc
    cells = _cells(notebook)
    if cells is None:
        raise DocumentError(
            f"{name}: no notebook: it has no list of cells", hint="A notebook is JSON with a key `cells`."
        )
    language = _language(notebook)
    parts: list[str] = []
    for cell in cells:
        source = _source(cell)
        if not source.strip():
            continue
        if cell.get("cell_type") == "code":
            fence = "````" if "```" in source else "```"
            parts.append(f"{fence}{language}\n{source.rstrip()}\n{fence}")
        else:
            parts.append(_closed(source.rstrip()))
    read = read_markdown("\n\n".join(parts).replace("\r\n", "\n"))
    return Source("application/x-ipynb+json", read.text, read.lines, title=_title(notebook), has_lines=False)


def _cells(notebook: Any) -> list[dict[str, Any]] | None:
    if not isinstance(notebook, dict):
        return None
    cells = notebook.get("cells")
    if cells is None and isinstance(notebook.get("worksheets"), list):
        cells = [c for sheet in notebook["worksheets"] if isinstance(sheet, dict) for c in sheet.get("cells", [])]
    return [cell for cell in cells if isinstance(cell, dict)] if isinstance(cells, list) else None


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", cell.get("input", ""))
    return "".join(str(part) for part in source) if isinstance(source, list) else str(source)


def _metadata(notebook: Any, *keys: str) -> str:
    value = notebook.get("metadata")
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


def _language(notebook: Any) -> str:
    language = _metadata(notebook, "language_info", "name") or _metadata(notebook, "kernelspec", "language") or "python"
    return language if language.replace("+", "").replace("#", "").isalnum() else "python"


def _title(notebook: Any) -> str:
    return _metadata(notebook, "title")


def _closed(source: str) -> str:
    """The cell with a fence closed that it leaves open, which would swallow the next cells."""
    fences = [line.strip() for line in source.split("\n") if line.strip().startswith("```")]
    return source + "\n```" if len(fences) % 2 else source
