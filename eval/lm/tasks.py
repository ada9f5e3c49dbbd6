"""What the small model learns from: prompts of `kb.generate`, to be answered by copying the matching passage."""

from __future__ import annotations

import dataclasses
import random
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kb.generate import build_messages, neutralise
from kb.ground import Evidence, Source, Topic
from kb.ports import Message
from kb.spans import sentences
from kb.types import Entry, Status


@dataclasses.dataclass(frozen=True, slots=True)
class Pair:
    """A question with its answer."""

    question: str
    answer: str
    also_asked: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    """A prompt and the reply that is right for it."""

    query: str
    messages: tuple[Message, ...]
    target: str
    number: int
    """The passage that answers."""


@dataclasses.dataclass(frozen=True, slots=True)
class Shape:
    """How large the samples of a stage are; ranges hold both ends."""

    passages: tuple[int, int]
    key: tuple[int, int]
    value: tuple[int, int]
    sentences: tuple[int, int]
    text: float
    """Share of samples that are made of text; the others are made of random tokens."""
    batch: int


STAGES = (
    Shape((2, 3), (2, 4), (3, 6), (1, 1), 0.0, 32),
    Shape((2, 4), (3, 6), (4, 10), (1, 2), 0.0, 24),
    Shape((2, 5), (3, 8), (6, 30), (1, 3), 0.15, 12),
    Shape((2, 5), (3, 10), (10, 60), (1, 4), 0.4, 8),
    Shape((1, 5), (3, 12), (10, 120), (1, 5), 0.7, 8),
)
ASKED = "\uf000"
MARKS = ".,;:()-/='\"*"


def evidence_of(query: str, pairs: Sequence[Pair]) -> Evidence:
    """Evidence in which each pair is a topic with one source."""
    topics = []
    for number, pair in enumerate(pairs, start=1):
        entry = Entry(
            str(number),
            "d",
            "d.md",
            None,
            None,
            pair.question,
            pair.answer,
            Status.ANSWERED,
            None,
        )
        topics.append(Topic(pair.question, (Source(number, entry, pair.answer, (0, len(pair.answer))),)))
    return Evidence(query, tuple(topics))


def target_of(answer: str, number: int) -> str:
    """The reply: the answer's first line, with the passage's number after every sentence."""
    line = neutralise(answer).strip().split("\n", 1)[0].rstrip()
    return " ".join(f"{line[start:end]} [{number}]" for start, end in sentences(line))


# --- random tokens ---------------------------------------------------------------------------------------------------


class TokenTask:
    """Samples as token ids, of random tokens in exactly the format of a prompt.

    With random tokens nothing can be guessed, so that looking up and copying is all there is to learn.
    """

    def __init__(self, tokenizer: Any, seed: int) -> None:
        self._random = random.Random(seed)
        self._tokenizer = tokenizer
        special = set(tokenizer.all_special_ids)
        words = [
            i for i in range(len(tokenizer)) if i not in special and re.fullmatch(r" ?[A-Za-z]+", tokenizer.decode([i]))
        ]
        self._words = words
        self._marks = [self.ids(mark)[0] for mark in MARKS]
        self._stop = self.ids(".")[0]

    def ids(self, text: str) -> list[int]:
        """Token ids of a text without special tokens."""
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def sample(self, shape: Shape) -> tuple[list[int], list[int]]:
        """Token ids of a prompt with its reply, and the labels."""
        rng = self._random
        count = rng.randint(*shape.passages)
        pool = self._words if rng.random() < 0.7 else rng.sample(self._words, min(40 + count * 20, len(self._words)))
        keys = [rng.choices(pool, k=rng.randint(*shape.key)) for _ in range(count)]
        values = [self._value(pool, shape) for _ in range(count)]
        wanted = rng.randrange(count)
        slots = {chr(0xE000 + 2 * n): keys[n] for n in range(count)}
        slots |= {chr(0xE001 + 2 * n): [token for said in values[n] for token in said] for n in range(count)}
        slots[ASKED] = self._asked(keys[wanted])
        # Private-use letters hold the places of the random tokens in the text of a real prompt.
        pairs = [Pair(chr(0xE000 + 2 * n), chr(0xE001 + 2 * n)) for n in range(count)]
        prompt = self._fill(build_messages(ASKED, evidence_of("", pairs)), slots)
        marker = self.ids(f" [{wanted + 1}]")
        reply = [token for said in values[wanted] for token in (*said, *marker)]
        reply.append(self._tokenizer.eos_token_id)
        return [*prompt, *reply], [*[-100] * len(prompt), *reply]

    def _fill(self, messages: Sequence[Message], slots: Mapping[str, Sequence[int]]) -> list[int]:
        """Ids of a prompt, with the slots' tokens in the places of their letters."""
        turns = [dataclasses.asdict(message) for message in messages]
        text = self._tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        found: list[int] = []
        for part in re.split("([\ue000-\uf000])", text):
            found.extend(slots[part] if part in slots else self.ids(part))
        return found

    def repeats(self, length: int) -> tuple[list[int], list[int]]:
        """Random tokens, and pieces of them again; a piece's first token, which nothing tells, has the label -100."""
        rng = self._random
        told = rng.choices(self._words, k=rng.randint(length // 4, length // 2))
        ids, labels = list(told), [-100] * len(told)
        while len(ids) < length:
            size = rng.randint(5, 15)
            start = rng.randint(0, max(0, len(told) - size))
            piece = told[start : start + size]
            ids += piece
            labels += [-100, *piece[1:]]
        return ids[:length], labels[:length]

    def _value(self, pool: Sequence[int], shape: Shape) -> list[list[int]]:
        rng = self._random
        count = rng.randint(*shape.sentences)
        length = max(2, rng.randint(*shape.value) // count)
        found = []
        for _ in range(count):
            tokens = [rng.choice(self._marks) if rng.random() < 0.1 else rng.choice(pool) for _ in range(length)]
            tokens = [token for token in tokens if token != self._stop]
            found.append([*tokens, self._stop])
        return found

    def _asked(self, key: Sequence[int]) -> list[int]:
        """Most of a key's tokens, in order, with others between them now and then."""
        rng = self._random
        kept = [token for token in key if rng.random() < 0.87] or [rng.choice(key)]
        if rng.random() < 0.3:
            kept.insert(rng.randrange(len(kept) + 1), rng.choice(self._words))
        return kept


# --- text ------------------------------------------------------------------------------------------------------------

_FRAMES = (
    "What is {}?", "How does {} work?", "Why is {} used?", "Explain {}.", "What does {} do?", "When should I use {}?",
    "How do I set {}?", "Which {} are there?", "Where does {} come from?", "What happens with {}?", "{}",
    "What is the difference between {} and its rival?", "Is {} needed?", "How many {} are there?",
)  # fmt: skip
_SENTENCES = (
    "{s} {v} the {n} of {n}.", "A {n} {v} {n}, and the {n} {v} it.", "{s} has {d} {n}.", "Use `{i}` for {n}.",
    "It {v} by {d} percent ({n}).", "Since {d}, {s} {v} {n} in {n}.", "The default of `{i}` is {d}.",
    "Call `{i}()` before the {n}, not after it.", "{s} is a {n} that {v} every {n} and no {n}.",
    "Unlike {n}, {s} {v} only the {n}.", "{s} was made by {S} in {d}.", "For {n}, {n} and {n} take {d}.{d}.",
)  # fmt: skip
_SYLLABLES = """
    ba be bi bo da de di do fa fe ga gi ka ke ko la le li lo ma me mi mo na ne no pa pe po ra re ri ro sa se si so ta te
    ti to va ve vi zu tra ster ning tion ment er al ic or um in an on est qua plo gre sti chu
    """.split()  # noqa: SIM905 - a list of quoted syllables reads worse


class TextTask:
    """Samples of text: templates over made-up words, and question documents."""

    def __init__(self, pairs: Sequence[Pair], seed: int, *, made_up: float = 0.5) -> None:
        self._random = random.Random(seed)
        self._pairs = list(pairs)
        self._made_up = made_up if pairs else 1.0

    def sample(self, passages: tuple[int, int], max_chars: int = 700) -> Sample:
        """A sample whose passages have at most about `max_chars` characters each."""
        rng = self._random
        count = rng.randint(*passages)
        pairs = [self._made() if rng.random() < self._made_up else self._real(max_chars) for _ in range(count)]
        wanted = rng.randrange(count)
        query = self._asked(pairs[wanted])
        messages = build_messages(query, evidence_of(query, pairs))
        return Sample(query, tuple(messages), target_of(pairs[wanted].answer, wanted + 1), wanted + 1)

    def _real(self, max_chars: int) -> Pair:
        pair = self._random.choice(self._pairs)
        if self._random.random() < 0.3:  # an answer may begin anywhere, and with any words
            lines = [line for line in pair.answer.split("\n") if len(line) > 30 and line[0].isalpha()]
            if lines:
                pair = dataclasses.replace(pair, answer=self._random.choice(lines))
        return dataclasses.replace(pair, answer=_cut(pair.answer, max_chars))

    def _asked(self, pair: Pair) -> str:
        rng = self._random
        way = rng.random()
        if pair.also_asked and way < 0.3:
            return rng.choice(pair.also_asked)
        if way < 0.5:
            return pair.question
        kept = [word for word in pair.question.split() if len(word) < 4 or rng.random() < 0.85]
        query = " ".join(kept) or pair.question
        if way < 0.75:
            query = query.lower().rstrip("?.")
        return query

    def _made(self) -> Pair:
        rng = self._random
        subject = " ".join(self._word() for _ in range(rng.randint(1, 3)))
        question = rng.choice(_FRAMES).format(subject)
        lines = []
        for line in range(rng.choice((1, 1, 2))):
            said = [self._sentence(subject if not line else self._word()) for _ in range(rng.randint(1, 3))]
            lines.append(" ".join(said))
        return Pair(question, rng.choice(("\n", "\n\n")).join(lines))

    def _word(self) -> str:
        rng = self._random
        word = "".join(rng.choices(_SYLLABLES, k=rng.randint(1, 3)))
        if rng.random() < 0.1:
            word = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 7)))
        return word.capitalize() if rng.random() < 0.15 else word

    def _sentence(self, subject: str) -> str:
        rng = self._random
        said = rng.choice(_SENTENCES)
        said = said.replace("{s}", subject, 1)
        while slot := re.search(r"\{(\w)\}", said):
            kind = slot.group(1)
            filling = self._word()
            if kind == "d":
                filling = str(rng.choice((rng.randint(1, 99), rng.randint(100, 2100))))
            elif kind == "i":
                filling = rng.choice((".", "_")).join(self._word().lower() for _ in range(rng.randint(1, 2)))
            elif kind == "S":
                filling = filling.capitalize()
            said = said[: slot.start()] + filling + said[slot.end() :]
        return said[0].upper() + said[1:] if rng.random() < 0.8 else said


def _cut(answer: str, max_chars: int) -> str:
    """The answer's first lines, at least one of them."""
    lines = answer.split("\n")
    end = 1
    while end < len(lines) and sum(map(len, lines[: end + 1])) <= max_chars:
        end += 1
    return "\n".join(lines[:end]).strip()


_NUMBERED = re.compile(r"^(?:#+ *)?(?:\*\*)?(?:Q? *\d+[.):]) *(?:\*\*)?(?P<question>.+?)(?:\*\*)?\s*$")


def read_pairs(paths: Sequence[Path]) -> list[Pair]:
    """Question and answer of every numbered question in the files whose answer begins with prose."""
    found: list[Pair] = []
    for path in sorted(paths):
        question, lines = "", list[str]()
        for line in [*path.read_text("utf-8").splitlines(), "0. end?"]:
            match = _NUMBERED.match(line)
            if match and match["question"].rstrip("*").endswith(("?", ".")) and len(match["question"]) < 200:
                found.extend(_pair(question, lines))
                question, lines = match["question"], []
            elif question:
                lines.append(line)
    return found


def _pair(question: str, lines: Sequence[str]) -> list[Pair]:
    also: tuple[str, ...] = ()
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    kept: list[str] = []
    for line in lines:
        if line.strip().startswith("Also asked:"):
            also = tuple(part.strip() for part in line.split(":", 1)[1].split("|"))
        elif not line.startswith("#") or kept:
            kept.append(line[indent:].rstrip())
    answer = "\n".join(kept).strip()
    first = answer.split("\n", 1)[0]
    usable = question and len(first) >= 20 and first[0].isalnum() and first.rstrip().endswith((".", ":"))
    return [Pair(question, answer, also)] if usable else []
