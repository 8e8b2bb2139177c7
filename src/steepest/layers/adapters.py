"""Adapters: y_k = r_k ⊙ x, one scaled copy of x for each of k members; (n, p) -> (n, k, p).

The members of an ensemble then share the layers that follow: these see k rows for every example,
and `Heads` tells the members apart again. R (k, p) begins with random signs, so that the members
begin, and stay, different.

Source: Gorishniy, Kotelnikov & Babenko, "TabM: advancing tabular deep learning with
parameter-efficient ensembling", ICLR 2025, arXiv:2410.24210, section 3 ("TabM-mini").
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..layer import Array, Layer, Parameter
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, OnnxNode, Op, Reading
from ..shape import Shape
from ..validate import positive_count
from ._members import flat_shape

__all__ = ["Adapters"]


@dataclass(frozen=True, repr=False)
class Adapters(Layer):
    """One copy of the input for each member of an ensemble, each with scales of its own.

    Φ: dx = Σ_k r_k ⊙ dy_k; dr_k = Σ_n x ⊙ dy_k.

    Parameters
    ----------
    members : int
        k.
    """

    members: int = 16

    def __post_init__(self) -> None:
        positive_count("Adapters", "members", self.members)

    def output_shape(self, shape: Shape) -> Shape:
        """Return (k, p)."""
        return (self.members, *flat_shape("Adapters", shape))

    def parameters_at(self, shape: Shape) -> dict[str, Parameter]:
        """Return R (k, p)."""
        return {"R": Parameter((self.members, shape[-1]))}

    def init(self, rng: np.random.Generator, theta: Mapping[str, Array]) -> None:
        """R = ±1"""
        theta["R"][...] = rng.choice((-1.0, 1.0), theta["R"].shape)

    def flops_at(self, shape: Shape) -> int:
        return self.members * math.prod(shape)

    def onnx(self, g: OnnxGraph) -> str:
        """(n, p) -> (n, 1, p) -> (n, k, p)"""
        x = g.op("Unsqueeze", g.x, g.constant([1], np.int64))
        return g.op("Mul", x, g.parameter("R"))

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return (Form(Op("Mul", Op("Unsqueeze", "x", "first"), "R"), _read),)

    @staticmethod
    def forward(x: Array, y: Array, R: Array, rows: range) -> None:
        """y = R ⊙ x, for each row of R"""
        members, p = R.shape
        for i in rows:
            for k in range(members):
                for j in range(p):
                    y[i, k * p + j] = R[k, j] * x[i, j]

    @staticmethod
    def backward_x(dy: Array, dx: Array, R: Array, rows: range) -> None:
        """dx = Σ_k R ⊙ dy"""
        members, p = R.shape
        for i in rows:
            for j in range(p):
                dx[i, j] = R[0, j] * dy[i, j]
            for k in range(1, members):
                for j in range(p):
                    dx[i, j] += R[k, j] * dy[i, k * p + j]

    @staticmethod
    def backward_theta(x: Array, dy: Array, dR: Array, alpha: float, inputs: range) -> None:
        """dR += alpha Σ_n x ⊙ dy"""
        members, p = dR.shape
        for k in range(members):
            for i in range(x.shape[0]):
                for j in inputs:
                    dR[k, j] += alpha * (x[i, j] * dy[i, k * p + j])


def _read(kind: Any, node: OnnxNode) -> Reading | None:
    if node.whole("first") != [1] or not node.is_constant("R"):
        return None
    R = node.array("R")
    if R.ndim != 2:
        return None
    return Reading(kind(len(R)), node.value("x"), {"R": R}, takes=R.shape[1], shape=R.shape)


examples = (Adapters(3), Adapters(1))
