"""Inline Markdown: its plain text, and its emphasis."""

from __future__ import annotations

import html
import re

_LINK = re.compile(
    r"(!?)\[([^\[\]]{0,400})\]\(([^()\s]{0,600}(?:\([^()\s]{0,100}\)[^()\s]{0,200})?)(?:\s\"[^\"]{0,200}\")?\)"
)
_REFERENCE = re.compile(r"\[([^\[\]]{1,200})\]\[[^\[\]]{0,100}\]")
_AUTOLINK = re.compile(r"<((?:https?|mailto):[^<>\s]{1,500})>")
_TAG = re.compile(
    r"</?(?:a|abbr|b|big|blockquote|body|br|button|center|cite|code|dd|del|details|dfn|div|dl|dt|em|font|h[1-6]"
    r"|hr|i|img|ins"
    r"|kbd|li|mark|ol|p|pre|q|s|section|small|span|strike|strong|sub|summary|sup|table|tbody|td|tfoot|th|thead|tr"
    r"|tt|u|ul"
    r"|var|wbr|figure|figcaption|article|aside|nav|header|footer|main|video|source|iframe)(?:\s[^<>]{0,500})?/?>",
    re.IGNORECASE,
)
_NAME = re.compile(r"</?(\w+)")
_VOID = frozenset(("br", "hr", "img", "wbr", "p", "div", "summary", "details"))
_COMMENT = re.compile(r"<!--.{0,2000}?-->", re.DOTALL)
_ANCHOR = re.compile(r"\s*\{[#.:][^{}]{0,100}\}\s*$")
_EMPHASIS = re.compile(r"(?<![\w*])(\*{1,3})(?=[^\s*])([^*]{1,600}?)(?<=[^\s*])\1(?![\w*])")
_UNDERLINE = re.compile(r"(?<![\w_])(_{1,3})(?=[^\s_])([^_]{1,600}?)(?<=[^\s_])\1(?![\w_])")
_STRIKE = re.compile(r"~~([^~]{1,400})~~")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
_SPACE = re.compile(r"\s+")
_MARKUP = re.compile(r"[*_`<\[&\\~{]")


def words_of(text: str) -> tuple[str, ...]:
    """The words of a list that is written as one text."""
    return tuple(text.split())


def is_markup_only(text: str) -> bool:
    """Whether a line holds tags or comments and no words."""
    bare = text.strip()
    return bare.startswith("<") and not _TAG.sub("", _COMMENT.sub("", bare)).strip()


def unwrap(text: str) -> str:
    """The text without markup that stands around words: links, tags, emphasis; code spans are kept as they are."""
    if _MARKUP.search(text) is None:
        return " ".join(text.split())
    pieces = split_code(text)
    for index in range(0, len(pieces), 2):
        piece = pieces[index]
        if "<" in piece:
            piece = _strip_tags(_AUTOLINK.sub(r"\1", _COMMENT.sub("", piece)))
        if "[" in piece:
            piece = _REFERENCE.sub(r"\1", _LINK.sub(lambda m: "" if m[1] else m[2], piece))
        pieces[index] = piece
    text = "".join(pieces)
    if "*" in text or "_" in text or "~~" in text:
        text = _strip_emphasis(text)
    pieces = split_code(text)
    for index in range(0, len(pieces), 2):
        if "&" in pieces[index]:
            pieces[index] = html.unescape(pieces[index])
        if "\\" in pieces[index]:
            pieces[index] = _ESCAPE.sub(r"\1", pieces[index])
    text = "".join(pieces)
    return _SPACE.sub(" ", _ANCHOR.sub("", text)).strip()


def _strip_tags(text: str) -> str:
    """The text without tags that mark something up; a tag that is talked about has no counterpart and stays."""
    names = [(m[0][:2] == "</", _NAME.match(m[0])) for m in _TAG.finditer(text)]
    closed = {n[1].lower() for end, n in names if end and n} & {n[1].lower() for end, n in names if not end and n}

    def keep(match: re.Match[str]) -> str:
        name = _NAME.match(match[0])
        own = name[1].lower() if name else ""
        gone = own in closed or own in _VOID or " " in match[0] or match[0] == text.strip()
        return "" if gone else match[0]

    return _TAG.sub(keep, text)


def _strip_emphasis(text: str) -> str:
    # Emphasis may hold a code span, so spans are masked, not split off.
    spans: list[str] = []
    pieces = split_code(text)
    for index in range(1, len(pieces), 2):
        spans.append(pieces[index])
        pieces[index] = f"\ue000{len(spans) - 1}\ue001"
    masked = "".join(pieces)
    for _ in range(3):
        before = masked
        masked = _STRIKE.sub(r"\1", _UNDERLINE.sub(_underlined, _EMPHASIS.sub(r"\2", masked)))
        if masked == before:
            break
    return re.sub("\ue000(\\d+)\ue001", lambda m: spans[int(m[1])], masked)


def _underlined(match: re.Match[str]) -> str:
    # __init__ is a name that people write without backticks.
    name = match[1] == "__" and re.fullmatch(r"[a-z0-9_]+", match[2]) is not None
    return match[0] if name else match[2]


def split_code(text: str) -> list[str]:
    """The text cut at its code spans: pieces with an odd index are spans with their backticks, the others are prose."""
    if "`" not in text:
        return [text]
    pieces: list[str] = []
    runs = [(m.start(), m.end()) for m in re.finditer("`+", text)]
    closing: dict[int, list[int]] = {}
    for position, (start, end) in enumerate(runs):
        closing.setdefault(end - start, []).append(position)
    for positions in closing.values():
        positions.reverse()
    at, run = 0, 0
    while run < len(runs):
        start, end = runs[run]
        same = closing[end - start]
        while same and same[-1] <= run:
            same.pop()
        if same:
            stop = runs[same[-1]][1]
            pieces += [text[at:start], text[start:stop]]
            at, run = stop, same[-1]
        run += 1
    pieces.append(text[at:])
    return pieces


def plain(text: str) -> str:
    """The words of a Markdown text, without any markup, spaces normalised."""
    if _MARKUP.search(text) is None:
        return " ".join(text.split())
    return _SPACE.sub(" ", unwrap(text).replace("`", "")).strip()


def leading_bold(text: str) -> tuple[str, str] | None:
    """The bold text that a line begins with and what follows it, or None.

    Example: `**Why?** Because.` gives `("Why?", "Because.")`.
    """
    if text[:1] not in ("*", "_", "<"):
        return None
    for mark, stop in (("**", "**"), ("__", "__"), ("<b>", "</b>"), ("<strong>", "</strong>")):
        if text[: len(mark)].lower() == mark:
            at = len(mark)
            if mark in ("**", "__") and text[at : at + 1] in ("*", "_"):
                at += 1  # ***bold italic***
            end = text.lower().find(stop, at) if mark.startswith("<") else text.find(stop, at)
            while end > 0 and "`" in text[at:end] and text.count("`", at, end) % 2:
                end = text.find(stop, end + 1)
            if end <= at:
                return None
            inner, rest = text[at:end], text[end + len(stop) :]
            return inner.strip(" *_"), rest.lstrip("*_").strip() if rest.strip(" *_") else ""
    return None
