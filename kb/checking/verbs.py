"""The verbs of a sentence, found from closed classes, agreement and a list of common verbs; there is no tagger."""

from __future__ import annotations

from itertools import pairwise

from kb.checking.lexicon import lexicon
from kb.checking.tokens import Kind, Token
from kb.checking.words import (
    AUXILIARIES,
    BE,
    CERTAIN_SUBJECTS,
    CLAUSE_STARTS,
    DETERMINERS,
    MODAL_ONLY,
    PREPOSITIONS,
    SKIPPED,
)

_NOMINAL = ("tion", "tions", "sion", "sions", "ment", "ments", "ness", "ity", "ance", "ence", "er", "ers", "or", "ors")


def mark_verbs(tokens: list[Token]) -> list[Token]:
    """Verbs marked from their neighbours: no tagger, only closed classes, agreement and a list of common verbs."""
    known = lexicon().verbs
    seen_finite = boundary = open_main = False
    for i, token in enumerate(tokens):
        lower = token.norm
        if lower in ("that", "which", "who") and not seen_finite and i and tokens[i - 1].kind is not Kind.FUNCTION:
            open_main = True
        if lower in CLAUSE_STARTS or (token.kind is Kind.MARK and lower not in ",()"):
            seen_finite = boundary = False
            continue
        if token.kind is Kind.MARK or lower in ("and", "or"):
            boundary = True
            continue
        if lower in AUXILIARIES and token.kind is Kind.FUNCTION:
            token.finite = lower not in ("be", "been", "being")
            token.verb = lower not in MODAL_ONLY
            seen_finite, boundary = seen_finite or token.finite, False
            continue
        if token.norm == "lower" and token.degree and i + 1 < len(tokens) and _lowers(tokens, i):
            token.degree, token.key = 0, "lower"
        if token.kind is not Kind.WORD or token.code or token.degree or token.joined:
            continue
        bare = token.norm.removesuffix("s")
        nominal = token.norm.endswith(_NOMINAL) and token.norm != token.key and bare not in lexicon().verb_forms
        if (token.key not in known or nominal) and not _verb_like(token, tokens, i):
            continue
        _verb(token, tokens, i, seen_finite and not boundary, boundary)
        if open_main and seen_finite and not token.verb and not boundary:
            # The relative clause has its verb; this may be the main clause's: "Data that is old expires".
            _verb(token, tokens, i, False, boundary)
            if token.finite:
                open_main = False
        if token.finite:
            seen_finite, boundary = True, False
    starts = [0, *(i + 1 for i, t in enumerate(tokens) if t.norm in ("and", "but") and i and tokens[i - 1].norm == ",")]
    for start, end in pairwise([*starts, len(tokens)]):
        _missed(tokens[start:end])
    return tokens


def _missed(tokens: list[Token]) -> None:
    """A verb for a sentence in which agreement found none: "Least connections picks the server"."""
    if any(t.finite for t in tokens):
        return
    for i, token in enumerate(tokens):
        previous = tokens[i - 1] if i else None
        if previous is None or token.kind is not Kind.WORD or token.code or token.joined or token.degree:
            continue
        if previous.norm in DETERMINERS | PREPOSITIONS or previous.possessive or previous.kind is Kind.MARK:
            continue
        third = _ends_in_s(token) and not _ends_in_s(previous) and previous.kind in (Kind.WORD, Kind.NAME, Kind.CODE)
        if (
            (token.key in lexicon().verbs or third)
            and not token.norm.endswith(("ing", *_NOMINAL))
            and _followed(tokens, i)
        ):
            token.verb = token.finite = True
            return


def _lowers(tokens: list[Token], i: int) -> bool:
    """Whether "lower" is the verb: "banks lower rates", "to lower it"."""
    previous, after = _previous(tokens, i), tokens[i + 1]
    if previous is None or after.norm == "than" or after.kind is Kind.MARK:
        return False
    return (
        previous.norm in MODAL_ONLY
        or previous.norm in ("to", "they", "we", "you")
        or (previous.kind is Kind.WORD and _ends_in_s(previous))
    )


def _verb_like(token: Token, tokens: list[Token], i: int) -> bool:
    """Whether a word that the list of verbs does not have stands where only a verb can."""
    lower = token.norm
    if len(lower) > 5 and lower.endswith(("ing", "ed")):
        return True
    if lower in SKIPPED or lower in lexicon().weak or lower.endswith("ly"):
        return False
    before = tokens[i - 1].norm if i else ""
    return before in MODAL_ONLY or before in CERTAIN_SUBJECTS - {"others", "who", "which"}


def _previous(tokens: list[Token], i: int) -> Token | None:
    for token in reversed(tokens[max(0, i - 4) : i]):
        if token.norm not in SKIPPED and not token.norm.endswith("ly"):
            return token
    return None


def _is_past(token: Token) -> bool:
    form = token.form or token.norm
    return form.endswith("ed") or (form in lexicon().irregular and form not in ("does", "has", "goes"))


def _ends_in_s(token: Token) -> bool:
    form = token.form or token.norm
    return form.endswith("s") and not form.endswith(("ss", "us", "is"))


def _verb(token: Token, tokens: list[Token], i: int, taken: bool, boundary: bool) -> None:
    form = token.form or token.norm
    previous = _previous(tokens, i)
    before = previous.norm if previous else ""
    following = tokens[i + 1] if i + 1 < len(tokens) else None
    if _is_noun_elsewhere(token, tokens, i):
        return
    if (
        following is not None
        and following.norm in AUXILIARIES
        and following.kind is Kind.FUNCTION
        and not form.endswith("ing")
    ):
        return
    if previous is None or previous.kind is Kind.MARK or before in CLAUSE_STARTS - CERTAIN_SUBJECTS:
        base_form = not form.endswith("ing") and not _is_past(token) and not _ends_in_s(token)
        token.verb = token.finite = base_form and not taken and _imperative(tokens, i)
        token.verb = token.verb or form.endswith("ing")
        if before in ("which", "that", "who", "but") and not form.endswith("ing"):
            token.verb = token.finite = before != "but" or _ends_in_s(token) or base_form
        return
    if before in BE:
        token.verb = _is_past(token) or form.endswith("ing")
        token.passive = _is_past(token)
        return
    if before in ("have", "has", "had"):
        token.verb = _is_past(token)
        return
    if before in MODAL_ONLY or before in ("do", "does", "did"):
        token.verb = token.finite = True
        return
    if before == "to":
        token.verb = not _ends_in_s(token) and not form.endswith("ing")
        return
    if before in DETERMINERS or previous.possessive or before in PREPOSITIONS:
        token.verb = form.endswith("ing") and before not in DETERMINERS and not previous.possessive
        return
    if form.endswith("ing"):
        token.verb = following is not None and following.kind is not Kind.MARK and not following.finite
        token.verb = token.verb and following is not None and following.norm not in ("and", "or")
        return
    if (
        _is_past(token)
        and following is not None
        and following.norm in ("by", "with", "for", "in", "on", "at", "from", "as")
        and taken
    ):
        token.verb = token.passive = True
        return
    _finite(token, previous, tokens, i, taken, boundary)


def _is_noun_elsewhere(token: Token, tokens: list[Token], i: int) -> bool:
    """Whether the same form stands after an article or preposition in this sentence, so that it is a noun."""
    return any(
        other.norm == token.norm
        and k != i
        and k
        and tokens[k - 1].norm in (DETERMINERS | PREPOSITIONS) - {"that", "to"}
        for k, other in enumerate(tokens)
    ) or any(
        other.norm == token.norm
        and k != i
        and k > 1
        and tokens[k - 1].norm == "to"
        and tokens[k - 2].kind is not Kind.FUNCTION
        and not (k + 1 < len(tokens) and tokens[k + 1].norm in DETERMINERS)
        for k, other in enumerate(tokens)
    )


def _finite(token: Token, previous: Token, tokens: list[Token], i: int, taken: bool, boundary: bool) -> None:
    """Whether a word after a noun is the verb of its clause: by agreement (the dog runs, dogs run)."""
    before = previous.norm
    if before in CERTAIN_SUBJECTS or (before in ("and", "or", "that", "this", "these") and not taken):
        start = before in ("and", "or") and (_ends_in_s(token) and not _followed(tokens, i))
        token.verb = token.finite = not start
        return
    if taken or previous.kind not in (Kind.WORD, Kind.NAME, Kind.CODE, Kind.NUMBER):
        return
    if previous.verb and not previous.norm.endswith("ing"):
        return
    third, past = _ends_in_s(token), _is_past(token)
    following = tokens[i + 1] if i + 1 < len(tokens) else None
    plural = _ends_in_s(previous) or previous.norm in ("people", "children", "data", "men", "women")
    if third:
        # "health checks take": the next word agrees with this one as a plural noun.
        rival = following is not None and following.kind is Kind.WORD and following.key in lexicon().verbs
        if rival and following is not None and not _ends_in_s(following) and not _is_past(following):
            light = "_" in following.key or following.key in lexicon().light_verbs
            rival = light or _followed(tokens, i + 1)
        else:
            rival = False
        agrees = not plural and not rival
    elif past:
        agrees = _followed(tokens, i) or (following is not None and following.kind is not Kind.WORD)
    else:
        agrees = plural or (previous.kind in (Kind.NAME, Kind.CODE) and _followed(tokens, i)) or _after_list(tokens, i)
    token.verb = token.finite = agrees


def _after_list(tokens: list[Token], i: int) -> bool:
    """Whether a joined subject stands before: "The cat and the dog sleep"."""
    return any(t.norm == "and" for t in tokens[max(0, i - 4) : i]) and _followed(tokens, i)


def _followed(tokens: list[Token], i: int) -> bool:
    """Whether what follows a word looks like the object or complement of a verb."""
    if i + 1 >= len(tokens):
        return True
    after = tokens[i + 1]
    return (
        after.norm in DETERMINERS
        or after.norm in PREPOSITIONS
        or after.kind in (Kind.NUMBER, Kind.MARK, Kind.CODE)
        or after.norm.endswith("ly")
        or after.norm in ("it", "them", "you", "only", "less", "more")
    )


def _imperative(tokens: list[Token], i: int) -> bool:
    if i + 1 >= len(tokens):
        return False
    after = tokens[i + 1]
    if after.kind is Kind.MARK or after.norm in (
        "of",
        "is",
        "are",
        "was",
        "can",
        "may",
        "must",
        "should",
        "will",
        "has",
        "have",
    ):
        return False
    if after.kind is Kind.WORD and after.key in lexicon().verbs and _ends_in_s(after) and _followed(tokens, i + 1):
        return False
    if i + 2 < len(tokens) and after.kind is not Kind.FUNCTION and tokens[i + 2].norm in AUXILIARIES:
        return False
    for k in range(i + 1, min(i + 4, len(tokens))):
        later = tokens[k]
        if later.kind is Kind.FUNCTION:
            break
        if (
            later.kind is Kind.WORD
            and later.key in lexicon().verbs
            and _ends_in_s(later)
            and _followed(tokens, k)
            and k > i + 1
        ):
            return False
    return not (after.kind is Kind.NAME and i + 2 < len(tokens) and tokens[i + 2].verb)
