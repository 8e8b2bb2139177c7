"""ELU: y = x where x > 0, scale·(eˣ − 1) elsewhere; (n, p) -> (n, p).

Source: Clevert, Unterthiner & Hochreiter, "Fast and accurate deep network learning by exponential
linear units", ICLR 2016, arXiv:1511.07289, where ``scale`` is called α.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..kernels.functions import exp, expm1
from ..layer import Array, Layer
from ..onnx_form import Operator
from ..validate import number

__all__ = ["ELU"]


@dataclass(frozen=True, repr=False)
class ELU(Layer):
    """y = x where x > 0, scale·(eˣ − 1) elsewhere.

    Parameters
    ----------
    scale : float
        Minus the limit of y as x goes to −∞.
    """

    steepest_slope: ClassVar[float | None] = 1.0
    onnx = Operator("Elu", {"scale": ("alpha", 1.0)})

    scale: float = 1.0

    def __post_init__(self) -> None:
        number("ELU", "scale", self.scale, above=0)

    @staticmethod
    def forward(x: Array, y: Array, scale: float, rows: range, units: range) -> None:
        """y = x if x > 0 else scale·(exp(x) − 1)"""
        zero = x.dtype.type(0)
        for i in rows:
            for j in units:
                v = x[i, j]
                low = scale * expm1(zero if v > zero else v, x)
                y[i, j] = v if v > zero else low

    @staticmethod
    def backward_x(x: Array, dy: Array, dx: Array, scale: float, rows: range, units: range) -> None:
        """dx = dy ⊙ (1 if x > 0 else scale·exp(x))"""
        zero = x.dtype.type(0)
        for i in rows:
            for j in units:
                v, d = x[i, j], dy[i, j]
                low = d * scale * exp(zero if v > zero else v, x)
                dx[i, j] = d if v > zero else low


examples = (ELU(), ELU(1.5))
