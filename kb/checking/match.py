"""Which item of a passage stands for which item of a statement."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from kb.checking.clauses import Item, Segment
from kb.checking.lexicon import lexicon, likeness, opposite, stem_of
from kb.checking.tokens import Kind, Token

OPPOSITE_PREPOSITIONS = {
    frozenset(pair.split())
    for pair in (
        "above below", "over under", "before after", "inside outside", "to from", "into out_of", "into from",
        "with without", "for against", "up down", "by after", "until after", "before since", "by since", "onto from",
        "above under", "over below", "within outside", "behind before",
    )
}  # fmt: skip


@dataclasses.dataclass(slots=True)
class Match:
    """An item of the statement and the item of the passage that stands for it."""

    item: Item
    other: Item | None
    quality: float
    opposite: bool = False


def weight(item: Item) -> float:
    """How much it counts that an item of a statement is backed."""
    token = item.token
    if token.kind is Kind.NUMBER:
        return 1.5
    if token.kind in (Kind.CODE, Kind.NAME):
        return 1.3
    known = lexicon()
    if token.degree:
        return 1.0
    if token.key in known.light_verbs and (token.verb or token.norm.endswith(("ed", "ing"))):
        return 0.25
    if token.norm in known.weak and item.slot == "comp" and not token.norm.endswith("ly"):
        return 0.8
    if token.norm in known.weak or token.norm.endswith("ly") or token.norm == "one":
        return 0.15
    if token.key in known.shell_nouns:
        return 0.5
    return 0.8 if token.verb else 1.0


def similarity(one: Token, other: Token) -> tuple[float, bool]:
    """How well a token of a passage stands for one of a statement, and whether it says the opposite."""
    if one.kind is Kind.NUMBER or other.kind is Kind.NUMBER:
        return _number_similarity(one, other)
    if one.norm == other.norm or (one.key == other.key and one.key):
        quality = 1.0
        if Kind.CODE in (one.kind, other.kind) and one.norm != other.norm:
            quality = 0.0
        return quality, bool(one.degree and other.degree and one.less != other.less)
    if one.kind is Kind.CODE or other.kind is Kind.CODE:
        return _code_similarity(one, other), False
    units = lexicon().units
    if one.norm in units and units[one.norm] == units.get(other.norm):
        return 1.0, False
    if one.degree == 1 and other.verb and not other.degree:
        known = lexicon()
        quality = likeness(stem_of(one.norm, known.irregular, known.spelling), other.key)
        if quality:
            return quality, False
    if opposite(one.key, other.key):
        flipped = not (one.degree and other.degree and one.less != other.less)
        return 0.8, flipped
    quality = likeness(one.key, other.key)
    if quality and Kind.NAME in (one.kind, other.kind) and quality < 0.95:
        return 0.0, False
    return quality, bool(quality and one.degree and other.degree and one.less != other.less)


def _number_similarity(one: Token, other: Token) -> tuple[float, bool]:
    if one.kind is not other.kind or one.norm != other.norm:
        if (one.norm == "1" and other.norm in ("single", "one")) or (
            other.norm == "1" and one.norm in ("single", "one")
        ):
            return 0.9, False
        if {one.norm, other.norm} == {"2", "both"}:
            return 0.9, False
        return 0.0, False
    if one.unit and other.unit and one.unit != other.unit:
        return 0.0, False
    if one.unit and not other.unit and one.unit not in ("deg", "eur", "usd", "gbp"):
        return 0.0, False
    if one.bound and other.bound and one.bound != other.bound:
        return 0.0, False
    return 1.0, False


def _code_similarity(one: Token, other: Token) -> float:
    """An identifier may be given by its last part, or an option by its name."""
    if one.kind is Kind.CODE and other.kind is Kind.CODE:
        long, short = (one.norm, other.norm) if len(one.norm) > len(other.norm) else (other.norm, one.norm)
        if long.endswith(("." + short, "::" + short)) or (short[-1:].isalnum() and long.startswith(short + "=")):
            return 0.95
    return 0.0


def _repeats(item: Item, items: Sequence[Item], evidence: Segment) -> bool:
    """Whether the statement names again what the source takes up with a pronoun, or leaves out after "another"."""
    if evidence.words & {"another", "other", "others", "both"}:
        return any(other.token.key == item.token.key for other in items if other is not item)
    return evidence.has_pronoun and any(
        other.token.key == item.token.key and other.sub != item.sub for other in items if other is not item
    )


def _acronym(item: Item, pool: Sequence[Item]) -> Item | None:
    """The item whose run of words has the token's letters as initials: UK, United Kingdom."""
    letters = item.token.text
    if not (2 <= len(letters) <= 6 and letters.isupper() and letters.isalpha()):
        return None
    plain = [other for other in pool if other.token.kind in (Kind.WORD, Kind.NAME)]
    for at in range(len(plain) - len(letters) + 1):
        if "".join(other.token.norm[:1] for other in plain[at : at + len(letters)]) == letters.casefold():
            return plain[at]
    return None


def _spelled_out(item: Item, items: Sequence[Item], pool: Sequence[Item]) -> Item | None:
    """The acronym in the source that the word belongs to as one of its initials."""
    ordered = sorted((i for i in items if i.token.kind in (Kind.WORD, Kind.NAME)), key=lambda i: i.pos)
    at = next((k for k, other in enumerate(ordered) if other is item), -1)
    for other in pool:
        letters = other.token.text.casefold()
        if at < 0 or not (2 <= len(letters) <= 6 and other.token.text.isupper() and letters.isalpha()):
            continue
        for begin in range(max(0, at - len(letters) + 1), at + 1):
            run = ordered[begin : begin + len(letters)]
            if "".join(one.token.norm[:1] for one in run) == letters:
                return other
    return None


def role_of(segment: Segment, item: Item) -> str:
    """The kind of the clause that an item stands in: main, condition, before, ..."""
    if item.level or item.sub >= len(segment.subs):
        return "main"
    return segment.subs[item.sub].kind


def align(statement: Segment, evidence: Segment, context: Sequence[Item]) -> list[Match]:
    """For each item of the statement the item of the evidence, or else of the context, that stands for it."""
    items, own = statement.items, evidence.items
    candidates = [*own, *context]
    taken: set[int] = set()
    matches: list[Match] = []
    expected = -1
    exact = {other.token.key for other in candidates} | {other.token.norm for other in candidates}
    order = sorted(
        range(len(items)),
        key=lambda k: (
            items[k].level,
            items[k].token.key not in exact and items[k].token.norm not in exact,
            items[k].pos,
        ),
    )
    lent_at = -1
    following = {items[k].pos: items[k] for k in range(len(items))}
    after = {other.pos: other for other in own}
    last = -1
    for k in order:
        item = items[k]
        ahead = following.get(item.pos + 1)
        best, best_score, best_quality, best_opposite = -1, 0.0, 0.0, False
        for number, other in enumerate(candidates):
            quality, flipped = similarity(item.token, other.token)
            if not quality or (flipped and other.level == 2):
                continue
            if number in taken and weight(item) >= 0.5 and not _repeats(item, items, evidence):
                continue
            score = (
                quality
                - 0.3 * (other.level == 2)
                - 0.25 * flipped
                - 0.002 * (abs(other.pos - expected) if other.level == 0 else 15)
            )
            score += 0.06 * (other.slot == item.slot) + 0.03 * (other.token.verb == item.token.verb)
            score -= 0.05 * (number in taken)
            if other.level < 2:
                score += 0.08 * (role_of(statement, item) == role_of(evidence, other))
            if other.level == 0:
                ahead_other = after.get(other.pos + 1)
                if ahead is not None and ahead_other is not None and similarity(ahead.token, ahead_other.token)[0]:
                    score += 0.15
                score += 0.15 * (other.pos == expected and item.pos == last + 1)
            if other.level == 2 and item.pos == last + 1 and lent_at >= 0 and other.pos == lent_at + 1:
                score += 0.35
            if score > best_score:
                best, best_score, best_quality, best_opposite = number, score, quality, flipped
        if best < 0:
            stand_in = _acronym(item, candidates) or _spelled_out(item, items, candidates)
            matches.append(Match(item, stand_in, 0.95 if stand_in else 0.0))
            continue
        taken.add(best)
        lent_at = candidates[best].pos if candidates[best].level == 2 else -1
        if not candidates[best].level:
            expected = candidates[best].pos + 1
        last = item.pos
        matches.append(Match(item, candidates[best], best_quality, best_opposite))
    return matches
