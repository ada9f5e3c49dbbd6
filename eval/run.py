"""Ask the sets of the knowledge base as a user would, through its public functions, and score what comes back."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
from rapidfuzz import fuzz, process

from eval.collection import Progress, corpus_collection, counted
from eval.figures import EvalReport, Item, compute_figures
from eval.labelled import claim_items, document_items, duplicate_items
from eval.samples import (
    SETS,
    SMOKE_SIZES,
    Gold,
    Sample,
    Split,
    Suite,
    in_split,
    load_claims,
    load_own,
    load_samples,
    set_hashes,
    spread,
)
from eval.scorers import (
    CitedText,
    Score,
    bare,
    certainty,
    is_refusal,
    score_content,
    score_counterfactual,
    score_faithfulness,
    score_refusal,
    score_retrieval,
)
from kb import KnowledgeBase
from kb.errors import EvalError
from kb.settings import Settings
from kb.types import Answer, Entry, Hit, Statement
from kb.wiring import answer_from_passages, verify

SEARCH_LIMIT = 10
N_DISTRACTORS = 3
_FUZZY_GOLD = 92.0
"""Likeness, of 100, from which a question of the right document is the gold one: a parser may change a mark."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EvalOptions:
    """What to run."""

    suite: Suite = "full"
    split: Split = "test"
    data: Path | None = None
    """A user's own queries, asked of the index of the settings."""
    own_index: bool = False
    """Ask the project's sets of the index of the settings too, rather than of a fresh one of corpus/."""
    cache: Path | None = None
    """Home of the fresh index; the platform's cache folder if None."""


class Asked(NamedTuple):
    """What came back for a query."""

    answer: Answer
    hits: tuple[Hit, ...]
    ms: float


class Asker:
    """A knowledge base with what is needed to score its answers: its entries, and a check that remembers."""

    def __init__(self, kb: KnowledgeBase, settings: Settings) -> None:
        self.kb = kb
        self._settings = settings
        self._entries = {entry.id: entry for entry in kb.entries()}
        self._cited = {e.id: CitedText(e.question, e.answer or "") for e in self._entries.values()}
        self._answers: dict[str, list[str]] = {}
        self._by_document: dict[str, dict[str, Entry]] = {}
        for entry in self._entries.values():
            if entry.answer is not None:
                self._answers.setdefault(entry.question_id or "", []).append(entry.answer)
            name = PurePosixPath(entry.source).name
            self._by_document.setdefault(name, {})[bare(entry.question).casefold()] = entry
        self._checked: dict[tuple[str, tuple[str, ...]], bool] = {}

    def backs(self, statement: str, passages: Sequence[str]) -> bool:
        """Whether the passages back the statement, by `kb.verify`."""
        key = (statement, tuple(passages))
        if key not in self._checked:
            self._checked[key] = verify(statement, passages, settings=self._settings).supported
        return self._checked[key]

    def ask(self, sample: Sample) -> Asked:
        """The answer and the first ten hits."""
        started = time.perf_counter()
        answer = self.kb.ask(sample.query, history=sample.history)
        ms = (time.perf_counter() - started) * 1000
        return Asked(answer, tuple(self.kb.search(sample.query, limit=SEARCH_LIMIT, history=sample.history)), ms)

    def over_passages(self, sample: Sample, passages: Sequence[str]) -> Asked:
        """The answer over the given passages alone."""
        started = time.perf_counter()
        answer = answer_from_passages(sample.query, passages, settings=self._settings)
        return Asked(answer, (), (time.perf_counter() - started) * 1000)

    def gold_entry(self, gold: Gold) -> Entry | None:
        """The index's entry for a gold one."""
        questions = self._by_document.get(gold.document, {})
        wanted = bare(gold.question).casefold()
        if wanted in questions:
            return questions[wanted]
        near = process.extractOne(wanted, questions.keys(), scorer=fuzz.ratio, score_cutoff=_FUZZY_GOLD)
        return questions[near[0]] if near else None

    def require_gold(self, samples: Sequence[Sample]) -> None:
        """Check that every gold entry is in the index.

        Raises:
            EvalError: items that cannot be scored, with their gold entries.
        """
        missing = [(s.id, gold) for s in samples for gold in s.gold if self.gold_entry(gold) is None]
        if missing:
            shown = "; ".join(f"{sample}: {gold.document}, “{gold.question}”" for sample, gold in missing[:4])
            items = len({sample for sample, _ in missing})
            raise EvalError(
                f"{items} items cannot be scored, {len(missing)} gold entries are not in the index: {shown}",
                hint="`kb entries --document NAME` shows what is; correct the gold question, or ingest the document.",
            )

    def gold_questions(self, sample: Sample) -> frozenset[str]:
        """Ids of the canonical questions that the gold entries belong to."""
        entries = (self.gold_entry(gold) for gold in sample.gold)
        return frozenset(entry.question_id or "" for entry in entries if entry is not None)

    def score(self, sample: Sample, asked: Asked) -> Score:
        """The score of an item of the sets that are asked of the index."""
        answer = asked.answer
        score = score_faithfulness(answer, self._cited, self.backs) + Score({"score": certainty(answer)})
        if sample.set == "unanswerable":
            score += score_refusal(sample, answer) + Score({"risk": 1.0})
            # A corrected premise is an answer: the confidence of such an item is neither right high nor right low.
            return score if sample.kind == "false_premise" else score + Score({"answerable_label": 0.0})
        gold = self.gold_questions(sample)
        answers = [text for question in gold for text in self._answers.get(question, [])]
        score += score_content(sample, answer, answers) + Score({"answerable_label": 1.0})
        return score + score_retrieval(gold, asked.hits) if gold else score


def run_eval(options: EvalOptions, settings: Settings, progress: Progress) -> EvalReport:
    """Ask, score and count.

    Raises:
        EvalError: a set is missing or empty, or an item cannot be scored.
    """
    started = time.monotonic()
    if options.data is None and not options.own_index:
        settings = corpus_collection(settings, home=options.cache, progress=progress)
    with KnowledgeBase.open(settings) as kb:
        backend = kb.backend()
        asker = Asker(kb, settings)
        if options.data is not None:
            items = asked_items(asker, load_own(options.data), [], progress)
        else:
            items = _own_sets(asker, options, settings, progress)
    times = [item.record["ms"] for item in items if "ms" in item.record]
    median, p95 = np.percentile(times, [50, 95]) if times else (0.0, 0.0)
    progress("intervals", 0, 0)
    return EvalReport(
        suite=options.suite,
        split=options.split,
        backend=backend.name,
        model=backend.model,
        hashes={} if options.data else set_hashes(),
        items=tuple(items),
        figures=compute_figures(items),
        seconds=time.monotonic() - started,
        ms_median=float(median),
        ms_p95=float(p95),
        own=str(options.data or ""),
    )


def _own_sets(asker: Asker, options: EvalOptions, settings: Settings, progress: Progress) -> list[Item]:
    smoke = options.suite == "smoke"
    sets = {name: in_split(load_samples(name), options.split) for name in SETS}
    if smoke:
        sets = {name: spread(samples, SMOKE_SIZES[name]) for name, samples in sets.items()}
    for name, samples in sets.items():
        if not samples and not (smoke and SMOKE_SIZES[name] == 0):
            raise EvalError(f"the set {name} has no items in the split {options.split}", hint="Use --split all.")
    items = asked_items(asker, [*sets["answerable"], *sets["unanswerable"]], sets["robustness"], progress)
    items += _counterfactual_items(asker, sets["counterfactual"], progress, variants=not smoke)
    items += document_items(progress, SMOKE_SIZES["documents"] if smoke else None)
    claims = load_claims(options.split)
    items += claim_items(asker.backs, spread(claims, SMOKE_SIZES["mutants"]) if smoke else claims, progress)
    if not smoke:
        items += duplicate_items(options.split, settings, options.cache, progress)
    return items


def asked_items(asker: Asker, samples: list[Sample], disturbed: list[Sample], progress: Progress) -> list[Item]:
    """Items of what is asked of the index; of the disturbed queries, by comparison with their undisturbed ones."""
    asker.require_gold(samples)
    originals: dict[str, tuple[Sample, Asked, Score]] = {}
    items = []
    for sample in counted("questions", samples, progress):
        asked = asker.ask(sample)
        score = asker.score(sample, asked)
        originals[sample.id] = (sample, asked, score)
        items.append(_item(sample, asked, score))
    for sample in counted("disturbed questions", disturbed, progress):
        if sample.base not in originals:
            raise EvalError(f"{sample.id}: its base {sample.base!r} is not in this run", hint="Put both in one split.")
        base, base_asked, base_score = originals[sample.base]
        twin = dataclasses.replace(base, id=sample.id, kind=sample.kind, query=sample.query)
        asked = asker.ask(twin)
        score = _compared(asker.score(twin, asked), asked, base_score, base_asked)
        items.append(_item(sample, asked, score, base=base.query))
    return items


def _compared(score: Score, asked: Asked, base: Score, base_asked: Asked) -> Score:
    """The changes of a disturbed query against the undisturbed one."""
    kept = is_refusal(asked.answer) == is_refusal(base_asked.answer)
    columns = {"outcome_kept": float(kept), "refused": float(is_refusal(asked.answer))}
    if "hit@1" in score.columns:
        columns["hit@1_change"] = score.columns["hit@1"] - base.columns["hit@1"]
    if "facts" in score.columns:
        share = 1 / score.columns["facts"]
        columns["facts_change"] = share * (score.columns["facts_found"] - base.columns["facts_found"])
    if "right" in score.columns:
        columns["facts_change"] = score.columns["right"] - base.columns["right"]
    return Score(columns, () if kept else ("answered or refused otherwise than the undisturbed query",))


def _counterfactual_items(asker: Asker, samples: list[Sample], progress: Progress, *, variants: bool) -> list[Item]:
    """Answers over passages that say what is not commonly true; then with the passages in other order and company."""
    items = []
    for n, sample in enumerate(counted("counterfactuals", samples, progress)):
        asked = asker.over_passages(sample, sample.passages)
        score = score_counterfactual(sample, asked.answer)
        # Only the columns of its own set: faithfulness is counted over what is asked of the index.
        items.append(_item(sample, asked, score))
        if not variants:
            continue
        others = [samples[(n + 1 + k) % len(samples)].passages[0] for k in range(min(N_DISTRACTORS, len(samples) - 1))]
        disturbed = {
            "passages reversed": tuple(reversed(sample.passages)),
            f"{len(others)} more passages": (*others[:1], *sample.passages, *others[1:]),
        }
        for kind, passages in disturbed.items():
            if passages == sample.passages:
                continue
            twin = dataclasses.replace(
                sample, id=f"{sample.id}, {kind}", set="robustness", kind=kind, passages=passages
            )
            again = asker.over_passages(twin, passages)
            compared = _compared(score_counterfactual(twin, again.answer), again, score, asked)
            items.append(_item(twin, again, compared, base=sample.query))
    return items


def _item(sample: Sample, asked: Asked, score: Score, *, base: str = "") -> Item:
    answer = asked.answer
    record: dict[str, Any] = {
        "query": sample.query,
        "history": sample.history,
        "base": base,
        "gold": [{"document": g.document, "question": g.question} for g in sample.gold],
        "facts": [" | ".join(fact) for fact in sample.facts],
        "passages": sample.passages,
        "outcome": answer.outcome.value,
        "reason": answer.reason.value if answer.reason else None,
        "confidence": answer.confidence,
        "searched": answer.searched,
        "answer": answer.text,
        "statements": [_statement(statement) for statement in answer.statements],
        "rejected": [{"text": s.text, "support": s.support, "reason": s.reason} for s in answer.rejected],
        "hits": [
            {"question": h.question, "source": PurePosixPath(h.source).name, "score": round(h.score, 4), "text": h.text}
            for h in asked.hits or answer.hits
        ],
        "ms": round(asked.ms, 2),
    }
    return Item(sample.id, sample.set, sample.kind, sample.topic, sample.split, score.columns, score.notes, record)


def _statement(statement: Statement) -> dict[str, Any]:
    cited = [{"n": c.n, "source": PurePosixPath(c.source).name, "quote": c.quote} for c in statement.citations]
    return {"text": statement.text, "support": statement.support, "mark": statement.mark, "citations": cited}
