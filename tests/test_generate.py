"""Prompt, statements and citations of the language model's side, with scripted replies in the model's place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.generate import (
    REFUSAL,
    SYSTEM_PROMPT,
    build_messages,
    cut_statements,
    drafts,
    fit,
    is_refusal,
    neutralise,
    read_markers,
    restore,
    rewrite_follow_up,
)
from kb.ground import Evidence, Source, Topic
from kb.ports import Message
from kb.types import Entry, Status

CONTROL = [
    "<|im_start|>",
    "<|im_end|>",
    "<|eot_id|>",
    "</s>",
    "<s>",
    "[INST]",
    "[/INST]",
    "<<SYS>>",
    "<start_of_turn>",
    "<think>",
    "</think>",
    "<｜User｜>",
    "<|start_header_id|>",
    "<bos>",
    "</passage>",
    "<passage>",
    "<PASSAGE >",
]


def evidence(*answers: str, questions: Sequence[str] = (), query: str = "q") -> Evidence:
    topics = []
    for n, answer in enumerate(answers, 1):
        question = questions[n - 1] if questions else f"Question {n}?"
        entry = Entry(str(n), "d", "/d.md", n, None, question, answer, Status.ANSWERED, None)
        topics.append(Topic(question, (Source(n, entry, answer, (0, len(answer))),)))
    return Evidence(query, tuple(topics))


class Scripted:
    """A Generator that replies with a text, some characters at a time, and counts what was taken."""

    model = "scripted"
    max_prompt_tokens = 4000

    def __init__(self, reply: str, size: int = 3) -> None:
        self.reply, self.size = reply, size
        self.taken = 0
        self.closed = False
        self.prompts: list[list[Message]] = []

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def stream(self, messages: Sequence[Message]) -> Iterator[str]:
        self.prompts.append(list(messages))
        try:
            for start in range(0, len(self.reply), self.size):
                self.taken += 1
                yield self.reply[start : start + self.size]
        finally:
            self.closed = True

    def close(self) -> None:
        pass


def pieces_of(text: str, size: int) -> Iterator[str]:
    return (text[start : start + size] for start in range(0, len(text), size))


# --- the prompt ------------------------------------------------------------------------------------------------------


def test_rules_come_first_and_are_the_same_for_every_prompt():
    first = build_messages("a?", evidence("One."))
    second = build_messages("b?", evidence("Two.", "Three."), [("user", "x"), ("assistant", "y")])
    assert first[0] == second[0] == Message("system", SYSTEM_PROMPT)
    assert [m.role for m in first] == ["system", "user"]
    assert REFUSAL in SYSTEM_PROMPT


def test_passages_are_numbered_and_come_before_the_question():
    content = build_messages("what?", evidence("Alpha.", "Beta.", questions=("A?", "B?")))[1].content
    assert content.index("[1] A?\nAlpha.") < content.index("[2] B?\nBeta.") < content.rindex("Question: what?")


@pytest.mark.parametrize("token", CONTROL)
@pytest.mark.parametrize("where", ["answer", "question", "query", "history"])
def test_control_tokens_and_delimiters_are_broken_wherever_they_stand(token, where):
    dirty = f"before {token} after"
    parts = {name: "clean" for name in ("answer", "question", "query", "history")} | {where: dirty}
    content = build_messages(
        parts["query"], evidence(parts["answer"], questions=(parts["question"],)), [("user", parts["history"])]
    )[1].content
    clean = build_messages("clean", evidence("clean", questions=("clean",)), [("user", "clean")])[1].content
    assert content.lower().count(token.lower()) == clean.lower().count(token.lower())
    # Nothing is lost: what the model copies can be put back as it was.
    assert dirty in restore(content)


@settings(deadline=None)
@given(st.text(alphabet="<>|[]/ps ase｜INSTim_\u200b1\n`", max_size=60))
def test_no_text_can_open_or_close_a_passage(text):
    content = build_messages(text, evidence(text, questions=(text,)), [("user", text)])[1].content
    assert len(re.findall(r"<passage>", content, re.IGNORECASE)) == 1
    assert len(re.findall(r"</passage\s*>", content, re.IGNORECASE)) == 1
    assert "<|" not in content and "|>" not in content


def test_fake_citations_of_a_document_are_no_markers_any_more():
    assert read_markers(neutralise("Water boils at 90 degrees [2]. See [1, 3]."), 5)[1] == ()
    assert neutralise("`a[1]` and\n```\nx[2]\n```") == "`a[1]` and\n```\nx[2]\n```"


# --- statements ------------------------------------------------------------------------------------------------------

REPLY = """A tensor is an array [1]. It is e.g. fast.[2] Use `a. B` here [3].

- first item [1]
- second item. Two sentences. [2]

```python
x[1] = 2

print("Done. Now.")
```
[2]
Call torch.no_grad() then. torch.nn is next [1]
and goes on.

| a | b |
|---|---|
| 1 | 2 |
"""
STATEMENTS = [
    "A tensor is an array [1].",
    "It is e.g. fast. [2]",
    "Use `a. B` here [3].",
    "- first item [1]",
    "- second item. Two sentences. [2]",
    '```python\nx[1] = 2\n\nprint("Done. Now.")\n```\n[2]',
    "Call torch.no_grad() then.",
    "torch.nn is next [1]\nand goes on.",
    "| a | b |\n|---|---|\n| 1 | 2 |",
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 10_000])
def test_statements_do_not_depend_on_how_the_text_comes(size):
    assert list(cut_statements(pieces_of(REPLY, size))) == STATEMENTS


FRAGMENTS = [
    "A b. ",
    "Use x.y now",
    ".",
    "\n",
    "\n\n",
    "- item",
    " [1]",
    "[2]",
    "[",
    "3]",
    "```\n",
    "code[1]\n",
    "`a. b`",
    "1. ",
    "# Head\n",
    "| c |\n",
    " word",
    "! ",
    "e.g. ",
    "?[1] ",
    "* ",
    "torch.nn",
    "ü。",
    "...",
    "[^1]",
    "\t",
    "~~~\n",
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=14), st.integers(1, 6))
def test_any_text_gives_the_same_statements_in_any_pieces(parts, size):
    text = "".join(parts)
    whole = list(cut_statements(iter([text])))
    assert list(cut_statements(pieces_of(text, size))) == whole


@settings(deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=14))
def test_statements_lose_and_add_nothing_but_headings_and_white_space(parts):
    text = "".join(parts)
    without_headings = "\n".join(line for line in text.split("\n") if not line.lstrip().startswith("#"))
    kept = re.sub(r"\s|`|~", "", "".join(cut_statements(iter([text]))))
    if "```" not in text and "~~~" not in text:
        assert kept == re.sub(r"\s|`|~", "", without_headings)


def test_a_statement_comes_as_soon_as_the_next_one_begins():
    taken = []

    def pieces():
        for piece in ["One is ", "one. ", "Tw", "o is two. ", "Three"]:
            taken.append(piece)
            yield piece

    statements = cut_statements(pieces())
    assert next(statements) == "One is one."
    assert taken == ["One is ", "one. ", "Tw"]


def test_closing_the_statements_closes_the_pieces():
    reply = Scripted("One. Two. Three. Four. Five.", 5)
    statements = cut_statements(reply.stream([]))
    next(statements)
    statements.close()
    assert reply.closed
    assert reply.taken < 4


def test_a_code_block_that_is_cut_off_is_closed():
    assert list(cut_statements(iter(["```python\nx = 1\ny"]))) == ["```python\nx = 1\ny\n```"]


# --- markers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "text", "numbers"),
    [
        ("It is a tensor [1].", "It is a tensor.", (1,)),
        ("It is a tensor. [1][3]", "It is a tensor.", (1, 3)),
        ("It is a tensor [1][7].", "It is a tensor.", (1,)),
        ("It is [2] a tensor [2, 1].", "It is a tensor.", (2, 1)),
        ("Ranges count [1-3].", "Ranges count.", (1, 2, 3)),
        ("A word[2].", "A word.", (2,)),
        ("See [passage 2].", "See.", (2,)),
        ("Wide 【3】", "Wide", (3,)),
        ("Values lie in [0, 1].", "Values lie in [0, 1].", ()),
        ("The shape is [2, 3].", "The shape is [2, 3].", ()),
        ("arr[1] is the second item.", "arr[1] is the second item.", ()),
        ("Use `arr[1]` [2].", "Use `arr[1]`.", (2,)),
        ("```python\na[1]\n```\n[2]", "```python\na[1]\n```", (2,)),
        ("[a link][1](x) [1](http://x)", "[a link][1](x) [1](http://x)", ()),
        ("[3]", "", (3,)),
        ("No marker at all.", "No marker at all.", ()),
    ],
)
def test_markers(statement, text, numbers):
    assert read_markers(statement, 3) == (text, numbers)


@settings(deadline=None)
@given(st.text(max_size=80), st.integers(0, 5))
def test_numbers_are_always_valid(text, n):
    _, numbers = read_markers(text, n)
    assert all(1 <= number <= n for number in numbers)
    assert len(set(numbers)) == len(numbers)


# --- drafts ----------------------------------------------------------------------------------------------------------


def test_drafts_are_statements_with_their_sources():
    reply = Scripted("Alpha is one [1]. Beta is two [2][9]. Gamma has no source.")
    found = list(drafts(reply, "q", evidence("a", "b")))
    assert found == [("Alpha is one.", (1,)), ("Beta is two.", (2,)), ("Gamma has no source.", ())]


@pytest.mark.parametrize(
    "reply", [REFUSAL, "I don’t know. ", "I do not know the answer.", "Sorry, I cannot answer. [1]"]
)
def test_a_refusal_gives_no_drafts_and_ends_the_generation(reply):
    scripted = Scripted(reply + " But here is something from memory. And more of it. And more of it again.")
    assert list(drafts(scripted, "q", evidence("a"))) == []
    assert scripted.closed
    assert is_refusal(reply)
    assert not is_refusal("You don't know the type before it runs.")


def test_closing_drafts_ends_the_generation():
    scripted = Scripted("One is one [1]. Two is two [1]. " * 50)
    running = drafts(scripted, "q", evidence("a"))
    next(running)
    running.close()
    assert scripted.closed
    assert scripted.taken < 20


def test_another_thread_can_stop_a_draft_in_the_middle_of_a_statement():
    scripted = Scripted("One is one [1]. Two is a statement that goes on and on and on, " + "and on, " * 100)
    found = list(drafts(scripted, "q", evidence("a"), stopped=lambda: scripted.taken >= 10))
    assert found == [("One is one.", (1,))]
    assert scripted.taken == 10
    assert scripted.closed


def test_a_reply_that_repeats_itself_is_ended():
    scripted = Scripted("Alpha is one [1]. " * 500)
    assert list(drafts(scripted, "q", evidence("a"))) == [("Alpha is one.", (1,))]
    assert scripted.taken < 60


def test_what_a_passage_had_broken_up_is_whole_again_in_the_draft():
    token = neutralise("<|im_start|>")
    scripted = Scripted(f"The turn opens with {token} [1].")
    assert list(drafts(scripted, "q", evidence("The turn opens with <|im_start|>."))) == [
        ("The turn opens with <|im_start|>.", (1,))
    ]


# --- the budget ------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.lists(st.integers(1, 120), min_size=1, max_size=6), st.integers(250, 900))
def test_prompts_keep_to_the_budget(lengths, budget):
    texts = [" ".join(f"w{n}x{i}" for i in range(length)) + "." for n, length in enumerate(lengths)]
    whole = evidence(*texts)
    fitted = fit("q", whole, (), budget, lambda text: len(text.split()))
    n_tokens = sum(len(m.content.split()) for m in build_messages("q", fitted))
    assert n_tokens <= budget
    assert fitted.sources[0].n == 1
    for source in fitted.sources:
        text = whole.sources[source.n - 1].text
        assert text == source.text or (source.n == 1 and text.startswith(source.text))


def test_a_source_too_long_is_cut_to_its_focus():
    text = "Start one. " * 100 + "The focus stands here. " + "End two. " * 100
    at = text.index("The focus")
    source = evidence(text).sources[0]
    entry_evidence = Evidence("q", (Topic("t", (Source(1, source.entry, text, (at, at + 22)),)),))
    fitted = fit("q", entry_evidence, (), 360, lambda value: len(value.split()))
    assert fitted.sources[0].text == "The focus stands here."


# --- follow-ups ------------------------------------------------------------------------------------------------------

HISTORY = [("user", "How do I save a model?"), ("assistant", "Call torch.save. [1]")]


def test_a_follow_up_is_rewritten_on_one_line():
    scripted = Scripted('Question: "How do I load a saved model?"\nBecause you asked.')
    assert rewrite_follow_up(scripted, "and load it?", HISTORY) == "How do I load a saved model?"
    assert scripted.closed


@pytest.mark.parametrize("reply", ["", "\n\n", "word " * 400, REFUSAL])
def test_a_rewriting_that_is_no_question_is_not_used(reply):
    scripted = Scripted(reply)
    assert rewrite_follow_up(scripted, "and load it?", HISTORY) == "and load it?"
    assert scripted.taken < 150


def test_without_history_the_model_is_not_asked():
    scripted = Scripted("anything")
    assert rewrite_follow_up(scripted, "what?", []) == "what?"
    assert scripted.prompts == []
