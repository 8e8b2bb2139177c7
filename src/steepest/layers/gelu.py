"""GELU: y = x·Φ(x), where Φ is the normal distribution function; (n, p) -> (n, p).

This is the exact function, Φ(x) = ½ erfc(−x/√2), not its approximation by tanh.

Source: Hendrycks & Gimpel, "Gaussian error linear units", arXiv:1606.08415.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from ..kernels.functions import exp
from ..layer import Array, Layer
from ..onnx_form import Operator

__all__ = ["GELU"]

_ROOT = 0.70710678118654752440  # 1/√2
_DENSITY = 0.39894228040143267794  # 1/√(2π)


@dataclass(frozen=True, repr=False)
class GELU(Layer):
    """y = x·P(Z ≤ x) for a standard normal Z."""

    steepest_slope: ClassVar[float | None] = 1.13
    onnx = Operator("Gelu", fixed={"approximate": "none"})

    @staticmethod
    def forward(x: Array, y: Array, rows: range, units: range) -> None:
        """y = x ⊙ ½ erfc(−x/√2)"""
        half, root = x.dtype.type(0.5), x.dtype.type(_ROOT)
        for i in rows:
            for j in units:
                v = x[i, j]
                y[i, j] = v * half * math.erfc(-v * root)

    @staticmethod
    def backward_x(x: Array, dy: Array, dx: Array, rows: range, units: range) -> None:
        """dx = dy ⊙ (½ erfc(−x/√2) + x ⊙ exp(−x²/2)/√(2π))"""
        half, root = x.dtype.type(0.5), x.dtype.type(_ROOT)
        density = x.dtype.type(_DENSITY)
        for i in rows:
            for j in units:
                v = x[i, j]
                p = half * math.erfc(-v * root)
                dx[i, j] = dy[i, j] * (p + v * density * exp(-half * v * v, x))


examples = (GELU(),)
