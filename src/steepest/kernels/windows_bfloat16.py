"""The product through windows, as `steepest.kernels.windows`, of pairs of bfloat16.

A and B hold pairs (`steepest.kernels.bfloat16`) in the place of numbers, S and C float32: every
distance is what it is there, since a pair has 32 bits too. Both products of two pairs are added.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .bfloat16 import multiply_window_tile_of_pairs
from .simd import microtile_rows, peek
from .windows import multiply_all, multiply_image

__all__ = ["windows"]

LIKE = np.float32(0)
"""A number of the type of C. The compiler puts in one of the type that is wanted."""


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
    """C = alpha Σ A B + S, for A and B of pairs; A has no columns of its own."""
    multiply_all(
        peek(LIKE, at_alpha),
        (images, lines, rows, outer, inner, columns),
        (a, a_image, a_line, a_row, a_outer, a_inner, a_column),
        (b, b_image, b_outer, b_inner),
        (s, s_image, s_line, s_row),
        (c, c_image, c_line, c_row),
        multiply_rows_of_pairs,
    )


def multiply_rows_of_pairs(
    alpha: Any, extents: Any, of_a: Any, of_b: Any, of_s: Any, of_c: Any
) -> None:
    """C = alpha Σ A B + S for the lines of one image, columns of one tile"""
    most = 1, microtile_rows(alpha)
    multiply_image(alpha, most, extents, of_a, of_b, of_s, of_c, multiply_window_tile_of_pairs)
