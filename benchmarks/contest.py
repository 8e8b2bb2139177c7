"""Contestants of a benchmark, each in processes of its own.

Threads that wait by spinning, as PyTorch's do, would take a core from whoever comes next. So every
contestant has a process for each of its turns, and all take turns, since machines have moods.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

__all__ = ["in_turns", "seconds_of"]


def in_turns(
    work: Callable[..., Any], names: Iterable[str], *details: Any, turns: int = 2
) -> dict[str, list[Any]]:
    """Return what ``work(name, *details)`` gives at each turn of each contestant that can run.

    ``work`` is a function of a module, so that a new process finds it.
    """
    found: dict[str, list[Any]] = {}
    left = list(names)
    for _ in range(turns):
        for name in list(left):
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
                given = process.submit(work, name, *details)
            try:
                found.setdefault(name, []).append(given.result())
            except AssertionError:
                raise
            except ImportError:
                print(f"  {name} is not installed")
                left.remove(name)
            except Exception as error:  # a compiler that is not there
                print(f"  {name} can't run: {type(error).__name__}: {error}")
                left.remove(name)
    return {name: results for name, results in found.items() if results}


def seconds_of(call: Callable[[], Any]) -> float:
    """Return how long a call took."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
