"""GELU: y = x·Φ(x), where Φ is the normal distribution function; (n, p) -> (n, p).

By itself it is the exact function, Φ(x) = ½ erfc(−x/√2). With ``approximate="tanh"`` it is

    Φ(x) ≈ ½ (1 + tanh u) = σ(2u),   u = √(2/π) (x + 0.044715 x³)

which some networks were trained with. Where a backward pass follows, the forward pass keeps dy/dx:
both come of one exponential.

Source: Hendrycks & Gimpel, "Gaussian error linear units", arXiv:1606.08415, section 2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from ..emitter import Backward, Emitter
from ..engine.operands import Buffer
from ..kernels.functions import exp, sigmoid
from ..layer import Array, Layer
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, OnnxNode, Op, Reading
from ..validate import one_of

__all__ = ["GELU"]

_ROOT = 0.70710678118654752440  # 1/√2
_DENSITY = 0.39894228040143267794  # 1/√(2π)
_SLOPE = 0.79788456080286535588  # √(2/π)
_CUBE = 0.044715
_FAR = 30.0  # beyond it, the tanh is ±1 in float64 too, and x³ might overflow


@dataclass(frozen=True, repr=False)
class GELU(Layer):
    """y = x·P(Z ≤ x) for a standard normal Z.

    Parameters
    ----------
    approximate : {"none", "tanh"}
        Whether P is exact, or its approximation by a hyperbolic tangent, which is less than 0.001
        away.
    """

    steepest_slope: ClassVar[float | None] = 1.13

    approximate: str = "none"

    def __post_init__(self) -> None:
        one_of("GELU", "approximate", self.approximate, ("none", "tanh"))

    def settings(self) -> dict[str, Any]:
        return {"by_tanh": int(self.approximate == "tanh")}

    def lower(self, low: Emitter, x: Buffer) -> tuple[Buffer, Backward]:
        if not low.goes_back:
            return super().lower(low, x)
        y, slope = low.array("y", *x.shape), low.array("slope", *x.shape)
        names = {"x": x, "y": y, "slope": slope, **self.settings()}
        low.emit(self.forward_and_slope, names, flops=2 * x.size)

        def backward(dy: Buffer, wants_dx: bool) -> Buffer | None:
            if not wants_dx:
                return None
            dx = low.array("dx", *x.shape)
            low.emit(times_slope, {"y": y, "slope": slope, "dy": dy, "dx": dx}, flops=x.size)
            return dx

        return y, backward

    def onnx(self, g: OnnxGraph) -> str:
        return g.op("Gelu", g.x, approximate=self.approximate)

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        def of_sum(t: Op) -> Op:
            return Op("Mul", 0.5, "x", Op("Add", 1.0, t))

        cubic = Op("Mul", _SLOPE, Op("Add", "x", Op("Mul", _CUBE, "x", "x", "x")))
        factored = Op("Mul", _SLOPE, "x", Op("Add", 1.0, Op("Mul", _CUBE, "x", "x")))
        return (
            Form(Op("Gelu"), _read),
            Form(of_sum(Op("Erf", Op("Mul", "x", _ROOT)))),
            Form(of_sum(Op("Tanh", cubic)), approximate="tanh"),
            Form(of_sum(Op("Tanh", factored)), approximate="tanh"),
        )

    @staticmethod
    def forward(x: Array, y: Array, by_tanh: int, rows: range, units: range) -> None:
        """y = x ⊙ ½ erfc(−x/√2), or by tanh"""
        half, root = x.dtype.type(0.5), x.dtype.type(_ROOT)
        if by_tanh:
            forward_by_tanh(x, y, rows, units)
        else:
            for i in rows:
                for j in units:
                    v = x[i, j]
                    y[i, j] = v * half * math.erfc(-v * root)

    @staticmethod
    def forward_and_slope(
        x: Array, y: Array, slope: Array, by_tanh: int, rows: range, units: range
    ) -> None:
        """y = x ⊙ ½ erfc(−x/√2), or by tanh; slope = dy/dx"""
        half, root = x.dtype.type(0.5), x.dtype.type(_ROOT)
        density = x.dtype.type(_DENSITY)
        if by_tanh:
            forward_and_slope_by_tanh(x, y, slope, rows, units)
        else:
            for i in rows:
                for j in units:
                    v = x[i, j]
                    p = half * math.erfc(-v * root)
                    y[i, j] = v * p
                    slope[i, j] = p + v * density * exp(-half * v * v, x)

    @staticmethod
    def backward_x(x: Array, dy: Array, dx: Array, by_tanh: int, rows: range, units: range) -> None:
        """dx = dy ⊙ (½ erfc(−x/√2) + x ⊙ exp(−x²/2)/√(2π)), or by tanh"""
        half, root = x.dtype.type(0.5), x.dtype.type(_ROOT)
        density = x.dtype.type(_DENSITY)
        if by_tanh:
            backward_by_tanh(x, dy, dx, rows, units)
        else:
            for i in rows:
                for j in units:
                    v = x[i, j]
                    p = half * math.erfc(-v * root)
                    dx[i, j] = dy[i, j] * (p + v * density * exp(-half * v * v, x))


def times_slope(y: Array, slope: Array, dy: Array, dx: Array, rows: range, units: range) -> None:
    """dx = dy ⊙ slope"""
    for i in rows:
        for j in units:
            dx[i, j] = dy[i, j] * slope[i, j]


def forward_by_tanh(x: Array, y: Array, rows: range, units: range) -> None:
    """y = x ⊙ σ(2u), u = √(2/π) (x + 0.044715 x³)"""
    real = x.dtype.type
    far, one, slope, cube = real(_FAR), real(1), real(2 * _SLOPE), real(_CUBE)
    for i in rows:
        for j in units:
            v = x[i, j]
            w = far if v > far else v
            w = -far if w < -far else w
            y[i, j] = v * sigmoid(slope * w * (one + cube * w * w), x)


def forward_and_slope_by_tanh(x: Array, y: Array, slope: Array, rows: range, units: range) -> None:
    """y = x ⊙ s, s = σ(2u); slope = s + x ⊙ s ⊙ (1 − s) ⊙ 2v, v = √(2/π) (1 + 3·0.044715 x²)"""
    real = x.dtype.type
    far, one, steep, cube = real(_FAR), real(1), real(2 * _SLOPE), real(_CUBE)
    for i in rows:
        for j in units:
            v = x[i, j]
            w = far if v > far else v
            w = -far if w < -far else w
            s = sigmoid(steep * w * (one + cube * w * w), x)
            y[i, j] = v * s
            slope[i, j] = s + w * s * (one - s) * (steep * (one + real(3) * cube * w * w))


def backward_by_tanh(x: Array, dy: Array, dx: Array, rows: range, units: range) -> None:
    """dx = dy ⊙ (s + x ⊙ s ⊙ (1 − s) ⊙ 2v), s = σ(2u), v = √(2/π) (1 + 3·0.044715 x²)"""
    real = x.dtype.type
    far, one, slope, cube = real(_FAR), real(1), real(2 * _SLOPE), real(_CUBE)
    for i in rows:
        for j in units:
            v = x[i, j]
            w = far if v > far else v
            w = -far if w < -far else w
            s = sigmoid(slope * w * (one + cube * w * w), x)
            bent = slope * (one + real(3) * cube * w * w)
            dx[i, j] = dy[i, j] * (s + w * s * (one - s) * bent)


def _read(kind: Any, node: OnnxNode) -> Reading:
    approximate = node.given(approximate="none")["approximate"]
    if approximate not in ("none", "tanh"):
        raise node.error(f"has approximate {approximate!r}, which is not known")
    return Reading(kind(approximate), node.value(0))


examples = (GELU(), GELU("tanh"))
