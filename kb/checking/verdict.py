"""Does a passage back a statement? The entry point: splits both, tries every pairing, explains the outcome."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kb.checking.align import Fit, fit
from kb.checking.clauses import Item, Segment, Sentence, read_sentence
from kb.checking.lexicon import lexicon, root
from kb.checking.split import parts
from kb.checking.tokens import Kind, clean, without_citations
from kb.checking.words import FUNCTION_WORDS
from kb.spans import Kind as BlockKind
from kb.spans import blocks, sentences, statements
from kb.text import normalise, stem
from kb.types import Verdict

if TYPE_CHECKING:
    from kb.ports import Embedder

_FENCE_LINE = re.compile(r"(?m)^\s*(?:`{3,}|~{3,}).*$")
_EDGE = " \t\r\n.!?;:,\"'*_"
_ITEM_MARK = re.compile(r"^\s*(?:[-*+•‣▪◦–]|\(?\d{1,3}[.)])\s+")
_LETTERS = re.compile(r"[^\W\d_]+")
_CODE_SPAN = re.compile(r"`[^`\n]*`")
# How many segments of a passage are looked at closely, for speed.
_MAX_TRIED = 8
# Fitted on the development split: how much must be aligned, and how near in meaning the rest must leave it.
_NEAR_SUPPORT = 0.6
_NEAR_MEANING = 0.7
_MIN_ENGLISH = 0.15


@dataclasses.dataclass(frozen=True, slots=True)
class _Passage:
    """A passage read once."""

    text: str
    sentences: tuple[Sentence, ...]
    verbatim: dict[str, tuple[int, int]]
    """Normalised sentence or block -> where it stands."""
    english: bool


@dataclasses.dataclass(frozen=True, slots=True)
class _Backing:
    """What was found for one proposition of the statement."""

    score: float
    ok: bool
    reason: str
    passage: int | None = None
    start: int = 0
    end: int = 0


def verify_statement(
    statement: str, passages: Sequence[str], *, embedder: Embedder | None = None, question: str = ""
) -> Verdict:
    """Whether the passages back the statement, with the span that backs it best.

    `question` is what the passages answer: a statement may take its subject from it, and nothing else.
    With an embedder, wordings that no list knows can be matched by meaning.

    Example: `verify_statement("It takes two hours.", ["It takes 2 hours."]).supported` is true.
    """
    found = _verbatim(statement, passages)
    if found is not None:
        return found
    bare = without_citations(statement, len(passages))
    if bare != statement and (found := _verbatim(bare, passages)) is not None:
        return found
    statement = bare
    backings = [_back_block(piece, kind, passages, embedder, question) for kind, piece in _pieces(statement)]
    flat = [backing for group in backings for backing in group]
    if not flat:
        return Verdict(0.0, False, "there is nothing to check in it", "")
    return _verdict(flat, passages)


def _verdict(backings: Sequence[_Backing], passages: Sequence[str]) -> Verdict:
    worst = min(backings, key=lambda b: (b.ok, b.score))
    support = min(b.score for b in backings)
    lead = next((b for b in backings if b.passage is not None), None)
    if lead is None or lead.passage is None:
        return Verdict(min(support, 0.49), False, worst.reason, "")
    same = [b for b in backings if b.passage == lead.passage]
    start, end = min(b.start for b in same), max(b.end for b in same)
    ok = all(b.ok for b in backings)
    support = support if ok else min(support, 0.49)
    quote = passages[lead.passage][start:end]
    return Verdict(round(support, 4), ok, worst.reason, quote, lead.passage, start, end)


def _pieces(statement: str) -> list[tuple[BlockKind, str]]:
    return [(block.kind, statement[block.start : block.end]) for block in blocks(statement)]


def _plain(text: str) -> str:
    return normalise(_ITEM_MARK.sub("", clean(text))).replace("`", "").strip(_EDGE)


def _verbatim(statement: str, passages: Sequence[str]) -> Verdict | None:
    """The verdict where the statement is a whole sentence, or run of sentences, of a passage."""
    stripped = statement.strip()
    if not stripped:
        return Verdict(0.0, False, "there is nothing to check in it", "")
    wanted = _plain(stripped)
    for number, passage in enumerate(passages):
        read = _read(passage)
        span = read.verbatim.get(wanted) if wanted else None
        if span is None:
            span = _at_edges(read, stripped)
        if span is not None:
            return Verdict(1.0, True, "it stands in the source", passage[span[0] : span[1]], number, *span)
    return None


def _at_edges(read: _Passage, wanted: str) -> tuple[int, int] | None:
    """Where the text stands in the passage from the beginning of a sentence or block to the end of one."""
    spans = _all_spans(read.text)
    starts, ends = {start for start, _ in spans}, {end for _, end in spans}
    at = read.text.find(wanted)
    while at >= 0:
        if at in starts and at + len(wanted) in ends:
            return at, at + len(wanted)
        at = read.text.find(wanted, at + 1)
    return None


@functools.lru_cache(maxsize=512)
def _all_spans(passage: str) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = [(span.start, span.end) for span in statements(passage)]
    for block in blocks(passage):
        found.append((block.start, block.end))
        if block.kind is BlockKind.ITEM:
            found.extend(sentences(passage, block.start, block.end))
    return tuple(dict.fromkeys(found))


@functools.lru_cache(maxsize=512)
def _read(passage: str) -> _Passage:
    verbatim: dict[str, tuple[int, int]] = {}
    for start, end in _all_spans(passage):
        verbatim.setdefault(_plain(passage[start:end]), (start, end))
    verbatim.pop("", None)
    found: list[Sentence] = []
    for block in blocks(passage):
        if block.kind is BlockKind.CODE:
            continue
        spans = sentences(passage, block.start, block.end)
        found.extend(_read_sentence(passage, start, end) for start, end in spans)
    return _Passage(passage, tuple(found), verbatim, _is_english(passage))


def _read_sentence(passage: str, start: int, end: int) -> Sentence:
    mark = _ITEM_MARK.match(passage[start:end])
    read = read_sentence(passage, start + (mark.end() if mark else 0), end)
    return dataclasses.replace(read, start=start)


def _is_english(text: str) -> bool:
    """Whether the lists of this package can be trusted with the text. Short texts get the benefit of the doubt."""
    found = [word.casefold() for word in _LETTERS.findall(text)]
    if not found:
        return True
    latin = sum(word.isascii() for word in found)
    if latin < 0.7 * len(found):
        return False
    common = sum(word in FUNCTION_WORDS for word in found)
    known = sum(stem(word) in lexicon().synonyms for word in found)
    return len(found) < 6 or common >= _MIN_ENGLISH * len(found) or (common > 0 and known >= 0.3 * len(found))


def _back_block(
    piece: str, kind: BlockKind, passages: Sequence[str], embedder: Embedder | None, question: str
) -> list[_Backing]:
    if kind is BlockKind.CODE:
        return [_back_code(piece, passages)]
    body = _ITEM_MARK.sub("", piece)
    found: list[_Backing] = []
    for start, end in sentences(body):
        found.extend(_back_sentence(body[start:end], passages, embedder, question))
    return found


def _squeeze(text: str) -> str:
    return "".join(_FENCE_LINE.sub("", text).split())


def _back_code(piece: str, passages: Sequence[str]) -> _Backing:
    """Code must stand in a passage as it is, up to white space, from line to line."""
    wanted = " ".join(_FENCE_LINE.sub("", piece).split())
    if not wanted:
        return _Backing(0.0, False, "the code block is empty")
    for number, passage in enumerate(passages):
        for block in blocks(passage):
            if block.kind is not BlockKind.CODE:
                continue
            text = " ".join(_FENCE_LINE.sub("", passage[block.start : block.end]).split())
            if f" {wanted} " in f" {text} ":
                return _Backing(1.0, True, "the code stands in the source", number, block.start, block.end)
    squeezed = _squeeze(piece)
    for number, passage in enumerate(passages):
        for block in blocks(passage):
            inside = passage[block.start : block.end]
            if block.kind is BlockKind.CODE and _squeeze(inside) == squeezed:
                return _Backing(1.0, True, "the code stands in the source", number, block.start, block.end)
            if block.kind is not BlockKind.CODE and f" {wanted} " in f" {' '.join(inside.replace('`', ' ').split())} ":
                return _Backing(1.0, True, "the code stands in the source", number, block.start, block.end)
    return _Backing(0.0, False, "the code does not stand in the source like this")


def _back_sentence(text: str, passages: Sequence[str], embedder: Embedder | None, question: str) -> list[_Backing]:
    wanted = _plain(text)
    if not wanted:
        return []
    for number, passage in enumerate(passages):
        span = _read(passage).verbatim.get(wanted)
        if span is not None:
            return [_Backing(1.0, True, "it stands in the source", number, *span)]
    if not _is_english(_CODE_SPAN.sub(" ", text)):
        return [_Backing(0.0, False, "it does not stand in the source word for word")]
    segments = read_sentence(text, 0, len(text)).segments
    asked = _question_items(question)
    return [
        backing
        for segment in segments
        if segment.items and any(not item.level for item in segment.items)
        for backing in _back_parts(segment, passages, asked, embedder)
    ] or [_Backing(0.0, False, "there is nothing to check in it")]


def _back_parts(
    segment: Segment, passages: Sequence[str], asked: Sequence[Item], embedder: Embedder | None
) -> list[_Backing]:
    """The backing of a segment, or of the propositions in it where each of them is backed by itself."""
    whole = _back_segment(segment, passages, asked, embedder)
    if whole.ok:
        return [whole]
    found = [_back_segment(part, passages, asked, embedder) for part in parts(segment)]
    return found if found and all(backing.ok for backing in found) else [whole]


@functools.lru_cache(maxsize=128)
def _question_items(question: str) -> tuple[Item, ...]:
    if not question.strip():
        return ()
    read = read_sentence(question, 0, len(question))
    return tuple(
        dataclasses.replace(item, level=2)
        for segment in read.segments
        for item in segment.items
        if item.token.kind is not Kind.NUMBER
    )


def _back_segment(
    segment: Segment, passages: Sequence[str], asked: Sequence[Item], embedder: Embedder | None
) -> _Backing:
    near: list[tuple[float, str, _Backing, frozenset[str]]] = []
    best = _Backing(-1.0, False, "no passage says this")
    for number, passage in enumerate(passages):
        read = _read(passage)
        for i, k in _nearest(segment, read.sentences):
            sentence = read.sentences[i]
            evidence = sentence.segments[k]
            context = _context(read.sentences, i, k, evidence)
            result = fit(segment, evidence, [*context, *asked])
            backing = _judge(result, number, sentence)
            if embedder is not None and result.soft and not result.problems and result.support >= _NEAR_SUPPORT:
                persons = lexicon().persons
                missing = frozenset(item.token.key for item in result.missing if item.token.key not in persons)
                near.append((result.support, passage[sentence.start : sentence.end], backing, missing))
            if (backing.ok, backing.score) > (best.ok, best.score):
                best = backing
            if best.ok and best.score >= 0.999:
                return best
    if not best.ok and embedder is not None and near:
        best = _in_other_words(segment, near, passages, embedder) or best
    return dataclasses.replace(best, score=max(best.score, 0.0))


def _nearest(segment: Segment, found: Sequence[Sentence]) -> list[tuple[int, int]]:
    """The segments of a passage that share most with a segment of a statement: places in `found`, in order."""
    places = [(i, k) for i, sentence in enumerate(found) for k in range(len(sentence.segments))]
    if len(places) <= _MAX_TRIED:
        return places
    wanted = {root(item.token.key) for item in segment.items}
    families = {place: {root(item.token.key) for item in found[place[0]].segments[place[1]].items} for place in places}
    best = sorted(places, key=lambda place: -len(wanted & families[place]))[:_MAX_TRIED]
    return sorted(best)


def _in_other_words(
    segment: Segment,
    near: list[tuple[float, str, _Backing, frozenset[str]]],
    passages: Sequence[str],
    embedder: Embedder,
) -> _Backing | None:
    """A backing whose missing words the source may say differently, if the meaning of the whole is close enough."""
    support, text, backing, missing = max(near, key=lambda row: row[0])
    said = " ".join(token.text for token in segment.tokens)
    assert backing.passage is not None
    elsewhere = {i.token.key for s in _read(passages[backing.passage]).sentences for e in s.segments for i in e.items}
    if missing & elsewhere:  # the passage uses the word for something else
        return None
    one, other = embedder.embed([said, text])
    close = float(one @ other)
    if close < _NEAR_MEANING:
        return None
    return dataclasses.replace(backing, ok=True, score=round(support * close, 4), reason="backed in other words")


def _context(read: Sequence[Sentence], i: int, k: int, evidence: Segment) -> list[Item]:
    """Items from around a segment that a statement may name where the segment does not."""
    found: list[Item] = []
    around = read[i].segments
    if k:
        found.extend(around[0].fronted)
        if not evidence.has_verb:
            found.extend(around[k - 1].items)
        found.extend(around[k - 1].items if evidence.has_pronoun else around[k - 1].subject)
    mine = {item.prep for item in evidence.items}
    for later in around[k + 1 :]:
        if later.elided and later.has_verb:
            found.extend(item for item in later.items if item.sub == 0 and item.prep not in mine | {"", "of"})
    for earlier in reversed(read[max(0, i - 2) : i]):
        for segment in earlier.segments:
            found.extend(segment.items if evidence.has_pronoun and earlier is read[i - 1] else segment.subject)
            found.extend(segment.fronted)
    if i > 2 and read[0].segments:
        found.extend(read[0].segments[0].subject)
    return [dataclasses.replace(item, level=2) for item in found if item.token.kind is not Kind.NUMBER]


def _judge(result: Fit, number: int, sentence: Sentence) -> _Backing:
    penalty = 0.25 * len(result.problems)
    score = max(0.0, result.support - penalty)
    if result.missing:
        words = ", ".join(f"“{item.token.text}”" for item in result.missing[:3])
        ok, reason = False, f"not in the source: {words}"
    elif result.problems:
        ok, reason = False, result.problems[0]
    else:
        ok, reason = (
            result.support >= 0.5,
            "every part of it is backed" if result.support >= 0.5 else "too little of it is backed",
        )
    return _Backing(score, ok, reason, number, sentence.start, sentence.end)
