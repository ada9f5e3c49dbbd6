"""A question's wording as tokens, with everything gone that is only typography, and words without inflection."""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import NamedTuple

from ingest.dedup import inflection, lexicon

_IRREGULAR = lexicon.table(inflection.IRREGULAR_TEXT)

_QUOTES = str.maketrans("‘’‛`´“”„«»‐‑‒–—−", '\'\'\'`\'"""""------')
_MARKUP = re.compile(r"\*\*|__(?=\S)|(?<=\S)__|<[a-z/][^<>]{0,40}>|\[([^\]]+)\]\([^)\s]+\)", re.IGNORECASE)
_NUMBERING = re.compile(
    r"^\s*(?:(?:question|ques|q)\s*[.#]?\s*\d{1,4}\s*[:.)\-]+\s*|[(\[]?\d{1,4}\s*[.):\]](?=\s)\s*|#+\s+|[-*•]\s+|q\s*[:.]\s+)",
    re.IGNORECASE,
)
_CONTRACTIONS = (
    (re.compile(r"\b(can)n't\b|\bcan't\b|\bcannot\b", re.IGNORECASE), "can not"),
    (re.compile(r"\bwon't\b", re.IGNORECASE), "will not"),
    (re.compile(r"(?<=[a-z])n't\b", re.IGNORECASE), " not"),
    (re.compile(r"\b(what|how|who|where|when|why|that|it|there|here)'s\b", re.IGNORECASE), r"\1 is"),
    (re.compile(r"(?<=[a-z])'(?:re|ve|ll|d|m)\b", re.IGNORECASE), ""),
    (re.compile(r"(?<=[^\W_])'s\b|(?<=s)'(?=\s)", re.IGNORECASE), ""),
)
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*(?:(?:\.|::|->|_)[A-Za-z_]\w*)+(?:\(\))?|[A-Za-z_]\w*\(\)")
_TOKEN = re.compile(
    r"""
    `(?P<ticked>[^`]+)`
  | (?P<dotted>[A-Za-z_]\w*(?:(?:\.|::|->)[A-Za-z_]\w*)+(?:\(\s*\))?|[A-Za-z_]\w*\(\s*\))
  | (?P<named>(?<![\w.])(?:[cfCF]\#|[cC]\+\+(?:\d+)?|\.[A-Z]{2,}\w*|[A-Za-z]/[A-Za-z])(?!\w))
  | (?P<flag>(?<!\S)--?[A-Za-z][\w-]*)
  | (?P<number>\d+\([a-z]\)|\d+(?:[.,/]\d+)*(?:[A-Za-z]{1,3}\b)?%?)
  | (?P<word>[^\W\d_][\w]*(?:['\-][^\W_]\w*)*(?:[-/]\d+(?:\.\d+)*)?)
  | (?P<operator>[=!<>&|+*/%^~@$:]{2,}|(?<=\s)[=<>&|+*/%^~@$](?=\s))
  | (?P<mark>[?.;:!,()])
  | (?P<other>\w+)
    """,
    re.VERBOSE,
)


class Token(NamedTuple):
    """A word of a question."""

    text: str
    """As it is compared: lower case, hyphens closed; identifiers keep their dots."""
    raw: str
    kind: str
    """word, code, number, or mark (punctuation)."""
    named: bool
    """Written as a name or an identifier: capitals inside a sentence, digits, code."""


def clean(text: str) -> str:
    """The wording without markup, numbering and typographic variants, on one line."""
    text = unicodedata.normalize("NFKC", text).replace("—", " - ").translate(_QUOTES)
    text = _NUMBERING.sub("", _MARKUP.sub(lambda match: match.group(1) or "", text))
    return " ".join(re.sub(r"\bvs\.", "vs", text, flags=re.IGNORECASE).split())


@functools.lru_cache(maxsize=1 << 17)
def exact_key(text: str) -> str:
    """What two wordings share when they differ in case, spacing, markup and closing punctuation alone.

    Letter case is kept inside identifiers, where it tells things apart (`torch.Tensor`, `torch.tensor`).
    """
    text = clean(text).replace("`", "").strip(" \t\"'?!.:;,")
    if not _MAYBE_IDENTIFIER.search(text):
        return text.casefold()
    return " ".join(word if _IDENTIFIER.fullmatch(word) else word.casefold() for word in text.split())


_MAYBE_IDENTIFIER = re.compile(r"\w[._:(>-]\S")


@functools.lru_cache(maxsize=1 << 17)
def tokens(text: str) -> tuple[Token, ...]:
    """The tokens of a cleaned wording, in order."""
    for pattern, replacement in _CONTRACTIONS:
        if "'" in text or pattern is _CONTRACTIONS[0][0]:
            text = pattern.sub(replacement, text)
    text = text.lower() if text.isupper() and " " in text else text
    found: list[Token] = []
    words = [word for word in text.split() if word[:1].isalpha()]
    # In a Title Case Heading capitals say nothing.
    sentence_case = len(words) < 4 or 2 * sum(word[:1].isupper() for word in words) < 1.4 * len(words)
    start = True
    for match in _TOKEN.finditer(text):
        kind, raw = str(match.lastgroup), match.group(match.lastgroup or 0)
        token = _token(kind, raw, start=start, sentence_case=sentence_case)
        found.append(token)
        start = token.kind == "mark" and raw in "?.!:"
    return tuple(found)


def _token(kind: str, raw: str, *, start: bool, sentence_case: bool) -> Token:
    if kind == "mark":
        return Token(raw, raw, "mark", named=False)
    if kind in {"ticked", "dotted", "named", "flag", "operator"} or "_" in raw:
        text = re.sub(r"\(.*?\)$", "", raw.strip().strip("."), flags=re.DOTALL) or raw
        plain = kind == "ticked" and bool(re.fullmatch(r"[a-z][a-z\- ]*", text))
        return Token(re.sub(r"\s+", "_", text.lower()), raw, "code", named=not plain)
    if kind == "number":
        return Token(raw.lower().translate(_BRACKETS), raw, "number", named=True)
    if len(raw) > 2 and raw.endswith("s") and raw[:-1].isupper() and raw[:-1].isalpha():
        raw = raw[:-1]  # the plural of an abbreviation
    lower = raw.lower().replace("-", "").replace("'", "")
    inner = any(letter.isupper() for letter in raw[1:]) or any(letter.isdigit() for letter in raw)
    capital = raw[:1].isupper() and not start and sentence_case and raw != "I"
    return Token(lower, raw, "word", named=inner or capital)


_BRACKETS = str.maketrans("", "", "()")
_VOWEL = re.compile(r"[aeiouy]")
_SUFFIXES: tuple[tuple[str, str, int], ...] = (
    ("isations", "iz", 2),
    ("izations", "iz", 2),
    ("isation", "iz", 2),
    ("ization", "iz", 2),
    ("ising", "iz", 3),
    ("izing", "iz", 3),
    ("ised", "iz", 3),
    ("ized", "iz", 3),
    ("iser", "izer", 3),
    ("ise", "iz", 4),
    ("ize", "iz", 2),
    ("ional", "", 4),
    ("ations", "", 3),
    ("ation", "", 3),
    ("ating", "", 3),
    ("ated", "", 3),
    ("ate", "", 3),
    ("ions", "", 4),
    ("ion", "", 4),
    ("ments", "", 4),
    ("ment", "", 4),
    ("ings", "", 3),
    ("ing", "", 3),
    ("ied", "y", 2),
    ("ed", "", 3),
)


@functools.lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """The word without inflection; the same for a verb and the noun of its action (create, creation).

    Lighter than the usual stemmers on purpose: optimizer and optimization, operator and operation stay apart.
    """
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if not word.isalpha() or not word.isascii() or len(word) < 4:
        return word[:-1] if re.fullmatch(r"[a-z]{2}\ws|[a-z0-9]{2,}\ds", word) and not word.endswith("ss") else word
    singular = _singular(inflection.BRITISH.get(word) or (word[:-2] + "er" if word.endswith("tre") else word))
    if singular in _IRREGULAR:
        return _IRREGULAR[singular]
    while (shorter := _without_suffix(singular)) != singular:
        singular = shorter
    singular = singular.removesuffix("e") if len(singular) > 3 else singular
    if len(singular) > 3 and singular[-1] == singular[-2] and singular[-1] in "bdglmnprt":
        singular = singular[:-1]
    return _AMERICAN.sub("or", singular) if singular.endswith("our") and len(singular) > 4 else singular


def _without_suffix(word: str) -> str:
    for suffix, replacement, least in _SUFFIXES:
        rest = word[: -len(suffix)]
        kept = suffix[0] == "a" and rest[-1:] in {"e", "o"}  # treated, floating
        if word.endswith(suffix) and len(rest) >= least and _VOWEL.search(rest) and not kept:
            return _IRREGULAR.get(rest, rest) + replacement
    return word


_AMERICAN = re.compile(r"our$")


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zzes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is", "os", "as")):
        return word[:-1]
    plural = word.endswith(("eos", "ios")) or (word.endswith("as") and word not in _ENDING_IN_AS)
    return word[:-1] if plural and len(word) > 5 else word


_ENDING_IN_AS = {
    "pandas",
    "atlas",
    "canvas",
    "whereas",
    "overseas",
    "christmas",
    "texas",
    "kansas",
    "vegas",
    "arkansas",
}
