"""y and dx of 3×3 convolutions by Winograd's algorithm: see `steepest.kernels.winograd`.

Images are padded, and cut into tiles of 4×4 pixels that begin two pixels apart, line by line. Of a
block of tiles, of one image or several, all 16 places are transformed and multiplied before the
next one's; so they stay in the nearest caches. What comes of a tile does not depend on its block.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...kernels.simd import item_bytes
from ...kernels.windows import multiply_windows
from ...kernels.winograd import transform_inputs, transform_outputs
from ...layer import Array

__all__ = [
    "COLUMNS",
    "GAP",
    "PLACES",
    "Plan",
    "convolve",
    "plan_of",
    "transform_taps",
]

PLACES = 16
"""Of a transformed tile."""

COLUMNS = 32
"""Outputs of a block that are computed at once."""

BLOCK = 48
"""Tiles of a block: of 128 channels they take 400 KB when transformed, and the taps are read once
for all."""

GAP = 16
"""Numbers between the places of a block, so that they are not all wanted in the same line of a
cache."""


class Plan(NamedTuple):
    """What `convolve` does: lines and pixels of x, zeros above and to the left of it; lines and
    pixels of y; how many tiles are a block, and how many images are padded together.
    """

    height: int
    width: int
    above: int
    left: int
    lines: int
    pixels: int
    block: int
    images: int

    @property
    def padded(self) -> tuple[int, int]:
        """Lines and pixels of an image that whole tiles cover."""
        return 2 * -(-self.lines // 2) + 2, 2 * -(-self.pixels // 2) + 2


def plan_of(sides: tuple[int, int, int, int, int, int]) -> Plan:
    """Return the plan whose first six entries are ``sides``."""
    *_, lines, pixels = sides
    tiles = -(-lines // 2) * -(-pixels // 2)
    return Plan(*sides, BLOCK, max(1, BLOCK // tiles))


def transform_taps(taps: Array, transformed: Array, inputs: range) -> None:
    """transformed = G g Gᵀ; taps (9, p, q), transformed (16, p, q)"""
    _, _, q = transformed.shape
    half = transformed.dtype.type(0.5)
    for c in inputs:
        for k in range(3):
            for j in range(q):
                g0, g1, g2 = taps[k, c, j], taps[3 + k, c, j], taps[6 + k, c, j]
                middle, odd = half * (g0 + g2), half * g1
                transformed[k, c, j] = g0
                transformed[4 + k, c, j] = middle + odd
                transformed[8 + k, c, j] = middle - odd
                transformed[12 + k, c, j] = g2
        for k in range(0, PLACES, 4):
            for j in range(q):
                g1, g2 = transformed[k + 1, c, j], transformed[k + 2, c, j]
                middle, odd = half * (transformed[k, c, j] + g2), half * g1
                transformed[k + 1, c, j] = middle + odd
                transformed[k + 2, c, j] = middle - odd
                transformed[k + 3, c, j] = g2


def convolve(
    x: Array,
    transformed: Array,
    b: Array,
    y: Array,
    none: Array,
    padded: Array,
    places: Array,
    products: Array,
    plan: Array,
    windows: int,
    thread: int,
    rows: range,
) -> None:
    """y = b + Σ x A, by Winograd's F(2×2, 3×3)

    ``none`` are `COLUMNS` zeros; the memory of a thread is ``padded``, ``places``, ``products``.
    """
    _, p, q = transformed.shape
    lines, pixels, block, together = plan[4], plan[5], plan[6], plan[7]
    tiles = (lines + 1) // 2 * ((pixels + 1) // 2)
    images, v, m = padded[thread], places[thread], products[thread]
    zero, one, most = np.int64(0), np.int64(1), np.int64(COLUMNS)
    for k in range(images.shape[0]):
        images[k] = y.dtype.type(0)
    taps, end = transformed.reshape(-1), np.int64(rows.stop)
    far_v, far_m = block * p + GAP, block * COLUMNS + GAP
    for start in range(np.int64(rows.start), end, together):
        some = min(together, end - start)
        pad(x[start:], images, plan, (p, zero, np.int64(p)), some)
        for first in range(zero, some * tiles, block):
            count = min(block, some * tiles - first)
            to_tiles(images, v, plan, p, (first, count))
            for j in range(zero, np.int64(q), most):
                columns = min(most, q - j)
                multiply_windows(
                    windows,
                    (np.int64(PLACES), one, count, one, np.int64(p), columns),
                    y.dtype.type(1),
                    v,
                    (far_v, zero, np.int64(p), zero, one, zero),
                    taps[j:],
                    (np.int64(p * q), zero, np.int64(q)),
                    none,
                    (zero, zero, zero),
                    m,
                    (far_m, zero, most),
                )
                from_tiles(m, b, y[start:], plan, (j, columns), (first, count))


def pad(x: Array, images: Array, plan: Array, channels: tuple[Any, Any, Any], some: int) -> None:
    """images = x, amid zeros that are there already

    ``channels`` is how many x has, and the first and the end of those that are wanted.
    """
    p, begin, end = channels
    height, width, above, left = plan[0], plan[1], plan[2], plan[3]
    down, across = 2 * ((plan[4] + 1) // 2) + 2, 2 * ((plan[5] + 1) // 2) + 2
    few = end - begin
    at_once = width if few == p else 1  # pixels that lie side by side in both
    for i in range(some):
        for line in range(height):
            for pixel in range(0, width, at_once):
                source = x[i, (line * width + pixel) * p + begin :]
                to = images[((i * down + above + line) * across + left + pixel) * few :]
                for c in range(at_once * few):
                    to[c] = source[c]


def to_tiles(images: Array, v: Array, plan: Array, p: int, block: tuple[Any, Any]) -> None:
    """v = Bᵀ d B, of the tiles of a block: the number of the first, and how many"""
    size, first, count = np.int64(item_bytes(v[0])), block[0], block[1]
    along, down = (plan[5] + 1) // 2, (plan[4] + 1) // 2
    line, far, begin = (2 * along + 2) * p * size, plan[6] * p + GAP, np.int64(images.ctypes.data)
    done = np.int64(0)
    while done < count:
        at = first + done
        up, t = at // along, at % along  # lines of tiles, of all images
        up += up // down  # a line of tiles reaches two pixels further down than it is high
        run = min(count - done, along - t)
        transform_inputs(
            v[0],
            (run, np.int64(p)),
            (begin + 2 * up * line + 2 * t * p * size, line, p * size),
            (np.int64(v.ctypes.data) + done * p * size, far * size, p * size),
        )
        done += run


def from_tiles(
    m: Array, b: Array, y: Array, plan: Array, part: tuple[Any, Any], block: tuple[Any, Any]
) -> None:
    """y = Cᵀ m C + b, of the tiles of a block, and some of the outputs: the first, and how many"""
    size, first, count, q = np.int64(item_bytes(m[0])), block[0], block[1], b.shape[0]
    lines, pixels = plan[4], plan[5]
    along, down = (pixels + 1) // 2, (lines + 1) // 2
    far, row = plan[6] * COLUMNS + GAP, COLUMNS * size
    done = np.int64(0)
    while done < count:
        at = first + done
        up, t = at // along, at % along
        image, up = up // down, up % down
        run = min(count - done, along - t)
        to = np.int64(y[image].ctypes.data) + (2 * (up * pixels + t) * q + part[0]) * size
        transform_outputs(
            m[0],
            (run, lines - 2 * up, pixels - 2 * t, part[1]),
            (
                np.int64(m.ctypes.data) + done * row,
                far * size,
                row,
                np.int64(b.ctypes.data) + part[0] * size,
            ),
            (to, pixels * q * size, q * size),
        )
        done += run
