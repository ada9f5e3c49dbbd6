"""Phrases, number words, units, bounds and degrees drawn together, so that two wordings give the same tokens."""

from __future__ import annotations

import dataclasses
import re
from itertools import pairwise

from kb.checking.lexicon import Lexicon, lexicon, stem_of
from kb.checking.tokens import Kind, Token, make_word
from kb.checking.words import ADJECTIVES, AUXILIARIES, NO_DEGREE, PARTICLES, PREPOSITIONS

# "first" to "third" are words more often than numbers.
_ORDINAL_WORDS = {
    word: number
    for number, word in enumerate(
        [
            "fourth",
            "fifth",
            "sixth",
            "seventh",
            "eighth",
            "ninth",
            "tenth",
            "eleventh",
            "twelfth",
            "thirteenth",
            "fourteenth",
            "fifteenth",
            "sixteenth",
            "seventeenth",
            "eighteenth",
            "nineteenth",
            "twentieth",
        ],
        start=4,
    )
}


_SINGLE_LETTER_UNITS = frozenset("msghlAVW")


_IRREGULAR_DEGREE = {
    "better": ("good", 1), "worse": ("bad", 1), "best": ("good", 2), "worst": ("bad", 2), "fewer": ("few", 1),
    "fewest": ("few", 2), "further": ("far", 1), "maximum": ("high", 2), "minimum": ("low", 2),
}  # fmt: skip


# Words that look like comparatives or superlatives and are none.
_ADJECTIVAL = ("ful", "ous", "ive", "able", "ible", "al", "ent", "ant", "ly", "ic", "ary")


def fold(tokens: list[Token]) -> list[Token]:
    """The tokens with everything drawn together."""
    return mark_degrees(fold_bounds(fold_units(fold_numbers(fold_phrases(kept_from(tokens))))))


def kept_from(tokens: list[Token]) -> list[Token]:
    """Tokens with "prevents" for "keeps it from falling", and "if" for ", provided"."""
    for i, token in enumerate(tokens):
        if token.key == "keep" and token.kind is Kind.WORD:
            ahead = tokens[i + 1 : i + 7]
            if any(a.norm == "from" and b.norm.endswith("ing") for a, b in pairwise(ahead)):
                token.form, token.norm, token.key = token.norm, "prevent", "prevent"
        elif token.norm == "provided" and i and tokens[i - 1].norm == ",":
            tokens[i] = Token(token.text, "if", Kind.FUNCTION, key="if")
    return tokens


def fold_phrases(tokens: list[Token]) -> list[Token]:
    """Tokens with one token for each phrase of the lexicon, also where a verb's particle stands apart."""
    known = lexicon()
    found: list[Token] = []
    i = 0
    while i < len(tokens):
        for parts, replacement in known.phrases.get(tokens[i].norm, ()):
            if stands_at(tokens, i, parts):
                found.extend(_replacement(replacement, tokens[i]))
                i += len(parts)
                break
            if len(parts) == 2 and parts[1] in PARTICLES and (at := _particle(tokens, i, parts[1])):
                found.extend(_replacement(replacement, tokens[i]))
                found.extend(tokens[i + 1 : at])
                i = at + 1
                break
        else:
            found.append(tokens[i])
            i += 1
    return found


def _particle(tokens: list[Token], i: int, particle: str) -> int:
    """Where the particle of a verb stands apart from it: "take the server out"; 0 if it does not."""
    for k in range(i + 2, min(i + 6, len(tokens))):
        token = tokens[k]
        if token.kind is Kind.MARK or token.norm in AUXILIARIES or token.norm in ("and", "or"):
            return 0
        if token.norm == particle:
            after = tokens[k + 1] if k + 1 < len(tokens) else None
            return (
                k
                if after is None
                or after.kind is Kind.MARK
                or after.norm in PREPOSITIONS
                or after.norm in ("and", "or", "but")
                else 0
            )
    return 0


def _replacement(words: str, at: Token) -> list[Token]:
    made = []
    for word in words.split():
        token = make_word(word, word, True)
        if "_" in word and token.kind is Kind.CODE:
            token = Token(at.text, word, Kind.WORD, key=word)
        token.form = at.norm
        made.append(token)
    return made


def stands_at(tokens: list[Token], i: int, parts: tuple[str, ...]) -> bool:
    """Whether the words `parts` stand at position `i`, outside code."""
    if i + len(parts) > len(tokens):
        return False
    return all(tokens[i + k].norm == part and not tokens[i + k].code for k, part in enumerate(parts))


def fold_numbers(tokens: list[Token]) -> list[Token]:
    """Tokens with number words and scales as numbers: "twenty-five" is 25, "20 million" one number."""
    known = lexicon()
    found: list[Token] = []
    i = 0
    while i < len(tokens):
        token = tokens[i]
        value = _word_value(tokens, i, known)
        if token.norm in _ORDINAL_WORDS and not token.code:
            norm = f"{_ORDINAL_WORDS[token.norm]}th"
            found.append(Token(token.text, norm, Kind.NUMBER, key=norm))
            i += 1
        elif value is not None:
            number, used = value
            # "one" alone is more often a pronoun; it counts as a number only before a noun and never hard.
            norm = format(number, ".12g")
            found.append(Token(token.text, norm, Kind.NUMBER, key=norm))
            i += used
        elif token.kind is Kind.NUMBER and i + 1 < len(tokens) and tokens[i + 1].norm in known.scales:
            scaled = float(token.norm) * known.scales[tokens[i + 1].norm] if _is_float(token.norm) else 0.0
            norm = format(scaled, ".15g") if scaled else token.norm
            found.append(dataclasses.replace(token, norm=norm, key=norm))
            i += 2
        else:
            found.append(token)
            i += 1
    return found


def _is_float(text: str) -> bool:
    return bool(re.fullmatch(r"\d+(?:\.\d+)?", text))


def _word_value(tokens: list[Token], i: int, known: Lexicon) -> tuple[float, int] | None:
    """The number that number words from `i` on say, and how many tokens they are."""
    value = known.numbers.get(tokens[i].norm)
    if value is None or tokens[i].code or tokens[i].kind is Kind.NUMBER:
        return None
    used = 1
    if value >= 20 and i + used < len(tokens):
        ones = known.numbers.get(tokens[i + used].norm)
        if ones is not None and 0 < ones < 10 and tokens[i + used].kind is not Kind.NUMBER:
            value, used = value + ones, used + 1
    if [token.norm for token in tokens[i + used : i + used + 3]] == ["and", "a", "half"]:
        value, used = value + 0.5, used + 3
    while i + used < len(tokens) and tokens[i + used].norm in known.scales:
        value, used = value * known.scales[tokens[i + used].norm], used + 1
    if used == 1 and value == 1:
        following = tokens[i + 1] if i + 1 < len(tokens) else None
        if following is None or following.kind in (Kind.FUNCTION, Kind.MARK):
            return None
    return value, used


def fold_units(tokens: list[Token]) -> list[Token]:
    """Units drawn into the number before them; the first number of a range gets the unit of the second."""
    known = lexicon().units
    found: list[Token] = []
    for token in tokens:
        last = found[-1] if found else None
        if last is not None and last.kind is Kind.NUMBER and token.kind in (Kind.WORD, Kind.NAME, Kind.FUNCTION):
            unit = known.get(token.norm, "")
            single = len(token.text) == 1 and token.text not in _SINGLE_LETTER_UNITS
            if unit and not single and token.kind is not Kind.FUNCTION and last.unit in ("", "deg"):
                last.unit = unit
                continue
        found.append(token)
    for i in range(len(found) - 3, -1, -1):
        first, middle, second = found[i], found[i + 1], found[i + 2]
        if first.kind is second.kind is Kind.NUMBER and middle.norm in ("to", "and", "or") and not first.unit:
            first.unit = second.unit
    return found


def fold_bounds(tokens: list[Token]) -> list[Token]:
    """Tokens with "at least", "up to", "or more" drawn into the number that they bound."""
    known = lexicon()
    found: list[Token] = []
    i = 0
    pending = ""
    while i < len(tokens):
        token = tokens[i]
        match = _bound_at(tokens, i, known)
        if match is not None:
            pending, used = match
            i += used
            continue
        if token.kind is Kind.NUMBER:
            if pending:
                token.bound = pending
            pending = ""
        elif token.norm not in ("a", "the", "about", "around", "just", "roughly", "of"):
            pending = ""
        after = next((row for row in known.bounds_after.get(token.norm, ()) if stands_at(tokens, i, row[0])), None)
        number = next((t for t in reversed(found[-3:]) if t.kind is Kind.NUMBER), None)
        if after is not None and number is not None and not number.bound:
            number.bound = after[1]
            i += len(after[0])
            continue
        found.append(token)
        i += 1
    return found


def _bound_at(tokens: list[Token], i: int, known: Lexicon) -> tuple[str, int] | None:
    for parts, sign in known.bounds.get(tokens[i].norm, ()):
        if not stands_at(tokens, i, parts):
            continue
        for ahead in tokens[i + len(parts) : i + len(parts) + 3]:
            if ahead.kind is Kind.NUMBER:
                return sign, len(parts)
            if ahead.norm not in ("a", "the", "about", "around", "just", "of", "is", "roughly"):
                break
    return None


def mark_degrees(tokens: list[Token]) -> list[Token]:
    """Comparatives and superlatives: "faster" and "more quickly" both have degree 1."""
    known = lexicon()
    for i, token in enumerate(tokens):
        lower = token.norm
        if token.kind is not Kind.WORD:
            continue
        if lower in _IRREGULAR_DEGREE and not token.degree:
            base, token.degree = _IRREGULAR_DEGREE[lower]
            token.key = stem_of(base, known.irregular, known.spelling)
            continue
        previous = tokens[i - 1].norm if i else ""
        determined = i > 1 and tokens[i - 2].norm in ("the", "is", "are", "was", "were", "its", "their")
        adjective = lower in ADJECTIVES or lower.endswith(_ADJECTIVAL)
        if previous in ("more", "less", "most", "least") and (adjective or (previous == "most" and determined)):
            token.degree = 2 if previous in ("most", "least") else 1
            token.less = previous in ("less", "least")
            continue
        base = degree_base(lower)
        if base:
            token.degree = 2 if lower.endswith("est") else 1
            token.key = stem_of(base, known.irregular, known.spelling)
    return tokens


def degree_base(lower: str) -> str:
    """The adjective of a comparative or superlative in -er, -est; empty if the word is none."""
    if lower in NO_DEGREE or len(lower) < 5:
        return ""
    ending = "est" if lower.endswith("est") else "er" if lower.endswith("er") else ""
    if not ending:
        return ""
    bare = lower[: -len(ending)]
    known = lexicon()
    options = [bare, bare + "e"]
    if bare.endswith("i"):
        options.append(bare[:-1] + "y")
    if len(bare) > 2 and bare[-1] == bare[-2]:
        options.append(bare[:-1])
    for option in options:
        if option in ADJECTIVES or (option in known.antonyms and option not in known.verbs):
            return option
    return ""
