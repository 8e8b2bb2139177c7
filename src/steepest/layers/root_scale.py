"""RootScale: y = x/√p; (n, p) -> (n, p).

In front of a Dense layer whose A begins with standard normal entries it makes the NTK
parametrisation, z = A x/√p + b: outputs begin at the scale of the inputs whatever the width, and a
learning rate that suits one width suits the others.

Source: Jacot, Gabriel & Hongler, "Neural tangent kernel", NeurIPS 2018, arXiv:1806.07572,
section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..layer import Array, Layer
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, OnnxNode, Op, Reading

__all__ = ["RootScale"]


@dataclass(frozen=True, repr=False)
class RootScale(Layer):
    """Divide by the root of the width: y = x/√p."""

    def onnx(self, g: OnnxGraph) -> str:
        return g.op("Div", g.x, g.op("Sqrt", g.constant(g.p)))

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return (Form(Op("Div", "x", Op("Sqrt", "p")), _read),)

    @staticmethod
    def forward(x: Array, y: Array, rows: range, units: range) -> None:
        """y = x/√p"""
        factor = x.dtype.type(1 / np.sqrt(np.float64(x.shape[1])))
        for i in rows:
            for j in units:
                y[i, j] = factor * x[i, j]

    @staticmethod
    def backward_x(dy: Array, dx: Array, rows: range, units: range) -> None:
        """dx = dy/√p"""
        factor = dy.dtype.type(1 / np.sqrt(np.float64(dy.shape[1])))
        for i in rows:
            for j in units:
                dx[i, j] = factor * dy[i, j]


def _read(kind: Any, node: OnnxNode) -> Reading | None:
    p = node.number("p") if node.is_constant("p") and node.array("p").size == 1 else 0
    return Reading(kind(), node.value("x"), takes=int(p)) if p >= 1 and p == int(p) else None


examples = (RootScale(),)
