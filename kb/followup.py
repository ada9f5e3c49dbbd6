"""Follow-up questions: ways to read "and in TensorFlow?" as a question of its own, from the history, without a model.

Which reading is meant is not decided here: the caller searches them and takes the one that the documents answer best.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from kb.text import FRAME_WORDS, STOP_WORDS, words
from kb.types import Turn

MAX_SUBJECT_WORDS = 8
MIN_OWN_WORDS = 2
"""Words that a query must name to be understood without the history."""
_LEAD = re.compile(
    r"^\s*(?:(?:ok(?:ay)?|hm+|right|thanks|thank you|cool|great|got it)[,.!\s]+)*"
    r"(?:and\s+(?:what|how)\s+about|what\s+about|how\s+about|and\s+also|and|or|but|also|then|so|what\s+if)\b[\s,:]*",
    re.IGNORECASE,
)
_PRONOUN = re.compile(
    r"\b(?:it|its|they|them|their|those|these|that one|this one|the other one|the other|the same|the former|the latter"
    r"|one|ones|that|this)\b",
    re.IGNORECASE,
)
_CLAUSE_WORDS = re.compile(
    r"\b(?:that|this|one)\s+(?:is|are|was|has|have|can|does|do|will|i|you|we|it|the|a)\b", re.IGNORECASE
)
_PREPOSITION = re.compile(r"\b(in|with|using|for|on|without|by|from|as|during|under)\s+", re.IGNORECASE)


def readings(text: str, history: Sequence[Turn]) -> list[str]:
    """Questions of their own that `text` may stand for, the likeliest first. Just itself if it needs no history."""
    earlier = [turn_text for role, turn_text in history if role == "user" and turn_text.strip()]
    if not earlier:
        return [text]
    previous = earlier[0]
    for turn in earlier[1:]:
        previous = _plain_reading(turn, previous)
    if not is_follow_up(text):
        return [text]
    joined = f"{text.rstrip('?!. ')} {subject(previous)}"
    found = [*_swapped(text, previous), *_filled(text, previous), joined]
    # "and in TensorFlow?" asks nothing by itself; a query that names two things may.
    if not _LEAD.match(text) and len(_subject_words(text)) >= MIN_OWN_WORDS:
        found.append(text)
    return list(dict.fromkeys(reading.strip() for reading in found if reading.strip()))


def is_follow_up(text: str) -> bool:
    """Whether a query leans on what was said before: opens with "and", points at something, or names hardly a thing."""
    if _LEAD.match(text) and len(text.split()) <= 14:
        return True
    if _PRONOUN.search(_CLAUSE_WORDS.sub(" ", text)):
        return True
    return len(_subject_words(text)) <= 1


def subject(question: str) -> str:
    """The words of a question that say what it is about, in order."""
    return " ".join(_subject_words(question)[:MAX_SUBJECT_WORDS])


def _subject_words(text: str) -> list[str]:
    return [w.text for w in words(text) if w.text.lower() not in STOP_WORDS and w.text.lower() not in FRAME_WORDS]


def _plain_reading(text: str, previous: str) -> str:
    """The likeliest reading, for turns that are only context."""
    if not is_follow_up(text):
        return text
    candidates = _swapped(text, previous) or _filled(text, previous) or [f"{text.rstrip('?!. ')} {subject(previous)}"]
    return candidates[0]


def _swapped(text: str, previous: str) -> list[str]:
    """The earlier question with one part of it replaced: "and in TensorFlow?", "what about GRUs?"."""
    lead = _LEAD.match(text)
    rest = text[lead.end() :] if lead else text
    rest = rest.strip(" ?!.,")
    if not rest or len(rest.split()) > 6:
        return []
    stem = previous.rstrip(" ?!.")
    preposition = _PREPOSITION.match(rest)
    if preposition:
        same = [m for m in _PREPOSITION.finditer(stem) if m.group(1).lower() == preposition.group(1).lower()]
        base = stem[: same[-1].start()].rstrip(" ,") if same else stem
        opening = _PREPOSITION.match(stem)
        if same and same[-1].start() == 0 and opening:  # "In PyTorch, what ..."
            base = stem.partition(",")[2].strip() or stem
        return [f"{base} {rest}?"]
    if not lead:
        return []
    runs = _content_runs(stem)
    found = [f"{stem[: runs[-1][0]]}{rest}{stem[runs[-1][1] :]}?"] if runs else []
    if len(runs) > 1:
        found.append(f"{stem[: runs[0][0]]}{rest}{stem[runs[0][1] :]}?")
    return found


def _content_runs(text: str) -> list[tuple[int, int]]:
    """Spans of neighbouring words that name things."""
    runs: list[tuple[int, int]] = []
    last_end = -1
    for word in words(text):
        lower = word.text.lower()
        if lower in STOP_WORDS or lower in FRAME_WORDS:
            last_end = -1
            continue
        if runs and last_end >= 0 and not text[last_end : word.start].strip(" -"):
            runs[-1] = (runs[-1][0], word.end)
        else:
            runs.append((word.start, word.end))
        last_end = word.end
    return runs


def _filled(text: str, previous: str) -> list[str]:
    """The query with the thing that it points at written in its place."""
    thing = subject(previous)
    if not thing:
        return []
    lead = _LEAD.match(text)
    rest = text[lead.end() :] if lead else text
    match = _PRONOUN.search(rest)
    if not match:
        return []
    filled = rest[: match.start()] + thing + rest[match.end() :]
    runs = _content_runs(previous)
    found = [filled]
    if len(runs) > 1:
        first = previous[runs[0][0] : runs[0][1]]
        found.append(rest[: match.start()] + first + rest[match.end() :])
    return found
