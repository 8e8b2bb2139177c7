"""The data of a run as instructions see them: inputs, targets and weights, batch by batch."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..engine.operands import Buffer, Handle, SparseBatch
from ..kernels.moves import ask_for_rows, gather, gather_items
from .lowering import Lowering

__all__ = ["Batch", "Batches", "InputRows", "TargetRows"]


class Batch(NamedTuple):
    """The examples of one step, as operands."""

    i: Buffer
    """Which ones: numbers of rows of X, and behind them those of rows to come."""
    x: Any
    """A buffer, or a `SparseBatch`."""
    y: Buffer
    w: Buffer
    like: Array
    """Targets of this kind, none of them: a loss chooses its kernels by it."""


class Batches:
    """X, y and w, which can be exchanged for others of the same kind.

    Parameters
    ----------
    sparse : bool
        Whether X is in CSR form.
    y : ndarray
        Prepared targets of the kind that will come (`Loss.targets`).
    weighted : bool
        Whether examples have weights.
    """

    def __init__(self, sparse: bool, y: Array, weighted: bool) -> None:
        self.sparse, self._like = sparse, y[:0]
        self._inputs, self._targets = InputRows(sparse), TargetRows(y, weighted)

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
        x = self._inputs.lower(low, low.parameters.inputs, i)
        named = self._targets.lower(low, i)
        if total is not None:
            low.emit(share_out, {"w": named["w"], "total": total})
        return Batch(i, x, named["y"], named["w"], self._like)


class InputRows:
    """The data of a run, (n, p) real or in CSR form, as instructions see them."""

    def __init__(self, sparse: bool) -> None:
        self.sparse = sparse
        self._handles: tuple[Handle, ...]
        if sparse:
            self._handles = Handle("X", "f", 1), Handle("columns", "j", 1), Handle("starts", "i", 1)
        else:
            self._handles = (Handle("X", "f", 2),)
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
            self._handles[0].set(X)

    def lower(self, low: Lowering, p: int, chosen: Buffer) -> Any:
        """Emit what fetches the rows ``chosen``; return the input of the first layer.

        Numbers behind those of the batch, if there are any, are of rows that will be wanted soon.
        """
        if self.sparse:
            values, columns, starts = self._handles
            if chosen.size > low.n:
                names = {"values": values, "columns": columns, "starts": starts, "i": chosen}
                low.emit(ask_for_rows, {**names, "n": low.n}, nbytes=0)
            rows = chosen.head(low.n)
            return SparseBatch(values, columns, starts, rows, (low.n, p), self._nonzeros)
        x = low.arena.array("x", low.n, p)
        nbytes = 2 * x.size * low.arena.dtype.itemsize
        low.emit(gather, {"source": self._handles[0], "i": chosen, "batch": x}, nbytes=nbytes)
        return x


class TargetRows:
    """The targets of a run, and the weights of its examples, as instructions see them."""

    def __init__(self, like: NDArray[Any], weighted: bool) -> None:
        self._classes = like.ndim == 1
        self._width = 0 if self._classes else like.shape[1]
        self._y = Handle("Y", "i", 1) if self._classes else Handle("Y", "f", 2)
        self._w = Handle("W", "f", 1) if weighted else None

    def set(self, y: NDArray[Any], w: NDArray[Any] | None) -> None:
        """Put data in: prepared targets, and weights if there are any."""
        self._y.set(y)
        if self._w is not None:
            assert w is not None
            self._w.set(w)

    def lower(self, low: Lowering, chosen: Buffer) -> dict[str, Buffer]:
        """Emit what fetches the rows ``chosen``; return the operands ``y`` and ``w`` of a loss."""
        n = low.n
        w = low.arena.array("w", n)
        if self._w is None:
            low.arena.fill(w, 1.0)
        else:
            low.emit(gather_items, {"source": self._w, "i": chosen, "batch": w}, nbytes=2 * n * 8)
        if self._classes:
            y = low.arena.array("y", n, kind="i")
            low.emit(gather_items, {"source": self._y, "i": chosen, "batch": y}, nbytes=2 * n * 8)
        else:
            y = low.arena.array("y", n, self._width)
            nbytes = 2 * y.size * low.arena.dtype.itemsize
            low.emit(gather, {"source": self._y, "i": chosen, "batch": y}, nbytes=nbytes)
        return {"y": y, "w": w}


def share_out(w, total):  # type: ignore[no-untyped-def]
    """total ← Σ w; w ← w n / total"""
    n, found = w.shape[0], w.dtype.type(0)
    for i in range(n):
        found += w[i]
    total[0] = found
    scale = w.dtype.type(n) / found if found > 0 else found
    for i in range(n):
        w[i] *= scale
