"""ZeroPad: x with zeros around it; (n, h, w, p) -> (n, h', w', p), or (n, t, p) -> (n, t', p)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ..layer import Array, Layer, Shape
from ..onnx_form import OnnxGraph
from ._convolution.geometry import Axis, axis
from ._convolution.settings import Padding, paddings, settle

__all__ = ["ZeroPad"]


@dataclass(frozen=True, repr=False)
class ZeroPad(Layer):
    """Zeros before and behind along the axes of an example, but for the last: that of the channels.

    Φ: dx is dy without what lies around.

    Parameters
    ----------
    padding : int or tuple
        How many zeros on all sides; or for each axis a number or a pair (before, behind).
    """

    padding: Padding = 1

    def __post_init__(self) -> None:
        settle(self, "padding")
        each = self.padding if isinstance(self.padding, tuple | list) else (self.padding,)
        if isinstance(self.padding, str):
            raise InputError(f"ZeroPad: padding must be numbers, got {self.padding!r}")
        paddings("ZeroPad", self.padding, len(each))

    def real_axes(self, shape: Shape) -> list[Axis]:
        """Return the axes that an example has, but for the last.

        Raises
        ------
        InputError
            If the layer can't take it.
        """
        if len(shape) not in (2, 3):
            raise InputError(
                "ZeroPad: expected examples of shape (length, channels) or (height, width, "
                f"channels), got {shape}; put Reshape(…) before it"
            )
        pads = paddings("ZeroPad", self.padding, len(shape) - 1)
        return [axis("ZeroPad", n, 1, 1, pad, 1) for n, pad in zip(shape, pads, strict=False)]

    def output_shape(self, shape: Shape) -> Shape:
        return (*(each.outputs for each in self.real_axes(shape)), shape[-1])

    def flops_at(self, shape: Shape) -> int:
        """Return 0."""
        return 0

    def settings_at(self, shape: Shape) -> dict[str, Any]:
        """Return how many lines x has, and where they begin in y and how far apart."""
        *above, across = self.real_axes(shape)
        lines, top = (above[0].inputs, above[0].low) if above else (1, 0)
        pitch = across.outputs * shape[-1]
        return {"lines": lines, "first": top * pitch + across.low * shape[-1], "pitch": pitch}

    def onnx(self, g: OnnxGraph) -> str:
        axes = self.real_axes(g.shape)
        before, behind = [axis.low for axis in axes], [axis.high for axis in axes]
        return g.op("Pad", g.x, g.constant([0, *before, 0, 0, *behind, 0], np.int64))

    @staticmethod
    def forward(x: Array, y: Array, lines: int, first: int, pitch: int, rows: range) -> None:
        """y = x, with zeros around"""
        width, zero = x.shape[1] // lines, y.dtype.type(0)
        for i in rows:
            for j in range(y.shape[1]):
                y[i, j] = zero
            for line in range(lines):
                for j in range(width):
                    y[i, first + line * pitch + j] = x[i, line * width + j]

    @staticmethod
    def backward_x(dy: Array, dx: Array, lines: int, first: int, pitch: int, rows: range) -> None:
        """dx = dy, without what lies around"""
        width = dx.shape[1] // lines
        for i in rows:
            for line in range(lines):
                for j in range(width):
                    dx[i, line * width + j] = dy[i, first + line * pitch + j]


examples = (ZeroPad(), ZeroPad((1, (0, 2))))
