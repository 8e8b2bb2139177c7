"""LeakyReLU: y = x where x > 0, slope·x elsewhere; (n, p) -> (n, p).

The derivative at 0 is taken to be the slope.

Source: Maas, Hannun & Ng, "Rectifier nonlinearities improve neural network acoustic models",
ICML workshop 2013.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..layer import Array, Layer
from ..onnx_form import Operator
from ..validate import number

__all__ = ["LeakyReLU"]


@dataclass(frozen=True, repr=False)
class LeakyReLU(Layer):
    """y = x where x > 0, slope·x elsewhere.

    Parameters
    ----------
    slope : float
        The derivative where x ≤ 0.
    """

    steepest_slope: ClassVar[float | None] = 1.0
    called: ClassVar[tuple[str, ...]] = ("leaky_relu",)
    onnx = Operator("LeakyRelu", {"slope": ("alpha", 0.01)})

    slope: float = 0.01

    def __post_init__(self) -> None:
        number("LeakyReLU", "slope", self.slope)

    @staticmethod
    def forward(x: Array, y: Array, slope: float, rows: range, units: range) -> None:
        """y = x if x > 0 else slope·x"""
        zero = x.dtype.type(0)
        for i in rows:
            for j in units:
                v = x[i, j]
                y[i, j] = v if v > zero else slope * v

    @staticmethod
    def backward_x(x: Array, dy: Array, dx: Array, slope: float, rows: range, units: range) -> None:
        """dx = dy ⊙ (1 if x > 0 else slope)"""
        zero = x.dtype.type(0)
        for i in rows:
            for j in units:
                d = dy[i, j]
                dx[i, j] = d if x[i, j] > zero else slope * d


examples = (LeakyReLU(), LeakyReLU(0.3))
