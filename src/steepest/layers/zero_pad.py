"""ZeroPad: x with zeros around it; (n, h, w, p) -> (n, h', w', p), or (n, t, p) -> (n, t', p)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ..layer import Array, Layer, Shape
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, OnnxNode, Op, Reading
from ..printing import shown
from ._convolution.geometry import Axis, axis
from ._convolution.onnx import padding_of
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
            raise InputError(f"ZeroPad: padding must be numbers, got {shown(self.padding)}")
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
    def onnx_import() -> tuple[Form, ...]:
        return (Form(Op("Pad"), _read),)

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


def _read(kind: Any, node: OnnxNode) -> Reading:
    """Of zeros around all axes of an example but its last one, or its first one."""
    mode = node.given(4, mode="constant")["mode"]
    pads = node.whole(1)
    rank = len(pads) // 2 - 1
    if mode != "constant" or (node.has(2) and node.number(2) != 0) or node.has(3):
        raise node.error("pads with something else than zeros, or along some axes by name")
    if rank not in (2, 3) or len(pads) % 2 or min(pads) < 0:
        raise node.error(f"has the pads {pads}; expected zeros around one axis or two")
    pairs = [*zip(pads[: rank + 1], pads[rank + 1 :], strict=True)]
    axis = 1 if pairs[1] == (0, 0) else rank
    if pairs[0] != (0, 0) or pairs[axis] != (0, 0):
        raise node.error("pads the examples, or their channels")
    around = [pair for k, pair in enumerate(pairs) if k not in (0, axis)]
    padding = padding_of([low for low, _ in around] + [high for _, high in around])
    return Reading(kind(padding), node.value(0), axis=axis, rank=rank)


examples = (ZeroPad(), ZeroPad((1, (0, 2))))
