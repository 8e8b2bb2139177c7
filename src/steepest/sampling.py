"""Which examples a step sees.

A sampler is a few kernels that write the row numbers of the batch, and of rows to come. They depend
on the step, the seed and nothing else, so a fit that is interrupted and resumed sees the same
examples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .emitter import Emitter
from .engine.operands import Buffer
from .kernels.prefetch import ENTRIES_AHEAD, fetch_ahead
from .kernels.random import squares, unit
from .validate import one_of

__all__ = ["SAMPLERS", "FullBatch", "InOrder", "Sampler", "Shuffled", "Uniform", "sampler_named"]


@dataclass(frozen=True)
class Sampler:
    """What the samplers share: by default, batches are the rows in their order."""

    epochs: ClassVar[bool] = True
    """Whether every row is seen once an epoch, so that the last batch may be shorter."""

    scattered: ClassVar[bool] = False
    """Whether rows lie anywhere, so that it pays to ask memory for those to come."""

    def lower(
        self, low: Emitter, n: int, batch: int, per_epoch: int, epoch: Buffer, chosen: Buffer
    ) -> None:
        """Emit what writes the numbers of the rows of the batch into ``chosen``.

        A sampler whose rows are scattered writes more of them, as many as there is room for: those
        of the next batch as far as it is known, and of any row otherwise.

        Parameters
        ----------
        n : int
            Rows of the training set.
        batch : int
            Rows of a whole batch.
        per_epoch : int
            Steps in an epoch.
        epoch : Buffer
            (2,): the first step of the fit, and which epoch the order in memory is for.
        chosen : Buffer
            As long as the batch; up to twice that where rows are scattered.
        """
        low.emit(next_rows, {"epoch": epoch, "per_epoch": per_epoch, "batch": batch, "i": chosen})


@dataclass(frozen=True)
class InOrder(Sampler):
    """The rows in their order, batch after batch."""


@dataclass(frozen=True)
class FullBatch(Sampler):
    """All rows in every step."""


@dataclass(frozen=True)
class Shuffled(Sampler):
    """Every row once an epoch, in an order drawn anew each epoch."""

    scattered = True

    def lower(
        self, low: Emitter, n: int, batch: int, per_epoch: int, epoch: Buffer, chosen: Buffer
    ) -> None:
        order = low.array("order", n, kind="j" if n < 2**31 else "i")
        moves = low.array("moves", ENTRIES_AHEAD, kind="i")
        names = {"epoch": epoch, "per_epoch": per_epoch, "order": order}
        # The draw belongs to the epoch, not to the program: the shorter batch sees the same order.
        low.emit(shuffle, {**names, "moves": moves}, flops=0, nbytes=0)
        low.emit(take_rows, {**names, "batch": batch, "i": chosen}, nbytes=8 * batch)


@dataclass(frozen=True)
class Uniform(Sampler):
    """Every example drawn uniformly at random, with replacement: the textbook's SGD."""

    epochs = False
    scattered = True

    def lower(
        self, low: Emitter, n: int, batch: int, per_epoch: int, epoch: Buffer, chosen: Buffer
    ) -> None:
        low.emit(draw_rows, {"n": n, "batch": batch, "i": chosen})


SAMPLERS = {
    "shuffled": Shuffled(),
    "sequential": InOrder(),
    "uniform": Uniform(),
    "full": FullBatch(),
}


def sampler_named(sampling: str | Sampler) -> Sampler:
    """Return the sampler of this name, or the one given."""
    if isinstance(sampling, Sampler):
        return sampling
    one_of("Trainer", "sampling", sampling, SAMPLERS)
    return SAMPLERS[sampling]


def next_rows(step, epoch, per_epoch, batch, i):  # type: ignore[no-untyped-def]
    """i ← the next rows"""
    start = (step - epoch[0]) % per_epoch * batch
    for k in range(i.shape[0]):
        i[k] = start + k


def take_rows(step, epoch, per_epoch, batch, order, i):  # type: ignore[no-untyped-def]
    """i ← the next rows of the order"""
    start = (step - epoch[0]) % per_epoch * batch
    known = min(i.shape[0], order.shape[0] - start)
    for k in range(known):
        i[k] = order[start + k]
    for k in range(known, i.shape[0]):
        i[k] = i[0]  # the order of the next epoch is not drawn yet


def shuffle(step, epoch, per_epoch, order, moves, key):  # type: ignore[no-untyped-def]
    """at the start of an epoch: order ← a random permutation

    Fisher & Yates' shuffle as in Knuth, The Art of Computer Programming 2, algorithm 3.4.2P. The
    permutation depends on the first step of its epoch only.
    """
    begin = step - (step - epoch[0]) % per_epoch
    if epoch[1] != begin + 1:
        epoch[1] = begin + 1
        n = order.shape[0]
        for k in range(n):
            order[k] = k
        own = np.int64(squares(begin, key) | np.uint64(1))
        for last in range(n - 1, 0, -moves.shape[0]):
            drawn = min(last, moves.shape[0])
            for j in range(drawn):  # which depends on no memory, so all can be asked for at once
                k = last - j
                moves[j] = np.int64(unit(k, own) * (k + 1))
                fetch_ahead(order, moves[j])
            for j in range(drawn):
                k, other = last - j, moves[j]
                at_k, at_other = order[k], order[other]
                order[k] = at_other
                order[other] = at_k


def draw_rows(step, n, batch, i, key):  # type: ignore[no-untyped-def]
    """i ← rows drawn uniformly from range(n)"""
    for k in range(batch):
        i[k] = np.int64(unit(step * 4294967296 + k, key) * n)
    for k in range(batch, i.shape[0]):
        i[k] = np.int64(unit((step + 1) * 4294967296 + k - batch, key) * n)
