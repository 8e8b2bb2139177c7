"""ReLU: y = max(x, 0), entry by entry; (n, p) -> (n, p).

The derivative at 0 is taken to be 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..layer import Array, Layer
from ..onnx_form import Operator
from ..onnx_reading import Form, OnnxNode, Op, Reading

__all__ = ["ReLU"]


@dataclass(frozen=True, repr=False)
class ReLU(Layer):
    """y = max(x, 0), entry by entry."""

    steepest_slope: ClassVar[float | None] = 1.0
    clips: ClassVar[bool] = True
    onnx = Operator("Relu")

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return (
            Form(Op("Clip"), _read_clip),
            Form(Op("Max", "x", 0.0)),
            Form(Op("Max", 0.0, "x")),
        )

    @staticmethod
    def forward(x: Array, y: Array, rows: range, units: range) -> None:
        """y = max(x, 0)"""
        zero = x.dtype.type(0)
        for i in rows:
            for j in units:
                v = x[i, j]
                y[i, j] = zero if v < zero else v

    @staticmethod
    def backward_x(x: Array, dy: Array, dx: Array, rows: range, units: range) -> None:
        """dx = dy ⊙ [x > 0]"""
        zero = x.dtype.type(0)
        for i in rows:
            for j in units:
                d = dy[i, j]
                dx[i, j] = d if x[i, j] > zero else zero


def _read_clip(kind: Any, node: OnnxNode) -> Reading | None:
    """Of one bound, 0 from below."""
    given = node.given(3, min=-np.inf, max=np.inf)
    low = node.number(1) if node.has(1) else given["min"]
    has_high = node.has(2) or given["max"] < np.inf
    return None if low != 0 or has_high else Reading(kind(), node.value(0))


examples = (ReLU(),)
