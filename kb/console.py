"""What the commands print: JSON with the field names of the types, or tables and text for people.

Text of documents is data: control characters, which a terminal would obey, are never printed.
"""

from __future__ import annotations

import contextlib
import json
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from kb.types import (
    Answer,
    AnswerEvent,
    Citation,
    Document,
    Entry,
    Hit,
    Outcome,
    Question,
    Stage,
    Statement,
    Status,
    to_json,
)

if TYPE_CHECKING:
    from rich.table import Table

    from ingest.types import IngestReport, ParsedDocument
    from kb.doctor import Finding
    from kb.knowledge import KnowledgeBase, Review
    from kb.settings import Loaded

Progress = Callable[[str, int, int], None]
"""Called with the step's name, what is done of it, and its total (0 if unknown)."""


def out(text: str = "") -> None:
    """Print a line of the result."""
    sys.stdout.write(safe(text) + "\n")


def safe(text: str) -> str:
    """The text without control characters other than line breaks and tabs."""
    return "".join(c for c in text if c in "\n\t" or not (ord(c) < 32 or 127 <= ord(c) < 160))


def print_json(value: Any) -> None:
    """One JSON value on a line."""
    sys.stdout.write(json.dumps(to_json(value), ensure_ascii=False) + "\n")


def print_json_lines(values: Iterable[Any]) -> None:
    """One JSON object per line."""
    for value in values:
        print_json(value)


def short(source: str) -> str:
    """The file's name."""
    return PurePosixPath(source).name


def place(source: str, lines: tuple[int, int] | None, page: int | None = None) -> str:
    """Where something stands, for people: file name with lines or page."""
    if lines:
        return f"{short(source)}:{lines[0]}" + (f"-{lines[1]}" if lines[1] != lines[0] else "")
    return f"{short(source)}, page {page}" if page else short(source)


@contextlib.contextmanager
def progress(title: str) -> Iterator[Progress]:
    """A progress callback that draws a bar on stderr; silent when stderr is no terminal."""
    if not sys.stderr.isatty():
        yield lambda step, done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def update(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(f"{title}: {step}", total=total or None)
            bars.update(tasks[step], completed=done, total=total or None)

        yield update


def _table(*columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def _print(table: Table) -> None:
    from rich.console import Console

    Console(soft_wrap=False, highlight=False, markup=False).print(table)


def _row(table: Table, *cells: object) -> None:
    from rich.text import Text

    table.add_row(*(Text(safe(str(cell))) for cell in cells))


def ingest_report(report: IngestReport, *, as_json: bool) -> None:
    """What an ingest did."""
    if as_json:
        print_json(report)
        return
    for document in report.documents:
        detail = (
            f": {document.reason}" if document.reason else f" ({document.entries} entries)" if document.entries else ""
        )
        out(f"{document.action.value:<12} {document.source}{detail}")
    out(
        f"documents: {report.added} added, {report.updated} updated, {report.unchanged} unchanged, "
        f"{report.removed} removed, {report.rejected} rejected"
    )
    out(
        f"collection: {report.entries} entries, {report.questions} questions ({report.merged} merged), "
        f"{report.unanswered} unanswered, {report.placeholders} placeholders"
    )
    reasons = ", ".join(f"{count} {reason}" for reason, count in report.dropped_by_reason.items())
    out(
        f"lines: {report.lines_read} read, {report.lines_in_entries} in entries, {report.lines_dropped} dropped"
        + (f" ({reasons})" if reasons else "")
    )
    out(f"{report.embedded} texts embedded in {report.seconds:.1f} s")


def parsed_document(parsed: ParsedDocument, *, show_dropped: bool, as_json: bool) -> None:
    """The entries of a file, or its dropped lines."""
    if as_json:
        print_json_lines(parsed.dropped if show_dropped else parsed.entries)
        return
    if show_dropped:
        for dropped in parsed.dropped:
            where = f"{dropped.lines[0]}-{dropped.lines[1]}" if dropped.lines else ""
            out(f"{where:<10} {dropped.reason.value:<18} {_one_line(dropped.text, 90)}")
    else:
        entries(parsed.entries, as_json=False)
    out(
        f"{parsed.convention}; {len(parsed.entries)} entries; lines: {parsed.lines_read} read, "
        f"{parsed.lines_in_entries} in entries, {parsed.lines_dropped} dropped"
    )


def documents(found: Sequence[Document], all_entries: Sequence[Entry], *, as_json: bool) -> None:
    """The documents of the index with their counts."""
    if as_json:
        print_json_lines(found)
        return
    table = _table("document", "title", "type", "entries", "answered", "unanswered", "placeholders")
    for document in found:
        own = [entry for entry in all_entries if entry.document == document.id]
        counts = [sum(entry.status is status for entry in own) for status in Status]
        _row(table, document.source, document.title, document.media_type, len(own), *counts)
    _print(table)


def entries(found: Sequence[Entry], *, as_json: bool) -> None:
    """Entries, one paragraph each."""
    if as_json:
        print_json_lines(found)
        return
    for entry in found:
        number = f"{entry.number}. " if entry.number is not None else ""
        out(f"{number}{entry.question}  [{place(entry.source, entry.lines, entry.page)}]")
        out(textwrap.indent(entry.answer if entry.answer is not None else f"({entry.status.value})", "    "))
        out()


def questions(found: Sequence[Question], *, as_json: bool) -> None:
    """Canonical questions with their wordings and sources."""
    if as_json:
        print_json_lines(found)
        return
    for question in found:
        status = "" if question.status is Status.ANSWERED else f" ({question.status.value})"
        out(f"{question.question}{status}  [{', '.join(short(source) for source in question.sources)}]")
        for variant in question.variants[1:]:
            out(f"    = {variant}")


def hits(found: Sequence[Hit], *, as_json: bool) -> None:
    """Hits of a search."""
    if as_json:
        print_json_lines(found)
        return
    if not found:
        out("Nothing found.")
    for hit in found:
        status = "" if hit.status is Status.ANSWERED else f" ({hit.status.value})"
        where = place(hit.source, hit.lines, hit.page)
        out(f"{hit.rank}. {hit.question}{status}  [{where}]  {hit.score:.2f} {hit.origin}")
        if hit.text:
            out(textwrap.indent(textwrap.shorten(hit.text, 240), "   "))


def answer(found: Answer, *, as_json: bool) -> None:
    """A finished answer."""
    if as_json:
        print_json(found)
        return
    out(found.text)
    _answer_end(found)


def stream(events: Iterator[AnswerEvent]) -> Answer | None:
    """Print statements as they come, then the sources. Ctrl-C stops the generation."""
    found: Answer | None = None
    with contextlib.closing(events) as running:  # type: ignore[type-var]
        for event in running:
            if event.stage is Stage.STATEMENT:
                out(statement_text(event.payload))
                sys.stdout.flush()
            elif event.stage is Stage.DONE:
                found = event.payload
    if found is None:
        return None
    if found.outcome is Outcome.ABSTAINED:
        out(found.text)
    _answer_end(found)
    return found


def statement_text(statement: Statement) -> str:
    """A statement with its markers, and what marks it as a correction or a disagreement."""
    markers = "".join(f" [{n}]" for n in dict.fromkeys(citation.n for citation in statement.citations))
    prefix = {"correction": "Correction: ", "disagreement": "Sources disagree: "}.get(statement.mark or "", "")
    if "```" in statement.text:
        return f"{prefix}{statement.text}\n{markers.strip()}"
    # Documents break their lines where they like; a terminal breaks them where it must.
    return f"{prefix}{' '.join(statement.text.split())}{markers}"


def _answer_end(found: Answer) -> None:
    if found.citations:
        out()
    for citation in _distinct(found.citations):
        out(f"[{citation.n}] {citation.question}  [{place(citation.source, citation.lines, citation.page)}]")
    if found.searched and found.searched != found.query:
        out(f"(searched: {found.searched})")


def _distinct(citations: Sequence[Citation]) -> list[Citation]:
    return list({citation.n: citation for citation in reversed(citations)}.values())[::-1]


def chat(kb: KnowledgeBase) -> None:
    """Ask and answer until /quit or the end of input. Ctrl-C stops an answer, not the program."""
    import readline  # noqa: F401 - gives input() its history and line editing

    history: list[tuple[str, str]] = []
    last: Answer | None = None
    backend = kb.backend()
    sys.stderr.write(
        f"{len(kb.questions())} questions; answers by {backend.name} ({backend.reason}). /sources, /quit\n"
    )
    while True:
        try:
            query = input("> " if sys.stdin.isatty() else "").strip()
        except EOFError:
            return
        except KeyboardInterrupt:
            sys.stderr.write("\n")
            continue
        if query in ("/quit", "/exit"):
            return
        if query == "/sources":
            _sources(last)
        elif query.startswith("/"):
            sys.stderr.write("/sources shows the passages of the last answer, /quit leaves.\n")
        elif query:
            last = _turn(kb, query, history) or last


def _turn(kb: KnowledgeBase, query: str, history: list[tuple[str, str]]) -> Answer | None:
    from kb.errors import KBError

    try:
        found = stream(kb.stream(query, history=tuple(history)))
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped\n")
        return None
    except KBError as error:  # the next question may work
        sys.stderr.write(f"kb: {error}\n")
        return None
    if found:
        history += [("user", query), ("assistant", found.text)]
    return found


def _sources(found: Answer | None) -> None:
    if not found or not found.citations:
        out("No sources.")
        return
    for citation in found.citations:
        out(f"[{citation.n}] {citation.question}  [{place(citation.source, citation.lines, citation.page)}]")
        out(textwrap.indent(citation.quote, "    "))


def review(found: Review, *, as_json: bool) -> None:
    """What a curator should look at."""
    if as_json:
        print_json(found)
        return
    out(f"Gaps: {len(found.gaps)} questions that no document answers")
    for question in found.gaps:
        sources = ", ".join(short(source) for source in question.sources)
        out(f"    {question.question} ({question.status.value})  [{sources}]")
    out(f"Borderline merges: {len(found.borderline)}")
    for pair in found.borderline:
        out(f"    {pair.score:.2f}  {pair.question_a}  [{short(pair.source_a)}]")
        out(f"          {pair.question_b}  [{short(pair.source_b)}]  {pair.reason}")
    out(f"Dropped lines: {len(found.dropped)} runs")
    for drop in found.dropped:
        out(f"    {place(drop.source, drop.lines)}  {drop.reason}: {_one_line(drop.text, 80)}")
    if found.unanswered_queries:
        out(f"Queries that were not answered: {len(found.unanswered_queries)}")
        for query in found.unanswered_queries:
            out(f"    {_one_line(query, 100)}")
    if found.feedback:
        out(f"Feedback: {len(found.feedback)}")
        for item in found.feedback:
            query, comment = (_one_line(str(item.get(name, "")), 70) for name in ("query", "comment"))
            out(f"    {item.get('rating', '')}  {query}  {comment}")


def settings(loaded: Loaded, *, as_json: bool) -> None:
    """Every setting with its value and origin; secrets are masked."""
    from kb.settings import SECRETS

    rows = [
        {"name": name, "value": ("***" if value else "") if name in SECRETS else str(value), "origin": origin}
        for name, value, origin in loaded.origins
    ]
    if as_json:
        print_json_lines(rows)
        return
    table = _table("setting", "value", "origin")
    for row in rows:
        _row(table, row["name"], row["value"], row["origin"])
    _print(table)


def findings(found: Sequence[Finding], *, as_json: bool) -> None:
    """What `kb doctor` found."""
    if as_json:
        print_json_lines(found)
        return
    for finding in found:
        out(f"{finding.state:<8} {finding.name}: {finding.detail}")
        if finding.advice:
            out(f"         {finding.advice}")


def _one_line(text: str, width: int) -> str:
    return textwrap.shorten(" ".join(text.split()), width, placeholder=" ...")
