"""Pairs of forms that may be one question although they are not equal, and whether they are."""

from __future__ import annotations

from collections.abc import Collection

from ingest.dedup import lexicon
from ingest.dedup.normalise import stem
from ingest.dedup.subject import Form

Forms = tuple[Form, ...]

_BARS = {
    "kind": 0.70,
    "head": 0.70,
    "lone": 0.80,
    "member": 0.95,
    "class": 0.92,
    "method": 0.40,
    "adjective": 0.75,
    "context": 0.45,
    "verb": 0.88,
    "light verb": 0.80,
    "prefix": 0.60,
    "family": 0.88,
}
"""Least cosine at which a word of the kind may be missing on one side, or differ."""
_MANY_BAR = 0.02
_VERB_GROUPS = ({"use", "add", "enabl", "set"},)
_COMPOUND_VERBS = {"use", "setup", "set", "create"}
"""Said of one thing after "what is it": how to set it up is how to use it."""
_LIGHT_VERBS = {"use", "ad", "add", "enabl"}
_MIN_TYPO_LETTERS = 6


def soft_difference(a: Forms, b: Forms) -> dict[str, set[str]] | None:
    """The soft words that one side has and the other has not, by kind; None where the two contradict each other."""
    if len(a) != len(b):
        return None
    found: dict[str, set[str]] = {}
    for one, other in zip(a, b, strict=True):
        if one.core != other.core:
            return None
        difference = {**_soft_words(one, other), **_hard_words(one, other)}
        if "verb" in difference and set().union(*difference["verb"]) <= _LIGHT_VERBS:
            difference["light verb"] = difference.pop("verb")
        for kind, (left, right) in difference.items():
            if not _compatible(kind, left, right, one.intent) and not (
                kind == "verb" and len(a) > 1 and left | right <= _COMPOUND_VERBS
            ):
                return None
            found.setdefault(kind, set()).update(left | right)
    return found


_Sides = tuple[set[str], set[str]]


def _soft_words(one: Form, other: Form) -> dict[str, _Sides]:
    found: dict[str, _Sides] = {}
    ours = {soft for soft in one.soft if soft.word not in other.key[1]}
    theirs = {soft for soft in other.soft if soft.word not in one.key[1]}
    for side, soft_words in ((0, ours), (1, theirs)):
        for soft in soft_words:
            kind = soft.kind
            if kind in {"lone", "class"} and soft.word in _MEMBERS:
                kind = "member"
            elif kind in {"head", "kind", "lone"} and soft.word in _METHODS:
                kind = "method"
            found.setdefault(kind, (set(), set()))[side].add(soft.word)
    return found


def _hard_words(one: Form, other: Form) -> dict[str, _Sides]:
    left, right = set(one.hard) - set(other.key[1]), set(other.hard) - set(one.key[1])
    if not left and not right:
        return {}
    dotted = any("." in word for word in left | right)
    return {"prefix" if dotted else "family": (left, right)}


def _compatible(kind: str, left: set[str], right: set[str], intent: str) -> bool:
    if kind == "prefix":
        # "zero_grad" and "optimizer.zero_grad", but not a module and a word (".data", "data")
        return len(left) == len(right) == 1 and _plain_and_dotted(min(left), min(right))
    if kind == "family":
        return len(left) == len(right) == 1 and _one_family(min(left), min(right), intent)
    if kind == "kind":
        return True
    if kind in {"verb", "light verb"} and left and right:
        return any(left | right <= group for group in _VERB_GROUPS)
    if kind in {"context", "head", "lone", "member", "class"} and (left <= _VAGUE or right <= _VAGUE):
        return True
    return not left or not right


def _plain_and_dotted(a: str, b: str) -> bool:
    short, long = sorted((a, b), key=len)
    return "." not in short and not long.startswith(".") and long.rpartition(".")[2] == short


def _one_family(a: str, b: str, intent: str) -> bool:
    """Whether two stems are forms of one word (apply, applic); the doer of an action is not the action."""
    short, long = sorted((a, b), key=len)
    common = next((i for i, (x, y) in enumerate(zip(short, long, strict=False)) if x != y), len(short))
    doer = {ending for word in (a, b) for ending in ("er", "or") if word.endswith(ending)}
    endings = {short[common:], long[common:]}
    return (
        short.isalpha()
        and long.isalpha()
        and common >= max(4, len(short) - 1)
        and endings <= _ENDINGS
        and not (doer and intent != "howto")
    )


_ENDINGS = frozenset(["", "e", "y", "i", "al", "ic", "er", "or", "anc", "enc", "ag", "ur"])
_VAGUE = frozenset(stem(word) for word in lexicon.VAGUE) | {stem("module")}
_MEMBER_WORDS = """
method class module object attribute system model loop statement structure error policy plan test library package
"""
_MEMBERS = frozenset(map(stem, _MEMBER_WORDS.split()))
"""After one plain word these name something else than the word does ("class method", "file system")."""
_METHODS = frozenset(stem(word) for word in ("algorithm", "technique", "method", "mechanism", "problem"))


def bar(difference: dict[str, set[str]]) -> float:
    """The cosine that the wordings must reach for the difference to be one of words only."""
    return max((_BARS[kind] for kind in difference), default=0.0) + _MANY_BAR * (len(difference) > 1)


def is_slip(a: str, b: str) -> bool:
    """Whether one word is the other with a letter doubled, dropped or swapped with its neighbour."""
    if min(len(a), len(b)) < _MIN_TYPO_LETTERS or not (a.isalpha() and b.isalpha()) or a[0] != b[0] or a == b:
        return False
    if len(a) == len(b):
        differ = [i for i, (x, y) in enumerate(zip(a, b, strict=True)) if x != y]
        return (
            len(differ) == 2
            and differ[1] == differ[0] + 1
            and a[differ[0]] == b[differ[1]]
            and a[differ[1]] == b[differ[0]]
        )
    short, long = sorted((a, b), key=len)
    if len(long) != len(short) + 1:
        return False
    inside = any(long[:i] + long[i + 1 :] == short for i in range(1, len(long) - 1))
    return inside or (long[:-1] == short and long[-1] == long[-2])


def without(found: Forms) -> list[tuple[object, ...]]:
    """The forms with one long word left out, each in turn: equal for questions that differ in that word alone."""
    return [
        (
            i,
            word[0],
            form.intent,
            tuple(other for other in form.key[1] if other != word),
            *(f.key for f in found[:i] + found[i + 1 :]),
        )
        for i, form in enumerate(found)
        for word in form.key[1]
        if len(word) >= _MIN_TYPO_LETTERS and word.isalpha() and form.intent != "raw"
    ]


def clashing_settings(forms: Collection[Forms]) -> bool:
    """Whether the settings that the forms name ("in databases", "in door hardware") exclude one another."""
    settings = {frozenset(s.word for form in found for s in form.soft if s.kind == "context") for found in forms}
    named = sorted((set(words) - _VAGUE for words in settings if not words <= _VAGUE), key=sorted)
    return any(not (a <= b or b <= a) for i, a in enumerate(named) for b in named[i + 1 :])


def slips(a: Forms, b: Forms, rare: Collection[str]) -> list[tuple[str, str]] | None:
    """The pairs of words in which two questions differ by typing errors alone; None where they differ otherwise."""
    if len(a) != len(b):
        return None
    found: list[tuple[str, str]] = []
    for one, other in zip(a, b, strict=True):
        left, right = set(one.key[1]) - set(other.key[1]), set(other.key[1]) - set(one.key[1])
        if one.intent != other.intent or one.intent == "raw" or len(left) != len(right) or len(left) > 2:
            return None
        for word in sorted(left):
            twin = next((item for item in sorted(right) if is_slip(word, item)), None)
            if twin is None or not {word, twin} & set(rare):
                return None
            found.append((word, twin))
    return found
