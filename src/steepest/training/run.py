"""A training run: the step, lowered for whole batches and for a shorter last one, and run.

`steepest.training.step` says what a step is. A run takes many of them, in chunks, goes back to a
former state when asked to, and finds the instruction by which numbers stopped being finite.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..arrays import Array, aligned, is_finite, is_sparse
from ..engine.arena import Arena
from ..engine.driver import Control, Engine
from ..engine.operands import Buffer
from ..engine.pipelining import Seam, pipeline
from ..engine.program import Program, assemble
from ..lowering.batches import Batches
from ..lowering.lowering import Lowering, TrainingSettings
from ..network import Network
from ..system.cores import threads_for
from .board import Board
from .descent import Descent
from .slots import ShownTheta, fill_slots
from .step import lower_step, target_of
from .update import Update

__all__ = ["MATMUL_DTYPES", "Data", "TrainingRun", "lasting"]

Data = tuple[Any, Array, Array | None]
"""Prepared X, y and w; w None for weights of 1."""

MATMUL_DTYPES = ("bfloat16",)
"""To what the factors of products of matrices may be rounded."""


def lasting(network: Network, slots: Mapping[str, Array]) -> dict[str, Array]:
    """Return the arrays that steps change and later steps need, by name; no copies.

    ``theta``, ``state`` if the layers have any, and what the rule remembers, like ``rule.m``.
    """
    return {**network.built.vectors, **{f"rule.{name}": slot for name, slot in slots.items()}}


class TrainingRun:
    """A network, data, and how to descend, lowered to programs.

    Parameters
    ----------
    network : Network
        Built. Its parameters and its state are updated in place.
    descent : Descent
        What to minimise, how to step, what each step sees.
    data : tuple
        Prepared X, y, w (`steepest.arrays`, `Loss.targets`); w None for weights of 1.
    slots : dict of str to ndarray
        What the rule remembers (`steepest.training.slots`); what lacks is added, and all of it is
        updated in place.
    step : int
        The number of the next step.
    first : int, optional
        The number of the first step of the first epoch, if ``step`` is not that.
    threads : int, optional

    Attributes
    ----------
    whole, short : Program
        The step for whole batches, and for the last one of an epoch; None if that is whole.
    per_epoch : int
        Steps in an epoch.
    data : tuple
        As given, or exchanged.
    """

    def __init__(
        self,
        network: Network,
        descent: Descent,
        data: Data,
        *,
        slots: dict[str, Array],
        step: int,
        first: int | None = None,
        threads: int | None = None,
    ) -> None:
        self.network, self.descent, self.slots = network, descent, slots
        X, y, w = data
        batch, self._n = descent.batch, X.shape[0]
        self._first = step if first is None else first
        self.per_epoch = -(-self._n // batch)
        self._control, self._arena = Control(), Arena(network.dtype)
        self._board = Board(self._arena, self._control.address + 8, step)
        parameters = network.built
        self._batches = Batches(is_sparse(X), y, w is not None, parameters.output_shape)
        self.exchange(X, y, w)
        self._gradient, self._update = None, None
        if not descent.rule.fuses:
            self._gradient = aligned(parameters.theta.size, network.dtype)
            fill_slots(slots, descent.rule, parameters)
            self._update = Update(descent.rule, parameters, self._gradient, slots)
        self._shown = ShownTheta(descent.rule, parameters.theta, slots)
        # Threads would share the columns of A that a row in CSR form meets, and lose by it: there
        # the first layer is no reason for a second one.
        layers = network.layer.children_at(parameters.input_shape)[is_sparse(X) :]
        flops = batch * 3 * sum(layer.flops_at(shape) for _, layer, shape in layers)
        self.threads = threads_for(batch, flops, threads)
        rest = self._n % batch if descent.sampler.epochs else 0
        self.whole, seam = self._program(batch)
        self.short = self._program(rest)[0] if rest else None
        pipelined = pipeline(self.whole, seam) if self.short is None else None
        self._arena.allocate()
        self._board.epoch.array[0] = self._first
        self.engine = Engine(self.whole, self.short, self.per_epoch, self._control, pipelined)
        assemble(self.engine.programs)

    def _program(self, n: int) -> tuple[Program, Seam | None]:
        """Return the step on ``n`` examples, and where it can be pipelined."""
        parameters, descent = self.network.built, self.descent
        target = target_of(parameters, self._gradient, self._board.minus_eta.as_number())
        low = Lowering(
            Program("train", n, parameters.dtype, self.threads),
            self._arena,
            parameters,
            self._control,
            self._board.step,
            training=TrainingSettings(descent.seed, self._board.scheduled, descent.matmul_dtype),
            target=target,
        )
        size = self._n, self.per_epoch
        lower_step(low, descent, self._batches, self._board, self._update, size)
        return low.program, low.seam

    def exchange(self, X: Any, y: Array, w: Array | None) -> None:
        """Put other data in, as many rows and of the same kind."""
        assert X.shape[0] == self._n
        self._batches.set(X, y, w)
        self.data: Data = X, y, w

    @property
    def step(self) -> int:
        """The number of the next step."""
        return int(self._board.step.array)

    @step.setter
    def step(self, number: int) -> None:
        self._board.step.array[()] = number

    def stretch(self, total: int | None) -> None:
        """Have schedules that don't say over how many steps they stretch, stretch over these.

        None if nobody knows how many there are.
        """
        self._board.scheduled.total = total

    def rows(self, step: int) -> int:
        """Return how many examples step number ``step`` sees."""
        last = (step - self._first + 1) % self.per_epoch == 0
        return self.short.batch if last and self.short is not None else self.whole.batch

    def run(self, rates: Array) -> Array:
        """Run as many steps as there are learning rates; return the loss of each.

        The last one is not finite if training stopped at it; those after it were not run.
        """
        self._board.write(rates)
        with self._shown.trained():
            done = self.engine.run(self.step - self._first, rates.size)
        return self._board.losses(done)

    def state(self) -> dict[str, Array]:
        """Return copies of all that a step changes and a later one needs, by name.

        That is what `lasting` has, and ``step``.
        """
        return {name: array.copy() for name, array in self._state().items()}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Go back to a `state`."""
        for name, array in self._state().items():
            array[...] = state[name]
        if self._gradient is not None:
            self._gradient[:] = 0
        self._arena.clean()

    def _state(self) -> dict[str, Array]:
        return {**lasting(self.network, self.slots), "step": self._board.step.array}

    def finite(self, *, hidden: bool) -> bool:
        """Whether all numbers are, in the parameters, the state and what the rule remembers.

        ``hidden`` asks for all numbers of the last step too: behind a tanh an infinite one is 1.
        """
        kept = lasting(self.network, self.slots).values()
        return all(map(is_finite, kept)) and (not hidden or self._arena.finite)

    def first_nonfinite(self, rate: float) -> str:
        """Run one step instruction by instruction; return which was the first to go wrong."""
        self._board.write(np.array([rate]))
        short = self.rows(self.step) != self.whole.batch
        program = self.short if short and self.short is not None else self.whole
        with self._shown.trained():
            for instruction in self.engine.trace(program):
                operands = instruction.operands.values()
                arrays = [o for o in operands if isinstance(o, Buffer) and o.shape]
                if not all(np.isfinite(o.array).all() for o in arrays if o.kind == "f"):
                    return f"{instruction.layer or 'loss'}: {instruction.formula}"
        return "loss"
