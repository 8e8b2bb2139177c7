"""Hardswish: y = x·min(max(x/6 + ½, 0), 1), entry by entry; (n, p) -> (n, p).

The derivative at the kinks, −3 and 3, is taken to be that of the straight side.

Source: Howard et al., "Searching for MobileNetV3", ICCV 2019, arXiv:1905.02244, section 5.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..layer import Array, Layer
from ..onnx_form import Operator
from ..onnx_reading import Form, Op

__all__ = ["Hardswish"]


@dataclass(frozen=True, repr=False)
class Hardswish(Layer):
    """y = x·min(max(x/6 + ½, 0), 1), a SiLU of straight lines and a parabola."""

    steepest_slope: ClassVar[float | None] = 1.5
    onnx = Operator("HardSwish")

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return (
            Form(Op("Mul", "x", Op("HardSigmoid", "x", alpha=1 / 6, beta=0.5))),
            Form(Op("Mul", "x", Op("HardSigmoid", "x", alpha=1 / 6))),
            Form(Op("Mul", "x", Op("Clip", Op("Add", "x", 3.0), 0.0, 6.0), 1 / 6)),
            Form(Op("Mul", "x", Op("Clip", Op("Add", Op("Mul", "x", 1 / 6), 0.5), 0.0, 1.0))),
        )

    @staticmethod
    def forward(x: Array, y: Array, rows: range, units: range) -> None:
        """y = x ⊙ min(max(x/6 + ½, 0), 1)"""
        real = x.dtype.type
        zero, half, one, sixth = real(0), real(0.5), real(1), real(1 / 6)
        for i in rows:
            for j in units:
                v = x[i, j]
                s = v * sixth + half
                s = zero if s < zero else s
                y[i, j] = v * (one if s > one else s)

    @staticmethod
    def backward_x(x: Array, dy: Array, dx: Array, rows: range, units: range) -> None:
        """dx = dy ⊙ (0 if x ≤ −3 else 1 if x ≥ 3 else x/3 + ½)"""
        real = x.dtype.type
        zero, half, one, third, three = real(0), real(0.5), real(1), real(1 / 3), real(3)
        for i in rows:
            for j in units:
                v, d = x[i, j], dy[i, j]
                slope = v * third + half
                slope = zero if v <= -three else slope
                dx[i, j] = d * (one if v >= three else slope)


examples = (Hardswish(),)
