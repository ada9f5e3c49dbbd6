"""False statements made from true ones: each mutant differs in one thing that a check of facts must see.

Works on the words alone and shares nothing with the checker, so that the checker is not measured by its own eyes.
Deterministic: the same statement, passage and seed give the same mutants.
"""

# ruff: noqa: SIM905 - lists of quoted words read worse

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Mutant(NamedTuple):
    """A false statement and what was done to it."""

    statement: str
    type: str


NUMBER_WORDS = tuple(
    """
    two three four five six seven eight nine ten eleven twelve twenty thirty fifty
    """.split()
)
NAMES = tuple(
    """
    Berlin Toyota Einstein Redis Norway Shakespeare Pluto Siemens Kafka Peru Ruby Mozilla Darwin Osaka
    """.split()
)
IDENTIFIERS = (
    "torch.cumsum()", "os.getcwd()", "np.linalg.inv", "reset_index()", "Series.explode", "--dry-run", "glob.glob()",
    "keep_alive", "asyncio.gather()", "HashMap", "max_retries=3",
)  # fmt: skip
CLAUSES = (
    ", and it also halves the memory that is needed", ", which was first published in 1987",
    " because the manufacturer recommends it", ", and it doubles the price", " and prints a warning on every start",
    ", but only on weekends", ", which most experts consider outdated", " and was invented in Japan",
    ", so an extra licence is required", " and is stored in an encrypted archive", ", unlike in earlier editions",
    " and reduces noise by 40 percent",
)  # fmt: skip
_NUMBER = re.compile(r"(?<![\w.,/-])\d+(?:[.,]\d+)*(?![\w/-]|[.,]\d)")
_LIST_NUMBER = re.compile(r"\s*\(?\d{1,3}[.)]\s")
_CODE = re.compile(r"`([^`\n]+)`|\b[A-Za-z_]+(?:\.[A-Za-z_]\w*)+(?:\(\))?|\b[a-z]+_[a-z_]+\b(?:\(\))?")
_NAME = re.compile(r"(?<![.!?:•*-] )(?<!^)\b(?:[A-Z][a-z]{2,}|[A-Z]{2,})\b(?![`(_.=])")
_NEGATION = re.compile(r"(?i)\b(not|never|no|without|cannot|neither|nor|none|nothing|unless)\b|n't\b")
_AUXILIARY = re.compile(
    r"\b(is|are|was|were|can|may|must|should|will|would|could|has been|have been)\b(?! not| only|n't)"
)
_DROPPED = (
    (re.compile(r"\b(is|are|was|were|can|may|must|should|will|would|could) not\b"), r"\1"),
    (re.compile(r"\bcannot\b"), "can"),
    (re.compile(r"\b(is|are|was|were|must|should|would|could)n't\b"), r"\1"),
    (re.compile(r"\bcan't\b"), "can"),
    (re.compile(r"\bdo(?:es)? not |\bdo(?:es)?n't |\bdid not "), ""),
    (re.compile(r"\bDo not |\bDon't |\bNever "), ""),
    (re.compile(r"\bnever "), "always "),
    (re.compile(r"\bwithout\b"), "with"),
)
_OPPOSITES = (
    "increases decreases", "increase decrease", "raises lowers", "before after", "higher lower", "more less",
    "above below", "faster slower", "larger smaller", "first last", "maximum minimum", "most least", "encodes decodes",
    "enabled disabled", "longer shorter", "up down", "at least|at most", "reduces increases", "inside outside",
    "earlier later",
)  # fmt: skip
_VERBS = (
    "uses stores converts manages returns computes keeps calls contains requires covers translates reduces increases "
    "supports provides enables replaces follows precedes causes controls sends receives creates loads reads writes "
    "trains introduced founded wrote composed signed exceeds equals tracks holds lets gives takes needs measures "
    "splits pays deliver delivers guarantees enforces"
)
_SUBJECT = r"(?P<subject>(?:(?:The|A|An|Each|Every) )?[\w`.()-]+(?: [\w`.()-]+){0,2})"
_OBJECT = r"(?P<object>(?:(?:the|a|an|each|every|its) )?[\w`.()-]+(?: [\w`.()-]+){0,2}?)"
_REST = r"(?P<rest>(?:[,.;]| (?:and|in|on|at|by|for|with|to|into|from|of|when|if|while|that|which)\b).*)"
_ACTIVE = re.compile(rf"^{_SUBJECT} (?P<verb>{'|'.join(_VERBS.split())}) {_OBJECT}{_REST}$")
_PASSIVE = re.compile(rf"^{_SUBJECT} (?P<verb>(?:is|are|was|were) \w+ed by) {_OBJECT}{_REST}$")
_COMPARED = r"(?P<verb> (?:is|are|was|were|has|have|\w+s|\w+ed|can|usually|often|needs?)\b[^,;]*? than )"
_THAN = re.compile(
    rf"^(?P<head>(?:[^,]{{1,40}}, )?)(?P<subject>(?:(?:The|A|An|the|a|an) )?[\w`-]+(?: [\w`-]+)?){_COMPARED}"
    r"(?P<object>(?:(?:the|a|an|plain) )?[\w`-]+(?: [\w`-]+)?)(?P<rest>[.,;].*|)$"
)
_FROM_TO = re.compile(r"\bfrom (?P<one>(?:the |a |an )?[\w`-]+) (?P<link>to|into) (?P<two>(?:the |a |an )?[\w`-]+)\b")
_CLAUSE_SWAP = re.compile(r"^(?P<one>[A-Z][^,;.]{8,60}), (?:and|while|whereas|but) (?P<two>[^,;.]{8,60})\.$")
_HALF = re.compile(
    r"^((?:(?:The|A|An|the|a|an) )?[\w`.()-]+(?: [\w`.()-]+)?) "
    r"((?:is|are|was|were|has|can|must|keeps?|returns?|gives?|shows?)\b.*)$"
)
_PRONOUNS = frozenset(
    """
    in on at by for with from to of because since as if when while although during after before under over must
    it they this that these those he she we you which who there
    """.split()
)


def mutants(statement: str, passage: str, *, seed: int = 0) -> list[Mutant]:
    """At most one mutant of each type. A type that does not apply, or whose mutant might still be true, is left out.

    Example: `mutants("It takes 5 days.", "It takes 5 days.")` holds ("It takes 10 days.", "number").
    """
    chance = random.Random(f"{seed}:{statement}")
    makers: Sequence[tuple[str, Callable[[str, str, random.Random], str | None]]] = (
        ("number", _number),
        ("entity", _entity),
        ("api", _api),
        ("negation_added", _negation_added),
        ("negation_removed", _negation_removed),
        ("roles", _roles),
        ("direction", _direction),
        ("clause", _clause),
    )
    found = []
    for kind, make in makers:
        made = make(statement, passage, chance)
        if made is not None and _plain(made) != _plain(statement) and _plain(made) not in _plain(passage):
            found.append(Mutant(made, kind))
    return found


def light_edits(statement: str, *, seed: int = 0) -> list[str]:
    """True statements that differ from a true one in form only: lead-ins, emphasis, contractions, citation markers."""
    chance = random.Random(f"light:{seed}:{statement}")
    found = [f"{statement.rstrip('.')} [1]." if statement.endswith(".") else f"{statement} [1]"]
    lead = chance.choice(("In short, ", "In other words, ", "According to the document, "))
    if statement[:1].isupper() and statement[1:2].islower():
        found.append(lead + statement[0].lower() + statement[1:])
    words = [word for word in re.findall(r"\b[a-z]{5,}\b", statement)]
    if words and "`" not in statement:
        word = chance.choice(words)
        found.append(re.sub(rf"\b{word}\b", f"**{word}**", statement, count=1))
    for long, short in (
        ("does not", "doesn't"),
        ("do not", "don't"),
        ("is not", "isn't"),
        ("are not", "aren't"),
        ("cannot", "can't"),
    ):
        if long in statement:
            found.append(statement.replace(long, short))
    for digit, word in zip(range(2, 10), NUMBER_WORDS, strict=False):
        if re.search(rf"\b{word}\b", statement):
            found.append(re.sub(rf"\b{word}\b", str(digit), statement))
            break
    return found


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[`*_.,;:!?]", " ", text.casefold()).split())


def _number(statement: str, passage: str, chance: random.Random) -> str | None:
    """Another number in the place of one: from elsewhere in the passage where there is one, else a near one."""
    spots = list(_NUMBER.finditer(_CODE.sub(lambda m: "x" * len(m.group()), statement)))
    # The number of a list item is no fact.
    spots = [
        m
        for m in spots
        if not re.fullmatch(r"\s*\(?", statement[: m.start()]) or statement[m.end() : m.end() + 1] not in ".)"
    ]
    if spots:
        spot = chance.choice(spots)
        old = spot.group()
        rivals = sorted({m.group() for m in _NUMBER.finditer(passage)} - {m.group() for m in spots})
        plain = old.replace(",", "")
        value = float(plain) if re.fullmatch(r"\d+(?:\.\d+)?", plain) else 7.0
        far = [
            format(value * 2, "g") if value < 1e6 else "123456",
            format(value * 10, "g") if value < 1e5 else "98765",
            format(value + 1, "g") if value < 1e5 else "4321",
        ]
        options = rivals if rivals and chance.random() < 0.5 else [new for new in far if new not in passage]
        return statement[: spot.start()] + chance.choice(options) + statement[spot.end() :] if options else None
    words = [m for m in re.finditer(r"\b[a-z]+\b", statement) if m.group() in NUMBER_WORDS]
    if not words:
        return None
    spot = chance.choice(words)
    options = [word for word in NUMBER_WORDS if word != spot.group() and not re.search(rf"\b{word}\b", passage)]
    return statement[: spot.start()] + chance.choice(options) + statement[spot.end() :]


def _entity(statement: str, passage: str, chance: random.Random) -> str | None:
    spots = [m for m in _NAME.finditer(statement) if "`" not in statement[max(0, m.start() - 1) : m.end() + 1]]
    if not spots:
        return None
    spot = chance.choice(spots)
    rivals = sorted({m.group() for m in _NAME.finditer(passage)} - {m.group() for m in _NAME.finditer(statement)})
    rivals = [name for name in rivals if not re.search(rf"\b{re.escape(name)}\b", statement)]
    pool = rivals if rivals and chance.random() < 0.5 else [name for name in NAMES if name not in passage]
    return statement[: spot.start()] + chance.choice(pool) + statement[spot.end() :]


def _api(statement: str, passage: str, chance: random.Random) -> str | None:
    spots = [
        m
        for m in _CODE.finditer(statement)
        if len(m.group().strip("`")) > 2 and not re.fullmatch(r"[ie]\.\w", m.group())
    ]
    if not spots:
        return None
    spot = chance.choice(spots)
    ticks = spot.group().startswith("`")
    here = {m.group().strip("`") for m in _CODE.finditer(statement)}
    rivals = sorted({m.group().strip("`") for m in _CODE.finditer(passage)} - here)
    rivals = [name for name in rivals if len(name) > 2 and not any(name in one or one in name for one in here)]
    pool = rivals if rivals and chance.random() < 0.6 else [name for name in IDENTIFIERS if name not in passage]
    new = chance.choice(pool)
    return statement[: spot.start()] + (f"`{new}`" if ticks else new) + statement[spot.end() :]


def _negation_added(statement: str, passage: str, chance: random.Random) -> str | None:
    if _NEGATION.search(statement):
        return None
    spot = _AUXILIARY.search(_CODE.sub(lambda m: "x" * len(m.group()), statement))
    if spot is None:
        return None
    if spot.group() in ("may", "could"):  # "may not" can be true at the same time
        return statement[: spot.start()] + "cannot" + statement[spot.end() :]
    at = spot.start() + len(spot.group().split()[0])
    return statement[:at] + " not" + statement[at:]


def _negation_removed(statement: str, passage: str, chance: random.Random) -> str | None:
    for pattern, replacement in _DROPPED:
        if pattern.search(statement):
            made = pattern.sub(replacement, statement, count=1)
            return made[:1].upper() + made[1:]
    return None


def _roles(statement: str, passage: str, chance: random.Random) -> str | None:
    for pattern in (_THAN, _ACTIVE, _PASSIVE):
        match = pattern.match(statement)
        if match and _swappable(match["subject"], match["object"]):
            head = match["head"] if "head" in match.groupdict() else ""
            space = "" if match["verb"].startswith(" ") else " "
            first = match["object"] if head else match["object"][:1].upper() + match["object"][1:]
            return f"{head}{first}{space}{match['verb'].rstrip()} {_lower(match['subject'])}{match['rest']}"
    match = _FROM_TO.search(statement)
    if match and match["one"].casefold() != match["two"].casefold() and not match["one"].isdigit():
        swapped = f"from {match['two']} {match['link']} {match['one']}"
        return statement[: match.start()] + swapped + statement[match.end() :]
    return _swapped_clauses(statement)


def _swapped_clauses(statement: str) -> str | None:
    """The subjects of two joined clauses exchanged: "A is x, and B is y" gives "B is x, and A is y"."""
    match = _CLAUSE_SWAP.match(statement)
    if not match:
        return None
    halves = []
    for half in (match["one"], match["two"]):
        cut = _HALF.match(half)
        if cut is None:
            return None
        halves.append((cut.group(1), cut.group(2)))
    (one, first), (two, second) = halves
    if not _swappable(one, two):
        return None
    return f"{two[:1].upper()}{two[1:]} {first}, and {_lower(one)} {second}."


def _swappable(subject: str, thing: str) -> bool:
    words = {subject.split()[0].casefold(), thing.split()[0].casefold()}
    if any(word.endswith("ly") for word in words) or _AUXILIARY.search(f"{subject} {thing}"):
        return False
    return (
        not words & _PRONOUNS
        and subject.casefold() != thing.casefold()
        and thing.casefold() not in ("each other", "one another")
    )


def _lower(phrase: str) -> str:
    first = phrase.split()[0]
    return phrase[0].lower() + phrase[1:] if first in ("The", "A", "An", "Each", "Every") else phrase


def _direction(statement: str, passage: str, chance: random.Random) -> str | None:
    hits = []
    for pair in _OPPOSITES:
        one, other = pair.split("|") if "|" in pair else pair.split()
        for old, new in ((one, other), (other, one)):
            if len(re.findall(rf"\b{old}\b", statement)) == 1 and not re.search(rf"\b{new}\b", statement):
                hits.append((old, new))
    hits = [
        (old, new)
        for old, new in hits
        if not (old in ("more", "less") and re.search(r"(?:or|no|much) (?:more|less)|more than one", statement))
    ]
    hits = [
        (old, new)
        for old, new in hits
        if not (old in ("up", "down") and not re.search(rf"\b(?:go|goes|move|moves|scaled?) {old}\b", statement))
    ]
    if not hits:
        return None
    old, new = chance.choice(hits)
    return re.sub(rf"\b{old}\b", new, statement, count=1)


def _clause(statement: str, passage: str, chance: random.Random) -> str | None:
    bare = statement.rstrip()
    if bare.endswith(("```", ":", "|")) or "\n" in bare:
        return None
    end = bare[-1] if bare[-1:] in ".!" else ""
    return bare.rstrip(".!") + chance.choice(CLAUSES) + end
