"""A question as clauses, each with an intent and the words of its subject; the frame around them is taken off."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from ingest.dedup import frames, lexicon
from ingest.dedup.normalise import Token, clean, stem, tokens
from ingest.dedup.rewrites import plain
from ingest.dedup.tags import untagged


class Clause(NamedTuple):
    """One thing that a question asks."""

    intent: str
    subject: str
    """The words of the subject, as tokens separated by spaces."""


class Parsed(NamedTuple):
    """A question taken apart."""

    clauses: tuple[Clause, ...]
    tokens: dict[str, Token]
    """The tokens by their text."""


def _compile_rules() -> tuple[tuple[str, re.Pattern[str]], ...]:
    found = []
    for line in frames.RULES.strip().splitlines():
        intent, _, pattern = line.partition("|")
        pattern = pattern.strip()
        for _ in range(2):
            for name, macro in frames.MACROS.items():
                pattern = pattern.replace("{" + name + "}", macro)
        found.append((intent.strip(), re.compile(f"(?:{pattern})$")))
    return tuple(found)


def _alternatives(text: str) -> str:
    return "|".join(line for line in text.strip().splitlines())


@functools.cache
def _rules() -> dict[str, tuple[tuple[str, re.Pattern[str]], ...]]:
    """The rules that can match, by the first word of a clause ("" for those that begin with the subject)."""
    rules = _compile_rules()
    heads = {word for word in re.findall(r"[a-z]+", frames.RULES + str(frames.MACROS)) if len(word) > 1}
    table: dict[str, tuple[tuple[str, re.Pattern[str]], ...]] = {"": rules}
    for head in heads:
        table[head] = tuple(rule for rule in rules if _may_start(rule[1].pattern, head))
    return table


def _may_start(pattern: str, head: str) -> bool:
    # A rule is kept unless its literal first word is another one.
    literal = re.match(r"\(\?:([a-z]+)\\? ", pattern)
    return literal is None or literal.group(1) == head


_NO_SPELLINGS: Mapping[str, str] = MappingProxyType({})
_PHRASES = lexicon.phrases()
_PHRASE = re.compile(r"(?<!\S)(?:" + "|".join(sorted(map(re.escape, _PHRASES), key=len, reverse=True)) + r")(?!\S)")
_OPENER = re.compile(rf"(?:{_alternatives(frames.OPENERS)})(?: ,)? +(?=\S)")
_CLOSER = re.compile(rf"[ ,;:.]+(?:{_alternatives(frames.CLOSERS)})(?: [.,?!:;])*$")
_NOISE = re.compile(
    rf"(?:{_alternatives(frames.CLOSERS)}|why|how|how so"
    r"|how (?:can|do|could|would|should) (?:i|we|you|one) (?:find out|know|tell|check|see)(?: (?:it|this|that))?"
    r")(?: [.,])*$"
)
_WH = r"(?:how|what|why|when|where|which|who|whom)"
_ADVERBIAL = re.compile(
    r"((?:in|with|using|for|on|within|under|during) [^,?]{1,60}?) , "
    rf"({_WH}|is|are|can|could|may|do|does|explain|describe|define|compare|list|name|give|write|state|differentiate)\b(.*)$"
)
_SENTENCE = re.compile(r" [?.;!](?: |$)| : (?=(?:what|how|which|why|when|where)\b)")
_SPLIT = re.compile(
    r"(?: ,)? (?:and|&|also|as well as|or)(?: also| then)? "
    rf"(?=(?:explain |describe |tell (?:me |us )?|discuss )?{_WH} (?:\S+ ){{0,9}}\S)"
    r"| , (?=(?:how|why|when|where|which|what) (?:do|does|is|are|can|would|should|will|did|was|were) )"
)
_POSSESSED = re.compile(r"(?: ,)? and (?:its|their) (?P<what>.+)$")
_COMPARED = re.compile(r"\b(?:differences?|distinction|comparison) (?:between|of)\b")
_PURPOSE = re.compile(
    r"(?:main |key |basic |primary )?(?:purpose|role|use|usage|significance|importance|need|function|meaning|definition"
    r"|relevance|benefit of using|application|use case)s?(?: in (?P<y>.+))?$"
)
_INDIRECT = re.compile(
    r"(?P<wh>what|who|where|why) (?P<x>.+?) (?P<be>is|are|means|mean|refers to)"
    r"(?P<y>(?: used)?(?: for)?(?: (?:in|for|of|on|with|about) .+)?)$"
)
_AUXILIARY = re.compile(
    r"(?:is|are|was|were|do|does|did|can|could|should|would|will|must|may|might|shall|has|have|am)\b"
)
_PRONOUN = re.compile(r"(?<!\S)(?:it|they|them|its|their|this|these|those|one|ones|each|that|so|he|she)(?!\S)")
_RELATED = re.compile(
    r"how (?:do |does |is |are )?(?:it|they) (?:is |are )?(?:relates?|related|connected) to (?P<y>.+)$"
)
_OTHERS = re.compile(r"\b(?:any |some )?other (?:\w+ ){1,4}?(?:like|such as) (?=\w)")
_DO_IT = re.compile(
    r"how (?:can|do|should|could|must|would|to) ?(?:i|we|you|one)? ?"
    r"(?:do|achieve|accomplish|manage|go about) ?(?:it|that|this|so)"
)
_DONE = re.compile(
    r"how (?:is|are|can|do|to)(?: it| this| that| they| i| we| you)*(?: be)? (?:done|do it|do this|do that|do so)"
)
_TO_BE = re.compile(
    r"\b(?:needs?|has|have|must|should|ought)(?: to)? be |\bneeds? (?=\w+ing\b)"
    r"|^(?:i|we) (?:need|want|have|would like|wish) to "
)
_WEAK_CLAUSE = re.compile(
    r"why (?:is|are|was|were|do|does|would|should|must) (?:it|they|them|we|you|i|one|this|these)"
    r"(?: need| use| used| useful| important| necessary| needed| required| essential| matter| helpful| significant"
    r"| it| them| to use| for| in| so| crucial| have)*$"
    r"|what (?:is|are|does|do) (?:it|they|its|their)"
    r"(?: used| for| purpose| role| do| mean| significance| importance| use)*$"
    r"|what (?:purpose|role) (?:does|do) (?:it|they) (?:serve|play)$"
)


def parse(question: str, spellings: Mapping[str, str] = _NO_SPELLINGS) -> Parsed:
    """The clauses of a question, frames removed and typing errors mended."""
    found = _numerals(tokens(clean(_spaced(question))))
    by_text = {token.text: token for token in found}
    words = [
        lexicon.FRAME_TYPOS.get(token.text) or _FRAME_SLIPS.get(token.text) or spellings.get(token.text, token.text)
        for token in found
        if token.text not in "()"
    ]
    text = _PHRASE.sub(lambda match: _PHRASES[match.group()], " ".join(words)).strip(" .?!,;:")
    text = _OTHERS.sub("", _strip(untagged(_ALTERNATIVE.sub("which is better , ", _opened(text)))))
    if match := _ADVERBIAL.match(text):
        text = _move(match)
    text = plain(text)
    clauses: list[Clause] = []
    for part in _parts(text):
        if clauses and clauses[0].intent in {"what", "define"} and (match := _RELATED.match(part)):
            # "what X is and how it relates to Y" is the role of X in Y
            clauses[0] = Clause("define", f"{clauses[0].subject} in {match['y']}")
            continue
        clauses.extend(_clauses(part, clauses[0] if clauses else None))
    if not clauses:
        clauses = [Clause("raw", text)]
    return Parsed(tuple(clauses), by_text)


def _numerals(found: Sequence[Token]) -> list[Token]:
    # "Type I error": the letter is a number when a counted noun stands before it.
    return [
        token._replace(text="1", named=True) if token.raw == "I" and i and found[i - 1].text in _COUNTED else token
        for i, token in enumerate(found)
    ]


_COUNTED = {
    "type",
    "phase",
    "part",
    "stage",
    "level",
    "class",
    "chapter",
    "volume",
    "category",
    "war",
    "schedule",
    "tier",
}


_FRAME_WORDS = """
differ different difference differences between explain describe compare purpose advantages disadvantages benefits
definition discuss distinguish
"""


def _slips() -> dict[str, str]:
    """The words of frames with a letter missing, doubled or swapped with its neighbour."""
    found: dict[str, str] = {}
    for word in _FRAME_WORDS.split():
        for i in range(1, len(word)):
            missing, doubled = word[:i] + word[i + 1 :], word[:i] + word[i] + word[i:]
            swapped = word[:i] + word[i + 1 : i + 2] + word[i] + word[i + 2 :]
            found.update((slip, word) for slip in (missing, doubled, swapped) if slip not in _NO_SLIPS)
    return found


_NO_SLIPS = frozenset(("differ", "different", "difference", "differences", "advantage", "disadvantage", "benefit"))
_FRAME_SLIPS = _slips()
_ALTERNATIVE = re.compile(
    r"^(?=(?!(?:what|how|why|when|which|is|are|do|does|can|should)\b)(?:[^\s.,;:?]+ ){1,3}or (?:[^\s.,;:?]+ ?){1,4}$)"
)
"""Before a choice without a verb ("prime or zoom lens")."""
_DASH = re.compile(r"(?<=\S)\s+[-–—−]{1,3}\s+(?=\S)|(?<=\w)\s*—\s*(?=\w)")
_LINKED = re.compile(r"(?<=\w)-(of|to|by|and|the|a)-(?=\w)", re.IGNORECASE)
_NAMED = re.compile(
    r"\b(?:the|a) (?:term|word|phrase|terminology|concept|idea|notion)(?: of)? (?!(?:behind|for|in|and|is|of)\b)(?=\S)"
)
_EXACTLY = re.compile(r"^(how|what|why|when|where)(?: ,)? (?:exactly|actually|really|precisely|just)(?: ,)? (?=\S)")


def _spaced(question: str) -> str:
    """The question with dashes between its parts as colons, and "depth-of-field" in three words."""
    return _LINKED.sub(r" \1 ", _DASH.sub(" : ", question))


def _opened(text: str) -> str:
    while match := _OPENER.match(text):
        text = text[match.end() :]
    return _EXACTLY.sub(r"\1 ", _NAMED.sub("", text))


def _move(match: re.Match[str]) -> str:
    """The leading adverbial ("In Python, what is X and ...") put behind the first clause."""
    rest = match.group(2) + match.group(3)
    parts = _SPLIT.split(rest, maxsplit=1)
    head, tail = parts[0], rest[len(parts[0]) :]
    return f"{head} {match.group(1)}{tail}"


def _strip(text: str) -> str:
    for _ in range(6):
        before = text
        if match := _OPENER.match(text):
            text = text[match.end() :]
        text = _CLOSER.sub("", text)
        if text == before:
            break
    return text


def _parts(text: str) -> list[str]:
    """Sentences, then coordinated questions, in order; what only asks for examples or reasons is left out."""
    found: list[str] = []
    sentences = [part.strip(" ,.?!;:") for part in _SENTENCE.split(text)]
    sentences = [part for part in sentences if part]
    kept = [part for part in sentences if not _NOISE.match(part)] or sentences
    for i, sentence in enumerate(kept):
        if i and re.fullmatch(
            r"(?:what is the difference|how do they differ|how are they different|what are the differences)", sentence
        ):
            found[-1] = f"difference between {found[-1]}"
        elif i and re.match(r"which (?:one |is |should |of |do )", sentence):
            found[-1] = f"which is better , {found[-1]}"
        elif i and _DO_IT.fullmatch(sentence) and not re.match(_WH, found[-1]):
            found[-1] = f"how to {_TO_BE.sub('', found[-1])}"
        elif i and _DONE.fullmatch(sentence):
            found[-1] = f"how to {found[-1]}"
        else:
            for part in _SPLIT.split(_strip(sentence)):
                if found and _DO_IT.fullmatch(part.strip(" ,")) and not re.match(_WH, found[-1]):
                    found[-1] = f"how to {_TO_BE.sub('', found[-1])}"
                else:
                    found.append(part.strip(" ,"))
    return [part for part in found if part]


def _clauses(part: str, first: Clause | None) -> list[Clause]:
    part = _strip(part)
    possessed = _POSSESSED.search(part)
    # "the difference between X and its Y" is one question
    if (
        possessed
        and part.startswith(("what", "explain", "describe", "define", "discuss"))
        and not _COMPARED.search(part[: possessed.start()])
    ):
        head = _clause(part[: possessed.start()])
        what = possessed["what"]
        if purpose := _PURPOSE.match(what):
            context = f" in {purpose['y']}" if purpose["y"] else ""
            return [Clause("define" if head.intent == "what" else head.intent, head.subject + context)]
        kind = "compare" if what.startswith("differ") else "what"
        return [head, Clause(kind, f"{what} {head.subject}")]
    if first is None:
        return [_clause(part)]
    if _WEAK_CLAUSE.match(part) and first.intent in {"what", "define"}:
        return []
    if first.intent == "compare" and re.match(r"(?:how|what).*(?:differ|they|them)", part):
        return []
    clause = _clause(part)
    if _PRONOUN.search(clause.subject) or _PRONOUN.search(part):
        subject = _PRONOUN.sub(" ", clause.subject)
        if clause.intent in {"what", "define"} and _PURPOSE.match(subject.strip()):
            subject = ""
        same = clause.intent in {"what", "define"} and first.intent in {"what", "define"} and not subject.split()
        return [] if same else [Clause(clause.intent, f"{subject} {_object(first)}")]
    return [] if _repeats(clause, first) else [clause]


def _repeats(clause: Clause, first: Clause) -> bool:
    """Whether a second clause asks for the means that the answer to "how do you ..." gives anyway."""
    if first.intent != "howto" or clause.intent not in {"what", "list"}:
        return False
    ours = {stem(word) for word in clause.subject.split()}
    return bool(ours & _MEANS) and ours - _MEANS <= {stem(word) for word in first.subject.split()} | _LINKS


_MEANS = frozenset(
    stem(word) for word in ("function", "method", "way", "technique", "tool", "command", "step", "approach")
)
_LINKS = frozenset(
    stem(word) for word in lexicon.DETERMINERS | lexicon.PREPOSITIONS | {"to", "common", "main", "different", "key"}
)


def _object(clause: Clause) -> str:
    """What "it" stands for after a clause: in "how do you set up X", X."""
    words = clause.subject.split()
    while clause.intent == "howto" and len(words) > 1 and (words[0] in lexicon.VERBS or words[0] in {"and", "or", ","}):
        words = words[1:]
    return " ".join(words)


def _clause(part: str) -> Clause:
    if (match := _INDIRECT.match(part)) and not _AUXILIARY.match(match["x"]):
        be = {"means": "is", "mean": "is", "refers to": "is"}.get(match["be"], match["be"])
        part = f"{match['wh']} {be} {match['x']}{match['y']}"
    head = part.partition(" ")[0]
    rules = _rules()
    for intent, pattern in rules.get(head, rules[""]):
        if match := pattern.match(part):
            groups = match.groupdict()
            order = (
                "yxz"
                if intent == "howto" and not re.match(r"(?:write|give|create|develop|show|build) ", part)
                else "xyz"
            )
            parts = [text.strip() for name in order if (text := groups.get(name))]
            subject = (" , " if intent in {"compare", "choose"} else " ").join(parts)
            return _reading(intent, subject, part)
    return _unframed(part)


def _unframed(part: str) -> Clause:
    words = part.split()
    head = words[0] if words else ""
    if len(words) > 1 and head in lexicon.VERBS and not (len(words) < _MAX_COMPOUND and _ACTION.search(part)):
        return Clause("howto", part)
    if len(words) > 1 and head.endswith("ing") and stem(head) in _VERB_STEMS:
        return Clause("howto", part)
    if _IMPERATIVE.match(part) and head not in _SMALL_WORDS and not _SAYS.search(part):
        return Clause("howto", part)
    if 0 < len(words) <= _MAX_HEADING and not _SAYS.search(part):
        return Clause("head", part)
    return Clause("raw", part)


_IMPERATIVE = re.compile(r"[a-z]{3,} (?:a|an|the|my|your|our) \w")
"""No noun stands before an article ("descale a kettle", "descaling the kettle")."""
_SMALL_WORDS = lexicon.DETERMINERS | lexicon.PREPOSITIONS | lexicon.DIRECTIONS | {"behind", "near", "beyond", "half"}
_MAX_HEADING = 7
_MAX_COMPOUND = 4
_ACTION = re.compile(r"[a-z]{3}(?:ion|ment|al)$")
"""A noun that names an action ("claim submission"): a verb before it is a noun as well."""
_SAYS = re.compile(
    r"(?<!\S)(?:i|we|you|he|she|they|it|is|are|was|were|am|be|has|have|had|do|does|did|can|could|should|would|will|may|must"
    r"|not|not|because|[.;:!])(?!\S)"
)
"""Words that make a sentence of what is otherwise a heading."""


_RELATION_STEMS = frozenset(stem(word) for word in lexicon.RELATIONS)
_VERB_STEMS = frozenset(stem(verb) for verb in lexicon.VERBS)


_COUNT = re.compile(r"(?:the )?(?:two|three|four|five|six|seven|eight|nine|ten|\d{1,2}) (?P<x>.+)$")


def _reading(intent: str, subject: str, part: str) -> Clause:
    if intent in {"list", "what"} and (match := _COUNT.match(subject)) and _relational(match["x"]):
        subject = match["x"]
    if intent == "what" and re.match(r"how to ", subject):
        return Clause("howto", subject[7:])
    if intent == "howto" and part.endswith((" faster", " quicker", " speedier")):
        return Clause("howto", f"accelerate {subject}")
    if intent == "howlong" and re.match(r"(?:is|are) .*(?:period|duration|term|time|window)$", subject):
        return Clause("what", subject)
    if intent == "when" and subject.startswith("will "):
        return Clause("whenwill", subject[5:])
    if intent == "when" and re.search(r"\b(?:deadline|due date)\b", subject):
        return Clause("what", subject)
    if intent in {"list", "avail"} and _relational(subject):
        return Clause("what", subject)
    if intent == "relate":
        return Clause("define", subject) if " and " not in subject else Clause("howdoes", part)
    return Clause(intent, subject)


def _relational(subject: str) -> bool:
    return any(stem(word) in _RELATION_STEMS for word in subject.split())
