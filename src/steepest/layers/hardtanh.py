"""Hardtanh: y = min(max(x, low), high), entry by entry; (n, p) -> (n, p).

``Hardtanh(0, 6)`` is ReLU6. The derivative at the bounds is taken to be 0.

Source: Collobert & Weston, "A unified architecture for natural language processing", ICML 2008.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import InputError
from ..layer import Array, Layer
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, OnnxNode, Op, Reading
from ..validate import number

__all__ = ["Hardtanh"]


@dataclass(frozen=True, repr=False)
class Hardtanh(Layer):
    """y = x between two bounds, and the bound beyond them.

    Parameters
    ----------
    low, high : float
        The bounds. ``Hardtanh(0, 6)`` is ReLU6.
    """

    steepest_slope: ClassVar[float | None] = 1.0

    low: float = -1.0
    high: float = 1.0

    def __post_init__(self) -> None:
        number("Hardtanh", "low", self.low)
        number("Hardtanh", "high", self.high)
        if not self.low < self.high:
            raise InputError(f"Hardtanh: low must be below high, got {self.low} and {self.high}")

    def onnx(self, g: OnnxGraph) -> str:
        return g.op("Clip", g.x, g.constant(self.low), g.constant(self.high))

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return (
            Form(Op("Clip"), _read_clip),
            Form(Op("Min", Op("Max", "x", "low"), "high"), _read),
            Form(Op("Max", Op("Min", "x", "high"), "low"), _read),
        )

    @staticmethod
    def forward(x: Array, y: Array, low: float, high: float, rows: range, units: range) -> None:
        """y = min(max(x, low), high)"""
        bottom, top = x.dtype.type(low), x.dtype.type(high)
        for i in rows:
            for j in units:
                v = x[i, j]
                v = bottom if v < bottom else v
                y[i, j] = top if v > top else v

    @staticmethod
    def backward_x(
        x: Array, dy: Array, dx: Array, low: float, high: float, rows: range, units: range
    ) -> None:
        """dx = dy ⊙ [low < x < high]"""
        zero, bottom, top = x.dtype.type(0), x.dtype.type(low), x.dtype.type(high)
        for i in rows:
            for j in units:
                v, d = x[i, j], dy[i, j]
                dx[i, j] = d if (v > bottom) & (v < top) else zero


def _read_clip(kind: Any, node: OnnxNode) -> Reading | None:
    """Its bounds are inputs, or attributes before operator set 11."""
    given = node.given(3, min=-np.inf, max=np.inf)
    low = node.number(1) if node.has(1) else given["min"]
    high = node.number(2) if node.has(2) else given["max"]
    if np.isinf([low, high]).any():
        return None
    return Reading(kind(low, high), node.value(0))


def _read(kind: Any, node: OnnxNode) -> Reading | None:
    if not (node.is_constant("low") and node.is_constant("high")):
        return None
    return Reading(kind(node.number("low"), node.number("high")), node.value("x"))


examples = (Hardtanh(), Hardtanh(0, 6), Hardtanh(-0.5, 0.25))
