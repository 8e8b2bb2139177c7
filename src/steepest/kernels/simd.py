"""What hand-made products need of the machine: memory at addresses, and registers of vectors.

`steepest.kernels.matmul` and `steepest.kernels.packing` call what is here for whole products:
``multiply_microtile`` is the micro-kernel. `steepest.layers._dense.one_example` calls the strips.
Compiled, each function is a few vector instructions, which `steepest.compiler.simd` emits. The
bodies here say what they mean; they are what runs when a product is tested as plain Python.
``like`` is a real number of the type that lies in memory; addresses and distances count bytes.
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "add_channel_tile_and_sum",
    "channel_block",
    "channel_tile_rows",
    "copy_micropanel_column",
    "copy_row",
    "item_bytes",
    "lanes",
    "micropanel_rows",
    "microtile_columns",
    "microtile_rows",
    "multiply_channel_tile",
    "multiply_edge_tile",
    "multiply_microtile",
    "multiply_strip",
    "multiply_window_tile",
    "number",
    "peek",
    "peek_byte",
    "peek_int",
    "poke",
    "scratch",
    "transpose_block",
    "update_strip",
]

CACHE_LINE = 64
"""Bytes that a cache fetches at once."""

PANEL_BYTES = 16384
"""Of the panel in `scratch`: half of a first cache."""

BLOCK_ROWS = 192
"""Rows of A that stay in the second cache while the panels of B pass by."""

PACKED_BYTES = 256 * 1024
"""Of a copied block of A, which stays in the second cache."""

SCRATCH_BYTES = PANEL_BYTES + 2 * PACKED_BYTES
"""A panel, and a block of A, which may be twice as large where it holds pairs."""


def item_bytes(like: Any) -> int:
    """Bytes of one number."""
    return int(np.asarray(like).itemsize)


def lanes(like: Any) -> int:
    """Numbers in a vector register."""
    return 32 // item_bytes(like)


def microtile_columns(like: Any) -> int:
    """Columns of a microtile: two vectors."""
    return 2 * lanes(like)


def microtile_rows(like: Any) -> int:
    """Rows of the largest microtile: its sums fit the registers."""
    return 6


def channel_tile_rows(like: Any) -> int:
    """Rows of the largest tile of `multiply_channel_tile` that has one line."""
    return 6


def channel_block(like: Any) -> int:
    """Lines, and rows of each, of the largest one that has more."""
    return 3


def micropanel_rows(like: Any) -> int:
    """Rows of A copied side by side: those of a few microtiles, which fill whole vectors."""
    return 4 * microtile_rows(like)


def number(like: Any, value: float) -> Any:
    """Return ``value`` as a number of this type."""
    return np.asarray(like).dtype.type(value)


@functools.cache
def _memory() -> NDArray[Any]:
    return np.zeros(SCRATCH_BYTES, np.uint8)


def scratch(like: Any) -> int:
    """Address of `PANEL_BYTES` for a panel; behind it lies a block of A."""
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
    """Copy `microtile_columns` numbers: a row of a panel of B."""
    _at(like, to, microtile_columns(like))[:] = _at(like, source, microtile_columns(like))


def copy_micropanel_column(like: Any, source: int, to: int) -> None:
    """Copy `micropanel_rows` numbers: a column of a micropanel of A."""
    _at(like, to, micropanel_rows(like))[:] = _at(like, source, micropanel_rows(like))


def transpose_block(like: Any, source: int, row: int, to: int, row_to: int) -> None:
    """Transpose a square of `lanes` rows: rows ``row`` apart become columns."""
    n = lanes(like)
    block = np.stack([_at(like, source + i * row, n) for i in range(n)])
    for i in range(n):
        _at(like, to + i * row_to, n)[:] = block[:, i]


def multiply_microtile(
    rows: int,
    k: int,
    alpha: Any,
    of_a: tuple[int, int, int],
    of_b: tuple[int, int],
    beta: Any,
    of_c: tuple[int, int],
    ahead: tuple[int, int, int],
) -> None:
    """C = alpha A B + beta C for ``rows`` (≤ `microtile_rows`) rows, `microtile_columns` columns.

    C is not read where beta is 0.

    Parameters
    ----------
    rows : int
        The rows of A and C.
    k : int
        The columns of A and the rows of B.
    alpha, beta : real
        Factors of A B and of C.
    of_a : tuple of int
        The address of A, and the bytes from row to row and from column to column.
    of_b, of_c : tuple of int
        The address of B or C, and the bytes from row to row.
    ahead : tuple of int
        An address, ``row`` and ``across``. If the address is not 0, and there are `microtile_rows`
        rows, k cache lines of what will be wanted next are asked for meanwhile: one in each row
        from there on, rows ``row`` bytes apart, if ``across`` is 0; or one after the other,
        ``across`` bytes apart, in `microtile_columns` such rows.
    """
    (a, row_a, step_a), (b, row_b), (c, row_c) = of_a, of_b, of_c
    n = microtile_columns(alpha)
    for i in range(rows):
        total = np.zeros(n, np.asarray(alpha).dtype)
        for p in range(k):
            total += peek(alpha, a + i * row_a + p * step_a) * _at(alpha, b + p * row_b, n)
        out = _at(alpha, c + i * row_c, n)
        out[:] = alpha * total + beta * out if beta != 0 else alpha * total


def multiply_edge_tile(
    extents: tuple[int, int],
    k: int,
    alpha: Any,
    of_a: tuple[int, int, int],
    of_b: tuple[int, int],
    beta: Any,
    of_c: tuple[int, int],
) -> None:
    """C = alpha A B + beta C as `multiply_microtile`, for ``extents``: rows, and fewer columns.

    Of B and C, columns beyond those are neither read nor written.
    """
    (rows, columns), (a, row_a, step_a), (b, row_b), (c, row_c) = extents, of_a, of_b, of_c
    for i in range(rows):
        total = np.zeros(columns, np.asarray(alpha).dtype)
        for p in range(k):
            total += peek(alpha, a + i * row_a + p * step_a) * _at(alpha, b + p * row_b, columns)
        out = _at(alpha, c + i * row_c, columns)
        out[:] = alpha * total + beta * out if beta != 0 else alpha * total


def multiply_window_tile(
    extents: tuple[int, int, int, int, int],
    alpha: Any,
    of_a: tuple[int, int, int, int, int],
    of_b: tuple[int, int, int],
    of_s: tuple[int, int, int],
    of_c: tuple[int, int, int],
) -> None:
    """C = alpha Σ_o Σ_k A B + S, a tile of it.

    Parameters
    ----------
    extents : tuple of int
        Lines (1), rows (≤ `microtile_rows`), columns (≤ `microtile_columns`), o and k. None of them
        is 0.
    alpha : real
    of_a : tuple of int
        The address of A, and the bytes from line to line, row to row, o to o, and k to k.
    of_b : tuple of int
        The address of B, and the bytes from o to o, and from k to k.
    of_s, of_c : tuple of int
        The address of S or C, and the bytes from line to line, and from row to row.
    """
    _multiply_tile(extents, alpha, of_a, of_b, of_s, of_c, 1)


def multiply_channel_tile(
    extents: tuple[int, int, int, int, int],
    alpha: Any,
    of_a: tuple[int, int, int, int, int],
    of_b: tuple[int, int, int],
    of_s: tuple[int, int, int],
    of_c: tuple[int, int, int],
) -> None:
    """C = alpha Σ_o Σ_k A ⊙ B + S: as `multiply_window_tile`, but A has as many columns as B.

    There is one line of at most `channel_tile_rows` rows, where from row to row is as far as from k
    to k, or at most `channel_block` lines of as many rows. Of columns there are all that a
    microtile has, or at most `lanes`.
    """
    _multiply_tile(extents, alpha, of_a, of_b, of_s, of_c, extents[2])


def add_channel_tile_and_sum(
    extents: tuple[int, int, int, int, int],
    alpha: Any,
    of_a: tuple[int, int, int, int, int],
    of_b: tuple[int, int, int],
    of_s: tuple[int, int, int],
    of_c: tuple[int, int, int],
) -> None:
    """C += alpha Σ_o Σ_k A ⊙ B; S += alpha Σ_o Σ_k B, a single row.

    The tile is as in `multiply_channel_tile`, but has at most `channel_block` lines, and rows.
    """
    _, _, columns, outer, inner = extents
    b, outer_b, inner_b = of_b
    total = np.zeros(columns, np.asarray(alpha).dtype)
    for o, k in np.ndindex(outer, inner):
        total += _at(alpha, b + o * outer_b + k * inner_b, columns)
    _at(alpha, of_s[0], columns)[:] += alpha * total
    multiply_channel_tile(extents, alpha, of_a, of_b, of_c, of_c)


def _multiply_tile(
    extents: tuple[int, int, int, int, int],
    alpha: Any,
    of_a: tuple[int, int, int, int, int],
    of_b: tuple[int, int, int],
    of_s: tuple[int, int, int],
    of_c: tuple[int, int, int],
    width: int,
) -> None:
    """C = alpha Σ_o Σ_k A ⊙ B + S, where A has ``width`` columns"""
    lines, rows, columns, outer, inner = extents
    (a, *far_a), (b, outer_b, inner_b), (s, *far_s), (c, *far_c) = of_a, of_b, of_s, of_c
    for at in np.ndindex(lines, rows):
        total = np.zeros(columns, np.asarray(alpha).dtype)
        for o, k in np.ndindex(outer, inner):
            factors = _at(alpha, a + int(np.dot(far_a, (*at, o, k))), width)
            total += factors * _at(alpha, b + o * outer_b + k * inner_b, columns)
        out = _at(alpha, c + int(np.dot(far_c, at)), columns)
        out[:] = alpha * total + _at(alpha, s + int(np.dot(far_s, at)), columns)


def multiply_strip(vectors: Any, k: int, like: Any, x: int, of_a: tuple[int, int], y: int) -> None:
    """y += x A for ``vectors`` (1 to 8) vectors of y, and ``k`` rows of A.

    ``of_a`` is the address of A, and the bytes from row to row.

    Compiled, y stays in registers, and each of its sums is a chain of `steepest.kernels.fma.fma`.
    """
    a, row_a = of_a
    n = vectors * lanes(like)
    out = _at(like, y, n)
    for p in range(k):
        out += peek(like, x + p * item_bytes(like)) * _at(like, a + p * row_a, n)


def update_strip(
    vectors: Any, k: int, alpha: Any, x: int, dy: int, of_a: tuple[int, int], ahead: int, y: int
) -> None:
    """A += alpha xᵀ dy; y += ahead A: for the same strip as in `multiply_strip`."""
    a, row_a = of_a
    n = vectors * lanes(alpha)
    for p in range(k):
        step = alpha * peek(alpha, x + p * item_bytes(alpha))
        _at(alpha, a + p * row_a, n)[:] += step * _at(alpha, dy, n)
    multiply_strip(vectors, k, alpha, ahead, of_a, y)


def _at(like: Any, address: int, size: int) -> NDArray[Any]:
    kind = ctypes.c_float if item_bytes(like) == 4 else ctypes.c_double
    return np.ctypeslib.as_array((kind * int(size)).from_address(int(address)))
