"""Threads that run one function together, the caller's own among them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..errors import ThreadError
from .cores import keep_to, other_cores
from .forks import call_in_forked

__all__ = ["Team"]


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


class Team:
    """So many threads. A context manager: it holds them.

    Parameters
    ----------
    threads : int
        The caller's own counts.

    Raises
    ------
    ThreadError
        On entering, if the operating system starts no more.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Team:
        if self.threads > 1:
            self._pool = _helpers.take(self.threads - 1)
        return self

    def __exit__(self, *exception: Any) -> None:
        if self._pool is not None:
            _helpers.give_back(self.threads - 1, self._pool)
            self._pool = None

    def run(self, part: Callable[[int], int], stop: Callable[[], None]) -> int:
        """Call ``part`` with the number of each thread on that thread; return what it gave for 0.

        If the caller's own is interrupted, ``stop`` must make the others end.
        """
        if self._pool is None:
            return part(0)
        cores = other_cores(self.threads - 1)
        others = [self._pool.submit(_help, cores, part, k) for k in range(1, self.threads)]
        try:
            return part(0)
        except BaseException:
            stop()
            raise
        finally:
            for other in others:
                other.result()


def _help(cores: set[int], part: Callable[[int], int], thread: int) -> None:
    keep_to(cores)
    part(thread)
