"""The three products of a convolution, as rows of whole numbers for `multiply_windows`.

A row is one product over the windows of one image: where A, B and C begin, its extents, and its
distances. The kernels go through the rows of a table; all that depends on padding, stride,
dilation and groups is in the tables.

An image (h, w, p) lies in memory pixel after pixel, each of p channels. The kernel A is
(kh, kw, p/groups, q): tap after tap, each a matrix from channels to channels.
"""

from __future__ import annotations

from itertools import product as pairs
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .geometry import Axis, InputRun, OutputRun

__all__ = ["Convolution", "Product", "table"]

_NARROW = 16
"""Channels that fill a vector. Fewer are multiplied by several taps at once, where that can be."""

_PAYS = 1.4
"""From which number of multiplications for one of Winograd's algorithm that pays for dA."""


class Product(NamedTuple):
    """One product, in the words of `steepest.kernels.windows`; all in entries of an array."""

    a: int
    b: int
    c: int
    lines: int
    rows: int
    outer: int
    inner: int
    columns: int
    a_line: int
    a_row: int
    a_outer: int
    a_inner: int
    b_outer: int
    b_inner: int
    c_line: int
    c_row: int
    a_column: int = 0
    start: int = -1
    """From which entry of a vector C begins, where it does not go on from what it is."""

    def longer_rows(self) -> Product:
        """Return the same product with the more of lines and rows as rows: these share B.

        Where A has columns, o and k change places, too: then a row may be the next one's, a step of
        k before.
        """
        if self.rows >= self.lines:
            return self
        turned = self._replace(
            lines=self.rows,
            rows=self.lines,
            a_line=self.a_row,
            a_row=self.a_line,
            c_line=self.c_row,
            c_row=self.c_line,
        )
        if not self.a_column:
            return turned
        return turned._replace(
            outer=self.inner,
            inner=self.outer,
            a_outer=self.a_inner,
            a_inner=self.a_outer,
            b_outer=self.b_inner,
            b_inner=self.b_outer,
        )


def table(products: list[Product]) -> NDArray[np.int64]:
    """Return the products as rows, (k, 18)."""
    return np.array(products, np.int64).reshape(-1, len(Product._fields))


class Convolution(NamedTuple):
    """A convolution of images (h, w, p) to (oh, ow, q)."""

    vertical: Axis
    horizontal: Axis
    p: int
    q: int
    groups: int

    @property
    def inputs(self) -> int:
        """Input channels of a group."""
        return self.p // self.groups

    @property
    def outputs(self) -> int:
        """Output channels of a group."""
        return self.q // self.groups

    @property
    def taps(self) -> int:
        return self.vertical.kernel * self.horizontal.kernel

    @property
    def weights(self) -> int:
        """Rows of A, taken as a matrix of q columns."""
        return self.taps * self.inputs

    @property
    def flops(self) -> int:
        """Floating-point operations of ``forward`` for one image."""
        pixels = self.vertical.outputs * self.horizontal.outputs
        return 2 * pixels * self.weights * self.q

    @property
    def leaves_outputs(self) -> bool:
        """Whether some outputs see zeros only, so that no product writes them."""
        axes = self.vertical, self.horizontal
        return any(sum(run.number for run in a.output_runs()) < a.outputs for a in axes)

    @property
    def leaves_inputs(self) -> bool:
        """Whether `backward_x` does not begin every input anew."""
        axes = self.vertical, self.horizontal
        return self.scatters or any(
            sum(run.number for run in a.input_runs()) < a.inputs for a in axes
        )

    @property
    def by_tiles(self) -> bool:
        """Whether Winograd's algorithm applies, with channels that fill vectors, and multiplies
        less often.
        """
        axes = self.vertical, self.horizontal
        fits = all((a.kernel, a.stride, a.dilation) == (3, 1, 1) for a in axes)
        fits = fits and self.groups == 1 and self.p % _NARROW == self.q % _NARROW == 0
        inside = all(max(a.low, a.high) <= 2 for a in axes)  # for dx, zeros of dy as well
        return fits and inside and self._saved > 1

    @property
    def gradients_by_tiles(self) -> bool:
        """Whether it pays for dA, too, of which each thread transforms all tiles."""
        return self.by_tiles and self._saved > _PAYS

    @property
    def _saved(self) -> float:
        """How many times as often as Winograd's algorithm the definition multiplies."""
        axes = self.vertical, self.horizontal
        met = [sum(run.number * run.taps for run in a.output_runs()) for a in axes]
        tiles = [-(-a.outputs // 2) for a in axes]
        return met[0] * met[1] / (16 * tiles[0] * tiles[1])

    @property
    def tiled_sides(self) -> tuple[int, int, int, int, int, int]:
        """Lines and pixels of x, zeros above it and to its left, lines and pixels of y."""
        v, h = self.vertical, self.horizontal
        return v.inputs, h.inputs, v.low, h.low, v.outputs, h.outputs

    @property
    def tiled_sides_back(self) -> tuple[int, int, int, int, int, int]:
        """The same of `backward_x`: dy is convolved."""
        h, w, above, left, lines, pixels = self.tiled_sides
        return lines, pixels, 2 - above, 2 - left, h, w

    @property
    def by_channels(self) -> bool:
        """Whether every channel has a kernel of its own, and stays a channel (depthwise)."""
        return self.groups > 1 and self.inputs == self.outputs == 1

    @property
    def _sets(self) -> int:
        """Sets of channels that are multiplied apart."""
        return 1 if self.by_channels else self.groups

    @property
    def _joins(self) -> bool:
        """Whether the channels that neighbouring taps of a line meet lie side by side."""
        return self.groups == 1 and self.horizontal.dilation == 1

    @property
    def outputs_at_once(self) -> int:
        """Neighbouring outputs of a line that are best computed as one, so as to fill vectors."""
        if self.groups > 1 or self.horizontal.dilation > 1:
            return 1
        most = max(1, _NARROW // self.q)
        whole = [m for m in range(1, most + 1) if self.horizontal.outputs % m == 0]
        return min(whole, key=lambda m: self._taps_of(m) / m)

    def _taps_of(self, m: int) -> int:
        """Return how many taps of a line m neighbouring outputs have together."""
        return self.horizontal.kernel + (m - 1) * self.horizontal.stride

    def widened(self) -> Convolution:
        """Return the convolution that computes so many outputs as one, in the same memory.

        It has that many times the channels, and a wider kernel: of each of the outputs the same
        taps, each time `shift` rows of A further down, and 0 elsewhere.
        """
        m, h = self.outputs_at_once, self.horizontal
        axis = h._replace(kernel=self._taps_of(m), stride=m * h.stride)
        return self._replace(horizontal=axis, q=m * self.q)

    @property
    def shift(self) -> int:
        """Rows of A between the taps of two neighbouring outputs that meet the same input."""
        return self.horizontal.stride * self.p

    @property
    def can_pair(self) -> bool:
        """Whether its products may be of pairs of channels: see `steepest.kernels.bfloat16`."""
        even = self.p % 2 == 0 and self.q % 2 == 0
        return even and self.groups == 1 and self.outputs_at_once == 1

    def of_pairs_in(self) -> Convolution:
        """Return what takes pairs of input channels for single ones."""
        return self._replace(p=self.p // 2)

    def of_pairs_out(self) -> Convolution:
        """Return what takes pairs of output channels for single ones."""
        return self._replace(q=self.q // 2)

    def _x(self, up: int, across: int, tap_up: int, tap_across: int) -> int:
        """Return where the pixel of x begins that an output meets by a tap."""
        v, h = self.vertical, self.horizontal
        line = v.stride * up + v.dilation * tap_up - v.low
        pixel = h.stride * across + h.dilation * tap_across - h.low
        return (line * h.inputs + pixel) * self.p

    def _y(self, up: int, across: int) -> int:
        """Return where a pixel of y begins."""
        return (up * self.horizontal.outputs + across) * self.q

    def _tap(self, tap_up: int, tap_across: int) -> int:
        """Return where a tap of A begins."""
        return (tap_up * self.horizontal.kernel + tap_across) * self.inputs * self.q

    def forward(self) -> list[Product]:
        """y += x A"""
        v, h = self.vertical, self.horizontal
        found = []
        for up, across in pairs(v.output_runs(), h.output_runs()):
            joined = across.taps if self._joins or self.by_channels else 1
            for g, tap in pairs(range(self._sets), range(0, across.taps, joined)):
                product = Product(
                    a=self._x(up.first, across.first, up.tap, across.tap + tap) + g * self.inputs,
                    b=self._tap(up.tap, across.tap + tap) + g * self.outputs,
                    c=self._y(up.first, across.first) + g * self.outputs,
                    lines=up.number,
                    rows=across.number,
                    outer=up.taps,
                    inner=joined * self.inputs,
                    columns=self.q // self._sets,
                    a_line=v.stride * h.inputs * self.p,
                    a_row=h.stride * self.p,
                    a_outer=v.dilation * h.inputs * self.p,
                    a_inner=h.dilation * self.p if self.by_channels else 1,
                    b_outer=self._tap(1, 0),
                    b_inner=self.q,
                    c_line=self._y(1, 0),
                    c_row=self.q,
                    a_column=int(self.by_channels),
                    start=-1 if tap else g * self.outputs,
                )
                found.append(product.longer_rows())
        return found

    def backward_theta(self) -> list[Product]:
        """dA += xᵀ dy; a product's C is some rows of dA, or of several lines of taps."""
        if self.by_channels:
            axes = self.vertical.output_runs(), self.horizontal.output_runs()
            return [self._of_all_taps(up, across) for up, across in pairs(*axes)]
        if self._joins and self.inputs < _NARROW:
            return [
                self._of_taps(up.tap + tap, across.tap, across.taps, up, across)
                for up, across in pairs(self.vertical.output_runs(), self.horizontal.output_runs())
                for tap in range(up.taps)
            ]
        taps = pairs(range(self.vertical.kernel), range(self.horizontal.kernel), range(self.groups))
        found = []
        for tap_up, tap_across, g in taps:
            up = OutputRun(*self.vertical.output_range(tap_up), tap_up, 1)
            across = OutputRun(*self.horizontal.output_range(tap_across), tap_across, 1)
            if up.number and across.number:
                found.append(self._of_taps(tap_up, tap_across, 1, up, across, g))
        return found

    def _of_taps(
        self, tap_up: int, tap: int, taps: int, up: OutputRun, across: OutputRun, g: int = 0
    ) -> Product:
        """Return the product of ``taps`` taps of a line with the pixels of two runs."""
        v, h = self.vertical, self.horizontal
        return Product(
            a=self._x(up.first, across.first, tap_up, tap) + g * self.inputs,
            b=self._y(up.first, across.first) + g * self.outputs,
            c=self._tap(tap_up, tap) + g * self.outputs,
            lines=1,
            rows=taps * self.inputs,
            outer=up.number,
            inner=across.number,
            columns=self.q // self._sets,
            a_line=0,
            a_row=1,
            a_outer=v.stride * h.inputs * self.p,
            a_inner=h.stride * self.p,
            b_outer=self._y(1, 0),
            b_inner=self.q,
            c_line=0,
            c_row=self.q,
        )

    def _of_all_taps(self, up: OutputRun, across: OutputRun) -> Product:
        """Return the product of all taps, channel by channel, with the pixels of two runs."""
        return self._of_taps(up.tap, across.tap, across.taps, up, across)._replace(
            lines=up.taps,
            a_line=self.vertical.dilation * self.horizontal.inputs * self.p,
            c_line=self._tap(1, 0),
            a_row=self.horizontal.dilation * self.p,
            a_column=1,
        )

    @property
    def scatters(self) -> bool:
        """Whether `backward_x` goes from outputs to inputs, several taps at once."""
        return self._joins and self.inputs < _NARROW

    def turned(self) -> tuple[int, int, int]:
        """Return how `backward_x` wants A transposed: in A turned, where the first tap begins, and
        the entries from tap to tap and from output to output. A tap's inputs lie side by side.
        """
        if self.scatters:  # (q, taps, inputs)
            return 0, self.inputs, self.weights
        size = self.q * self.inputs  # (taps, q, inputs), the last tap first
        return (self.taps - 1) * size, -size, self.inputs

    def backward_x(self) -> list[Product]:
        """dx += dy Aᵀ"""
        if self.scatters:
            return [
                self._scattered(up, across, up.tap + tap)
                for up, across in pairs(self.vertical.output_runs(), self.horizontal.output_runs())
                for tap in range(up.taps)
            ]
        found = []
        for up, across in pairs(self.vertical.input_runs(), self.horizontal.input_runs()):
            found += self._gathered(up, across)
        return found

    def _scattered(self, up: OutputRun, across: OutputRun, tap: int) -> Product:
        """Return what outputs send back by a line of taps. (What two pixels of a line send to one
        input comes one after the other: the rows of a microtile are lines.)
        """
        v, h = self.vertical, self.horizontal
        return Product(
            a=self._y(up.first, across.first),
            b=(tap * h.kernel + across.tap) * self.inputs,
            c=self._x(up.first, across.first, tap, across.tap),
            lines=across.number,
            rows=up.number,
            outer=1,
            inner=self.q,
            columns=across.taps * self.inputs,
            a_line=self.q,
            a_row=self._y(1, 0),
            a_outer=0,
            a_inner=1,
            b_outer=0,
            b_inner=self.weights,
            c_line=h.stride * self.p,
            c_row=v.stride * h.inputs * self.p,
        )

    def _gathered(self, up: InputRun, across: InputRun) -> list[Product]:
        """Return what inputs get from the outputs that they meet."""
        v, h = self.vertical, self.horizontal
        all_taps = self.by_channels or (self._joins and across.tap_step == 1)
        joined = across.taps if all_taps else 1
        start, _, _ = self.turned()
        size = self.q * self.inputs
        found = []
        for g, below in pairs(range(self._sets), range(0, across.taps, joined)):
            tap = up.tap * h.kernel + across.tap - below * across.tap_step
            product = Product(
                a=self._y(up.output, across.output + below * across.step) + g * self.outputs,
                b=start - tap * size + g * self.outputs * self.inputs,
                c=(up.first * h.inputs + across.first) * self.p + g * self.inputs,
                lines=up.number,
                rows=across.number,
                outer=up.taps,
                inner=joined * self.outputs,
                columns=self.p // self._sets,
                a_line=self._y(1, 0),
                a_row=self.q,
                a_outer=up.step * self._y(1, 0),
                a_inner=across.step * self.q if self.by_channels else 1,
                b_outer=up.tap_step * h.kernel * size,
                b_inner=across.tap_step * size if self.by_channels else self.inputs,
                c_line=v.stride * h.inputs * self.p,
                c_row=h.stride * self.p,
                a_column=int(self.by_channels),
                start=-1 if below else 0,
            )
            found.append(product.longer_rows())
        return found
