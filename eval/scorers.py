"""What came of one sample: numbers by name, and notes for people on what is wrong with it. Nothing is averaged here.

The check of statements is `kb.verify`, handed in as a function; what it is worth is measured by itself, on statements
that were made false on purpose. Verbatim quotes and hard facts (numbers, identifiers) are compared here without it.
"""

from __future__ import annotations

import dataclasses
import html
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from rapidfuzz.distance import LCSseq

from eval.samples import Sample
from kb.text import normalise
from kb.types import Answer, Citation, Hit, Outcome, Reason, Statement

Backs = Callable[[str, Sequence[str]], bool]
"""Whether a statement is backed by some texts."""


@dataclasses.dataclass(frozen=True, slots=True)
class Score:
    """The numbers of one sample, and why they are not better."""

    columns: Mapping[str, float]
    notes: tuple[str, ...] = ()

    def __add__(self, other: Score) -> Score:
        """Both scores in one; they share no column."""
        return Score({**self.columns, **other.columns}, self.notes + other.notes)


@dataclasses.dataclass(frozen=True, slots=True)
class CitedText:
    """What a citation points into."""

    question: str
    """Empty for a bare passage."""
    text: str


def is_refusal(answer: Answer) -> bool:
    """Whether the answer is "I don't know"."""
    return answer.outcome is Outcome.ABSTAINED


def certainty(answer: Answer) -> float:
    """The confidence on which the decision to answer rests: 0 for what is refused for another reason than a low one."""
    return 0.0 if is_refusal(answer) and answer.reason is not Reason.NO_EVIDENCE else answer.confidence


def score_retrieval(gold: Collection[str], hits: Sequence[Hit]) -> Score:
    """Where the gold questions stand among the hits.

    Args:
        gold: ids of the canonical questions that answer the query; not empty.
        hits: best first, each question once; ten of them, for nDCG@10.
    """
    ranks = [rank for rank, hit in enumerate(hits[:10], start=1) if hit.question_id in gold]
    first = ranks[0] if ranks else 0
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(len(gold), 10) + 1))
    columns = {
        "hit@1": float(first == 1),
        "hit@5": float(0 < first <= 5),
        "mrr": 1 / first if first else 0.0,
        "ndcg@10": sum(1 / math.log2(rank + 1) for rank in ranks) / ideal,
        "risk": float(first != 1),
    }
    where = f"at rank {first}" if first else "not among the first ten"
    return Score(columns, () if first == 1 else (f"the gold question is {where}",))


def score_content(sample: Sample, answer: Answer, gold_answers: Sequence[str]) -> Score:
    """What an answer says, against the facts and the gold answers that the sample has."""
    refused = is_refusal(answer)
    said = "" if refused else "\n".join(statement.text for statement in answer.statements)
    notes: list[str] = ["refused, although the documents answer it"] if refused else []
    columns = {"over_refusal": float(refused), "words": float(len(tokens(said)))}
    if sample.facts:
        missing = [fact for fact in sample.facts if not states(said, fact)]
        columns |= {
            "facts": float(len(sample.facts)),
            "facts_found": float(len(sample.facts) - len(missing)),
            "facts_if_answered": 0.0 if refused else float(len(sample.facts)),
        }
        notes += [] if refused else [f"missing: {' | '.join(fact)}" for fact in missing]
    if gold_answers:
        columns |= {
            "token_f1": max(token_f1(said, gold) for gold in gold_answers),
            "rouge_l": max(rouge_l(said, gold) for gold in gold_answers),
        }
    return Score(columns, tuple(notes))


def score_refusal(sample: Sample, answer: Answer) -> Score:
    """How a query was handled that the documents do not answer."""
    refused = is_refusal(answer)
    corrected = sample.kind == "false_premise" and any(s.mark == "correction" for s in answer.statements)
    handled = refused or corrected
    columns = {"refused": float(refused), "handled": float(handled)}
    notes = [] if handled else ["answered, although the documents do not answer it"]
    if sample.kind == "posed_unanswered":
        right = refused and answer.reason is Reason.UNANSWERED_QUESTION
        columns |= {"reasons": float(refused), "reason_right": float(right)}
        notes += [f"refused for another reason: {answer.reason}"] if refused and not right else []
    return Score(columns, tuple(notes))


def score_faithfulness(answer: Answer, cited: Mapping[str, CitedText], backs: Backs) -> Score:
    """Whether what is said is what the cited entries say; a refusal says nothing.

    Args:
        answer: what was answered.
        cited: by id what citations may point into.
        backs: the check.
    """
    names = (
        "statements",
        "supported",
        "hard_violations",
        "quotes",
        "quotes_verbatim",
        "cited",
        "citations",
        "citations_needed",
    )
    counts: Counter[str] = Counter(dict.fromkeys(names, 0))
    notes: list[str] = []
    for statement in answer.statements:
        counts["statements"] += 1
        texts = [cited[c.entry_id] for c in statement.citations if c.entry_id in cited]
        if texts and _is_backed(statement.text, texts, backs):
            counts["supported"] += 1
        else:
            notes.append(f"not backed: {statement.text}")
        if strange := hard_facts_beyond(statement.text, "\n".join(f"{text.question}\n{text.text}" for text in texts)):
            counts["hard_violations"] += 1
            notes.append(f"not in the cited entries: {', '.join(strange)}")
        counts += _citation_counts(statement, backs)
    for citation in _all_citations(answer):
        counts["quotes"] += 1
        if is_verbatim(citation, cited):
            counts["quotes_verbatim"] += 1
        else:
            notes.append(f"not verbatim: [{citation.n}] {citation.quote}")
    answered = not is_refusal(answer)
    columns = {name: float(counts[name]) for name in names}
    faithful = answered and counts["supported"] == counts["statements"]
    return Score({**columns, "answered": float(answered), "faithful": float(faithful)}, tuple(notes))


def _is_backed(statement: str, texts: Sequence[CitedText], backs: Backs) -> bool:
    if backs(statement, [text.text for text in texts]):
        return True
    # An answer may lean on its question ("It is 0.5."): the two are one passage of the document.
    return any(text.question for text in texts) and backs(statement, [f"{t.question}\n{t.text}" for t in texts])


def _citation_counts(statement: Statement, backs: Backs) -> Counter[str]:
    """Recall and precision of a statement's citations as in ALCE (Gao et al., 2023).

    Recalled: all quotes together back the statement. Precise: a citation of a recalled statement that backs it alone,
    or without which the others do not.
    """
    quotes = [citation.quote for citation in statement.citations]
    counts: Counter[str] = Counter({"citations": len(quotes)})
    if not quotes or not backs(statement.text, quotes):
        return counts
    counts["cited"] = 1
    for n, quote in enumerate(quotes):
        others = quotes[:n] + quotes[n + 1 :]
        if not others or backs(statement.text, [quote]) or not backs(statement.text, others):
            counts["citations_needed"] += 1
    return counts


def _all_citations(answer: Answer) -> Iterator[Citation]:
    yield from answer.citations
    for statement in answer.statements:
        yield from statement.citations


def is_verbatim(citation: Citation, cited: Mapping[str, CitedText]) -> bool:
    """Whether the quote stands in the cited text at the place that the citation gives."""
    source = cited.get(citation.entry_id)
    return source is not None and bool(citation.quote) and source.text[citation.start : citation.end] == citation.quote


def score_counterfactual(sample: Sample, answer: Answer) -> Score:
    """Whether an answer over given passages follows them where they differ from what is commonly true."""
    refused = is_refusal(answer)
    said = "" if refused else "\n".join(statement.text for statement in answer.statements)
    missing = [fact for fact in sample.facts if not states(said, fact)]
    wrong = [text for text in sample.forbidden if states(said, (text,))]
    right = not refused and not missing and not wrong
    notes = [f"missing: {' | '.join(fact)}" for fact in missing if not refused] + [f"says: {text}" for text in wrong]
    columns = {
        "followed": float(refused or right),
        "refused": float(refused),
        "contradicted": float(bool(wrong)),
        "right": float(right),
    }
    return Score(columns, tuple(notes))


# Text.

_MARKUP = re.compile(r"[`*~]+|(?<!\w)_+|_+(?!\w)|^\s*(?:[-+•]|#+|>)\s+", re.MULTILINE)
_TOKEN = re.compile(r"\w+(?:[.,]\d+)*")
_NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_LIST_NUMBER = re.compile(r"^\s*(?:\d{1,3}[.)]|[-*+•])\s+")
_IDENTIFIER = re.compile(
    r"[A-Za-z_]\w+(?:(?:\.|::)[A-Za-z_]\w*)+ | [A-Za-z0-9]*_\w+ | \b[a-z]+[A-Z]\w* | \b[A-Z][a-z]+[A-Z]\w*", re.VERBOSE
)
_NUMBER_WORDS = dict(
    zip(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
        map(str, range(13)),
        strict=True,
    )
)


def plain(text: str) -> str:
    """The text for comparison: no markup, one case, single spaces."""
    return normalise(_MARKUP.sub(" ", text))


def states(text: str, wordings: Sequence[str]) -> bool:
    """Whether a text contains one of these wordings.

    A wording must begin where a word begins, and may end within one ("tensor" is in "tensors"); a number must be whole
    ("0.1" is not in "0.15").
    """
    said = plain(text)
    return any(re.search(_wording(plain(wording)), said) is not None for wording in wordings)


def _wording(wording: str) -> str:
    before = r"(?<!\w)" if wording[:1].isalnum() else ""
    if wording[:1].isdigit():
        before = r"(?<!\w)(?<!\d[.,])"
    after = r"(?![.,]?\d)" if wording[-1:].isdigit() else ""
    return before + r"\s+".join(map(re.escape, wording.split())) + after


def tokens(text: str) -> list[str]:
    """The words of a text, for counting what two texts share."""
    return _TOKEN.findall(plain(text))


def token_f1(text: str, gold: str) -> float:
    """Words shared, with their counts, as F1 of precision and recall."""
    ours, theirs = Counter(tokens(text)), Counter(tokens(gold))
    shared, total = (ours & theirs).total(), ours.total() + theirs.total()
    return 2 * shared / total if total else 1.0


def rouge_l(text: str, gold: str) -> float:
    """Longest common subsequence of words as F1 (ROUGE-L with beta 1)."""
    ours, theirs = tokens(text), tokens(gold)
    total = len(ours) + len(theirs)
    return 2 * LCSseq.similarity(ours, theirs) / total if total else 1.0


def hard_facts_beyond(statement: str, source: str) -> list[str]:
    """Numbers and identifiers of a statement that its source does not hold.

    Numbers are compared by value ("1,000" is 1000, "two" in the source is 2); of a dotted name, each part must be
    there.
    """
    text = _LIST_NUMBER.sub("", statement)
    have = set(_numbers(source)) | {_NUMBER_WORDS[word] for word in tokens(source) if word in _NUMBER_WORDS}
    strange = [number for number in _numbers(text) if number not in have]
    folded = source.casefold()
    for name in dict.fromkeys(match.group().casefold() for match in _IDENTIFIER.finditer(text)):
        if name not in folded and not all(part in folded for part in re.split(r"\.|::", name)):
            strange.append(name)
    return strange


def _numbers(text: str) -> Iterator[str]:
    # A comma between digits is a thousands separator or parts a list ("1,2"); which of them decides the length.
    for match in _NUMBER.finditer(text):
        for part in _THOUSANDS.sub("", match.group()).split(","):
            yield _value(part)


def _value(number: str) -> str:
    if number.count(".") > 1:  # a version
        return number
    whole, _, fraction = number.partition(".")
    fraction = fraction.rstrip("0")
    return (whole.lstrip("0") or "0") + (f".{fraction}" if fraction else "")


_FENCE = re.compile(r"^\s*(?:```|~~~).*$|^\s*\.\. [\w-]+::.*$", re.MULTILINE)
_MARK = re.compile(r"^[\s>#|]*(?:[-*+•◦▪]|\d{1,3}[.)])?[ \t]+", re.MULTILINE)
_LINK = re.compile(r"!?\[([^\]\n]*)\]\([^)\n]*\)")
_TAG = re.compile(r"</?[a-zA-Z][^<>\n]*>")


def bare(text: str) -> str:
    """The letters and digits of a text without markup: what two renderings of the same text share."""
    text = _LINK.sub(r"\1", _MARK.sub("", _FENCE.sub("", text)))
    text = unicodedata.normalize("NFC", html.unescape(_TAG.sub("", text)))
    return "".join(c for c in text if c.isalnum())


def score_entries(
    expected: Sequence[tuple[str, str | None, str]], found: Sequence[tuple[str, str | None, str]]
) -> Score:
    """Entries as (question, answer, status): right is what equals in all three, apart from markup."""

    def keys(entries: Sequence[tuple[str, str | None, str]]) -> Counter[tuple[str, str, str]]:
        return Counter((bare(question), bare(answer or ""), status) for question, answer, status in entries)

    wanted, have = keys(expected), keys(found)
    right = (wanted & have).total()
    notes = [f"not found: {q}" for q, a, s in expected if (bare(q), bare(a or ""), s) not in have]
    notes += [f"not expected: {q}" for q, a, s in found if (bare(q), bare(a or ""), s) not in wanted]
    return Score({"right": float(right), "found": float(len(found)), "expected": float(len(expected))}, tuple(notes))
