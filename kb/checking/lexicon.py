"""General English lists (closed classes, synonyms, antonyms, units), read once from the package's data."""

from __future__ import annotations

import dataclasses
import functools
import json
import re
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any

from kb.checking.words import NOT_ADVERBS, VERB_PARTICLES
from kb.text import stem

# Endings that come off a stem to reach the family of a word: train, trainer, training; accept, acceptance.
_ENDINGS = (
    "ation", "ition", "ean", "ian", "ment", "ance", "ence", "ness", "abl", "ibl", "ion", "ity", "ant", "ent", "ive",
    "ical", "ic", "er", "or", "al", "at", "iz", "is", "if", "if", "ur", "th", "y", "i", "e",
)  # fmt: skip
MIN_ROOT = 4
# Words in -ise that have no form in -ize.
_TRUE_ISE = re.compile(
    r"(?:ra|r|ar|adv|prom|exerc|compr|rev|superv|surpr|advert|disgu|dev|improv|telev|prec|conc|w|no|pra|pa|lik|cru|bru|expert|franch|merchand|dem|desp|exc|inc)is(?:e|es|ed|ing|ers?)$"
)
NEGATIVE_PREFIXES = ("un", "in", "im", "ir", "il", "dis", "non", "de", "a")


@dataclasses.dataclass(frozen=True, slots=True)
class Lexicon:
    """Lists by key; words are held as stems."""

    synonyms: Mapping[str, frozenset[int]]
    antonyms: Mapping[str, frozenset[str]]
    phrases: Mapping[str, tuple[tuple[tuple[str, ...], str], ...]]
    """First word -> (all words, replacement), longest first."""
    bounds: Mapping[str, tuple[tuple[tuple[str, ...], str], ...]]
    bounds_after: Mapping[str, tuple[tuple[tuple[str, ...], str], ...]]
    negations: frozenset[str]
    numbers: Mapping[str, float]
    scales: Mapping[str, float]
    units: Mapping[str, str]
    spelling: Mapping[str, str]
    irregular: Mapping[str, str]
    converse: frozenset[frozenset[str]]
    """Verbs that say the same with their arguments exchanged."""
    verbs: frozenset[str]
    light_verbs: frozenset[str]
    shell_nouns: frozenset[str]
    weak: frozenset[str]
    """As written, not as stems: "currently" is weak, "current" is not."""
    verb_forms: frozenset[str]
    """Verbs as written, in the base form."""
    implicit_negations: frozenset[str]
    persons: frozenset[str]


@functools.cache
def lexicon() -> Lexicon:
    """The lists, read on first use."""
    raw: dict[str, Any] = json.loads(resources.files("kb").joinpath("data/verify_lexicon.json").read_text("utf-8"))
    irregular = dict(raw["irregular"])
    spelling = dict(raw["spelling"])

    def key(word: str) -> str:
        return stem_of(word, irregular, spelling)

    groups: dict[str, set[int]] = {}
    for number, group in enumerate(raw["synonyms"]):
        for word in group.split():
            groups.setdefault(key(word), set()).add(number)
    opposite: dict[str, set[str]] = {}
    for pair in raw["antonyms"]:
        one, other = (key(word) for word in pair.split())
        opposite.setdefault(one, set()).add(other)
        opposite.setdefault(other, set()).add(one)
    return Lexicon(
        synonyms={word: frozenset(found) for word, found in groups.items()},
        antonyms={word: frozenset(found) for word, found in opposite.items()},
        phrases=_by_first(_inflected(raw["phrases"], irregular)),
        bounds=_by_first(raw["bounds"]),
        bounds_after=_by_first(raw["bounds_after"]),
        negations=frozenset(raw["negations"].split()),
        numbers=raw["numbers"],
        scales=raw["scales"],
        units={alias: unit for unit, aliases in raw["units"].items() for alias in [unit, *aliases.split()]},
        spelling=spelling,
        irregular=irregular,
        converse=frozenset(frozenset(map(key, pair.split())) for pair in raw["converse"]),
        verbs=frozenset(map(key, raw["verbs"].split())),
        light_verbs=frozenset(map(key, raw["light_verbs"].split())),
        shell_nouns=frozenset(map(key, raw["shell_nouns"].split())),
        persons=frozenset(map(key, raw["persons"].split())),
        weak=frozenset(raw["weak"].split()),
        verb_forms=frozenset(raw["verbs"].split()),
        implicit_negations=frozenset(map(key, raw["implicit_negations"].split())),
    )


def _inflected(table: Mapping[str, str], irregular: Mapping[str, str]) -> dict[str, str]:
    """The table with every form of its phrasal verbs: "carry over" brings "carries over", "carried over" along."""
    forms: dict[str, list[str]] = {}
    for form, base in irregular.items():
        forms.setdefault(base, []).append(form)
    found = dict(table)
    for phrase, joined in table.items():
        verb, _, rest = phrase.partition(" ")
        if " " in rest or rest not in VERB_PARTICLES:
            continue
        bare = verb[:-1] if verb.endswith("e") else verb
        soft = verb[:-1] + "i" if verb.endswith("y") and verb[-2] not in "aeou" else bare
        third = soft + "es" if soft.endswith("i") or verb.endswith(("s", "sh", "ch", "x", "o")) else verb + "s"
        for form in (
            third,
            soft + "ed",
            bare + "ing",
            bare + bare[-1] + "ed",
            bare + bare[-1] + "ing",
            *forms.get(verb, ()),
        ):
            found.setdefault(f"{form} {rest}", joined)
    return found


def _by_first(table: Mapping[str, str]) -> dict[str, tuple[tuple[tuple[str, ...], str], ...]]:
    found: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for phrase, replacement in table.items():
        parts = tuple(phrase.split())
        found.setdefault(parts[0], []).append((parts, replacement))
    return {first: tuple(sorted(rows, key=lambda row: -len(row[0]))) for first, rows in found.items()}


def stem_of(word: str, irregular: Mapping[str, str], spelling: Mapping[str, str]) -> str:
    """The stem of a lower-case word, irregular forms and British spellings brought together."""
    plain = irregular.get(word, word)
    plain = spelling.get(plain, plain)
    if plain.endswith("ly") and len(plain) > 5 and plain not in NOT_ADVERBS:
        plain = plain[:-3] + "y" if plain.endswith("ily") else plain[:-2]
    if len(plain) > 6 and not _TRUE_ISE.search(plain):
        plain = plain.replace("isation", "ization")
        if plain.endswith(("ise", "ises", "ised", "ising", "iser", "isers")):
            cut = plain.rindex("is")
            plain = plain[:cut] + "iz" + plain[cut + 2 :]
    return stem(plain)


@functools.lru_cache(maxsize=100_000)
def root(key: str) -> str:
    """What is left of a stem when one derivational ending is off: the family of the word."""
    if not key.isalpha():
        return key
    for ending in _ENDINGS:
        if key.endswith(ending) and len(key) - len(ending) >= MIN_ROOT:
            return key[: -len(ending)]
    return key


@functools.lru_cache(maxsize=200_000)
def opposite(one: str, other: str) -> bool:
    """Whether two stems are opposites, by the list or by a negative prefix (mutable, immutable)."""
    if other in lexicon().antonyms.get(one, ()):
        return True
    for less, full in ((one, other), (other, one)):
        if less.endswith("less") and len(less) > 6 and full in (less[:-4], less[:-4] + "ful", stem(less[:-4] + "ful")):
            return True
    short, long = sorted((one, other), key=len)
    return (
        len(short) >= 4 and any(long == prefix + short for prefix in NEGATIVE_PREFIXES if prefix not in ("a", "de"))
    ) or (len(short) >= 5 and long == "de" + short)


@functools.lru_cache(maxsize=200_000)
def likeness(one: str, other: str) -> float:
    """How well a stem stands for another, in [0, 1]; 0 if it does not."""
    if one == other:
        return 1.0
    if opposite(one, other):
        return 0.0
    if min(len(one), len(other)) >= MIN_ROOT - 1 and one.isalpha() and other.isalpha() and _same_family(one, other):
        return 0.95
    if frozenset((one, other)) in lexicon().converse:
        return 0.9
    known = lexicon().synonyms
    if known.get(one, frozenset()) & known.get(other, frozenset()):
        return 0.9
    return 0.0


def _same_family(one: str, other: str) -> bool:
    return root(one) in (root(other), other) or root(other) == one


def stems(words: Iterable[str]) -> frozenset[str]:
    """The stems of some words."""
    known = lexicon()
    return frozenset(stem_of(word, known.irregular, known.spelling) for word in words)
