"""Who does what to what: nothing may have changed places between a statement and its source."""

from __future__ import annotations

from collections.abc import Sequence

from kb.checking.clauses import Segment
from kb.checking.lexicon import lexicon
from kb.checking.match import OPPOSITE_PREPOSITIONS, Match, role_of, weight
from kb.checking.tokens import Kind
from kb.checking.words import PREPOSITIONS

_DIRECTIONAL = ("to", "into", "from", "onto")


_CONVERSE = {"before": "after", "after": "before", "cause": "effect", "effect": "cause"}


_SWAPPABLE = frozenset({"subj", "obj"}) | (PREPOSITIONS - {"of", "as"})


def roles(statement: Segment, evidence: Segment, matches: Sequence[Match]) -> list[str]:
    """No two items may have changed places, unless the verb or the comparison is turned round as well."""
    solid = [m for m in matches if m.other is not None and m.other.level < 2 and weight(m.item) >= 0.5]
    if "than" in statement.words:
        problem = _comparison(statement, evidence, solid)
        if problem:
            return [problem]
    for m in solid:
        assert m.other is not None
        if m.item.prep and m.other.prep and frozenset((m.item.prep, m.other.prep)) in OPPOSITE_PREPOSITIONS:
            return [f"“{m.item.prep}” where the source says “{m.other.prep}”"]
    verbs = {
        (m.item.pos, m.other.pos) for m in matches if m.other is not None and m.item.slot == m.other.slot == "verb"
    }
    converse = {
        pair
        for m in matches
        if m.other is not None
        and m.item.slot == m.other.slot == "verb"
        and frozenset((m.item.token.key, m.other.token.key)) in lexicon().converse
        for pair in [(m.item.pos, m.other.pos)]
    }
    roles: dict[tuple[int, int], set[tuple[str, str]]] = {}
    for m in solid:
        assert m.other is not None
        if m.item.level < 1 and m.other.level < 1:
            key = (m.item.verb_pos, m.other.verb_pos)
        else:
            key = (m.item.verb_pos if m.item.level < 1 else -9, -9)
        turned = {"subj": "obj", "obj": "subj"}.get(m.other.slot, m.other.slot) if key in converse else m.other.slot
        roles.setdefault(key, set()).add((m.item.slot, turned))
    for p in _DIRECTIONAL:
        into = any(
            m.item.slot == p and m.other is not None and m.other.slot != p for m in matches if weight(m.item) >= 0.5
        )
        out = any(m.item.slot in ("subj", "obj") and m.other is not None and m.other.slot == p for m in solid)
        if into and out:
            return ["the parts have changed places"]
    for key, pairs in roles.items():
        for one, other in pairs:
            if one == other or one not in _SWAPPABLE or other not in _SWAPPABLE or "than" in (one, other):
                continue
            agent = any(m.item.prep == "by" and m.item.slot == "subj" and m.item.verb_pos == key[0] for m in solid)
            if key in verbs and (one, other) == ("subj", "obj") and agent and ("obj", "obj") not in pairs:
                return ["the one who does it is the one it is done to in the source"]
            if (other, one) in pairs and (key in verbs or not {one, other} <= {"subj", "obj"}):
                return ["the parts have changed places"]
            crossed = key in verbs and {one, other} == {"subj", "obj"} and (one, one) not in pairs
            if crossed and any(
                m.item.slot == other and m.item.verb_pos == key[0] and weight(m.item) >= 0.5 for m in matches
            ):
                names = {"subj": "subject", "obj": "object"}
                return [f"the {names[one]} of the statement is the {names[other]} of the source"]
    for verb, other_verb in verbs - converse:
        mine = [m for m in solid if m.item.slot == "subj" and m.item.verb_pos == verb and not m.item.level]
        theirs = [i for i in evidence.items if i.slot == "subj" and i.verb_pos == other_verb and weight(i) >= 0.5]
        matched = {id(m.other): m.item for m in solid}
        stolen = any(id(i) in matched and matched[id(i)].slot == "obj" and not matched[id(i)].level for i in theirs)
        if mine and stolen and not any(m.other in theirs for m in mine):
            return ["the source says it of something else"]
    return _clause_swap(statement, evidence, solid) or _asserted(statement, evidence, matches)


def _asserted(statement: Segment, evidence: Segment, matches: Sequence[Match]) -> list[str]:
    """What the source only talks about (as its subject, or as a condition) is not what it says."""
    held = {id(m.other) for m in matches if m.other is not None}
    heads = [i for i in evidence.items if i.sub == 0 and not i.level and i.token.finite and weight(i) >= 0.5]
    for m in matches:
        if m.other is None and m.item.slot == "verb" and m.item.sub == 0 and not m.item.level and m.item.token.finite:
            # A verb that says little may be missing, but then the source's verb must not say something else.
            said = [i for i in evidence.items if i.sub == 0 and not i.level and i.slot == "comp" and weight(i) >= 0.5]
            if any(id(i) not in held for i in [*heads, *said]) and not any(
                x.item.token.verb
                and not x.item.token.norm.endswith("ing")
                and x.other is not None
                and weight(x.item) >= 0.5
                for x in matches
            ):
                return ["the source says something else about it"]
        if m.other is None or m.other.level or m.item.level or m.item.slot != "verb" or m.item.sub != 0:
            continue
        gerund = m.other.token.norm.endswith("ing") and not m.item.token.norm.endswith("ing")
        later = [i for i in heads if i.pos > m.other.pos]
        if gerund and later and m.other.sub == 0 and not any(id(i) in held for i in later) and m.other.prep == "":
            return ["the source says something else about it"]
    main = [
        m for m in matches if m.other is not None and m.other.level == 0 and m.item.sub == 0 and weight(m.item) >= 0.5
    ]
    kinds = {evidence.subs[m.other.sub].kind for m in main if m.other is not None}
    opening = next((t.norm for t in statement.tokens if t.kind is not Kind.MARK), "")
    if kinds == {"condition"} and opening not in ("while", "when") and evidence.subs[0].kind == "main":
        return ["in the source this is only a condition"]
    return []


def _comparison(statement: Segment, evidence: Segment, solid: Sequence[Match]) -> str:
    left = [
        m
        for m in solid
        if m.other is not None and m.item.prep != "than" and not m.item.token.verb and not m.item.token.degree
    ]
    right = [m for m in solid if m.other is not None and m.item.prep == "than"]
    flipped = any(m.opposite and (m.item.token.degree or m.item.slot == "verb") for m in solid)
    flipped = flipped != (("less" in statement.words) != ("less" in evidence.words) and not flipped)
    swapped = any(m.other is not None and m.other.prep == "than" for m in left) or any(
        m.other is not None and m.other.prep != "than" for m in right
    )
    if "than" not in evidence.words:
        return "" if not swapped or not right else "the comparison is not in the source"
    return "the comparison is turned round" if swapped != flipped else ""


def _clause_swap(statement: Segment, evidence: Segment, solid: Sequence[Match]) -> list[str]:
    """Condition and consequence, cause and effect, earlier and later must not have changed places."""
    linked: set[tuple[str, str]] = set()
    nouns = [m for m in solid if not m.item.token.verb]
    sides = {(role_of(statement, m.item), role_of(evidence, m.other)) for m in nouns if m.other is not None}
    apart = any(one != "main" and other == "main" for one, other in sides)
    if apart and any(one == "main" and other != "main" for one, other in sides):
        solid = nouns
    for m in solid:
        assert m.other is not None
        pair = (role_of(statement, m.item), role_of(evidence, m.other))
        if pair != ("main", "main") or not (m.item.token.verb and m.other.token.verb):
            linked.add(pair)
    if ("after", "until") in linked or ("until", "after") in linked:
        return ["“until” and “after” differ"]
    sequence = any(role_of(statement, m.item) == "after" for m in solid) and not evidence.words & {
        "after",
        "before",
        "once",
        "when",
    }
    if sequence and any(role == "main" for kind, role in linked if kind == "after"):
        return ["“after” is not in the source"]
    for one, other in linked:
        if one != "main" and _CONVERSE.get(one) == other:
            return [f"“{one}” where the source says “{other}”"]
        if one != "main" and other == "main" and one in ("condition", "before", "after", "cause", "effect"):
            kinds = {back for front, back in linked if front == "main"} - {"main"}
            wrong = {"condition"} if one == "condition" else {one}
            if kinds & wrong and (one, one) not in linked and ("main", "main") not in linked:
                return ["the clauses have changed places"]
    return []
