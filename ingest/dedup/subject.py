"""What a clause is about, as a form that two wordings share exactly when they name the same thing.

Each word of the subject is either hard (it decides) or soft: the kind of the thing ("layer", "module"), a vague
setting ("in a model"), a near-synonymous verb. Forms that differ in soft words alone are candidates for a merge.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Sequence
from typing import NamedTuple

from ingest.dedup import lexicon
from ingest.dedup.intent import Clause, Parsed
from ingest.dedup.knowledge import Knowledge
from ingest.dedup.normalise import Token, stem

_VERB_SYNONYMS = {stem(word): stem(canonical) for word, canonical in lexicon.table(lexicon.VERB_SYNONYMS_TEXT).items()}
_SYNONYMS = {stem(word): stem(canonical) for word, canonical in lexicon.table(lexicon.SYNONYMS_TEXT).items()}
_STOP = lexicon.DETERMINERS
_RELATION_STEMS = frozenset(stem(word) for word in lexicon.RELATIONS)
_EMPTY_STEMS = frozenset(stem(word) for word in lexicon.EMPTY)
_HEAD_STEMS = frozenset(stem(word) for word in lexicon.SOFT_HEADS)
_VAGUE_STEMS = frozenset(stem(word) for word in lexicon.VAGUE)
_VERB_STEMS = frozenset(stem(word) for word in lexicon.VERBS)
_WEAK = frozenset(stem(word) for word in ("perform", "implement"))
_SOFT_VERBS = frozenset(stem(word) for word in ("use", "create", "setup", "enable", "add", "set", "call"))
_INNER = {"in", "within", "inside", "during", "when", "while", "on", "at"}
_TARGETS = {"to", "for", "with"}
_OUTER = {"from"}
_PARTICLES = {
    ("send", "back"): "return",
    ("give", "back"): "return",
    ("turn", "on"): "enable",
    ("switch", "on"): "enable",
    ("turn", "off"): "disable",
    ("switch", "off"): "disable",
    ("set", "up"): "setup",
    ("sign", "up"): "enroll",
    ("back", "up"): "backup",
    ("carry", "over"): "carry",
}
_AMOUNTS = {"whenwill", "howmany", "howmuch", "howlong", "howoften", "when", "where"}
_LIGHT = frozenset(stem(word) for word in ("get", "receive", "allow", "entitle"))
"""Verbs that say no more than "have" where an amount or a time is asked for."""
_DOING = {"howto", "can", "need"}
"""Intents of what someone does; the verb stands first."""
_COMPOUNDED = {"what", "list", "head", "howto"}
_ORDERED = {"polar", "howdoes", "raw"}


_ROOT = 4
"""Letters that words of one family share (deliver, delivery)."""


class Soft(NamedTuple):
    """A word that may be missing on one side."""

    kind: str
    """head, lone (of one plain word), class ("a hash function"), kind (of a name), adjective, context, or verb."""
    word: str


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Form:
    """A clause in canonical form."""

    intent: str
    hard: tuple[str, ...]
    """Sorted."""
    soft: tuple[Soft, ...]
    """Sorted."""
    pairs: frozenset[tuple[str, str]] = dataclasses.field(default=frozenset(), compare=False)
    """Words that stand in a compound, the modifier first ("list of names" gives name, list)."""

    names: frozenset[str] = dataclasses.field(default=frozenset(), compare=False)
    """Words that are written as names or identifiers."""
    action: str = dataclasses.field(default="", compare=False)
    """What is done, where the wording says where it stands ("cancel a contract", "contract cancellation")."""

    key: tuple[str, tuple[str, ...]] = dataclasses.field(init=False, compare=False)
    """Equal for wordings that name the same thing in every word."""
    core: tuple[str, tuple[str, ...]] = dataclasses.field(init=False, compare=False)
    """Equal for wordings that could name the same thing."""

    def __post_init__(self) -> None:
        """Sets what follows from the other fields; both are read far more often than forms are made."""
        words = {*self.hard, *(soft.word for soft in self.soft)}
        named = [word for word in self.hard if word not in _HEAD_STEMS] or self.hard
        roots = {(word.rpartition(".")[2] or word)[:_ROOT] for word in named}
        object.__setattr__(self, "key", (self.intent, tuple(sorted(words))))
        object.__setattr__(self, "core", (self.intent, tuple(sorted(roots))))


class _Word(NamedTuple):
    text: str
    """Canonical: stemmed, synonyms replaced."""
    named: bool
    segment: str
    """The preposition before it, or the empty string."""
    marked: bool
    """After a preposition or negation that gives it a direction."""
    vague: bool
    """After "a", "an", "your": not a particular one."""
    phrase: int
    """Number of the noun phrase that it stands in."""
    of: bool
    """In a phrase that "of" puts behind another."""
    surface: str


def forms(parsed: Parsed, knowledge: Knowledge) -> tuple[Form, ...]:
    """The canonical forms of a question's clauses, sorted, each once."""
    return tuple(sorted({_form(clause, parsed.tokens, knowledge) for clause in parsed.clauses}))


def _form(clause: Clause, tokens: dict[str, Token], knowledge: Knowledge) -> Form:
    intent = "what" if clause.intent == "define" else clause.intent
    spelled = _respelled(clause.subject.split(), tokens, knowledge)
    words = _words(spelled, tokens, intent, knowledge)
    if intent == "raw" or not words:
        # Nothing but small words: then they are what is asked about.
        return Form(intent, (" ".join(word.text for word in words) or clause.subject,), ())
    soft = _soft(words, clause.intent, strict=clause.intent == "what" and clause.subject.startswith("the "))
    hard = [word for word in words if word.text not in {item.word for item in soft}]
    if not any(word.text not in _WEAK for word in hard):
        soft, hard = [], words
    if intent == "howto" and any(word.text not in _WEAK for word in hard):
        hard = [word for word in hard if word.text not in _WEAK]
    found = {(">" if word.marked else "") + word.text for word in hard}
    if intent in _ORDERED and words and not (intent == "polar" and _PASSIVE.search(clause.subject)):
        found.add("first=" + next((word.text for word in words if word.text not in _VERB_STEMS), words[0].text))
    return Form(
        intent,
        tuple(sorted(found)),
        tuple(sorted(set(soft))),
        _pairs(words, intent),
        _named(words),
        _action(words, intent),
    )


def _action(words: list[_Word], intent: str) -> str:
    if intent == "head" or (intent == "howto" and words[0].text not in _VERB_STEMS and _nominal(words[-1])):
        first = len(words) > 1 and words[1].of
        if _gerund(words[0]) and len(words) > 1:
            return "" if _nominal(words[-1]) else words[0].text
        if first or _nominal(words[-1]):
            return words[0 if first else -1].text
        return words[max(0, next((i for i, word in enumerate(words) if word.segment), len(words)) - 1)].text
    return words[0].text if intent in _DOING and not words[0].segment else ""


def _nominal(word: _Word) -> bool:
    return word.surface.endswith(("ion", "ing", "ment", "al")) and len(word.surface) > len(word.text)


def _gerund(word: _Word) -> bool:
    return word.surface.endswith("ing") and len(word.surface) > len(word.text)


_PASSIVE = re.compile(
    r"^(?:i|we|you|it) |^(?!.* by ).* (?:\w+ed|paid|made|taken|given|kept|held|set|sent|shown|known|put)"
    r"(?: (?:in|for|on|when|if|during) .+)? (?:is|are|was|were)$"
)
"""Polar questions in which nothing is done to something else by what stands first."""


def _named(words: list[_Word]) -> frozenset[str]:
    return frozenset(word.text for word in words if word.named or word.text in lexicon.PRODUCTS)


def _pairs(words: list[_Word], intent: str) -> frozenset[tuple[str, str]]:
    if intent not in _COMPOUNDED:
        return frozenset()
    found: set[tuple[str, str]] = set()
    heads: list[_Word] = []
    for i, word in enumerate(words):
        if not i and intent == "howto":
            continue
        doing = i and intent == "howto" and _gerund(words[i - 1])  # "tracking gradients" is "gradient tracking"
        if i and words[i - 1].phrase == word.phrase and (i > 1 or intent != "howto") and not doing:
            found.add((words[i - 1].text, word.text))
        last = i + 1 == len(words) or words[i + 1].phrase != word.phrase
        if last and word.of and heads and heads[-1].segment == word.segment:
            found.add((word.text, heads[-1].text))
        if last:
            heads.append(word)
    return frozenset(pair for pair in found if not any(word[:1].isdigit() for word in pair))


def oriented(form: Form, reversible: frozenset[tuple[str, str]]) -> Form:
    """The form, with the order of those compounds said that occur both ways round (list of names, name of a list)."""
    both = form.pairs & reversible
    return (
        dataclasses.replace(form, hard=tuple(sorted({*form.hard, *(f"{a}->{b}" for a, b in both)}))) if both else form
    )


def _respelled(words: Sequence[str], tokens: dict[str, Token], knowledge: Knowledge) -> list[str]:
    """The words with abbreviations written out and split compounds joined."""
    spelled: list[str] = []
    for word in words:
        short = word if word in knowledge.expansions or len(word) < 3 else word.removesuffix("s")
        spelled.extend(knowledge.expansions.get(short, (word,)) if short not in _STOP else (word,))
    spelled = [part for word in spelled for part in (_platform(word, tokens.get(word)) or (word,))]
    spelled = _once(spelled)
    found: list[str] = []
    for word in spelled:
        small = bool(found) and found[-1] in _NO_JOIN
        joins = bool(found) and (not small or found[-1] + word in knowledge.hyphened)
        joins = joins and (word not in _NO_JOIN or word in _PARTICLE)
        pair = found[-1] + word if joins else ""
        if joins and word in _PARTICLE and stem(found[-1]) in _VERB_STEMS:
            pair = stem(found[-1]) + word
        if len(pair) >= 5 and pair in knowledge.compounds and pair.isalnum():
            found[-1] = pair
        else:
            found.append(word)
    for i, word in enumerate(found):
        for j in range(i + 1, min(i + 6, len(found))):
            if verb := _PARTICLES.get((stem(word), found[j])):
                found[i], found[j] = verb, ","
    return found


def _once(words: list[str]) -> list[str]:
    """The words without a run that repeats the one before it: an abbreviation, written out, behind its expansion."""
    stems = [stem(word) for word in words]
    for n in range(min(6, len(words) // 2), 1, -1):
        for i in range(len(words) - 2 * n + 1):
            if stems[i : i + n] == stems[i + n : i + 2 * n]:
                return words[: i + n] + words[i + 2 * n :]
    return words


def _platform(word: str, token: Token | None) -> tuple[str, str] | None:
    """The product and the rest of a name that begins with its short form ("TFLite")."""
    match = re.match(r"([A-Z]{2,})([A-Z][a-z]{2,})$", token.raw) if token is not None else None
    product = lexicon.CODE_PREFIXES.get(match[1].lower()) if match else None
    return (product, match[2].lower()) if match and product else None


_PARTICLE = {"in", "out", "up", "off", "over", "down", "back"}
_NO_JOIN = _STOP | lexicon.PREPOSITIONS | lexicon.DIRECTIONS


def _words(words: Sequence[str], tokens: dict[str, Token], intent: str, knowledge: Knowledge) -> list[_Word]:
    found: list[_Word] = []
    place = _Word("", False, "", False, False, 0, False, "")
    opening = intent == "howto"
    for i, word in enumerate(words):
        token = tokens.get(word)
        if token is not None and token.kind == "word" and token.raw.isupper() and len(token.raw) > 1:
            found.extend(_word(word, token, intent, place, opening=False, knowledge=knowledge))
        elif word in {"to", "into", "onto"} and intent == "compare":
            place = place._replace(phrase=place.phrase + 1)
        elif word in lexicon.DIRECTIONS and intent != "compare":
            place = _turned(word, words[i + 1 :], place, found)
            if word not in {"to", "into", "onto"}:
                found.append(place._replace(text=word, marked=False))
        elif word in lexicon.PREPOSITIONS and (found or word != "using"):
            place = place._replace(segment=word, marked=False, vague=False, phrase=place.phrase + 1, of=False)
        elif word in _STOP:
            vague = word in {"a", "an", "your", "my", "our"} or (place.vague and word != "the")
            of = word == "of" or (place.of and word not in {"and", "or", ","})
            place = place._replace(vague=vague, phrase=place.phrase + 1, of=of)
            opening = intent == "howto" and word in {"and", "or", ",", "be", "have"} and not place.segment
            continue
        else:
            found.extend(_word(word, token, intent, place, opening=opening, knowledge=knowledge))
        opening = False
    return _directed(_unfilled(found, intent), intent)


def _turned(word: str, rest: Sequence[str], place: _Word, found: Sequence[_Word]) -> _Word:
    directed = bool(found) and found[0].text in _MOVES
    following = next(iter(rest), "")
    infinitive = (
        word == "to"
        and not directed
        and (not found or following in {"each", "every", "be", "have", "get", "do"} or stem(following) in _VERB_STEMS)
    )
    segment = "to" if word in {"to", "into", "onto"} else word
    return place._replace(segment=segment, marked=not infinitive, vague=False, phrase=place.phrase + 1, of=False)


_MAKES = frozenset({stem("create"), stem("get")})
_MOVES = frozenset(map(stem, ("convert", "transfer", "cast", "translate", "switch", "map", "change", "go", "copy")))


def _word(
    word: str, token: Token | None, intent: str, place: _Word, *, opening: bool, knowledge: Knowledge
) -> list[_Word]:
    shouted = token is not None and token.raw.isupper() and len(token.raw) > 1
    known = word in knowledge.names and not (token is not None and token.raw.islower() and word in lexicon.VERBS)
    named = shouted or known or (token is not None and token.named and word not in knowledge.common)
    if token is not None and (glued := _glued(token)):
        return [place._replace(text=part, named=True, surface=part) for part in glued]
    if token is not None and token.kind == "code":
        return [place._replace(text=text, named=True) for text in _identifier(token)]
    text = stem(word)
    if intent != "compare" and not (named and token is not None and not token.raw.istitle()):
        text = _VERB_SYNONYMS.get(text, text) if opening else text
        text = _SYNONYMS.get(text, text)
    if text in lexicon.FIELDS and place.segment in {"in", "with", "using"}:
        return []
    return [place._replace(text=text, named=named, surface=word)]


def _glued(token: Token) -> tuple[str, str] | None:
    """A product and the word that lost markup glued to it ("PyTorchModule")."""
    match = _PRODUCT_GLUED.match(token.raw)
    if match is None or token.text in lexicon.PRODUCTS or match.group(1).lower() not in lexicon.PRODUCTS:
        return None
    return match.group(1).lower(), match.group(2).lower()


_PRODUCT_GLUED = re.compile(r"(PyTorch|TensorFlow|[A-Z][a-z]{4,})([A-Z][a-z]{2,})$")


@functools.lru_cache(maxsize=4096)
def _identifier(token: Token) -> tuple[str, ...]:
    """The product that an identifier belongs to, if it says so, and the identifier without it."""
    separated = token.text.replace("::", ".").replace("->", ".")
    first, dot, rest = separated.partition(".")
    product = lexicon.CODE_PREFIXES.get(first)
    if not dot or not rest or product is None:
        return (stem(separated) if separated.isalpha() else separated,)
    last = token.raw.strip("`").removesuffix("()").rpartition(".")[2]
    special = last[:1].isupper() or "_" in last or token.raw.rstrip("`").endswith(")")
    rest = stem(rest) if rest.isalpha() and special else rest
    return (product, rest if special or "." in rest else "." + rest)


def _unfilled(words: list[_Word], intent: str) -> list[_Word]:
    """The words without those that change no answer, unless nothing would be left."""
    kept = [word for i, word in enumerate(words) if word.named or not _idle(word, words[i + 1 :], intent)]
    return kept or words


def _idle(word: _Word, rest: list[_Word], intent: str) -> bool:
    if word.text in _EMPTY_STEMS or (intent in _AMOUNTS and word.text in _LIGHT):
        return True
    if not rest or rest[0].segment != word.segment:
        return False
    if word.surface in lexicon.FILLERS or (intent == "howto" and word.surface in lexicon.ACTION_FILLERS):
        return True
    if word.surface not in lexicon.LIST_FILLERS:
        return False
    noun = next((other for other in rest if other.surface not in lexicon.LIST_FILLERS), word)
    return intent == "list" or noun.text in _RELATION_STEMS


def _directed(words: list[_Word], intent: str) -> list[_Word]:
    """Marks kept where they say which way; "make a B from an A" is read as "convert an A to a B"."""
    texts = {word.text for word in words}
    if intent == "howto" and any(word.segment in _OUTER for word in words) and words and words[0].text in _MAKES:
        return [words[0]._replace(text="convert")] + [
            word._replace(marked=not word.segment and word.text not in lexicon.PRODUCTS) for word in words[1:]
        ]
    products_alone = not [word for word in words if word.marked and word.text not in lexicon.PRODUCTS]
    return [
        word._replace(marked=word.marked and (products_alone or word.text not in lexicon.PRODUCTS)) if texts else word
        for word in words
    ]


def _soft(words: list[_Word], intent: str, *, strict: bool) -> list[Soft]:
    found: list[Soft] = []
    for i, word in enumerate(words):
        context = word.segment in _INNER and not word.named and word.text not in lexicon.PRODUCTS
        some = word.vague and (word.segment in _TARGETS or (word.of and intent == "howto"))
        vague = word.text in _VAGUE_STEMS and not word.named and (context or some)
        if word.marked and not vague:
            continue
        if (intent in {"define", "what"} and context and not strict and i) or vague:
            found.append(Soft("context", word.text))
        elif intent == "howto" and word.text in _SOFT_VERBS and all(other.text in _VERB_STEMS for other in words[:i]):
            found.append(Soft("verb", word.text))
        elif word.surface in lexicon.SOFT_ADJECTIVES and not word.named and _loose(word, words[i + 1 :], intent):
            found.append(Soft("adjective", word.text))
        elif word.text in _HEAD_STEMS and (not word.named or word.text == "api"):
            found.extend(_head(word, words, i, intent))
    return found


def _loose(word: _Word, rest: list[_Word], intent: str) -> bool:
    """Whether the adjective may be missing: where a thing is named it tells kinds apart ("whole life insurance")."""
    if intent == "howto" or word.surface in lexicon.SAFE_ADJECTIVES:
        return True
    return bool(rest) and rest[0].text in _RELATION_STEMS


def _head(word: _Word, words: list[_Word], place: int, intent: str) -> list[Soft]:
    """The noun as a soft word, if it only says what kind of thing the words around it name."""
    others = [other for other in words if other.phrase == word.phrase and other.surface not in lexicon.SOFT_ADJECTIVES]
    before = [
        other for other in others if other in words[:place] and not (intent == "howto" and other.text in _VERB_STEMS)
    ]
    after = [other for other in others if other in words[place + 1 :] and other.text[:1].isdigit()]
    if (not before and not after) or (intent == "compare" and word.text in _VAGUE_STEMS):
        return []
    nearest = (before or after)[-1]
    if nearest.text in lexicon.PRODUCTS:
        return []
    if nearest.named:
        return [Soft("kind", word.text)]
    if intent not in {"howto", "compare"} and not _apposed(word):
        owned = any(other.text in lexicon.PRODUCTS for other in before) and not word.vague
        if owned and not word.surface.endswith("s"):
            return [Soft("head", word.text)]
        return [Soft("class", word.text)] if word.text in _APPOSITIVE_STEMS else []
    return [Soft("head" if len(before) > 1 else "lone", word.text)]


def _apposed(word: _Word) -> bool:
    """Whether the noun names the kind of the words before it: "the softmax function", not "a hash function"."""
    if word.text == _LAYER:
        return True
    return word.text in _APPOSITIVE_STEMS and not word.vague and not word.surface.endswith("s")


_APPOSITIVE_STEMS = frozenset(stem(word) for word in lexicon.APPOSITIVES)
_LAYER = stem("layer")
