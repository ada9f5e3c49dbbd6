"""A chat as Markdown or JSON, with everything that was cited."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from kb.types import Citation, to_json
from ui.render import place
from ui.turns import ChatTurn, State

_ACTIVE = re.compile(r"<(?=[A-Za-z/!?])|!(?=\[)|\](?=\()")


def chat_json(turns: Sequence[ChatTurn], *, collection: str) -> str:
    """The chat with all its citations, as a JSON object."""
    value: dict[str, Any] = {"collection": collection, "turns": [to_json(turn) for turn in turns]}
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def chat_markdown(turns: Sequence[ChatTurn], *, collection: str) -> str:
    """The chat as a Markdown document; text from documents cannot load images or run markup in a viewer."""
    parts = [f"# Chat with {collection}\n"]
    parts += [_turn(turn) for turn in turns]
    return "\n".join(parts)


def _turn(turn: ChatTurn) -> str:
    lines = [f"## {_harmless(' '.join(turn.query.split()))}\n"]
    if turn.state is State.FAILED and turn.problem:
        lines.append(f"*Error:* {_harmless(turn.problem.message)}\n")
    elif turn.state is State.ABSTAINED and turn.answer:
        lines.append(f"*Not answered:* {_harmless(turn.answer.text)}\n")
    for statement in turn.statements:
        markers = "".join(f"[{n}]" for n in dict.fromkeys(citation.n for citation in statement.citations))
        separator = "\n\n" if "```" in statement.text else " "
        lines.append(f"{_harmless(statement.text)}{separator}{markers}\n")
    if turn.state is State.STOPPED:
        lines.append("*Stopped.*\n")
    lines += _sources(turn)
    return "\n".join(lines)


def _sources(turn: ChatTurn) -> list[str]:
    by_number: dict[int, list[Citation]] = {}
    for statement in turn.statements:
        for citation in statement.citations:
            by_number.setdefault(citation.n, []).append(citation)
    lines = ["Sources:\n"] if by_number else []
    for n, citations in sorted(by_number.items()):
        first = citations[0]
        where = _harmless(place(first.source, first.lines, first.page))
        lines.append(f"- [{n}] {_harmless(' '.join(first.question.split()))} ({where})\n")
        for quote in dict.fromkeys(citation.quote for citation in citations):
            lines += [*(f"  > {line}".rstrip() for line in _harmless(quote).splitlines()), ""]
    return lines


def _harmless(text: str) -> str:
    """The text with tags, images and links disarmed outside code."""
    parts = re.split(r"(^```.*?^```[^\S\n]*$|`[^`\n]+`)", text, flags=re.DOTALL | re.MULTILINE)
    return "".join(part if number % 2 else _ACTIVE.sub(_escape, part) for number, part in enumerate(parts))


def _escape(match: re.Match[str]) -> str:
    return "&lt;" if match[0] == "<" else f"\\{match[0]}"
