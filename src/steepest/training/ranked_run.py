"""Which run several ranks take part in: averages of every gradient, or of θ every few steps."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ..network import Network
from ..ranks.together import Ranks
from .descent import Descent
from .local_run import LocalRun
from .run import Data, TrainingRun
from .synced_run import SyncedRun, needs_whole_batches

__all__ = ["ranked_run", "steps_between"]

_ENOUGH = 0.9  # of the time is for steps
_MOST = 64  # steps between two averages, if we choose
_SECONDS, _TRIES = 0.02, 5


def ranked_run(
    network: Network,
    descent: Descent,
    data: Data,
    ranks: Ranks,
    counts: list[int],
    every: int | None,
    **more: Any,
) -> tuple[TrainingRun, int, str]:
    """Return the run that averages ``every`` so many steps, their number, and what to say of it.

    Where nobody says how many, the time of a step and of an average decides. Nothing is changed by
    the measurement.
    """
    given = network, descent, data, ranks, counts
    synced, local = None, None
    with ranks.alike():
        if every != 1:
            local = LocalRun(*given, every or _MOST, **more)
        if every == 1 or (every is None and not needs_whole_batches(network)):
            synced = SyncedRun(*given, **more)
    if local is None or (synced is None and every):
        run = synced if local is None else local
        assert run is not None
        return run, every or 1, ""
    alone = _measured(local, ranks, local.try_steps)
    if synced is not None:
        together = _measured(synced, ranks, synced.try_steps)
        if alone >= _ENOUGH * together:
            return synced, 1, _said(ranks, 1, alone, together - alone)
    average = _measured(local, ranks, local.try_averages)
    local.every = steps_between(alone, average, local.per_epoch)
    return local, local.every, _said(ranks, local.every, alone, average)


def steps_between(step: float, average: float, most: int) -> int:
    """Return how many steps make up for an average: so that 9 tenths of the time are for them.

    Parameters
    ----------
    step, average : float
        Seconds.
    most : int
        Steps of an epoch, at whose end there is an average in any case.

    Examples
    --------
    >>> steps_between(step=0.0001, average=0.0001, most=1000)
    9
    """
    wanted = math.ceil(_ENOUGH / (1 - _ENOUGH) * average / max(step, 1e-9) - 1e-6)
    return max(1, min(wanted, _MOST, most))


def _measured(run: TrainingRun, ranks: Ranks, work: Callable[[int], None]) -> float:
    """Return for how many seconds the slowest rank does one piece of some work."""
    state, pieces = run.state(), 1
    found: list[float] = []
    with run.engine:
        work(1)  # the first time takes longer
        while len(found) < _TRIES:
            began = time.perf_counter()
            work(pieces)
            took = max(ranks.gather(time.perf_counter() - began))
            if took < _SECONDS and pieces < min(run.per_epoch, _MOST):
                pieces = min(2 * pieces, run.per_epoch, _MOST)
            else:
                found.append(took / pieces)
    run.restore(state)
    return float(np.median(found))


def _said(ranks: Ranks, every: int, step: float, average: float) -> str:
    """Return what was chosen, and why."""
    what = "the gradient of every step" if every == 1 else f"their parameters every {every} steps"
    share = every * step / (every * step + max(average, 0.0))
    return (
        f"{ranks.size} ranks average {what}: a step takes {1e3 * step:.3g} ms and an average "
        f"{1e3 * max(average, 0.0):.3g} ms, so that {share:.0%} of the time is for steps"
    )
