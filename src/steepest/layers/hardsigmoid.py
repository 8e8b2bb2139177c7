"""Hardsigmoid: y = min(max(slope·x + ½, 0), 1), entry by entry; (n, p) -> (n, p).

Slope 1/6 is that of PyTorch and of Keras since version 3; in ONNX it is 0.2 where a file says
nothing. The derivative at the kinks is taken to be 0.

Source: Courbariaux, Bengio & David, "BinaryConnect", NeurIPS 2015, arXiv:1511.00363; with slope
1/6: Howard et al., "Searching for MobileNetV3", arXiv:1905.02244, section 5.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..layer import Array, Layer
from ..onnx_form import Operator
from ..onnx_reading import Form, Op
from ..validate import number

__all__ = ["Hardsigmoid"]


@dataclass(frozen=True, repr=False)
class Hardsigmoid(Layer):
    """y = slope·x + ½ where that is between 0 and 1, else 0 or 1.

    Parameters
    ----------
    slope : float
        The derivative at 0.
    """

    steepest_slope: ClassVar[float | None] = 1 / 6
    onnx = Operator("HardSigmoid", {"slope": ("alpha", 0.2)}, {"beta": 0.5})

    slope: float = 1 / 6

    def __post_init__(self) -> None:
        number("Hardsigmoid", "slope", self.slope, above=0)

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return (
            Form(Op("Mul", Op("Clip", Op("Add", "x", 3.0), 0.0, 6.0), 1 / 6)),
            Form(Op("Clip", Op("Add", Op("Mul", "x", 1 / 6), 0.5), 0.0, 1.0)),
            Form(Op("Clip", Op("Add", Op("Mul", "x", 0.2), 0.5), 0.0, 1.0), slope=0.2),
        )

    @staticmethod
    def forward(x: Array, y: Array, slope: float, rows: range, units: range) -> None:
        """y = min(max(slope·x + ½, 0), 1)"""
        zero, half, one = x.dtype.type(0), x.dtype.type(0.5), x.dtype.type(1)
        for i in rows:
            for j in units:
                v = slope * x[i, j] + half
                v = zero if v < zero else v
                y[i, j] = one if v > one else v

    @staticmethod
    def backward_x(x: Array, dy: Array, dx: Array, slope: float, rows: range, units: range) -> None:
        """dx = dy ⊙ slope·[0 < slope·x + ½ < 1]"""
        zero, half, one = x.dtype.type(0), x.dtype.type(0.5), x.dtype.type(1)
        for i in rows:
            for j in units:
                v, d = slope * x[i, j] + half, dy[i, j]
                dx[i, j] = slope * d if (v > zero) & (v < one) else zero


examples = (Hardsigmoid(), Hardsigmoid(0.2))
