"""MaxPool: y = the largest x of each window, channel by channel; (n, h, w, p) -> (n, h', w', p).

Along each axis, h' = ⌊(h + padding − size)/stride⌋ + 1. Examples (length, p) have one axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..layer import Array
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, OnnxNode, Op, Reading
from ._convolution.onnx import channels_first, read_pool, windows
from ._pooling import Pool

__all__ = ["MaxPool"]


@dataclass(frozen=True, repr=False)
class MaxPool(Pool):
    """The largest entry of each window.

    Φ: dx is dy at the largest entry of its window, at the first of several, and 0 elsewhere.

    Parameters
    ----------
    size : int or tuple of int
        Of the windows, along all axes or along each.
    stride : int or tuple of int, optional
        From window to window; by default ``size``, so that windows don't overlap.
    padding : {"valid", "same"}, int, or tuple
        Around the example, less than ``size``; no window counts it. "valid" is none; "same" gives
        ⌈length/stride⌉ windows; a number, or a pair (before, behind) for each axis.
    """

    def onnx(self, g: OnnxGraph) -> str:
        return channels_first(g, "MaxPool", **windows(self.real_axes(g.shape)))

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return (Form(Op("MaxPool"), _read),)

    @staticmethod
    def forward(
        x: Array,
        y: Array,
        firsts: Array,
        down: Array,
        along: Array,
        line: int,
        channels: int,
        rows: range,
    ) -> None:
        """y = max x, window by window"""
        for i in rows:
            for k in range(firsts.shape[0]):
                at, out = firsts[k], k * channels
                if down[k] == 2 and along[k] == 2:
                    for j in range(channels):
                        above = max(x[i, at + j], x[i, at + channels + j])
                        below = max(x[i, at + line + j], x[i, at + line + channels + j])
                        y[i, out + j] = max(above, below)
                else:
                    largest(x[i], y[i], at, out, (down[k], along[k]), line, channels)

    @staticmethod
    def backward_x(
        x: Array,
        y: Array,
        dy: Array,
        dx: Array,
        firsts: Array,
        down: Array,
        along: Array,
        line: int,
        channels: int,
        rows: range,
    ) -> None:
        """dx = dy where x is the first largest of its window, else 0"""
        zero = dx.dtype.type(0)
        for i in rows:
            for j in range(dx.shape[1]):
                dx[i, j] = zero
            for k in range(firsts.shape[0]):
                at, out = firsts[k], k * channels
                if down[k] == 2 and along[k] == 2:
                    for j in range(channels):
                        most, d = y[i, out + j], dy[i, out + j]
                        first, second = at + j, at + channels + j
                        third, fourth = first + line, second + line
                        one = x[i, first] == most
                        two = x[i, second] == most
                        three = x[i, third] == most
                        dx[i, first] += d if one else zero
                        dx[i, second] += d if two and not one else zero
                        dx[i, third] += d if three and not (one or two) else zero
                        dx[i, fourth] += zero if one or two or three else d
                else:
                    size = down[k], along[k]
                    for j in range(channels):
                        most = y[i, out + j]
                        dx[i, first_of(x[i], at + j, most, size, line, channels)] += dy[i, out + j]


def largest(
    x: Array, y: Array, at: int, out: int, size: tuple[int, int], line: int, channels: int
) -> None:
    """y = max x over one window"""
    down, along = size
    for j in range(channels):
        y[out + j] = x[at + j]
    for pixel in range(1, down * along):
        here = at + pixel // along * line + pixel % along * channels
        for j in range(channels):
            y[out + j] = max(y[out + j], x[here + j])


def first_of(
    x: Array, start: int, most: float, size: tuple[int, int], line: int, channels: int
) -> int:
    """Return the place of the first entry of a window that is ``most``."""
    down, along = size
    for pixel in range(down * along):
        here = start + pixel // along * line + pixel % along * channels
        if x[here] == most:
            return here
    return start


def _read(kind: Any, node: OnnxNode) -> Reading:
    return read_pool(kind, node, storage_order=0)


examples = (
    MaxPool(2),
    MaxPool(2, stride=1),
    MaxPool(3, stride=2, padding="same"),
    MaxPool(2, padding=1),
)
