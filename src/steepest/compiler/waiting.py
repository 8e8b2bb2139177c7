"""What a user is told while kernels are compiled, which happens once on a machine.

`listening` gives the news to whoever shows how a training goes. With nobody to hear them, a line on
the terminal says what the process waits for, from two seconds on.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["Line", "Listener", "listener", "listening", "text"]

Listener = Callable[[int, int], object]
"""Is told how many kernels are compiled, of how many; at the end, all of them."""

_current: ContextVar[Listener | None] = ContextVar("listener", default=None)


def text(done: int, total: int) -> str:
    """Return what there is to say."""
    return f"compiling kernels, once: {done} of {total}"


@contextmanager
def listening(told: Listener) -> Iterator[None]:
    """Have ``told`` hear of kernels that are compiled meanwhile, instead of the terminal."""
    token = _current.set(told)
    try:
        yield
    finally:
        _current.reset(token)


def listener() -> Listener:
    """Return who is to be told of the next kernels."""
    return _current.get() or Line()


class Line:
    """A line on the standard error, if that is a terminal; it is written over by the next one.

    Parameters
    ----------
    after : float
        The seconds from which on there is one.
    """

    def __init__(self, after: float = 2.0) -> None:
        self._from, self._shown = time.perf_counter() + after, False

    def __call__(self, done: int, total: int) -> None:
        """Write the line, or the last of it."""
        ended = done == total
        if not sys.stderr.isatty() or not (self._shown or time.perf_counter() >= self._from):
            return
        if ended and not self._shown:
            return
        sys.stderr.write(f"\rsteepest: {text(done, total)}" + "\n" * ended)
        sys.stderr.flush()
        self._shown = True
