"""Between a chat's messages and token ids, and back: what every local model needs, batched or not. No torch here."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from kb.errors import ModelError
from kb.ports import Message

_JOINT = "\u200b"
_OPEN, _CLOSE = "<think>", "</think>"


class ChatTokenizer:
    """A model's tokenizer and chat template. Control tokens in a message's text stay text."""

    def __init__(self, tokenizer: Any, model: str) -> None:
        if not getattr(tokenizer, "chat_template", None):
            raise ModelError(
                f"{model}: the model has no chat template, so it cannot follow a prompt.",
                hint="Set llm.model to an instruct or chat model.",
            )
        self._tokenizer = tokenizer
        self._model = model
        # A Rust tokenizer is not to be used by two threads at once.
        self._lock = threading.Lock()
        added = getattr(tokenizer, "added_tokens_decoder", {}).values()
        names = {*tokenizer.all_special_tokens, *(token.content for token in added if token.special)}
        self._control = sorted((name for name in names if len(name) > 1), key=len, reverse=True)

    def count(self, text: str) -> int:
        """Tokens of a text."""
        with self._lock:
            return len(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def encode(self, messages: Sequence[Message]) -> tuple[list[int], bool]:
        """Token ids of the prompt up to where the reply begins, and whether the reply begins inside a thought."""
        turns = [{"role": message.role, "content": self._plain(message.content)} for message in messages]
        with self._lock:
            text = self._render(turns)
            ids = list(self._tokenizer(text, add_special_tokens=False)["input_ids"])
        return ids, text.rstrip().endswith(_OPEN)

    def _render(self, turns: list[dict[str, str]]) -> str:
        import jinja2

        try:
            return self._apply(turns)
        except jinja2.TemplateError:
            # Some templates know no system turn; the rules then open the first turn of the user.
            if len(turns) < 2 or turns[0]["role"] != "system":
                raise
        merged = {"role": "user", "content": f"{turns[0]['content']}\n\n{turns[1]['content']}"}
        try:
            return self._apply([merged, *turns[2:]])
        except jinja2.TemplateError as exc:
            raise ModelError(
                f"{self._model}: the model's chat template fails: {exc}", hint="Set llm.model to another model."
            ) from exc

    def _apply(self, turns: list[dict[str, str]]) -> str:
        # Templates that know no `enable_thinking` pass over it.
        return str(
            self._tokenizer.apply_chat_template(
                turns, add_generation_prompt=True, tokenize=False, enable_thinking=False
            )
        )

    def _plain(self, text: str) -> str:
        for name in self._control:
            if name in text:
                text = text.replace(name, name[0] + _JOINT + name[1:])
        return text

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids, control tokens left out."""
        with self._lock:
            return str(self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))


def decode_stream(tokens: Iterable[int], tokenizer: ChatTokenizer) -> Iterator[str]:
    """Text as tokens come in; together the pieces are what decoding all tokens at once gives.

    A character that is made of several tokens comes when it is whole.
    """
    ids: list[int] = []
    start = shown = 0
    for token in tokens:
        ids.append(token)
        # Decoding from a little before the new token keeps the space that some tokenizers put between two.
        before, now = tokenizer.decode(ids[start:shown]), tokenizer.decode(ids[start:])
        if len(now) > len(before) and not now.endswith("\ufffd"):
            start, shown = shown, len(ids)
            yield now[len(before) :]
    rest = tokenizer.decode(ids[start:])[len(tokenizer.decode(ids[start:shown])) :]
    if rest:
        yield rest


def without_thoughts(pieces: Iterator[str], *, inside: bool = False) -> Iterator[str]:
    """The pieces of a reply without `<think>...</think>`; `inside` if the prompt has opened a thought already."""
    held = ""
    ended = False
    try:
        for piece in pieces:
            held += piece
            while held:
                if ended:  # the empty lines between a thought and the reply
                    held = held.lstrip()
                    ended = not held
                    continue
                if inside:
                    end = held.find(_CLOSE)
                    if end < 0:
                        held = held[-len(_CLOSE) :]
                        break
                    held, inside, ended = held[end + len(_CLOSE) :], False, True
                    continue
                begin = held.find(_OPEN)
                if begin >= 0:
                    if held[:begin]:
                        yield held[:begin]
                    held, inside = held[begin + len(_OPEN) :], True
                    continue
                ready = len(held) - _overlap(held, _OPEN)
                if ready:
                    yield held[:ready]
                held = held[ready:]
                break
        if held and not inside:
            yield held
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()


def _overlap(text: str, tag: str) -> int:
    """Characters at the text's end that may be the beginning of the tag."""
    return next((size for size in range(min(len(tag) - 1, len(text)), 0, -1) if text.endswith(tag[:size])), 0)
