"""Divergence: back to the last finite parameters, and what was the first not to be finite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

import numpy as np

from ..arrays import Array, largest
from ..errors import DivergenceError
from .run import TrainingRun

__all__ = ["raise_divergence"]


_LARGE = 1e4  # an input to be named


def raise_divergence(
    run: TrainingRun, before: Mapping[str, Array], rates: Array, losses: Array
) -> NoReturn:
    """Replay a chunk up to the first step that went wrong; leave the state before that step.

    Steps depend on the state, the seed and their numbers only, so a replay is exact.

    Parameters
    ----------
    run : TrainingRun
    before : mapping of str to ndarray
        Its state before the chunk (`TrainingRun.mark`).
    rates, losses : ndarray
        Of the chunk. The last loss may be the one that is not finite.

    Raises
    ------
    DivergenceError
        Always.
    """
    good = losses.size - (0 if np.isfinite(losses[-1]) else 1)
    run.rewind(before)
    state = before
    for k in range(good):
        run.run(rates[k : k + 1])
        if not run.finite(hidden=True):
            break
        state = run.mark()
    run.rewind(state)
    step = run.step
    rate = float(rates[step - int(before["step"])])
    where = run.first_nonfinite(rate)
    run.rewind(state)
    value, place = largest(run.data[0])
    scale = f"; the largest is {value:g}, in {place}"
    raise DivergenceError(
        f"training diverged at step {step} (learning rate {rate:g}): not finite, first in "
        f"{where}. The network holds the last finite parameters. Try a smaller learning rate, "
        f"clip_norm, or inputs on a smaller scale{scale * (abs(value) > _LARGE)}.",
        step,
        where.split(":")[0],
    )
