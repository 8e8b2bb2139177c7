"""Affine: y = s ⊙ x + b, a factor and a summand for each input; (n, p) -> (n, p), s and b (p,).

It is what batch normalisation predicts with, and what standardises inputs.

Source: Touvron et al., "ResMLP: feedforward networks for image classification with data-efficient
training", arXiv:2105.03404, equation 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..layer import Array, Layer, Parameter
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, OnnxNode, Op, Reading

__all__ = ["Affine"]


@dataclass(frozen=True, repr=False)
class Affine(Layer):
    """y = s ⊙ x + b: a learnable factor, first 1, and a summand, first 0, for each input."""

    entrywise: ClassVar[bool] = True

    def parameters(self, p: int) -> dict[str, Parameter]:
        """Return s (p,) and b (p,)."""
        return {"s": Parameter((p,)), "b": Parameter((p,))}

    def init(self, rng: np.random.Generator, theta: Mapping[str, Array]) -> None:
        """s = 1, b = 0"""
        theta["s"][...] = 1
        theta["b"][...] = 0

    def flops(self, p: int) -> int:
        """Return the operations for one row."""
        return 2 * p

    def onnx(self, g: OnnxGraph) -> str:
        return g.op("Add", g.op("Mul", g.x, g.parameter("s")), g.parameter("b"))

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return (
            Form(Op("Add"), _read_add),
            Form(Op("Sub"), _read_sub),
            Form(Op("Mul"), _read_mul),
            Form(Op("Div"), _read_div),
            Form(Op("Neg"), _read_neg),
            Form(Op("ai.onnx.ml.Scaler"), _read_scaler),
        )

    @staticmethod
    def forward(x: Array, y: Array, s: Array, b: Array, rows: range, units: range) -> None:
        """y = s ⊙ x + b"""
        for i in rows:
            for j in units:
                y[i, j] = s[j] * x[i, j] + b[j]

    @staticmethod
    def backward_x(dy: Array, dx: Array, s: Array, rows: range, units: range) -> None:
        """dx = s ⊙ dy"""
        for i in rows:
            for j in units:
                dx[i, j] = s[j] * dy[i, j]

    @staticmethod
    def backward_theta(
        x: Array, dy: Array, ds: Array, db: Array, alpha: float, units: range
    ) -> None:
        """ds += alpha Σ_n dy ⊙ x, db += alpha Σ_n dy"""
        for i in range(x.shape[0]):
            for j in units:
                d = alpha * dy[i, j]
                ds[j] += d * x[i, j]
                db[j] += d


def _reading(
    kind: Any, node: OnnxNode, x: str, s: Array, b: Array, axis: int | None = None
) -> Reading:
    """Return s ⊙ x + b, in float64 until it is known what takes it up."""
    s, b = np.atleast_1d(s).astype(np.float64), np.atleast_1d(b).astype(np.float64)
    widths = {part.size for part in (s, b)} - {1}
    if len(widths) > 1:
        raise node.error(f"has constants {s.shape} and {b.shape}, which are of different widths")
    if not (np.isfinite(s).all() and np.isfinite(b).all()):
        raise node.error("has constants that, taken together, are too large")
    return Reading(kind(), x, {"s": s, "b": b}, takes=next(iter(widths), None), axis=axis)


def _constant(node: OnnxNode) -> tuple[int, int] | None:
    """Return the places of the constant and of the other input, if there is one of each."""
    node.given(2)
    places = [k for k in (0, 1) if node.is_constant(k)]
    return (places[0], 1 - places[0]) if len(places) == 1 else None


def _read_add(kind: Any, node: OnnxNode) -> Reading | None:
    found = _constant(node)
    if found is None:
        return None
    shape, held = node.examples(found[1]), node.array(found[0]).shape
    if shape is not None and len(shape[1]) == 2 and held[-2:] == shape[1] and shape[1][0] > 1:
        return None  # a row for each step
    b, axis = node.along(*found)
    return _reading(kind, node, node.value(found[1]), np.ones(1), b, axis)


def _read_sub(kind: Any, node: OnnxNode) -> Reading | None:
    found = _constant(node)
    if found is None:
        return None
    (c, axis), x = node.along(*found), node.value(found[1])
    sign = 1.0 if found[0] == 1 else -1.0
    return _reading(kind, node, x, np.array([sign]), -sign * c, axis)


def _read_mul(kind: Any, node: OnnxNode) -> Reading | None:
    found = _constant(node)
    if found is None:
        return None
    s, axis = node.along(*found)
    return _reading(kind, node, node.value(found[1]), s, np.zeros(1), axis)


def _read_div(kind: Any, node: OnnxNode) -> Reading | None:
    if _constant(node) is None or node.is_constant(0):
        return None
    with np.errstate(divide="ignore", over="ignore"):  # what is not finite is named below
        s, axis = node.along(1, 0)
        s = 1 / s
    if not np.isfinite(s).all():
        raise node.error("divides by 0, or by a number too close to it")
    return _reading(kind, node, node.value(0), s, np.zeros(1), axis)


def _read_neg(kind: Any, node: OnnxNode) -> Reading:
    node.given()
    return _reading(kind, node, node.value(0), -np.ones(1), np.zeros(1))


def _read_scaler(kind: Any, node: OnnxNode) -> Reading:
    """(x − offset) ⊙ scale"""
    given = node.given(offset=[], scale=[])
    offset, s = (np.array(given[name], np.float64) for name in ("offset", "scale"))
    if not (offset.size and s.size):
        raise node.error("lacks an offset or a scale")
    with np.errstate(over="ignore"):  # what is not finite is named by what follows
        return _reading(kind, node, node.value(0), s, -offset * s)


examples = (Affine(),)
