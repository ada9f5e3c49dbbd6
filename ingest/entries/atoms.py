"""The features of each line: what a convention could mark a question with."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from ingest import clean
from ingest.entries.language import ANSWER_LABELS, QUESTION_LABELS, SINGLE, question_likeness
from ingest.readers import inline
from ingest.readers.model import Kind, Line

_FEATURE_CHARS = 3000
"""Only the beginning of a longer line is looked at: no question is that long, but a line may be."""

_BULLET = re.compile(r"([-*+•‣◦▪▫●○■□–—·➤►▶✔✓★»]|\\-)(?:\s+|$)(?:\[[ xX]\]\s+)?")
_NUMBER = re.compile(
    r"(?:(?P<word>[^\s\d_!-/:-@\[-`{-~：，。、（）“”„«»…–—•]{1,14})[ .#:№-]{0,3})?#?"
    r"(?P<num>\d{1,6}|[一二三四五六七八九十]{1,3}(?=[、．.]))(?P<delim>\s?(?:\\?[.)](?:[-–—](?=\s))?|[:．）、\]】。：])(?!\d)"
    r"|\s[-–—](?=\s)|(?=\s|$))"
    r"(?P<tail>[):.\]]?)\s*"
)
_BRACKETED = re.compile(r"[(\[【（]\s?(?P<num>\d{1,6})\s?[)\]】）][.:]?\s*")
_CJK_NUMBER = re.compile(r"第\s?(?P<num>\d{1,6}|[一二三四五六七八九十]{1,3})\s?(?:问|題|题|問|个问题)[\s：:、.]*")
_MULTILEVEL = re.compile(r"\d{1,3}(?:\.\d{1,3}){1,4}[.)]?\s+")
_WORD_MULTILEVEL = re.compile(
    r"(?P<word>[^\W\d_]{2,14})\s(?P<num>\d{1,3}(?:[.-]\d{1,3}){1,3})(?P<delim>[.:)]?)(?=\s|$|\*)\s*"
)
"""`Problem 3.1`, `Exercise 2-4:`."""
_FIELD = re.compile(r":(?=[^\W\d_]{1,16}:(?:\s|$))")
"""The first colon of a field list's item: `:Q: text`."""
_ROMAN = re.compile(r"(?P<num>[IVXLC]{1,7}|[ivxlc]{1,7})(?P<delim>[.)])\s+")
_MARK_CHARS = re.compile(r"[\d:：.)>।\-–—一二三四五六七八九十]")
"""No number or label goes without one of these."""
_L = r"[^\s\d_!-/:-@\[-`{-~：，。、（）“”„«»…–—•]"
"""A letter of any script, combining vowel signs included."""
_LABEL = re.compile(
    rf"(?P<label>{_L}{{1,16}}(?:[ -]{_L}{{1,14}}){{0,2}})(?:\s\([^()]{{1,20}}\))?\s?(?P<delim>[:：]"
    rf"|(?<=^[A-Za-z])[.)](?=\s|$)"
    r"|(?<=^[QA])\s?[-–—>](?=\s))\s*"
)
_WORD_LABEL = re.compile(rf"(?P<label>{_L}{{2,16}})\s?[.\-–—>।](?=\s|$|\*\*|__|</)\s*")
"""A label without a colon, which only a known word can be."""
_CJK_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")}
_ROMAN_VALUES = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}


@dataclasses.dataclass(frozen=True, slots=True)
class Atom:
    """A line, or the part of a line that stands for itself, with what it looks like."""

    line: int
    """Index into the lines."""
    start: int
    end: int
    """The part of `Line.md`."""
    kind: Kind
    level: int
    depth: int
    indent: int
    gap: bool
    """Whether a blank line or another block stands before it."""
    bullet: str
    number: int | None
    style: str
    """How the number is written; empty if there is none."""
    label: str
    """The label before the text, lower case; empty if there is none."""
    content: str
    """The text behind bullet, number and label, as Markdown."""
    whole: str
    """The text behind the bullet, number and label included, without markup."""
    plain: str
    """`content` without markup."""
    bold: str
    """`full` if the whole content is bold, `lead` if its beginning is, else empty."""
    lead: str
    """The bold beginning."""
    likeness: float
    """How much it reads like a question."""
    page: int | None = None
    fold: int = 0
    """How many fold-outs or definition lists enclose it."""


def _number(text: str) -> int:
    if text.isdigit():
        return int(text)
    if text[0].lower() in _ROMAN_VALUES:
        values = [_ROMAN_VALUES[c] for c in text.lower()]
        return sum(-v if v < max(values[i:]) else v for i, v in enumerate(values))
    tens, _, ones = text.rpartition("十")
    if "十" not in text:
        return _CJK_DIGITS.get(text[-1], 0)
    return _CJK_DIGITS.get(tens, 1) * 10 + _CJK_DIGITS.get(ones, 0)


@dataclasses.dataclass(frozen=True, slots=True)
class _Marks:
    number: int | None = None
    style: str = ""
    label: str = ""
    rest: str = ""


def _is_word_label(word: str, words: frozenset[str]) -> bool:
    return word in QUESTION_LABELS or word in ANSWER_LABELS or word in words


def _marks(text: str, numbered_words: frozenset[str]) -> _Marks:
    """Number and label at the beginning of a text without its emphasis marks."""
    if _MARK_CHARS.search(text, 0, 80) is None:
        return _Marks(rest=text)
    for pattern, style in ((_BRACKETED, "(n)"), (_CJK_NUMBER, "第n")):
        if match := pattern.match(text):
            return _Marks(_number(match["num"]), style, "q" if style == "第n" else "", text[match.end() :])
    if match := _MULTILEVEL.match(text):
        return _Marks(int(re.findall(r"\d+", match[0])[-1]), "n.n", "", text[match.end() :])
    if match := _WORD_MULTILEVEL.match(text):
        word = match["word"].lower()
        if _is_word_label(word, numbered_words):
            number = int(re.findall(r"\d+", match["num"])[-1])
            return _Marks(number, f"{word}n.n{match['delim']}", word, text[match.end() :])
    if match := _NUMBER.match(text):
        word = (match["word"] or "").lower()
        delim = match["delim"].strip().lstrip("\\")
        glued = match.start("num") - match.start() == len(word)
        # "A1)" numbers an answer, but "A. 90" is an option with a number in it.
        if not word or (_is_word_label(word, numbered_words) and (glued or len(word) > 1 or word in QUESTION_LABELS)):
            rest = text[match.end() :]
            label = word
            if not word and (inner := _LABEL.match(rest)) and inner["label"].lower() in QUESTION_LABELS:
                label, rest = inner["label"].lower(), rest[inner.end() :]
            digit = "n" if match["num"].isdecimal() else "一"
            return _Marks(_number(match["num"]), f"{word}{digit}{delim}", label, rest)
    if (
        (match := _ROMAN.match(text))
        and text[match.end() : match.end() + 1].isupper()
        and match["num"].lower() not in "clvx"
    ):
        return _Marks(_number(match["num"]), f"roman{match['delim']}", "", text[match.end() :])
    if match := _LABEL.match(text):
        label = match["label"].lower()
        if len(label) == 1 and match["delim"] in (".", ")"):
            # "A." may be an answer, the first of several options, or the first question.
            return _Marks(None, f"letter{match['delim']}", label + match["delim"], text[match.end() :])
        return _Marks(None, "", label, text[match.end() :])
    if (match := _WORD_LABEL.match(text)) and match["label"].lower() in ANSWER_LABELS | QUESTION_LABELS:
        return _Marks(None, "", match["label"].lower(), text[match.end() :])
    return _Marks(rest=text)


def _peel(text: str) -> str:
    """The text without the emphasis marks at its beginning."""
    if text[:1] not in ("*", "_", "<"):
        return text
    for tag in ("<b>", "<strong>", "<em>", "<i>", "<u>"):
        if text[: len(tag)].lower() == tag:
            return text[len(tag) :].lstrip()
    return text.lstrip("*_") if text[:1] in "*_" and not text[:2].endswith(" ") else text


def make_atom(line: Line, index: int, span: tuple[int, int], gap: bool, numbered_words: frozenset[str]) -> Atom:
    """The features of a part of a line."""
    start, end = span
    text = line.md[start : min(end, start + _FEATURE_CHARS)]
    stripped = text.lstrip(" \t\u3000\xa0")
    indent = len(text[: len(text) - len(stripped)].expandtabs(4))
    stripped = stripped.rstrip()
    while stripped.startswith(">"):
        stripped = stripped[1:].lstrip()
    if line.kind is Kind.TEXT and _FIELD.match(stripped):
        stripped = stripped[1:]
    bullet = ""
    if line.kind not in (Kind.CODE, Kind.TABLE) and (match := _BULLET.match(stripped)):
        bullet, stripped = match[1], stripped[match.end() :]
    if line.kind in (Kind.CODE, Kind.TABLE, Kind.RULE, Kind.TAG):
        return Atom(
            index, start, end, line.kind, 0, line.depth, indent, gap, "", None, "", "", stripped, stripped, stripped,
            "",
            "", 0.0, line.page, line.fold,
        )  # fmt: skip
    whole = inline.unwrap(stripped)
    lead = inline.leading_bold(stripped)
    bold, number, style, label = "", None, "", ""
    content = stripped
    peeled = _peel(stripped)
    if stripped[:1] == "[" and "](" in stripped:
        peeled = inline.unwrap(stripped)
    marks = _marks(peeled, numbered_words)
    if marks.style or marks.label:
        number, style, label = marks.number, marks.style, marks.label
        content = marks.rest
        if lead is not None:
            inner = _marks(lead[0], numbered_words)
            if inner.rest == "" or (inner.rest == lead[0] and not (inner.style or inner.label)):
                # **Q:** text, or **1.** **text**
                content = marks.rest.lstrip("*_ ") if not marks.rest.lstrip("*_ ").startswith("</") else marks.rest
                if marks.rest[:2] in ("**", "__"):
                    content = marks.rest[2:].strip()
                again = inline.leading_bold(content)
                bold, _ = _boldness(again)
                lead = again
            else:
                # **1. text** rest
                bold = "full" if not lead[1].strip(" .:?!*_") else "lead"
                lead = (inner.rest, lead[1])
                content = f"**{inner.rest}** {lead[1]}".rstrip() if bold == "lead" else inner.rest + lead[1]
        else:
            if stripped is not peeled and content.rstrip().endswith(("*", "_")):
                content = content.rstrip("*_ ")
            again = inline.leading_bold(content)
            bold, _ = _boldness(again)
            lead = again
    elif lead is not None:
        bold, _ = _boldness(lead)
    plain = inline.plain(content) if content != whole or "`" in whole else whole
    if (
        not label
        and not style
        and len(plain) < 30
        and (word := plain.lower().strip(" :*")) in ANSWER_LABELS
        and len(word) > 1
    ):
        label, content, plain, bold = word, "", "", ""  # "### Answer", "**Solution**"
    return Atom(
        line=index, start=start, end=end, kind=line.kind, level=line.level, depth=line.depth, indent=indent, gap=gap,
        bullet=bullet, number=number, style=style, label=label, content=content.strip(), whole=whole, plain=plain,
        bold=bold, lead=lead[0] if lead else "", likeness=question_likeness(plain), page=line.page, fold=line.fold,
    )  # fmt: skip


def _boldness(lead: tuple[str, str] | None) -> tuple[str, str]:
    if lead is None:
        return "", ""
    return ("full" if not lead[1].strip(" .:?!*_") else "lead"), lead[0]


def _words_with_numbers(lines: Sequence[Line]) -> frozenset[str]:
    """Words that stand before consecutive numbers at the beginning of lines: `Frage 1`, `Interview 2`."""
    seen: dict[str, set[int]] = {}
    for line in lines:
        if line.kind in (Kind.CODE, Kind.TABLE, Kind.BLANK):
            continue
        text = _peel(line.md[:200].strip())
        if bullet := _BULLET.match(text):
            text = _peel(text[bullet.end() :])
        if clean.is_page_mark(text):
            continue
        match = _WORD_MULTILEVEL.match(text) or _NUMBER.match(text)
        if match and match["word"] and match["num"][-1].isdigit():
            seen.setdefault(match["word"].lower(), set()).add(int(re.findall(r"\d+", match["num"])[-1]))
    return frozenset(
        word for word, numbers in seen.items() if len(numbers & set(range(1, 10000))) >= 2 and 1 in numbers
    )


_GLUED_LABEL = re.compile(
    r"(?<=[.?!？。！:;)\"”’`*])\s{0,3}(?P<mark>[*_]{0,2}(?P<label>[^\W\d_]{1,12}(?: answer)?)\s?[:：])", re.IGNORECASE
)
_GLUED_NUMBER = re.compile(r"^(?P<head>.{0,400}?[:：.!?)\w*])\s*(?P<tail>[-•*]\s?\d{1,4}[.)])\s*$")


def _spans(line: Line, number_lines: int) -> list[tuple[int, int]]:
    """Where a line must be cut because scraping glued two things together, or because it holds question and answer."""
    text = line.md
    if number_lines < 2 and ":" not in text and "：" not in text:
        return [(0, len(text))]
    if line.kind in (Kind.CODE, Kind.TABLE, Kind.RULE, Kind.TAG, Kind.BLANK):
        return [(0, len(text))]
    cuts = [0]
    begins_with_question = _starts_with_question_label(text)
    if ":" in text or "：" in text:
        for match in _GLUED_LABEL.finditer(text):
            label = match["label"].lower()
            if label not in ANSWER_LABELS and not (label in QUESTION_LABELS and cuts[1:]):
                continue
            if len(label) == 1 and not begins_with_question:
                continue
            if not any(c.isalnum() for c in text[max(cuts[-1], match.start("mark") - 200) : match.start("mark")]):
                continue
            cuts.append(match.start("mark"))
            if len(cuts) > 10_000:
                break
    if number_lines >= 2:
        tail = text[cuts[-1] :]
        match_number = _GLUED_NUMBER.match(tail) if len(tail) < 500 else None
        if match_number and match_number["head"].strip(" *_") and match_number["head"].rstrip(" *_")[-1:] in ":：":
            cuts.append(cuts[-1] + match_number.start("tail"))
    return list(zip(cuts, [*cuts[1:], len(text)], strict=True))


def _starts_with_question_label(text: str) -> bool:
    head = _peel(text[:80].lstrip(" \t-*•+0123456789.)>"))
    marks = _marks(head, frozenset())
    return marks.label in QUESTION_LABELS


def build_atoms(lines: Sequence[Line]) -> list[Atom]:
    """The atoms of all lines that are not blank, in order; tables are told apart later."""
    words = _words_with_numbers(lines)
    number_lines = sum(
        1 for line in lines if len(line.md) < 20 and re.fullmatch(r"\s*[-•*]\s?\d{1,4}[.)]\s*", line.md) is not None
    )
    atoms: list[Atom] = []
    gap = True
    for index, line in enumerate(lines):
        if line.kind is Kind.BLANK:
            gap = True
            continue
        for span in _spans(line, number_lines):
            atoms.append(make_atom(line, index, span, gap, words))
            gap = False
    return atoms


def normalised(text: str) -> str:
    """A key for texts that say the same in the same words."""
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold()))


def believed_labels(atoms: Sequence[Atom]) -> tuple[frozenset[str], frozenset[str]]:
    """The labels that mark questions and those that mark answers in this document.

    Known words are believed where they stand at the beginning of lines; a one-letter label only together with a
    counterpart. Two unknown labels that alternate through the document are believed as well, whatever they are called.
    """
    runs = [(a.label, a.likeness) for a in atoms if a.label]
    counts = Counter(label for label, _ in runs)
    optional = {label for label in counts if label[-1] in ".)" and counts[f"b{label[-1]}"] > 0.3 * counts[label]}
    questions = {label for label in counts if label.rstrip(".)") in QUESTION_LABELS} - optional
    answers = {label for label in counts if label.rstrip(".)") in ANSWER_LABELS} - optional
    if not any(label.startswith("q") for label in questions):
        answers = {label for label in answers if label[-1] not in ".)"}
    if not answers - SINGLE:
        questions -= {
            label
            for label in questions & SINGLE
            if not answers and not _numbered(atoms, label) and not _asked_under(runs, label)
        }
    if not questions:
        bare = {a.label for a in atoms if a.number is None}
        answers -= SINGLE if not _any_numbered(atoms) else SINGLE - bare
    answers -= {label for label in answers & SINGLE & QUESTION_LABELS if label in questions}
    if not questions or not answers:
        pair = _alternating(runs, counts)
        if pair is not None:
            questions, answers = questions | {pair[0]}, answers | {pair[1]}
    return frozenset(questions), frozenset(answers)


def _asked_under(runs: Sequence[tuple[str, float]], label: str) -> bool:
    """Whether a one-letter label stands before questions, so that it needs no counterpart."""
    values = [likeness for own, likeness in runs if own == label]
    return len(values) >= 2 and sum(values) >= 0.7 * len(values)


def _numbered(atoms: Sequence[Atom], label: str) -> bool:
    found = [a for a in atoms if a.label == label and a.number is not None]
    return len(found) >= 2 or any(a.likeness >= 0.5 for a in found)  # "F1" alone is a score, a key, a car


def _any_numbered(atoms: Sequence[Atom]) -> bool:
    return any(a.number is not None or a.likeness >= 0.9 for a in atoms)


def _alternating(runs: Sequence[tuple[str, float]], counts: Counter[str]) -> tuple[str, str] | None:
    """Two labels of which the second always follows the first."""
    following: Counter[tuple[str, str]] = Counter()
    likeness: dict[str, float] = {}
    for (label, value), (after, _) in pairwise(runs):
        following[label, after] += 1
        likeness[label] = likeness.get(label, 0.0) + value
    for (label, after), times in following.most_common(8):
        enough = times >= 3 and times >= 0.8 * counts[label] and times >= 0.8 * counts[after]
        if enough and label != after and likeness[label] >= 0.6 * counts[label]:
            return label, after
    return None
