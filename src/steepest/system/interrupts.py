"""Ctrl-C and its like, held back until nothing is half done."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

__all__ = ["HeldSignals"]


class HeldSignals:
    """Holds SIGINT and SIGTERM back where a Python function would handle them.

    That function, usually one that raises KeyboardInterrupt, is called by `release` instead, or
    on leaving the ``with`` statement. A second signal is not held, so that what hangs can be
    ended. Signals that Python does not handle, and all outside the main thread, are left alone.
    """

    def __init__(self) -> None:
        self._handlers: dict[int, Any] = {}
        self._held = 0

    def __enter__(self) -> HeldSignals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                handler = signal.getsignal(number)
                if callable(handler):
                    self._handlers[number] = handler
                    signal.signal(number, self._hold)
        return self

    def __exit__(self, *exception: Any) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self.release()

    def __bool__(self) -> bool:
        """Whether a signal is held."""
        return self._held != 0

    def release(self) -> None:
        """Let the signal that is held have its way."""
        if self._held:
            number, self._held = self._held, 0
            self._handlers[number](number, None)

    def _hold(self, number: int, frame: FrameType | None) -> None:
        if self._held:
            self.release()
        self._held = number
