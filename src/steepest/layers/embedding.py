"""Embedding: row x_ij of a table E in place of the code x_ij; (n, k) -> (n, k·dim), E (codes, dim).

The codes 0, …, codes − 1 come as real numbers, as everything in a batch does. All k columns share
one table; for a table each, use `steepest.layers.Parallel`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..arrays import is_sparse
from ..declarations import FewRows
from ..errors import InputError
from ..layer import Array, Layer, Parameter
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, OnnxNode, Op, Reading
from ..validate import flag, number, positive_count

__all__ = ["Embedding"]

_INT64 = 7  # in ONNX


@dataclass(frozen=True, repr=False)
class Embedding(Layer):
    """Replace each code by its row of a learnable table.

    Parameters
    ----------
    codes : int
        The number of codes.
    dim : int
        The number of entries that stand for a code.
    std : float
        E begins with normal numbers of this standard deviation.
    lazy : bool
        Whether a step leaves the rows of E alone whose codes don't occur in it, whatever the rule.
        By default momentum moves them on, and averages of their gradient fade. With plain SGD and
        `Adagrad` there is no difference. With others a step takes the time of the rows that occur
        instead of all; it is what PyTorch's ``Embedding(sparse=True)`` and ``SparseAdam`` do.
    """

    torch_names: ClassVar[Mapping[str, str]] = {"E": "weight"}

    codes: int
    dim: int
    std: float = 1.0
    lazy: bool = False

    def __post_init__(self) -> None:
        positive_count("Embedding", "codes", self.codes)
        positive_count("Embedding", "dim", self.dim)
        number("Embedding", "std", self.std, least=0)
        flag("Embedding", "lazy", self.lazy)

    def outputs(self, p: int) -> int:
        """Return k·dim."""
        return p * self.dim

    def parameters(self, p: int) -> dict[str, Parameter]:
        """Return E (codes, dim)."""
        return {"E": Parameter((self.codes, self.dim), rows=FewRows(p, self.touches, self.lazy))}

    def init(self, rng: np.random.Generator, theta: Mapping[str, Array]) -> None:
        """E is normal with mean 0 and standard deviation ``std``."""
        theta["E"][...] = rng.normal(0, self.std, theta["E"].shape)

    def check_inputs(self, X: Array) -> None:
        """Raise `InputError` unless every entry is one of the codes, of a dense array."""
        if is_sparse(X):
            raise InputError("Embedding: can't take CSR input; give a dense X")
        values = np.asarray(X)
        with np.errstate(invalid="ignore"):
            good = (values >= 0) & (values < self.codes) & (values == np.floor(values))
        if not good.all():
            row, column = (int(index) for index in np.argwhere(~good)[0])
            raise InputError(
                f"Embedding: row {row}, column {column}: the code must be one of 0, …, "
                f"{self.codes - 1}, got {values[row, column]!r}"
            )

    def onnx(self, g: OnnxGraph) -> str:
        """(n, k) -> (n, k, dim) -> (n, k·dim)"""
        rows = g.op("Gather", g.parameter("E"), g.cast(g.x, np.int64))
        return g.op("Flatten", rows, axis=1)

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return (Form(Op("Flatten", Op("Gather", "E", Op("Cast", "x", to=_INT64)), axis=1), _read),)

    @staticmethod
    def forward(x: Array, y: Array, E: Array, rows: range) -> None:
        """y = E[x]"""
        codes, dim = E.shape
        zero, above = x.dtype.type(0), x.dtype.type(codes)
        for i in rows:
            for j in range(x.shape[1]):
                v = x[i, j]
                code = np.int64(v if (v >= zero) & (v < above) else zero)  # stays inside E
                for d in range(dim):
                    y[i, j * dim + d] = E[code, d]

    @staticmethod
    def backward_x(dx: Array, rows: range) -> None:
        """dx = 0"""
        zero = dx.dtype.type(0)
        for i in rows:
            for j in range(dx.shape[1]):
                dx[i, j] = zero

    @staticmethod
    def backward_theta(
        x: Array, dy: Array, dE: Array, alpha: float, thread: int, threads: int
    ) -> None:
        """dE[x] += alpha dy"""
        codes, dim = dE.shape
        zero, above = x.dtype.type(0), x.dtype.type(codes)
        first, last = codes * thread // threads, codes * (thread + 1) // threads
        for i in range(x.shape[0]):
            for j in range(x.shape[1]):
                v = x[i, j]
                code = np.int64(v if (v >= zero) & (v < above) else zero)
                if first <= code < last:  # every thread owns some of the codes
                    for d in range(dim):
                        dE[code, d] += alpha * dy[i, j * dim + d]

    @staticmethod
    def touches(x: Array, E: Array, places: Array, rows: range) -> None:
        """places = x"""
        zero, above = x.dtype.type(0), x.dtype.type(E.shape[0])
        for i in rows:
            for j in range(x.shape[1]):
                v = x[i, j]
                places[i, j] = np.int32(v if (v >= zero) & (v < above) else zero)


def _read(kind: Any, node: OnnxNode) -> Reading:
    E = node.array("E")
    if E.ndim != 2 or 0 in E.shape:
        raise node.error(f"needs a matrix, got an array {E.shape}")
    return Reading(kind(*E.shape), node.value("x"), {"E": E}, rank=1)


examples = (Embedding(4, 3), Embedding(7, 1), Embedding(5, 2, lazy=True))
