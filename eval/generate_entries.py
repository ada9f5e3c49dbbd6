"""Entries of any number, made from templates, for the benchmarks and the tests of load: the same for the same seed.

The words are those of the sentence encoder's English word list, drawn so that few are frequent and most are rare, as
in real text; identifiers and numbers are mixed in. About one entry in twelve asks what an earlier one asked, in other
words or in the same.
"""

from __future__ import annotations

import bisect
import dataclasses
import itertools
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from kb.english import english_words
from kb.text import FRAME_WORDS, STOP_WORDS

PER_FILE = 100
"""Entries of a file."""
REASKED = 1 / 12
"""Share of the entries that ask what an earlier one asked."""

_DEFINITIONS = ("What is {a}?", "Explain {a}.", "What do you mean by {a}?", "Define {a}.", "What is meant by {a}?")
_ASKED = (
    *_DEFINITIONS,
    "How does {a} work?",
    "How do you configure {a} for {b}?",
    "What is the difference between {a} and {b}?",
    "When should you choose {a} over {b}?",
    "What are the benefits of {a}?",
    "What are the types of {a}?",
    "How can {a} be tested with `{code}`?",
    "Why does {a} fail after {number} {c}?",
    "Which {c} does {a} need?",
    "How many {c} does {a} hold?",
)
_SAID = (
    "{A} is a {c} that keeps the {d} of the {e} apart from its {f}.",
    "It was made for {d} with more than {number} {e}, where a plain {f} would be too slow.",
    "Call `{code}` once, before the first {d} is read.",
    "Unlike {b}, it needs no {c} and leaves the {d} of the {e} as it was.",
    "The {c} takes about {number} ms for each {d}, and the {e} waits for it.",
    "A {c} without {d} cannot be used with {a}, because the {e} has nothing to hold on to.",
    "Most people start with {number} {d} and add a {e} when the {f} grows.",
    "In practice the {c} and the {d} are checked together, so that a {e} is found early.",
    "If the {d} is missing, `{code}` returns the last {e} and writes a note to the {f}.",
    "The {c} comes first, the {d} second, and the {e} is left for the {f}.",
)


@dataclasses.dataclass(frozen=True, slots=True)
class Made:
    """A generated entry."""

    question: str
    answer: str
    subject: str
    """What the question is about, without the template."""


def make_entries(n: int, *, seed: int = 0) -> list[Made]:
    """`n` entries; a larger `n` begins with the same ones."""
    return list(itertools.islice(_entries(seed), n))


def write_documents(folder: Path, entries: Sequence[Made], *, per_file: int = PER_FILE) -> list[Path]:
    """The entries as Markdown files in the folder, which is made; a heading each, the answer below it."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, start in enumerate(range(0, len(entries), per_file)):
        parts = [f"# Part {number}\n"]
        parts += [f"## {entry.question}\n\n{entry.answer}\n" for entry in entries[start : start + per_file]]
        path = folder / f"part-{number:05d}.md"
        path.write_text("\n".join(parts), "utf-8")
        paths.append(path)
    return paths


def make_queries(entries: Sequence[Made], n: int, *, seed: int = 1) -> list[str]:
    """Queries that the entries answer: as a person would type them, in other words, some with a slip."""
    rng = random.Random(seed)
    queries = []
    for _ in range(n):
        entry = rng.choice(entries)
        form = rng.choice(("{q}", "{s}", "tell me about {s}", "what does {s} do", "how do I use {s}"))
        query = form.format(q=entry.question, s=entry.subject)
        queries.append(_slip(query, rng) if rng.random() < 0.1 else query)
    return queries


def _slip(text: str, rng: random.Random) -> str:
    """The text with two neighbouring letters of its longest word swapped."""
    word = max(text.split(), key=len)
    if len(word) < 6:
        return text
    at = rng.randrange(1, len(word) - 2)
    return text.replace(word, word[:at] + word[at + 1] + word[at] + word[at + 2 :], 1)


class _Words:
    """Draws words: the n-th most frequent one about as often as 1/n says."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        usual = STOP_WORDS | FRAME_WORDS
        words = [w for w in sorted(english_words()) if len(w) > 3 and w.isascii() and w.isalpha() and w not in usual]
        rng.shuffle(words)
        self._words = words
        self._sums = list(itertools.accumulate(1.0 / (rank + 20) for rank in range(len(words))))

    def word(self) -> str:
        """A word."""
        return self._words[bisect.bisect(self._sums, self._rng.random() * self._sums[-1])]

    def subject(self) -> str:
        """A name of one to three words."""
        return " ".join(self.word() for _ in range(self._rng.choice((1, 2, 2, 2, 3, 3))))

    def code(self) -> str:
        """A call."""
        return f"{self.word()}.{self.word()}_{self.word()}()"


def _entries(seed: int) -> Iterator[Made]:
    rng = random.Random(seed)
    words = _Words(rng)
    earlier: list[Made] = []
    while True:
        if earlier and rng.random() < REASKED:
            old = rng.choice(earlier)
            asked = rng.choice((*_DEFINITIONS, old.question)).format(a=old.subject)
            subject = old.subject
        else:
            subject = words.subject()
            asked = rng.choice(_ASKED).format(
                a=subject, b=words.subject(), c=words.word(), code=words.code(), number=rng.randrange(2, 5000)
            )
        made = Made(asked[0].upper() + asked[1:], _answer(subject, rng, words), subject)
        if rng.random() < 0.2:
            earlier.append(made)
        yield made


def _answer(subject: str, rng: random.Random, words: _Words) -> str:
    sentences = [
        sentence.format(
            a=subject,
            A=subject[0].upper() + subject[1:],
            b=words.subject(),
            c=words.word(),
            d=words.word(),
            e=words.word(),
            f=words.word(),
            code=words.code(),
            number=rng.randrange(2, 5000),
        )
        for sentence in rng.sample(_SAID, rng.randint(2, 4))
    ]
    return " ".join(sentences)
