"""A run whose ranks take several steps alone, and then average what they have come to.

Every rank runs the step of `steepest.training.step` on rows of its own, compiled and without a
meeting. After every k steps, and at the end of each epoch, θ, the state of layers and what the rule
remembers are averaged over the ranks, weighted by how many examples each has seen since the last
average (McMahan et al. 2017, arXiv:1602.05629; Stich 2019, arXiv:1805.09767). For k = 1 and plain
gradient descent that is the average of the gradients.

A rank sees only b of the B examples of a step, so its gradient has √(B/b) times the noise that the
average has. An adaptive rule, which divides by the length of the gradient, would take steps that
are so much too short where noise prevails; there η is multiplied by √(B/b), and so the average goes
as far as one process would, with the noise that it would have (Malladi et al. 2022,
arXiv:2205.10287, whose square root rule this is). Weight decay remains as it is.

Places of the averages are fixed by the numbers of the steps, so a chunk can be replayed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..arrays import Array
from ..engine.team_size import TeamSize
from ..kernels.random import key_of
from ..network import Network
from ..ranks.together import Ranks
from ..schedule import Schedule, for_steps
from .board import CHUNK
from .descent import Descent
from .run import Data, TrainingRun, lasting
from .slots import TRAINED
from .touched import TouchedRows

__all__ = ["LocalRun"]


class LocalRun(TrainingRun):
    """A `TrainingRun` that all ranks take part in; its parameters beside those of that:

    Parameters
    ----------
    ranks : Ranks
    counts : list of int
        How many examples each rank has.
    every : int
        After how many steps the ranks average.
    """

    def __init__(
        self,
        network: Network,
        descent: Descent,
        data: Data,
        ranks: Ranks,
        counts: list[int],
        every: int,
        **more: Any,
    ) -> None:
        self.ranks, self.every = ranks, min(every, CHUNK // 2)
        self.sizes = sizes_of(counts, descent.batch, epochs=descent.sampler.epochs)
        batch = max(1, int(self.sizes[0, ranks.rank]))
        adaptive = descent.rule.adaptive
        self._stretch = math.sqrt(self.sizes[0].sum() / batch) if adaptive else 1.0
        rule = replace(
            descent.rule, weight_decay=_divided(descent.rule.weight_decay, self._stretch)
        )
        own = replace(descent, rule=rule, batch=batch)
        if ranks.rank:  # what one rank draws is no concern of the others
            own = replace(own, seed=key_of(descent.seed, ranks.rank))
        super().__init__(network, own, data, **more)

    def _new_touched(self) -> TouchedRows:
        parameters, rule = self.network.built, self.descent.rule
        return TouchedRows(parameters, rule, 1, self.slots, self._gradient, by_rows=False)

    def _begin(self, threads: int | None, team: TeamSize | None) -> None:
        self.per_epoch = len(self.sizes)
        super()._begin(threads or self.ranks.cores, team)
        self.team = TeamSize(self.team.threads, self.team.threads, least=self.team.threads)
        kept = lasting(self.network, self.slots)
        self._kept = [array for name, array in kept.items() if name != f"rule.{TRAINED}"]
        count = sum(array.size for array in self._kept)
        self._summed = self.ranks.vector(count + 1, self.network.dtype)

    # ------------------------------------------------------------------ what is run

    @property
    def epoch_sizes(self) -> Array:
        sizes: Array = self.sizes.sum(axis=1).astype(np.float64)
        return sizes

    def rows(self, step: int) -> int:
        return int(self.sizes[(step - self._first) % self.per_epoch].sum())

    def whole_chunk(self, size: int) -> int:
        """Return a number of steps near ``size`` after which the ranks average."""
        begin = self.step - self._first
        fits = min(size, CHUNK - self.every)
        return self._next_average(begin + max(fits, 1) - 1) - begin

    def _next_average(self, step: int) -> int:
        """Return before which step the first average comes that follows on ``step``."""
        place = step % self.per_epoch
        return step - place + min(self.per_epoch, (place // self.every + 1) * self.every)

    def run(self, rates: Array) -> Array:
        """Run as many steps as there are learning rates; return the loss of each, over all ranks.

        The last one is not finite if training stopped at it; those after it were not run.
        """
        self._board.write(self._stretch * rates)
        begin, most = self.step - self._first, rates.size
        with self._shown.trained():
            done = self._steps(begin, most)
        places = (begin + np.arange(done)) % self.per_epoch
        own = self.sizes[places, self.ranks.rank]
        summed = np.zeros(self.ranks.padded(done))
        losses = self._board.losses(done)
        summed[:done] = np.where(own > 0, losses, 0.0) * own
        self.ranks.sum(summed)
        found: Array = summed[:done] / self.sizes[places].sum(axis=1)
        return found

    def _steps(self, first: int, most: int) -> int:
        """Run so many steps, and average in between; return how many all ranks have run."""
        done = 0
        while done < most:
            begin = first + done
            end = min(self._next_average(begin), first + most)
            steps, failed = self._alone(begin % self.per_epoch, end - begin)
            averages = end == self._next_average(end - 1)
            if self._average(end, failed=failed) if averages else self.ranks.any(failed):
                done += min(self.ranks.gather(steps))
                self.step = self._first + first + done
                return done
            done += steps
        return done

    def _alone(self, place: int, most: int) -> tuple[int, bool]:
        """Run steps of an epoch from ``place`` on, on this rank alone.

        Returns how many, and whether the last one met a number that is not finite. The steps for
        which this rank has no examples left, at the end of an epoch, need nothing.
        """
        own, begin = self.sizes[place : place + most, self.ranks.rank], self.step
        whole, done = int((own == self.descent.batch).sum()), 0
        short = int((own > 0).sum()) - whole
        for first, steps in ((0, whole), (self.per_epoch - 1, short)):
            if steps:
                done += self.engine.run(first, steps)
                if self._control.stopped:
                    return done, True
        self.step = begin + most
        return most, False

    def _average(self, end: int, *, failed: bool) -> bool:
        """Average what all ranks have come to before step ``end``, unless one has failed.

        Returns whether one has.
        """
        stop = (end - 1) % self.per_epoch + 1
        seen = self.sizes[(stop - 1) // self.every * self.every : stop].sum(axis=0)
        weights = seen // np.gcd.reduce(seen)
        # Whole numbers are exact in any dtype, and so rounding pulls to neither side; as Python's
        # own they keep NumPy in the dtype of the arrays.
        weight, total, at = int(weights[self.ranks.rank]), int(weights.sum()), 0
        summed = self._summed.array
        with np.errstate(over="ignore", invalid="ignore"):
            for array in self._kept:
                np.multiply(array, weight, out=summed[at : at + array.size])
                at += array.size
        summed[at] = failed
        self._summed.sum()
        if summed[at] > 0:
            return True
        at = 0
        for array in self._kept:
            np.divide(summed[at : at + array.size], total, out=array)
            at += array.size
        return False

    def try_steps(self, steps: int) -> None:
        """Take steps of no length on this rank alone, to see how long they take."""
        self._board.write(np.zeros(steps))
        with self._shown.trained():
            self._alone(0, steps)

    def try_averages(self, count: int) -> None:
        """Average some times, to see how long that takes."""
        for _ in range(count):
            self._average(1, failed=False)

    def finite(self, *, hidden: bool) -> bool:
        """Whether all numbers are, on all ranks."""
        return not self.ranks.any(not super().finite(hidden=hidden))

    def first_nonfinite(self, rate: float) -> str:
        """Run one step instruction by instruction; return which was the first to go wrong."""
        n = self.sizes[(self.step - self._first) % self.per_epoch, self.ranks.rank]
        self._board.write(np.array([self._stretch * rate]))
        with self._shown.trained():
            program = self.whole if n == self.descent.batch else self.short
            own = None if n == 0 or program is None else self._first_of(program)
        for rank, found in enumerate(self.ranks.gather(own)):
            if found is not None:
                return f"{found} (on rank {rank})"
        return "loss"


@dataclass(frozen=True)
class _Divided:
    """A schedule divided by a number."""

    schedule: Schedule
    by: float

    def __call__(self, steps: Array) -> Array:
        values: Array = np.asarray(self.schedule(steps)) / self.by
        return values

    def for_steps(self, total: int) -> Schedule:
        return replace(self, schedule=for_steps(self.schedule, total))


def _divided(value: float | Schedule, by: float) -> float | Schedule:
    return _Divided(value, by) if callable(value) else value / by


def sizes_of(counts: list[int], batch: int, *, epochs: bool) -> Array:
    """Return how many examples each rank sees in each step of an epoch, (steps, ranks).

    The steps of a rank are of one size, but for the last one; then it has no examples left.
    ``epochs`` says whether every row is seen once an epoch.
    """
    n = sum(counts)
    steps = -(-n // batch)
    if not epochs:
        each = [max(1, round(batch * count / n)) if count else 0 for count in counts]
        return np.tile(np.array(each, np.int64), (steps, 1))
    each = [-(-count // steps) for count in counts]
    steps = max(-(-count // own) for count, own in zip(counts, each, strict=True) if own)
    seen = np.arange(steps)[:, None] * np.array(each, np.int64)
    sizes: Array = np.clip(np.array(counts) - seen, 0, each)
    return sizes
