"""Errors that the user can mend. Anything else that is raised is a bug and keeps its traceback.

KBError
├── SettingsError        a setting has a value that cannot be used
├── DocumentError        a file cannot be read or holds nothing to ingest
├── HomeError            the home cannot be used: read-only, full disk, damaged
│   ├── HomeLocked       another process is writing
│   ├── IndexMissing     nothing was ingested yet
│   └── IndexMismatch    the index was made by another encoder or version
├── QueryError           the query cannot be answered as it stands (empty, too long)
├── StoreError           the vector store failed or cannot be reached
├── ModelError           a model cannot be loaded or ran out of memory
├── ServerError          a language-model server failed
└── EvalError            an eval set or baseline cannot be used
"""

from __future__ import annotations


class KBError(Exception):
    """What went wrong, where, and what to do next.

    The command line prints the message, and the hint on a line of its own, and exits with 1.

    Example: `KBError("faq.pdf: the file is encrypted", hint="Save it without a password and ingest it again.")`
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class SettingsError(KBError):
    """A setting has a value that cannot be used."""


class DocumentError(KBError):
    """A file cannot be read, or holds nothing to ingest."""


class HomeError(KBError):
    """The home folder cannot be used."""


class HomeLocked(HomeError):
    """Another process is writing to the collection."""


class IndexMissing(HomeError):
    """The collection has no index yet."""


class IndexMismatch(HomeError):
    """The index was made by another encoder, or by another version of its format."""


class QueryError(KBError):
    """The query cannot be answered as it stands."""


class StoreError(KBError):
    """The vector store failed or cannot be reached."""


class ModelError(KBError):
    """A model cannot be loaded, or it ran out of memory."""


class ServerError(KBError):
    """A language-model server failed or cannot be reached."""


class EvalError(KBError):
    """An eval set or the baseline cannot be used."""
