"""Which cores threads run on.

Linux often wakes a thread on the core of the one that wakes it, and takes its time to move it away:
until then the two take turns, and every barrier takes 3 µs instead of 0.1.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import sys
from collections.abc import Callable

__all__ = ["keep_to", "other_cores"]


def other_cores() -> set[int]:
    """Return the cores that the calling thread may use and is not on; none where nobody can say."""
    if sys.platform != "linux":
        return set()
    return os.sched_getaffinity(0) - {_current_core()()}


def keep_to(cores: set[int]) -> None:
    """Have the calling thread run on these cores; on any if there are none."""
    if sys.platform == "linux" and cores:
        with contextlib.suppress(OSError):  # a container may have lost a core meanwhile
            os.sched_setaffinity(0, cores)


@functools.cache
def _current_core() -> Callable[[], int]:
    find = getattr(ctypes.CDLL(None), "sched_getcpu", None)
    return find if find is not None else lambda: -1
