"""Predicting: the forward program, over any number of rows, with or without a loss.

Blocks of rows need nothing of one another, so every thread takes whole ones, in memory of its own
(`steepest.engine.dynamic`). Nothing is copied: the program reads the rows of X where they lie, and
writes those of the result (`steepest.engine.row_views`).
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from ..arrays import Array, empty, is_sparse
from ..engine.arena import Arena
from ..engine.driver import Control
from ..engine.dynamic import DynamicRun, Worker
from ..engine.operands import Buffer
from ..engine.program import Program
from ..engine.row_views import assemble_over
from ..engine.team_size import TeamSize
from ..kernels.moves import average, copy_columns, following_rows
from ..loss import Loss
from ..parameters import Parameters
from ..system.cores import threads_for, worth_threads
from ..system.threads import room_for_threads
from ..validate import positive_count
from .batches import InputRows, form_of, weights_of_rows
from .lowering import Lowering

__all__ = ["Predictor"]


_ARRAYS = ("z", "X", "y", "w", "losses")
_KEPT = 16  # programs, for as many sizes of the last block
_TWO_BLOCKS = 192  # rows that may be two blocks: in smaller ones a row takes longer
_LARGE, _TWO_LARGE = 1 << 25, 64  # FLOPs, a quarter of a ms, from which fewer rows may be two:
# so many, where those of one example count by themselves


class Predictor:
    """Runs a network forward over data; keeps its programs from one call to the next.

    Parameters
    ----------
    network : Parameters
        Of a built network.
    batch : int
        Rows at once, at most.
    threads : int, optional
    loss : Loss, optional
        If given, `evaluate` works.
    """

    def __init__(
        self, network: Parameters, batch: int, threads: int | None, loss: Loss | None = None
    ) -> None:
        positive_count("predict", "batch", batch)
        if threads is not None:
            positive_count("predict", "threads", threads)
        self._network, self._batch, self._loss = network, batch, loss
        self._flops = network.layer.flops_at(network.input_shape)
        self._threads = threads
        self._control = Control()
        self._teams: dict[int, TeamSize] = {}  # of calls for so many threads at most
        self._starts = np.zeros(len(_ARRAYS), np.int64)  # where these lie
        self._steps: list[Buffer] = []  # of each thread
        self._programs: dict[Any, Program] = {}
        self._runs: dict[Any, DynamicRun] = {}
        self._source = InputRows("csr")

    def outputs(self, X: Any) -> Array:
        """Return f(x; θ) for the rows of ``X``, as `steepest.arrays.as_inputs` returns them."""
        return self._run(X, {})

    def evaluate(self, X: Any, y: Array, w: Array) -> tuple[Array, float]:
        """Return f(x; θ), and the average of w_i ℓ(f(x_i; θ), y_i)."""
        n = X.shape[0]
        if n == 0:
            return self._run(X, {}), float("nan")
        batch = self._division(n)[1]
        rows = np.full(-(-n // batch), batch)
        rows[-1] = n - batch * (rows.size - 1)
        losses = np.zeros(rows.size, self._network.dtype)  # the average of every block
        out = self._run(X, {"y": y, "w": w, "losses": losses})
        return out, float(losses.astype(np.float64) @ rows / n)

    def _run(self, X: Any, targets: dict[str, Array]) -> Array:
        """Return the outputs; leave what is asked of the ``targets`` in their arrays."""
        n = X.shape[0]
        out = empty((n, *self._network.output_shape), self._network.dtype)
        if n == 0:
            return out
        threads, batch = self._division(n)
        blocks = -(-n // batch)
        arrays = {"z": out, **targets}
        if is_sparse(X):
            self._source.set(X)
        else:
            arrays["X"] = X
        for name, array in arrays.items():
            self._starts[_ARRAYS.index(name)] = array.ctypes.data
        team = self._teams.get(threads)
        if team is None:
            team = self._teams[threads] = TeamSize(threads, threads)
        team.allow(room_for_threads())
        run = self._run_of(team.threads, batch, n - batch * (blocks - 1), arrays)
        if team.is_fixed:
            run(blocks)
        else:
            began = time.perf_counter()
            run(blocks)
            team.took(n, time.perf_counter() - began, run.lacked)
        return out

    def _division(self, n: int) -> tuple[int, int]:
        """Return by how many threads ``n`` rows are shared at most, and how many rows go at once.

        That doesn't depend on the threads there are: nor does the average of the blocks' losses.
        """
        flops = n * self._flops
        most = 2 * (n // _TWO_BLOCKS)
        rows = n * math.prod(self._network.input_shape[:-1])
        if flops >= _LARGE and n > 1 and rows >= _TWO_LARGE:
            most = max(2, most)
        blocks = max(-(-n // self._batch), min(worth_threads(flops), most))
        batch = -(-n // blocks)
        return min(threads_for(n, flops, self._threads), -(-n // batch)), batch

    def _run_of(self, threads: int, batch: int, last: int, arrays: dict[str, Array]) -> DynamicRun:
        """Return what runs blocks of ``batch`` rows and a last one, for arrays of such kinds."""
        kinds = tuple((name, array.dtype, array.shape[1:]) for name, array in arrays.items())
        key = threads, batch, last, kinds
        run = self._runs.get(key)
        if run is None:
            if len(self._runs) >= _KEPT:
                self._runs.clear()
                self._programs.clear()
            workers = [self._worker(thread, key, arrays) for thread in range(threads)]
            run = self._runs[key] = DynamicRun(workers, self._control)
        return run

    def _worker(self, thread: int, key: Any, arrays: dict[str, Array]) -> Worker:
        """Return what a thread runs."""
        _, batch, last, kinds = key
        while len(self._steps) <= thread:
            self._steps.append(Buffer.number("t"))
        found = []
        for size in dict.fromkeys((batch, last)):
            own = thread, batch, size, kinds
            if own not in self._programs:
                self._programs[own] = self._program(self._steps[thread], batch, size, arrays)
            found.append(self._programs[own])
        return Worker(found[0], found[1] if len(found) > 1 else None, self._steps[thread])

    def program(self, batch: int) -> Program:
        """Return the program for ``batch`` rows; print it to read it."""
        network, step = self._network, Buffer.number("t")
        X = np.zeros((batch, *network.input_shape), network.dtype)
        z = np.zeros((batch, *network.output_shape), network.dtype)
        return self._program(step, batch, batch, {"z": z, "X": X})

    def _program(self, step: Buffer, batch: int, n: int, arrays: dict[str, Array]) -> Program:
        """Lower ``n`` rows, of which ``batch`` go at once otherwise."""
        network = self._network
        program = Program("predict", n, network.dtype, 1)
        arena = Arena(network.dtype)
        low = Lowering(program, arena, network, self._control, step)
        shown: dict[str, tuple[Buffer, int]] = {}
        if "X" in arrays:
            form = form_of(arrays["X"])
            given = arena.array("x" if form == "f" else "X", n, *network.input_shape, kind=form)
            shown["X"] = given, batch
            x = given if form == "f" else _as_reals(low, given)
        else:
            chosen = arena.array("i", n, kind="i")
            low.emit(following_rows, {"batch": batch, "i": chosen})
            x = self._source.lower(low, network.input_shape, chosen)
        z, _ = network.layer.lower(low, x)
        if isinstance(x, Buffer) and z.block is x.block:  # what is only passed on
            passed, z = z.as_examples(), arena.array("z", *z.shape)
            names = {"source": passed, "start": 0, "target": z.as_examples(), "begin": 0}
            low.emit(copy_columns, {**names, "width": passed.shape[1]})
        shown["z"] = z, batch
        if "y" in arrays:
            shown |= self._evaluated(low, z, arrays["y"], batch)
        arena.allocate()
        places = {_ARRAYS.index(name): seen for name, seen in shown.items()}
        assemble_over(program, step, Buffer.of("starts", self._starts), places)
        return program

    def _evaluated(
        self, low: Lowering, z: Buffer, like: Array, batch: int
    ) -> dict[str, tuple[Buffer, int]]:
        """Emit the average loss of a block; return what the arrays of a run are shown as."""
        assert self._loss is not None
        n, rows, several = low.examples, z.as_rows(), z.shape[1:-1]
        own = like.shape[1 + len(several) :]
        array = low.arena.array
        y = array("y", n, *like.shape[1:], kind="f" if own else "i")
        w, loss, total = array("w", n), array("loss", rows.shape[0]), array("mean", 1)
        names: dict[str, Any] = {
            "z": rows,
            "y": y.reshaped(rows.shape[0], *own),
            "w": weights_of_rows(low, w, several),
            "loss": loss,
            "rows": low.row_share(rows.shape[0]),
        }
        self._loss.lower(low, names, np.empty((0, *own), like.dtype))
        low.emit(average, {"loss": loss, "mean": total})
        return {"y": (y, batch), "w": (w, batch), "losses": (total, 1)}


def _as_reals(low: Lowering, given: Buffer) -> Buffer:
    """Emit what makes reals of a block of bytes; return them."""
    x = low.arena.array("x", *given.shape)
    names = {"source": given.as_examples(), "start": 0, "target": x.as_examples(), "begin": 0}
    low.emit(copy_columns, {**names, "width": x.size // x.shape[0]})
    return x
