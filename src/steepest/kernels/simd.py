"""What hand-made products need of the machine: memory at addresses, and registers of vectors.

Compiled, each of these is a few vector instructions (see `steepest.compiler.simd`). The bodies here
say what they mean; they are what runs when the product is tested as plain Python. ``like`` is a
real number of the type that lies in memory; addresses and distances count bytes.
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "band_rows", "columns", "copy_band", "copy_row", "item_bytes", "lanes", "multiply_strip",
    "multiply_tile", "number", "peek", "peek_byte", "peek_int", "poke", "scratch", "tile_bytes",
    "tile_rows", "turn_block", "update_strip",
]  # fmt: skip

CACHE_LINE = 64
"""Bytes that a cache fetches at once."""

PANEL_BYTES = 16384
"""Of the panel in `scratch`: half of a first cache."""

BLOCK_ROWS = 192
"""Rows of A that stay in the second cache while the panels of B pass by."""

PACKED_BYTES = 256 * 1024
"""Of a copied block of A, which stays in the second cache."""

SCRATCH_BYTES = 2 * PANEL_BYTES + 2 * PACKED_BYTES
"""A panel, a tile, and a block of A, which may be twice as large where it holds pairs."""


def item_bytes(like: Any) -> int:
    """Bytes of one number."""
    return int(np.asarray(like).itemsize)


def lanes(like: Any) -> int:
    """Numbers in a vector register."""
    return 32 // item_bytes(like)


def columns(like: Any) -> int:
    """Columns of a tile: two vectors."""
    return 2 * lanes(like)


def tile_rows(like: Any) -> int:
    """Rows of the largest tile whose sums fit the registers."""
    return 6


def band_rows(like: Any) -> int:
    """Rows of A that are copied side by side: those of a few tiles, which fill whole vectors."""
    return 4 * tile_rows(like)


def number(like: Any, value: float) -> Any:
    """Return ``value`` as a number of this type."""
    return np.asarray(like).dtype.type(value)


@functools.cache
def _memory() -> NDArray[Any]:
    return np.zeros(SCRATCH_BYTES, np.uint8)


def tile_bytes(like: Any) -> int:
    """Bytes of a tile."""
    return tile_rows(like) * columns(like) * item_bytes(like)


def scratch(like: Any) -> int:
    """Address of `PANEL_BYTES` for a panel and, behind it, room for a tile and a block of A."""
    return int(_memory().ctypes.data)


def peek(like: Any, address: int) -> Any:
    """Return the real number at ``address``."""
    return _at(like, address, 1)[0]


def poke(address: int, value: Any) -> None:
    """Write the real number ``value`` to ``address``."""
    _at(value, address, 1)[0] = value


def peek_int(address: int) -> int:
    """Return the 32-bit integer at ``address``."""
    return ctypes.c_int32.from_address(address).value


def peek_byte(address: int) -> int:
    """Return the byte at ``address``."""
    return ctypes.c_uint8.from_address(address).value


def copy_row(like: Any, source: int, to: int) -> None:
    """Copy `columns` numbers."""
    _at(like, to, columns(like))[:] = _at(like, source, columns(like))


def copy_band(like: Any, source: int, to: int) -> None:
    """Copy `band_rows` numbers."""
    _at(like, to, band_rows(like))[:] = _at(like, source, band_rows(like))


def turn_block(like: Any, source: int, row: int, to: int, row_to: int) -> None:
    """Transpose a square of `lanes` rows: rows ``row`` apart become columns."""
    n = lanes(like)
    block = np.stack([_at(like, source + i * row, n) for i in range(n)])
    for i in range(n):
        _at(like, to + i * row_to, n)[:] = block[:, i]


def multiply_tile(
    rows: int, k: int, alpha: Any, a: int, row_a: int, step_a: int, b: int, step_b: int, beta: Any,
    c: int, row_c: int, ahead: int, row_ahead: int, across: int,
) -> None:  # fmt: skip
    """C = alpha A B + beta C for ``rows`` (≤ `tile_rows`) rows and `columns` columns of C.

    A has its rows ``row_a`` apart and its columns ``step_a``; the ``k`` rows of B lie ``step_b``
    apart, those of C ``row_c``. C is not read where beta is 0.

    Where ``ahead`` is not 0, and there are `tile_rows` rows, k cache lines of what will be wanted
    next are asked for meanwhile: one in each row from there on, rows ``row_ahead`` apart, if
    ``across`` is 0; or one after the other, ``across`` bytes apart, in `columns` such rows.
    """
    n = columns(alpha)
    for i in range(rows):
        total = np.zeros(n, np.asarray(alpha).dtype)
        for p in range(k):
            total += peek(alpha, a + i * row_a + p * step_a) * _at(alpha, b + p * step_b, n)
        out = _at(alpha, c + i * row_c, n)
        out[:] = alpha * total + beta * out if beta != 0 else alpha * total


def multiply_strip(vectors: Any, k: int, like: Any, x: int, a: int, row_a: int, y: int) -> None:
    """y += x A for ``vectors`` (1 to 8) vectors of y, and ``k`` rows of A that lie ``row_a`` apart.

    Compiled, y stays in registers, and each of its sums is a chain of `steepest.kernels.fma.fma`.
    """
    n = vectors * lanes(like)
    out = _at(like, y, n)
    for p in range(k):
        out += peek(like, x + p * item_bytes(like)) * _at(like, a + p * row_a, n)


def update_strip(
    vectors: Any, k: int, alpha: Any, x: int, dy: int, a: int, row_a: int, ahead: int, y: int
) -> None:
    """A += alpha xᵀ dy; y += ahead A: for the same strip as in `multiply_strip`."""
    n = vectors * lanes(alpha)
    for p in range(k):
        step = alpha * peek(alpha, x + p * item_bytes(alpha))
        _at(alpha, a + p * row_a, n)[:] += step * _at(alpha, dy, n)
    multiply_strip(vectors, k, alpha, ahead, a, row_a, y)


def _at(like: Any, address: int, size: int) -> NDArray[Any]:
    kind = ctypes.c_float if item_bytes(like) == 4 else ctypes.c_double
    return np.ctypeslib.as_array((kind * int(size)).from_address(int(address)))
