"""Average: y = the mean of the k parts that x is made of, side by side; (n, k·q) -> (n, q).

After ``Concat`` of k networks it makes one network of an ensemble.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ..layer import Array, Layer
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, OnnxNode, Op, Reading
from ..validate import positive_count

__all__ = ["Average"]


@dataclass(frozen=True, repr=False)
class Average(Layer):
    """Average of ``parts`` blocks of columns: y_j = (x_j + x_{q+j} + … ) / parts.

    Parameters
    ----------
    parts : int
        k; the width of the input must be a multiple of it.
    """

    parts: int

    def __post_init__(self) -> None:
        positive_count("Average", "parts", self.parts)

    def outputs(self, p: int) -> int:
        """Return p/k."""
        if p % self.parts:
            raise InputError(f"Average: {p} inputs can't be divided into {self.parts} equal parts")
        return p // self.parts

    def onnx(self, g: OnnxGraph) -> str:
        """(n, k·q) -> (n, k, q) -> (n, q)"""
        shape = g.constant([-1, self.parts, g.p // self.parts], np.int64)
        parts = g.op("Reshape", g.x, shape)
        return g.op("ReduceMean", parts, g.constant([1], np.int64), keepdims=0)

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return (Form(Op("ReduceMean", Op("Reshape", "x", "shape"), "axes", keepdims=0), _read),)

    @staticmethod
    def forward(x: Array, y: Array, parts: int, rows: range) -> None:
        """y = mean of the parts of x"""
        q = y.shape[1]
        share = x.dtype.type(1 / np.float64(parts))
        for i in rows:
            for j in range(q):
                total = x.dtype.type(0)
                for k in range(parts):
                    total += x[i, k * q + j]
                y[i, j] = share * total

    @staticmethod
    def backward_x(dy: Array, dx: Array, parts: int, rows: range) -> None:
        """dx = dy/parts, once for each part"""
        q = dy.shape[1]
        share = dy.dtype.type(1 / np.float64(parts))
        for i in rows:
            for k in range(parts):
                for j in range(q):
                    dx[i, k * q + j] = share * dy[i, j]


def _read(kind: Any, node: OnnxNode) -> Reading | None:
    shape = node.whole("shape")
    if node.whole("axes") != [1] or len(shape) != 3 or shape[0] != -1 or min(shape[1:]) < 1:
        return None
    return Reading(kind(shape[1]), node.value("x"), takes=shape[1] * shape[2], rank=1)


examples = (Average(3),)
