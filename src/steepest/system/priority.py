"""Processes that take the time of a core that nobody else wants."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import weakref
from collections.abc import Sequence
from pathlib import Path

__all__ = ["be_idle", "running_idle", "start_idle"]

_IDLE: int = getattr(subprocess, "IDLE_PRIORITY_CLASS", 0)  # a flag of Windows

_started: weakref.WeakSet[subprocess.Popen[bytes]] = weakref.WeakSet()


def start_idle(words: Sequence[str], stdin: int, stdout: int) -> subprocess.Popen[bytes]:
    """Start such a process. On Windows it is one from the start; elsewhere it calls `be_idle`."""
    process = subprocess.Popen(
        words, stdin=stdin, stdout=stdout, stderr=subprocess.DEVNULL, creationflags=_IDLE
    )
    _started.add(process)
    return process


def running_idle() -> int:
    """Return how many of those that this process has started want a core; 0 if nobody can say."""
    running = 0
    for process in list(_started):
        with contextlib.suppress(OSError, IndexError):
            text = Path(f"/proc/{process.pid}/stat").read_text("utf-8")
            running += text.rpartition(")")[2].split()[0] == "R"
    return running


def be_idle() -> None:
    """Take no more than the time that is left, from now on."""
    if sys.platform != "win32":
        os.setpriority(os.PRIO_PROCESS, 0, 19)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
