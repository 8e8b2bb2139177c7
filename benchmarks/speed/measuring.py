"""Contestants in processes of their own, compared and then timed in turns.

Nobody is timed while threads of somebody else still spin, nor before caches and the clock of the
cores are as they are in the middle of a long run.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import statistics
import time
import traceback
import warnings
from dataclasses import dataclass, field

import numpy as np

from .peers import contestants
from .work import SAME

WARM = 0.03  # seconds before each timing
LONG = 0.3  # seconds of a run whose beginning does not matter
LONGEST = 64  # units in one run


@dataclass
class Found:
    """Of one cell: the seconds a step, example, call or pass, by contestant; and what was odd."""

    seconds: dict[str, float] = field(default_factory=dict)
    spread: dict[str, float] = field(default_factory=dict)
    ours: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def fastest(self) -> str | None:
        """The fastest peer."""
        peers = [name for name in self.seconds if name not in self.ours]
        return min(peers, key=self.seconds.__getitem__, default=None)


class Contestant:
    """A contestant in a process of its own, which sleeps until it is asked."""

    def __init__(self, kind: type, work) -> None:
        self.name, self.ours = kind.name, kind.ours
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, kind, work), daemon=True)
        self.process.start()
        theirs.close()

    def ready(self) -> None:
        """Wait until it is there."""
        self.comparable = self._answer()

    def ask(self, what: str, *arguments):
        self.connection.send((what, *arguments))
        return self._answer()

    def _answer(self):
        try:
            answer, error = self.connection.recv()
        except EOFError:
            answer, error = None, "its process has ended"
        if error:
            raise RuntimeError(error)
        return answer

    def end(self) -> None:
        with contextlib.suppress(OSError):  # it has ended already
            self.connection.send(None)
        self.process.join(10)
        self.process.terminate()


def serve(connection, kind: type, work) -> None:
    warnings.simplefilter("ignore")
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    try:
        contestant = kind(work, work.problem())
        answer = contestant.comparable
        server = {"verify": verify, "settle": settle, "time": timed, "tell": told}
        while True:
            rest()
            connection.send((answer, None))
            message = connection.recv()
            if message is None:
                return
            what, *arguments = message
            answer = server[what](contestant, *arguments)
    except Exception:
        connection.send((None, traceback.format_exc().splitlines()[-1]))


def rest() -> None:
    """Sleep until no thread of this process computes any more."""
    for _ in range(100):
        before = time.process_time()
        time.sleep(0.005)
        if time.process_time() - before < 0.0005:
            return


def verify(contestant, count: int):
    contestant.run(count)
    return contestant.found()


def settle(contestant, unit: int, seconds: float) -> int:
    """Return how many a run should do to take ``seconds``, and have that compiled."""
    contestant.run(unit)
    began = time.perf_counter()
    contestant.run(unit)
    took = time.perf_counter() - began
    if took > LONG:
        return unit
    count = unit * min(LONGEST, max(1, round(seconds / took)))
    contestant.run(count)
    return count


def told(contestant) -> str:
    """Return how it goes about it, where it may choose."""
    return getattr(contestant, "says", "")


def timed(contestant, count: int) -> float:
    """Return the seconds for each of ``count``."""
    began = time.perf_counter()
    while True:
        contestant.run(count)
        took = time.perf_counter() - began
        if took > LONG:
            return took / count
        if took > WARM:
            break
    began = time.perf_counter()
    contestant.run(count)
    return (time.perf_counter() - began) / count


def measure(work, rounds: int, seconds: float, only: list[str] | None = None) -> Found:
    """Start all that can do the work, compare what they compute, and time them in turns."""
    found = Found()
    kinds, missing = contestants(work)
    found.notes += [f"{kind.name} is not installed" for kind in missing]
    running: list[Contestant] = []
    try:
        wanted = [kind for kind in kinds if not only or kind.ours or kind.name in only]
        running = [Contestant(kind, work) for kind in wanted]
        for contestant in list(running):
            _try(contestant, running, found, contestant.ready)
        _compare(running, work, found)
        counts, times = {}, {}
        for contestant in list(running):
            name, asks = contestant.name, contestant.ask
            counts[name] = _try(contestant, running, found, asks, "settle", work.unit, seconds)
            times[name] = []
            if contestant in running and (said := asks("tell")):
                found.notes.append(f"{name}: {said}")
        for _ in range(rounds):
            for contestant in list(running):
                name, asks = contestant.name, contestant.ask
                times[name].append(_try(contestant, running, found, asks, "time", counts[name]))
    finally:
        for contestant in running:
            contestant.end()
    for contestant in running:
        name = contestant.name
        found.seconds[name] = statistics.median(times[name])
        found.spread[name] = max(times[name]) / min(times[name])
        found.ours += [name] * contestant.ours
    return found


def _try(contestant: Contestant, running: list[Contestant], found: Found, what, *arguments):
    """Return what it answers; leave it out, and say so, if it fails."""
    try:
        return what(*arguments)
    except RuntimeError as error:
        if contestant.ours:
            raise
        found.notes.append(f"{contestant.name} does not run: {error}")
        contestant.end()
        running.remove(contestant)
        return None


def _compare(running: list[Contestant], work, found: Found) -> None:
    """Have all compute the same; leave out those that can't, and fail if one computes otherwise."""
    if len(running) == 1:
        return
    ours = running[0].ask("verify", work.unit)
    for contestant in list(running[1:]):
        theirs = _try(contestant, running, found, contestant.ask, "verify", work.unit)
        if theirs is None:
            continue
        if not contestant.comparable:
            found.notes.append(f"{contestant.name} computes something else: not compared")
            continue
        off = difference(ours, theirs, work.unit)
        found.notes.append(f"{contestant.name}: differs by {off:.1e}")
        if not off <= work.within:
            raise SystemExit(f"{work}: {contestant.name} differs by {off:.1e}: not the same work")


def difference(ours: np.ndarray, theirs: np.ndarray, unit: int) -> float:
    """Return the largest difference relative to the scale of what is compared.

    Losses of steps are compared over the first few: rounding grows from step to step. Who has the
    average of a pass only is compared in that.
    """
    if theirs.shape != ours.shape:
        return float(abs(theirs[0] / ours.mean() - 1))
    if ours.ndim == 1 and ours.size == unit:
        ours, theirs = ours[:SAME], theirs[:SAME]
    return float(np.abs(theirs - ours).max() / np.abs(ours).max())
