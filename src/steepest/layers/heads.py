"""Heads: y_k = A_k x_k + b_k, an affine map for each of k members; (n, k, p) -> (n, k, q).

Source: Gorishniy, Kotelnikov & Babenko, "TabM", ICLR 2025, arXiv:2410.24210, section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..init import check, draw
from ..layer import Array, Layer, Parameter
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, OnnxNode, Op, Reading
from ..shape import Shape
from ..validate import positive_count
from ._from_data import fit_affine
from ._members import member_shape

__all__ = ["Heads"]


@dataclass(frozen=True, repr=False)
class Heads(Layer):
    """An affine map of its own for every row of an example (k, p), as `Adapters` makes them.

    Φ: dx_k = A_kᵀ dy_k; dA_k = dy_k x_kᵀ and db_k = dy_k, added up over the examples of the batch.

    Parameters
    ----------
    units : int
        q, the number of outputs of each.
    weights : str or callable
        How each A_k begins, as for `Dense`. Every b_k begins at zero.
    """

    units: int
    weights: str | Callable[..., Any] = "glorot_uniform"

    def __post_init__(self) -> None:
        positive_count("Heads", "units", self.units)
        check("Heads", self.weights)

    def output_shape(self, shape: Shape) -> Shape:
        """Return (k, q)."""
        return (member_shape("Heads", shape)[0], self.units)

    def parameters_at(self, shape: Shape) -> dict[str, Parameter]:
        """Return A (k·q, p), the rows of A_1 first, and b (k, q)."""
        members, p = shape
        return {
            "A": Parameter((members * self.units, p), decays=True),
            "b": Parameter((members, self.units)),
        }

    def init(self, rng: np.random.Generator, theta: Mapping[str, Array]) -> None:
        """b = 0, and each A as ``weights`` draws it"""
        theta["b"][...] = 0
        for part in np.split(theta["A"], len(theta["b"])):
            part[...] = draw("Heads", self.weights, rng, part.shape)

    @staticmethod
    def init_from_data(rng: np.random.Generator, x: Array, arrays: Mapping[str, Array]) -> None:
        """Each head as `Dense` does it, by the rows of its member."""
        A, b = arrays["A"], arrays["b"]
        for k, part in enumerate(np.split(A, len(b))):
            fit_affine(rng, x[:, k], {"A": part, "b": b[k]})

    def flops_at(self, shape: Shape) -> int:
        return 2 * shape[0] * shape[1] * self.units

    def onnx(self, g: OnnxGraph) -> str:
        """(n, k, p) -> (n, k, 1, p) -> (n, k, 1, q) -> (n, k, q)"""
        middle = g.constant([2], np.int64)
        A = g.theta["A"].reshape(g.shape[0], self.units, g.p).transpose(0, 2, 1)
        z = g.op("MatMul", g.op("Unsqueeze", g.x, middle), g.constant(A))
        return g.op("Add", g.op("Squeeze", z, middle), g.parameter("b"))

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        z = Op("MatMul", Op("Unsqueeze", "x", "middle"), "A")
        return (Form(Op("Add", Op("Squeeze", z, "middle"), "b"), _read),)

    @staticmethod
    def forward(x: Array, y: Array, A: Array, b: Array, rows: range) -> None:
        """y = x Aᵀ + b, with the A and b of each member"""
        (members, q), p = b.shape, A.shape[1]
        for i in rows:
            for k in range(members):
                for o in range(q):
                    total = b[k, o]
                    for j in range(p):
                        total += A[k * q + o, j] * x[i, k * p + j]
                    y[i, k * q + o] = total

    @staticmethod
    def backward_x(dy: Array, dx: Array, A: Array, b: Array, rows: range) -> None:
        """dx = dy A, with the A of each member"""
        (members, q), p = b.shape, A.shape[1]
        for i in rows:
            for k in range(members):
                for j in range(p):
                    dx[i, k * p + j] = dy[i, k * q] * A[k * q, j]
                for o in range(1, q):
                    d = dy[i, k * q + o]
                    for j in range(p):
                        dx[i, k * p + j] += d * A[k * q + o, j]

    @staticmethod
    def backward_theta(
        x: Array, dy: Array, dA: Array, db: Array, alpha: float, thread: int, threads: int
    ) -> None:
        """dA += alpha dyᵀ x, db += alpha Σ_n dy, for each member"""
        (members, q), p = db.shape, dA.shape[1]
        for k in range(members * thread // threads, members * (thread + 1) // threads):
            for o in range(q):
                for i in range(x.shape[0]):
                    d = alpha * dy[i, k * q + o]
                    db[k, o] += d
                    for j in range(p):
                        dA[k * q + o, j] += d * x[i, k * p + j]


def _read(kind: Any, node: OnnxNode) -> Reading | None:
    if node.whole("middle") != [2] or not (node.is_constant("A") and node.is_constant("b")):
        return None
    A, b = node.array("A"), node.array("b")
    if A.ndim != 3 or b.shape != (A.shape[0], A.shape[2]):
        return None
    members, p, q = A.shape
    theta = {"A": A.transpose(0, 2, 1).reshape(members * q, p), "b": b}
    return Reading(kind(q), node.value("x"), theta, takes=p, shape=(members, q))


examples = (Heads(1), Heads(3))
