"""AveragePool: y = the mean of each window of x, by channels; (n, h, w, p) -> (n, h', w', p).

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

__all__ = ["AveragePool"]


@dataclass(frozen=True, repr=False)
class AveragePool(Pool):
    """The mean of each window.

    Φ: dx is the sum of dy/(entries of the window) over the windows that hold it.

    Parameters
    ----------
    size : int or tuple of int
        Of the windows, along all axes or along each.
    stride : int or tuple of int, optional
        From window to window; by default ``size``, so that windows don't overlap.
    padding : {"valid", "same"}, int, or tuple
        Around the example, less than ``size``. No window counts it: the mean is that of the entries
        that there are, as in Keras, and in PyTorch with ``count_include_pad=False``.
    """

    def onnx(self, g: OnnxGraph) -> str:
        return channels_first(g, "AveragePool", **windows(self.real_axes(g.shape)))

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return (Form(Op("AveragePool"), _read),)

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
        """y = mean x, window by window"""
        zero, one = y.dtype.type(0), y.dtype.type(1)
        for i in rows:
            for k in range(firsts.shape[0]):
                pixels, out = down[k] * along[k], k * channels
                part = one / y.dtype.type(pixels)
                for j in range(channels):
                    y[i, out + j] = zero
                for pixel in range(pixels):
                    here = firsts[k] + pixel // along[k] * line + pixel % along[k] * channels
                    for j in range(channels):
                        y[i, out + j] += part * x[i, here + j]

    @staticmethod
    def backward_x(
        dy: Array,
        dx: Array,
        firsts: Array,
        down: Array,
        along: Array,
        line: int,
        channels: int,
        rows: range,
    ) -> None:
        """dx = Σ dy/(entries of the window)"""
        zero, one = dx.dtype.type(0), dx.dtype.type(1)
        for i in rows:
            for j in range(dx.shape[1]):
                dx[i, j] = zero
            for k in range(firsts.shape[0]):
                pixels = down[k] * along[k]
                part = one / dx.dtype.type(pixels)
                for pixel in range(pixels):
                    here = firsts[k] + pixel // along[k] * line + pixel % along[k] * channels
                    for j in range(channels):
                        dx[i, here + j] += part * dy[i, k * channels + j]


def _read(kind: Any, node: OnnxNode) -> Reading:
    return read_pool(kind, node, count_include_pad=0)


examples = (AveragePool(2), AveragePool(2, stride=1), AveragePool(3, stride=2, padding="same"))
