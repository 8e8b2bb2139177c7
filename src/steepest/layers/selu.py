"""SELU: y = λ·x where x > 0, λ·α·(eˣ − 1) elsewhere; (n, p) -> (n, p).

λ = 1.0507… and α = 1.6733… keep mean 0 and variance 1 from layer to layer.

Source: Klambauer, Unterthiner, Mayr & Hochreiter, "Self-normalizing neural networks", NeurIPS 2017,
arXiv:1706.02515, equation 2 and section 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..kernels.functions import exp, expm1
from ..layer import Array, Layer
from ..onnx_form import Operator

__all__ = ["SELU"]

_SCALE = 1.0507009873554804934
_BEND = 1.6732632423543772848


@dataclass(frozen=True, repr=False)
class SELU(Layer):
    """y = λ·x where x > 0, λ·α·(eˣ − 1) elsewhere."""

    steepest_slope: ClassVar[float | None] = 1.76
    onnx = Operator("Selu", fixed={"alpha": _BEND, "gamma": _SCALE})

    @staticmethod
    def forward(x: Array, y: Array, rows: range, units: range) -> None:
        """y = 1.0507·x if x > 0 else 1.7581·(exp(x) − 1)"""
        zero = x.dtype.type(0)
        scale, bend = x.dtype.type(_SCALE), x.dtype.type(_SCALE * _BEND)
        for i in rows:
            for j in units:
                v = x[i, j]
                low = bend * expm1(zero if v > zero else v, x)
                y[i, j] = scale * v if v > zero else low

    @staticmethod
    def backward_x(x: Array, dy: Array, dx: Array, rows: range, units: range) -> None:
        """dx = dy ⊙ (1.0507 if x > 0 else 1.7581·exp(x))"""
        zero = x.dtype.type(0)
        scale, bend = x.dtype.type(_SCALE), x.dtype.type(_SCALE * _BEND)
        for i in rows:
            for j in units:
                v, d = x[i, j], dy[i, j]
                low = d * bend * exp(zero if v > zero else v, x)
                dx[i, j] = d * scale if v > zero else low


examples = (SELU(),)
