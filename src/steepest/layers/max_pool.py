"""MaxPool: y = the largest x of each window, channel by channel; (n, h, w, p) -> (n, h', w', p).

Along each axis, h' = ⌊(h + padding − size)/stride⌋ + 1. Examples (length, p) have one axis.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import InputError
from ..layer import Array
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, OnnxNode, Op, Reading
from ..shape import Shape
from ._convolution.onnx import channels_first, read_pool, windows
from ._pooling import Pool

__all__ = ["MaxPool"]


_NARROW = 16
"""Channels that fill a vector."""

_COUNTED = 1 << 24
"""Up to here every whole number is one of float32."""


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

    takes_largest: ClassVar[bool] = True

    def memory_at(self, n: int, shape: Shape) -> dict[str, tuple[int, ...]]:
        """Return the shapes of what says where in its window the largest entry lies, and of a line
        of windows that begin at every pixel.

        Raises
        ------
        InputError
            If a window reaches over more numbers than float32 can count.
        """
        up, across = self.axes(shape)
        if up.kernel * across.inputs * shape[-1] > _COUNTED:
            raise InputError(
                f"MaxPool: windows of {up.kernel} lines of {across.inputs} pixels reach over more "
                f"than {_COUNTED:,} numbers; use a smaller size, or smaller pictures"
            )
        line = across.inputs * shape[-1] if self._by_lines(shape) else 0
        which = n, math.prod(self.output_shape(shape))
        return {"which": which, "largest": (n, line), "places": (n, line)}

    def settings_at(self, shape: Shape) -> dict[str, Any]:
        """Return the windows, how many a line has, and whether lines are taken as a whole."""
        windows = {"across": self.axes(shape)[1].outputs, "by_lines": int(self._by_lines(shape))}
        return super().settings_at(shape) | windows

    def _by_lines(self, shape: Shape) -> bool:
        """Whether the channels are too few for vectors, and all windows are two pixels wide."""
        along = super().settings_at(shape)["along"]
        return shape[-1] < _NARROW and bool((along == 2).all())

    def onnx(self, g: OnnxGraph) -> str:
        return channels_first(g, "MaxPool", **windows(self.real_axes(g.shape)))

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return (Form(Op("MaxPool"), _read),)

    @staticmethod
    def forward(
        x: Array,
        y: Array,
        which: Array,
        largest: Array,
        places: Array,
        firsts: Array,
        down: Array,
        along: Array,
        across: int,
        by_lines: int,
        line: int,
        channels: int,
        rows: range,
    ) -> None:
        """y = max x, which = where it is, window by window"""
        for i in rows:
            for begin in range(0, firsts.shape[0], across):
                at, out, down_here = firsts[begin], begin * channels, down[begin]
                if by_lines > 0 and down_here == 2:
                    of = largest[i], places[i], y[i, out:], which[i, out:]
                    of_line(x[i, at:], of, firsts[begin : begin + across], line, channels)
                    continue
                for k in range(begin, begin + across):
                    at, out = firsts[k], k * channels
                    if down_here == 2 and along[k] == 2:
                        to = y[i, out:], which[i, out:]
                        of_two_by_two(x[i, at:], *to, line, channels, channels)
                    else:
                        of_any(x[i], y[i], which[i], (at, out, down_here, along[k]), line, channels)

    @staticmethod
    def backward_x(
        dy: Array, dx: Array, which: Array, firsts: Array, channels: int, rows: range
    ) -> None:
        """dx = dy where x is the first largest of its window, else 0"""
        zero = dx.dtype.type(0)
        for i in rows:
            for j in range(dx.shape[1]):
                dx[i, j] = zero
            for k in range(firsts.shape[0]):
                at, out = firsts[k], k * channels
                for j in range(channels):
                    dx[i, at + j + np.int64(which[i, out + j])] += dy[i, out + j]


def of_line(
    x: Array,
    of: tuple[Array, Array, Array, Array],
    firsts: Array,
    line: int,
    channels: int,
) -> None:
    """y = max x, which = its place, over a line of windows of two by two pixels, from ``firsts``

    Windows that begin at every pixel are taken, side by side in vectors, and the wanted ones kept.
    """
    largest, places, y, which = of
    span = firsts[-1] - firsts[0] + channels
    of_two_by_two(x, largest, places, line, channels, span)
    for k in range(firsts.shape[0]):
        begin, out = firsts[k] - firsts[0], k * channels
        found, its_place, to, place_to = largest[begin:], places[begin:], y[out:], which[out:]
        for j in range(channels):
            to[j] = found[j]
            place_to[j] = its_place[j]


def of_two_by_two(x: Array, y: Array, which: Array, line: int, channels: int, numbers: int) -> None:
    """y = max x, which = the place of the first such x, over windows of two by two pixels that
    begin at each of so many numbers.
    """
    zero, right, below = x.dtype.type(0), x.dtype.type(channels), x.dtype.type(line)
    at_right, at_below, at_both = x[channels:], x[line:], x[line + channels :]
    for j in range(numbers):
        one, two, three, four = x[j], at_right[j], at_below[j], at_both[j]
        later = (two > one) | (two != two)  # a NaN is the largest of all
        above, of_above = two if later else one, right if later else zero
        later = (four > three) | (four != four)
        under, of_under = four if later else three, below + right if later else below
        later = (under > above) | (under != under)
        y[j] = under if later else above
        which[j] = of_under if later else of_above


def of_any(
    x: Array, y: Array, which: Array, window: tuple[int, int, int, int], line: int, channels: int
) -> None:
    """y = max x, which = the place of the first such x, over a window of any size"""
    at, out, down, along = window
    for j in range(channels):
        y[out + j] = x[at + j]
        which[out + j] = x.dtype.type(0)
    for pixel in range(1, down * along):
        behind = pixel // along * line + pixel % along * channels
        place = x.dtype.type(behind)
        for j in range(channels):
            found = x[at + behind + j]
            later = (found > y[out + j]) | (found != found)
            y[out + j] = found if later else y[out + j]
            which[out + j] = place if later else which[out + j]


def _read(kind: Any, node: OnnxNode) -> Reading:
    return read_pool(kind, node, storage_order=0)


examples = (
    MaxPool(2),
    MaxPool(2, stride=1),
    MaxPool(3, stride=2, padding="same"),
    MaxPool(2, padding=1),
)
