"""Documents in, index out: read, find the entries, merge duplicates, embed, store, publish."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ingest.parse import parse_file
    from ingest.pipeline import ingest_paths, rebuild, remove_documents
    from ingest.types import Dropped, DropReason, IngestReport, ParsedDocument

_HOMES = {
    "parse_file": "ingest.parse",
    "ingest_paths": "ingest.pipeline",
    "rebuild": "ingest.pipeline",
    "remove_documents": "ingest.pipeline",
}

__all__ = [
    "DropReason",
    "Dropped",
    "IngestReport",
    "ParsedDocument",
    "ingest_paths",
    "parse_file",
    "rebuild",
    "remove_documents",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'ingest' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES.get(name, "ingest.types")), name)


def __dir__() -> list[str]:
    return __all__
