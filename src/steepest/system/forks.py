"""What a forked process finds: locks that are free, and nothing of threads that are not there.

Where no process forks, as on Windows, there is nothing to do.
"""

from __future__ import annotations

import logging  # noqa: F401  (its locks are held at fork too; registered before ours, taken after)
import os
import threading
from collections.abc import Callable

__all__ = ["call_in_forked", "lock_held_at_fork"]


def lock_held_at_fork() -> threading.RLock:
    """Return a new lock that whoever forks holds meanwhile.

    So no other thread is within what the lock guards, and the child, in which the other threads are
    missing, finds it whole.
    """
    lock = threading.RLock()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release
        )
    return lock


def call_in_forked(function: Callable[[], None]) -> None:
    """Have every process that is forked from this one call ``function`` first."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=function)
