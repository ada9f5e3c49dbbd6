"""Negation, quantity, modality, numbers and names: each must be in the source as the statement has it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from kb.checking.clauses import Segment
from kb.checking.lexicon import lexicon
from kb.checking.match import OPPOSITE_PREPOSITIONS, Match, weight
from kb.checking.tokens import Kind
from kb.checking.words import EPISTEMIC, NEED, ONLY, PARTIAL, POSSIBLE, UNIVERSAL

_NECESSARY = frozenset(["must", "shall"])


def polarity(statement: Segment, evidence: Segment, matches: Sequence[Match]) -> list[str]:
    """Each clause must be as negative as the one that it comes from; opposites turn it over."""
    converse = "than" in statement.words and "than" in evidence.words
    for number, sub in enumerate(statement.subs):
        inside = [m for m in matches if m.other is not None and m.item.sub == number and m.other.level < 2]
        if not inside:
            continue
        hefts: dict[int, float] = {}
        for m in inside:
            assert m.other is not None
            bonus = 1.0 if m.other.token.verb or m.item.token.verb else 0.0
            hefts[m.other.sub] = hefts.get(m.other.sub, 0.0) + weight(m.item) + bonus
        partner = max(hefts, key=lambda sub: hefts[sub])
        # What stands behind "but not" decides by itself.
        for m in inside:
            assert m.other is not None
            other = evidence.subs[m.other.sub]
            least = {"contrast": 0.5, "without": 0.25}.get(other.kind, 9.0)
            if m.other.level == 0 and weight(m.item) >= least:
                partner = m.other.sub
        flips = sum(
            m.opposite
            for m in inside
            if m.other is not None and m.other.sub == partner and not (converse and m.item.token.degree)
        )
        strays = any(
            m.opposite and m.other is not None and m.other.sub != partner and not m.item.token.degree for m in inside
        )
        if sub.kind == "relative" and number and not strays and sub.negative == bool(flips % 2) and partner == 0:
            continue  # "data that is not used" for "unused data": the clause stands for an adjective
        hidden = number == 0 and partner == 0 and _hides(statement, matches) != _hides(evidence, matches)
        differs = (sub.negative != evidence.subs[partner].negative) != hidden
        if strays or flips > 1 or differs != bool(flips % 2):
            return ["the opposite is said"] if flips % 2 else ["a negation differs"]
    return []


def _hides(segment: Segment, matches: Sequence[Match]) -> bool:
    """Whether the main verb says "not" in its own way (fails, is waived) and has no counterpart."""
    held = {id(m.other) for m in matches if m.other is not None} | {id(m.item) for m in matches if m.other is not None}
    return any(
        i.token.key in lexicon().implicit_negations
        for i in segment.items
        if i.sub == 0 and not i.level and (i.token.finite or i.token.passive) and id(i) not in held
    )


def strength(statement: Segment, evidence: Segment) -> list[str]:
    """Quantity and modality may be weakened, never strengthened."""
    mine, theirs = statement.words, evidence.words
    if mine & {"always"} and not theirs & UNIVERSAL and "never" not in theirs:
        return ["“always” is not in the source"]
    if mine & (UNIVERSAL - {"any"}) and theirs & (PARTIAL | {"only"}) and not theirs & UNIVERSAL:
        return ["the source does not say it of all"]
    if "never" in mine and not theirs & {"never", "not", "no", "cannot", "without"}:
        return ["“never” is not in the source"]
    if "only" in mine and not theirs & ONLY:
        return ["“only” is not in the source"]
    for one, other in (("most", "least"), ("least", "most"), ("more", "less"), ("less", "more")):
        if "than" in mine and "than" in theirs and one in ("more", "less"):
            continue
        if one in mine and other in theirs and one not in theirs:
            return [f"“{one}” where the source says “{other}”"]
    necessary = (mine & _NECESSARY and not mine & {"may", "might", "can"}) or (
        mine & {"required", "mandatory", "compulsory"}
    )
    if necessary and theirs & {"can", "may", "might", "could", "optional"} and not theirs & NEED:
        return ["the source says that it may be, not that it must"]
    if (
        mine & {"may", "might", "optional", "can"}
        and not mine & {"not", "only"}
        and theirs & {"must", "shall", "required"}
        and not theirs & {"may", "can", "might", "not", "never"}
    ):
        return ["the source says that it must be"]
    if (
        theirs & EPISTEMIC
        and not (mine & NEED and "only" in theirs)
        and not mine & (POSSIBLE | EPISTEMIC)
        and not mine & {"not", "risk"}
    ):
        return ["the source says only that it may be"]
    if theirs & {"most", "some", "few", "many"} and mine & {"all", "every", "each", "none"} and not theirs & UNIVERSAL:
        return ["the source does not say it of all"]
    return []


def generalised(statement: Segment, evidence: Segment, matches: Sequence[Match]) -> list[str]:
    """What the source says of some kind of a thing must not be said of all: diesel pumps, all pumps."""
    held = {id(m.other) for m in matches if m.other is not None}
    before = {item.pos: item for item in evidence.items if not item.level}
    for m in matches:
        quantified = m.item.pos > 0 and statement.tokens[m.item.pos - 1].norm in ("all", "every", "each", "any")
        if not quantified or m.item.level or m.other is None or m.other.level:
            continue
        modifier = before.get(m.other.pos - 1)
        if modifier is not None and id(modifier) not in held and weight(modifier) >= 0.5 and not modifier.token.verb:
            return [f"the source says it only of “{modifier.token.text} {m.other.token.text}”"]
    return []


def degrees(matches: Sequence[Match], evidence: Segment) -> list[str]:
    """A comparative of the statement must be one in the source, and a superlative too."""
    for m in matches:
        if m.other is None or not m.item.token.degree:
            continue
        mine, theirs = m.item.token, m.other.token
        if theirs.degree and theirs.degree != mine.degree:
            return [f"“{mine.text}” is not what the source says"]
        if not theirs.degree and mine.key == theirs.key and not theirs.verb and not evidence.words & {"more", "less"}:
            return [f"“{mine.text}”: the source makes no comparison"]
    return []


def attached_numbers(statement: Segment, evidence: Segment, matches: Sequence[Match]) -> list[str]:
    """A number must belong to the same thing: the word after it is looked at in both texts."""
    by_pos = {m.item.pos: m for m in matches if not m.item.level}
    for m in matches:
        if m.other is None or m.item.token.kind is not Kind.NUMBER or m.item.token.unit or m.other.level:
            continue
        head = by_pos.get(m.item.pos + 1) or by_pos.get(m.item.pos + 2)
        if head is None or head.other is None or weight(head.item) < 0.5 or head.item.token.verb or head.other.level:
            continue
        if head.item.token.kind is Kind.NUMBER:
            continue
        if any(
            t.kind is Kind.MARK or t.norm in ("a", "an", "the") for t in statement.tokens[m.item.pos : head.item.pos]
        ):
            continue
        between = evidence.tokens[m.other.pos + 1 : head.other.pos]
        broken = any(t.norm in (",", "and", "or", "a", "an", "the") or t.kind is Kind.NUMBER for t in between)
        if broken or not 0 < head.other.pos - m.other.pos <= 5:
            return [f"“{m.item.token.text}” belongs to something else in the source"]
    return []


def compounds(statement: Segment, evidence: Segment, matches: Sequence[Match]) -> list[str]:
    """Words that stand together (original offer) or are joined by "and" must stand near each other in the source."""
    own = [m for m in matches if not m.item.level and m.other is not None and m.other.level < 2]
    at = {item.pos for item in evidence.items if not item.level}
    for m, after in pairwise(sorted(own, key=lambda m: m.item.pos)):
        assert m.other is not None
        assert after.other is not None
        if m.other.level or after.other.level or _loose(m) or _loose(after):
            continue
        between = [t.norm for t in statement.tokens[m.item.pos + 1 : after.item.pos]]
        distance = after.other.pos - m.other.pos
        if not between and distance == -1:
            return [f"“{m.item.token.text} {after.item.token.text}” stands the other way round in the source"]
        if not between and (distance > 4 or distance < -5):
            rival = (m.other.pos + 1 in at and not m.other.token.possessive) or after.other.pos - 1 in at
            if rival:
                return [f"“{m.item.token.text} {after.item.token.text}” does not stand together in the source"]
        elif between in (["and"], ["or"]) and m.other.sub != after.other.sub and m.item.slot == after.item.slot:
            return [f"“{m.item.token.text}” and “{after.item.token.text}” are not joined in the source"]
    return []


def _loose(m: Match) -> bool:
    other = m.other
    return (
        weight(m.item) < 0.5
        or m.item.token.verb
        or m.item.token.kind is Kind.NUMBER
        or m.item.token.norm.endswith("ly")
        or (other is not None and other.token.verb)
    )


def competition(statement: Segment, evidence: Segment, matches: Sequence[Match], used: Sequence[Match]) -> list[str]:
    """What the context lends must not stand where the source names something else."""
    held = {id(m.other) for m in matches if m.other is not None}
    lent_slots = {m.item.slot for m in used}
    if any(m.item.token.kind is Kind.NUMBER for m in used):
        return ["a number comes from another sentence"]
    own = sum(weight(m.item) / (1 + m.other.level) for m in matches if m.other is not None and m.other.level < 2)
    if own < 0.75 * sum(weight(m.item) for m in used):
        return ["too much of it comes from other sentences"]
    if evidence.has_verb and any(
        m.item.token.verb and not m.item.token.norm.endswith("ing") and weight(m.item) >= 0.5 for m in used
    ):
        return ["what it says comes from another sentence"]
    core = ("subj", "obj", "none", "comp", "verb")
    if any(m.item.slot in ("obj", "comp") and m.other is not None and m.other.slot not in core for m in used):
        return ["what it says comes from another sentence"]
    entities = (Kind.CODE, Kind.NAME)
    named = any(m.item.token.kind in entities for m in used)
    if named and any(i.token.kind in entities and id(i) not in held for i in evidence.items if i.level < 2):
        return ["the source says it of something else"]
    places = {(m.other.slot, m.other.pos // 8) for m in used if m.other is not None}
    if len({m.item.slot for m in used}) > 2 or len(places) > 3:
        return ["too much of it comes from other sentences"]
    rivals = [item for item in evidence.subject if id(item) not in held and weight(item) >= 0.5]
    if rivals and not evidence.starts_with_pronoun and lent_slots & {"subj", "obj", "none"}:
        return [f"the source says it of “{rivals[0].token.text}”"]
    lent = {id(m) for m in used}
    ordered = sorted((m for m in matches if not m.item.level), key=lambda m: m.item.pos)
    for one, other in pairwise(ordered):
        if evidence.words & {"its", "their", "his", "her"} and one.item.token.possessive:
            continue
        names = Kind.NAME in (one.item.token.kind, other.item.token.kind) and not one.item.token.verb
        if (
            names
            and other.item.token.norm not in ("is", "are")
            and not other.item.token.verb
            and other.item.pos == one.item.pos + 1
            and (id(one) in lent) != (id(other) in lent)
        ):
            return ["a name is put together from two places"]
    for m in used:
        if m.item.prep and any(frozenset((m.item.prep, word)) in OPPOSITE_PREPOSITIONS for word in evidence.words):
            return [f"“{m.item.prep}” comes from another sentence"]
        same = [
            i
            for i in evidence.items
            if i.slot == m.item.slot and i.prep == m.item.prep and m.item.prep not in ("", "of")
        ]
        if any(id(i) not in held and weight(i) >= 0.5 for i in same):
            return [f"“{m.item.token.text}” comes from another sentence"]
    return []
