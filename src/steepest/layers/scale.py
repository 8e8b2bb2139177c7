"""Scale: y = s ⊙ x, a learnable factor for each input; (n, p) -> (n, p), s (p,).

In front of a network for tables it learns which columns matter.

Source: Holzmüller, Grinsztajn & Steinwart, "Better by default: strong pre-tuned MLPs and boosted
trees on tabular data", NeurIPS 2024, arXiv:2407.04491, section 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..layer import Array, Layer, Parameter
from ..onnx_form import OnnxGraph

__all__ = ["Scale"]


@dataclass(frozen=True, repr=False)
class Scale(Layer):
    """y = s ⊙ x, with a factor s for each input that begins at 1."""

    entrywise: ClassVar[bool] = True

    def parameters(self, p: int) -> dict[str, Parameter]:
        """Return s (p,)."""
        return {"s": Parameter((p,))}

    def init(self, rng: np.random.Generator, theta: Mapping[str, Array]) -> None:
        """s = 1"""
        theta["s"][...] = 1

    def onnx(self, g: OnnxGraph) -> str:
        return g.op("Mul", g.x, g.parameter("s"))

    @staticmethod
    def forward(x: Array, y: Array, s: Array, rows: range, units: range) -> None:
        """y = s ⊙ x"""
        for i in rows:
            for j in units:
                y[i, j] = s[j] * x[i, j]

    @staticmethod
    def backward_x(dy: Array, dx: Array, s: Array, rows: range, units: range) -> None:
        """dx = s ⊙ dy"""
        for i in rows:
            for j in units:
                dx[i, j] = s[j] * dy[i, j]

    @staticmethod
    def backward_theta(x: Array, dy: Array, ds: Array, alpha: float, units: range) -> None:
        """ds += alpha Σ_n dy ⊙ x"""
        for i in range(x.shape[0]):
            for j in units:
                ds[j] += alpha * dy[i, j] * x[i, j]

    @staticmethod
    def example_norms(x: Array, dy: Array, norms: Array, i: Array, rows: range) -> None:
        """norms[i] = ‖dy ⊙ x‖²"""
        for r in rows:
            total = x.dtype.type(0)
            for j in range(x.shape[1]):
                d = dy[r, j] * x[r, j]
                total += d * d
            norms[i[r]] = total

    @staticmethod
    def example_gradients(x: Array, dy: Array, ds: Array, i: Array, rows: range) -> None:
        """ds[i] = dy ⊙ x"""
        for r in rows:
            row = i[r]
            for j in range(x.shape[1]):
                ds[row, j] = dy[r, j] * x[r, j]

    @staticmethod
    def example_squares(x: Array, dy: Array, ds: Array, alpha: float, units: range) -> None:
        """ds += alpha Σ_n (dy ⊙ x)²"""
        for r in range(x.shape[0]):
            for j in units:
                d = dy[r, j] * x[r, j]
                ds[j] += alpha * d * d


examples = (Scale(),)
