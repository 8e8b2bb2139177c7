"""Steps by gradients from outside: Python says what ∂ℓ/∂z is, and all else is compiled.

A step is two programs in one memory, with Python in between:

========  =======================================================================
forward   y_k = f_k(y_{k−1}; θ_k), k = 1, …, h, from y_0 = x to z = y_h
(Python)  dz ← ∂ℓ/∂z, for whatever ℓ
backward  k = h, …, 1: Φ_k turns ∂ℓ/∂y_k into ∂ℓ/∂θ_k and ∂ℓ/∂y_{k−1};
          θ ← θ − η ∂ℓ/∂θ, or what another rule makes of the gradient
========  =======================================================================

It is the step of `steepest.training.step` without a loss: the same dz gives the same bits.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..arrays import (
    Array,
    aligned,
    as_inputs,
    as_numbers,
    as_weights,
    is_finite,
    is_sparse,
    no_memory,
    too_large,
)
from ..engine.arena import Arena
from ..engine.driver import Control, Engine, straight
from ..engine.operands import Buffer
from ..engine.program import Instruction, Program, assemble
from ..errors import DivergenceError, InputError
from ..loss import Loss
from ..lowering.lowering import Lowering
from ..lowering.training_settings import TrainingSettings
from ..network import Network
from ..schedules import ReduceOnPlateau
from ..shape import Shape
from ..system.blas import is_blas
from ..system.cores import threads_for
from .board import CHUNK, Board, tick
from .descent import Descent
from .learning_rates import rates_of
from .slots import ShownTheta, fill_slots
from .step import target_of
from .touched import TouchedRows
from .update import Update

__all__ = ["NoLoss", "OutsideSteps"]

_KEPT = 16  # sizes of batches that keep their programs: episodes are of any length


@dataclass(frozen=True, repr=False)
class NoLoss(Loss):
    """In the place of a loss, where all gradients come from outside."""

    def targets(self, y: Array, q: int, dtype: str) -> Array:
        raise InputError(
            "Trainer: this trainer has no loss, so that it takes gradients from outside alone, by "
            "`descend`; to fit or evaluate, give it one, as in Trainer(network, Squared())"
        )


class OutsideSteps:
    """Takes steps of a network by gradients at its outputs that come from outside.

    Parameters
    ----------
    network : Network
    descent : Descent
        How to step. Its loss and its sampler play no part.
    slots : dict of str to ndarray
        What the rule remembers; what lacks is added, and all of it is updated in place.
    threads : int, optional
        At most.

    Raises
    ------
    InputError
        If the learning rate follows the losses of epochs.
    """

    def __init__(
        self, network: Network, descent: Descent, slots: dict[str, Array], threads: int | None
    ) -> None:
        if isinstance(descent.rule.lr, ReduceOnPlateau):
            raise InputError(
                "Trainer: ReduceOnPlateau goes by the losses of epochs, and steps by gradients "
                "from outside have none; take another schedule"
            )
        self._network, self._descent, self._slots = network, descent, slots
        self._threads = threads
        self._steps: dict[Shape, _Step] = {}
        self._open: _Step | None = None  # has gone forward, and not yet backward

    def forward(self, X: Any, number: int) -> Array:
        """Return the outputs for ``X`` (n, …) as step ``number`` computes them; a copy.

        Raises
        ------
        InputError
            If ``X`` does not fit the network. Nothing is changed then.
        DivergenceError
            If the outputs are not finite.
        """
        self._open = None
        try:
            step = self._steps.get(X.shape) if isinstance(X, np.ndarray) else None
            if step is None or X.dtype != step.x.dtype:
                X = self._checked(X)
                step = self._steps.get(X.shape) or self._lowered(X.shape)
            else:
                self._network.layer.check_inputs(X)
            z = step.forward(X, number)
        except MemoryError as error:
            raise no_memory("Trainer.forward", error) from error
        self._open = step
        return z

    def backward(self, dy: Any, weights: Any, wants_dx: bool) -> Array | None:
        """Go backward from ∂ℓ/∂z, and update; return ∂ℓ/∂x if it is wanted.

        Raises
        ------
        InputError
            If nothing has gone forward, or ``dy`` does not fit it. Nothing is changed then.
        """
        if self._open is None:
            raise InputError(
                "Trainer.backward: there are no outputs to go back from; call forward(X) first, "
                "once for each backward, and fit nothing in between"
            )
        try:
            dx = self._open.backward(dy, weights, wants_dx)
        except MemoryError as error:
            raise no_memory("Trainer.backward", error) from error
        self._open = None
        return dx

    def close(self) -> None:
        """Have the next `backward` ask for a `forward` first: θ is about to change."""
        self._open = None

    def _checked(self, X: Any) -> Array:
        """Return ``X`` as an array of the network's dtype, and build the network for it."""
        where, network = "Trainer.forward", self._network
        if is_sparse(X):
            raise InputError(f"{where}: can't take CSR input; give a dense array, X.toarray()")
        found: Array = as_inputs(X, network.dtype, where)
        if found.shape[0] == 0:
            raise InputError(f"{where}: X has no rows")
        network.build(found.shape[1:])
        network.layer.check_inputs(found)
        return found

    def _lowered(self, shape: Shape) -> _Step:
        self._descent.rule.check_factors("Trainer.forward", self._network.parameters)
        step = _Step(self._network, self._descent, self._slots, shape[0], self._threads)
        if len(self._steps) == _KEPT:
            del self._steps[next(iter(self._steps))]
        self._steps[shape] = step
        return step


class _Lowered(NamedTuple):
    """The two halves of a step, and where they leave what Python reads and writes."""

    forward: Program
    backward: Program
    x: Buffer
    z: Buffer
    dz: Buffer
    dx: Buffer | None


class _Step:
    """A step on ``n`` examples; see `OutsideSteps`.

    Attributes
    ----------
    x : ndarray, (n, …)
        Where inputs are put.
    """

    def __init__(
        self,
        network: Network,
        descent: Descent,
        slots: dict[str, Array],
        n: int,
        threads: int | None,
    ) -> None:
        self._parameters = parameters = network.built
        self._descent, self._n = descent, n
        flops = 3 * n * network.layer.flops_at(parameters.input_shape)
        self._threads = threads_for(n, flops, threads)
        self._control, self._arena = Control(), Arena(network.dtype)
        self._board = Board(self._arena, self._control.address + 8, 0)
        self._gradient, self._update, rule = None, None, descent.rule
        if not rule.fuses:
            self._gradient = aligned(parameters.theta.size, network.dtype)
            fill_slots(slots, rule, parameters)
        self._touched = TouchedRows(parameters, rule, n, slots, self._gradient)
        if self._gradient is not None:
            self._update = Update(rule, parameters, self._gradient, slots, self._touched)
        self._shown = ShownTheta(rule, parameters.theta, slots)
        self._rates = rates_of(rule.lr, None)
        self._number = self._board.step.array
        self._first = self._end = 0  # the steps whose learning rates are on the board
        lowered = self._lower(wants_dx=False)
        self.x, self._z, self._dz = lowered.x.array, lowered.z.array, lowered.dz.array
        self._forward = self._runner(lowered.forward)
        self._backward = self._runner(lowered.backward)
        self._backward_to_x: tuple[Callable[[], None], Array] | None = None
        self._x_is_finite = _look(lowered.x, network.dtype)
        self._z_is_finite = _look(lowered.z, network.dtype)
        self._dz_is_finite = _look(lowered.dz, network.dtype)

    def forward(self, X: Array, number: int) -> Array:
        """Return the outputs for ``X``, of the right shape and dtype."""
        self.x[...] = X
        if not self._x_is_finite():
            as_inputs(X, str(X.dtype), "Trainer.forward")  # says where it is not
        self._number[()] = number
        if not self._first <= number < self._end:
            self._write_rates(number)
        self._forward()
        if not self._z_is_finite():
            raise self._diverged(number)
        return self._z.copy()

    def backward(self, dy: Any, weights: Any, wants_dx: bool) -> Array | None:
        """Go backward from ``dy``, and update; return ∂ℓ/∂x if it is wanted."""
        where, dz = "Trainer.backward", self._dz
        if not isinstance(dy, np.ndarray) or dy.dtype != dz.dtype or dy.shape != dz.shape:
            dy = _checked_gradient(dy, dz, where)
        dz[...] = dy
        if not self._dz_is_finite():
            raise InputError(_not_finite(dy, where))
        if weights is not None:
            w = as_weights(weights, self._n, str(dz.dtype), where)
            dz *= w.reshape(-1, *[1] * (dz.ndim - 1))
        if not wants_dx:
            self._backward()
            return None
        if self._backward_to_x is None:
            lowered = self._lower(wants_dx=True)
            assert lowered.dx is not None
            self._backward_to_x = self._runner(lowered.backward), lowered.dx.array
        run, dx = self._backward_to_x
        run()
        return dx.copy()

    def _lower(self, *, wants_dx: bool) -> _Lowered:
        """Return the halves of the step; another time they lie in the same memory."""
        parameters, descent, board = self._parameters, self._descent, self._board
        if wants_dx and descent.augment is not None:
            raise InputError("Trainer.backward: there is no dx for images that augment= changes")
        low = Lowering(
            Program("train", self._n, parameters.dtype, self._threads),
            self._arena,
            parameters,
            self._control,
            board.step,
            training=TrainingSettings(descent.seed, board.scheduled, descent.matmul_dtype),
            target=target_of(parameters, self._gradient, board.minus_eta.as_number()),
            observers=(self._touched,) if self._touched.tables else (),
        )
        low.emit(tick, board.ticks, nbytes=0)
        x = given = low.arena.array("x", self._n, *parameters.input_shape)
        if descent.augment is not None:
            x = descent.augment.lower(low, given)
        z, backward = parameters.layer.lower(low, x)
        halfway = len(low.program.instructions)
        dz = low.arena.array("dz", *z.shape)
        dx = backward(dz, wants_dx)
        low.settle()  # what waits for every row
        if self._update is not None:
            self._update.lower(low, board.eta.as_number(), board.count.as_number(), None)
        low.barrier()  # threads meet
        self._arena.allocate()
        each = low.program.instructions[:halfway], low.program.instructions[halfway:]
        titles = "forward", "backward"
        halves = [
            Program(title, self._n, parameters.dtype, self._threads, list(instructions))
            for title, instructions in zip(titles, each, strict=True)
        ]
        assemble(halves)
        return _Lowered(halves[0], halves[1], given, z, dz, dx)

    def _runner(self, program: Program) -> Callable[[], None]:
        """Return what runs a program once, as quickly as Python calls where that matters."""
        run = straight(program)
        if program.threads > 1 or is_blas(program.products):
            engine = Engine(program, None, 1, self._control)

            def run() -> None:
                with engine:
                    engine.run(0, 1)

        if not self._shown.exchanges:
            return run

        def run_trained() -> None:
            with self._shown.trained():
                run()

        return run_trained

    def _write_rates(self, number: int) -> None:
        """Write down the learning rates of steps from ``number`` on."""
        self._touched.mark()
        steps = np.arange(number, number + min(CHUNK, self._touched.most_steps))
        self._board.write(self._rates(steps, list))
        self._first, self._end = number, number + steps.size

    def _diverged(self, number: int) -> DivergenceError:
        wrong = [name for name, view in self._parameters.arrays.items() if not is_finite(view)]
        where = f"the parameter {wrong[0]} is not" if wrong else "all parameters are"
        return DivergenceError(
            f"training diverged before step {number}: outputs are not finite, {where}. Try a "
            "smaller learning rate, clip_norm, or inputs on a smaller scale",
            number,
            wrong[0] if wrong else "outputs",
        )


def _look(buffer: Buffer, dtype: str) -> Callable[[], bool]:
    """Return a function that says whether all numbers of a buffer are finite."""
    count = np.zeros(1, np.int64)
    names: dict[str, Any] = {"v": buffer.as_vector(), "count": Buffer.of("count", count)}
    program = Program("look", 1, dtype, 1, [Instruction(count_nonfinite, names)])
    program.assemble()
    run, found = straight(program), ctypes.c_int64.from_address(count.ctypes.data)

    def is_finite() -> bool:
        run()
        return not found.value

    return is_finite


def count_nonfinite(v, count):  # type: ignore[no-untyped-def]
    """count ← how many of v are not finite"""
    found = 0
    for k in range(v.shape[0]):
        found += not np.isfinite(v[k])
    count[0] = found


def _checked_gradient(dy: Any, dz: Array, where: str) -> Array:
    """Return ``dy`` as an array like ``dz``."""
    given = as_numbers(dy, "dy", where)
    if given.shape != dz.shape:
        raise InputError(
            f"{where}: dy must be ∂ℓ/∂y for every output, of shape {dz.shape}, got {given.shape}"
        )
    with np.errstate(over="ignore"):  # what overflows is named later
        found: Array = given.astype(dz.dtype)
    wrong = np.isfinite(given) & ~np.isfinite(found)
    if wrong.any():
        value = float(given[wrong][0])
        raise InputError(f"{where}: dy has {too_large(value, str(dz.dtype))}")
    return found


def _not_finite(dy: Array, where: str) -> str:
    place = tuple(map(int, np.argwhere(~np.isfinite(dy))[0]))
    return (
        f"{where}: dy is {float(dy[place])} at {list(place)}; it must be finite. Nothing is changed"
    )
