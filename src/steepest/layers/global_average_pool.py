"""GlobalAveragePool: y = the mean of x over all axes but the channels'; (n, …, p) -> (n, p)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..layer import Array, Layer, Shape
from ..onnx_form import OnnxGraph

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
    def forward(x: Array, y: Array, pixels: int, rows: range) -> None:
        """y = mean x over the pixels"""
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


examples = (GlobalAveragePool(),)
