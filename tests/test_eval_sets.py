"""The sets are the ones that the committed figures were measured on, and dev and test have no topic in common."""

import itertools

import pytest

from eval import samples
from eval.samples import DATA, SETS, load_claims, load_samples, set_hashes, spread
from eval.scorers import states
from ingest import parse_file

SUMS = DATA / "SHA256SUMS"


@pytest.mark.skipif(not SUMS.is_file(), reason="the sets are not final yet")
def test_the_hashes_of_the_sets():
    """After a change of a set: `python -m eval.samples`, then a new baseline, each in a commit of its own."""
    assert SUMS.read_text("utf-8") == samples.sums_text(set_hashes())


@pytest.mark.parametrize("name", SETS)
def test_no_topic_is_in_both_splits(name):
    topics = {split: {s.topic for s in load_samples(name) if s.split == split} for split in ("dev", "test")}
    assert topics["dev"] and topics["test"]
    assert topics["dev"].isdisjoint(topics["test"])
    assert {s.split for s in load_samples(name)} == {"dev", "test"}


def test_the_splits_share_no_entry_that_answers_a_query_best():
    """The first gold entry is the one that the query was written for; further ones also answer it, if less directly."""
    best = {split: {s.gold[0] for s in load_samples("answerable") if s.split == split} for split in ("dev", "test")}
    assert best["dev"].isdisjoint(best["test"])


def test_the_statements_of_the_splits_share_no_passage():
    passages = {split: {c.passage for c in load_claims(split)} for split in ("dev", "test")}
    assert passages["dev"] and passages["test"] and passages["dev"].isdisjoint(passages["test"])


def test_a_disturbed_query_is_in_the_split_of_its_base():
    answerable = {s.id: s for s in load_samples("answerable")}
    for sample in load_samples("robustness"):
        assert answerable[sample.base].split == sample.split, sample.id
        assert answerable[sample.base].topic == sample.topic, sample.id


def test_every_fact_is_found_by_the_scorer_in_a_gold_answer():
    """A fact that the scorer cannot find in the documents' own words could never be answered."""
    answers = {}
    for path in sorted(p for p in samples.CORPUS.rglob("*") if p.suffix in (".md", ".txt")):
        for entry in parse_file(path).entries:
            answers[path.name, samples_key(entry.question)] = entry.answer or ""
    lost = [
        (sample.id, fact)
        for sample in load_samples("answerable")
        for fact in sample.facts
        if not any(states(answers.get((g.document, samples_key(g.question)), ""), fact) for g in sample.gold)
    ]
    assert lost == []


def samples_key(question):
    return "".join(c for c in question.casefold() if c.isalnum())


def test_what_a_counterfactual_expects_is_in_its_passages_and_what_it_forbids_is_not():
    for sample in load_samples("counterfactual"):
        text = "\n".join(sample.passages)
        assert all(states(text, fact) for fact in sample.facts), sample.id
        assert not any(states(text, (wrong,)) for wrong in sample.forbidden), sample.id


@pytest.mark.parametrize("name", ["answerable", "unanswerable", "counterfactual"])
def test_the_quick_suite_has_every_kind(name):
    whole = [s for s in load_samples(name) if s.split == "test"]
    assert {s.kind for s in spread(whole, samples.SMOKE_SIZES[name])} == {s.kind for s in whole}


def test_ids_are_unique_over_all_sets():
    ids = list(itertools.chain.from_iterable((s.id for s in load_samples(name)) for name in SETS))
    ids += [claim.id for claim in load_claims("all")]
    assert len(ids) == len(set(ids))
