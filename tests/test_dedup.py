"""Merging: what is one question, what is not, and that the order of the documents makes no difference."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.dedup import MergeResult, MergeStage, merge_entries
from kb.types import Entry, Status

FIXTURES = Path(__file__).parent / "fixtures" / "duplicates"


def entry(number: int, question: str, *, status: Status = Status.ANSWERED, also_asked: tuple[str, ...] = ()) -> Entry:
    answer = f"Answer {number}." if status is Status.ANSWERED else None
    source = f"/docs/{number % 3}.md"
    return Entry(
        f"e{number:03d}", f"d{number % 3}", source, number, None, question, answer, status, (number, number),
        also_asked=also_asked,
    )  # fmt: skip


def merged(*questions: str, agree: float | None = None) -> MergeResult:
    """The questions merged; `agree` is the cosine that every pair of vectors has."""
    entries = [entry(i, question) for i, question in enumerate(questions)]
    return merge_entries(entries, None if agree is None else vectors(len(entries), agree))


def vectors(n: int, agree: float) -> np.typing.NDArray[np.float32]:
    """Unit vectors, each pair with the cosine given."""
    gram = np.full((n, n), agree) + (1 - agree) * np.eye(n)
    return np.linalg.cholesky(gram).astype(np.float32)


def groups(result: MergeResult) -> set[frozenset[str]]:
    return {frozenset(question.entry_ids) for question in result.questions}


SAME = [
    ("What is tokenisation?", "Explain the concept of tokenization.", "What do you mean by Tokenization?"),
    (
        "What is a mutex?",
        "Why is a mutex used?",
        "What is the purpose of a mutex?",
        "What are mutexes and why are they needed?",
    ),
    ("What is the difference between a stack and a queue?", "Queue vs stack", "How does a queue differ from a stack?"),
    (
        "How do I rename a branch in Git?",
        "In Git, how can a branch be renamed?",
        "What is the way to rename a Git branch?",
    ),
    ("What are the benefits of crop rotation?", "List the advantages of crop rotation."),
    ("How does a heat pump work?", "Explain how a heat pump works."),
    ("How often should I water a cactus?", "How frequently should a cactus be watered?"),
    ("What is Support Vector Machine (SVM)?", "What is an SVM?"),
    ("Can you explain what back-propagation is?", "What is backpropagation?"),
    ("What is a type I error?", "What is a Type 1 error?"),
    ("How do I turn on airplane mode?", "How can I enable airplane mode?"),
    ("What is `bisect.insort()`?", "What is bisect.insort?"),
    ("How do I save and load a session in R?", "In R, how do you load and save a session?"),
    ("What is osmosis, and how does it work?", "What is osmosis and how does it work?"),
    ("What causes rust?", "What are the causes of rust?"),
    ("My card needs to be replaced, how can I do it?", "How do I replace my card?"),
    ("How do I renew a permit?", "Permit renewal", "Renewing a permit", "What are the steps to renew a permit?"),
    ("How long does an appraisal take?", "When will my appraisal be ready?", "How much time does an appraisal need?"),
    ("Is parking allowed?", "Can I park?", "Is it possible to park?"),
    ("Why is my kettle noisy?", "My kettle is noisy. Why?", "What makes my kettle noisy?"),
    ("What should I do if my key breaks?", "My key breaks. What should I do?"),
    ("My hedge is too tall, how do I trim it?", "How do I trim my hedge?"),
    ("How much ink do I have left?", "What is my remaining ink?"),
    ("Do I need a helmet?", "Is a helmet required?", "Is it necessary to have a helmet?"),
    ("How do I terminate my lease?", "How can I cancel my lease?"),
    ("What is a monad?", "Monad, what is it?", "Monads?"),
    ("How can the last step be undone?", "How do I undo the last step?"),
    ("What command lists the jobs of a queue?", "How do I see the jobs of a queue?"),
    ("Which tools can I use instead of a plane?", "What tools can I use instead of a plane?"),
    ("What is the price of a trailer?", "What is the charge for a trailer?"),
    ("In Rust, what does a borrow do?", "Rust: what is a borrow?", "Borrow in Rust - meaning and purpose"),
    ("Rust: difference of trait and impl", "In Rust, how do a trait and an impl differ?"),
    ("What is a hash-join?", "hash join, please define", "Hash join: what does it do and why is it used?"),
    ("What does depth of tread mean?", "Define depth-of-tread (DOT)."),
    ("Where do I find my plot number?", "Where can my plot number be found?"),
    ("Could my son and I rent a kayak?", "Is it possible for my son and me to rent a kayak?"),
    ("How long must a lease be valid?", "What validity does a lease need?"),
    ("From what time can I moor a boat?", "When can I moor a boat?"),
    ("How many berths does a pier have? How can I find out?", "Count the number of berths of a pier"),
    ("What is the difference between a sloop and a ketch?", "What is the differnce betwen a sloop and a ketch?"),
]

APART = [
    ("How do you define a route in Flask?", "How do you define a route in Django?", "How do you define a route?"),
    ("What is a decorator in Python?", "What is a decorator in TypeScript?", "What is a decorator?"),
    ("What is a tensor in PyTorch?", "What is a tensor in TensorFlow?", "What is a tensor in PyTorch and TensorFlow?"),
    ("What does nn.Conv1d do?", "What does nn.Conv2d do?", "What is a convolution layer?"),
    ("What is max pooling?", "What is average pooling?", "What is pooling?"),
    ("What is the CIFAR-10 dataset?", "What is the CIFAR-100 dataset?"),
    ("How do I convert a list to a set in Python?", "How do I convert a set to a list in Python?"),
    ("What is a list of dictionaries?", "What is a dictionary of lists?"),
    ("How do I enable caching?", "How do I disable caching?"),
    ("Can I enter with a ticket?", "Can I enter without a ticket?"),
    ("What is covered by the policy?", "What is not covered by the policy?"),
    ("What is the deadline for students?", "What is the deadline for staff?", "What is the deadline?"),
    ("How do I reset my PIN on an iPhone?", "How do I reset my PIN on Android?"),
    (
        "What is dropout?",
        "How does dropout work?",
        "What are the benefits of dropout?",
        "What are the types of dropout?",
    ),
    ("What is a VLAN?", "What is a VLAN and how does it differ from a subnet?", "What is a VLAN and how does it work?"),
    ("What is a learning rate?", "What is a learning rate scheduler?"),
    ("What is a class in Java?", "What is a class method in Java?"),
    ("What is a Python module?", "What is Python?"),
    ("What is HTTP/1.1?", "What is HTTP/2?"),
    ("What are the advantages of gas over coal?", "What are the advantages of coal over gas?"),
    ("What should I do before surgery?", "What should I do after surgery?"),
    ("How do I use a semaphore?", "How do I create a semaphore?"),
    ("What is the role of nitrates?", "What is the role of nitrites?"),
    ("What is mitosis?", "What is the difference between mitosis and meiosis?"),
    ("What is Adam?", "What is AdamW?"),
    ("How long does a visa take?", "How much does a visa cost?"),
    ("What is it?", "What is this?", "Who are you?", "Why?"),
    ("How does smoke affect fog?", "How does fog affect smoke?"),
    ("Was ist ein Vertrag?", "Was ist ein Vertreter?"),
    ("什么是红茶？", "什么是绿茶？"),
    ("What is a RIGHT JOIN?", "What is a LEFT JOIN?"),
    ("What are some common alloys?", "What is an alloy?"),
    ("How do I load a saved session?", "How do I save and load a session?"),
    ("How do I open a ledger in Go?", "How do I create a ledger in Go?"),
    ("How do I verify my badge?", "How do I find my badge?", "How do I replace my badge?"),
    ("How long does a survey take?", "When does the survey close?", "How much does a survey cost?"),
    ("When should I use a rasp instead of a file?", "When should I use a file instead of a rasp?"),
    ("What should I do if my kiln cracks?", "What happens if my kiln cracks?", "Why does my kiln crack?"),
    ("Is a permit required?", "Can I get a permit?", "How do I get a permit?", "What is a permit?"),
    ("How many guests can I invite?", "How do I invite guests?"),
    ("How do I renew a permit?", "How do I revoke a permit?"),
    ("Permit renewal", "Permit transfer"),
    ("What is term life insurance?", "What is whole life insurance?", "What is life insurance?"),
    ("What happens when I stop a job?", "What happens when I terminate a job?", "What happens when I pause a job?"),
    ("How do I pause my plan?", "How do I cancel my plan?"),
    ("State machines vs flow charts", "Explain state machines"),
    ("Are lockers available?", "How do I use a locker?", "What is a locker?", "Are lockers required?"),
    ("Can my dog bite my cat?", "Can my cat bite my dog?"),
]


@pytest.mark.parametrize("wordings", SAME, ids=lambda wordings: wordings[0][:40])
def test_one_question_in_other_words_is_one_question(wordings: tuple[str, ...]) -> None:
    assert len(merged(*wordings, agree=0.9).questions) == 1


@pytest.mark.parametrize("wordings", APART, ids=lambda wordings: wordings[0][:40])
@pytest.mark.parametrize("agree", [0.93, None])
def test_look_alikes_stay_apart_however_near_their_vectors(wordings: tuple[str, ...], agree: float | None) -> None:
    assert len(merged(*wordings, agree=agree).questions) == len(wordings)


def test_vectors_veto_a_merge_that_words_only_propose() -> None:
    wordings = ("What is the vanishing gradient technique?", "What is the vanishing gradient layer?")
    near = ("How do I prune roses?", "How do I prune rose bushes?")
    assert len(merged(*near, agree=0.95).questions) == 1
    apart = merged(*near, agree=0.3)
    assert len(apart.questions) == 2
    assert [(item.entry_a, item.entry_b) for item in apart.borderline] == [("e000", "e001")]
    assert "bush" in apart.borderline[0].reason
    assert len(merged(*wordings, agree=0.3).questions) == 2


def test_near_synonyms_need_the_vectors() -> None:
    wordings = ("How do I terminate my lease?", "How can I cancel my lease?")
    assert len(merged(*wordings, agree=0.9).questions) == 1
    apart = merged(*wordings, agree=0.2)
    assert len(apart.questions) == 2
    assert [(item.entry_a, item.entry_b) for item in apart.borderline] == [("e000", "e001")]


def test_a_heading_that_could_be_two_questions_joins_neither() -> None:
    result = merged("Seed vernalisation", "What is seed vernalisation?", "How do I vernalise seeds?", agree=0.9)
    assert len(result.questions) == 3
    assert len(merged("Seed vernalisation", "How do I vernalise seeds?", agree=0.9).questions) == 1


def test_typing_errors_merge_and_are_named() -> None:
    result = merged("What is photosyntehsis in plants?", "What is photosynthesis in plants?", agree=0.9)
    assert len(result.questions) == 1
    assert result.merges[0].stage is MergeStage.NEAR


def test_every_merge_has_its_stage_score_and_reason() -> None:
    result = merged(
        "What is a semaphore?", "**what is a semaphore**", "What are semaphores?", "Explain semaphores.", agree=0.8
    )
    assert len(result.questions) == 1
    assert {merge.stage for merge in result.merges} >= {MergeStage.EXACT, MergeStage.SEMANTIC}
    assert len(result.merges) == 3
    assert all(merge.reason and 0 <= merge.score <= 1 for merge in result.merges)


def test_a_setting_with_two_meanings_does_not_join_them() -> None:
    result = merged("What is a lock in databases?", "What is a lock in door hardware?", agree=0.9)
    assert len(result.questions) == 2


def test_nothing_is_lost_and_the_status_is_the_best_of_the_entries() -> None:
    entries = [
        entry(1, "What is a kiln?", status=Status.UNANSWERED),
        entry(2, "Explain what a kiln is.", also_asked=("Kilns?",)),
        entry(3, "What is a kiln?", status=Status.PLACEHOLDER),
        entry(4, "What is glaze?", status=Status.PLACEHOLDER),
    ]
    result = merge_entries(entries, None)
    kiln = next(question for question in result.questions if "e001" in question.entry_ids)
    assert set(kiln.entry_ids) == {"e001", "e002", "e003"}
    assert kiln.status is Status.ANSWERED
    assert kiln.variants == (kiln.question, "What is a kiln?", "Kilns?")
    assert kiln.question == "Explain what a kiln is.", "an answered entry's wording stands for the question"
    assert kiln.sources == ("/docs/0.md", "/docs/1.md", "/docs/2.md")
    assert {question.status for question in result.questions} == {Status.ANSWERED, Status.PLACEHOLDER}
    assert [item.question_id for item in result.entries][:3] == [kiln.id] * 3


def test_a_curators_wording_joins_two_entries_only_where_it_is_the_others_question() -> None:
    listed = entry(1, "How do I get my money back?", also_asked=("How do refunds work?",))
    other = entry(2, "How do refunds work?")
    third = entry(3, "May I see the invoice?", also_asked=("Who pays?",))
    fourth = entry(4, "Is the invoice due?", also_asked=("Who pays?",))
    assert groups(merge_entries([listed, other, third, fourth], None)) == {
        frozenset({"e001", "e002"}), frozenset({"e003"}), frozenset({"e004"}),
    }  # fmt: skip


def test_abbreviations_come_from_the_entries_and_from_the_glossary() -> None:
    questions = [
        "What is a Zonal Heat Exchanger (ZHE)?",
        "What is the purpose of a ZHE?",
        "What is a QLP?",
        "What is a quiet loading platform?",
    ]
    entries = [entry(i, question) for i, question in enumerate(questions)]
    assert len(merge_entries(entries, vectors(4, 0.8)).questions) == 3
    assert len(merge_entries(entries, vectors(4, 0.8), glossary={"QLP": "quiet loading platform"}).questions) == 2


def test_a_vector_for_each_entry_is_asked_for() -> None:
    with pytest.raises(ValueError, match="1 entries need as many vectors, not 2"):
        merge_entries([entry(1, "What is a kiln?")], vectors(2, 0.5))


def test_no_entries_make_no_questions() -> None:
    assert merge_entries([], None) == MergeResult((), (), (), ())


POOL = [text for wordings in (*SAME, *APART) for text in wordings]


NOUNS = ("mutex", "glacier", "load balancer", "torque wrench", "escrow account", "semaphore", "carbon tax", "monsoon")
ACTIONS = (
    ("prune", "pruning", "pruned", "the rose bush"),
    ("export", "exporting", "exported", "the address book"),
    ("renew", "renewing", "renewed", "my passport"),
    ("descale", "descaling", "descaled", "a kettle"),
)
THING_FRAMES = {
    "what": (
        "What is {a}?", "{x} - what is it and what is it good for?", "Write a short note on {x}.",
        "{x}: definition and purpose", "{x}, explain please", "What purpose does {a} serve?", "Why is {a} used?",
        "Give me a brief, simple explanation of {x}", "{x} explained", "How would you explain {a} to a beginner?",
        "What do you understand by {x}?", "I do not understand {a}. What is it?", "{x} and its purpose",
    ),
    "works": (
        "How does {a} work?", "{x}: how does it work?", "Explain how {a} works.", "The workings of {a}",
        "Describe the working principle of {a}",
    ),
    "advantages": (
        "What are the advantages of {a}?", "{x}: advantages", "State the benefits of {x}.",
        "{x} - what are its benefits?", "What advantages does {a} offer?",
    ),
    "types": (
        "What are the types of {x}?", "{x}: types", "Name the four types of {x}.", "What kinds of {x} are there?",
    ),
    "available": (
        "Do you offer {a}?", "Is {a} available?", "Is there {a}?", "Do you have any {x}?", "Do you sell {x}?",
    ),
    "compare": (
        "What is the difference between {a} and {b}?", "{x} and {y}, how are they different?", "{y} vs {x}",
        "{y} and {x} - what is the difference?", "{x} or {y}: how do they differ?", "Compare {x} with {y}",
        "{y} versus {x}, the differences", "What distinguishes {a} from {b}?", "How can {a} be told apart from {b}?",
        "{x} and {y} compared", "Explain how {a} differs from {b}", "In which respects do {x} and {y} differ?",
    ),
    "choose": (
        "Should I choose {a} or {b}?", "{x} or {y}?", "{y} or {x} - how do I choose?", "Which is better, {x} or {y}?",
        "{x} vs {y}: which one should I use?",
    ),
}  # fmt: skip
ACTION_FRAMES = {
    "how": (
        "How do I {v} {o}?", "{v} {o} - how?", "{g} {o}", "Ways to {v} {o}", "How can {o} be {p}?",
        "{v} {o}: how do I do it?", "What is the procedure for {g} {o}?", "How would I go about {g} {o}?",
        "I would like to {v} {o}. How?", "{v} {o} step by step", "Command to {v} {o}", "What does it take to {v} {o}?",
        "In what way can {o} be {p}?", "I am trying to {v} {o}, any ideas?",
    ),
    "may": (
        "Can I {v} {o}?", "Am I allowed to {v} {o}?", "Is it possible for me to {v} {o}?", "May I {v} {o}?",
        "Would it be possible to {v} {o}?", "Do I have permission to {v} {o}?",
    ),
    "may she": (
        "Can my sister {v} {o}?", "Is it possible for my sister to {v} {o}?", "Is my sister allowed to {v} {o}?",
    ),
    "when": ("When can I {v} {o}?", "From what time can I {v} {o}?"),
    "how long": ("How long does it take to {v} {o}?", "How much time is needed to {v} {o}?"),
}  # fmt: skip


def _framed() -> list[tuple[str, str, str]]:
    """Every wording of every intent for every subject, with the intent and the subject."""
    found = []
    for i, noun in enumerate(NOUNS):
        other = NOUNS[(i + 3) % len(NOUNS)]
        a, b = (f"an {word}" if word[0] in "aeiou" else f"a {word}" for word in (noun, other))
        for intent, frames in THING_FRAMES.items():
            found += [(frame.format(x=noun, y=other, a=a, b=b), intent, noun) for frame in frames]
    for verb, gerund, participle, thing in ACTIONS:
        for intent, frames in ACTION_FRAMES.items():
            found += [(frame.format(v=verb, g=gerund, p=participle, o=thing), intent, thing) for frame in frames]
    return [(question[0].upper() + question[1:], intent, subject) for question, intent, subject in found]


def test_every_wording_of_an_intent_is_one_question_and_no_two_intents_or_subjects_are() -> None:
    framed = _framed()
    result = merge_entries([entry(i, question) for i, (question, _, _) in enumerate(framed)], None)
    questions: dict[tuple[str, str], dict[str, str]] = {}
    for item, (wording, intent, subject) in zip(result.entries, framed, strict=True):
        questions.setdefault((intent, subject), {}).setdefault(str(item.question_id), wording)
    split = {key: list(found.values()) for key, found in questions.items() if len(found) > 1}
    assert not split
    assert len(result.questions) == len(questions)


@given(st.lists(st.sampled_from(POOL), min_size=1, max_size=14), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_the_entries_makes_no_difference(questions: list[str], random: object) -> None:
    entries = [entry(i, question) for i, question in enumerate(questions)]
    rng = np.random.default_rng(len(questions))
    matrix = rng.standard_normal((len(entries), 8)).astype(np.float32) + 1
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    order = list(range(len(entries)))
    random.shuffle(order)  # type: ignore[attr-defined]
    first = merge_entries(entries, matrix)
    second = merge_entries([entries[i] for i in order], matrix[order])
    assert first.questions == second.questions
    assert first.merges == second.merges
    assert first.borderline == second.borderline
    assert sorted(first.entries, key=lambda e: e.id) == sorted(second.entries, key=lambda e: e.id)


@given(st.lists(st.sampled_from(POOL), min_size=1, max_size=14))
@settings(max_examples=40, deadline=None)
def test_every_entry_is_in_one_question_and_merging_again_changes_nothing(questions: list[str]) -> None:
    result = merge_entries([entry(i, question) for i, question in enumerate(questions)], None)
    assert sorted(i for question in result.questions for i in question.entry_ids) == sorted(
        e.id for e in result.entries
    )
    assert len({question.id for question in result.questions}) == len(result.questions)
    assert merge_entries(result.entries, None) == result


@given(st.lists(st.text(max_size=60), max_size=6))
@settings(max_examples=150, deadline=None)
def test_any_text_is_accepted(questions: list[str]) -> None:
    result = merge_entries([entry(i, question) for i, question in enumerate(questions)], None)
    assert sum(len(question.entry_ids) for question in result.questions) == len(questions)


def test_an_id_outlives_other_documents() -> None:
    alone = merged("What is a heap?").questions[0].id
    with_more = merge_entries(
        [entry(0, "What is a heap?"), entry(1, "Explain heaps."), entry(2, "What is a trie?")], None
    )
    assert alone in {question.id for question in with_more.questions}


def _scores(rows: Sequence[dict[str, str]], result: MergeResult) -> tuple[float, float]:
    found = {item.id: item.question_id for item in result.entries}
    counts = {(True, True): 0, (True, False): 0, (False, True): 0, (False, False): 0}
    for a, b in itertools.combinations(rows, 2):
        counts[found[a["id"]] == found[b["id"]], a["group"] == b["group"]] += 1
    right = counts[True, True]
    return right / max(1, right + counts[True, False]), right / max(1, right + counts[False, True])


@pytest.mark.skipif(not (FIXTURES / "dev.jsonl").exists(), reason="no labelled set")
def test_the_labelled_set_without_vectors_has_no_false_merge() -> None:
    rows = [json.loads(line) for line in (FIXTURES / "dev.jsonl").read_text(encoding="utf-8").splitlines()]
    entries = [Entry(r["id"], "d", "/d.md", None, None, r["question"], "a", Status.ANSWERED, None) for r in rows]
    precision, recall = _scores(rows, merge_entries(entries, None))
    assert precision >= 0.98
    assert recall >= 0.6, "words alone; the vectors add the rest"


def test_ten_thousand_entries_take_seconds() -> None:
    kinds = [
        "What is {}?",
        "Explain the role of {} in {}.",
        "How do I install {} on {}?",
        "What is the difference between {} and {}?",
    ]
    names = [
        a + b + c
        for a in ("bra", "cle", "dro", "fli", "gru")
        for b in ("mon", "pat", "sel", "tur")
        for c in ("a", "ex", "is", "o", "um")
    ]
    entries = [
        entry(i, kinds[i % 4].format(names[i * 7 % 100] + names[i * 13 % 97], names[i * 31 % 89]))
        for i in range(10_000)
    ]
    started = time.process_time()
    result = merge_entries(entries, None)
    assert time.process_time() - started < 30, "a bound for a slow machine; 5 s is usual"
    assert len(result.entries) == 10_000
