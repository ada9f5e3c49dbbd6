"""What the chat shows, as HTML: turns with their statements and markers, and the sources beside them.

Pure: the same turn gives the same HTML. All text goes through `markup`, so nothing in a document, a file name or a
query can become markup. The attributes `data-act` and `data-ask` name what a click does; `static/kb.js` reports it.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from kb.types import AnswerEvent, Citation, Reason, Statement, Status
from ui.icons import icon
from ui.markup import esc, inline, one_line, prose
from ui.turns import ChatTurn, State, advance, is_open

MAX_PASSAGE_CHARS = 2400
"""Of a source's text around its quote; the rest is cut with an ellipsis."""

_ABSTAINED_TITLES = {
    Reason.NO_EVIDENCE: "Not in the documents",
    Reason.UNANSWERED_QUESTION: "Asked there, but never answered",
    Reason.UNSUPPORTED: "Nothing could be backed",
}
_MARKS = {"correction": "Correction", "disagreement": "Sources disagree"}


def render(query: str, events: Sequence[AnswerEvent]) -> str:
    """The turn that these events make, as HTML."""
    return turn_html(functools.reduce(advance, events, ChatTurn(id="0", query=query)))


def place(source: str, lines: tuple[int, int] | None, page: int | None = None) -> str:
    """Where something stands, for people: file name with lines or page."""
    name = PurePosixPath(source).name or source
    if lines:
        return f"{name}, {line_range(lines)}"
    return f"{name}, page {page}" if page else name


def line_range(lines: tuple[int, int]) -> str:
    """Lines, for people."""
    return f"line {lines[0]}" if lines[0] == lines[1] else f"lines {lines[0]}–{lines[1]}"


def thread_html(turns: Sequence[ChatTurn]) -> str:
    """A whole chat."""
    last = len(turns) - 1
    return "".join(turn_html(turn, last=number == last) for number, turn in enumerate(turns))


def turn_html(turn: ChatTurn, *, last: bool = True) -> str:
    """A question and what came of it."""
    bodies = {State.ABSTAINED: _abstained, State.FAILED: _failed}
    body = bodies.get(turn.state, _statements)(turn)
    busy = ' aria-busy="true"' if is_open(turn) else ""
    tools = "" if is_open(turn) else _tools(turn, last)
    return (
        f'<article class="kb-turn" data-turn="{esc(turn.id)}">'
        '<div class="kb-query"><span class="kb-sr">You asked: </span>'
        f'<div class="kb-query-text">{esc(turn.query)}</div>'
        f"{_edit_button(turn)}</div>"
        f'<div class="kb-reply is-{turn.state.value}"{busy}>{_searched(turn)}{body}{_rejected(turn)}{tools}</div>'
        "</article>"
    )


def _edit_button(turn: ChatTurn) -> str:
    if is_open(turn):
        return ""
    return _button("edit", turn, "Edit this question", icon("edit"), kind="kb-tool kb-edit")


def _button(
    act: str, turn: ChatTurn, label: str, inner: str, *, kind: str = "kb-tool", pressed: bool | None = None
) -> str:
    state = "" if pressed is None else f' aria-pressed="{str(pressed).lower()}"'
    return (
        f'<button type="button" class="{kind}" data-act="{act}" data-turn="{esc(turn.id)}" '
        f'aria-label="{esc(label)}" title="{esc(label)}"{state}>{inner}</button>'
    )


def _searched(turn: ChatTurn) -> str:
    if not turn.searched or " ".join(turn.searched.split()).casefold() == " ".join(turn.query.split()).casefold():
        return ""
    return f'<p class="kb-searched">Searched for: <q>{esc(turn.searched)}</q></p>'


def _statements(turn: ChatTurn) -> str:
    shown = "".join(statement_html(statement, turn.id, index) for index, statement in enumerate(turn.statements))
    if turn.state is State.STOPPED:
        note = (
            "Stopped. What had passed its check is shown." if turn.statements else "Stopped before the first statement."
        )
        return f'{shown}<p class="kb-note">{note}</p>'
    return shown + _progress(turn) if is_open(turn) else shown


def _progress(turn: ChatTurn) -> str:
    if turn.state is State.WAITING:
        text = "Waiting for a free place"
    elif turn.n_hits is None:
        text = "Searching the documents"
    elif not turn.statements:
        text = f"Found {turn.n_hits} {'passage' if turn.n_hits == 1 else 'passages'}; checking statements"
    else:
        text = "Checking the next statement"
    return f'<p class="kb-progress" role="status"><span class="kb-dots" aria-hidden="true"></span>{text}</p>'


def statement_html(statement: Statement, turn_id: str, index: int) -> str:
    """A checked statement with its support and its markers, which name the source and the statement."""
    mark = _MARKS.get(statement.mark or "", "")
    label = f'<span class="kb-mark">{mark}</span>' if mark else ""
    numbers = list(dict.fromkeys(citation.n for citation in statement.citations))
    markers = "".join(_marker(n, turn_id, index) for n in numbers)
    percent = round(statement.support * 100)
    support = (
        f'<span class="kb-support" title="Support {statement.support:.2f}: {esc(statement.reason)}">'
        f'<span class="kb-sr">Support </span>{percent}%</span>'
    )
    kind = f"kb-statement is-{esc(statement.mark)}" if mark else "kb-statement"
    return f'<div class="{kind}">{label}{_with_tail(prose(statement.text), f"{markers}{support}")}</div>'


def _with_tail(shown: str, tail: str) -> str:
    """The tail at the end of the last line of text, or below what is no text."""
    wrapped = f'<span class="kb-tail">{tail}</span>'
    for closing in ("</p>", "</li></ul>"):
        if shown.endswith(closing):
            return f"{shown[: -len(closing)]} {wrapped}{closing}"
    return f'{shown}<p class="kb-tail-line">{wrapped}</p>'


def _marker(n: int, turn_id: str, index: int) -> str:
    return (
        f'<button type="button" class="kb-marker" data-act="source" data-turn="{esc(turn_id)}" data-n="{n}" '
        f'data-s="{index}" '
        f'aria-label="Show source {n}">[{n}]</button>'
    )


def _abstained(turn: ChatTurn) -> str:
    answer = turn.answer
    reason = answer.reason if answer and answer.reason else Reason.NO_EVIDENCE
    text = answer.text if answer else ""
    return (
        f'<div class="kb-card is-abstained"><h3>{_ABSTAINED_TITLES[reason]}</h3>{prose(text)}'
        f"{_nearest(answer.nearest if answer else ())}</div>"
    )


def _nearest(questions: Sequence[str]) -> str:
    if not questions:
        return ""
    return f'<p class="kb-label" id="kb-nearest">Questions that they do answer</p>{ask_buttons(questions)}'


def ask_buttons(questions: Sequence[str]) -> str:
    """Questions as buttons that ask them."""
    items = "".join(
        f'<li><button type="button" class="kb-ask" data-ask="{esc(question)}">{inline(one_line(question, 160))}'
        "</button></li>"
        for question in questions
    )
    return f'<ul class="kb-asks">{items}</ul>'


def _failed(turn: ChatTurn) -> str:
    problem = turn.problem
    if problem is None:
        return problem_html("The answer could not be made.", "Try again.")
    return problem_html(problem.message, problem.hint)


def problem_html(message: str, hint: str = "") -> str:
    """An error with what to do about it."""
    advice = f'<p class="kb-hint"><strong>What to do:</strong> {inline(hint)}</p>' if hint else ""
    return (
        f'<div class="kb-card is-error" role="alert"><h3>This did not work</h3><p>{inline(message)}</p>{advice}</div>'
    )


def notice_html(text: str, *, kind: str = "info") -> str:
    """A short message; `kind` is info, good or warning."""
    return f'<div class="kb-card is-{esc(kind)}" role="status"><p>{esc(text)}</p></div>' if text else ""


def _rejected(turn: ChatTurn) -> str:
    if not turn.rejected:
        return ""
    count = len(turn.rejected)
    items = "".join(
        f'<li>{prose(statement.text, copy_code=False)}<p class="kb-hint">{esc(statement.reason)} '
        f"(support {statement.support:.2f})</p></li>"
        for statement in turn.rejected
    )
    title = f"{count} drafted {'statement' if count == 1 else 'statements'} did not pass the check"
    return f'<details class="kb-fold"><summary>{title}</summary><ul class="kb-rejected">{items}</ul></details>'


def _tools(turn: ChatTurn, last: bool) -> str:
    parts: list[str] = []
    n_sources = len({citation.n for citation in _citations(turn)})
    if n_sources:
        label = f"{n_sources} {'source' if n_sources == 1 else 'sources'}"
        inner = f"{icon('sources')}<span>{label}</span>"
        parts.append(_button("sources", turn, f"Show the {label} of this answer", inner))
    if turn.answer or turn.statements:
        parts.append(
            f'<button type="button" class="kb-tool" data-copy="turn" aria-label="Copy this answer" '
            f'title="Copy this answer">{icon("copy")}</button>'
        )
        parts.append(_button("up", turn, "Good answer", icon("up"), pressed=turn.rating == "up"))
        parts.append(_button("down", turn, "Bad answer", icon("down"), pressed=turn.rating == "down"))
    if last:
        parts.append(_button("retry", turn, "Ask again", f"{icon('retry')}<span>Ask again</span>"))
    meta = _meta(turn)
    return f'<div class="kb-tools">{"".join(parts)}{meta}</div>{_comment_form(turn)}'


def _meta(turn: ChatTurn) -> str:
    answer = turn.answer
    if answer is None:
        return ""
    seconds = answer.timings_ms.get("total", 0) / 1000
    took = f" · {seconds:.1f} s" if seconds else ""
    by = f"{answer.backend}{' · ' + answer.model if answer.model else ''}"
    shown = f"confidence {answer.confidence:.0%} · {esc(by)}{took}"
    return f'<span class="kb-meta" title="{esc(answer.backend_reason)}">{shown}</span>'


def _comment_form(turn: ChatTurn) -> str:
    if not turn.rating:
        return ""
    if turn.comment:
        return f'<p class="kb-note kb-thanks">Your comment: {esc(turn.comment)}</p>'
    field = f"kb-comment-{esc(turn.id)}"
    return (
        f'<div class="kb-comment"><label for="{field}">Thank you. Anything to add? (optional)</label>'
        f'<div><input id="{field}" type="text" maxlength="2000" autocomplete="off" data-comment="{esc(turn.id)}">'
        f'<button type="button" class="kb-plain" data-act="comment" data-turn="{esc(turn.id)}">Send</button>'
        "</div></div>"
    )


def _citations(turn: ChatTurn) -> list[Citation]:
    return [citation for statement in turn.statements for citation in statement.citations]


def sources_html(turn: ChatTurn | None, *, focus: int | None = None, statement: int | None = None) -> str:
    """The sources of a turn's statements, each with the exact quotes highlighted.

    `focus` is the number on the marker that was clicked, `statement` the index of the statement that it stands behind;
    what backs that statement is highlighted more strongly.
    """
    head = '<h2 class="kb-side-title">Sources</h2>'
    if turn is None or not _citations(turn):
        text = "The passages that back an answer appear here."
        if turn is not None and turn.state is State.ABSTAINED:
            text = "Nothing was stated, so there is nothing to cite."
        return f'{head}<p class="kb-empty">{text}</p>'
    by_number: dict[int, list[Citation]] = {}
    known = statement is not None and 0 <= statement < len(turn.statements)
    strong = (
        [c for c in turn.statements[statement].citations if c.n == focus] if known and statement is not None else []
    )
    for citation in _citations(turn):
        by_number.setdefault(citation.n, []).append(citation)
    cards = "".join(
        _source_card(turn, n, citations, strong if n == focus else None) for n, citations in sorted(by_number.items())
    )
    return (
        f'{head}<p class="kb-side-query">for “{esc(one_line(turn.query, 90))}”</p><ol class="kb-sources">{cards}</ol>'
    )


def _source_card(turn: ChatTurn, n: int, citations: Sequence[Citation], strong: Sequence[Citation] | None) -> str:
    first = citations[0]
    state = ' class="kb-source is-focused"' if strong is not None else ' class="kb-source"'
    return (
        f'<li{state} tabindex="-1" data-source="{n}" id="kb-source-{esc(turn.id)}-{n}">'
        f'<div class="kb-source-head"><span class="kb-badge">{n}</span><h3>{inline(first.question)}</h3></div>'
        f'<p class="kb-where" title="{esc(first.source)}">{esc(place(first.source, first.lines, first.page))}</p>'
        f'<div class="kb-passage">{passage_html(citations, turn.passages, strong or ())}</div></li>'
    )


def passage_html(citations: Sequence[Citation], passages: Mapping[str, str], strong: Sequence[Citation] = ()) -> str:
    """The entry's answer with what is cited highlighted; the bare quotes where the entry is not at hand."""
    text = passages.get(citations[0].entry_id)
    own = [citation for citation in citations if citation.entry_id == citations[0].entry_id]
    if text is None or any(text[citation.start : citation.end] != citation.quote for citation in own):
        quotes = dict.fromkeys(citation.quote for citation in citations)
        return "".join(prose(quote, [(0, len(quote))], copy_code=False) for quote in quotes)
    start, end = _window(text, min(c.start for c in own), max(c.end for c in own))
    marks = [(citation.start - start, citation.end - start) for citation in own]
    strong_marks = [(citation.start - start, citation.end - start) for citation in strong]
    before, after = ('<p class="kb-cut">…</p>' if cut else "" for cut in (start > 0, end < len(text)))
    return f"{before}{prose(text[start:end], marks, strong=strong_marks, copy_code=False)}{after}"


def _window(text: str, first: int, last: int) -> tuple[int, int]:
    """The part of a long text around what is cited, cut at line ends or spaces; a code block keeps its start."""
    if len(text) <= MAX_PASSAGE_CHARS:
        return 0, len(text)
    room = max(MAX_PASSAGE_CHARS - (last - first), 400) // 2
    start = _cut(text, max(first - room, 0), first)
    end = len(text) if last + room >= len(text) else _cut(text, last + room, min(last + room + 300, len(text)))
    if text.count("```", 0, start) % 2:  # opening fence is cut off: take it along
        start = text.rfind("```", 0, start)
        start = text.rfind("\n", 0, start) + 1
    return start, end


def _cut(text: str, earliest: int, latest: int) -> int:
    """A place to cut between the two: after a line end, else after a space, else the earliest."""
    if not earliest:
        return 0
    for separator in "\n ":
        found = text.find(separator, earliest, latest)
        if found >= 0:
            return found + 1
    return earliest


def welcome_html(examples: Sequence[str], *, n_questions: int, n_documents: int) -> str:
    """What an empty chat shows."""
    if not n_documents:
        return (
            '<div class="kb-welcome"><h2>Nothing to ask yet</h2><p>Add documents under '
            "<strong>Library → Documents</strong>, "
            "or run <code>kb ingest FOLDER</code>. Answers come from your documents and from nothing else.</p></div>"
        )
    asks = f'<p class="kb-label">For example</p>{ask_buttons(examples)}' if examples else ""
    questions, documents = _counted(n_questions, "question"), _counted(n_documents, "document")
    return (
        f'<div class="kb-welcome"><h2>Ask your documents</h2><p>{questions} from {documents}. '
        "Every statement is checked and shows the passage that backs it.</p>"
        f"{asks}</div>"
    )


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def header_html(collection: str, badge: str, *, read_only: bool) -> str:
    """The top of the page; `badge` is HTML from `badge_html`."""
    mode = '<span class="kb-chip">read only</span>' if read_only else ""
    name = "" if collection == "default" else f'<span class="kb-collection">{esc(collection)}</span>'
    toggle = (
        '<button type="button" class="kb-plain" data-theme-toggle aria-label="Switch between light and dark">◐</button>'
    )
    return f'<div class="kb-header"><h1>kb</h1>{name}{mode}<span class="kb-gap"></span>{badge}{toggle}</div>'


def badge_html(name: str, reason: str, model: str | None) -> str:
    """Which backend answers, and why."""
    names = {"extractive": "Extractive", "transformers": "Local model", "openai": "Model server"}
    detail = f" · {esc(model)}" if model else ""
    return (
        f'<details class="kb-backend"><summary><span class="kb-dot is-{esc(name)}" aria-hidden="true"></span>'
        f'<span class="kb-sr">Answers by </span>{esc(names.get(name, name))}{detail}</summary><p>{esc(reason)}'
        "</p></details>"
    )


def status_chip(status: Status | str) -> str:
    """A status as a small label."""
    value = status.value if isinstance(status, Status) else status
    return f'<span class="kb-chip is-{esc(value)}">{esc(value)}</span>'
