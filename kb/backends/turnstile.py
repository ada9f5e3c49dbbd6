"""A queue of askers before something that only some of them can use at once."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator


class Turnstile:
    """Lets in `slots` askers at a time, in the order in which they came."""

    def __init__(self, slots: int) -> None:
        self._slots = max(1, slots)
        self._changed = threading.Condition()
        self._inside = 0
        self._waiting: deque[object] = deque()

    @property
    def position(self) -> int:
        """Askers that have to leave before a new one is let in; 0 if it is let in at once."""
        with self._changed:
            return max(0, self._inside + len(self._waiting) - self._slots + 1)

    @contextlib.contextmanager
    def turn(self, on_wait: Callable[[int], None] | None = None) -> Iterator[None]:
        """A turn inside; waits for it.

        Args:
            on_wait: told the place in the queue (1 is next) at first and whenever it changes.
        """
        ticket = object()
        told = 0
        with self._changed:
            self._waiting.append(ticket)
            try:
                while (place := self._waiting.index(ticket)) or self._inside >= self._slots:
                    if on_wait is not None and place + 1 != told:
                        told = place + 1
                        on_wait(told)
                    # With a time-out, so that Ctrl-C is heard on every platform.
                    self._changed.wait(timeout=0.5)
                self._inside += 1
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()
