"""The UI's top handler: whatever fails becomes a message for the user; a bug goes to the log with its traceback."""

from __future__ import annotations

import logging

from kb.errors import KBError
from ui.render import problem_html
from ui.turns import Problem

logger = logging.getLogger(__name__)


def problem_of(error: Exception) -> Problem:
    """What to tell the user. The insides of a bug are for the log alone."""
    if isinstance(error, KBError):
        return Problem(error.message, error.hint)
    logger.error("a request failed", exc_info=error)
    return Problem("This failed: an unexpected error.", "The server's log has the details.")


def shown(error: Exception) -> str:
    """The problem as HTML."""
    problem = problem_of(error)
    return problem_html(problem.message, problem.hint)
