"""Finding the entries of documents: every convention, and what must hold for any text at all."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.entries.numbering import Numbered, best_chain
from ingest.entries.segment import is_stand_in
from ingest.parse import parse_file
from ingest.read import SUFFIXES
from ingest.readers.inline import plain, unwrap
from ingest.types import ParsedDocument
from kb.errors import DocumentError
from kb.types import Status

CONVENTIONS = Path(__file__).parent / "fixtures" / "conventions"
DOCUMENTS = sorted(path.with_name(path.name[: -len(".expected.json")]) for path in CONVENTIONS.glob("*.expected.json"))


def parse(text: str | bytes, suffix: str = ".txt") -> ParsedDocument:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"document{suffix}"
        path.write_bytes(text.encode("utf-8", "replace") if isinstance(text, str) else text)
        return parse_file(path)


def fold(text: str) -> str:
    """The words of a text, without markup and white space."""
    return re.sub(r"[\W_]+", "", re.sub(r"^```\w*$", "", text, flags=re.MULTILINE))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_documents_in_many_conventions(document: Path) -> None:
    expected = json.loads((CONVENTIONS / f"{document.name}.expected.json").read_text("utf-8"))
    found = parse_file(document)
    assert len(found.entries) == len(expected), [entry.question for entry in found.entries]
    for entry, wanted in zip(found.entries, expected, strict=True):
        assert entry.question.startswith(wanted["question"])
        assert entry.status == wanted["status"], entry
        if entry.answer is not None:
            assert entry.answer.startswith(wanted["begins"])
            assert entry.answer.endswith(wanted["ends"])


# The scraped pages that the parser was first written for follow these conventions.

SCRAPED_BULLETS = """Lighthouse keeper questions

Keeper Questions & Answers
  1. What is a Fresnel lens?

    • Answer: A lens made of rings.
  2. Explain the light list. Give an example.

    • Answer: It names every light: `Alpha`, `Beta`.
  3. Why do you want this post?

    • Answer: [This needs a personal answer. Name your own reasons and two examples.]

Thank you for reading our post on 'Lighthouse keeper questions'.We hope it helps!
"""

SCRAPED_NUMBERS = """Fog is a cloud on the ground.
Fog Basics
- 1.
What is fog and how does it differ from mist?
Answer:Fog is denser than mist.
Kinds
Radiation Fog
It forms at night.
- 2.
Explain the dew point.
Answer: - 3.
What is measured by the
RVRinstrument on a runway?Answer: - 4.
How is fog dispersed?
Answer:
Fog and Traffic
- 5.
What does
low visibility
mean for a pilot?
Answer:
"""

SCRAPED_PLAIN = """Tea is a drink.
It is made of leaves, unlike coffee.
Questions on Tea:-
1) What is Oolong?
It is half fermented. So is it green? No.
2) Which are the grades of leaves?
There are these:
- Pekoe
- Souchong
3) Why we warm the pot
To keep the heat. The pot takes much of it.
4) What is the difference between Assam and Ceylon?
5) What is Matcha.
A powder.
- Ten Ways to Brew Coffee - March 4, 2023
- Cups of the World - March 1, 2023
"""

SCRAPED_ADS = """Bees are useful. This page helps keepers.

Top 3 Bee Questions

1. What is a queen?

The only bee that lays fertilised eggs.

Explanation: She is fed on royal jelly.

Get your garden plan in just 3 minutes.

Certified Garden Designer Template

2. How do bees find the hive?

By the sun and by smell.

Explanation: They learn landmarks:

1. trees,
2. roofs.

Our plan maker is easy to use and will help you create a garden that stands out.

3. Why do bees swarm?

To found a second colony.

Explanation: The old queen leaves.

Conclusion

Bees are worth knowing. In this article we covered 3 questions.

Recommended Reading:

Published by Ida Holm

Ida Holm keeps bees and writes about them.

Get your garden plan in 3 minutes
"""


def test_bulleted_answers_with_placeholders() -> None:
    found = parse(SCRAPED_BULLETS)
    assert [(e.number, e.status.value) for e in found.entries] == [(1, "answered"), (2, "answered"), (3, "placeholder")]
    assert found.entries[1].question == "Explain the light list. Give an example."
    assert found.entries[1].answer == "It names every light: `Alpha`, `Beta`."
    assert found.dropped[-1].reason == "closing"


def test_numbers_on_lines_of_their_own_and_glued_labels() -> None:
    found = parse(SCRAPED_NUMBERS)
    assert [e.question for e in found.entries] == [
        "What is fog and how does it differ from mist?",
        "Explain the dew point.",
        "What is measured by the RVRinstrument on a runway?",
        "How is fog dispersed?",
        "What does low visibility mean for a pilot?",
    ]
    assert [e.status.value for e in found.entries] == ["answered"] + ["unanswered"] * 4
    assert [e.section for e in found.entries] == ["Fog Basics"] * 4 + ["Fog and Traffic"]
    assert found.entries[0].answer == "Fog is denser than mist.\n\nKinds\nRadiation Fog\nIt forms at night."


def test_questions_without_marks_or_answers_keep_their_place() -> None:
    found = parse(SCRAPED_PLAIN)
    assert [e.number for e in found.entries] == [1, 2, 3, 4, 5]
    assert [e.status is Status.ANSWERED for e in found.entries] == [True, True, True, False, True]
    assert found.entries[2].question == "Why we warm the pot"
    assert found.entries[4].answer == "A powder."
    assert found.dropped[-1].reason == "navigation"
    assert found.dropped[-1].lines == (15, 16)


def test_advertisements_and_what_follows_the_last_answer() -> None:
    found = parse(SCRAPED_ADS)
    answers = "\n".join(e.answer or "" for e in found.entries)
    assert [e.number for e in found.entries] == [1, 2, 3]
    assert "garden" not in answers
    assert found.entries[1].answer is not None and found.entries[1].answer.endswith("2. roofs.")
    reasons = {reason.value for reason in (drop.reason for drop in found.dropped)}
    assert reasons == {"introduction", "heading", "advertisement", "closing", "navigation", "author"}


def test_also_asked_lines_are_neither_question_nor_answer() -> None:
    text = (
        "## Why is it cold?\n\n**Also asked:** Why the cold? | What makes it cold?\n"
        "- Also asked: Is it cold?\n\nWind.\n\n"
        "## When?\n\nNow.\n"
    )
    first = parse(text, ".md").entries[0]
    assert first.also_asked == ("Why the cold?", "What makes it cold?", "Is it cold?")
    assert (first.question, first.answer, first.lines) == ("Why is it cold?", "Wind.", (1, 6))


def test_code_is_fenced_and_never_a_question() -> None:
    text = "# T\n\n## What runs it?\n\nThis:\n\n    # 1. Is this one?\n    run(x)\n\n## Why?\n\n```py\n## Q: no?\n```\n"
    entries = parse(text, ".md").entries
    assert [e.question for e in entries] == ["What runs it?", "Why?"]
    assert entries[0].answer == "This:\n\n```\n# 1. Is this one?\nrun(x)\n```"
    assert entries[1].answer == "```py\n## Q: no?\n```"


@pytest.mark.parametrize(
    "answer",
    [
        "TBD",
        "(to be written)",
        "Coming soon.",
        "[Describe a project of your own here.]",
        "*TODO*",
        "<insert your answer here>",
        "folgt noch",
        "待补充",
    ],
)
def test_stand_ins(answer: str) -> None:
    assert is_stand_in(answer)
    assert parse(f"Q: What is it?\nA: {answer}\n\nQ: Why?\nA: So.\n").entries[0].status is Status.PLACEHOLDER


@pytest.mark.parametrize(
    "answer",
    [
        "[1, 2, 3]",
        "(a) and (b)",
        "[x for x in y]",
        "Soon.",
        "To be or not to be is the question.",
        "[a](http://b)",
        "42",
    ],
)
def test_answers_that_look_like_stand_ins(answer: str) -> None:
    assert not is_stand_in(answer)


def test_a_document_without_questions_has_no_entries() -> None:
    found = parse(
        "# Travel diary\n\n## Monday\n\nRain.\n\n## Tuesday\n\nRain. Why? Who knows.\n\n## Friday\n\nSun.\n",
        ".md",
    )
    assert found.entries == ()
    assert found.lines_dropped == found.lines_read


def test_ids_depend_on_content_and_are_unique() -> None:
    text = "Q: Why?\nA: So.\n\nQ: Why?\nA: So.\n\nQ: When?\nA: Now.\n"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.txt"
        path.write_text(text)
        first = parse_file(path)
        path.write_text("\n\n" + text)
        moved = parse_file(path)
    assert len({entry.id for entry in first.entries}) == 3
    assert [entry.id for entry in first.entries] == [entry.id for entry in moved.entries]
    assert first.id == moved.id


def test_inline_markup() -> None:
    assert unwrap("**What** does `**kw` do in [*this*](http://x)?") == "What does `**kw` do in this?"
    assert plain("What is <b>bold</b> and `<b>`?") == "What is bold and <b>?"
    assert (
        unwrap("What is the difference between <b> and <strong>?") == "What is the difference between <b> and <strong>?"
    )
    assert unwrap("What does __init__ do?") == "What does __init__ do?"
    assert unwrap("5 * 3 * 2 = 30") == "5 * 3 * 2 = 30"


def test_the_chain_leaves_out_lists_inside_of_answers() -> None:
    asked = [(1, 1.0), (1, 0.1), (2, 0.1), (3, 0.1), (2, 1.0), (1, 0.1), (2, 0.1), (3, 0.2), (3, 1.0), (4, 1.0)]
    chain = best_chain([Numbered(value, weight, fresh=False) for value, weight in asked])
    assert chain == [0, 4, 8, 9]


# Documents made from entries, in a convention drawn at random, give back the entries.

SUBJECTS = [
    "the harbour crane",
    "sourdough",
    "a notary",
    "der Kündigungsschutz",
    "红茶",
    "the `lru_cache`",
    "NULL",
    "Brie",
    "a fugue",
    "pension funds",
]
QUESTIONS = [
    "What is {}?", "How does one clean {}?", "Why is {} so expensive?", "Explain the use of {}.",
    "Describe how {} came about.",
    "When should {} be avoided?", "Is {} safe for children?", "Who pays for {} in the end?",
    "Compare {} with its rivals.",
]  # fmt: skip
SENTENCES = [
    "It depends on the weather and on patience.", "Nobody has measured this with care.",
    "The old rule says: twice a year.",
    "A thin layer is enough.", "Does it matter? Hardly.", "Half of the cost is labour, the rest is paper.",
    "Keep it dry, cool and dark.", "Most people notice it late.",
]  # fmt: skip
EXTRAS = ["", "", "1. wait\n2. stir\n3. taste", "- red\n- green", "Mind that **heat** ruins it."]

Item = tuple[str, str]


@st.composite
def items(draw: st.DrawFn) -> list[Item]:
    subjects = draw(st.lists(st.sampled_from(SUBJECTS), min_size=4, max_size=8, unique=True))
    found: list[Item] = []
    for subject in subjects:
        question = draw(st.sampled_from(QUESTIONS)).format(subject)
        body = " ".join(draw(st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=3, unique=True)))
        extra = draw(st.sampled_from(EXTRAS))
        found.append((question, body + (f"\n\n{extra}" if extra else "")))
    return found


def indented(text: str, width: int = 3) -> str:
    return "\n".join(" " * width + line if line else "" for line in text.split("\n"))


def numbered(form: str) -> Callable[[list[Item]], str]:
    return lambda found: "\n\n".join(form.format(n=n, q=q, a=a) for n, (q, a) in enumerate(found, start=1))


RENDERERS: dict[str, tuple[str, Callable[[list[Item]], str]]] = {
    "n. tight": (".txt", numbered("{n}. {q}\n{a}")),
    "n) spaced": (".txt", numbered("{n}) {q}\n\n{a}")),
    "Qn:": (".txt", numbered("Q{n}: {q}\n\nAnswer: {a}")),
    "Question n": (".txt", numbered("Question {n}. {q}\nAns. {a}")),
    "Q/A": (".txt", numbered("Q: {q}\nA: {a}")),
    "Frage": (".txt", numbered("Frage {n}: {q}\nAntwort: {a}")),
    "headings": (".md", lambda found: "# Notes\n\n" + numbered("## {q}\n\n{a}")(found)),
    "numbered headings": (".md", lambda found: "# Notes\n\n" + numbered("### {n}. {q}\n\n{a}")(found)),
    "bold": (".md", numbered("**{q}**\n\n{a}")),
    "bold numbered": (".md", numbered("**{n}. {q}**\n\n{a}")),
    "ordered list": (
        ".md",
        lambda found: "\n\n".join(f"{n}. **{q}**\n\n{indented(a)}" for n, (q, a) in enumerate(found, start=1)),
    ),
    "details": (".md", numbered("<details>\n<summary>{q}</summary>\n\n{a}\n\n</details>")),
    "html headings": (
        ".html",
        lambda found: "<body>" + "".join(f"<h2>{q}</h2>\n<p>{a.split(chr(10))[0]}</p>\n" for q, a in found) + "</body>",
    ),
    "jsonl": (".jsonl", lambda found: "\n".join(json.dumps({"question": q, "answer": a}) for q, a in found)),
}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(found=items(), name=st.sampled_from(sorted(RENDERERS)), intro=st.booleans())
def test_generated_documents_give_back_their_entries(found: list[Item], name: str, intro: bool) -> None:
    suffix, render = RENDERERS[name]
    if suffix == ".html":
        found = [(q.replace("`", ""), a.split("\n")[0].replace("**", "")) for q, a in found]
    text = render(found)
    if intro and suffix in (".txt", ".md"):
        text = "This page collects what visitors ask us most.\n\n" + text
    parsed = parse(text, suffix)
    assert [fold(e.question) for e in parsed.entries] == [fold(q) for q, _ in found], (parsed.convention, text)
    assert [fold(e.answer or "") for e in parsed.entries] == [fold(a) for _, a in found], (parsed.convention, text)


# What holds for any text.

PIECES = st.sampled_from(
    """1.|2.|3)|Q:|A:|Q1:|Answer:
    |Answer: - 4.|- 5.|#|##|###|**|*|`|```|~~~|---|===|>|-|•|||<details>|<summary>|</summary>
    |</details>|<p>|<li>|What is it?|Explain this.|Why?|It is so.
    |Conclusion|Thanks for reading!|Subscribe now!|TBD|[x](#y)
    |Also asked: a | b|什么？|ما هذا؟|:|::|.. note::|    x = 1|: term
    |Difficulty: easy|\t|&amp;|Published by Ann Lee""".replace("\n    ", "").split("|")
)
TEXTS = st.lists(st.tuples(PIECES, st.sampled_from([" ", "\n", "\n\n", ""])), max_size=60).map(
    lambda pairs: "".join(piece + gap for piece, gap in pairs)
)


@settings(max_examples=300, deadline=None)
@given(text=st.one_of(TEXTS, st.text(max_size=400)), suffix=st.sampled_from([".txt", ".md", ".rst", ".html"]))
def test_every_line_is_in_an_entry_or_dropped(text: str, suffix: str) -> None:
    try:
        parsed = parse(text, suffix)
    except DocumentError:
        return
    raw = parsed.text.split("\n")
    filled = {n for n, line in enumerate(raw, start=1) if line.strip()}
    assert parsed.lines_read == len(filled) == parsed.lines_in_entries + parsed.lines_dropped
    taken: set[int] = set()
    for drop in parsed.dropped:
        assert drop.lines is not None
        lines = set(range(drop.lines[0], drop.lines[1] + 1)) & filled
        assert not lines & taken, "a line is dropped twice"
        assert drop.text == "\n".join(raw[drop.lines[0] - 1 : drop.lines[1]])
        taken |= lines
    assert len(taken) == parsed.lines_dropped
    for entry in parsed.entries:
        assert entry.lines is not None
        taken |= set(range(entry.lines[0], entry.lines[1] + 1)) & filled
        assert (entry.answer is None) == (entry.status is not Status.ANSWERED)
        assert entry.question.strip()
        assert "\n" not in entry.question


@settings(max_examples=300, deadline=None)
@given(text=TEXTS)
def test_questions_and_answers_are_runs_of_the_document(text: str) -> None:
    try:
        parsed = parse(text, ".txt")
    except DocumentError:
        return
    text = re.sub(r"<[^<>]*>", "", parsed.text)  # a fold-out's tags are markup wherever they stand
    whole = fold(unwrap(text))
    for entry in parsed.entries:
        question, answer = (re.sub(r"<[^<>]*>", "", part) for part in (entry.question, entry.answer or ""))
        assert fold(unwrap(question)) in whole or fold(question) in fold(text)
        lines = entry.lines or (0, 0)
        inside = [d for d in parsed.dropped if d.lines and lines[0] < d.lines[0] < lines[1] and d.reason != "markup"]
        if not inside:  # an advertisement in mid-answer is left out
            assert fold(answer) in fold(text)


@settings(max_examples=250, deadline=None)
@given(data=st.binary(max_size=300), suffix=st.sampled_from(sorted(SUFFIXES)))
def test_arbitrary_bytes_raise_nothing_but_document_errors(data: bytes, suffix: str) -> None:
    try:
        parse(data, suffix)
    except DocumentError as error:
        assert error.message
        assert error.hint


@pytest.mark.parametrize(
    ("suffix", "unit"),
    [
        (".txt", "x"),
        (".txt", "** "),
        (".txt", "`a``b```"),
        (".txt", "a: "),
        (".md", "[a]("),
        (".md", "|a"),
        (".html", "<b>"),
        (".txt", "1."),
    ],
)
def test_a_line_of_a_million_characters(suffix: str, unit: str) -> None:
    parse(unit * (1_000_000 // len(unit)), suffix)


@pytest.mark.timeout(120)
def test_many_questions_take_linear_time() -> None:
    text = "\n\n".join(f"{n}. What is item {n} for?\n\nIt does {n * 7}.\n- one\n- two" for n in range(1, 10_001))
    parsed = parse(text)
    assert len(parsed.entries) == 10_000
    assert parsed.entries[-1].number == 10_000
