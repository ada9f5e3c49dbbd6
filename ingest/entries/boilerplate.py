"""Blocks inside of entries that belong to no answer: advertisements, and what follows the last answer."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from ingest import clean
from ingest.entries.atoms import Atom, normalised
from ingest.entries.layout import Layout
from ingest.entries.styles import is_answer
from ingest.entries.titles import is_title_case, is_title_like
from ingest.readers.model import Kind
from ingest.types import DropReason

_AD = 1.3
_WEAK = 0.8
"""Promotion that does not suffice by itself."""
_AD_WITHOUT_CONTEXT = 2.2
"""The bar in documents of too few words to tell their subject."""


def find_boilerplate(
    atoms: Sequence[Atom], groups: Sequence[Sequence[int]], layout: Layout, spaced: bool
) -> dict[int, DropReason]:
    """Reasons to drop atoms that the segmentation has put into entries."""
    dropped: dict[int, DropReason] = {}
    blocks = [_blocks(atoms, group, spaced) for group in groups]
    if blocks:
        tail = _tail(atoms, blocks[-1], layout) or _behind_the_last_rule(atoms, blocks, layout)
        dropped |= tail
        blocks[-1] = [block for block in blocks[-1] if block[0] not in tail]
    dropped |= _refrains(atoms, blocks)
    blocks = [[block for block in entry if block[0] not in dropped] for entry in blocks]
    dropped |= _advertisements(atoms, blocks, dropped)
    return dropped


def _refrains(atoms: Sequence[Atom], blocks: Sequence[Sequence[Sequence[int]]]) -> dict[int, DropReason]:
    """The same line at the end of many answers, and links to places in the same document: "Back to top"."""
    last = Counter(normalised(_text(atoms, entry[-1])) for entry in blocks if len(entry) > 1)
    found: dict[int, DropReason] = {}
    for entry in blocks:
        for position, block in enumerate(entry):
            text = _text(atoms, block)
            raw = atoms[block[0]].content.strip("*_ ")
            jump = (
                len(block) == 1
                and raw[:1] == "["
                and re.fullmatch(r"\[[^\[\]]{1,80}\]\(#[^()\s]{0,200}\)", raw) is not None
            )
            key = normalised(text)
            last_block = position > 1 and position == len(entry) - 1 and last[key] >= max(3, 0.5 * len(blocks))
            listed = atoms[block[0]].bullet or atoms[block[0]].number is not None
            short = len(text.split()) <= 6 and text.rstrip()[-1:] not in ".!。"
            again = last_block and not listed and (short or clean.closing_reason(text) is DropReason.NAVIGATION)
            answered = position > 1 or len(entry[0]) > 1
            again = again or (answered and len(block) == 1 and clean.is_page_mark(text))
            again = again or (position > 1 and clean.asks_for_feedback(text))
            if position and (jump or again) and atoms[block[0]].kind is Kind.TEXT and not atoms[block[0]].label:
                found |= dict.fromkeys(block, DropReason.NAVIGATION)
    return found


def _blocks(atoms: Sequence[Atom], group: Sequence[int], spaced: bool) -> list[list[int]]:
    """The paragraphs of an entry."""
    blocks: list[list[int]] = []
    for index in group:
        atom = atoms[index]
        new = atom.gap or atom.bullet or (spaced and atom.kind is Kind.TEXT) or atom.kind is Kind.HEADING
        if blocks and not new:
            blocks[-1].append(index)
        else:
            blocks.append([index])
    return blocks


def _text(atoms: Sequence[Atom], block: Sequence[int]) -> str:
    prefix = "- " if atoms[block[0]].bullet else ""
    return prefix + " ".join(atoms[i].whole or atoms[i].plain for i in block)


def _tail(atoms: Sequence[Atom], blocks: Sequence[Sequence[int]], layout: Layout) -> dict[int, DropReason]:
    """Everything from the first closing block behind the last answer to the end of the document."""
    first = 1
    cut: int | None = None
    why: DropReason | None = None
    head = [atoms[i] for i in blocks[0]] if blocks else []
    bare_head = bool(head) and is_answer(head[-1], layout.labels) and not head[-1].plain
    answered = len(head) > 1 and not bare_head
    for position in range(first, len(blocks)):
        block = blocks[position]
        atom = atoms[block[0]]
        if is_answer(atom, layout.labels) and position == 1:
            answered = bool(atom.plain)
            continue
        if atom.kind in (Kind.CODE, Kind.TABLE, Kind.TAG):
            answered = True
            continue
        text = _text(atoms, block)
        reason = clean.closing_reason(text)
        if reason is None and answered and _is_link_list(atoms, blocks, position):
            reason = DropReason.NAVIGATION
        if reason is DropReason.MARKUP:
            continue
        # Right behind the question even a sentence of thanks may be the answer, unless an empty label says otherwise.
        bare_label = bare_head or (position > 1 and is_answer(atoms[blocks[position - 1][0]], layout.labels))
        if reason is not None and (
            answered or bare_label or reason is not DropReason.CLOSING or clean.is_closing_title(text)
        ):
            if _is_bulleted_answer(atoms, blocks, position) and reason is DropReason.CLOSING:
                answered = True
                continue
            cut, why = position, reason
            break
        answered = True
    if cut is None:
        return {}
    while cut - 1 > first and _is_lead_in(atoms, blocks[cut - 1]):
        cut -= 1
    cut = _before_tags(atoms, blocks, cut)
    return classify([list(b) for b in blocks[cut:]], atoms, why)


def _behind_the_last_rule(
    atoms: Sequence[Atom], blocks: Sequence[Sequence[Sequence[int]]], layout: Layout
) -> dict[int, DropReason]:
    """What stands behind the last rule of a document in which no other answer has one inside.

    Where every answer ends at a rule, so does the last one. Elsewhere the text must be short and share no word with it.
    """
    flat = [[i for block in entry for i in block] for entry in blocks]
    if len(flat) < 3:
        return {}
    ends = 0
    for entry in flat[:-1]:
        rules = [i for i in entry if atoms[i].kind is Kind.RULE]
        if rules and rules != entry[-len(rules) :]:
            return {}
        ends += bool(rules)
    last = flat[-1]
    rules = [n for n, i in enumerate(last) if atoms[i].kind is Kind.RULE]
    if len(rules) != 1 or rules[0] in (1, len(last) - 1):
        return {}
    behind = set(last[rules[0] + 1 :])
    if any(is_answer(atoms[i], layout.labels) for i in behind):
        return {}
    if ends < len(flat) - 1:
        text = " ".join(atoms[i].plain for i in last[rules[0] + 1 :])
        own = clean.content_words(" ".join(atoms[i].plain for i in last[: rules[0]]))
        plain = all(atoms[i].kind is Kind.TEXT and not atoms[i].bullet for i in behind)
        if not plain or len(text) > 300 or own & clean.content_words(text):
            return {}
    return classify([list(b) for b in blocks[-1] if behind & set(b)], atoms)


def _is_link_list(atoms: Sequence[Atom], blocks: Sequence[Sequence[int]], position: int) -> bool:
    """Whether a block is nothing but titles that share no word with the question and answer before it."""
    block = blocks[position]
    if len(block) < 3 or not atoms[block[0]].gap:
        return False
    if not all(is_title_like(atoms[i]) and is_title_case(atoms[i].plain) for i in block):
        return False
    before = clean.content_words(" ".join(_text(atoms, b) for b in blocks[:position]))
    ended = atoms[blocks[position - 1][-1]].plain.rstrip("*_\"'”)")[-1:] in ".!?。"
    return ended and not before & clean.content_words(_text(atoms, block))


def _is_bulleted_answer(atoms: Sequence[Atom], blocks: Sequence[Sequence[int]], position: int) -> bool:
    """Whether a block is an item of a list that started before it."""
    return bool(atoms[blocks[position][0]].bullet) and position > 1 and bool(atoms[blocks[position - 1][0]].bullet)


def _before_tags(atoms: Sequence[Atom], blocks: Sequence[Sequence[int]], cut: int) -> int:
    """Where the run of tags and counters begins that leads to the end matter; unchanged if there is none."""
    at = cut
    while at > 1 and len(blocks[at - 1]) == 1 and _is_tag(atoms[blocks[at - 1][0]]):
        at -= 1
    ended = at > 1 and atoms[blocks[at - 1][-1]].plain.rstrip("*_\"'”)")[-1:] in ".!?。"
    return at if ended and cut - at >= 3 else cut


def _is_tag(atom: Atom) -> bool:
    words = atom.plain.split()
    listed = atom.bullet != "" or (atom.style != "" and atom.plain != "")
    return atom.kind is Kind.TEXT and len(words) <= 3 and not listed and atom.whole[-1:] not in ".!?:;,。"


def _is_lead_in(atoms: Sequence[Atom], block: Sequence[int]) -> bool:
    atom = atoms[block[0]]
    return atom.kind is Kind.RULE


def classify(
    blocks: Sequence[Sequence[int]], atoms: Sequence[Atom], first: DropReason | None = None
) -> dict[int, DropReason]:
    """A reason for each block of text that follows the last answer."""
    found: dict[int, DropReason] = {}
    current = first or DropReason.CLOSING
    everything = [normalised(_text(atoms, block)) for block in blocks]
    for position, block in enumerate(blocks):
        text = _text(atoms, block)
        reason = clean.closing_reason(text)
        if reason is None and atoms[block[0]].bullet and current is DropReason.NAVIGATION:
            reason = current
        if (
            reason is None
            and current is not DropReason.CLOSING
            and not (current is DropReason.AUTHOR and len(text) > 150)
        ):
            repeated = everything.count(everything[position]) > 1
            if clean.promotion(text, subject=set(), repeated=repeated) >= _AD:
                reason = DropReason.ADVERTISEMENT
        if reason is not None and reason is not DropReason.MARKUP:
            current = reason
        for index in block:
            found[index] = DropReason.MARKUP if atoms[index].kind is Kind.RULE else reason or current
    return found


def _advertisements(
    atoms: Sequence[Atom], blocks: Sequence[Sequence[Sequence[int]]], tail: dict[int, DropReason]
) -> dict[int, DropReason]:
    """Blocks between two questions that advertise something."""
    texts = [[_text(atoms, block) for block in entry] for entry in blocks]
    keys = Counter(_key(text) for entry in texts for text in entry[1:])
    keys.update({_key(atoms[i].plain) for i in tail if atoms[i].plain})
    scores: dict[tuple[int, int], float] = {}
    for e, entry in enumerate(texts):
        for b in range(1, len(entry)):
            block = blocks[e][b]
            if atoms[block[0]].kind is not Kind.TEXT or not _stands_alone(atoms, block) or atoms[block[0]].label:
                continue
            bare = len(blocks[e][0]) == 1 and "?" not in atoms[blocks[e][0][0]].plain[:-1]
            if b == 1 and len(entry) == 2 and bare:
                continue  # the only answer there is
            own = clean.content_words(" ".join(entry[:b]))
            scores[e, b] = clean.promotion(entry[b], subject=own, repeated=keys[_key(entry[b])] > 1)
    suspects = {place: score for place, score in scores.items() if score >= _AD}
    if not suspects:
        return {}
    vocabulary = Counter(
        word
        for e, entry in enumerate(texts)
        for b, text in enumerate(entry)
        if scores.get((e, b), 0.0) < _WEAK and not any((e, earlier) in suspects for earlier in range(b))
        for word in clean.content_words(text)
    )
    bar = _AD if len(vocabulary) >= 60 else _AD_WITHOUT_CONTEXT
    advertised: set[str] = set()
    found: dict[int, DropReason] = {}
    for place in sorted(scores, key=lambda place: -scores[place]):
        e, b = place
        own = clean.content_words(texts[e][b])
        known = sum(1 for word in own if vocabulary[word])
        # A weak one counts if it advertises what a strong one advertises.
        score = scores[place] + 1.4 * (len(own & advertised) >= 2 and scores[place] >= _WEAK and not known)
        if score < bar or (own and known > 0.34 * len(own) and score < bar + 1.2):
            continue
        subject = clean.content_words(" ".join(texts[e][:b]))
        run = [b]
        for after in range(b + 1, len(texts[e])):
            if not _belongs_to_ad(atoms, blocks[e][after], texts[e][after], subject):
                break
            run.append(after)
        if run[-1] != len(texts[e]) - 1 and score < bar + 0.6:
            continue  # in mid-answer only what is an advertisement beyond doubt
        advertised |= own
        found |= {i: DropReason.ADVERTISEMENT for after in run for i in blocks[e][after]}
    return found


def _key(text: str) -> str:
    return " ".join(normalised(text).split()[:4])


def _stands_alone(atoms: Sequence[Atom], block: Sequence[int]) -> bool:
    atom = atoms[block[0]]
    return atom.gap and not atom.bullet and atom.number is None


def _belongs_to_ad(atoms: Sequence[Atom], block: Sequence[int], text: str, subject: set[str]) -> bool:
    own = clean.content_words(text)
    if own & subject or atoms[block[0]].kind is not Kind.TEXT:
        return False
    return (is_title_like(atoms[block[0]]) and len(block) == 1) or clean.promotion(
        text, subject=subject, repeated=False
    ) >= 0.5
