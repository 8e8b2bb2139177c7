"""How many threads share the work, which cores they run on, and how long they wait there.

Linux often wakes a thread on the core of the one that wakes it, and takes its time to move it away:
until then the two take turns, and every barrier takes 3 µs instead of 0.1. So helpers keep off the
caller's core. And they keep near it: between cores that share no cache, a cache line takes 200 ns,
not 40. macOS and Windows are left to put threads where they like.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import math
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

from .priority import running_idle

__all__ = [
    "allowed_cores",
    "core_count",
    "idle_cores",
    "keep_to",
    "most_threads",
    "other_cores",
    "spins_for",
    "threads_for",
    "threads_to_try",
    "usual_threads",
    "worth_threads",
]

_WORTH_SHARING = 4_000_000  # FLOPs of a step for each further thread to pay, see threads_for
_WORTH_TRYING = 1_000_000  # with so many a step, a second thread may pay
_SYSTEM = Path("/sys/devices/system/cpu")
_PATIENT, _BRIEF = 300_000, 1_000  # about 450 µs, and 1.5


def threads_for(batch: int, flops: int, threads: int | None) -> int:
    """Return how many threads should share steps of ``flops`` FLOPs on ``batch`` rows.

    As many as were asked for; else as many as the work is worth. At most one a core: more would
    wait for one another, for seconds instead of microseconds. One row at a time is work for one
    thread: two would spend their time exchanging parts of A.
    """
    if threads is None:
        worth = worth_threads(flops) if batch > 1 else 1
        return min(usual_threads(), worth) if worth > 1 else 1
    if threads > 1 and threads > (most := most_threads()):
        _warn_of_fewer(int(threads), most)
        return most
    return int(threads)


def threads_to_try(batch: int, flops: int, threads: int | None) -> int:
    """Return how many threads at most may turn out to be best for such steps.

    No more than were asked for. Two have been seen to gain from a million FLOPs on.
    """
    if threads is None:
        return min(usual_threads(), 1 + flops // _WORTH_TRYING) if batch > 1 else 1
    return threads_for(batch, flops, threads)


def worth_threads(flops: int) -> int:
    """Return how many threads ``flops`` FLOPs are worth, on any number of cores.

    Steps of 1 to 4 million FLOPs gain 13 to 30 % by a second thread on a core that shares a cache,
    but take twice as long with one on a core that does not, as virtual machines put it now and
    then.
    """
    return 1 + flops // _WORTH_SHARING


def usual_threads() -> int:
    """Return how many threads may share work if nobody asks for a number.

    Who starts several processes, such as joblib, Dask or Slurm, says in OMP_NUM_THREADS how many
    threads each may have.
    """
    told = os.environ.get("OMP_NUM_THREADS", "")
    return min(core_count(), max(1, int(told))) if told.isdigit() else core_count()


def most_threads() -> int:
    """Return how many threads may share work: as many as there are cores for this process."""
    return core_count()


@functools.cache  # says it once
def _warn_of_fewer(threads: int, most: int) -> None:
    cores = "1 core" if most == 1 else f"{most} cores"
    warnings.warn(
        f"threads={threads}: this process may use {cores} (by its affinity and the quota of its "
        f"container), so that {most} will do the work; more would only wait for one another",
        stacklevel=3,
    )


def spins_for(threads: int) -> int:
    """Return how often a thread tries at a barrier before it offers its core to others.

    Where each thread has a core it must be patient: to sleep and wake up takes 70 µs. And another
    program that gets the core keeps it for a time slice, which is longer than a step.
    """
    return _PATIENT if threads <= core_count() else _BRIEF


def core_count(cgroups: Path = Path("/sys/fs/cgroup")) -> int:
    """Return how many cores this process may keep busy: of its affinity, within its quota."""
    cores = len(allowed_cores()) or os.cpu_count() or 1
    return max(1, min(cores, math.ceil(_quota(cgroups))))


@functools.cache  # every prediction asks
def _quota(cgroups: Path) -> float:
    """Return how many cores' time a container may use (cgroups version 2, then 1)."""
    for names in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        with contextlib.suppress(OSError, ValueError):
            quota, period = " ".join((cgroups / name).read_text("ascii") for name in names).split()
            if quota not in ("max", "-1"):
                return int(quota) / int(period)
    return os.cpu_count() or 1


def idle_cores(load: Path = Path("/proc/loadavg")) -> float:
    """Return how many of the machine's cores have nothing to do but for the calling thread.

    Programs that run for a moment only are not counted: where others seem to run it looks three
    times, within a millisecond. Nor are those that this process has started to take no more than
    idle cores. Infinity where nobody can say: on macOS and Windows.
    """
    idle = 0
    for _ in range(3):
        try:
            running = int(load.read_text("ascii").split()[3].split("/")[0])
        except (OSError, ValueError, IndexError):
            return math.inf
        idle = max(idle, (os.cpu_count() or 1) - max(0, running - 1 - running_idle()))
        if idle >= core_count():
            break
        time.sleep(0.0003)
    return max(1, idle)


def other_cores(wanted: int = 1, system: Path = _SYSTEM) -> set[int]:
    """Return the cores that the calling thread may use and is not on; none where nobody can say.

    Those that share its last cache alone, if these are as many as ``wanted``.
    """
    own = _current_core()()
    others = allowed_cores() - {own}
    near = others & _sharing_a_cache(own, system)
    return near if len(near) >= wanted else others


def allowed_cores() -> set[int]:
    """Return the cores that the calling thread may use; none where nobody can say."""
    if sys.platform == "linux":
        return os.sched_getaffinity(0)
    else:
        return set()


@functools.cache  # every fit and prediction on several threads asks
def _sharing_a_cache(core: int, system: Path) -> frozenset[int]:
    """Return the cores that share the last cache of ``core``; none if the system does not say."""
    with contextlib.suppress(OSError, ValueError):
        levels = (system / f"cpu{core}" / "cache").glob("index*")
        last = max(levels, key=lambda folder: int((folder / "level").read_text("ascii")))
        ranges = (last / "shared_cpu_list").read_text("ascii").split(",")  # like 0-3,8-11
        bounds = [[int(bound) for bound in text.split("-")] for text in ranges]
        return frozenset(c for bound in bounds for c in range(bound[0], bound[-1] + 1))
    return frozenset()


def keep_to(cores: set[int], thread: int) -> None:
    """Have a thread, by its native number, run on these cores; on any if there are none."""
    if sys.platform == "linux" and cores:
        with contextlib.suppress(OSError):  # a container may have lost a core meanwhile
            os.sched_setaffinity(thread, cores)


@functools.cache
def _current_core() -> Callable[[], int]:
    find = None
    if sys.platform == "linux":  # only there a library without a name is what is loaded already
        find = getattr(ctypes.CDLL(None), "sched_getcpu", None)
    return find if find is not None else lambda: -1
