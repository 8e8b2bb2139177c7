"""Permute: the axes of an example in another order; (n, …) -> (n, …).

With ``axes`` (2, 1), y_{n,j,i} = x_{n,i,j}. Axes count from 1: axis 0 is that of the examples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ..layer import Array, Layer
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, OnnxNode, Op, Reading
from ..printing import shown
from ..shape import Shape
from ..validate import axes_of

__all__ = ["Permute"]


@dataclass(frozen=True, repr=False)
class Permute(Layer):
    """Reorder the axes of an example: axis k of y is axis ``axes[k − 1]`` of x.

    Φ: dx is dy with its axes back in their old order.

    Parameters
    ----------
    axes : tuple of int
        A permutation of 1, …, k for examples of k axes.
    """

    axes: tuple[int, ...]

    def __post_init__(self) -> None:
        axes = axes_of("Permute", "axes", self.axes, least=0)
        if sorted(axes) != list(range(1, len(axes) + 1)):
            counted = ", counted from 1: the axis of the examples is 0" if 0 in axes else ""
            raise InputError(
                f"Permute: axes must be 1, …, {len(axes)} in any order, "
                f"got {shown(self.axes)}{counted}"
            )
        object.__setattr__(self, "axes", axes)

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != len(self.axes):
            raise InputError(
                f"Permute: axes {self.axes} are those of examples with {len(self.axes)} axes, but "
                f"the input is of shape {shape}; put Reshape(…) before it"
            )
        return tuple(shape[axis - 1] for axis in self.axes)

    def flops_at(self, shape: Shape) -> int:
        """Return 0."""
        return 0

    def settings_at(self, shape: Shape) -> dict[str, Any]:
        """Return where in x the pieces of y come from, and how long a piece is.

        Last axes that stay in their places are one piece together.
        """
        moved = len(shape)
        while moved and self.axes[moved - 1] == moved:
            moved -= 1
        places = np.arange(math.prod(shape[:moved]), dtype=np.int32).reshape(shape[:moved])
        pieces = places.transpose([axis - 1 for axis in self.axes[:moved]]).reshape(-1)
        return {"pieces": pieces, "length": math.prod(shape[moved:])}

    def onnx(self, g: OnnxGraph) -> str:
        return g.op("Transpose", g.x, perm=[0, *self.axes])

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return (Form(Op("Transpose"), _read),)

    @staticmethod
    def forward(x: Array, y: Array, pieces: Array, length: int, rows: range) -> None:
        """y = x with its axes permuted"""
        for i in rows:
            for k in range(pieces.shape[0]):
                start = pieces[k] * length
                for j in range(length):
                    y[i, k * length + j] = x[i, start + j]

    @staticmethod
    def backward_x(dy: Array, dx: Array, pieces: Array, length: int, rows: range) -> None:
        """dx = dy with its axes permuted back"""
        for i in rows:
            for k in range(pieces.shape[0]):
                start = pieces[k] * length
                for j in range(length):
                    dx[i, start + j] = dy[i, k * length + j]


def _read(kind: Any, node: OnnxNode) -> Reading:
    perm = [_whole(node, axis) for axis in node.given(perm=[])["perm"]]
    if not perm or perm[0] != 0:
        raise node.error("moves the axis of the examples")
    return Reading(kind(tuple(perm[1:])), node.value(0), rank=len(perm) - 1)


def _whole(node: OnnxNode, axis: float) -> int:
    if axis != int(axis):
        raise node.error(f"has perm {axis!r}; expected whole numbers")
    return int(axis)


examples = (Permute((2, 1)), Permute((2, 1, 3)))
