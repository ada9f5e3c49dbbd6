"""Chats in progress: a question is put, answered step by step, stopped, asked again, rated. No Gradio."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Iterator
from typing import NamedTuple

from kb.errors import QueryError
from ui.chats import Chat, ChatStore, is_id, new_id, now
from ui.library import Library
from ui.problems import problem_of
from ui.records import put_feedback
from ui.turns import (
    ChatTurn,
    Problem,
    advance,
    cited_entries,
    failed,
    history,
    is_open,
    stopped,
    without_result,
)

MAX_COMMENT_CHARS = 2000


class Begun(NamedTuple):
    """A question that was put and waits for its answer."""

    chat: str
    turn: str


class Conversations:
    """All chats of all browsers. Safe to share between threads."""

    def __init__(self, library: Library) -> None:
        settings = library.settings
        self._library = library
        self._store = ChatStore(settings.home / "chats", settings.collection)
        self._active: dict[str, threading.Event] = {}
        self._live: dict[str, ChatTurn] = {}
        self._lock = threading.Lock()

    def chat(self, browser: str, chat: str) -> Chat:
        """The chat as it stands; turns that nobody answers any more are shown as stopped."""
        if not (is_id(browser) and is_id(chat)):
            return Chat(id="", collection=self._library.settings.collection)
        found = self._store.load(browser, chat)
        turns = tuple(turn if turn.id in self._active else stopped(turn) for turn in found.turns)
        return dataclasses.replace(found, turns=turns)

    def listed(self, browser: str) -> list[tuple[str, str]]:
        """(title, id) of this browser's chats, the newest first."""
        return self._store.listed(browser) if is_id(browser) else []

    def begin(self, browser: str, chat: str, query: str, *, replaces: str = "") -> Begun:
        """Put a question; with `replaces`, in place of that turn and all after it.

        Raises:
            QueryError: the question is empty or too long; nothing was changed.
        """
        text = query.strip()
        limit = self._library.settings.retrieve.max_query_chars
        if not text:
            raise QueryError("The question is empty.", hint="Type a question.")
        if len(text) > limit:
            raise QueryError(f"The question has {len(text):,} characters; {limit:,} are allowed.", hint="Shorten it.")
        if not is_id(browser):
            raise QueryError("This page has no id.", hint="Reload the page.")
        chat_id = chat if is_id(chat) else new_id()
        if replaces:
            self._store.cut(browser, chat_id, replaces)
        turn = ChatTurn(id=new_id(), query=text, asked=now())
        with self._lock:
            self._active[turn.id] = threading.Event()
        self._store.put(browser, chat_id, turn)
        return Begun(chat_id, turn.id)

    def answer(self, browser: str, chat: str, turn_id: str) -> Iterator[ChatTurn]:
        """The turn after each step. Closing the iterator stops the generation and keeps what has passed its check."""
        stop = self._active.get(turn_id)
        if stop is None or stop.is_set():
            return
        found = self._store.load(browser, chat)
        turn = found.turn(turn_id)
        if turn is None:
            return
        earlier = found.turns[: found.turns.index(turn)]
        try:
            events = self._library.stream(turn.query, history=history(earlier))
            with contextlib.closing(events):
                for event in events:
                    if stop.is_set():
                        break
                    turn = self._with_passages(advance(turn, event))
                    self._live[turn_id] = turn
                    yield turn
        except Exception as error:  # noqa: BLE001 - one failed question must not end the chat
            turn = failed(turn, problem_of(error))
        finally:
            turn = stopped(turn)
            with self._lock:
                was_stopped = self._active.pop(turn_id, None) is None
                self._live.pop(turn_id, None)
            if not was_stopped:
                self._store.put(browser, chat, turn)
        yield turn

    def stop(self, browser: str, chat: str, turn_id: str = "") -> None:
        """End the generation of a turn, or of all turns of the chat; what has passed its check is kept."""
        if not (is_id(browser) and is_id(chat)):
            return
        for turn in self._store.load(browser, chat).turns:
            if turn_id and turn.id != turn_id:
                continue
            with self._lock:
                event = self._active.pop(turn.id, None)
                live = self._live.pop(turn.id, turn)
            if event is not None:
                event.set()
                if is_open(turn):
                    self._store.put(browser, chat, stopped(live))

    def give_up(self, browser: str, chat: str, turn_id: str) -> None:
        """End a turn that never got its turn in the queue."""
        if not (is_id(browser) and is_id(chat)):
            return
        with self._lock:
            if turn_id in self._live or self._active.pop(turn_id, None) is None:
                return
        turn = self._store.load(browser, chat).turn(turn_id)
        if turn is not None and is_open(turn):
            problem = Problem("Too many questions are waiting.", "Ask again in a moment.")
            self._store.put(browser, chat, failed(turn, problem))

    def again(self, browser: str, chat: str, turn_id: str) -> str:
        """The question of a turn, to ask it again; empty if there is no such turn."""
        turn = self.chat(browser, chat).turn(turn_id)
        return without_result(turn).query if turn else ""

    def rate(self, browser: str, chat: str, turn_id: str, rating: str, comment: str = "") -> Chat:
        """Keep a rating (up, down, or empty to keep the one that is there) and a comment."""
        found = self.chat(browser, chat)
        turn = found.turn(turn_id)
        if turn is None or rating not in ("up", "down", ""):
            return found
        rated = dataclasses.replace(
            turn, rating=rating or turn.rating, comment=(comment.strip() or turn.comment)[:MAX_COMMENT_CHARS]
        )
        if not rated.rating:
            return found
        put_feedback(self._library.settings.home, rated)
        return self._store.put(browser, chat, rated)

    def delete(self, browser: str, chat: str) -> None:
        """Remove a chat for good."""
        if is_id(browser) and is_id(chat):
            self.stop(browser, chat)
            self._store.delete(browser, chat)

    def _with_passages(self, turn: ChatTurn) -> ChatTurn:
        missing = [entry_id for entry_id in cited_entries(turn) if entry_id not in turn.passages]
        if not missing:
            return turn
        return dataclasses.replace(turn, passages={**turn.passages, **self._library.answers_of(missing)})
