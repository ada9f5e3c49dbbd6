"""A proposition of a statement laid against a proposition of a passage: does it fit?"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from kb.checking.checks import attached_numbers, competition, compounds, degrees, generalised, polarity, strength
from kb.checking.clauses import Item, Segment
from kb.checking.lexicon import lexicon, opposite
from kb.checking.match import Match, align, weight
from kb.checking.roles import roles
from kb.checking.tokens import Kind
from kb.checking.words import NEED


@dataclasses.dataclass(slots=True)
class Fit:
    """How a segment of a statement sits on a segment of a passage."""

    support: float
    problems: list[str]
    """In words for people; empty if it fits."""
    missing: list[Item]
    """Items of the statement that nothing stands for, the weighty ones only."""
    matches: list[Match]
    used_context: bool = False
    soft: bool = False
    """What is missing is such that other words may say it: a verb, an agent, the head of a compound."""


def fit(statement: Segment, evidence: Segment, context: Sequence[Item]) -> Fit:
    """The statement's segment laid against the evidence's, with what the context may lend to it."""
    matches = align(statement, evidence, context)
    problems: list[str] = []
    missing: list[Item] = []
    total = got = 0.0
    for match in matches:
        heft = weight(match.item)
        total += heft
        got += heft * match.quality
        if match.other is None and heft > 0.5 and not _implied(match.item, evidence):
            missing.append(match.item)
    problems += polarity(statement, evidence, matches)
    problems += roles(statement, evidence, matches)
    problems += strength(statement, evidence)
    problems += generalised(statement, evidence, matches)
    problems += degrees(matches, evidence)
    problems += attached_numbers(statement, evidence, matches)
    problems += compounds(statement, evidence, matches)
    used = [
        match for match in matches if match.other is not None and match.other.level == 2 and weight(match.item) >= 0.5
    ]
    if used:
        problems += competition(statement, evidence, matches, used)
    core = [m for m in matches if m.other is not None and m.other.level == 0 and weight(m.item) >= 0.25]
    heavy = [m for m in matches if weight(m.item) >= 0.5]
    backed = sum(m.other is not None and m.other.level < 2 for m in heavy)
    if backed <= 1 and len(heavy) <= 2 and not problems and not missing:
        held = {id(m.other) for m in matches}
        over = [i for i in evidence.items if i.level == 0 and weight(i) >= 0.5 and id(i) not in held]
        if len(over) > 1:
            problems.append("it says too little to be checked")
    if not core and any(weight(m.item) >= 0.5 for m in matches):
        problems.append("only the subject is mentioned")
    support = got / total if total else 0.0
    # A clause joined on ("and it also ...") has to be backed in its own right.
    joined = statement.elided or statement.starts_with_pronoun
    soft = bool(missing) and not problems and not joined and _sparse(missing, matches)
    soft = soft and all(_soft(item, statement, evidence, matches) for item in missing)
    return Fit(support, problems, missing, matches, bool(used), soft)


def _implied(item: Item, evidence: Segment) -> bool:
    """Whether the evidence says the item with a function word."""
    key = item.token.norm
    if key in ("allowed", "permitted", "possible", "able", "allow", "allows") and evidence.words & {"may", "can"}:
        return True
    if key in ("run", "use", "call", "execute", "invoke") and item.token.verb and item.token.finite:
        return any(t.kind is Kind.CODE for t in evidence.tokens)  # "Run `x` to see": what `x` does is what counts
    if item.token.degree:
        up = {1: "more", 2: "most"}[item.token.degree]
        down = {1: "less", 2: "least"}[item.token.degree]
        if item.token.key in ("low", "few", "small", "littl") and down in evidence.words:
            return True
        if item.token.key in ("high", "larg", "great", "big") and up in evidence.words:
            return True
    if key in ("must", "necessary", "required", "requires", "require", "need", "needs", "needed"):
        return bool(evidence.words & NEED)
    if item.token.kind is Kind.NUMBER and item.token.norm == "1" and item.token.text == "one" and not item.token.unit:
        return bool(evidence.words & {"a", "an", "each", "single", "one", "along"})
    if item.token.kind is Kind.NUMBER and item.token.norm == "2" and item.token.text == "two":
        return "both" in evidence.words
    return False


def _sparse(missing: Sequence[Item], matches: Sequence[Match]) -> bool:
    """Whether every clause has, for each word that is missing, two that are backed by the evidence itself."""
    for number in {item.sub for item in missing}:
        lacking = sum(item.sub == number for item in missing)
        backed = sum(
            m.item.sub == number
            and not m.item.level
            and m.other is not None
            and m.other.level < 2
            and weight(m.item) > 0.5
            for m in matches
        )
        if backed < 2 * lacking:
            return False
    return True


def _in_list(item: Item, statement: Segment) -> bool:
    """Whether the word is one of several that are listed, and so a fact of its own."""
    tokens = statement.tokens
    around = {tokens[k].norm for k in (item.pos - 1, item.pos + 1) if 0 <= k < len(tokens)}
    return bool(around & {"and", "or"}) or (
        "," in around and any(t.norm in ("and", "or") for t in tokens[item.pos :]) and not item.token.verb
    )


def _soft(item: Item, statement: Segment, evidence: Segment, matches: Sequence[Match]) -> bool:
    """Whether a word that nothing stands for may still be said by other words of the evidence."""
    token = item.token
    if token.kind is not Kind.WORD or token.degree or item.level:
        return False
    held = {id(m.other) for m in matches if m.other is not None}
    free = [other for other in evidence.items if id(other) not in held and other.level < 2]
    if any(opposite(token.key, other.token.key) for other in evidence.items):
        return False
    if _in_list(item, statement):
        return False
    if token.verb:
        return True
    if token.key in lexicon().persons and item.slot == "subj":
        return not any(other.token.key in lexicon().persons and other.slot == "subj" for other in evidence.items)
    by_pos = {m.item.pos: m for m in matches if not m.item.level}
    after, before = by_pos.get(item.pos + 1), by_pos.get(item.pos - 1)
    if after is not None and not after.item.token.verb:  # a modifier: a fact of its own
        return False
    if before is not None and before.other is not None and not before.item.token.verb:
        # The head of a compound, where the source has no other head.
        return not any(other.pos == before.other.pos + 1 and not other.token.verb for other in free)
    nouns = [other for other in free if not other.token.verb and weight(other) >= 0.5]
    if item.slot == "subj" or (item.slot == "obj" and item.pos < item.verb_pos):
        return not any(other.slot == item.slot for other in nouns)
    return not nouns
