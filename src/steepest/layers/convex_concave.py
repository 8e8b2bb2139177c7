"""ConvexConcave: max(x, slope·x) and min(x, slope·x) in turn; (n, p) -> (n, p).

Entries 0, 2, 4, … are bent upwards, entries 1, 3, 5, … downwards, and all rise with x. Behind maps
with weights ≥ 0, units of one kind alone make convex functions or concave ones only; with both, a
network comes as near to any rising function as it is wide. max and min of numbers that rise, rise
also in floating point, which is not so of functions like tanh as processors compute them.

The derivative at 0 is the one of x < 0.

Source: Runje & Shankaranarayana, "Constrained monotonic neural networks", ICML 2023,
arXiv:2205.11775, section 3.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..layer import Array, Layer
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, OnnxNode, Op, Reading
from ..validate import number

__all__ = ["ConvexConcave"]


@dataclass(frozen=True, repr=False)
class ConvexConcave(Layer):
    """y_j = max(x_j, slope·x_j) for even j, min(x_j, slope·x_j) for odd j, counted from 0.

    Φ: dx_j = dy_j times 1 where x_j > 0 and slope elsewhere for even j; the other way round for odd
    j.

    Parameters
    ----------
    slope : float
        From 0 to 1: the smaller of the two derivatives.
    """

    slope: float = 0.1

    def __post_init__(self) -> None:
        number("ConvexConcave", "slope", self.slope, least=0, most=1)

    @staticmethod
    def forward(x: Array, y: Array, slope: float, rows: range, units: range) -> None:
        """y = max(x, slope·x), and min(x, slope·x) in odd columns"""
        for i in rows:
            for j in units:
                v = x[i, j]
                bent = slope * v
                high, low = max(v, bent), min(v, bent)
                y[i, j] = low if j % 2 else high

    @staticmethod
    def backward_x(x: Array, dy: Array, dx: Array, slope: float, rows: range, units: range) -> None:
        """dx = dy ⊙ (1 where x > 0, slope elsewhere), the other way round in odd columns"""
        zero = x.dtype.type(0)
        for i in rows:
            for j in units:
                d = dy[i, j]
                bent = slope * d
                above = x[i, j] > zero
                dx[i, j] = d if above != (j % 2 == 1) else bent

    def onnx(self, g: OnnxGraph) -> str:
        """(1 − odd) ⊙ max(x, slope·x) + odd ⊙ min(x, slope·x)"""
        odd = np.arange(g.p) % 2
        bent = g.op("Mul", g.x, g.constant(self.slope))
        high = g.op("Mul", g.op("Max", g.x, bent), g.constant(1 - odd))
        return g.op("Add", high, g.op("Mul", g.op("Min", g.x, bent), g.constant(odd)))

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        bent = Op("Mul", "x", "slope")
        high = Op("Mul", Op("Max", "x", bent), "even")
        return (Form(Op("Add", high, Op("Mul", Op("Min", "x", bent), "odd")), _read),)


def _read(kind: Any, node: OnnxNode) -> Reading | None:
    odd, even = node.array("odd"), node.array("even")
    if odd.ndim != 1 or odd.tolist() != (np.arange(len(odd)) % 2).tolist():
        return None
    if even.tolist() != (1 - odd).tolist() or node.array("slope").size != 1:
        return None
    slope = float(node.number("slope"))
    return Reading(kind(slope), node.value("x"), takes=len(odd)) if 0 <= slope <= 1 else None


examples = (ConvexConcave(), ConvexConcave(0.0))
