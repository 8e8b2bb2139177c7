"""GlobalAveragePool: y = the mean of x over all axes but the channels'; (n, …, p) -> (n, p)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..layer import Array, Layer, Shape
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, OnnxNode, Op, Reading
from .permute import Permute
from .reshape import Reshape

__all__ = ["GlobalAveragePool"]


@dataclass(frozen=True, repr=False)
class GlobalAveragePool(Layer):
    """The mean of each channel over the whole example.

    Φ: dx is dy/(pixels of the example), at every pixel.
    """

    def output_shape(self, shape: Shape) -> Shape:
        return (shape[-1],)

    def flops_at(self, shape: Shape) -> int:
        return math.prod(shape)

    def settings_at(self, shape: Shape) -> dict[str, Any]:
        """Return the number of pixels."""
        return {"pixels": math.prod(shape[:-1])}

    def onnx(self, g: OnnxGraph) -> str:
        if len(g.shape) == 1:
            return g.x
        axes = g.constant(list(range(1, len(g.shape))), np.int64)
        return g.op("ReduceMean", g.x, axes, keepdims=0)

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return (Form(Op("GlobalAveragePool"), _read_pool), Form(Op("ReduceMean"), _read_mean))

    @staticmethod
    def forward(x: Array, y: Array, pixels: int, rows: range) -> None:
        """y = Σ x / pixels"""
        channels, zero = y.shape[1], y.dtype.type(0)
        part = y.dtype.type(1) / y.dtype.type(pixels)
        for i in rows:
            for j in range(channels):
                y[i, j] = zero
            for pixel in range(pixels):
                for j in range(channels):
                    y[i, j] += x[i, pixel * channels + j]
            for j in range(channels):
                y[i, j] *= part

    @staticmethod
    def backward_x(dy: Array, dx: Array, pixels: int, rows: range) -> None:
        """dx = dy / pixels"""
        channels = dy.shape[1]
        part = dy.dtype.type(1) / dy.dtype.type(pixels)
        for i in rows:
            for pixel in range(pixels):
                for j in range(channels):
                    dx[i, pixel * channels + j] = part * dy[i, j]


def _read_pool(kind: Any, node: OnnxNode) -> list[Reading]:
    node.given()
    rank = node.rank(0)
    if rank is None:
        raise node.error("reads a value of which the shape is not known")
    return _means(kind, node, 1, rank, keeps=True)


def _read_mean(kind: Any, node: OnnxNode) -> list[Reading] | None:
    """Of a mean over all axes of examples but one."""
    given = node.given(2, axes=[], keepdims=1, noop_with_empty_axes=0)
    rank = node.rank(0)
    axes = node.whole(1) if node.has(1) else given["axes"]
    if rank is None:
        return None
    left = set(range(rank + 1)) - {int(axis) % (rank + 1) for axis in axes}
    if len(left) != 2 or 0 not in left or rank < 2:
        raise node.error("takes the mean over other axes than all but that of the columns")
    return _means(kind, node, max(left), rank, keeps=bool(given["keepdims"]))


def _means(kind: Any, node: OnnxNode, axis: int, rank: int, *, keeps: bool) -> list[Reading]:
    """Return the mean over all axes but one, which is turned to be the last."""
    found = []
    if axis != rank:
        others = (k for k in range(1, rank + 1) if k != axis)
        found.append(Reading(Permute((*others, axis)), node.value(0), rank=rank))
    found.append(Reading(kind(), node.value(0), rank=rank))
    if keeps:
        made = node.makes()
        if made is None:
            raise node.error("makes a value of which the shape is not known")
        found.append(Reading(Reshape(made[1]), "", shape=made[1]))
    return found


examples = (GlobalAveragePool(),)
