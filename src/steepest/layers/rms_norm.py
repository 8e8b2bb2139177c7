"""RMSNorm: y = gamma ⊙ x / √((1/p) Σ_j x_j² + eps); (n, p) -> (n, p), gamma (p,).

Source: Zhang & Sennrich, "Root mean square layer normalization", NeurIPS 2019, arXiv:1910.07467,
equation 4.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..layer import Array, Layer, Parameter
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, OnnxNode, Op, Reading
from ..validate import number

__all__ = ["RMSNorm"]


@dataclass(frozen=True, repr=False)
class RMSNorm(Layer):
    """Bring every row to a root mean square of 1, then scale its entries.

    Parameters
    ----------
    eps : float
        Added to the mean square.
    """

    sums_rows: ClassVar[bool] = True
    scales_and_shifts: ClassVar[tuple[str, int, str]] = ("gamma", 0, "")
    torch_names: ClassVar[Mapping[str, str]] = {"gamma": "weight"}

    eps: float = 1e-5

    def __post_init__(self) -> None:
        number("RMSNorm", "eps", self.eps, above=0)

    def parameters(self, p: int) -> dict[str, Parameter]:
        """Return gamma (p,)."""
        return {"gamma": Parameter((p,))}

    def memory(self, n: int, p: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of 1/√(mean square + eps)."""
        return {"inverse": (n,)}

    def init(self, rng: np.random.Generator, theta: Mapping[str, Array]) -> None:
        """gamma = 1"""
        theta["gamma"][...] = 1

    def flops(self, p: int) -> int:
        """Return the operations for one row."""
        return 4 * p

    def onnx(self, g: OnnxGraph) -> str:
        square = g.op("ReduceMean", g.op("Mul", g.x, g.x), g.constant([-1], np.int64), keepdims=1)
        root = g.op("Sqrt", g.op("Add", square, g.constant(self.eps)))
        return g.op("Mul", g.op("Div", g.x, root), g.parameter("gamma"))

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        square = Op("ReduceMean", Op("Mul", "x", "x"), "axes", keepdims=1)
        root = Op("Sqrt", Op("Add", square, "eps"))
        return (
            Form(Op("Div", "x", root), _read_spelled_out),
            Form(Op("Mul", "x", Op("Reciprocal", root)), _read_spelled_out),
            Form(Op("RMSNormalization"), _read),
        )

    @staticmethod
    def forward(x: Array, y: Array, gamma: Array, inverse: Array, eps: float, rows: range) -> None:
        """y = gamma ⊙ x ⊙ inverse, inverse = 1/√(mean x² + eps)"""
        p, one = x.shape[1], x.dtype.type(1)
        share = one / x.dtype.type(p)
        for i in rows:
            squares = x.dtype.type(0)
            for j in range(p):
                squares += x[i, j] * x[i, j]
            factor = one / x.dtype.type(math.sqrt(squares * share + eps))
            for j in range(p):
                y[i, j] = gamma[j] * (x[i, j] * factor)
            inverse[i] = factor

    @staticmethod
    def backward_x(
        x: Array, dy: Array, dx: Array, gamma: Array, inverse: Array, rows: range
    ) -> None:
        """dx = inverse ⊙ (d − u Σ_j d ⊙ u/p), d = gamma ⊙ dy, u = x ⊙ inverse"""
        p = x.shape[1]
        share = x.dtype.type(1) / x.dtype.type(p)
        for i in rows:
            factor, along = inverse[i], x.dtype.type(0)
            for j in range(p):
                along += gamma[j] * dy[i, j] * (x[i, j] * factor)
            along *= share
            for j in range(p):
                dx[i, j] = factor * (gamma[j] * dy[i, j] - x[i, j] * factor * along)

    @staticmethod
    def backward_theta(
        x: Array, dy: Array, dgamma: Array, inverse: Array, alpha: float, units: range
    ) -> None:
        """dgamma += alpha Σ_n dy ⊙ x ⊙ inverse"""
        for i in range(x.shape[0]):
            factor = alpha * inverse[i]
            for j in units:
                dgamma[j] += dy[i, j] * (x[i, j] * factor)


def _read_spelled_out(kind: Any, node: OnnxNode) -> Reading | None:
    """Without gamma, which is a map behind it."""
    if not node.is_constant("eps") or node.whole("axes") not in ([-1], [node.rank("x") or 1]):
        return None
    theta = {"gamma": np.ones(1, np.float32)}
    return Reading(kind(node.number("eps")), node.value("x"), theta, axis=node.whole("axes")[0])


def _read(kind: Any, node: OnnxNode) -> Reading:
    given = node.given(2, axis=-1, epsilon=1e-5, stash_type=1)
    if given["axis"] not in (node.rank(0) or 1, -1):
        raise node.error("does not run over the columns alone")
    theta = {"gamma": node.row(1)}
    return Reading(kind(given["epsilon"]), node.value(0), theta, axis=given["axis"])


examples = (RMSNorm(), RMSNorm(eps=0.1))
