"""A question and what became of it, built up from AnswerEvents; the unit that a chat shows and keeps."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from kb.types import Answer, AnswerEvent, Hit, Outcome, Stage, Statement, Turn


class State(StrEnum):
    """Where a turn stands."""

    WAITING = "waiting"
    """Asked; nothing has come yet."""
    RUNNING = "running"
    ANSWERED = "answered"
    ABSTAINED = "abstained"
    STOPPED = "stopped"
    """The user stopped it, or closed the page; what had passed its check until then is kept."""
    FAILED = "failed"


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """An error as users see it."""

    message: str
    hint: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class ChatTurn:
    """One question of a chat."""

    id: str
    query: str
    asked: str = ""
    """ISO 8601, UTC."""
    state: State = State.WAITING
    searched: str = ""
    n_hits: int | None = None
    """Hits that the answer may use; None until they are known."""
    statements: tuple[Statement, ...] = ()
    rejected: tuple[Statement, ...] = ()
    answer: Answer | None = None
    problem: Problem | None = None
    passages: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Answers of the cited entries by entry id, as they were when the question was asked."""
    rating: str = ""
    """up, down or empty."""
    comment: str = ""


def advance(turn: ChatTurn, event: AnswerEvent) -> ChatTurn:
    """The turn after the event."""
    payload: Any = event.payload
    if event.stage is Stage.RETRIEVING:
        return dataclasses.replace(turn, state=State.RUNNING, searched=str(payload))
    if event.stage is Stage.EVIDENCE:
        return dataclasses.replace(turn, state=State.RUNNING, n_hits=len(payload))
    if event.stage is Stage.STATEMENT:
        return dataclasses.replace(turn, state=State.RUNNING, statements=(*turn.statements, payload))
    if event.stage is Stage.REJECTED:
        return dataclasses.replace(turn, state=State.RUNNING, rejected=(*turn.rejected, payload))
    return finished(turn, payload)


def finished(turn: ChatTurn, answer: Answer) -> ChatTurn:
    """The turn with its answer."""
    return dataclasses.replace(
        turn,
        state=State.ANSWERED if answer.outcome is Outcome.ANSWERED else State.ABSTAINED,
        searched=answer.searched or turn.searched,
        statements=answer.statements,
        rejected=answer.rejected,
        answer=answer,
    )


def failed(turn: ChatTurn, problem: Problem) -> ChatTurn:
    """The turn that an error ended."""
    return dataclasses.replace(turn, state=State.FAILED, problem=problem)


def stopped(turn: ChatTurn) -> ChatTurn:
    """The turn as it stood when it was stopped; a turn that has ended stays as it is."""
    return dataclasses.replace(turn, state=State.STOPPED) if is_open(turn) else turn


def is_open(turn: ChatTurn) -> bool:
    """Whether more is to come."""
    return turn.state in (State.WAITING, State.RUNNING)


def without_result(turn: ChatTurn) -> ChatTurn:
    """The question alone, as before it was asked."""
    return ChatTurn(id=turn.id, query=turn.query, asked=turn.asked)


def history(turns: tuple[ChatTurn, ...], *, limit: int = 6) -> tuple[Turn, ...]:
    """The last turns that have an answer, as the search wants them: oldest first."""
    answered = [turn for turn in turns if turn.answer is not None][-limit:]
    return tuple(
        pair
        for turn in answered
        if turn.answer is not None
        for pair in (("user", turn.query), ("assistant", turn.answer.text))
    )


def cited_entries(turn: ChatTurn) -> frozenset[str]:
    """Ids of the entries that the statements cite."""
    return frozenset(citation.entry_id for statement in turn.statements for citation in statement.citations)


def hits_of(turn: ChatTurn) -> tuple[Hit, ...]:
    """The hits of the answer, if there is one."""
    return turn.answer.hits if turn.answer else ()
