"""PReLU: y = x where x > 0, a ⊙ x elsewhere, a learnable slope for each unit.

(n, p) -> (n, p), a (p,), which begins at 0.25. The derivative at 0 is taken to be a.

Source: He, Zhang, Ren & Sun, "Delving deep into rectifiers", ICCV 2015, arXiv:1502.01852,
section 2.1, with a slope for each channel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..layer import Array, Layer, Parameter
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, OnnxNode, Op, Reading
from ..validate import number

__all__ = ["PReLU"]


@dataclass(frozen=True, repr=False)
class PReLU(Layer):
    """y = x where x > 0, a ⊙ x elsewhere, with a learnable slope a for each unit.

    Parameters
    ----------
    init_slope : float
        What all of a is at first.
    """

    entrywise: ClassVar[bool] = True
    torch_names: ClassVar[Mapping[str, str]] = {"a": "weight"}

    init_slope: float = 0.25

    def __post_init__(self) -> None:
        number("PReLU", "init_slope", self.init_slope)

    def parameters(self, p: int) -> dict[str, Parameter]:
        """Return a (p,)."""
        return {"a": Parameter((p,))}

    def init(self, rng: np.random.Generator, theta: Mapping[str, Array]) -> None:
        """a = init_slope"""
        theta["a"][...] = self.init_slope

    def onnx(self, g: OnnxGraph) -> str:
        return g.op("PRelu", g.x, g.parameter("a"))

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return (Form(Op("PRelu"), _read),)

    @staticmethod
    def forward(x: Array, y: Array, a: Array, rows: range, units: range) -> None:
        """y = x if x > 0 else a ⊙ x"""
        zero = x.dtype.type(0)
        for i in rows:
            for j in units:
                v = x[i, j]
                y[i, j] = v if v > zero else a[j] * v

    @staticmethod
    def backward_x(x: Array, dy: Array, dx: Array, a: Array, rows: range, units: range) -> None:
        """dx = dy ⊙ (1 if x > 0 else a)"""
        zero = x.dtype.type(0)
        for i in rows:
            for j in units:
                d = dy[i, j]
                dx[i, j] = d if x[i, j] > zero else a[j] * d

    @staticmethod
    def backward_theta(x: Array, dy: Array, da: Array, alpha: float, units: range) -> None:
        """da += alpha Σ_n dy ⊙ min(x, 0)"""
        zero = x.dtype.type(0)
        for i in range(x.shape[0]):
            for j in units:
                v = x[i, j]
                da[j] += alpha * dy[i, j] * (zero if v > zero else v)


def _read(kind: Any, node: OnnxNode) -> Reading:
    node.given(2)
    a, axis = node.along(1, 0)
    return Reading(kind(), node.value(0), {"a": a}, axis=axis)


examples = (PReLU(), PReLU(-0.5))
