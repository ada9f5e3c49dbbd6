"""What the library shows, as HTML: documents, ingest reports, questions, review lists, retrieval tests. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from ingest.types import DocumentAction, IngestReport
from kb.knowledge import Probe
from kb.types import Document, Entry, Hit, Question, Status
from ui.markup import esc, inline, one_line, prose
from ui.render import line_range, place, status_chip

MAX_LISTED = 200
"""Questions in a list; a search narrows it down."""
MAX_DROPPED = 300
"""Runs of dropped lines that are listed of a document."""


def short(source: str) -> str:
    """The file's name."""
    return PurePosixPath(source).name or source


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, caption: str, numeric: Sequence[int] = ()) -> str:
    """A table of cells that are HTML already; `numeric` are the columns that are aligned right."""
    kinds = [' class="is-number"' if index in numeric else "" for index in range(len(headings))]
    head = "".join(f'<th scope="col"{kind}>{esc(name)}</th>' for name, kind in zip(headings, kinds, strict=True))
    body = "".join(
        "<tr>"
        + "".join(
            f'<td{kind} data-label="{esc(name)}"><div>{cell}</div></td>'
            for name, kind, cell in zip(headings, kinds, row, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="kb-scroll-x"><table class="kb-data"><caption class="kb-sr">{esc(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def empty(text: str) -> str:
    """What stands where there is nothing to list."""
    return f'<p class="kb-empty">{inline(text)}</p>'


def documents_html(documents: Sequence[Document], entries: Sequence[Entry], *, removable: bool) -> str:
    """The documents with their counts."""
    if not documents:
        return empty("No documents yet. Upload some, or run `kb ingest FOLDER`.")
    counts: dict[str, dict[Status, int]] = {}
    for entry in entries:
        own = counts.setdefault(entry.document, dict.fromkeys(Status, 0))
        own[entry.status] += 1
    headings = ["Document", "Type", "Questions", "Answered", "Unanswered", "Placeholder"]
    rows = []
    for document in sorted(documents, key=lambda document: short(document.source).casefold()):
        own = counts.get(document.id, dict.fromkeys(Status, 0))
        row = [
            _document_cell(document),
            esc(PurePosixPath(document.source).suffix[1:].upper() or document.media_type),
            str(sum(own.values())),
        ]
        row += [str(own[status]) if own[status] else '<span class="kb-zero">0</span>' for status in Status]
        rows.append(row + ([_remove_button(document)] if removable else []))
    if removable:
        headings.append("Action")
    return table(headings, rows, caption="Documents", numeric=(2, 3, 4, 5))


def _document_cell(document: Document) -> str:
    title = document.title.strip()
    name = short(document.source)
    subtitle = f'<div class="kb-sub">{esc(one_line(title, 100))}</div>' if title and title != name else ""
    also = (
        f'<div class="kb-sub">also as {esc(", ".join(map(short, document.also_at)))}</div>' if document.also_at else ""
    )
    return f'<div class="kb-name" title="{esc(document.source)}">{esc(name)}</div>{subtitle}{also}'


def _remove_button(document: Document) -> str:
    label = f"Remove {short(document.source)}"
    return (
        f'<button type="button" class="kb-plain is-danger" data-act="remove" data-id="{esc(document.id)}" '
        f'aria-label="{esc(label)}">Remove</button>'
    )


def remove_question_html(document: Document, n_entries: int) -> str:
    """What is asked before a document is removed."""
    name = esc(short(document.source))
    return (
        f'<div class="kb-card is-warning" role="alertdialog" aria-label="Remove a document"><h3>Remove {name}?</h3>'
        f"<p>Its {n_entries} {'question goes' if n_entries == 1 else 'questions go'} out of the index. "
        "Answers that other documents give stay.</p></div>"
    )


def progress_html(step: str, done: int, total: int, *, title: str) -> str:
    """A progress bar with what is being done."""
    known = total > 0
    share = min(done / total, 1.0) if known else 0.0
    value = f' aria-valuenow="{round(share * 100)}" aria-valuemin="0" aria-valuemax="100"' if known else ""
    count = f" · {done:,} of {total:,}" if known else ""
    bar = f'<div class="kb-bar{"" if known else " is-unknown"}"><div style="width:{share * 100:.0f}%"></div></div>'
    return (
        f'<div class="kb-card is-info"><h3>{esc(title)}</h3>'
        f'<div role="progressbar" aria-label="{esc(title)}"{value}>{bar}</div>'
        f'<p class="kb-sub">{esc(step)}{count}</p></div>'
    )


_ACTIONS = {
    DocumentAction.ADDED: "added",
    DocumentAction.UPDATED: "updated",
    DocumentAction.UNCHANGED: "unchanged",
    DocumentAction.SAME_CONTENT: "same content",
    DocumentAction.REMOVED: "removed",
    DocumentAction.REJECTED: "rejected",
}


def report_html(report: IngestReport, *, dropped: Sequence[Any] = ()) -> str:
    """What an ingest did: each file, the collection afterwards, what was left out and why."""
    files = [
        [
            f'<span class="kb-name" title="{esc(item.source)}">{esc(short(item.source))}</span>',
            f'<span class="kb-chip is-{esc(item.action.value)}">{_ACTIONS[item.action]}</span>',
            str(item.entries),
            esc(item.reason or item.convention),
        ]
        for item in report.documents
        if item.action is not DocumentAction.UNCHANGED or len(report.documents) < 20
    ]
    figures = [
        ("questions", report.questions),
        ("merged", report.merged),
        ("answered", report.answered),
        ("unanswered", report.unanswered),
        ("placeholders", report.placeholders),
        ("lines left out", report.lines_dropped),
    ]
    tiles = "".join(f"<div><dt>{esc(name)}</dt><dd>{value:,}</dd></div>" for name, value in figures)
    kind = "warning" if report.rejected else "good"
    title = f"Done in {report.seconds:.1f} s" + (f"; {report.rejected} rejected" if report.rejected else "")
    files_table = (
        table(["File", "Result", "Questions", "Detail"], files, caption="Files", numeric=(2,)) if files else ""
    )
    return (
        f'<div class="kb-card is-{kind}" role="status"><h3>{title}</h3>{files_table}'
        f'<h4>The collection now</h4><dl class="kb-tiles">{tiles}'
        f"</dl>{_dropped_reasons(report)}{_dropped_fold(dropped)}</div>"
    )


def _dropped_reasons(report: IngestReport) -> str:
    if not report.dropped_by_reason:
        return ""
    items = sorted(report.dropped_by_reason.items(), key=lambda item: -item[1])
    listed = " · ".join(f"{esc(str(reason).replace('_', ' '))} {count:,}" for reason, count in items)
    return (
        f'<p class="kb-sub">{report.lines_read:,} lines read, {report.lines_in_entries:,} in questions, '
        f"{report.lines_dropped:,} left out: {listed}</p>"
    )


def _dropped_fold(dropped: Sequence[Any]) -> str:
    if not dropped:
        return ""
    return f"<h4>Lines left out, with reasons</h4>{dropped_html(dropped)}"


def dropped_html(dropped: Sequence[Any]) -> str:
    """Runs of lines that are in no entry, by document: where, why, and the text."""
    by_source: dict[str, list[Any]] = {}
    for run in dropped:
        by_source.setdefault(run.source, []).append(run)
    return "".join(_dropped_of(source, runs) for source, runs in sorted(by_source.items()))


def _dropped_of(source: str, runs: Sequence[Any]) -> str:
    rows = [
        [
            esc(line_range(run.lines).split(" ")[1] if run.lines else "–"),
            f'<span class="kb-chip">{esc(str(getattr(run.reason, "value", run.reason)).replace("_", " "))}</span>',
            f'<div class="kb-raw">{esc(run.text)}</div>',
        ]
        for run in runs[:MAX_DROPPED]
    ]
    more = f'<p class="kb-sub">{len(runs) - MAX_DROPPED:,} more.</p>' if len(runs) > MAX_DROPPED else ""
    count = "1 run" if len(runs) == 1 else f"{len(runs):,} runs"
    return (
        f'<details class="kb-fold"><summary><span class="kb-name">{esc(short(source))}</span> · {count}</summary>'
        f"{table(['Lines', 'Reason', 'Text'], rows, caption=f'Lines left out of {short(source)}')}{more}</details>"
    )


def filter_questions(
    questions: Sequence[Question], *, text: str = "", status: str = "", source: str = "", merged: bool = False
) -> list[Question]:
    """The questions that have all words of `text` in one of their wordings, and the other properties."""
    words = text.casefold().split()
    return [
        question
        for question in questions
        if (not status or question.status.value == status)
        and (not source or source in question.sources)
        and (not merged or len(question.entry_ids) > 1)
        and (not words or any(all(word in variant.casefold() for word in words) for variant in _wordings(question)))
    ]


def _wordings(question: Question) -> tuple[str, ...]:
    return question.variants or (question.question,)


def question_list_html(questions: Sequence[Question], *, selected: str = "") -> str:
    """Questions to choose from."""
    if not questions:
        return empty("No question fits.")
    items = "".join(_question_item(question, question.id == selected) for question in questions[:MAX_LISTED])
    more = len(questions) - MAX_LISTED
    note = f'<p class="kb-sub">{more:,} more; search to narrow them down.</p>' if more > 0 else ""
    noun = "question" if len(questions) == 1 else "questions"
    return f'<p class="kb-sub" role="status">{len(questions):,} {noun}</p><ul class="kb-questions">{items}</ul>{note}'


def _question_item(question: Question, selected: bool) -> str:
    merged = f'<span class="kb-chip">{len(question.entry_ids)}×</span>' if len(question.entry_ids) > 1 else ""
    status = "" if question.status is Status.ANSWERED else status_chip(question.status)
    current = ' aria-current="true"' if selected else ""
    return (
        f'<li><button type="button" data-act="question" data-id="{esc(question.id)}"{current}>'
        f"<span>{inline(one_line(question.question, 200))}</span>{merged}{status}</button></li>"
    )


def question_detail_html(question: Question | None, entries: Sequence[Entry]) -> str:
    """A canonical question: its wordings, and what each document answers, side by side."""
    if question is None:
        return empty("Choose a question to see its wordings, answers and sources.")
    others = [wording for wording in question.variants if wording != question.question]
    wordings = "".join(f"<li>{inline(wording)}</li>" for wording in others)
    also = f'<h4>Also asked as</h4><ul class="kb-wordings">{wordings}</ul>' if wordings else ""
    cards = "".join(_entry_card(entry) for entry in entries)
    return (
        f'<section class="kb-detail" tabindex="-1" aria-label="Question"><h3>{inline(question.question)}</h3>'
        f'{status_chip(question.status)}{also}<div class="kb-entries">{cards}</div></section>'
    )


def _entry_card(entry: Entry) -> str:
    missing = f'<p class="kb-empty">{esc(entry.status.value)}: this document gives no answer.</p>'
    answer = prose(entry.answer) if entry.answer is not None else missing
    number = f"{entry.number}. " if entry.number is not None else ""
    section = f'<p class="kb-sub">{esc(entry.section)}</p>' if entry.section else ""
    return (
        f'<article class="kb-entry"><p class="kb-where" title="{esc(entry.source)}">'
        f"{esc(place(entry.source, entry.lines, entry.page))}</p><h4>{number}{inline(entry.question)}"
        f"</h4>{section}{answer}</article>"
    )


def review_gaps_html(gaps: Sequence[Question]) -> str:
    """Questions that documents pose and none answers."""
    if not gaps:
        return empty("Every question has an answer.")
    rows = [
        [inline(gap.question), status_chip(gap.status), esc(", ".join(short(source) for source in gap.sources))]
        for gap in gaps
    ]
    return table(["Question", "Status", "Posed in"], rows, caption="Questions without an answer")


def review_borderline_html(pairs: Sequence[Any]) -> str:
    """Pairs of questions that were nearly merged, or nearly kept apart."""
    if not pairs:
        return empty("No borderline pairs.")
    rows = [
        [
            f"{pair.score:.2f}",
            f'{inline(pair.question_a)}<div class="kb-sub">{esc(short(pair.source_a))}</div>',
            f'{inline(pair.question_b)}<div class="kb-sub">{esc(short(pair.source_b))}</div>',
            esc(pair.reason),
        ]
        for pair in pairs
    ]
    return table(["Score", "Question", "Question", "Decision"], rows, caption="Borderline merges", numeric=(0,))


def review_queries_html(queries: Sequence[str]) -> str:
    """Queries of users that were not answered, the most frequent first."""
    if not queries:
        return empty("No query went unanswered.")
    counts: dict[str, int] = {}
    for query in queries:
        key = " ".join(query.split())
        counts[key] = counts.get(key, 0) + 1
    rows = [[esc(query), str(count)] for query, count in sorted(counts.items(), key=lambda item: -item[1])]
    return table(["Query", "Times"], rows, caption="Queries that were not answered", numeric=(1,))


def review_feedback_html(feedback: Sequence[Mapping[str, Any]]) -> str:
    """Ratings with comments, the newest first."""
    if not feedback:
        return empty("No feedback yet.")
    rows = [
        [
            esc(str(item.get("time", ""))[:16].replace("T", " ")),
            _rating_chip(str(item.get("rating", ""))),
            esc(one_line(str(item.get("query", "")), 200)),
            esc(one_line(str(item.get("comment", "")), 400)),
        ]
        for item in reversed(feedback)
    ]
    return table(["Time", "Rating", "Query", "Comment"], rows, caption="Feedback")


def _rating_chip(rating: str) -> str:
    return f'<span class="kb-chip is-{esc(rating)}">{"good" if rating == "up" else "bad"}</span>'


def probe_html(probe: Probe, query: str) -> str:
    """What retrieval makes of a query: the abstention's probability, the hits with their scores, the evidence."""
    answers = probe.confidence >= probe.min_confidence
    verdict = "would answer" if answers else "would abstain"
    searched = f'<p class="kb-sub">Searched for: {esc(probe.searched)}</p>' if probe.searched != query else ""
    gauge = (
        f'<div class="kb-gauge" role="img" aria-label="Confidence {probe.confidence:.2f}, '
        f'needed {probe.min_confidence:.2f}">'
        f'<div class="{"is-good" if answers else "is-low"}" style="width:{_percent(probe.confidence)}%"></div>'
        f'<span style="left:{_percent(probe.min_confidence)}%"></span></div>'
    )
    features = "".join(
        f"<div><dt>{esc(name.replace('_', ' '))}</dt><dd>{value:.3f}</dd></div>"
        for name, value in probe.features.items()
    )
    return (
        f'<div class="kb-card is-{"good" if answers else "abstained"}">'
        f"<h3>Confidence {probe.confidence:.2f}: {verdict}</h3>"
        f'{gauge}<p class="kb-sub">Below {probe.min_confidence:.2f} the answer is "I don\'t know".</p>{searched}</div>'
        f"{_probe_hits(probe.hits)}<h4>Evidence that an answer may use</h4>{_evidence(probe.evidence)}"
        + (
            '<details class="kb-fold"><summary>What the confidence is made of</summary>'
            f'<dl class="kb-tiles">{features}</dl></details>'
            if features
            else ""
        )
    )


def _percent(share: float) -> int:
    return round(min(max(share, 0.0), 1.0) * 100)


def _probe_hits(hits: Sequence[Hit]) -> str:
    if not hits:
        return empty("Nothing was found.")
    rows = [
        [
            f'{hit.rank}. {inline(hit.question)}<div class="kb-sub">{esc(place(hit.source, hit.lines, hit.page))}</div>'
            f"{_parts(hit)}",
            f'<span class="kb-chip">{esc(hit.origin)}</span>',
            f"{hit.score:.3f}",
        ]
        for hit in hits
    ]
    return "<h4>Hits</h4>" + table(["Question", "Found by", "Score"], rows, caption="Hits", numeric=(2,))


def _parts(hit: Hit) -> str:
    """The parts of a score, by name."""
    listed = "".join(
        f"<span>{esc(name.replace('_', ' '))} <b>{value:.2f}</b></span>" for name, value in hit.scores.items()
    )
    return f'<div class="kb-scores">{listed}</div>' if listed else ""


def _evidence(evidence: Sequence[str]) -> str:
    if not evidence:
        return empty("None.")
    return "".join(f'<div class="kb-evidence">{prose(text)}</div>' for text in evidence)


def evaluation_html(report: str | None, made: str) -> str:
    """The latest report, in a frame in which no script runs; what to do where there is none."""
    if report is None:
        return empty("No report yet. `kb eval --report report` makes one.")
    return (
        f'<p class="kb-sub">Made {esc(made)}</p><iframe class="kb-report" title="Evaluation report" sandbox="" '
        f'srcdoc="{esc(report)}"></iframe>'
    )
