"""What a question comes to when near-synonyms and derived forms are read as one word.

Coarser than `ingest.dedup.subject.Form`, whose equality is enough for a merge: equal gists are a proposal that the
vectors have to confirm.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

from ingest.dedup import lexicon, synonyms
from ingest.dedup.normalise import stem
from ingest.dedup.subject import Form, Soft

_ENDINGS = (
    "ability", "ibility", "arily", "ically", "ance", "ence", "ancy", "ency", "able", "ible", "ness", "ary", "ity", "ly",
    "y",
)  # fmt: skip
_LEAST = 4
"""Letters that are left at least when an ending comes off."""
_EXACT = frozenset({"compare", "choose", "raw", "list", "howdoes", "works"})
"""Intents whose words are compared as they stand."""
_NAMING = frozenset({"what"})
"""Intents in which a verb is part of a name."""
_UNDIRECTED = frozenset({"howmuch", "howlong", "howoften"})
_AMOUNTS = frozenset({"howmany", "howmuch"})


class View(NamedTuple):
    """A question's gist under one of the intents that its wording allows."""

    intent: str
    words: frozenset[str]
    """Those that must be the same."""
    generic: frozenset[str]
    """Those that may be missing on one side."""
    action: frozenset[str]
    """What is done: every word that it could be said with."""
    flat: bool = False
    """Whether the word for what is done is among the others: where it stands is not certain."""


@functools.lru_cache(maxsize=1 << 16)
def root(word: str) -> str:
    """The stem without derivation (`activ` of activation and activate; `valid` of validity)."""
    if word in _DERIVED:
        return _DERIVED[word]
    for ending in _ENDINGS:
        rest = word[: -len(ending)]
        if word.endswith(ending) and len(rest) >= _LEAST and rest.isalpha():
            rest = stem(rest)
            return _DERIVED.get(rest, rest)
    return word


def _root(word: str) -> str:
    return root(stem(word))


def _folds(text: str) -> dict[str, str]:
    return {_root(word): _root(canonical) for word, canonical in lexicon.table(text).items()}


_DERIVED = {stem(word): stem(base) for word, base in lexicon.table(synonyms.DERIVED_TEXT).items()}


def _groups(text: str) -> dict[str, frozenset[str]]:
    """Every word with the names of the groups that it is in; near-synonymy is not transitive."""
    found: dict[str, set[str]] = {}
    for line in text.strip().splitlines():
        words = line.replace(":", " ").split()
        for word in words:
            found.setdefault(_root(word), set()).add(words[0] + ":")
    return {word: frozenset(names) for word, names in found.items()}


_VERB_GROUPS = _groups(synonyms.VERBS_TEXT)
_VERBS = _folds(synonyms.VERBS_TEXT)
_NOUNS = _folds(synonyms.NOUNS_TEXT)
_ASIDE = {"adjective", "kind", "head", "context", "class"}
"""Soft words that the other wording may lack."""
_GENERIC = frozenset(map(_root, synonyms.GENERIC_WORDS.split()))
_LIGHT_VERBS = _folds(synonyms.LIGHT_TEXT)
_DURATION = frozenset(map(_root, synonyms.DURATION_WORDS.split()))


def views(form: Form) -> tuple[View, ...]:
    """The gists of a clause, one for each intent that it may have."""
    if form.intent in _EXACT:
        return (View(form.intent, frozenset(form.key[1]), frozenset(), frozenset()),)
    if form.intent == "head":
        return (_view(form, "howto"), _view(form, "howto", flat=True), _view(form, "what"))
    if form.intent == "whenwill":
        return (_view(form, "howlong"), _view(form, "when"))
    if form.action:
        return (_view(form, form.intent), _view(form, form.intent, flat=True))
    return (_view(form, "howmuch" if form.intent in _AMOUNTS else form.intent),)


def _view(form: Form, intent: str, *, flat: bool = False) -> View:
    words, generic = set(), set()
    naming = intent in _NAMING
    action = "" if naming or flat or form.action in form.names else form.action
    aside = {soft.word for soft in form.soft if _may_lack(soft, naming=naming)}
    for word in form.key[1]:
        if action and word.removeprefix(">") == action:
            continue
        plain, text = root(word), _folded(word, form, intent)
        if intent == "howlong" and plain in _DURATION:
            continue
        if plain in _GENERIC or text in _GENERIC or (word in aside and text not in _NOUNS):
            generic.add(_LIGHT_VERBS.get(plain, plain))
        else:
            words.add(text)
    verb = root(action or (form.action if flat and form.intent != "head" else ""))
    done = (_VERB_GROUPS.get(verb, frozenset()) | {verb}) if verb else frozenset()
    if words or (verb and not flat):
        return View(intent, frozenset(words), frozenset(generic), done, flat)
    return View(intent, frozenset(generic), frozenset(), done, flat)


def _folded(word: str, form: Form, intent: str) -> str:
    mark, bare = (">", word[1:]) if word.startswith(">") else ("", word)
    if "add:" in _VERB_GROUPS.get(root(form.action), ()):
        mark, word = "", bare  # "include in" is "add to"
    prefix, _, rest = bare.rpartition("=")
    if bare in form.names or not rest.isalpha():
        return word
    text = rest if intent in _NAMING else root(rest)
    mark = "" if bare == form.action or intent in _UNDIRECTED else mark
    text = _NOUNS.get(text, text)
    if intent not in _NAMING:
        text = _VERBS.get(text, text)
    return f"{mark}{prefix}{'=' if prefix else ''}{text}"


def _may_lack(soft: Soft, *, naming: bool) -> bool:
    if not naming:
        return soft.kind in _ASIDE
    return soft.kind in {"adjective", "context"} or (soft.word in _METHODS and soft.kind in _ASIDE)


_METHODS = frozenset(map(stem, ("algorithm", "problem", "technique")))


def same_action(one: View, other: View) -> bool:
    """Whether two gists say the same is done; a verb of no weight may be missing."""
    left, right = one.action, other.action
    if one.flat != other.flat:
        return False
    if one.flat and (not left or not right or left <= _LIGHT or right <= _LIGHT):
        return True
    return left == right or bool(left & right) or (not right and left <= _LIGHT) or (not left and right <= _LIGHT)


_LIGHT = _GENERIC | {name for word in _GENERIC for name in _VERB_GROUPS.get(word, ())}
