"""A proposition taken apart further: side remarks and reasons become propositions of their own.

"Haydn, who wrote 68 quartets, was born in Rohrau" says two things, and they may come from two sentences.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from kb.checking.clauses import Segment, clause_of, make_segment
from kb.checking.tokens import Kind, Token
from kb.checking.words import DETERMINERS, PREPOSITIONS

_APART = frozenset({"cause", "effect", "concession"})
_RELATIVES = frozenset(["which", "who"])
_MAX_HEAD = 7


def parts(segment: Segment) -> list[Segment]:
    """The propositions that a segment can be taken apart into; empty if it says only one thing."""
    tokens = segment.tokens
    for take in (_aside, _reason):
        found = take(tokens)
        if found:
            return [one for one in map(make_segment, found) if one.items]
    return []


def _aside(tokens: Sequence[Token]) -> list[list[Token]]:
    """A remark between commas after the first noun: ", a volcano in Kenya," or ", which is dormant,"."""
    first = next((i for i, t in enumerate(tokens) if t.norm == ","), -1)
    if not 0 < first <= _MAX_HEAD or first + 2 >= len(tokens):
        return []
    head = list(tokens[:first])
    if any(t.finite or (t.verb and not t.norm.endswith("ing")) for t in head) or tokens[0].norm in PREPOSITIONS:
        return []
    second = next((i for i in range(first + 1, len(tokens)) if tokens[i].norm == ","), -1)
    if second < 0 or second + 1 >= len(tokens):
        return []
    inside, rest = list(tokens[first + 1 : second]), list(tokens[second + 1 :])
    if not any(t.finite for t in rest):
        return []
    if inside[0].norm in _RELATIVES:
        return [[*head, *rest], [*head, *inside[1:]]]
    if inside[0].norm in ("a", "an", "the") and not any(t.finite for t in inside):
        return [[*head, *rest], [*head, _is(), *inside]]
    if inside[0].verb and inside[0].norm.endswith("ed") and not any(t.finite for t in inside[1:]):
        return [[*head, *rest], [*head, _is(), dataclasses.replace(inside[0], passive=True), *inside[1:]]]
    return []


def _reason(tokens: Sequence[Token]) -> list[list[Token]]:
    """Reasons, results and relative clauses after a comma, apart from what they belong to."""
    where, kinds = clause_of(tokens)
    apart = [n for n, kind in enumerate(kinds) if kind in _APART]
    for n, kind in enumerate(kinds):
        at = next((i for i, sub in enumerate(where) if sub == n), 0)
        if kind == "relative" and tokens[at].norm in _RELATIVES and at and tokens[at - 1].norm == ",":
            apart.append(n)
    pieces: list[list[Token]] = []
    for n in apart:
        own = [i for i, sub in enumerate(where) if sub == n]
        if len(own) < 3 or len(own) >= len(tokens) - 1:
            continue
        body = [tokens[i] for i in own[1:]]
        if kinds[n] == "relative":
            body = [*_noun_before(tokens, own[0]), *body]
        pieces.append(body)
    if not pieces:
        return []
    gone = {i for i, sub in enumerate(where) if sub in apart}
    return [[t for i, t in enumerate(tokens) if i not in gone], *pieces]


def _noun_before(tokens: Sequence[Token], at: int) -> list[Token]:
    """The noun phrase that ends before a relative clause."""
    found: list[Token] = []
    for token in reversed(tokens[:at]):
        if token.kind is Kind.MARK and not found:
            continue
        if token.kind in (Kind.FUNCTION, Kind.MARK) or token.verb:
            break
        found.insert(0, token)
    return [t for t in found if t.norm not in DETERMINERS]


def _is() -> Token:
    return Token("is", "is", Kind.FUNCTION, key="is", verb=True, finite=True)
