"""A training run: the step, lowered for whole batches and for a shorter last one, and run.

`steepest.training.step` says what a step is. A run takes many of them, in chunks, goes back to a
former state when asked to, and finds the instruction by which numbers stopped being finite.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array, aligned, is_finite, is_sparse
from ..engine.arena import Arena
from ..engine.driver import Control, Engine
from ..engine.operands import Buffer
from ..engine.pipelining import Pipelined, pipeline
from ..engine.program import Program, assemble, count_to_compile
from ..engine.team_size import TeamSize
from ..errors import ThreadError
from ..lowering.batches import Batches, form_of
from ..lowering.lowering import Lowering
from ..lowering.training_settings import TrainingSettings
from ..network import Network
from ..system.blas import is_blas
from ..system.cores import idle_cores, threads_for, threads_to_try
from ..system.threads import room_for_threads
from .board import Board
from .descent import Descent
from .slots import ShownTheta, fill_slots
from .step import lower_step, target_of
from .touched import TouchedRows
from .update import Update

__all__ = ["MATMUL_DTYPES", "Data", "TrainingRun", "lasting"]

Data = tuple[Any, Array, Array | None]
"""Prepared X, y and w; w None for weights of 1."""

MATMUL_DTYPES = ("bfloat16",)
"""To what the factors of products of matrices may be rounded."""


_COMPILING = 0.3  # seconds a kernel


def lasting(network: Network, slots: Mapping[str, Array]) -> dict[str, Array]:
    """Return the arrays that steps change and later steps need, by name; no copies.

    ``theta``, ``state`` if the layers have any, and what the rule remembers, like ``rule.m``.
    """
    return {**network.built.vectors, **{f"rule.{name}": slot for name, slot in slots.items()}}


class _Lowered(NamedTuple):
    """The step for one number of threads; see `steepest.engine.driver.Engine`."""

    whole: Program
    short: Program | None
    pipelined: Pipelined | None

    @property
    def programs(self) -> list[Program]:
        pipelined = () if self.pipelined is None else self.pipelined.programs
        return [p for p in (self.whole, self.short, *pipelined) if p is not None]


class TrainingRun:
    """A network, data, and how to descend, lowered to programs.

    How many threads share a step is decided between pieces of a chunk, by how long the last ones
    took (`steepest.engine.team_size`); the same bits come of any number. Programs for another
    number are lowered when it is first tried, into the same memory.

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
        At most.
    team : TeamSize, optional
        What a run of the same steps before has found out.

    Attributes
    ----------
    whole, short : Program
        The step for whole batches, and for the last one of an epoch; None if that is whole. As it
        is for the number of threads to begin with.
    team : TeamSize
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
        team: TeamSize | None = None,
    ) -> None:
        self.network, self.descent, self.slots = network, descent, slots
        X, y, w = data
        batch, self._n = descent.batch, descent.sampler.count(X.shape[0])
        self._first = step if first is None else first
        self.per_epoch = -(-self._n // batch)
        self._control, self._arena = Control(), Arena(network.dtype)
        self._board = Board(self._arena, self._control.address + 8, step)
        parameters = network.built
        self._batches = Batches(form_of(X), y, w is not None, parameters.output_shape)
        self.exchange(X, y, w)
        self._gradient, self._update = self._new_gradient(), None
        if self._gradient is not None:
            fill_slots(slots, descent.rule, parameters)
        self._touched = self._new_touched()
        if self._gradient is not None:
            rule, own = descent.rule, self._touched
            self._update = Update(rule, parameters, self._gradient, slots, own)
        self._shown = ShownTheta(descent.rule, parameters.theta, slots)
        self._begin(threads, team)

    def _new_gradient(self) -> Array | None:
        """Return memory for ∇ℓ; None if θ itself is the target of the backward pass."""
        if self.descent.rule.fuses:
            return None
        return aligned(self.network.theta.size, self.network.dtype)

    def _new_touched(self) -> TouchedRows:
        """Return the tables that are updated by rows."""
        descent, parameters = self.descent, self.network.built
        return TouchedRows(parameters, descent.rule, descent.batch, self.slots, self._gradient)

    def _begin(self, threads: int | None, team: TeamSize | None) -> None:
        """Lower the step for the number of threads to begin with."""
        descent, network, X = self.descent, self.network, self.data[0]
        batch, parameters = descent.batch, network.built
        # Threads would share the columns of A that a row in CSR form meets, and lose by it: there
        # the first layer is no reason for a second one.
        layers = network.layer.children_at(parameters.input_shape)[is_sparse(X) :]
        flops = batch * 3 * sum(layer.flops_at(shape) for _, layer, shape in layers)
        first, most = threads_for(batch, flops, threads), threads_to_try(batch, flops, threads)
        same = team is not None and (team.first, team.most) == (first, most)
        if team is not None and same:
            self.team = team
        else:
            idle = idle_cores() if threads is None and first > 1 else math.inf
            self.team = TeamSize(first, most, idle=idle)
        self._arena.most_threads = self.team.most
        lowered = self._lower(self.team.threads)
        if is_blas(lowered.whole.products):  # its bits depend on the number of threads
            if self.team.threads != first:
                lowered = self._lower(first)
            self.team = TeamSize(first, first, least=first)
        self._lowered = {self.team.threads: lowered}
        self._board.epoch.array[0] = self._first
        self.whole, self.short = lowered.whole, lowered.short
        self.engine = Engine(*lowered[:2], self.per_epoch, self._control, lowered.pipelined)
        assemble(lowered.programs)

    def _lower(self, threads: int) -> _Lowered:
        """Return the step for so many threads; give it memory, but don't assemble it."""
        rest = self._n % self.descent.batch if self.descent.sampler.epochs else 0
        whole = self._program(self.descent.batch, threads)
        short = self._program(rest, threads).program if rest else None
        pipelined = pipeline(whole.program, whole.seam) if short is None else None
        self._arena.allocate()
        return _Lowered(whole.program, short, pipelined)

    def _program(self, n: int, threads: int) -> Lowering:
        """Return the step on ``n`` examples."""
        parameters, descent = self.network.built, self.descent
        target = target_of(parameters, self._gradient, self._board.minus_eta.as_number())
        low = Lowering(
            Program("train", n, parameters.dtype, threads),
            self._arena,
            parameters,
            self._control,
            self._board.step,
            training=TrainingSettings(descent.seed, self._board.scheduled, descent.matmul_dtype),
            target=target,
            observers=(self._touched,) if self._touched.tables else (),
        )
        size = self._n, self.per_epoch
        lower_step(low, descent, self._batches, self._board, self._update, size)
        return low

    def exchange(self, X: Any, y: Array, w: Array | None) -> None:
        """Put other data in, as many rows and of the same kind."""
        assert self.descent.sampler.count(X.shape[0]) == self._n
        self._batches.set(X, y, w)
        self.data: Data = X, y, w

    @property
    def threads(self) -> int:
        """How many threads are to share the next step."""
        return self.team.threads

    @property
    def step(self) -> int:
        """The number of the next step."""
        return int(self._board.step.array)

    @step.setter
    def step(self, number: int) -> None:
        self._board.step.array[()] = number

    def stretch(self, total: int | None) -> None:
        """Go no further than to this step: schedules that don't say how far they go, go so far.

        None if nobody knows.
        """
        self._board.scheduled.total = total
        self.team.expect(math.inf if total is None else total - self.step)

    @property
    def epoch_sizes(self) -> Array:
        """How many examples each step of an epoch sees."""
        sizes = np.full(self.per_epoch, self.whole.batch, np.float64)
        if self.short is not None:
            sizes[-1] = self.short.batch
        return sizes

    def rows(self, step: int) -> int:
        """Return how many examples step number ``step`` sees."""
        last = (step - self._first + 1) % self.per_epoch == 0
        return self.short.batch if last and self.short is not None else self.whole.batch

    def whole_chunk(self, size: int) -> int:
        """Return a number of steps near ``size`` after which Python may look up."""
        return size

    def run(self, rates: Array) -> Array:
        """Run as many steps as there are learning rates; return the loss of each.

        The last one is not finite if training stopped at it; those after it were not run.
        """
        self._board.write(rates)
        with self._shown.trained():
            return self._board.losses(self._steps(self.step - self._first, rates.size))

    def _steps(self, first: int, most: int) -> int:
        """Run so many steps, in pieces; return how many were run."""
        if self.team.is_fixed:
            return self.engine.run(first, most)
        done = self._piece(first, most)
        while done < most and not self._control.stopped:
            done += self._piece(first + done, most - done)
        return done

    def _piece(self, first: int, most: int) -> int:
        """Run ``most`` steps or fewer, as the team's size wants it; return how many."""
        self.team.allow(room_for_threads())
        self._gather()
        began = time.perf_counter()
        done = self.engine.run(first, min(most, self.team.most_steps))
        self.team.took(done, time.perf_counter() - began, self.engine.lacked)
        return done

    def _gather(self) -> None:
        """Have as many threads as the team's size says, unless a try turns out to cost too much."""
        team, threads = self.team, self.team.threads
        if threads == self.engine.threads:
            return
        if threads not in self._lowered:
            lowered = self._lowered[threads] = self._lower(threads)
            lacking = count_to_compile(lowered.programs)
            if lacking and team.is_trying:
                team.put_off(lacking * _COMPILING)
                return
        lowered = self._lowered[threads]
        if lowered.whole.rows.size == 0:
            assemble(lowered.programs)
        try:
            self.engine.use(*lowered)
        except ThreadError:
            if not team.is_trying:
                raise
            team.refuse()

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

    def mark(self) -> dict[str, Array]:
        """Remember this state, for `rewind`; until the next mark, which forgets it.

        It has copies of what `state` has, but for the rows of large tables: those that steps touch
        are kept from now on, for as many steps as `most_steps`.
        """
        self._touched.mark()
        return {name: array.copy() for name, array in self._marked().items()}

    def rewind(self, mark: Mapping[str, Array]) -> None:
        """Go back to the last `mark`."""
        self._touched.undo()
        for name, array in self._marked().items():
            array[...] = mark[name]
        if self._gradient is not None:
            for part in self._touched.without_logged({"g": self._gradient}).values():
                part[:] = 0
        self._arena.clean()

    @property
    def most_steps(self) -> int:
        """How many steps `rewind` can take back."""
        return self._touched.most_steps

    @property
    def logged_bytes(self) -> int:
        """The bytes that are kept for `rewind` beside the mark."""
        return self._touched.logged_bytes

    def _marked(self) -> dict[str, Array]:
        return self._touched.without_logged(self._state())

    def _state(self) -> dict[str, Array]:
        return {**lasting(self.network, self.slots), "step": self._board.step.array}

    def finite(self, *, hidden: bool) -> bool:
        """Whether all numbers are, in the parameters, the state and what the rule remembers.

        ``hidden`` asks for all numbers of the last step too: behind a tanh an infinite one is 1.
        """
        kept = self._touched.without_logged(lasting(self.network, self.slots)).values()
        finite = all(map(is_finite, kept)) and self._touched.finite
        return finite and (not hidden or self._arena.finite)

    def first_nonfinite(self, rate: float) -> str:
        """Run one step instruction by instruction; return which was the first to go wrong."""
        self._board.write(np.array([rate]))
        short = self.rows(self.step) != self.whole.batch
        program = self.short if short and self.short is not None else self.whole
        with self._shown.trained():
            return self._first_of(program) or "loss"

    def _first_of(self, program: Program) -> str | None:
        """Run a program; return which instruction was the first to go wrong, if any."""
        for instruction in self.engine.trace(program):
            operands = instruction.operands.values()
            arrays = [o for o in operands if isinstance(o, Buffer) and o.shape]
            if not all(np.isfinite(o.array).all() for o in arrays if o.kind == "f"):
                return f"{instruction.layer or 'loss'}: {instruction.formula}"
        return None
