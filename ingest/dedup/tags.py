"""Questions that name their subject first and say afterwards what they ask: "X: what is it?", "X and Y - the difference".

The words behind a mark are a tag where they have no subject of their own. Each kind of tag has a plain frame that the
subject is put into. What stands in front of a whole question ("PyTorch: how do I ...") is its setting.
"""

# ruff: noqa: E501 - an alternative is one line
from __future__ import annotations

import functools
import re

from ingest.dedup import frames, lexicon
from ingest.dedup.normalise import stem

_IT = r"(?:it|they|them|this|that|these|those|each|the two|both|the term|the concept|one|each other)"
_OFTEN = r"(?: (?:exactly|actually|really|usually|typically|even|mainly|commonly|then|just|so|simply))*"

TAGS: tuple[tuple[str, str, str], ...] = (
    (
        "what",
        "what is {x}",
        rf"""
(?:please |kindly |pls |briefly |simply )*(?:explain|define|describe|clarify|elaborate|discuss|illustrate|introduce)(?: {_IT}| me| briefly| please| pls| in (?:brief|short|detail|simple terms|your own words|a few words))*
explained(?: (?:simply|briefly|in brief|in short|for beginners|please|with examples?|in (?:simple|plain) \w+))*|in short|in brief|in a nutshell|made simple|demystified|the basics|basics
(?:what|what exactly|so what|and what){_OFTEN} (?:is|are|was|were|does|do){_OFTEN} {_IT}{_OFTEN}(?: mean| about| for| all about| good for| used for| useful for| stand for| do| refer to)?{_OFTEN}
what is meant(?: by {_IT})?|what (?:does|do) (?:it|that|this|they) mean|meaning
what (?:is|are|was) (?:its|their|the)(?: \w+)? (?:{frames.MACROS["purpose"]}|roles|functions)(?: of {_IT})?
what (?:purpose|role|function|use|job) (?:does|do|is|are) {_IT}(?: serve| play| have| fulfil| fulfill)?(?: served| played)?
why (?:is|are|was|were|do|does|would|should|must) (?:it|they|this|these|we|i|you|one|people)(?: need| use| used| useful| important| necessary| needed| required| essential| matter| helpful| want| {_IT}| for)*
what (?:do|would|can|should) (?:we|i|you|one|people) (?:use|need) {_IT} for|what for|why use (?:it|them)|used for what
(?:(?:a|the|short|brief|simple|clear|concise|formal|its|their|please give a) )*(?:definition|definitions|meaning|purpose|explanation|description|overview|introduction|summary|role|use|significance|importance|function|idea|concept)(?: please| needed| wanted| required)?
(?:what it is|what they are|what it means|what they mean|what it does|what they do|why it is used|why they are used|what it is for|what it is used for|why we need it|what they are for)
""",
    ),
    (
        "compare",
        "difference between {x}",
        rf"""
(?:what|where)(?: exactly)? (?:is|are|was|lies)(?: exactly)? (?:the|their) (?:main |key |exact |real )?(?:differences?|distinctions?)(?: between {_IT})?
how (?:do|does|did) {_IT}(?: two)? (?:differ|compare)(?: from (?:each other|one another))?
how (?:is|are) (?:it|they|these|those|the two|both|one|each)(?: two)? (?:different|distinct|distinguished)(?: from (?:each other|one another|the other))?
(?:what|which features) (?:distinguish|differentiate|separate|set)(?:es|s)? {_IT}(?: apart)?(?: from each other)?
what makes {_IT} different(?: from each other)?|in what way do {_IT} differ|(?:is there|are there) (?:a |any )?differences?(?: between {_IT})?
(?:please |explain |describe |state |give |tell me |name |list |outline |the |their |any |main |key )*(?:differences?|distinctions?|comparison|contrast|compared|contrasted)(?: explained| please| between {_IT})?|compare {_IT}?|differentiate(?: between)?(?: {_IT})?|distinguish(?: between)?(?: {_IT})?|(?:are|is) (?:they|it|these) (?:the same|different|not the same)|how {_IT} differ|how they are different
""",
    ),
    (
        "choose",
        "which is better , {x}",
        rf"""
which(?: one)?(?: of (?:the two|them|these))?(?: is| are| should| would| to| do| of| works| suits| shall| can)(?: \w+){{0,5}}?
how (?:do|should|can|would|to)(?: i| we| you| one)? (?:choose|decide|pick|select)(?: between {_IT}| which(?: one)?(?: to use)?)?
what should (?:i|we|one|you) (?:choose|pick|use|buy|take|prefer)|what is better|what to (?:choose|use|pick)|which
""",
    ),
    (
        "works",
        "how does {x} work",
        rf"""
how (?:do|does|did) {_IT}{_OFTEN} (?:work|function|operate)(?: internally| exactly| under the hood)?
how {_IT} (?:works?|functions?|operates?)|how it works|(?:its |their |the )?(?:working principle|inner workings?|mechanism|internals)
""",
    ),
    (
        "howto",
        "how to {x}",
        rf"""
how(?: to| so)?|how(?: exactly)? (?:do|can|could|should|would|must|might|may)(?: i| we| you| one| someone)(?: go about| do| achieve| accomplish| manage)+(?: {_IT})?
how (?:is|are|can|could|would|should|to)(?: it| this| that| they| i| we| you| one| be)*(?: done| achieved| do it| do this| do that| do so| accomplished)
(?:what|which) (?:is|are) the (?:\w+ )?(?:way|ways|steps?|procedure|method|process|command|commands)(?: to do (?:it|this|that|so))?
(?:a |the |short |quick |simple )*(?:step by step|steps|guide|tutorial|instructions|how to guide|walkthrough|procedure|howto|explain how|show how)
how does one do (?:it|this|that)|(?:please )?(?:explain|show|describe|tell)(?: me| us)? how(?: to do (?:it|this|that))?
""",
    ),
    (
        "relation",
        "what are the {tag} of {x}",
        r"""
(?:what (?:are|is) )?(?:its|their|the)?(?: main| key| different| common| various| typical| most \w+)* ?(?P<tag>types|kinds|categories|components|parts|elements|advantages|benefits|pros|disadvantages|drawbacks|limitations|cons|downsides|features|characteristics|properties|applications|use cases|symptoms|signs|causes|side effects|risks|stages|phases|requirements|alternatives|advantages and disadvantages|pros and cons)
(?:what|which) (?P<tag2>types|kinds|categories|components|parts|elements|advantages|benefits|disadvantages|drawbacks|features|symptoms|stages|phases|alternatives) (?:are there|exist|do they have|does it have|is it made of)(?: of (?:it|them))?
""",
    ),
)
"""Kind, the frame of its subject, and the wordings of the tag, one or more to a line."""

_QUESTION = (
    r"(?:what|how|why|when|where|which|who|whom|whose|is|are|was|were|am|do|does|did|can|could|should|would|will|shall"
    r"|may|might|must|has|have|had|please|explain|describe|define|discuss|compare|list|name|give|write|state|tell"
    r"|mention|differentiate|distinguish|if|in case|suppose|consider|assume|because|outline|summarise|summarize"
    r"|provide|clarify|illustrate|enumerate|from|at|on|for|by|under)"
)
_ASKED = re.compile(
    r"(?:what|how|why|when|where|which|who|is|are|do|does|can|could|should|would|will|may|must|explain|describe|define"
    r"|discuss|compare|list|name|give|write|state|differentiate|distinguish|ways? to|steps to|procedure|query to"
    r"|command to|code to|(?:the )?differences?|difference|meaning of|purpose of|role of|definition of)\b"
)
_SAID = re.compile(
    r"(?<!\S)(?:i|we|you|he|she|is|are|was|were|am|be|has|have|had|do|does|did|can|could|should|would|will|may|must|not"
    r"|because|my|gets?|keeps?|if|it|they)(?!\S)"
)
"""Words that make a sentence of what is otherwise the name of a subject."""
_LABEL = re.compile(
    r"(?:chapter|section|part|unit|topic|question|lesson|faq|faqs|note|quiz|exercise|task|interview|easy|medium|hard"
    r"|basic|advanced|beginner|intermediate|bonus|general|follow up|title|subject|re|q|help|urgent|newbie)(?: \w+)?$"
)
_TRYING = re.compile(r"^(?:trying|attempting|looking|hoping|planning|wanting) to ")
_MARK = re.compile(r"(?: [.,;:?!])+ ")
_AND = re.compile(r"(?:(?: [.,;:?!])* (?:and|&|plus|or) |(?: [.,;:?!])+ )(?:also |then |or )?")
_MAX_HEAD = 12
_MAX_SETTING = 4
_REFERENCE = re.compile(r"(?<!\S)(?:it|they|them|this|these|those|that one)(?!\S)")
_OWN = re.compile(r"(?<!\S)(?:its|their) (?P<what>\w+)(?!\S)")


@functools.cache
def _tags() -> tuple[tuple[str, str, re.Pattern[str]], ...]:
    return tuple(
        (kind, frame, re.compile("(?:" + "|".join(wordings.strip().splitlines()) + ")$"))
        for kind, frame, wordings in TAGS
    )


@functools.lru_cache(maxsize=1 << 16)
def untagged(text: str) -> str:
    """The wording with its tag turned into a frame, or its leading setting put behind; else as it is."""
    for mark in _MARK.finditer(text):
        head, tail = text[: mark.start()].strip(), text[mark.end() :].strip(" .,;:?!")
        if not head or not tail:
            continue
        if found := _framed(head, tail):
            return found
        if mark.group().strip() == ":" and (found := _settled(head, tail)):
            return found
    return text


def _framed(head: str, tail: str) -> str | None:
    """The head in the frames of the tags that the tail consists of."""
    if not _names(head, _MAX_HEAD):
        return None
    kinds = _kinds(tail)
    if kinds is None:
        return None
    if not kinds:
        return head
    head = _TRYING.sub("", re.sub(r"^(?:the|a|an) ", "", head))
    head = re.sub(r" (?:as opposed to|compared to|compared with|against) ", " and ", head, count=1)
    pair = re.search(r" (?:and|or|vs|versus) ", head)
    if kinds[0][0] in {"compare", "choose"} and not pair:
        return None
    if any(kind == "compare" for kind, _ in kinds):
        # What each of two things is, is said where they are told apart.
        kinds = [item for item in kinds if item[0] != "what"] if pair else kinds
        head = re.sub(r" (?:or|vs|versus) ", " and ", head, count=1)
    elif kinds[0][0] == "choose":
        head = re.sub(r" (?:and|vs|versus) ", " or ", head, count=1)
    return " and ".join(frame.replace("{x}", head) for _, frame in kinds)


def _kinds(tail: str) -> list[tuple[str, str]] | None:
    """The tags of a tail, each kind once; None unless it is nothing else."""
    whole = _kind(tail)
    if whole is not None:
        return [whole]
    found: list[tuple[str, str]] = []
    for part in _AND.split(tail):
        kind = _kind(part.strip()) if part.strip() else None
        if kind is None:
            return None
        if kind[0] not in {known for known, _ in found} or kind[0] == "relation":
            found.append(kind)
    return found


def _kind(tail: str) -> tuple[str, str] | None:
    for kind, frame, pattern in _tags():
        if match := pattern.match(tail):
            groups = match.groupdict()
            return kind, frame.replace("{tag}", groups.get("tag") or groups.get("tag2") or "")
    return None


def _names(head: str, most: int) -> bool:
    """Whether the words are the name of a subject, or an action in the infinitive or gerund; not a sentence."""
    return (
        len(head.split()) <= most
        and not re.match(_QUESTION + r"\b", head)
        and not _SAID.search(head)
        and not re.search(r" [.,;:?!] ", head.replace(" , ", " "))
    )


def _settled(head: str, tail: str) -> str | None:
    """The question behind a subject or a setting, with that put where it belongs."""
    kind = _kind(head)
    if kind is not None and _names(tail, _MAX_HEAD):
        return _framed(tail, head)
    if _LABEL.match(head):
        return tail
    if not _names(head, _MAX_HEAD):
        return None
    first = tail.partition(" ")[0]
    if not _ASKED.match(tail):
        return f"{tail} in {head}" if _named_action(first) and len(head.split()) <= _MAX_SETTING else None
    if match := _OWN.search(tail):
        return f"{tail[: match.start()]}the {match['what']} of {head}{tail[match.end() :]}"
    if _REFERENCE.search(tail):
        return _REFERENCE.sub(lambda _: head, tail, count=1)
    return f"{tail} in {head}" if len(head.split()) <= _MAX_SETTING else None


_VERB_STEMS = frozenset(stem(verb) for verb in lexicon.VERBS)


def _named_action(word: str) -> bool:
    return word in lexicon.VERBS or (word.endswith("ing") and stem(word) in _VERB_STEMS)
