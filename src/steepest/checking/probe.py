"""Programs run on their own: a layer lowered as training lowers it, with its arrays at hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from ..arrays import Array, aligned
from ..engine.arena import Arena
from ..engine.driver import Control, Engine
from ..engine.operands import Buffer
from ..engine.program import Program
from ..layer import Layer
from ..lowering.lowering import Accumulator, Lowering
from ..lowering.scheduled import ScheduledValues
from ..lowering.training_settings import TrainingSettings
from ..network import Network
from ..shape import Shape
from .plain import THREADS, run_plain

__all__ = ["ALPHA", "Probe", "Runner"]


ALPHA = -0.7
"""The factor of the accumulation."""

_STEP = 3  # the step of training that is looked at: dropout draws the same mask each time


class Runner:
    """Runs programs, compiled or as plain Python; holds their threads while it is open."""

    def __init__(self) -> None:
        self.control = Control()
        self._engines: dict[int, Engine] = {}

    def run(self, program: Program, *, plain: bool = False) -> None:
        """Run ``program`` once. Its arena must have its memory."""
        if plain:
            run_plain(program)
        elif program.instructions:
            self._engine(program).run(0, 1)

    def _engine(self, program: Program) -> Engine:
        engine = self._engines.get(id(program))
        if engine is None:
            program.assemble()
            engine = Engine(program, None, 1, self.control)
            engine.__enter__()
            self._engines[id(program)] = engine
        return engine

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: Any) -> None:
        for engine in self._engines.values():
            engine.__exit__(*exception)


class Probe(Runner):
    """One layer, its input and ∂ℓ/∂y; the programs that go forward, and both ways.

    Parameters
    ----------
    layer : Layer
    n : int
        Examples.
    shape : tuple of int
        Of one.
    dtype : {"float32", "float64"}
    threads : int
    training : bool
        Whether to lower it for training, or else as a gradient pass at fixed θ does.
    fused : bool
        Whether the parameter half of Φ accumulates in θ itself, as plain SGD has it.

    Attributes
    ----------
    x, y, dy, dx : ndarray
    theta, targets : dict of str to ndarray
        The parameters, and where their gradients accumulate, in the shapes the layer declares.
    places : dict of str to ndarray
        Which rows of a parameter each row of x touches, where the layer says so; `touched` is what
        lists them.
    state : dict of str to ndarray
        What the layer keeps from step to step, as the last run left it. Every run begins from the
        values of `begin_from`: so y is a function of x and θ, however often it is asked for.
    """

    def __init__(
        self,
        layer: Layer,
        n: int,
        shape: Shape,
        dtype: str,
        threads: int = 1,
        *,
        training: bool = True,
        fused: bool = False,
    ) -> None:
        self.network = Network(layer, inputs=shape, dtype=dtype)
        super().__init__()
        self.training, self.fused = training, fused
        arena, built = Arena(dtype), self.network.built
        arena.most_threads = THREADS
        self.gradient = aligned(self.network.theta.size, dtype)
        step = Buffer.number("t")
        step.array[()] = _STEP
        rate = arena.array("rate", 1)
        x = arena.array("x", n, *shape)
        sums = built.buffers if fused else built.like(self.gradient)
        target = Accumulator(sums, Buffer("rate", (), "f", rate.block))
        self.whole = Program("check", n, dtype, threads)
        scheduled = ScheduledValues(arena, step, 1)
        scheduled.total = 2 * _STEP
        low = Lowering(
            self.whole,
            arena,
            built,
            self.control,
            step,
            training=TrainingSettings(scheduled=scheduled) if training else None,
            target=target,
        )
        y, backward = low.child("0", layer, x)
        self.forward = Program("check", n, dtype, threads, self.whole.instructions.copy())
        dy = arena.array("dy", *y.shape)
        dx = backward(dy, True)
        low.settle()
        low.program = self.touched = Program("check", n, dtype, threads)
        places = _list_rows(low, layer, x)
        assert dx is not None, f"{layer!r}: the backward pass returns no dx when it is wanted"
        arena.allocate()
        rate.array[:] = ALPHA
        scheduled.fill(_STEP, 1)
        self.x, self.y, self.dy, self.dx = x.array, y.array, dy.array, dx.array
        self.places = {name: buffer.array for name, buffer in places.items()}
        self.theta = self._views(self.network.theta)
        self.targets = self.theta if fused else self._views(self.gradient)
        self.state = {name.removeprefix("0."): view for name, view in self.network.state.items()}
        self._start = built.state.copy()

    def begin_from(self, state: Mapping[str, Array]) -> None:
        """Have every run begin from this state."""
        for name, values in state.items():
            self.state[name][...] = values
        self._start = self.network.built.state.copy()

    def run(self, program: Program, *, plain: bool = False) -> None:
        self.network.built.state[:] = self._start
        super().run(program, plain=plain)

    def _views(self, vector: Array) -> dict[str, Array]:
        views = self.network.built.views(vector)
        return {name.removeprefix("0."): view for name, view in views.items()}

    def outputs(self) -> Array:
        """Go forward and return y."""
        self.run(self.forward)
        return self.y

    def spoil(self) -> None:
        """Fill with NaN what the layer is to write: y and dx, unless they are x and dy."""
        if not np.shares_memory(self.y, self.x):
            self.y[...] = np.nan
        if not np.shares_memory(self.dx, self.dy):
            self.dx[...] = np.nan


def _list_rows(low: Lowering, layer: Layer, x: Buffer) -> dict[str, Buffer]:
    """Emit what lists the rows that a layer says to touch, by its parameters."""
    seen, shape = x.as_examples() if layer.knows_shapes else x.as_rows(), x.shape[1:]
    found = {}
    for name, declared in layer.parameters_at(shape).items():
        if declared.rows is not None:
            places = low.arena.array(f"places {name}", seen.shape[0], declared.rows.each, kind="j")
            names = {**layer.settings_at(shape), name: low.parameters.buffers[f"0.{name}"]}
            share = low.share(seen.shape[0])
            low.emit(declared.rows.touches, {**names, "x": seen, "places": places, "rows": share})
            found[name] = places
    return found
