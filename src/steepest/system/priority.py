"""A process that takes the time of a core that nobody else wants."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys

__all__ = ["IDLE", "be_idle"]

IDLE: int = getattr(subprocess, "IDLE_PRIORITY_CLASS", 0)
"""What Windows makes such a process by (``creationflags``); elsewhere it calls `be_idle`."""


def be_idle() -> None:
    """Take no more than the time that is left, from now on."""
    if sys.platform != "win32":
        os.nice(19)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
