"""A knowledge base over question documents that answers from them and from nothing else.

    from kb import KnowledgeBase, Settings

    kb = KnowledgeBase.open(Settings(home=...))
    answer = kb.ask("How do I stop PyTorch from tracking gradients?")

Names are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kb.errors import KBError
    from kb.knowledge import KnowledgeBase
    from kb.settings import Settings
    from kb.types import (
        Answer,
        AnswerEvent,
        Citation,
        Document,
        Entry,
        Hit,
        Outcome,
        Passage,
        Question,
        Reason,
        Stage,
        Statement,
        Status,
        Verdict,
    )
    from kb.wiring import answer_from_passages, verify

_HOMES = {
    "KBError": "kb.errors",
    "KnowledgeBase": "kb.knowledge",
    "Settings": "kb.settings",
    "answer_from_passages": "kb.wiring",
    "verify": "kb.wiring",
}

__all__ = [
    "Answer",
    "AnswerEvent",
    "Citation",
    "Document",
    "Entry",
    "Hit",
    "KBError",
    "KnowledgeBase",
    "Outcome",
    "Passage",
    "Question",
    "Reason",
    "Settings",
    "Stage",
    "Statement",
    "Status",
    "Verdict",
    "answer_from_passages",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'kb' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES.get(name, "kb.types")), name)


def __dir__() -> list[str]:
    return __all__
