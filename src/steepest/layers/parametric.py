"""Parametric: y = x + w ⊙ (f(x) − x), f with a learnable strength w for each unit.

(n, p) -> (n, p), w (p,). It begins at w = 1, where y = f(x); at w = 0 the unit is linear.

Source: Holzmüller, Grinsztajn & Steinwart, "Better by default", NeurIPS 2024, arXiv:2407.04491,
section 3.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..emitter import Backward, Emitter
from ..engine.operands import Buffer
from ..errors import InputError
from ..layer import Array, Layer, Parameter
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, OnnxNode, Op, Reading
from ..shape import Shape, check_inputs
from ._combinator import Combinator, add, output_shape
from ._reading import joined
from .dense import Dense
from .selu import SELU
from .sequential import Sequential

__all__ = ["Parametric"]


class Parametric(Combinator):
    """An activation with a learnable strength for each unit: y = x + w ⊙ (f(x) − x).

    Φ: dw = Σ_n dy ⊙ (f(x) − x); dx = (1 − w) ⊙ dy + (what f's own Φ makes of w ⊙ dy).

    Parameters
    ----------
    activation : Layer
        f, like ``SELU()``; must keep the width.
    """

    def __init__(self, activation: Layer) -> None:
        super().__init__(activation)

    def output_shape(self, shape: Shape) -> Shape:
        found = output_shape("0", self.layers[0], shape)
        if found != shape:
            widths = len(shape) == len(found) == 1
            told = f"{shape[0]} inputs into {found[0]}" if widths else f"{shape} into {found}"
            raise InputError(
                f"Parametric: the activation must keep the {'width' if widths else 'shape'}, but "
                f"{self.layers[0]!r} turns {told} outputs"
            )
        return shape

    def parameters(self, p: int) -> dict[str, Parameter]:
        """Return w (p,)."""
        return {"w": Parameter((p,))}

    def init(self, rng: np.random.Generator, theta: Mapping[str, Array]) -> None:
        """w = 1"""
        theta["w"][...] = 1

    def memory_at(self, n: int, shape: Shape) -> dict[str, tuple[int, ...]]:
        """Return the shape of f(x), which the layer inside leaves."""
        return {"f": (n * math.prod(shape[:-1]), shape[-1])}

    def children_at(self, shape: Shape) -> list[tuple[str, Layer, Shape]]:
        return [("0", self.layers[0], shape)]

    def check_inputs(self, X: Array) -> None:
        check_inputs(self.layers[0], X)

    def flops_at(self, shape: Shape) -> int:
        return super().flops_at(shape) + 3 * math.prod(shape)

    def lower(self, low: Emitter, x: Buffer) -> tuple[Buffer, Backward]:
        p = x.shape[-1]
        f, back = low.child("0", self.layers[0], x)
        y = low.array("y", *x.shape)
        names: dict[str, Any] = {"x": x.as_rows(), "f": f.as_rows(), "y": y.as_rows()}
        names |= {"rows": low.row_share(y.size // p), **low.theta(self, p)}
        low.emit(self.forward, names, flops=3 * y.size)

        def backward(dy: Buffer, wants_dx: bool) -> Buffer | None:
            names["dy"] = dy.as_rows()
            df, rest = low.array("df", *x.shape), low.array("rest", *x.shape)
            parts = {"df": df.as_rows(), "rest": rest.as_rows()}
            low.emit(self.backward_x, {**names, **parts}, flops=3 * y.size)
            through = back(df, wants_dx)
            low.backward_theta(self, p, self.backward_theta, names, 3 * y.size)
            if not wants_dx:
                return None
            assert through is not None
            dx = low.array("dx", *x.shape)
            add(low, rest, through, dx)
            return dx

        return y, backward

    def onnx(self, g: OnnxGraph) -> str:
        f = g.child("0", self.layers[0], g.x, g.shape)
        bent = g.op("Mul", g.parameter("w"), g.op("Sub", f, g.x))
        return g.op("Add", g.x, bent)

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return (Form(Op("Add", "x", Op("Mul", "w", Op("Sub", "f", "x"))), _read),)

    @staticmethod
    def forward(x: Array, f: Array, y: Array, w: Array, rows: range) -> None:
        """y = x + w ⊙ (f − x)"""
        for i in rows:
            for j in range(x.shape[1]):
                v = x[i, j]
                y[i, j] = v + w[j] * (f[i, j] - v)

    @staticmethod
    def backward_x(dy: Array, w: Array, df: Array, rest: Array, rows: range) -> None:
        """df = w ⊙ dy, rest = dy − df"""
        for i in rows:
            for j in range(dy.shape[1]):
                d = dy[i, j]
                s = w[j] * d
                df[i, j] = s
                rest[i, j] = d - s

    @staticmethod
    def backward_theta(
        x: Array, f: Array, dy: Array, dw: Array, alpha: float, units: range
    ) -> None:
        """dw += alpha Σ_n dy ⊙ (f − x)"""
        for i in range(x.shape[0]):
            for j in units:
                dw[j] += alpha * dy[i, j] * (f[i, j] - x[i, j])


def _read(kind: Any, node: OnnxNode) -> Reading | None:
    if not node.is_constant("w"):
        return None
    x = node.value("x")
    origin, (inside, straight) = node.branches(node.value("f"), x)
    if straight:
        return None
    part = joined(inside)
    return Reading(kind(part.layer), origin, {"w": node.row("w")}, [part])


examples = (
    Parametric(SELU()),
    Parametric(Parametric(Sequential(Dense(17), Dense(5)))),
)
