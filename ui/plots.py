"""Plots of the library, as SVG and tables: all questions in the plane, overlap between documents, coverage."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from kb.types import Entry, Question, Status
from ui.markup import esc, one_line
from ui.render_library import short

if TYPE_CHECKING:
    import numpy.typing as npt

WIDTH, HEIGHT, MARGIN = 960, 560, 24
MAX_POINTS = 6000
"""More would make the page slow; beyond it every k-th question is drawn."""
N_COLOURS = 10


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    """A question in the plane, once per document that poses it."""

    x: float
    y: float
    question: Question
    source: str


def project(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """The vectors in the plane of their two widest directions, each scaled to [0, 1].

    Shape: vectors (n, d) -> (n, 2).
    """
    n = len(vectors)
    if n == 0:
        return np.zeros((0, 2))
    centred = np.asarray(vectors, dtype=np.float64) - np.mean(vectors, axis=0, dtype=np.float64)
    # The eigenvectors of the small d x d matrix give the same plane as an SVD of all rows.
    _, directions = np.linalg.eigh(centred.T @ centred)
    plane = centred @ directions[:, ::-1][:, :2]
    if plane.shape[1] < 2:
        plane = np.pad(plane, ((0, 0), (0, 2 - plane.shape[1])))
    low, high = plane.min(axis=0), plane.max(axis=0)
    return np.asarray((plane - low) / np.where(high > low, high - low, 1.0))


def points(questions: Sequence[Question], ids: Sequence[str], vectors: npt.NDArray[np.float32]) -> list[Point]:
    """Where each question stands; one that several documents pose stands in a small ring, once for each."""
    by_id = {question.id: question for question in questions}
    plane = project(vectors)
    step = max(1, math.ceil(len(ids) / MAX_POINTS))
    found: list[Point] = []
    for index in range(0, len(ids), step):
        question = by_id.get(ids[index])
        if question is None:
            continue
        x = MARGIN + float(plane[index, 0]) * (WIDTH - 2 * MARGIN)
        y = MARGIN + float(plane[index, 1]) * (HEIGHT - 2 * MARGIN)
        sources = list(dict.fromkeys(question.sources))
        radius = 0.0 if len(sources) == 1 else 7.0
        for number, source in enumerate(sources):
            angle = 2 * math.pi * number / len(sources)
            found.append(Point(x + radius * math.cos(angle), y + radius * math.sin(angle), question, source))
    return found


def map_svg(questions: Sequence[Question], ids: Sequence[str], vectors: npt.NDArray[np.float32]) -> str:
    """All questions in the plane: near ones are alike, the colour is the document, merged ones are linked."""
    shown = points(questions, ids, vectors)
    if not shown:
        return '<p class="kb-empty">No questions to draw.</p>'
    colours = _colours(sorted({source for question in questions for source in question.sources}))
    links: list[str] = []
    for _, group in itertools.groupby(shown, key=lambda point: point.question.id):
        own = list(group)
        for left, right in itertools.pairwise(own):
            line = f'x1="{left.x:.1f}" y1="{left.y:.1f}" x2="{right.x:.1f}" y2="{right.y:.1f}"'
            links.append(f'<line class="kb-link" {line}/>')
    dots = "".join(_dot(point, colours[point.source]) for point in shown)
    return (
        f'<figure class="kb-map"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="Map of {len(ids)} questions; questions that mean similar things are near each other">'
        f'{"".join(links)}{dots}</svg><div class="kb-tip" hidden></div>{_legend(colours)}</figure>'
    )


def _dot(point: Point, colour: int) -> str:
    hollow = "" if point.question.status is Status.ANSWERED else " is-hollow"
    label = esc(one_line(point.question.question, 160))
    return (
        f'<circle class="kb-c{colour}{hollow}" cx="{point.x:.1f}" cy="{point.y:.1f}" r="4.5" data-act="map" '
        f'data-id="{esc(point.question.id)}" data-tip="{label}" data-where="{esc(short(point.source))}"/>'
    )


def _colours(sources: Sequence[str]) -> dict[str, int]:
    return {source: index % N_COLOURS for index, source in enumerate(sources)}


def _legend(colours: Mapping[str, int]) -> str:
    items = "".join(
        f'<li><span class="kb-key kb-c{colour}" aria-hidden="true"></span>{esc(short(source))}</li>'
        for source, colour in list(colours.items())[:40]
    )
    more = f"<li>and {len(colours) - 40} more</li>" if len(colours) > 40 else ""
    return (
        f'<figcaption><ul class="kb-legend">{items}{more}<li><span class="kb-key is-hollow" aria-hidden="true"></span>'
        'no answer</li><li><span class="kb-key-line" aria-hidden="true"></span>asked in several documents</li>'
        "</ul></figcaption>"
    )


def overlap_html(questions: Sequence[Question], *, limit: int = 20) -> str:
    """How many questions each two documents share, as a table whose cells are shaded by the count."""
    counts: dict[str, dict[str, int]] = {}
    for question in questions:
        own = set(question.sources)
        for left in own:
            row = counts.setdefault(left, {})
            for right in own:
                row[right] = row.get(right, 0) + 1
    sources = sorted(counts, key=lambda source: -counts[source][source])[:limit]
    if len(sources) < 2:
        return '<p class="kb-empty">Overlap needs two documents.</p>'
    most = max((counts[a].get(b, 0) for a in sources for b in sources if a != b), default=0) or 1
    head = "".join(f'<th scope="col"><span>{esc(short(source))}</span></th>' for source in sources)
    rows = "".join(
        f'<tr><th scope="row">{esc(short(a))}</th>'
        + "".join(_overlap_cell(counts[a].get(b, 0), most, own=a == b) for b in sources)
        + "</tr>"
        for a in sources
    )
    more = f'<p class="kb-sub">The {limit} largest of {len(counts)} documents.</p>' if len(counts) > limit else ""
    return (
        '<div class="kb-scroll-x"><table class="kb-overlap">'
        '<caption class="kb-sr">Questions shared by two documents</caption>'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table></div>{more}"
    )


def _overlap_cell(count: int, most: int, *, own: bool) -> str:
    if own:
        return f'<td class="is-own">{count}</td>'
    shade = 0 if not count else 12 + round(68 * count / most)
    return f'<td style="--kb-shade:{shade}%">{count or ""}</td>'


def coverage_html(entries: Sequence[Entry]) -> str:
    """What share of each document's questions is answered, as bars."""
    counts: dict[str, dict[Status, int]] = {}
    for entry in entries:
        counts.setdefault(entry.source, dict.fromkeys(Status, 0))[entry.status] += 1
    if not counts:
        return '<p class="kb-empty">No questions yet.</p>'
    most = max(sum(own.values()) for own in counts.values())
    rows = []
    for source, own in sorted(counts.items(), key=lambda item: -sum(item[1].values())):
        total = sum(own.values())
        label = ", ".join(f"{count} {status.value}" for status, count in own.items() if count)
        parts = "".join(
            f'<span class="is-{status.value}" style="width:{100 * count / most:.2f}%"></span>'
            for status, count in own.items()
        )
        rows.append(
            f'<li><span class="kb-cov-name" title="{esc(source)}">{esc(short(source))}</span>'
            f'<span class="kb-cov-bar" role="img" aria-label="{esc(label)}" title="{esc(label)}">{parts}</span>'
            f'<span class="kb-cov-n">{own[Status.ANSWERED]}/{total}</span></li>'
        )
    legend = "".join(f'<li><span class="kb-key is-{s.value}" aria-hidden="true"></span>{s.value}</li>' for s in Status)
    return f'<ul class="kb-coverage">{"".join(rows)}</ul><ul class="kb-legend">{legend}</ul>'
