"""Threads that run one function together, the caller's own among them."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from ..errors import ThreadError
from .cores import core_count, keep_to, other_cores
from .forks import call_in_forked

__all__ = ["Team", "room_for_threads"]


class _Helpers:
    """Threads beside the caller's own, which wait for the next team: starting them takes longer
    than a small program.

    One group of each size waits; what several teams at once need beyond that ends with them.
    """

    def __init__(self) -> None:
        self._waiting: dict[int, ThreadPoolExecutor] = {}
        call_in_forked(self._waiting.clear)

    def take(self, threads: int) -> ThreadPoolExecutor:
        return self._waiting.pop(threads, None) or _started(threads)

    def give_back(self, threads: int, pool: ThreadPoolExecutor) -> None:
        if self._waiting.setdefault(threads, pool) is not pool:
            pool.shutdown()


def _started(threads: int) -> ThreadPoolExecutor:
    """Return a pool whose threads run, so that none can lack when others wait for it."""
    pool, all_there = ThreadPoolExecutor(threads, "steepest"), threading.Barrier(threads)
    try:
        waiting = [pool.submit(all_there.wait) for _ in range(threads)]
    except RuntimeError as error:  # what Python raises if the system gives it none
        all_there.abort()
        pool.shutdown()
        raise ThreadError(
            f"{threads} threads beside the caller's can't be started: {error}. Ask for fewer by "
            "threads=, or have the limit of processes and threads raised"
        ) from error
    for one in waiting:
        one.result()
    return pool


_helpers = _Helpers()

_callers: dict[int, int] = {}  # how many teams each Python thread holds
call_in_forked(_callers.clear)


def room_for_threads() -> float:
    """Return how many threads may work for the calling one beside those of other callers.

    Fits and predictions of several Python threads at once would each take all cores otherwise. For
    a single one there is no bound.
    """
    others = len(_callers) - (threading.get_ident() in _callers)
    return core_count() // (1 + others) if others else math.inf


class Team:
    """So many threads. A context manager: it holds them.

    Parameters
    ----------
    threads : int
        The caller's own counts.

    Attributes
    ----------
    threads : int
    lacked : float
        For how many seconds of the last run the thread that had least of a core had none; 0 for the
        caller's thread alone.

    Raises
    ------
    ThreadError
        On entering, if the operating system starts no more.
    """

    def __init__(self, threads: int) -> None:
        self.threads, self.lacked = threads, 0.0
        self._held = False
        self._pool: ThreadPoolExecutor | None = None
        self._helpers = 0  # in the pool: as many as were ever needed

    def __enter__(self) -> Team:
        self._hold(self.threads)
        self._held = True
        caller = threading.get_ident()
        _callers[caller] = _callers.get(caller, 0) + 1
        return self

    def __exit__(self, *exception: Any) -> None:
        self._held = False
        caller = threading.get_ident()
        _callers[caller] = _callers.get(caller, 1) - 1
        if not _callers[caller]:
            del _callers[caller]
        self._release()

    def resize(self, threads: int) -> None:
        """Be so many threads from now on.

        Raises
        ------
        ThreadError
            If the operating system starts no more; then it is as many as before.
        """
        if self._held:
            self._hold(threads)
        self.threads = threads

    def _hold(self, threads: int) -> None:
        if threads - 1 > self._helpers:
            pool = _helpers.take(threads - 1)
            self._release()
            self._pool, self._helpers = pool, threads - 1

    def _release(self) -> None:
        if self._pool is not None:
            _helpers.give_back(self._helpers, self._pool)
            self._pool, self._helpers = None, 0

    def run(
        self, part: Callable[[int], int], stop: Callable[[], None], *, wait_for_all: bool = True
    ) -> int:
        """Call ``part`` with the number of each thread on that thread; return what it gave for 0.

        If the caller's own is interrupted, ``stop`` must make the others end. Without
        ``wait_for_all``, a thread that has not begun when the caller's has ended has nothing to do:
        for want of a core it may be milliseconds late.
        """
        self.lacked = 0.0
        if self.threads == 1:
            return part(0)
        if self._pool is None:
            with self:
                return self.run(part, stop, wait_for_all=wait_for_all)
        cores, began = other_cores(self.threads - 1), time.perf_counter()
        others = [self._pool.submit(_help, cores, part, k) for k in range(1, self.threads)]
        busy = -time.thread_time()
        try:
            return part(0)
        except BaseException:
            stop()
            raise
        finally:
            busy += time.thread_time()
            least = min(busy, *(_seconds(other, wait_for_all) for other in others))
            self.lacked = time.perf_counter() - began - least


def _seconds(other: Future[float], wait: bool) -> float:
    """Return for how many seconds a helper had a core; it need not begin unless we ``wait``."""
    return 0.0 if not wait and other.cancel() else other.result()


def _help(cores: set[int], part: Callable[[int], int], thread: int) -> float:
    """Call ``part``; return for how many seconds it had a core."""
    keep_to(cores)
    began = time.thread_time()
    part(thread)
    return time.thread_time() - began
