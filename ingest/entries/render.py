"""Answers as Markdown: the document's own lines, dedented, code fenced."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ingest.entries.atoms import Atom
from ingest.readers.model import Kind, Line

_FENCE = re.compile(r"\s*(?:`{3,}|~{3,})")
_BULLET = re.compile(r"^(\s*)[•‣◦▪▫●○■□·➤►▶★]\s+")
_ENDS = re.compile(r"[.!?:。！？：][\"”’)*_`]*\s*$")


def render(lines: Sequence[Line], atoms: Sequence[Atom], chosen: Sequence[int], head: str | None, spaced: bool) -> str:
    """The Markdown of the atoms.

    Args:
        lines: All lines of the document.
        atoms: All atoms of the document.
        chosen: Indices of the answer's atoms, in order.
        head: What stands for the first atom, where the answer begins inside of it.
        spaced: Whether each line is a paragraph of its own, although no blank line follows it.
    """
    pieces: list[tuple[str, Kind, bool]] = []
    before: int | None = None
    for position, index in enumerate(chosen):
        atom = atoms[index]
        line = lines[atom.line]
        if before is not None and any(lines[i].kind is Kind.BLANK for i in range(before + 1, atom.line)):
            gaps = atom.line - before - 1 if atom.kind is Kind.CODE and lines[before].kind is Kind.CODE else 1
            pieces += [
                ("", Kind.CODE if gaps > 1 or _inside_code(lines, before, atom.line) else Kind.BLANK, False)
            ] * gaps
        before = atom.line
        if position == 0 and head is not None:
            pieces.append((head.strip(), Kind.TEXT, True))
            continue
        text = line.md if (atom.start, atom.end) == (0, len(line.md)) else line.md[atom.start : atom.end].strip()
        if atom.kind is Kind.HEADING and line.kind is Kind.HEADING:
            text = f"{'#' * line.level} {text}"
        elif line.kind is Kind.SUMMARY or line.kind is Kind.TERM:
            text = f"**{text.strip('*')}**"
        if atom.kind in (Kind.TAG,) or not text.strip():
            continue
        pieces.append((text, line.kind, False))
    if all(text.lstrip().startswith(">") for text, kind, _ in pieces if kind is Kind.TEXT) and len(pieces) > 0:
        pieces = [(re.sub(r"^\s*>\s?", "", t) if k is Kind.TEXT else t, k, h) for t, k, h in pieces]
    return _join(_dedent(pieces), spaced)


def _inside_code(lines: Sequence[Line], before: int, after: int) -> bool:
    return lines[before].kind is Kind.CODE and lines[after].kind is Kind.CODE


def _dedent(pieces: Sequence[tuple[str, Kind, bool]]) -> list[tuple[str, Kind]]:
    """The texts without the indentation that all lines share."""
    margins = [
        len(t) - len(t.lstrip())
        for t, _, is_head in ((t.expandtabs(4), k, h) for t, k, h in pieces)
        if t.strip() and not is_head
    ]
    margin = min(margins, default=0)
    return [(text if is_head else text.expandtabs(4)[margin:].rstrip(), kind) for text, kind, is_head in pieces]


def _join(pieces: Sequence[tuple[str, Kind]], spaced: bool) -> str:
    out: list[str] = []
    index = 0
    while index < len(pieces):
        text, kind = pieces[index]
        if kind is Kind.CODE:
            stop = index
            while stop < len(pieces) and pieces[stop][1] is Kind.CODE:
                stop += 1
            out += _code([text for text, _ in pieces[index:stop]])
            index = stop
            continue
        text = _BULLET.sub(r"\1- ", text)
        previous = pieces[index - 1] if index else ("", Kind.BLANK)
        parted = spaced and kind is Kind.TEXT and previous[1] is Kind.TEXT and _ENDS.search(previous[0])
        if (
            out
            and (
                (parted and not _is_item(text))
                or kind is Kind.HEADING
                or (kind is Kind.TABLE) != (previous[1] is Kind.TABLE)
            )
            and out[-1]
        ):
            out.append("")
        out.append(text)
        index += 1
    return (
        re.sub(r"\n{3,}", "\n\n", "\n".join(out)).strip("\n ")
        if not any("```" in t for t in out)
        else "\n".join(out).strip("\n ")
    )


def _is_item(text: str) -> bool:
    return re.match(r"\s*(?:[-*+]|\d{1,3}[.)])\s", text) is not None


def _code(texts: Sequence[str]) -> list[str]:
    """Fenced code; a fence is put around code that has none."""
    texts = list(texts)
    while texts and not texts[-1].strip():
        texts.pop()
    if not texts:
        return []
    if _FENCE.match(texts[0]) or texts[0].lstrip().lower().startswith("<pre"):
        if _FENCE.match(texts[0]) and (len(texts) == 1 or not _FENCE.fullmatch(texts[-1].rstrip())):
            match = _FENCE.match(texts[0])
            texts.append(match[0] if match else "```")
        return texts
    margin = min(len(t) - len(t.lstrip()) for t in texts if t.strip())
    body = [t[margin:] for t in texts]
    fence = "````" if any("```" in t for t in body) else "```"
    return [fence, *body, fence]
