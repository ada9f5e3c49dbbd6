"""The library half of the page: documents, questions, review, retrieval test, map, evaluation; filled when opened."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from gradio_client.utils import is_http_url_like

from ingest.types import IngestReport
from kb.errors import KBError, QueryError
from kb.types import Status
from ui import plots
from ui import render_library as show
from ui.app_parts import html
from ui.library import Library, Step, Upload
from ui.problems import shown
from ui.render import notice_html
from ui.uploads import MAX_FILES, check

_PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
ANY = "any"


def _never_fetching(files: gr.File) -> gr.File:
    """The upload, so that a client that names a URL instead of an uploaded file is refused: nothing is ever fetched."""
    keep = files.async_move_resource_to_block_cache

    async def refuse_urls(url_or_file_path: str | Path | None) -> str | None:
        if url_or_file_path is not None and is_http_url_like(str(url_or_file_path)):
            raise gr.Error("Files are uploaded, not fetched.", print_exception=False)
        kept: str | None = await keep(url_or_file_path)
        return kept

    files.async_move_resource_to_block_cache = refuse_urls
    return files


def add_library(library: Library, bus: gr.HTML, tab: gr.Tab, *, queue_name: str) -> None:
    """Build the library into the current tab."""
    with gr.Tabs(elem_id="kb-library"):
        with gr.Tab("Documents", id="documents") as documents_tab:
            listing = _documents(library, bus, queue_name)
        with gr.Tab("Questions", id="questions") as questions_tab:
            fill_questions, questions_in, questions_out = _questions(library, bus)
        with gr.Tab("Review", id="review") as review_tab:
            review = [_section(title) for title in _REVIEW]
        with gr.Tab("Retrieval test", id="probe"):
            _probe(library)
        with gr.Tab("Map", id="map") as map_tab:
            drawn = [_section(title) for title in _MAP]
        with gr.Tab("Evaluation", id="evaluation") as evaluation_tab:
            evaluation = html("", elem_id="kb-evaluation")
    list_documents = _guarded(lambda: _documents_html(library))
    for opened in (tab.select, documents_tab.select):
        opened(list_documents, None, listing, queue=False, **_PRIVATE)
    questions_tab.select(fill_questions, questions_in, questions_out, queue=False, **_PRIVATE)
    review_tab.select(_guarded_list(lambda: _review(library), len(_REVIEW)), None, review, **_PRIVATE)
    map_tab.select(
        _guarded_list(lambda: _map(library), len(_MAP)), None, drawn, api_visibility="private", show_progress="minimal"
    )
    evaluation_tab.select(
        lambda: show.evaluation_html(*(library.evaluation() or (None, ""))), None, evaluation, **_PRIVATE
    )


def _section(title: str) -> gr.HTML:
    html(f'<h2 class="kb-section">{title}</h2>')
    return html("")


def _guarded(make: Any) -> Any:
    """The HTML that `make` returns, or the error with what to do about it."""

    def guarded(*args: Any) -> str:
        try:
            made: str = make(*args)
        except Exception as error:  # noqa: BLE001 - a tab that fails says so, and the others work
            return shown(error)
        return made

    return guarded


def _guarded_list(make: Any, length: int) -> Any:
    """The same for several pieces of HTML; the error stands in the first."""

    def guarded() -> list[str]:
        try:
            made: list[str] = make()
        except Exception as error:  # noqa: BLE001 - a tab that fails says so, and the others work
            return [shown(error), *[""] * (length - 1)]
        return made

    return guarded


def _documents_html(library: Library) -> str:
    snapshot = library.snapshot()
    return show.documents_html(snapshot.documents, list(snapshot.entries.values()), removable=not library.read_only)


def _documents(library: Library, bus: gr.HTML, queue_name: str) -> gr.HTML:
    if library.read_only:
        html(notice_html("This server is read only: documents cannot be added or removed here."))
        report, listing = html(visible=False), html("", elem_id="kb-documents")
        return listing
    limits = library.limits()
    kinds = ", ".join(suffix[1:] for suffix in limits.suffixes)
    with gr.Group(elem_id="kb-upload"):
        files = _never_fetching(
            gr.File(
                label="Add documents",
                file_count="multiple",
                file_types=list(limits.suffixes),
                height=150,
                elem_id="kb-files",
            )
        )
    html(f'<p class="kb-sub">{kinds}; up to {limits.max_file_mb} MB each. A file of the same name is replaced.</p>')
    report = html("", elem_id="kb-report")
    with gr.Column(visible=False, elem_id="kb-confirm") as confirm:
        question = html("")
        with gr.Row():
            chosen = gr.Textbox(visible="hidden", label="document")
            yes = gr.Button("Remove", variant="stop", size="sm", scale=0, elem_id="kb-confirm-yes")
            no = gr.Button("Keep it", size="sm", scale=0, elem_id="kb-confirm-no")
    listing = html("", elem_id="kb-documents")

    def upload(paths: list[str] | None) -> Iterator[tuple[Any, ...]]:
        yield from _ingest(library, paths or [])

    def choose(event: gr.EventData) -> tuple[Any, ...]:
        found = library.document(str((event._data or {}).get("id"))) if _act(event) == "remove" else None
        if found is None:
            return gr.skip(), gr.skip(), gr.skip()
        return gr.Column(visible=True), show.remove_question_html(*found), found[0].id

    def remove(document: str) -> Iterator[tuple[Any, ...]]:
        if document:
            yield from _shown(library, library.remove([document]), "Removing")

    change = {"concurrency_limit": 1, "concurrency_id": queue_name, **_PRIVATE}
    files.upload(upload, files, [files, report, listing], **change)
    bus.library(choose, None, [confirm, question, chosen], queue=False, **_PRIVATE)
    no.click(lambda: (gr.Column(visible=False), ""), None, [confirm, chosen], queue=False, **_PRIVATE)
    hide = yes.click(lambda: gr.Column(visible=False), None, confirm, queue=False, **_PRIVATE)
    hide.then(remove, chosen, [files, report, listing], **change)
    return listing


def _act(event: gr.EventData) -> str:
    return str((event._data or {}).get("act"))


def _ingest(library: Library, paths: list[str]) -> Iterator[tuple[Any, ...]]:
    uploads = [Upload(Path(path), Path(path).name) for path in paths]
    try:
        if len(uploads) > MAX_FILES:
            raise QueryError(f"{len(uploads)} files are too many at once.", hint=f"Upload at most {MAX_FILES}.")
        limits = library.limits()
        for item in uploads:
            check(item.name, item.path.stat().st_size, limits)
    except KBError as error:
        yield None, shown(error), gr.skip()
        return
    noun = "1 document" if len(uploads) == 1 else f"{len(uploads)} documents"
    yield gr.skip(), show.progress_html("reading", 0, 0, title=f"Adding {noun}"), gr.skip()
    yield from _shown(library, library.ingest_uploads(uploads), f"Adding {noun}")


def _shown(library: Library, steps: Generator[Step, None, IngestReport], title: str) -> Iterator[tuple[Any, ...]]:
    """Progress, then the report with the documents as they are now."""
    try:
        while True:
            step = next(steps)
            yield gr.skip(), show.progress_html(step.name, step.done, step.total, title=title), gr.skip()
    except StopIteration as stop:
        report: IngestReport = stop.value
        sources = {item.source for item in report.documents if item.action.value in ("added", "updated")}
        dropped = [run for run in library.review().dropped if run.source in sources]
        yield None, show.report_html(report, dropped=dropped), _documents_html(library)
    except Exception as error:  # noqa: BLE001 - what failed is said where the progress was
        yield None, shown(error), _guarded(lambda: _documents_html(library))()


def _questions(library: Library, bus: gr.HTML) -> tuple[Any, list[Any], list[Any]]:
    with gr.Row(elem_id="kb-filters"):
        text = gr.Textbox(label="Search", placeholder="Words of the question", elem_id="kb-question-search", scale=3)
        statuses = [("Any", ANY), *((status.value.capitalize(), status.value) for status in Status)]
        status = gr.Dropdown(statuses, value=ANY, label="Status", filterable=False, scale=1, min_width=130)
        source = gr.Dropdown([("Any", ANY)], value=ANY, label="Document", scale=2, min_width=160)
        merged = gr.Checkbox(label="Merged only", scale=1, min_width=130)
    with gr.Row(elem_id="kb-question-row"):
        with gr.Column(scale=2, min_width=280):
            listed = html("", elem_id="kb-question-list")
        with gr.Column(scale=3, min_width=280):
            detail = html(show.question_detail_html(None, ()), elem_id="kb-question-detail")
    inputs = [text, status, source, merged]

    def narrowed(text: str, status: str, source: str, merged: bool) -> str:
        found = show.filter_questions(
            library.snapshot().questions,
            text=text or "",
            status="" if status == ANY else status,
            source="" if source == ANY else source,
            merged=bool(merged),
        )
        return show.question_list_html(found)

    def fill(*values: Any) -> tuple[Any, Any]:
        try:
            documents = library.snapshot().documents
        except KBError:
            documents = ()
        choices = [("Any", ANY), *((show.short(document.source), document.source) for document in documents)]
        return gr.Dropdown(choices=choices), _guarded(narrowed)(*values)

    def detailed(event: gr.EventData) -> Any:
        if _act(event) not in ("question", "map"):
            return gr.skip()
        found = library.question(str((event._data or {}).get("id")))
        return show.question_detail_html(*found) if found else show.question_detail_html(None, ())

    for component in (status, source, merged):
        component.input(_guarded(narrowed), inputs, listed, queue=False, **_PRIVATE)
    text.change(_guarded(narrowed), inputs, listed, queue=False, trigger_mode="always_last", **_PRIVATE)
    bus.library(detailed, None, detail, queue=False, **_PRIVATE)
    return fill, inputs, [source, listed]


_REVIEW = (
    "Questions without an answer",
    "Borderline merges",
    "Queries that were not answered",
    "Feedback",
    "Lines left out",
)
_MAP = ("All questions", "Overlap between documents", "Coverage")


def _review(library: Library) -> list[str]:
    found = library.review()
    return [
        show.review_gaps_html(found.gaps),
        show.review_borderline_html(found.borderline),
        show.review_queries_html(found.unanswered_queries),
        show.review_feedback_html(found.feedback),
        show.dropped_html(found.dropped) if found.dropped else show.empty("Every line is in a question."),
    ]


def _probe(library: Library) -> None:
    with gr.Row(elem_id="kb-probe"):
        query = gr.Textbox(label="Query", placeholder="What would a user ask?", elem_id="kb-probe-box", scale=5)
        go = gr.Button("Test", variant="primary", scale=0, min_width=84, elem_id="kb-probe-go")
    result = html(
        show.empty("Shows what a query finds, with every score, and whether it would be answered."),
        elem_id="kb-probe-result",
    )
    make = _guarded(lambda text: show.probe_html(library.probe(text), text))
    gr.on([query.submit, go.click], make, query, result, api_visibility="private", show_progress="minimal")


def _map(library: Library) -> list[str]:
    snapshot = library.snapshot()
    if not snapshot.questions:
        return [show.empty("Nothing to draw yet: add documents first."), "", ""]
    ids, vectors = library.question_vectors()
    return [
        plots.map_svg(snapshot.questions, ids, vectors),
        plots.overlap_html(snapshot.questions),
        plots.coverage_html(list(snapshot.entries.values())),
    ]
