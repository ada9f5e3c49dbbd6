"""Chats on disk, so that they survive a reload and a restart. The browser knows nothing but a random id.

One file per chat: `<home>/chats/<browser id>/<chat id>.json`. Both ids are checked before they name a file.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import re
import secrets
import threading
import types
import typing
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from kb.durable import write_atomically
from kb.types import to_json
from ui.markup import one_line
from ui.turns import ChatTurn

_ID = re.compile(r"[0-9a-f]{32}")
MAX_CHATS_LISTED = 50


def new_id() -> str:
    """An id that nobody can guess."""
    return secrets.token_hex(16)


def is_id(value: object) -> bool:
    """Whether the value has the form of an id; nothing else may name a file."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def now() -> str:
    """The time, as ISO 8601 in UTC."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


@dataclasses.dataclass(frozen=True, slots=True)
class Chat:
    """A conversation of one browser."""

    id: str
    collection: str
    turns: tuple[ChatTurn, ...] = ()

    @property
    def title(self) -> str:
        """The first question."""
        return one_line(self.turns[0].query, 60) if self.turns else "New chat"

    def turn(self, turn_id: str) -> ChatTurn | None:
        """The turn with this id."""
        return next((turn for turn in self.turns if turn.id == turn_id), None)


class ChatStore:
    """The chats of one home."""

    def __init__(self, folder: Path, collection: str) -> None:
        self._folder = folder
        self._collection = collection
        self._lock = threading.Lock()

    def load(self, browser: str, chat: str) -> Chat:
        """The chat; an empty one if there is none with this id."""
        file = self._file(browser, chat)
        if not file.is_file():
            return Chat(id=chat, collection=self._collection)
        data = json.loads(file.read_text("utf-8"))
        turns = tuple(_from_json(ChatTurn, turn) for turn in data["turns"])
        return Chat(id=chat, collection=data["collection"], turns=turns)

    def put(self, browser: str, chat: str, turn: ChatTurn) -> Chat:
        """Replace the turn with this id, or add it at the end."""
        with self._lock:
            found = self.load(browser, chat)
            ids = [own.id for own in found.turns]
            turns = list(found.turns)
            if turn.id in ids:
                turns[ids.index(turn.id)] = turn
            else:
                turns.append(turn)
            return self._save(browser, dataclasses.replace(found, turns=tuple(turns)))

    def cut(self, browser: str, chat: str, turn_id: str) -> Chat:
        """Take away the turn with this id and all after it."""
        with self._lock:
            found = self.load(browser, chat)
            ids = [own.id for own in found.turns]
            if turn_id not in ids:
                return found
            return self._save(browser, dataclasses.replace(found, turns=found.turns[: ids.index(turn_id)]))

    def delete(self, browser: str, chat: str) -> None:
        """Remove the chat for good."""
        self._file(browser, chat).unlink(missing_ok=True)

    def listed(self, browser: str) -> list[tuple[str, str]]:
        """(title, id) of this browser's chats in this collection, the newest first."""
        folder = self._folder / self._checked(browser)
        if not folder.is_dir():
            return []
        files = [file for file in folder.glob("*.json") if is_id(file.stem)]
        files.sort(key=lambda file: file.stat().st_mtime, reverse=True)
        chats = (self.load(browser, file.stem) for file in files[:MAX_CHATS_LISTED])
        return [(chat.title, chat.id) for chat in chats if chat.turns and chat.collection == self._collection]

    def _save(self, browser: str, chat: Chat) -> Chat:
        file = self._file(browser, chat.id)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, json.dumps(to_json(chat), ensure_ascii=True))
        return chat

    def _file(self, browser: str, chat: str) -> Path:
        return self._folder / self._checked(browser) / f"{self._checked(chat)}.json"

    @staticmethod
    def _checked(value: str) -> str:
        if not is_id(value):
            raise ValueError(f"not an id: {value!r}")
        return value


def _from_json(kind: Any, value: Any) -> Any:
    """The value that `to_json` wrote, as the type that it had."""
    origin = typing.get_origin(kind)
    if isinstance(kind, types.UnionType) or origin is typing.Union:
        inner = [option for option in typing.get_args(kind) if option is not type(None)]
        return None if value is None else _from_json(inner[0], value)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = typing.get_type_hints(kind)
        known = {field.name for field in dataclasses.fields(kind)}
        return kind(**{name: _from_json(hints[name], item) for name, item in value.items() if name in known})
    if origin is tuple:
        args = typing.get_args(kind)
        if len(args) == 2 and args[1] is Ellipsis:
            return tuple(_from_json(args[0], item) for item in value)
        return tuple(_from_json(arg, item) for arg, item in zip(args, value, strict=True))
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind(value)
    if origin is not None and isinstance(value, Mapping):
        return dict(value)
    return value
