"""LayerNorm: y = gamma ⊙ (x − μ)/σ + beta; (n, p) -> (n, p), gamma (p,), beta (p,).

μ is the mean of the row, σ² = (1/p) Σ_j (x_j − μ)² + eps.

Source: Ba, Kiros & Hinton, "Layer normalization", arXiv:1607.06450.
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

__all__ = ["LayerNorm"]


@dataclass(frozen=True, repr=False)
class LayerNorm(Layer):
    """Bring every row to mean 0 and variance 1, then scale and shift its entries.

    Parameters
    ----------
    eps : float
        Added to the variance.
    """

    sums_rows: ClassVar[bool] = True
    scales_and_shifts: ClassVar[tuple[str, int, str]] = ("gamma", 0, "beta")
    torch_names: ClassVar[Mapping[str, str]] = {"gamma": "weight", "beta": "bias"}

    eps: float = 1e-5

    def __post_init__(self) -> None:
        number("LayerNorm", "eps", self.eps, above=0)

    def parameters(self, p: int) -> dict[str, Parameter]:
        """Return gamma (p,) and beta (p,)."""
        return {"gamma": Parameter((p,)), "beta": Parameter((p,))}

    def memory(self, n: int, p: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of μ and 1/σ."""
        return {"mean": (n,), "inverse": (n,)}

    def init(self, rng: np.random.Generator, theta: Mapping[str, Array]) -> None:
        """gamma = 1, beta = 0"""
        theta["gamma"][...] = 1
        theta["beta"][...] = 0

    def flops(self, p: int) -> int:
        """Return the operations for one row."""
        return 8 * p

    def onnx(self, g: OnnxGraph) -> str:
        given = g.x, g.parameter("gamma"), g.parameter("beta")
        return g.op("LayerNormalization", *given, axis=-1, epsilon=self.eps)

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return (Form(Op("LayerNormalization"), _read),)

    @staticmethod
    def forward(
        x: Array,
        y: Array,
        gamma: Array,
        beta: Array,
        mean: Array,
        inverse: Array,
        eps: float,
        rows: range,
    ) -> None:
        """y = gamma ⊙ (x − mean) ⊙ inverse + beta, inverse = 1/√(var(x) + eps)"""
        p = x.shape[1]
        one = x.dtype.type(1)
        share = one / x.dtype.type(p)
        for i in rows:
            total = x.dtype.type(0)
            for j in range(p):
                total += x[i, j]
            middle = total * share
            squares = x.dtype.type(0)
            for j in range(p):
                d = x[i, j] - middle
                squares += d * d
            factor = one / x.dtype.type(math.sqrt(squares * share + eps))
            for j in range(p):
                y[i, j] = gamma[j] * ((x[i, j] - middle) * factor) + beta[j]
            mean[i] = middle
            inverse[i] = factor

    @staticmethod
    def backward_x(
        x: Array, dy: Array, dx: Array, gamma: Array, mean: Array, inverse: Array, rows: range
    ) -> None:
        """dx = inverse ⊙ (d − Σ_j d/p − u Σ_j d ⊙ u/p), d = gamma ⊙ dy, u = (x − mean) ⊙ inverse"""
        p = x.shape[1]
        share = x.dtype.type(1) / x.dtype.type(p)
        for i in rows:
            middle, factor = mean[i], inverse[i]
            along_1, along_u = x.dtype.type(0), x.dtype.type(0)
            for j in range(p):
                d = gamma[j] * dy[i, j]
                along_1 += d
                along_u += d * ((x[i, j] - middle) * factor)
            along_1 *= share
            along_u *= share
            for j in range(p):
                u = (x[i, j] - middle) * factor
                dx[i, j] = factor * (gamma[j] * dy[i, j] - along_1 - u * along_u)

    @staticmethod
    def backward_theta(
        x: Array,
        dy: Array,
        dgamma: Array,
        dbeta: Array,
        mean: Array,
        inverse: Array,
        alpha: float,
        units: range,
    ) -> None:
        """dgamma += alpha Σ_n dy ⊙ (x − mean) ⊙ inverse; dbeta += alpha Σ_n dy"""
        for i in range(x.shape[0]):
            middle, factor = mean[i], inverse[i]
            for j in units:
                d = alpha * dy[i, j]
                dgamma[j] += d * ((x[i, j] - middle) * factor)
                dbeta[j] += d

    @staticmethod
    def example_norms(
        x: Array, dy: Array, mean: Array, inverse: Array, norms: Array, i: Array, rows: range
    ) -> None:
        """norms[i] = ‖dy ⊙ u‖² + ‖dy‖², u = (x − mean) ⊙ inverse"""
        one = x.dtype.type(1)
        for r in rows:
            middle, factor = mean[r], inverse[r]
            total = x.dtype.type(0)
            for j in range(x.shape[1]):
                u = (x[r, j] - middle) * factor
                d = dy[r, j]
                total += d * d * (u * u + one)
            norms[i[r]] = total

    @staticmethod
    def example_gradients(
        x: Array,
        dy: Array,
        mean: Array,
        inverse: Array,
        dgamma: Array,
        dbeta: Array,
        i: Array,
        rows: range,
    ) -> None:
        """dgamma[i] = dy ⊙ (x − mean) ⊙ inverse, dbeta[i] = dy"""
        for r in rows:
            row, middle, factor = i[r], mean[r], inverse[r]
            for j in range(x.shape[1]):
                d = dy[r, j]
                dgamma[row, j] = d * ((x[r, j] - middle) * factor)
                dbeta[row, j] = d

    @staticmethod
    def example_squares(
        x: Array,
        dy: Array,
        dgamma: Array,
        dbeta: Array,
        mean: Array,
        inverse: Array,
        alpha: float,
        units: range,
    ) -> None:
        """dgamma += alpha Σ_n (dy ⊙ (x − mean) ⊙ inverse)²; dbeta += alpha Σ_n dy²"""
        for r in range(x.shape[0]):
            middle, factor = mean[r], inverse[r]
            for j in units:
                u = (x[r, j] - middle) * factor
                d = alpha * dy[r, j] * dy[r, j]
                dgamma[j] += d * u * u
                dbeta[j] += d


def _read(kind: Any, node: OnnxNode) -> Reading:
    given = node.given(3, axis=-1, epsilon=1e-5, stash_type=1)
    if given["axis"] not in (node.rank(0) or 1, -1):
        raise node.error("does not run over the columns alone")
    gamma = node.row(1)
    beta = node.row(2) if node.has(2) else np.zeros_like(gamma)
    theta = {"gamma": gamma, "beta": beta}
    return Reading(kind(given["epsilon"]), node.value(0), theta, axis=given["axis"])


examples = (LayerNorm(), LayerNorm(eps=0.1))
