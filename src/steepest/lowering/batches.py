"""The data of a run as instructions see them: inputs, targets and weights, batch by batch."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, is_sparse
from ..engine.operands import KINDS, Buffer, Handle, SparseBatch
from ..kernels.moves import ask_for_rows, gather, gather_items, repeat_items, repeat_rows
from ..shape import Shape
from .lowering import Lowering

__all__ = [
    "Batch",
    "Batches",
    "InputRows",
    "TargetRows",
    "form_of",
    "targets_of_rows",
    "weights_of_rows",
]


class Batch(NamedTuple):
    """The examples of one step, as operands.

    Targets and weights are those of single rows of the network's outputs.
    """

    i: Buffer
    """Which ones: their numbers in X, and behind them those of examples to come."""
    x: Any
    """A buffer (n, …), or a `SparseBatch`."""
    y: Buffer
    w: Buffer
    like: Array
    """Targets of this kind, none of them: a loss chooses its kernels by it."""


class Batches:
    """X, y and w, which can be exchanged for others of the same kind.

    Parameters
    ----------
    form : {"f", "b", "csr"}
        Of X (`form_of`).
    y : ndarray
        Prepared targets of the kind that will come (`steepest.loss.prepared_targets`).
    weighted : bool
        Whether examples have weights.
    output_shape : tuple of int
        Of the network.
    """

    def __init__(self, form: str, y: Array, weighted: bool, output_shape: Shape) -> None:
        self._several = output_shape[:-1]
        self._inputs, self._targets = InputRows(form), TargetRows(y, weighted, self._several)

    def set(self, X: Any, y: Array, w: Array | None) -> None:
        """Put prepared data in."""
        self._inputs.set(X)
        self._targets.set(y, w)

    def fetch(self, low: Lowering, i: Buffer, total: Buffer | None = None) -> Batch:
        """Emit x, y, w ← X[i], Y[i], W[i].

        Parameters
        ----------
        total : Buffer, optional
            Receives Σ w; each w is then divided by their mean.
        """
        x = self._inputs.lower(low, low.parameters.input_shape, i)
        named = self._targets.lower(low, i)
        if total is not None:
            low.emit(share_out, {"w": named["w"], "total": total})
        w = weights_of_rows(low, named["w"], self._several)
        return Batch(i, x, named["y"], w, self._targets.like)


def form_of(X: Any) -> str:
    """Return how prepared inputs lie in memory: "csr", "f" for reals, "b" for uint8."""
    return "csr" if is_sparse(X) else KINDS.get(X.dtype, "f")


class InputRows:
    """The data of a run, (n, …) real or uint8 or (n, p) in CSR form, as instructions see them."""

    def __init__(self, form: str) -> None:
        self.sparse = form == "csr"
        self._handles: tuple[Handle, ...]
        if self.sparse:
            self._handles = Handle("X", "f", 1), Handle("columns", "j", 1), Handle("starts", "i", 1)
        else:
            self._handles = (Handle("X", form, 2),)
        self._nonzeros = 0

    def set(self, X: Any) -> None:
        """Put data in, as `steepest.arrays.as_inputs` returns them."""
        if self.sparse:
            values, columns, starts = self._handles
            values.set(np.ascontiguousarray(X.data))
            columns.set(np.ascontiguousarray(X.indices, np.int32))
            starts.set(np.ascontiguousarray(X.indptr, np.int64))
            self._nonzeros = -(-X.nnz // max(1, X.shape[0]))
        else:
            self._handles[0].set(X.reshape(X.shape[0], math.prod(X.shape[1:])))

    def lower(self, low: Lowering, shape: Shape, chosen: Buffer) -> Any:
        """Emit what fetches the examples ``chosen``; return the input of the first layer.

        Numbers behind those of the batch, if there are any, are of examples that will be wanted
        soon. ``shape`` is that of one.
        """
        n = low.examples
        if self.sparse:
            values, columns, starts = self._handles
            if chosen.size > n:
                names = {"values": values, "columns": columns, "starts": starts, "i": chosen}
                low.emit(ask_for_rows, {**names, "n": n}, nbytes=0)
            (p,), rows = shape, chosen.head(n)
            return SparseBatch(values, columns, starts, rows, (n, p), self._nonzeros)
        batch = low.arena.array("x", n, math.prod(shape))
        nbytes = 2 * batch.size * low.arena.dtype.itemsize
        low.emit(gather, {"source": self._handles[0], "i": chosen, "batch": batch}, nbytes=nbytes)
        return batch.reshaped(n, *shape)


class TargetRows:
    """The targets of a run, and the weights of its examples, as instructions see them.

    Parameters
    ----------
    like : ndarray
        Targets of the kind that will come.
    weighted : bool
    several : tuple of int
        The axes of the rows of outputs that an example has; empty where it has one.

    Attributes
    ----------
    like : ndarray
        Targets of single rows, none of them.
    """

    def __init__(self, like: NDArray[Any], weighted: bool, several: Shape = ()) -> None:
        self._example = like.shape[1:]
        own = like.shape[1 + len(several) :]
        self.like = np.empty((0, *own), like.dtype)
        self._y = Handle("Y", "f" if own else "i", 2 if self._example else 1)
        self._w = Handle("W", "f", 1) if weighted else None

    def set(self, y: NDArray[Any], w: NDArray[Any] | None) -> None:
        """Put data in: prepared targets, and weights if there are any."""
        self._y.set(y.reshape(len(y), math.prod(self._example)) if self._example else y)
        if self._w is not None:
            assert w is not None
            self._w.set(w)

    def lower(self, low: Lowering, chosen: Buffer) -> dict[str, Buffer]:
        """Emit what fetches the examples ``chosen``; return their w, and y of their rows."""
        n, own = low.examples, self.like.shape[1:]
        w = low.arena.array("w", n)
        if self._w is None:
            low.arena.fill(w, 1.0)
        else:
            low.emit(gather_items, {"source": self._w, "i": chosen, "batch": w}, nbytes=2 * n * 8)
        if not self._example:
            y = low.arena.array("y", n, kind="i")
            low.emit(gather_items, {"source": self._y, "i": chosen, "batch": y}, nbytes=2 * n * 8)
        else:
            y = low.arena.array("y", n, math.prod(self._example), kind="f" if own else "i")
            nbytes = 2 * y.size * (low.arena.dtype.itemsize if own else 8)
            low.emit(gather, {"source": self._y, "i": chosen, "batch": y}, nbytes=nbytes)
            y = y.reshaped(y.size // math.prod(own), *own)
        return {"y": y, "w": w}


def weights_of_rows(low: Lowering, w: Buffer, several: Shape) -> Buffer:
    """Emit what gives each row of outputs the weight of its example; return these weights."""
    if not several:
        return w
    repeated = low.arena.array("w of rows", w.size * math.prod(several))
    low.emit(repeat_items, {"items": w, "repeated": repeated})
    return repeated


def targets_of_rows(low: Lowering, batch: Batch, rows: int) -> dict[str, Buffer]:
    """Emit what gives ``rows`` rows of outputs their y and w: several may share those of a batch.

    Returns
    -------
    dict
        ``y`` and ``w``; the batch's own where it has as many.
    """
    y, w = batch.y, batch.w
    if w.size == rows:
        return {"y": y, "w": w}
    share = low.row_share(w.size)
    repeated = low.arena.array("y of rows", rows, *y.shape[1:], kind=y.kind)
    kernel = repeat_rows if y.shape[1:] else repeat_items
    low.emit(kernel, {"items": y, "repeated": repeated, "rows": share})
    weights = low.arena.array("w of rows", rows)
    low.emit(repeat_items, {"items": w, "repeated": weights, "rows": share})
    return {"y": repeated, "w": weights}


def share_out(w, total):  # type: ignore[no-untyped-def]
    """total ← Σ w; w ← w n / total"""
    n, found = w.shape[0], w.dtype.type(0)
    for i in range(n):
        found += w[i]
    total[0] = found
    scale = w.dtype.type(n) / found if found > 0 else found
    for i in range(n):
        w[i] *= scale
