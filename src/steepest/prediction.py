"""Predicting: the forward program, over any number of rows, with or without a loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._cores import threads_for
from .data import is_sparse
from .engine import Control, Engine
from .loss import Loss
from .lowering import Lowering, Source, Targets, put, put_items
from .program import Arena, Buffer, Cell, Program

if TYPE_CHECKING:
    from .network import Network

__all__ = ["Predictor"]

Array = NDArray[Any]

_KEPT = 8  # programs, for as many sizes of the last batch


@dataclass
class Forward:
    """The programs that predict whole batches and the last, shorter one."""

    whole: Program
    short: Program | None


class Predictor:
    """Runs a network forward over data; keeps its programs from one call to the next.

    Parameters
    ----------
    network : Network
        Must be built.
    batch : int
        Rows at once.
    threads : int, optional
    loss : Loss, optional
        If given, `evaluate` works.
    """

    def __init__(
        self, network: Network, batch: int, threads: int | None, loss: Loss | None = None
    ) -> None:
        self._network, self._batch, self._loss = network, batch, loss
        self._threads = threads
        self._control = Control()
        self._step = Buffer.number("t")
        self._programs: dict[Any, Program] = {}
        self._sources: dict[bool, Source] = {}
        self._targets: dict[Any, Targets] = {}
        self._out, self._losses = Cell("Z", "f", 2), Cell("losses", "f", 1)

    def outputs(self, X: Any) -> Array:
        """Return f(x; θ) for the rows of ``X``, as `steepest.data.as_inputs` returns them."""
        return self._run(X, None, None)[0]

    def evaluate(self, X: Any, y: Array, w: Array) -> tuple[Array, float]:
        """Return f(x; θ), and the average of w_i ℓ(f(x_i; θ), y_i)."""
        out, losses = self._run(X, y, w)
        return out, float(losses.mean(dtype=np.float64))

    def _run(self, X: Any, y: Array | None, w: Array | None) -> tuple[Array, Array]:
        n = X.shape[0]
        dtype = self._network.dtype
        out = np.empty((n, self._network.outputs), dtype)
        losses = np.empty(n if y is not None else 0, dtype)
        if n == 0:
            return out, losses
        forward = self.lower(X, y, w)
        self._out.set(out)
        self._losses.set(losses)
        self._step.array[()] = 0
        steps = -(-n // forward.whole.batch)
        with Engine(forward.whole, forward.short, steps, self._control) as engine:
            engine.run(0, steps)
        return out, losses

    def lower(self, X: Any, y: Array | None = None, w: Array | None = None) -> Forward:
        """Return the programs for the rows of ``X``, and make it their data."""
        n, sparse = X.shape[0], is_sparse(X)
        if sparse not in self._sources:
            self._sources[sparse] = Source(sparse)
        source, targets, kind = self._sources[sparse], None, None
        source.set(X)
        if y is not None:
            kind = y.dtype, y.shape[1:]
            if kind not in self._targets:
                self._targets[kind] = Targets(y, weighted=True)
            targets = self._targets[kind]
            targets.set(y, w)
        batch = min(self._batch, max(n, 1))
        sizes = [batch, n % batch] if n % batch else [batch]
        if len(self._programs) > _KEPT:
            self._programs.clear()
        programs = []
        flops = batch * self._network.layer.flops(self._network.inputs or 1)
        threads = threads_for(batch, flops, self._threads)  # the shorter batch runs on the same
        for size in sizes:
            key = size, threads, sparse, kind
            if key not in self._programs:
                self._programs[key] = self._program(size, threads, source, targets, y)
            programs.append(self._programs[key])
        return Forward(programs[0], programs[1] if len(programs) > 1 else None)

    def _program(
        self, n: int, threads: int, source: Source, targets: Targets | None, y: Array | None
    ) -> Program:
        network = self._network
        assert network.inputs is not None
        program = Program("predict", n, network.dtype, threads)
        arena = Arena(network.dtype)
        chosen = arena.array("i", n, kind="i")
        low = Lowering(program, arena, network, self._control, self._step, training=False)
        low.emit(following_rows, {"batch": self._batch, "i": chosen})
        x = source.lower(low, network.inputs, chosen)
        z, _ = network.layer.lower(low, x)
        low.emit(put, {"batch": z, "i": chosen, "out": self._out})
        if targets is not None and y is not None:
            assert self._loss is not None
            loss = arena.array("loss", n)
            names = {"z": z, "loss": loss, **self._loss.settings(), **targets.lower(low, chosen)}
            value, _ = self._loss.kernels(y)
            low.emit(value, names, flops=z.size)
            low.emit(put_items, {"batch": loss, "i": chosen, "out": self._losses})
        low.emit(advance, {"t": self._step.as_vector()})
        low.barrier()
        arena.allocate()
        program.assemble()
        return program


def following_rows(step, batch, i):  # type: ignore[no-untyped-def]
    """i ← the next rows"""
    for k in range(i.shape[0]):
        i[k] = step * batch + k


def advance(t):  # type: ignore[no-untyped-def]
    """t ← t + 1"""
    t[0] += 1
