"""A sentence as propositions: coordinated segments, subordinate clauses in them, and who does what to what.

There is no parser here. Closed classes (conjunctions, prepositions, auxiliaries) and the marked verbs carry it;
what they do not settle is left loose, and the checks that read it are written for that.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from itertools import pairwise

from kb.checking.fold import fold
from kb.checking.lexicon import lexicon
from kb.checking.tokens import Kind, Token, raw_tokens
from kb.checking.verbs import mark_verbs
from kb.checking.words import ADVERB_LIKE, ADVERBS, BE, DETERMINERS, PREPOSITIONS, PRONOUNS, SUBJECT_PRONOUNS

_CUT = frozenset(["but", "whereas", "while", "yet", "nor"])
_MARKERS = {
    "if": "condition", "when": "condition", "whenever": "condition", "unless": "condition", "once": "condition",
    "because": "cause", "since": "cause", "so": "effect", "therefore": "effect", "until": "until", "till": "until",
    "before": "before", "after": "after", "although": "concession", "though": "concession", "despite": "concession",
    "where": "relative", "which": "relative", "who": "relative", "whose": "relative", "that": "relative",
    "instead_of": "contrast", "without": "without", "except": "contrast",
}  # fmt: skip


@dataclasses.dataclass(slots=True)
class Item:
    """A content token in its place."""

    token: Token
    pos: int
    sub: int
    slot: str
    """`subj`, `obj`, or the preposition that governs it; passives are turned round."""
    prep: str
    verb_pos: int
    level: int = 0
    """0 of the segment itself, 1 inherited from the one before (subject, shared verb), 2 context."""


@dataclasses.dataclass(slots=True)
class Sub:
    """A clause within a segment."""

    kind: str
    negative: bool = False
    copula: bool = False


@dataclasses.dataclass(slots=True)
class Segment:
    """One proposition."""

    tokens: list[Token]
    items: list[Item]
    subs: list[Sub]
    words: frozenset[str]
    """Every token's lower-case form."""
    subject: list[Item]
    """What stands before the first verb of the main clause."""
    fronted: list[Item]
    starts_with_pronoun: bool
    has_pronoun: bool
    has_verb: bool
    elided: bool = False
    """The subject or verb is taken over from the segment before."""


@dataclasses.dataclass(slots=True)
class Sentence:
    """A sentence, or heading, of a passage."""

    start: int
    end: int
    segments: list[Segment]


def read_sentence(text: str, start: int, end: int) -> Sentence:
    """The segments of `text[start:end]`, each with what it takes over from the one before."""
    segments: list[Segment] = []
    for part in _full_stops(mark_verbs(fold(raw_tokens(text[start:end])))):
        made = [make_segment(piece) for piece in _split(part) if any(t.kind is not Kind.MARK for t in piece)]
        for before, segment in pairwise(made):
            _inherit(segment, before)
        segments += made
    return Sentence(start, end, segments)


def _full_stops(tokens: list[Token]) -> list[list[Token]]:
    """Tokens cut at full stops that the splitter of sentences took for those of an abbreviation."""
    parts: list[list[Token]] = [[]]
    for i, token in enumerate(tokens):
        parts[-1].append(token)
        if token.kind is Kind.MARK and token.norm in ".!?" and i + 1 < len(tokens) and tokens[i + 1].text[:1].isupper():
            parts.append([])
    return parts


def _split(tokens: list[Token]) -> list[list[Token]]:
    """Tokens cut where a new proposition begins."""
    pieces: list[list[Token]] = []
    current: list[Token] = []
    for i, token in enumerate(tokens):
        if current and _cuts(tokens, i, token, current):
            pieces.append(current)
            current = [] if token.norm in (";", ",") else [token]
            continue
        current.append(token)
    pieces.append(current)
    return pieces


def _cuts(tokens: list[Token], i: int, token: Token, current: list[Token]) -> bool:
    norm = token.norm
    if norm == ";" or (token.kind is Kind.MARK and norm in ".!?"):
        return norm == ";"
    if norm in _CUT:
        right = _chunk(tokens, i + 1)
        verbal = _has_finite(right) or bool(right and right[0].verb and not right[0].norm.endswith("ing"))
        return (
            verbal or norm != "but" or (bool(right) and right[0].norm != "not" and _gapped(current, right, norm, False))
        )
    if token.kind is Kind.CODE or norm not in ("and", "or", ","):
        return False
    if (
        norm == ","
        and i + 1 < len(tokens)
        and (tokens[i + 1].norm in ("and", "or", "but") or tokens[i + 1].norm in _CUT)
    ):
        return False
    right = _chunk(tokens, i + 1)
    left = _clause_left(current)
    if not right or not _has_verb(left):
        return False
    if norm == "or" and not _has_finite(right):
        return False
    lead = [t for t in right if t.norm not in ADVERB_LIKE]
    if norm != "," and lead and lead[0].verb and not lead[0].norm.endswith("ing"):
        # "read and write the file": two verbs for one object stay together.
        return not current[-1].verb or lead[0].kind is Kind.FUNCTION
    if norm == "," and current[0].norm in ("while", "whereas") and _has_finite(current) and _has_finite(right):
        return True
    if norm == "," and (
        _fronted(current) or right[0].norm in _MARKERS or right[0].norm.endswith("ing") or right[0].passive
    ):
        return False
    if _has_finite(right) and right[0].norm not in _MARKERS:
        return norm != "," or not _is_list(tokens, i)
    return _gapped(left, right, norm, _is_list(tokens, i))


def _chunk(tokens: list[Token], start: int) -> list[Token]:
    """Tokens up to the next place where something may begin."""
    found: list[Token] = []
    for token in tokens[start:]:
        if (token.kind is Kind.MARK and token.norm in ",;.!?:") or (found and token.norm in _CUT):
            break
        if found and token.norm in ("and", "or") and any(t.finite for t in found):
            break
        found.append(token)
    return found


def _clause_left(current: list[Token]) -> list[Token]:
    """The end of what stands to the left, back to the clause marker that it belongs to."""
    for i in range(len(current) - 1, 0, -1):
        if current[i].norm in _MARKERS and current[i].norm not in (
            "before",
            "after",
            "without",
            "that",
            "instead_of",
            "so",
        ):
            comma = any(t.norm == "," for t in current[i:])
            if not comma:
                return current[i:] if not _has_verb(current[i:]) else current
            break
    return current


def _fronted(current: list[Token]) -> bool:
    """Whether what stands before a comma is an opening phrase ("In Python," "If so,") and no proposition yet."""
    if any(t.norm == "," for t in current):
        return False
    first = current[0].norm
    if first in ("and", "but") and len(current) > 1:
        first = current[1].norm
    return (
        first in _MARKERS
        or first in PREPOSITIONS
        or first in ("to", "while", "whereas")
        or not _has_verb(current)
        or first.endswith("ing")
    )


def _has_finite(tokens: list[Token]) -> bool:
    for token in tokens:
        if token.norm in _MARKERS:
            return False
        if token.finite:
            return True
    return False


def _has_verb(tokens: list[Token]) -> bool:
    return any(token.finite or (token.verb and not token.norm.endswith("ing")) for token in tokens)


def _is_list(tokens: list[Token], i: int) -> bool:
    """Whether the comma at `i` stands in a list of three or more: a, b and c."""
    ahead = tokens[i + 1 : i + 12]
    for k, token in enumerate(ahead):
        if token.norm in ("and", "or"):
            return not any(t.finite for t in ahead[:k])
        if token.norm in (";", "."):
            return False
    return False


def _gapped(left: list[Token], right: list[Token], norm: str, in_list: bool) -> bool:
    """Whether a piece without a verb repeats the pattern of the one before: "... at 75, black tea at 95"."""
    if right[0].norm in PREPOSITIONS:
        shared = {t.norm for t in right if t.norm in PREPOSITIONS} & {t.norm for t in left if t.norm in PREPOSITIONS}
        return len(shared - {"of"}) >= 2
    if in_list and norm == ",":
        return False
    if norm == "," and len(right) > 1 and right[0].code and right[1].norm in PREPOSITIONS - {"of"}:
        return True
    content = sum(t.kind not in (Kind.FUNCTION, Kind.MARK) for t in right)
    if content < 2:
        return False
    links = {t.norm for t in right[1:] if t.norm in PREPOSITIONS or t.norm in _MARKERS}
    shared = (links - {"of"}) & {t.norm for t in left}
    last_verb = next((t for t in reversed(left) if t.verb), None)
    if shared:
        copula = last_verb is not None and last_verb.kind is Kind.FUNCTION
        return not (copula and norm == "and" and len(shared) == 1 and shared <= PREPOSITIONS)
    dets = [k for k, t in enumerate(right) if t.norm in ("a", "an", "the")]
    joined = any(t.norm in ("and", "or", "of") for t in right)
    return norm == "," and len(dets) >= 2 and dets[0] == 0 and not joined


def make_segment(tokens: list[Token]) -> Segment:
    """The items of a segment with clause, slot and governing preposition."""
    subs = [Sub("main")]
    where = _clauses(tokens, subs)
    items = _items(tokens, where, subs)
    _canonical_polarity(subs)
    main = [item for item in items if item.sub == 0]
    verb_at = next((i for i, t in enumerate(tokens) if where[i] == 0 and (t.finite or t.verb)), -1)
    lead = [t for t in tokens if t.kind is not Kind.MARK and t.norm not in ("and", "or", "but", "then", "also", "so")]
    subject = [item for item in main if verb_at >= 0 and item.pos < verb_at and item.prep in ("", "of")]
    comma = next((i for i, t in enumerate(tokens) if t.norm == ","), -1)
    opening = tokens and comma > 0 and (tokens[0].norm in PREPOSITIONS or tokens[0].norm in _MARKERS)
    return Segment(
        tokens=tokens,
        items=items,
        subs=subs,
        words=frozenset(t.norm for t in tokens),
        subject=subject,
        fronted=[item for item in items if item.pos < comma] if opening else [],
        starts_with_pronoun=bool(lead) and lead[0].norm in SUBJECT_PRONOUNS,
        has_pronoun=any(t.norm in PRONOUNS and t.kind is Kind.FUNCTION for t in tokens),
        has_verb=verb_at >= 0,
    )


def clause_of(tokens: Sequence[Token]) -> tuple[list[int], list[str]]:
    """For each token the number of the clause that it stands in, and the kind of each clause."""
    subs = [Sub("main")]
    return _clauses(list(tokens), subs), [sub.kind for sub in subs]


def _clauses(tokens: list[Token], subs: list[Sub]) -> list[int]:
    """For each token the clause that it stands in; clauses are added to `subs`."""
    where: list[int] = []
    current = 0
    opened_by_comma = False
    neither = any(t.norm == "neither" for t in tokens)
    negations = lexicon().negations - {"without"}
    for i, token in enumerate(tokens):
        norm = token.norm
        previous = tokens[i - 1].norm if i else ""
        if token.kind is Kind.MARK:
            if norm in ",)" and current and opened_by_comma and subs[current].kind not in ("effect",):
                current = 0
            where.append(current)
            continue
        if (
            token.finite
            and current
            and subs[current].kind == "relative"
            and not opened_by_comma
            and _has_finite_at(tokens, where, current, i)
        ):
            current = 0
        kind = _marker(tokens, i) if token.kind is Kind.FUNCTION else ""
        if kind:
            subs.append(Sub(kind, negative=norm in ("unless", "without", "instead_of", "except")))
            current = len(subs) - 1
            opened_by_comma = (
                i == 0
                or previous in (",", "(")
                or all(t.kind is Kind.MARK or t.norm in ("and", "but", "only") for t in tokens[:i])
            )
        elif norm == "not" and previous in ("but", "and", ",", "or") and not _has_finite(tokens[i + 1 : i + 5]):
            subs.append(Sub("contrast", negative=not subs[current].negative))
            current = len(subs) - 1
            opened_by_comma = previous == ","
        elif norm in negations and token.kind is not Kind.CODE and not (norm == "nor" and neither):
            subs[current].negative = not subs[current].negative
        where.append(current)
    return where


def _has_finite_at(tokens: list[Token], where: list[int], sub: int, end: int) -> bool:
    """Whether a relative clause has its verb already, so that the next one is the main clause's."""
    found = [k for k in range(end) if where[k] == sub and tokens[k].finite]
    main = any(where[k] == 0 and tokens[k].finite for k in range(end))
    return (
        bool(found)
        and not main
        and tokens[end - 1].norm not in ("and", "or")
        and end - found[-1] > 0
        and not tokens[end - 1].finite
    )


def _marker(tokens: list[Token], i: int) -> str:
    norm = tokens[i].norm
    kind = _MARKERS.get(norm, "")
    if norm == "that":  # a pronoun or determiner before a noun; a clause after a noun or before a verb
        following = tokens[i + 1] if i + 1 < len(tokens) else None
        previous = tokens[i - 1] if i else None
        relative = following is not None and previous is not None and previous.kind is not Kind.FUNCTION
        return kind if relative else ""
    if norm == "so":
        return kind if i and tokens[i - 1].norm in (",", "and") else ""
    if norm == "since" and i + 1 < len(tokens) and tokens[i + 1].kind is Kind.NUMBER:
        return ""
    return kind


def _canonical_polarity(subs: list[Sub]) -> None:
    """Put "not" where it counts: "not A unless B" is "A only if B"; "not A until B" is "A only after B"."""
    for sub in subs[1:]:
        if sub.kind == "condition" and sub.negative and subs[0].negative:
            sub.negative = subs[0].negative = False
        elif sub.kind == "until" and subs[0].negative:
            subs[0].negative = False
            sub.kind = "after"


def _items(tokens: list[Token], where: list[int], subs: list[Sub]) -> list[Item]:
    items: list[Item] = []
    prep, sub = "", -1
    for i, token in enumerate(tokens):
        if where[i] != sub:
            sub, prep = where[i], ""
        norm = token.norm
        if token.kind is Kind.MARK:
            prep = "" if norm in ",()" else prep
            continue
        if token.kind is Kind.FUNCTION:
            if norm in PREPOSITIONS and not (norm == "to" and _infinitive(tokens, i)):
                if prep != "than":
                    prep = norm if norm != "of" else prep or "of"
            elif (
                norm in BE
                or norm in ("have", "has", "had")
                or (norm in ("the", "a", "an") and i and tokens[i - 1].kind not in (Kind.FUNCTION, Kind.MARK))
            ):
                prep = ""
            continue
        if token.verb:
            prep = ""
        verb_at, slot = _slot(tokens, where, i, prep)
        if norm in ADVERBS or (norm.endswith("ly") and not token.verb):
            slot = "adverb"
        items.append(Item(token, i, sub, slot, prep, verb_at))
    return items


def _infinitive(tokens: list[Token], i: int) -> bool:
    return i + 1 < len(tokens) and tokens[i + 1].verb


def _slot(tokens: list[Token], where: list[int], pos: int, prep: str) -> tuple[int, str]:
    """The verb that governs a token, and the token's part in it; passives are turned round."""
    if tokens[pos].verb:
        return pos, "verb"
    back = pos - 1
    while back >= 0 and where[back] == where[pos] and not tokens[back].verb and tokens[back].norm != ",":
        back -= 1
    governed = back >= 0 and where[back] == where[pos] and tokens[back].verb
    if not governed:
        back = next(
            (
                k
                for k in range(pos + 1, len(tokens))
                if (where[k] == where[pos] and tokens[k].finite) or tokens[k].passive
            ),
            -1,
        )
        if back < 0:
            return -1, prep if prep not in ("", "of") else "none"
        # From the auxiliary to the verb that it helps.
        back = next(
            (
                k
                for k in range(back, min(back + 5, len(tokens)))
                if tokens[k].verb and tokens[k].kind is not Kind.FUNCTION
            ),
            back,
        )
    verb = tokens[back]
    if prep not in ("", "of"):
        return back, "subj" if verb.passive and prep == "by" else prep
    copula = verb.kind is Kind.FUNCTION
    if governed:
        return back, "comp" if copula or verb.passive else "obj"
    return back, "obj" if verb.passive else "subj"


def _inherit(segment: Segment, previous: Segment) -> None:
    """Give a segment what it leaves out: its subject, or for a gapped one its verb."""
    lead = [
        t
        for t in segment.tokens
        if t.kind is not Kind.MARK
        and t.norm not in ("and", "or", "but", "then", "also", "so", "not", "never", "only", "while", "whereas")
    ]
    first = lead[0] if lead else None
    taken: list[Item] = []
    if not segment.has_verb:
        segment.elided = True
        taken = [item for item in previous.items if item.token.verb or item.slot == "verb"]
        bare = [item for item in segment.items if item.prep in ("", "of")]
        if previous.subject and first is not None and first.norm not in PREPOSITIONS and len(bare) < len(segment.items):
            taken += [
                item
                for item in previous.items
                if item.slot == "obj" and item.pos > item.verb_pos and item.prep in ("", "of") and item not in taken
            ]
        if first is not None and first.norm in PREPOSITIONS:
            taken = [
                item
                for item in previous.items
                if item.prep in ("", "of") and item.pos < _first_prep(previous, first.norm)
            ]
    elif segment.starts_with_pronoun or (first is not None and (first.verb or first.finite)):
        segment.elided = True
        taken = previous.subject or [item for item in previous.items if item.level and item.slot in ("subj", "obj")]
        segment.subject = [*taken, *segment.subject]
    else:
        return
    passive = any(t.passive for t in segment.tokens)
    for item in taken:
        role = item.slot if not segment.has_verb else ("obj" if passive else "subj")
        segment.items.append(dataclasses.replace(item, pos=item.pos - 1000, sub=0, slot=role, level=1))
    if segment.has_verb:
        return
    # A gapped segment: what stands before its first preposition or second article is the subject.
    seen = 0
    for item in segment.items:
        if item.level == 0 and item.slot == "none":
            dets = sum(t.norm in ("a", "an", "the") for t in segment.tokens[: item.pos])
            item.slot = "obj" if (seen and dets > 1) or not (previous.subject or previous.elided) else "subj"
            seen += 1
    segment.subject = [item for item in segment.items if item.level == 0 and item.slot == "subj"]


def _first_prep(segment: Segment, prep: str) -> int:
    return next((i for i, t in enumerate(segment.tokens) if t.norm == prep), len(segment.tokens))


def starts_determined(tokens: list[Token]) -> bool:
    """Whether a segment opens with a determiner or pronoun that points back (this, these, such, its)."""
    return bool(tokens) and tokens[0].norm in (DETERMINERS - {"a", "an", "the", "all", "any", "no", "every", "each"})
