"""The data of a run as instructions see them: inputs, targets, weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.operands import Buffer, Handle, SparseBatch
from ..kernels.moves import ask_for_rows, gather, gather_items
from .lowering import Lowering


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
