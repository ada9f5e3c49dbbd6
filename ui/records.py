"""What users leave behind for the curator: ratings, and queries that were not answered, as JSON Lines in the home."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kb.durable import write_atomically
from kb.types import to_json
from ui.chats import now
from ui.turns import ChatTurn

_LOCK = threading.Lock()


def add_line(file: Path, record: Mapping[str, Any]) -> None:
    """Append the record to a file of JSON Lines."""
    with _LOCK:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as handle:
            handle.write(json.dumps(record, ensure_ascii=True) + "\n")


def put_feedback(home: Path, turn: ChatTurn) -> None:
    """Keep the turn's rating and comment, in place of what was said about this turn before."""
    answer = turn.answer
    record = {
        "time": now(),
        "id": turn.id,
        "query": turn.query,
        "answer": answer.text if answer else "",
        "rating": turn.rating,
        "comment": turn.comment,
        "outcome": answer.outcome.value if answer else turn.state.value,
        "citations": to_json(answer.citations) if answer else [],
    }
    file = home / "feedback.jsonl"
    with _LOCK:
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = file.read_text("utf-8").splitlines() if file.is_file() else []
        kept = [line for line in lines if line.strip() and _id(line) != turn.id]
        write_atomically(file, "\n".join([*kept, json.dumps(record, ensure_ascii=True)]) + "\n")


def add_unanswered(home: Path, query: str, reason: str) -> None:
    """Keep a query that was not answered."""
    add_line(home / "unanswered.jsonl", {"time": now(), "query": query, "reason": reason})


def _id(line: str) -> object:
    try:
        value = json.loads(line)
    except json.JSONDecodeError:
        return None
    return value.get("id") if isinstance(value, dict) else None
