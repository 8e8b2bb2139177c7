"""The transforms of a 3×3 convolution by Winograd's algorithm F(2×2, 3×3), a tile at a time.

Lavin & Gray 2016, arXiv:1509.09308, equation 8: a tile of 2×2 outputs is

    y = Cᵀ ((G g Gᵀ) ⊙ (Bᵀ d B)) C

of the 4×4 inputs d that it meets and the 3×3 taps g. (Their A is C here.) Sums over channels stand
between the two transforms, so ⊙ becomes 16 products of matrices, one for each place of a tile. They
multiply 16 times for four outputs, where the definition multiplies 36 times.

Compiled, channels fill vectors, and a tile stays in registers; `steepest.compiler.winograd` emits
it.

The gradient by g is that of these formulas: Gᵀ ((C dy Cᵀ) ⊙ (Bᵀ d B)) G, which is F(3×3, 2×2).

Places of a transformed tile lie ``place`` bytes apart, line after line.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .simd import item_bytes

__all__ = ["transform_gradients", "transform_inputs", "transform_outputs"]


def transform_inputs(
    like: Any, extents: tuple[Any, Any], of_d: tuple[Any, Any, Any], of_v: tuple[Any, Any, Any]
) -> None:
    """v = Bᵀ d B, channel by channel, for some tiles of a line

    Parameters
    ----------
    like : real
    extents : tuple of int
        Tiles, two pixels apart; and channels, which fill whole vectors. None of them is 0.
    of_d : tuple of int
        The address of d, and the bytes from line to line, and from pixel to pixel.
    of_v : tuple of int
        The address of v, and the bytes from place to place, and from tile to tile.
    """
    (tiles, channels), (d, line, pixel), (v, place, far) = extents, of_d, of_v
    for t in range(tiles):
        found = _each_way(_inputs, _at(like, (d + 2 * t * pixel, line, pixel), (4, 4), channels))
        _at(like, (v + t * far, 4 * place, place), (4, 4), channels)[:] = found


def transform_outputs(
    like: Any,
    extents: tuple[Any, Any, Any, Any],
    of_m: tuple[Any, Any, Any, Any],
    of_y: tuple[Any, Any, Any],
) -> None:
    """y = Cᵀ m C + b, channel by channel, for some tiles of a line

    Parameters
    ----------
    like : real
    extents : tuple of int
        Tiles, which have two pixels each; how many lines of y are there, and how many pixels: the
        last ones may be missing. Channels, which fill whole vectors. None of them is 0.
    of_m : tuple of int
        The address of m, the bytes from place to place, and from tile to tile; and the address of
        b, one number for each channel.
    of_y : tuple of int
        The address of y, and the bytes from line to line, and from pixel to pixel.
    """
    (tiles, lines, pixels, channels), (m, place, far, b) = extents, of_m
    y, line, pixel = of_y
    for t in range(tiles):
        found = _each_way(_outputs, _at(like, (m + t * far, 4 * place, place), (4, 4), channels))
        found += _at(like, (b, 0, 0), (1, 1), channels)
        there = min(2, lines), min(2, pixels - 2 * t)
        out = _at(like, (y + 2 * t * pixel, line, pixel), there, channels)
        out[:] = found[: there[0], : there[1]]


def transform_gradients(
    like: Any,
    extents: tuple[Any, Any, Any, Any],
    of_dy: tuple[Any, Any, Any],
    of_m: tuple[Any, Any, Any],
) -> None:
    """m = C dy Cᵀ, channel by channel, for some tiles of a line

    Parameters
    ----------
    like : real
    extents : tuple of int
        Those of `transform_outputs`; what is missing of dy is 0.
    of_dy : tuple of int
        The address of dy, and the bytes from line to line, and from pixel to pixel.
    of_m : tuple of int
        The address of m, and the bytes from place to place, and from tile to tile.
    """
    (tiles, lines, pixels, channels), (dy, line, pixel), (m, place, far) = extents, of_dy, of_m
    for t in range(tiles):
        tile = np.zeros((2, 2, int(channels)), np.asarray(like).dtype)
        there = min(2, lines), min(2, pixels - 2 * t)
        given = _at(like, (dy + 2 * t * pixel, line, pixel), there, channels)
        tile[: there[0], : there[1]] = given
        found = _each_way(_gradients, tile)
        _at(like, (m + t * far, 4 * place, place), (4, 4), channels)[:] = found


def _inputs(d: Any) -> list[Any]:
    """Bᵀ d"""
    return [d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]]


def _outputs(m: Any) -> list[Any]:
    """Cᵀ m"""
    return [m[0] + (m[1] + m[2]), (m[1] - m[2]) - m[3]]


def _gradients(dy: Any) -> list[Any]:
    """C dy"""
    return [dy[0], dy[0] + dy[1], dy[0] - dy[1], -dy[1]]


def _each_way(transform: Any, tile: Any) -> NDArray[Any]:
    """Return the tile transformed along its lines and its columns."""
    down = np.array(transform(tile))
    return np.array(transform(down.swapaxes(0, 1))).swapaxes(0, 1)


def _at(
    like: Any, place: tuple[int, int, int], extents: tuple[int, int], channels: int
) -> NDArray[Any]:
    """Return the numbers there, (lines, pixels, channels)."""
    start, line, pixel = (int(each) for each in place)
    size = item_bytes(like)
    last = (extents[0] - 1) * line + (extents[1] - 1) * pixel + int(channels) * size
    kind = ctypes.c_float if size == 4 else ctypes.c_double
    numbers = np.ctypeslib.as_array((kind * (last // size)).from_address(start))
    shape = (*extents, int(channels))
    return np.lib.stride_tricks.as_strided(numbers, shape, (line, pixel, size))
