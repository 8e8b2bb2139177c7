"""A gradient pass: forward, ℓ and backward over all rows of some data, block by block, at fixed θ.

What comes of it is for observers to say (`steepest.inspection.observers`), and for the gradient, if
it is asked for. Dropout leaves nothing out: the network is the one that predicts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arrays import Array, aligned, is_sparse
from ..engine.arena import Arena
from ..engine.driver import Control, Engine
from ..engine.operands import Buffer, Handle
from ..engine.program import Program
from ..kernels.moves import advance, following_rows, put_items, row_averages
from ..loss import Loss
from ..lowering.batches import Batches, form_of
from ..lowering.lowering import Accumulator, Lowering
from ..lowering.observer import Observer
from ..network import Network
from ..system.cores import threads_for
from ..training.step import backpropagate

__all__ = ["GradientPass"]


_KEPT = 8  # programs, for as many sizes of the last block


class GradientPass:
    """The programs of a gradient pass, kept from one run to the next.

    Parameters
    ----------
    network : Network
        Must be built.
    loss : Loss
    data : tuple of (X, y)
        Prepared data like those to come: dense or CSR, classes or numbers.
    observers : sequence of Observer
    gradient : bool
        Whether to add up the gradient.
    wants_dx : bool
        Whether to go back as far as the input, if it is dense.
    batch : int
        Rows at once.
    threads : int, optional

    Attributes
    ----------
    gradient : ndarray
        (1/n) Σ_i ∇_θ (w_i ℓ_i), laid out as θ, after a run.
    """

    def __init__(
        self,
        network: Network,
        loss: Loss,
        data: tuple[Any, Array],
        observers: Sequence[Observer],
        *,
        gradient: bool,
        wants_dx: bool = False,
        batch: int = 256,
        threads: int | None = None,
    ) -> None:
        self._network, self._observers, self._wants_dx = network, observers, wants_dx
        self._batch, self._threads = batch, threads
        X, y = data
        self._loss, self._batches = (
            loss,
            Batches(form_of(X), y, weighted=True, output_shape=network.output_shape),
        )
        self._control, self._step = Control(), Buffer.number("t")
        self._losses = Handle("losses", "f", 1)
        self._share = Buffer("1/n", (), "f", Buffer.of("1/n", aligned(1, network.dtype)).block)
        self._target: Accumulator | None = None
        self.gradient = aligned(network.theta.size if gradient else 0, network.dtype)
        if gradient:
            self._target = Accumulator(network.built.like(self.gradient), self._share)
        self._programs: dict[tuple[int, int], Program] = {}

    def run(self, X: Any, y: Array, w: Array) -> Array:
        """Go over prepared data; return the loss w_i ℓ_i of every row.

        The handles of the observers must hold arrays of as many rows.
        """
        n = X.shape[0]
        losses = np.empty(n, self._network.dtype)
        if n == 0:
            return losses
        if is_sparse(X) and not X.has_canonical_format:  # the square of a sum is no sum of squares
            X = X.copy()
            X.sum_duplicates()
        self._batches.set(X, y, w)
        self._losses.set(losses)
        self.gradient[:] = 0
        self._share.array[()] = 1 / n
        self._step.array[()] = 0
        whole = self.program(n)
        rest = n % whole.batch
        short = self._program(rest, whole.threads) if rest else None
        steps = -(-n // whole.batch)
        with Engine(whole, short, steps, self._control) as engine:
            engine.run(0, steps)
        return losses

    def program(self, n: int) -> Program:
        """Return the program of a whole block, for data of ``n`` rows."""
        return self._program(*self._whole(n))

    def lowered(self, n: int) -> Program:
        """Return the same program, perhaps not compiled yet."""
        return self._lowered(*self._whole(n))

    def _whole(self, n: int) -> tuple[int, int]:
        """Return the rows of a whole block, and the threads that share it."""
        batch, built = min(self._batch, n), self._network.built
        flops = batch * 3 * built.layer.flops_at(built.input_shape)
        return batch, threads_for(batch, flops, self._threads)

    def _program(self, n: int, threads: int) -> Program:
        program = self._lowered(n, threads)
        if not program.rows.size:
            program.assemble()
        return program

    def _lowered(self, n: int, threads: int) -> Program:
        if (n, threads) in self._programs:
            return self._programs[n, threads]
        if len(self._programs) > _KEPT:
            self._programs.clear()
        network = self._network
        program = Program("gradient", n, network.dtype, threads)
        arena = Arena(network.dtype)
        low = Lowering(
            program,
            arena,
            network.built,
            self._control,
            self._step,
            target=self._target,
            observers=self._observers,
        )
        chosen = arena.array("i", n, kind="i")
        low.emit(following_rows, {"batch": self._batch, "i": chosen})
        batch = self._batches.fetch(low, chosen)
        losses, _ = backpropagate(low, self._loss, batch, scale=1.0, wants_dx=self._wants_dx)
        if losses.size > n:
            rows, losses = losses, arena.array("loss of examples", n)
            low.emit(row_averages, {"items": rows, "averages": losses})
        low.emit(put_items, {"batch": losses, "i": chosen, "out": self._losses})
        low.emit(advance, {"t": self._step.as_vector()})
        low.barrier()
        arena.allocate()
        self._programs[n, threads] = program
        return program
