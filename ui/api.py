"""What programs may call: the named endpoints of the Gradio API, which are the tools of the MCP server too.

Plain functions over JSON types. Their docstrings are what an MCP client reads to choose a tool.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from typing import Any

from kb.errors import DocumentError, QueryError
from kb.types import Stage, to_json
from ui.library import Library

MAX_LIMIT = 100


def read_functions(library: Library) -> dict[str, Callable[..., Any]]:
    """The endpoints that change nothing, by name."""

    def ask(question: str, history: list = [], document: str = "") -> dict:  # type: ignore[type-arg]  # noqa: B006
        """Answer a question from the ingested documents and from nothing else, with citations.

        The result has `outcome` (answered or abstained), `text` with markers [1], `statements` with their support,
        and `citations` with the exact quote, file and lines. An abstained result has a `reason` and the `nearest`
        questions.

        Args:
            question: The question, in plain language.
            history: Earlier turns, oldest first, as [role, text] pairs with role "user" or "assistant".
            document: Id, path or file name of the only document to answer from; empty for all.
        """
        return _object(library.ask(question, history=_turns(history), document=document))

    def stream(question: str, history: list = [], document: str = "") -> Iterator[dict]:  # type: ignore[type-arg]  # noqa: B006
        """Answer a question step by step: one object per event, with `stage` and `payload`; the last one is the answer.

        Args:
            question: The question, in plain language.
            history: Earlier turns, oldest first, as [role, text] pairs with role "user" or "assistant".
            document: Id, path or file name of the only document to answer from; empty for all.
        """
        for event in library.stream(question, history=_turns(history), document=document):
            yield {"stage": event.stage.value, "payload": to_json(event.payload)}
            if event.stage is Stage.DONE:
                return

    def search(query: str, limit: int = 5, document: str = "", status: str = "") -> list:  # type: ignore[type-arg]
        """Find the questions in the documents that are nearest to a query, best first, without writing an answer.

        Args:
            query: What to look for.
            limit: Number of hits, at most 100.
            document: Id, path or file name of the only document to search; empty for all.
            status: Only answered, unanswered or placeholder questions; empty for all.
        """
        if not 1 <= int(limit) <= MAX_LIMIT:
            raise QueryError(f"limit: {limit} is not between 1 and {MAX_LIMIT}", hint="Ask for fewer hits.")
        return _list(library.search(query, limit=int(limit), document=document, status=status))

    def documents() -> list:  # type: ignore[type-arg]
        """List the ingested documents with id, path, title and type (their full text is left out)."""
        found = _list(library.snapshot().documents)
        return [{name: value for name, value in document.items() if name != "text"} for document in found]

    def entries(document: str = "", unanswered: bool = False) -> list:  # type: ignore[type-arg]
        """List every question that the documents pose, with the answer that the document gives, and where it stands.

        Args:
            document: Id, path or file name of the only document to list; empty for all.
            unanswered: Only questions without an answer.
        """
        return _list(library.kb.entries(document or None, unanswered=bool(unanswered)))

    def questions(duplicates: bool = False) -> list:  # type: ignore[type-arg]
        """List the canonical questions with all their wordings and sources.

        Args:
            duplicates: Only questions that several entries ask.
        """
        return _list([q for q in library.snapshot().questions if not duplicates or len(q.entry_ids) > 1])

    def probe(query: str) -> dict:  # type: ignore[type-arg]
        """Show what retrieval makes of a query: hits with all scores, the confidence, and the evidence.

        Args:
            query: What to look for.
        """
        return _object(library.probe(query))

    def review() -> dict:  # type: ignore[type-arg]
        """List what a curator should look at: gaps, borderline merges, dropped lines, unanswered queries, feedback."""
        return _object(library.review())

    def backend() -> dict:  # type: ignore[type-arg]
        """Tell what writes the answers (name, model) and why."""
        found = library.backend()
        return {"name": found.name, "reason": found.reason, "model": found.model}

    functions = (ask, stream, search, documents, entries, questions, probe, review, backend)
    return {function.__name__: function for function in functions}


def write_functions(library: Library) -> dict[str, Callable[..., Any]]:
    """The endpoints that change the library, by name; a read-only server does not have them."""

    def ingest(name: str, content: str, encoding: str = "text") -> dict:  # type: ignore[type-arg]
        """Add a document to the knowledge base, or replace the uploaded one of the same name; returns the report.

        Args:
            name: File name; its ending says the format, such as .md or .pdf.
            content: The document's text, or its bytes in base64.
            encoding: "text" or "base64".
        """
        return _object(library.ingest_content(name, _bytes(name, content, encoding)))

    def remove(documents: list) -> dict:  # type: ignore[type-arg]
        """Remove documents from the knowledge base. Returns the ingest report.

        Args:
            documents: Ids, paths or file names of the documents.
        """
        return _object(library.remove_now([str(name) for name in documents]))

    return {function.__name__: function for function in (ingest, remove)}


def _bytes(name: str, content: str, encoding: str) -> bytes:
    if encoding == "text":
        return content.encode("utf-8")
    if encoding != "base64":
        raise DocumentError(f"{name}: there is no encoding {encoding!r}", hint='Use "text" or "base64".')
    try:
        return base64.b64decode(content, validate=True)
    except binascii.Error as error:
        raise DocumentError(
            f"{name}: the content is not base64: {error}", hint="Encode the file's bytes anew."
        ) from error


def _turns(history: list[Any]) -> tuple[tuple[str, str], ...]:
    turns: list[tuple[str, str]] = []
    for turn in history or []:
        if not isinstance(turn, (list, tuple)) or len(turn) != 2 or turn[0] not in ("user", "assistant"):
            raise QueryError(
                "history: a turn is not a [role, text] pair",
                hint='Example: [["user", "What is X?"], ["assistant", "X is ..."]].',
            )
        turns.append((str(turn[0]), str(turn[1])))
    return tuple(turns)


def _object(value: Any) -> dict[str, Any]:
    found: dict[str, Any] = to_json(value)
    return found


def _list(values: Any) -> list[Any]:
    return [to_json(value) for value in values]
