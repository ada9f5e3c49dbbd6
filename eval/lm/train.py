"""Train the small model of the tests: `python -m eval.lm.train OUT --minutes 30`. One core is enough.

Begins with random tokens that repeat, goes on to random tokens in the form of a prompt, in which looking up and copying
is the one thing to learn, then to longer samples and to text, each time most replies come without a mistake.
"""

from __future__ import annotations

import argparse
import dataclasses
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from eval.lm.model import CONTEXT, make_model, make_tokenizer
from eval.lm.tasks import STAGES, Pair, Sample, Shape, TextTask, TokenTask, read_pairs

CORPUS = Path(__file__).parents[2] / "corpus"
VOCABULARY = 1024
PASSED = 0.965
"""Share of right tokens at which the next stage begins."""
_MAX_TRAIN_TOKENS = 1500


class Batches:
    """Padded batches of a stage's samples."""

    def __init__(self, tokenizer: Any, pairs: Sequence[Pair], seed: int) -> None:
        self._tokenizer = tokenizer
        self._random = random.Random(seed)
        self._tokens = TokenTask(tokenizer, seed)
        self._text = TextTask(pairs, seed)

    def repeats(self) -> tuple[Any, Any]:
        """Ids and labels of repeated random tokens. Shape: (batch, tokens) each."""
        import torch

        rows = [self._tokens.repeats(70) for _ in range(32)]
        return torch.tensor([ids for ids, _ in rows]), torch.tensor([labels for _, labels in rows])

    def next(self, shape: Shape) -> tuple[Any, Any]:
        """Ids and labels. Shape: (batch, tokens) each."""
        import torch

        rows: list[tuple[list[int], list[int]]] = []
        # Samples of about one length to a batch, so that little of it is padding.
        of_text = self._random.random() < shape.text
        max_chars = self._random.choice((150, 300, 500, 700))
        while len(rows) < shape.batch:
            if of_text:
                sample = self._text.sample(shape.passages, max_chars)
                prompt, reply = encode(self._tokenizer, sample)
                pair = [*prompt, *reply], [*[-100] * len(prompt), *reply]
            else:
                pair = self._tokens.sample(shape)
            if len(pair[0]) <= _MAX_TRAIN_TOKENS:
                rows.append(pair)
        longest = max(len(row) for row, _ in rows)
        ids = torch.full((len(rows), longest), self._tokenizer.pad_token_id)
        labels = torch.full((len(rows), longest), -100)
        for number, (row, row_labels) in enumerate(rows):
            ids[number, : len(row)] = torch.tensor(row)
            labels[number, : len(row)] = torch.tensor(row_labels)
        return ids, labels


def encode(tokenizer: Any, sample: Sample) -> tuple[list[int], list[int]]:
    """Prompt and reply as token ids."""
    prompt = prompt_ids(tokenizer, sample)
    reply = tokenizer(sample.target, add_special_tokens=False)["input_ids"]
    return prompt, [*reply, tokenizer.eos_token_id]


def prompt_ids(tokenizer: Any, sample: Sample) -> list[int]:
    """The prompt through the chat template."""
    messages = [dataclasses.asdict(message) for message in sample.messages]
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def replies_loss(model: Any, ids: Any, labels: Any) -> tuple[Any, float]:
    """Mean loss over the replies' tokens, and the share of them that would be chosen."""
    import torch

    hidden = model.model(input_ids=ids).last_hidden_state[:, :-1]
    wanted = labels[:, 1:]
    chosen = wanted != -100
    logits = model.lm_head(hidden[chosen])  # the prompt's tokens need no logits
    loss = torch.nn.functional.cross_entropy(logits, wanted[chosen])
    right = logits.argmax(-1) == wanted[chosen]
    return loss, float(right.float().mean())


def train(model: Any, batches: Batches, *, minutes: float, rate: float, stage: int, keep: Callable[[], None]) -> None:
    """Train until the time is over; prints how it goes, and calls `keep` now and then."""
    import torch

    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=0.01)
    began = saved = time.process_time()
    right_share, step = 0.0, 0
    while (share := (time.process_time() - began) / (60 * minutes)) < 1:
        step += 1
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, step / 50) * min(1.0, 4 * (1 - share) + 0.02)
        if stage < 0:
            ids, labels = batches.repeats()
        else:
            # Now and then a sample of an earlier stage, so that what was learnt stays.
            ids, labels = batches.next(STAGES[stage if step % 5 else random.Random(step).randint(0, stage)])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss, right = replies_loss(model, ids, labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 5:
            right_share = 0.95 * right_share + 0.05 * right
        if step % 50 == 0:
            spent = f"{time.process_time() - began:6.0f} s  step {step:6d}"
            print(
                f"{spent}  stage {stage}  loss {loss.item():.3f}  right {right_share:.3f}  {tuple(ids.shape)}",
                flush=True,
            )
        if (loss.item() < 0.8) if stage < 0 else (right_share > PASSED and stage < len(STAGES) - 1):
            stage, right_share = stage + 1, 0.0
        if time.process_time() - saved > 120:
            saved = time.process_time()
            keep()


def exact_share(model: Any, tokenizer: Any, samples: Sequence[Sample]) -> tuple[float, float]:
    """Shares of greedy replies that are exactly right, and whose first number is."""
    import torch

    exact = numbered = 0
    for sample in samples:
        prompt = torch.tensor([prompt_ids(tokenizer, sample)])
        with torch.inference_mode():
            reply = model.generate(
                prompt,
                attention_mask=torch.ones_like(prompt),
                max_new_tokens=CONTEXT - prompt.shape[1],
                do_sample=False,
            )[0, prompt.shape[1] :]
        text = tokenizer.decode(reply, skip_special_tokens=True)
        exact += text == sample.target
        numbered += f"[{sample.number}]" in text
    return exact / len(samples), numbered / len(samples)


def held_out(pairs: Sequence[Pair]) -> tuple[list[Pair], list[Pair]]:
    """Pairs to train on, and every fifth to measure with."""
    ordered = sorted(pairs, key=lambda pair: pair.question)
    return [p for n, p in enumerate(ordered) if n % 5], ordered[::5]


def main() -> None:
    """Train, measure and save."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=30, help="of processor time")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--resume", type=Path, help="a model to go on with")
    parser.add_argument("--stage", type=int, default=-1, help="where to go on")
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(given.seed)
    training, measuring = held_out(read_pairs([*CORPUS.glob("*.md"), *CORPUS.glob("*.txt")]))
    if given.resume:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(given.resume)
        model = AutoModelForCausalLM.from_pretrained(given.resume, dtype=torch.float32)
    else:
        made_up = TextTask([], given.seed)
        texts = [m.content for _ in range(2000) for m in made_up.sample((2, 4)).messages[1:]]
        texts += [f"{pair.question}\n{pair.answer}" for pair in training] * 3
        tokenizer = make_tokenizer(texts, VOCABULARY)
        model = make_model(tokenizer, layers=given.layers, width=given.width)
    print(f"{model.num_parameters():,} parameters, {len(training)} + {len(measuring)} pairs", flush=True)
    model.train()
    train(
        model,
        Batches(tokenizer, training, given.seed),
        minutes=given.minutes,
        rate=given.rate,
        stage=given.stage,
        keep=lambda: save(model, tokenizer, given.out),
    )
    model.eval()
    save(model, tokenizer, given.out)
    for name, task in (("documents", TextTask(measuring, 99, made_up=0.0)), ("made up", TextTask([], 99))):
        exact, numbered = exact_share(model, tokenizer, [task.sample((3, 5)) for _ in range(40)])
        print(f"held out, {name}: exact {exact:.3f}, number {numbered:.3f}", flush=True)


def save(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write weights in bfloat16, tokenizer, chat template and greedy generation settings."""
    import copy

    import torch

    model.generation_config.do_sample = False
    copy.deepcopy(model).to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


if __name__ == "__main__":
    main()
