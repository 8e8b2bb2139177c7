"""The product under a convolution: C ← α Σ A B + S, whose A is read through windows of an image.

``multiply_windows`` is what a kernel calls; ``windows`` is its compiled core, stored once for all
kernels, ``channel_windows`` the one for an A that has columns, and ``summing_windows`` the one that
sums B, too. Rows of A may overlap, and a sum has two levels, so an image is read where it lies: of
a convolution the matrix of all patches is never written.

For every image, every line of it, every row r of a line, and every column j

    C[image, line, r, j]
        ← α Σ_o Σ_k A[image, line, r, o, k] B[image, o, k, j] + S[image, line, r, j]

where every index has a distance of its own in memory, but for j: entries of a row of B, of C and of
S lie side by side. A may have columns too; each is then multiplied by the same column of B alone. S
may be C itself. Rows of A may overlap, and so may images of C, and, where A has no columns, its
lines: these are taken one after the other.

=================  =============  =====================  ==================  ===================
of a convolution   a line         r                      o                   k
=================  =============  =====================  ==================  ===================
forward            of y           a pixel of the line    a line of taps      a tap and channel
dx                 of x           a pixel of the line    a line of taps      a tap and channel
dA                 of taps        a tap and channel      a line of dy        a pixel of the line
=================  =============  =====================  ==================  ===================

Where A has columns, a pass over B may also sum it: `add_windows_and_sum`, for dA and db at once.

Georganas et al. 2018, arXiv:1808.05567, call such a forward pass a direct convolution.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .simd import (
    PACKED_BYTES,
    add_channel_tile_and_sum,
    channel_block,
    channel_tile_rows,
    copy_row,
    item_bytes,
    lanes,
    microtile_columns,
    microtile_rows,
    multiply_channel_tile,
    multiply_window_tile,
    number,
    peek,
    poke,
    scratch,
)

__all__ = [
    "add_windows_and_sum",
    "channel_windows",
    "multiply_all",
    "multiply_image",
    "multiply_windows",
    "summing_windows",
    "windows",
]

LIKE = np.float64(0)
"""A number of the arrays' type. The compiler puts in one of the type that is wanted."""

_FEW = 48  # rows of A that pass a panel of B: for fewer, a copy of the panel does not pay


def multiply_windows(
    address: int,
    extents: tuple[Any, ...],
    alpha: float,
    a: Any,
    of_a: tuple[Any, ...],
    b: Any,
    of_b: tuple[Any, ...],
    s: Any,
    of_s: tuple[Any, ...],
    c: Any,
    of_c: tuple[Any, ...],
) -> None:
    """C ← α Σ A B + S through windows. Compiled, this calls `windows` at ``address``, or the like.

    Parameters
    ----------
    address : int
        Of the compiled product: what a kernel gets that asks for ``windows``. It is that of
        `channel_windows` where A has columns.
    extents : tuple of int
        Images, lines, rows, o, k, and columns; none of them 0.
    alpha : real
    a, b, s, c : ndarray
        Vectors that begin with the first entry.
    of_a : tuple of int
        Entries from image to image, line to line, row to row, o to o, k to k, and column to column:
        the last is 0 or 1.
    of_b : tuple of int
        Entries from image to image, o to o, and k to k.
    of_s, of_c : tuple of int
        Entries from image to image, line to line, and row to row.
    """
    images, lines, rows, outer, inner, columns = extents
    size = c.itemsize
    strided = np.lib.stride_tricks.as_strided
    windowed = strided(a, (images, lines, rows, outer, inner, columns), [size * d for d in of_a])
    factors = strided(b, (images, outer, inner, columns), [size * d for d in (*of_b, 1)])
    start = strided(s, (images, lines, rows, columns), [size * d for d in (*of_s, 1)])
    out = strided(c, (images, lines, rows, columns), [size * d for d in (*of_c, 1)])
    for at in np.ndindex(images, lines):
        out[at] = alpha * np.einsum("rokj,okj->rj", windowed[at], factors[at[0]]) + start[at]


def add_windows_and_sum(
    address: int,
    extents: tuple[Any, ...],
    alpha: float,
    a: Any,
    of_a: tuple[Any, ...],
    b: Any,
    of_b: tuple[Any, ...],
    s: Any,
    of_s: tuple[Any, ...],
    c: Any,
    of_c: tuple[Any, ...],
) -> None:
    """C += α Σ A ⊙ B; S += α Σ B, over o and k. Compiled, this calls `summing_windows`.

    The parameters are those of `multiply_windows`, where A has columns; S is one row for an image.
    """
    images, _, _, outer, inner, columns = extents
    from_b, size = [b.itemsize * d for d in (*of_b, 1)], s.itemsize
    factors = np.lib.stride_tricks.as_strided(b, (images, outer, inner, columns), from_b)
    sums = np.lib.stride_tricks.as_strided(s, (images, columns), [size * of_s[0], size])
    for image in range(images):
        sums[image] += alpha * factors[image].sum((0, 1))
    multiply_windows(address, extents, alpha, a, of_a, b, of_b, c, of_c, c, of_c)


def windows(
    at_alpha: int,
    images: int,
    lines: int,
    rows: int,
    outer: int,
    inner: int,
    columns: int,
    a: int,
    a_image: int,
    a_line: int,
    a_row: int,
    a_outer: int,
    a_inner: int,
    a_column: int,
    b: int,
    b_image: int,
    b_outer: int,
    b_inner: int,
    s: int,
    s_image: int,
    s_line: int,
    s_row: int,
    c: int,
    c_image: int,
    c_line: int,
    c_row: int,
) -> None:
    """C = alpha Σ A B + S: as `multiply_windows`, with addresses, and distances in bytes."""
    multiply_all(
        peek(LIKE, at_alpha),
        (images, lines, rows, outer, inner, columns),
        (a, a_image, a_line, a_row, a_outer, a_inner, a_column),
        (b, b_image, b_outer, b_inner),
        (s, s_image, s_line, s_row),
        (c, c_image, c_line, c_row),
        multiply_rows,
    )


def channel_windows(
    at_alpha: int,
    images: int,
    lines: int,
    rows: int,
    outer: int,
    inner: int,
    columns: int,
    a: int,
    a_image: int,
    a_line: int,
    a_row: int,
    a_outer: int,
    a_inner: int,
    a_column: int,
    b: int,
    b_image: int,
    b_outer: int,
    b_inner: int,
    s: int,
    s_image: int,
    s_line: int,
    s_row: int,
    c: int,
    c_image: int,
    c_line: int,
    c_row: int,
) -> None:
    """C = alpha Σ A ⊙ B + S: the same, where A has as many columns as B."""
    multiply_all(
        peek(LIKE, at_alpha),
        (images, lines, rows, outer, inner, columns),
        (a, a_image, a_line, a_row, a_outer, a_inner, a_column),
        (b, b_image, b_outer, b_inner),
        (s, s_image, s_line, s_row),
        (c, c_image, c_line, c_row),
        multiply_channels,
    )


def summing_windows(
    at_alpha: int,
    images: int,
    lines: int,
    rows: int,
    outer: int,
    inner: int,
    columns: int,
    a: int,
    a_image: int,
    a_line: int,
    a_row: int,
    a_outer: int,
    a_inner: int,
    a_column: int,
    b: int,
    b_image: int,
    b_outer: int,
    b_inner: int,
    s: int,
    s_image: int,
    s_line: int,
    s_row: int,
    c: int,
    c_image: int,
    c_line: int,
    c_row: int,
) -> None:
    """C += alpha Σ A ⊙ B; S += alpha Σ B: as `add_windows_and_sum`."""
    multiply_all(
        peek(LIKE, at_alpha),
        (images, lines, rows, outer, inner, columns),
        (a, a_image, a_line, a_row, a_outer, a_inner, a_column),
        (b, b_image, b_outer, b_inner),
        (s, s_image, s_line, s_row),
        (c, c_image, c_line, c_row),
        add_channels_and_sum,
    )


def multiply_all(
    alpha: Any,
    extents: tuple[int, int, int, int, int, int],
    of_a: tuple[int, int, int, int, int, int, int],
    of_b: tuple[int, int, int, int],
    of_s: tuple[int, int, int, int],
    of_c: tuple[int, int, int, int],
    multiply: Callable[..., None],
) -> None:
    """C = alpha Σ A B + S, image by image and panel by panel, each by ``multiply``"""
    images, lines, rows, outer, inner, columns = extents
    a, a_image, a_line, a_row, a_outer, a_inner, a_column = of_a
    (b, b_image, b_outer, b_inner), (s, s_image, s_line, s_row) = of_b, of_s
    c, c_image, c_line, c_row = of_c
    size, wide = item_bytes(alpha), microtile_columns(alpha)
    panel = scratch(alpha)
    fits = outer * inner * wide * size <= PACKED_BYTES
    packs = images * lines * rows > _FEW and fits and b_image == 0
    for j in range(0, columns, wide):
        width = min(wide, columns - j)
        if packs:
            copy_panel(alpha, (b + j * size, b_outer, b_inner), outer, inner, width, panel)
        for image in range(images):
            part_of_b = b + image * b_image + j * size, b_outer, b_inner
            if packs:
                part_of_b = panel, inner * wide * size, wide * size
            part_of_a = a + image * a_image + j * a_column, a_line, a_row, a_outer, a_inner
            part_of_s = s + image * s_image + j * size, s_line, s_row
            part_of_c = c + image * c_image + j * size, c_line, c_row
            of_one = lines, rows, outer, inner, width
            multiply(alpha, of_one, part_of_a, part_of_b, part_of_s, part_of_c)


def multiply_rows(alpha: Any, extents: Any, of_a: Any, of_b: Any, of_s: Any, of_c: Any) -> None:
    """C = alpha Σ A B + S for the lines of one image, columns of one tile"""
    most = 1, microtile_rows(alpha)
    multiply_image(alpha, most, extents, of_a, of_b, of_s, of_c, multiply_window_tile)


def multiply_channels(alpha: Any, extents: Any, of_a: Any, of_b: Any, of_s: Any, of_c: Any) -> None:
    """C = alpha Σ A ⊙ B + S for the lines of one image, columns of one tile"""
    lines, rows, outer, inner, width = extents
    a, a_line, a_row, a_outer, a_inner = of_a
    (b, b_outer, b_inner), (s, s_line, s_row), (c, c_line, c_row) = of_b, of_s, of_c
    most = 1, channel_tile_rows(alpha)
    if lines * rows < outer * inner:  # few entries of C, each of a long sum
        most = channel_block(alpha), channel_block(alpha)
    elif a_row != a_inner:  # each row of A is read anew for each of C
        most = 1, channel_block(alpha)
    at_once = width if width == microtile_columns(alpha) else lanes(alpha)
    for j in range(0, width, at_once):
        at = j * item_bytes(alpha)
        multiply_image(
            alpha,
            most,
            (lines, rows, outer, inner, min(at_once, width - j)),
            (a + at, a_line, a_row, a_outer, a_inner),
            (b + at, b_outer, b_inner),
            (s + at, s_line, s_row),
            (c + at, c_line, c_row),
            multiply_channel_tile,
        )


def add_channels_and_sum(
    alpha: Any, extents: Any, of_a: Any, of_b: Any, of_s: Any, of_c: Any
) -> None:
    """C += alpha Σ A ⊙ B; S += alpha Σ B for the lines of one image, columns of one tile"""
    lines, rows, outer, inner, width = extents
    a, a_line, a_row, a_outer, a_inner = of_a
    (b, b_outer, b_inner), (s, s_line, s_row), (c, c_line, c_row) = of_b, of_s, of_c
    at_once = width if width == microtile_columns(alpha) else lanes(alpha)
    most = channel_block(alpha)
    for j in range(0, width, at_once):
        at = j * item_bytes(alpha)
        part_of_b, part_of_s = (b + at, b_outer, b_inner), (s + at, s_line, s_row)
        for line in range(0, lines, most):
            for row in range(0, rows, most):
                deep, high = min(most, lines - line), min(most, rows - row)
                part = deep, high, min(at_once, width - j), outer, inner
                first_a, first_c = a + at + line * a_line + row * a_row, c + at + line * c_line
                part_of_a = first_a, a_line, a_row, a_outer, a_inner
                part_of_c = first_c + row * c_row, c_line, c_row
                if line + row == 0:
                    add_channel_tile_and_sum(
                        part, alpha, part_of_a, part_of_b, part_of_s, part_of_c
                    )
                else:
                    multiply_channel_tile(part, alpha, part_of_a, part_of_b, part_of_c, part_of_c)


def multiply_image(
    alpha: Any,
    most: tuple[int, int],
    extents: tuple[int, int, int, int, int],
    of_a: tuple[int, int, int, int, int],
    of_b: tuple[int, int, int],
    of_s: tuple[int, int, int],
    of_c: tuple[int, int, int],
    multiply: Callable[..., None],
) -> None:
    """C = alpha Σ A B + S for the lines of one image, columns of one tile

    A tile has at most ``most`` lines and rows.
    """
    lines, rows, outer, inner, width = extents
    a, a_line, a_row, a_outer, a_inner = of_a
    (s, s_line, s_row), (c, c_line, c_row) = of_s, of_c
    most_lines, most_rows = most
    tiles = (rows + most_rows - 1) // most_rows
    few, more = rows // tiles, rows % tiles  # so many tiles have one row more
    for line in range(0, lines, most_lines):
        deep = min(most_lines, lines - line)
        at_a, at_s, at_c = a + line * a_line, s + line * s_line, c + line * c_line
        for tile in range(tiles):
            high = few + 1 if tile < more else few
            multiply(
                (deep, high, width, outer, inner),
                alpha,
                (at_a, a_line, a_row, a_outer, a_inner),
                of_b,
                (at_s, s_line, s_row),
                (at_c, c_line, c_row),
            )
            at_a += high * a_row
            at_s += high * s_row
            at_c += high * c_row


def copy_panel(
    like: Any, of_b: tuple[int, int, int], outer: int, inner: int, width: int, to: int
) -> None:
    """to = B, ``width`` columns of it, and zeros beside them"""
    b, b_outer, b_inner = of_b
    size, wide = item_bytes(like), microtile_columns(like)
    for o in range(outer):
        for k in range(inner):
            source = b + o * b_outer + k * b_inner
            if width == wide:
                copy_row(like, source, to)
            else:
                for j in range(width):
                    poke(to + j * size, peek(like, source + j * size))
                for j in range(width, wide):
                    poke(to + j * size, number(like, 0.0))
            to += wide * size
