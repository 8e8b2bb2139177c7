"""SwiGLU: y = u·σ(u) ⊙ v for the halves u, v of x; (n, 2 q) -> (n, q).

Between a ``Dense(2 q)`` and a ``Dense(d)`` it makes the feed-forward block of LLaMA and others.

Source: Shazeer, "GLU variants improve transformer", arXiv:2002.05202, equation 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ..kernels.functions import sigmoid
from ..layer import Array, Layer
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, OnnxNode, Op, Reading

__all__ = ["SwiGLU"]


@dataclass(frozen=True, repr=False)
class SwiGLU(Layer):
    """The first half of the inputs, through SiLU, opens and closes the second half.

    Φ: dv = dy ⊙ u s and du = dy ⊙ v s (1 + u (1 − s)), s = σ(u).
    """

    def outputs(self, p: int) -> int:
        """Return p/2."""
        if p % 2:
            raise InputError(f"SwiGLU: {p} inputs have no halves; put Dense of twice q before it")
        return p // 2

    def flops(self, p: int) -> int:
        return 3 * p

    def onnx(self, g: OnnxGraph) -> str:
        q, axes = g.p // 2, [len(g.shape)]
        ends = [[0], [q]], [[q], [2 * q]]
        u, v = (
            g.op("Slice", g.x, *(g.constant(k, np.int64) for k in (*bounds, axes)))
            for bounds in ends
        )
        return g.op("Mul", g.op("Mul", u, g.op("Sigmoid", u)), v)

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        u, v = (Op("Slice", "x", *(f"{half}{k}" for k in range(3))).called(half) for half in "uv")
        return (Form(Op("Mul", u, Op("Sigmoid", "u"), v), _read),)

    @staticmethod
    def forward(x: Array, y: Array, rows: range) -> None:
        """y = u ⊙ sigmoid(u) ⊙ v, (u, v) the halves of x"""
        q = y.shape[1]
        for i in rows:
            for j in range(q):
                u = x[i, j]
                y[i, j] = u * sigmoid(u, x) * x[i, q + j]

    @staticmethod
    def backward_x(x: Array, dy: Array, dx: Array, rows: range) -> None:
        """dx = (dy ⊙ v ⊙ s ⊙ (1 + u ⊙ (1 − s)), dy ⊙ u ⊙ s), s = sigmoid(u)"""
        q, one = dy.shape[1], x.dtype.type(1)
        for i in rows:
            for j in range(q):
                u, v, d = x[i, j], x[i, q + j], dy[i, j]
                s = sigmoid(u, x)
                dx[i, j] = d * v * s * (one + u * (one - s))
                dx[i, q + j] = d * u * s


def _read(kind: Any, node: OnnxNode) -> Reading | None:
    """Of the halves of the last axis."""
    shape = node.examples("x")
    if shape is None or shape[1][-1] % 2:
        return None
    q, axis = shape[1][-1] // 2, len(shape[1])
    cuts = {"u": ([0], [q], [axis]), "v": ([q], [2 * q], [axis])}
    for half, wanted in cuts.items():
        if any(node.whole(f"{half}{k}") != each for k, each in enumerate(wanted)):
            return None
    return Reading(kind(), node.value("x"), takes=2 * q, makes=q)


examples = (SwiGLU(),)
