"""The evaluation sets: their format, their splits, and that they agree with the corpus."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ingest.parse import parse_file
from kb.types import Entry, Status

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "eval" / "data"
CORPUS = ROOT / "corpus"
DOCUMENTS = sorted(path for path in CORPUS.iterdir() if path.suffix in {".md", ".txt"} and path.name != "glossary.txt")

MINIMUM = {
    "answerable": {
        "paraphrase": 110,
        "keyword": 60,
        "typo": 60,
        "symptom": 60,
        "how_to": 60,
        "comparison": 40,
        "follow_up": 40,
    },
    "unanswerable": {
        "near_domain": 95,
        "out_of_domain": 25,
        "false_premise": 25,
        "posed_unanswered": 10,
        "injection": 15,
        "gibberish": 15,
    },
    "counterfactual": {"number": 20, "name": 20, "polarity": 15},
    "robustness": {"typos": 40, "upper": 40, "lower": 15, "prefix": 40, "suffix": 40, "distractors": 40},
}

Item = dict[str, Any]


@cache
def items(name: str) -> tuple[Item, ...]:
    """All lines of a set."""
    return tuple(json.loads(line) for line in (DATA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines())


def flat(text: str) -> str:
    """Lower case, without backticks, asterisks and line ends, for comparison."""
    return re.sub(r"\s+", " ", text.replace("`", "").replace("**", "")).strip().lower()


@cache
def corpus() -> dict[str, str]:
    """File name to flat text."""
    return {path.name: flat(path.read_text(encoding="utf-8")) for path in DOCUMENTS}


@cache
def entries() -> dict[tuple[str, str], Entry]:
    """(file name, flat question) to entry, as the parser finds them."""
    return {(path.name, flat(entry.question)): entry for path in DOCUMENTS for entry in parse_file(path).entries}


def tokens(text: str) -> set[str]:
    """The words of a text."""
    return set(re.findall(r"[a-z0-9_]+", text.lower()))


@pytest.mark.parametrize("name", MINIMUM)
def test_ids_are_unique_and_every_kind_is_there(name: str) -> None:
    ids = [item["id"] for item in items(name)]
    assert len(ids) == len(set(ids))
    counts = Counter(item["kind"] for item in items(name))
    assert set(counts) == set(MINIMUM[name])
    assert {kind: n for kind, n in MINIMUM[name].items() if counts[kind] < n} == {}


@pytest.mark.parametrize("name", MINIMUM)
def test_fields(name: str) -> None:
    for item in items(name):
        assert item["query"].strip() and item["topic"] and item["split"] in {"dev", "test"}, item["id"]
        for role, text in item.get("history", []):
            assert role in {"user", "assistant"} and text, item["id"]
        if name == "answerable":
            assert 2 <= len(item["facts"]) <= 4 and item["gold"], item["id"]
            assert bool(item["history"]) == (item["kind"] == "follow_up"), item["id"]
        if item["kind"] == "near_domain":
            assert item["terms"], item["id"]


@pytest.mark.parametrize("name", MINIMUM)
def test_no_topic_is_in_both_splits_and_no_kind_is_lopsided(name: str) -> None:
    splits: dict[str, set[str]] = {}
    for item in items(name):
        splits.setdefault(item["topic"], set()).add(item["split"])
    assert {topic for topic, found in splits.items() if len(found) > 1} == set()
    for kind in MINIMUM[name]:
        dev = [item["split"] == "dev" for item in items(name) if item["kind"] == kind]
        assert 0.3 < sum(dev) / len(dev) < 0.7, kind


def test_answerable_split_follows_the_hash_of_the_topic() -> None:
    for item in items("answerable"):
        even = hashlib.sha256(f"kb-eval-20/{item['topic']}".encode()).digest()[0] % 2 == 0
        assert item["split"] == ("dev" if even else "test"), item["id"]


def test_no_query_repeats_another() -> None:
    seen = Counter((flat(item["query"]), str(item["history"])) for item in items("answerable") + items("unanswerable"))
    assert [query for query, n in seen.items() if n > 1] == []


def test_gold_entries_stand_in_the_corpus() -> None:
    texts = corpus()
    named = [(item["id"], gold) for item in items("answerable") for gold in item["gold"]]
    for item in items("unanswerable"):
        named += [(item["id"], item[key]) for key in ("contradicted_by", "posed_by") if key in item]
    missing = [(n, gold) for n, gold in named if flat(gold["question"]) not in texts[gold["document"]]]
    assert missing == []


def test_gold_entries_are_parsed_with_answers() -> None:
    found = entries()
    for item in items("answerable"):
        for gold in item["gold"]:
            entry = found[gold["document"], flat(gold["question"])]
            assert entry.status is Status.ANSWERED, (item["id"], gold)
    for item in items("unanswerable"):
        if "posed_by" in item:
            posed = item["posed_by"]
            assert found[posed["document"], flat(posed["question"])].status is Status.UNANSWERED, item["id"]


def test_facts_stand_together_in_a_gold_answer() -> None:
    found = entries()
    lacking = []
    for item in items("answerable"):
        answers = [flat(found[gold["document"], flat(gold["question"])].answer or "") for gold in item["gold"]]
        facts = [[flat(form) for form in fact.split("|")] for fact in item["facts"]]
        if not any(all(any(form in answer for form in fact) for fact in facts) for answer in answers):
            lacking.append((item["id"], item["facts"]))
    assert lacking == []


def test_near_domain_subjects_are_absent_from_the_corpus() -> None:
    present = [
        (item["id"], term, name)
        for item in items("unanswerable")
        for term in item.get("terms", [])
        for name, text in corpus().items()
        if re.search(rf"(?<![a-z]){re.escape(term)}", text)
    ]
    assert present == []


def test_queries_do_not_repeat_the_wordings_of_the_corpus() -> None:
    wordings = [
        tokens(text) for entry in entries().values() for text in (entry.question, *entry.also_asked) if tokens(text)
    ]
    close = [
        item["query"]
        for item in items("answerable")
        if item["kind"] != "keyword"
        for words in wordings
        if len(words & tokens(item["query"])) > 0.8 * len(words | tokens(item["query"]))
    ]
    assert close == []


def test_counterfactual_passages_hold_the_swapped_value_only() -> None:
    for item in items("counterfactual"):
        text = flat(" ".join(item["passages"]))
        assert 1 <= len(item["passages"]) <= 3, item["id"]
        assert all(flat(value) in text for value in item["expected"]), item["id"]
        assert not any(flat(value) in text for value in item["forbidden"]), item["id"]


def test_robustness_items_belong_to_answerable_ones() -> None:
    base = {item["id"]: item for item in items("answerable")}
    for item in items("robustness"):
        original = base[item["base"]]
        assert (item["split"], item["topic"]) == (original["split"], original["topic"]), item["id"]
        assert item["query"] != original["query"], item["id"]
    assert len({item["base"] for item in items("robustness")}) >= 40
