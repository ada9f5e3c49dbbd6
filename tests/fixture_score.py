"""How well the parser finds the labelled entries of a folder of fixture documents.

`python -m tests.fixture_score FOLDER` prints precision and recall per document and over the folder.

A document NAME is labelled by NAME.expected.json beside it: `entries` in document order, and under
`dropped` the lines whose reason is beyond doubt (not every dropped line). A key that an expected entry lacks
is not compared: a record's `id`, say, may or may not be taken for its number.
"""

from __future__ import annotations

import dataclasses
import difflib
import html
import json
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.parse import parse_file
from ingest.types import ParsedDocument
from kb.errors import KBError
from kb.types import Entry

EXPECTED_SUFFIX = ".expected.json"

_FENCE = re.compile(r"^\s*(?:```|~~~)[^\n`]*$", re.MULTILINE)
_RULE = re.compile(r"^[\s|+:=~^\"*_-]+$", re.MULTILINE)
_RST_DIRECTIVE = re.compile(r"^\s*\.\. (?:code|code-block|note|tip)::.*$", re.MULTILINE)
_RST_LITERAL = re.compile(r"::$", re.MULTILINE)
_LIST_MARK = re.compile(r"^[\s>#]*(?:[-*+•◦▪]|\d{1,3}[.)])?[ \t]+|^[>#]+", re.MULTILINE)
_LINK = re.compile(r"!?\[([^\]\n]*)\]\([^)\n]*\)")
_TAG = re.compile(
    r"</?(?:a|b|blockquote|br|code|dd|details|div|dl|dt|em|h[1-6]|hr|i|img|li|ol|p|pre|section|span|strong|sub|summary|sup"
    r"|table|tbody|td|th|thead|tr|u|ul)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_MARKS = re.compile(r"[\s`*_|~#>\\•\u200b\ufeff-]+")
_LABEL = re.compile(
    r"(?:answer|ans|a|q|r|question|frage|antwort|pregunta|respuesta|问题|答|问|س|ج|سؤال|جواب|الجواب|السؤال)",
    re.IGNORECASE,
)
_ANY_TAG = re.compile(r"<[/!]?[a-zA-Z][^>]*>")
_SECTION_NUMBER = re.compile(r"^\s*(?:(?:\d+\.)*\d+|[A-Z]|[IVX]+|[一二三四五六七八九十]+)[.):、]\s*")


def fold(text: str) -> str:
    """The words and punctuation of a text, without markup and whitespace.

    Applied to both sides of a comparison, so that Markdown, HTML and plain text that say the same are equal.
    """
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n"))
    for pattern in (_FENCE, _RULE, _RST_DIRECTIVE):
        text = pattern.sub("", text)
    text = _RST_LITERAL.sub(":", text)
    text = _LIST_MARK.sub("", text)
    text = _LINK.sub(r"\1", text)
    text = html.unescape(_TAG.sub(" ", text))
    return _MARKS.sub("", text)


def source_lines(text: str) -> list[str]:
    """The lines of a text as an editor counts them (`str.splitlines` knows more separators)."""
    return re.split(r"\r\n|\r|\n", text)


def _is_bare(line: str) -> bool:
    """True if the line carries a number, a label or markup and nothing else."""
    words = re.sub(r"[\W\d_]+", " ", _ANY_TAG.sub(" ", line)).strip()
    return not words or _LABEL.fullmatch(words) is not None


def trim_lines(lines: tuple[int, int], text: str) -> tuple[int, int]:
    """The line range without the bare lines at its ends.

    A number or a label on a line of its own ("3.", "Answer:", a closing fence or tag) may be counted into the
    entry or dropped as markup; in scraped pages one such line even belongs to two entries ("Answer: - 3.").
    """
    source = source_lines(text)
    first, last = lines
    while first < last and first <= len(source) and _is_bare(source[first - 1]):
        first += 1
    while last > first and last <= len(source) and _is_bare(source[last - 1]):
        last -= 1
    return first, last


def load_expected(document: Path) -> dict[str, Any]:
    """The labels of a fixture document."""
    labels: dict[str, Any] = json.loads(document.with_name(document.name + EXPECTED_SUFFIX).read_text("utf-8"))
    return labels


def fixture_documents(folder: Path) -> list[Path]:
    """The labelled documents of a folder, sorted by name; none if the folder does not exist."""
    if not folder.is_dir():
        return []
    return sorted(
        path.with_name(path.name.removesuffix(EXPECTED_SUFFIX)) for path in folder.glob(f"*{EXPECTED_SUFFIX}")
    )


def _comparable(entry: dict[str, Any], text: str) -> dict[str, str]:
    """What is compared of an entry, by field, as text that a person can read."""
    shown: dict[str, str] = {}
    for key, value in entry.items():
        if key in ("question", "answer"):
            shown[key] = "null" if value is None else fold(value)
        elif key == "also_asked":
            shown[key] = " | ".join(fold(variant) for variant in value)
        elif key == "section" and value is not None:
            # whether a section's own number is part of its name is a matter of taste
            shown[key] = fold(_SECTION_NUMBER.sub("", value))
        elif key == "lines" and value is not None:
            shown[key] = "{}-{}".format(*trim_lines((value[0], value[1]), text))
        else:
            shown[key] = "null" if value is None else str(value)
    return shown


def _as_expected(entry: Entry) -> dict[str, Any]:
    """A found entry in the form of the labels."""
    return {
        "number": entry.number,
        "section": entry.section,
        "question": entry.question,
        "answer": entry.answer,
        "status": entry.status.value,
        "lines": entry.lines,
        "page": entry.page,
        "also_asked": list(entry.also_asked),
    }


def _entry_text(entry: dict[str, str]) -> list[str]:
    return [f"{key}: {value}" for key, value in entry.items()]


def entry_differences(expected: dict[str, Any], parsed: ParsedDocument) -> list[str]:
    """A line per difference between the labelled and the found entries; empty if there is none."""
    wanted = [_comparable({"also_asked": [], **entry}, parsed.text) for entry in expected["entries"]]
    found = [_comparable(_as_expected(entry), parsed.text) for entry in parsed.entries]
    differences: list[str] = []
    if len(wanted) != len(found):
        differences.append(f"expected {len(wanted)} entries, found {len(found)}")
        before, after = [entry["question"] for entry in wanted], [entry["question"] for entry in found]
        differences += difflib.unified_diff(before, after, "expected questions", "found questions", lineterm="", n=0)
        return differences
    for number, (want, have) in enumerate(zip(wanted, found, strict=True), start=1):
        have = {key: value for key, value in have.items() if key in want}
        if any(want[key] != have[key] for key in want):
            differences.append(f"entry {number}: {want['question']}")
            differences += [
                line
                for line in difflib.ndiff(
                    _entry_text({key: want[key] for key in want if want[key] != have[key]}),
                    _entry_text({key: have[key] for key in want if want[key] != have[key]}),
                )
                if line.strip()
            ]
    return differences


def dropped_differences(expected: dict[str, Any], parsed: ParsedDocument) -> list[str]:
    """A line per labelled drop that the parser did not drop for the same reason; empty if there is none."""
    source = source_lines(parsed.text)
    by_line: dict[int, str] = {}
    by_reason: dict[str, str] = {}
    for drop in parsed.dropped:
        by_reason[drop.reason.value] = by_reason.get(drop.reason.value, "") + fold(drop.text)
        if drop.lines is not None:
            by_line.update(dict.fromkeys(range(drop.lines[0], drop.lines[1] + 1), drop.reason.value))
    differences: list[str] = []
    for want in expected["dropped"]:
        if want["lines"] is None:
            if fold(want["text"]) not in by_reason.get(want["reason"], ""):
                differences.append(f"not dropped as {want['reason']}: {want['text']}")
            continue
        for number in range(want["lines"][0], want["lines"][1] + 1):
            line = source[number - 1] if number <= len(source) else ""
            if not _is_bare(line) and by_line.get(number) != want["reason"]:
                have = by_line.get(number, "in an entry")
                differences.append(f"line {number}: expected {want['reason']}, found {have}: {line.strip()}")
    return differences


@dataclasses.dataclass(frozen=True, slots=True)
class Score:
    """Counts of entries. A found entry is right if question, answer and status equal those of a labelled one."""

    right: int = 0
    found: int = 0
    expected: int = 0

    @property
    def precision(self) -> float:
        """The share of the found entries that are right."""
        return self.right / self.found if self.found else float(not self.expected)

    @property
    def recall(self) -> float:
        """The share of the labelled entries that were found."""
        return self.right / self.expected if self.expected else 1.0

    def __add__(self, other: Score) -> Score:
        return Score(self.right + other.right, self.found + other.found, self.expected + other.expected)


def score(expected: dict[str, Any], parsed: ParsedDocument) -> Score:
    """The counts for one document."""

    def keys(entries: list[dict[str, Any]]) -> Counter[tuple[str, str, str]]:
        return Counter((fold(e["question"]), fold(e["answer"] or ""), str(e["status"])) for e in entries)

    wanted = keys(expected["entries"])
    found = keys([_as_expected(entry) for entry in parsed.entries])
    return Score((wanted & found).total(), found.total(), wanted.total())


def _report(folder: Path) -> Iterator[str]:
    total, exact, documents = Score(), 0, fixture_documents(folder)
    for document in documents:
        expected = load_expected(document)
        try:
            parsed = parse_file(document)
        except KBError as error:
            yield f"{document.name:40} rejected: {error}"
            total += Score(expected=len(expected["entries"]))
            continue
        one = score(expected, parsed)
        total += one
        wrong = len(entry_differences(expected, parsed)) + len(dropped_differences(expected, parsed))
        exact += not wrong
        note = "" if not wrong else "  differs in details" if one.precision == one.recall == 1.0 else "  WRONG"
        yield f"{document.name:40} {one.right:4} of {one.expected:4}, found {one.found:4}  {parsed.convention}{note}"
    yield (
        f"{len(documents)} documents, {total.expected} entries: precision {total.precision:.4f}, "
        f"recall {total.recall:.4f}; {exact} documents equal in every detail"
    )


def main(arguments: list[str]) -> int:
    """Print the report of every folder named; 2 if none is."""
    if not arguments:
        sys.stderr.write("usage: python -m tests.fixture_score FOLDER...\n")
        return 2
    for folder in arguments:
        for line in _report(Path(folder)):
            sys.stdout.write(line + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
