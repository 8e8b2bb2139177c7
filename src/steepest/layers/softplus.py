"""Softplus: y = log(1 + eˣ), entry by entry; (n, p) -> (n, p).

Computed as max(x, 0) + log(1 + exp(−|x|)), which never overflows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ..kernels.functions import exp, log1p, sigmoid
from ..layer import Array, Layer
from ..onnx_form import Operator
from ..onnx_reading import Form, OnnxNode, Op, Reading

__all__ = ["Softplus"]

_FLAT = 15.0  # from here on softplus is x, to 3e-7


@dataclass(frozen=True, repr=False)
class Softplus(Layer):
    """y = log(1 + eˣ), entry by entry."""

    steepest_slope: ClassVar[float | None] = 1.0
    onnx = Operator("Softplus")

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return (Form(Op("Where", Op("Greater", "x", "far"), "x", Op("Softplus", "x")), _read),)

    @staticmethod
    def forward(x: Array, y: Array, rows: range, units: range) -> None:
        """y = log(1 + exp(x))"""
        zero = x.dtype.type(0)
        for i in rows:
            for j in units:
                v = x[i, j]
                y[i, j] = (zero if v < zero else v) + log1p(exp(-abs(v), x), x)

    @staticmethod
    def backward_x(x: Array, dy: Array, dx: Array, rows: range, units: range) -> None:
        """dx = dy ⊙ sigmoid(x)"""
        for i in rows:
            for j in units:
                dx[i, j] = dy[i, j] * sigmoid(x[i, j], x)


def _read(kind: Any, node: OnnxNode) -> Reading | None:
    known = node.is_constant("far") and node.number("far") >= _FLAT
    return Reading(kind(), node.value("x")) if known else None


examples = (Softplus(),)
