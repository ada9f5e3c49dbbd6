"""A sentence as tokens with what matters for checking: numbers, identifiers, names, words."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Callable
from enum import StrEnum

from kb.checking.lexicon import lexicon, stem_of
from kb.checking.words import FUNCTION_WORDS, GLUED_PREFIXES
from kb.text import is_identifier


class Kind(StrEnum):
    """What a token is."""

    NUMBER = "number"
    CODE = "code"
    NAME = "name"
    WORD = "word"
    FUNCTION = "function"
    MARK = "mark"


@dataclasses.dataclass(slots=True)
class Token:
    """A word, number or punctuation mark. Filled in while the sentence is read, not changed afterwards."""

    text: str
    norm: str
    kind: Kind
    key: str = ""
    unit: str = ""
    bound: str = ""
    """`>`, `<` or nothing: at least, at most."""
    degree: int = 0
    """1 comparative, 2 superlative."""
    less: bool = False
    """The degree points down: less, least."""
    verb: bool = False
    finite: bool = False
    passive: bool = False
    code: bool = False
    possessive: bool = False
    joined: bool = False
    """Part of a hyphenated word after its first."""
    form: str = ""
    """First word of the phrase that the token stands for."""


_INVISIBLE = dict.fromkeys([*range(0x200B, 0x2010), *range(0x202A, 0x202F), 0x2060, 0xFEFF, 0xAD])


_PLAIN = {ord("‘"): "'", ord("’"): "'", ord("“"): '"', ord("”"): '"', ord("\u00a0"): " ", ord("\u202f"): " "}


_PLAIN |= dict.fromkeys(map(ord, "\u2010\u2011\u2212"), "-")


# "[1]" after a word or sentence and before punctuation or a blank; "x = [1]", "f([1, 2])" and "row[1]" are none.
_CITATION = re.compile(
    r"(?:(?<=[^\s=(,\[])\s|(?<=[.!?;\"”)\]`*])|(?<=[^\W\d_]{4}))\[(\d{1,2}(?:,\s?\d{1,2})*)\](?=[\s.,;:!?\[]|$)"
)
_MOST_CITED = 20
_LINK = re.compile(r"!?\[([^\]\n]*)\]\([^)\s]*\)")


_CODE_SPAN = re.compile(r"(`+)(.+?)\1", re.DOTALL)


_EMPHASIS = re.compile(r"\*{1,3}|(?<!\w)_{1,2}(?=\S)|(?<=\S)_{1,2}(?!\w)")


_TOKEN = re.compile(
    r"""
    (?P<word2>(?<!\w)(?:[A-Za-z]\.){2,}(?!\w))
  | (?P<code>(?<![\w-])--?[A-Za-z][\w-]*(?:=\S+)? | [A-Za-z_]\w*(?:(?:\.|::|->)[A-Za-z_]\w*)+(?:\(\))?
      | [A-Za-z_]\w*=[\w.]+ | [A-Za-z_]\w*\(\) | __\w+__ | [^\W_]+(?:_[^\W_]+)+ | [A-Za-z](?:\+\+|\#)
      | (?:[\w.-]+/)+[\w-]+\.\w+ | \d+(?:x\d+)+\b)
  | (?P<number>(?<![\w.])[€$£]?\d+(?:[.,]\d{3})*(?:[.,]\d+)?(?:/\d+)?(?![\w.]*\d))
    (?P<glued>\s?%|\s?°\s?[CF]?\b|[^\W\d_]{1,4}\b(?![-.\w]*\w))?
  | (?P<word>[^\W_]+(?:'[^\W\d_]+)?(?:\.[a-zA-Z]\b\.?)*)
  | (?P<mark>[,;:.!?()\[\]—–/|]|\s-\s|-)
    """,
    re.VERBOSE,
)


_ORDINAL = re.compile(r"(?i)st|nd|rd|th")


def clean(text: str) -> str:
    """The text without emphasis, link targets and invisible characters; code spans are left alone."""
    plain = unicodedata.normalize("NFC", text).translate(_INVISIBLE).translate(_PLAIN)
    return _outside_code(plain, lambda piece: _EMPHASIS.sub("", _LINK.sub(r"\1", piece)))


def without_citations(text: str, passages: int) -> str:
    """The text without citation markers such as [1]; code is left alone, and lists of numbers that cite no passage."""
    code = [match.span() for match in _CODE_SPAN.finditer(text)]

    def keep_or_drop(match: re.Match[str]) -> str:
        if any(start <= match.start(1) < end for start, end in code):
            return match.group()
        numbers = [int(number) for number in match.group(1).split(",")]
        most = passages if len(numbers) > 1 else max(passages, _MOST_CITED)
        return "" if all(0 < number <= most for number in numbers) else match.group()

    return _CITATION.sub(keep_or_drop, text)


def _outside_code(text: str, change: Callable[[str], str]) -> str:
    pieces: list[str] = []
    last = 0
    for match in _CODE_SPAN.finditer(text):
        pieces.append(change(text[last : match.start()]))
        pieces.append(match.group())
        last = match.end()
    pieces.append(change(text[last:]))
    return "".join(pieces)


def _code_tokens(code: str) -> list[Token]:
    pieces = code.split()
    made = []
    for piece in pieces:
        norm = code_norm(piece)
        if not norm:
            continue
        # A plain word in ticks (`await`) may stand without them in the other text.
        made.append(Token(piece, norm, Kind.CODE, key=norm, code=True))
    return made


def code_norm(piece: str) -> str:
    """An identifier for comparison: no call brackets, no trailing punctuation, case folded."""
    norm = piece.strip(",;\"'").casefold()
    if norm.endswith("()"):
        norm = norm[:-2]
    return norm.rstrip(".,:") or norm


def _plain_tokens(text: str) -> list[Token]:
    found: list[Token] = []
    for match in _TOKEN.finditer(text):
        group = match.lastgroup
        if match.group("code"):
            found.append(Token(match.group(), code_norm(match.group()), Kind.CODE, key=code_norm(match.group())))
        elif match.group("number"):
            found.extend(_number(match.group("number"), (match.group("glued") or "").strip()))
        elif group in ("word", "word2"):
            _word(found, match.group(), text, match.start())
        else:
            mark = match.group().strip()
            if mark == "/" and found and found[-1].kind is not Kind.MARK and text[match.end() :][:1].isalpha():
                word = re.match(r"\w+", text[match.end() :])
                per = word is not None and word.group().casefold() in lexicon().units
                found.append(Token("/", "per" if per else "or", Kind.FUNCTION, key="per" if per else "or"))
                continue
            if mark == "-" and match.group() == "-":
                # Inside a word: "fixed-rate". Between numbers it is a range.
                before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
                if before.isdigit() and after.isdigit():
                    found.append(Token("to", "to", Kind.FUNCTION))
                elif before.isalnum() and after.isalnum():
                    found.append(Token("-", "-", Kind.MARK))
                continue
            if mark in "—–-":
                digits = text[: match.start()].rstrip()[-1:].isdigit() and text[match.end() :].lstrip()[:1].isdigit()
                found.append(Token("to", "to", Kind.FUNCTION) if digits else Token(mark, ";", Kind.MARK))
            else:
                found.append(Token(mark, mark, Kind.MARK))
    return _hyphens(found)


def _number(digits: str, glued: str) -> list[Token]:
    currency = digits[0] if digits[0] in "€$£" else ""
    digits = digits.lstrip("€$£")
    token = Token(digits, number_norm(digits), Kind.NUMBER, unit=lexicon().units.get(currency, ""))
    token.key = token.norm
    if not glued:
        return [token]
    glue = glued.replace(" ", "")
    if _ORDINAL.fullmatch(glue):
        token.norm = token.key = token.norm + "th"
        return [token]
    unit = lexicon().units.get(glue.casefold(), "")
    if unit:
        token.unit = unit
        return [token]
    return [Token(digits + glue, (digits + glue).casefold(), Kind.CODE, key=(digits + glue).casefold())]


def number_norm(digits: str) -> str:
    """A number for comparison: no thousands separators, no trailing zeros, decimal point."""
    if "/" in digits:
        return digits.replace(",", "")
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", digits):
        digits = digits.replace(",", "")
    elif re.fullmatch(r"\d{1,3}(?:\.\d{3}){2,}(?:,\d+)?|\d{1,3}(?:\.\d{3})+,\d+", digits):
        digits = digits.replace(".", "").replace(",", ".")
    else:
        digits = digits.replace(",", ".")
    if digits.count(".") > 1:
        return digits
    return format(float(digits), ".12g") if len(digits) < 16 else digits


_CONTRACTIONS = {"can't": ["can", "not"], "cannot": ["can", "not"], "won't": ["will", "not"], "let's": []}


def _word(found: list[Token], word: str, text: str, start: int) -> None:
    lower = word.casefold()
    parts = _CONTRACTIONS.get(lower)
    if parts is None and lower.endswith("n't"):
        parts = [lower[:-3], "not"]
    if parts is not None:
        found.extend(make_word(part, part, False) for part in parts)
        return
    bare, _, tail = word.partition("'")
    if tail.casefold() in ("s", "re", "ve", "ll", "d", "m"):
        word = bare
    initial = not any(token.kind is not Kind.MARK for token in found) or (
        bool(found) and found[-1].kind is Kind.MARK and found[-1].norm in ".!?:"
    )
    word = word.replace(".", "") if re.fullmatch(r"(?:[^\W\d_]\.)+[^\W\d_]?\.?", word) else word
    found.append(make_word(word, word.casefold(), initial))
    found[-1].possessive = tail.casefold() == "s" or text[start + len(word) : start + len(word) + 1] == "'"
    if tail.casefold() == "s" and bare.casefold() in ("it", "that", "there", "what", "he", "she", "who", "here"):
        found.append(make_word("is", "is", False))


def make_word(word: str, lower: str, initial: bool) -> Token:
    """A token for a word; `initial` where a capital says nothing because a sentence begins."""
    known = lexicon()
    if lower in FUNCTION_WORDS and not (word.isupper() and not initial and lower not in ("i", "not", "and", "or")):
        return Token(word, lower, Kind.FUNCTION, key=lower)
    key = stem_of(lower, known.irregular, known.spelling)
    capital = word[:1].isupper()
    if is_identifier(word) and not word[:1].isdigit():
        return Token(word, lower, Kind.CODE, key=lower)
    if capital and (not initial or (word.isupper() and len(word) > 1)):
        return Token(word, lower, Kind.NAME, key=key)
    return Token(word, known.spelling.get(lower, lower), Kind.WORD, key=key)


def _hyphens(tokens: list[Token]) -> list[Token]:
    """Hyphens taken out: "pre-trained" is one word, "visa-free" is "without visa", others fall into their parts."""
    found: list[Token] = []
    skip = False
    for i, token in enumerate(tokens):
        if skip:
            skip = False
            continue
        if token.kind is Kind.MARK and token.norm == "-":
            following = tokens[i + 1] if i + 1 < len(tokens) else None
            if found and following and found[-1].norm in GLUED_PREFIXES:
                joined = found.pop().text + following.text
                found.append(make_word(joined, joined.casefold(), True))
                skip = True
            elif found and following and following.norm in ("free", "less"):
                noun = found.pop()
                found.extend((Token("without", "without", Kind.FUNCTION, key="without"), noun))
                skip = True
            continue
        token.joined = i > 0 and tokens[i - 1].norm == "-" and tokens[i - 1].kind is Kind.MARK
        found.append(token)
    return found


def raw_tokens(sentence: str) -> list[Token]:
    """The tokens of one sentence as they are written, code spans apart."""
    text = clean(sentence)
    found: list[Token] = []
    last = 0
    for match in _CODE_SPAN.finditer(text):
        found.extend(_plain_tokens(text[last : match.start()]))
        found.extend(_code_tokens(match.group(2)))
        last = match.end()
    found.extend(_plain_tokens(text[last:]))
    return found
