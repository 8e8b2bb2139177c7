"""Our own matrix product C ← α A B + β C, for the sizes where BLAS copies more than it computes.

It is built as BLIS builds one, and uses its words. What calls what, from the outside in:

``gemm``                 reads BLAS's arguments, and decides what is read where it lies
``multiply_blocks``      blocks of A that stay in the second cache; has them copied (``pack_block``)
``multiply_block``       panels of B, as wide as a microtile; has them copied (``pack_panel``)
``multiply_panel``       microtile after microtile: the rows of the block past one panel
``multiply_microtile``   the micro-kernel: a few rows by two vectors, whose sums stay in registers
``multiply_edge_tile``   the same for fewer columns: the others are neither read nor written

Packing is in `steepest.kernels.packing`. The micro-kernels are in `steepest.kernels.simd`;
`steepest.compiler.simd` emits them. `steepest.kernels.matmul_bfloat16` gives ``multiply_blocks``
micro-kernels and packing of its own.

All rows of A go past a panel of B that stays in the first cache. B is copied to such a panel only
if it lies column after column, or if its rows lie too far apart for that cache.
A is copied to micropanels only if it lies column after column and many panels pass: else it pays
only for many rows, and there BLAS is as good (`steepest.compiler.gemm`).

Sources: Van Zee & van de Geijn, "BLIS: A framework for rapidly instantiating BLAS functionality",
ACM Trans. Math. Softw. 41 (2015); for the blocking, Goto & van de Geijn, "Anatomy of
high-performance matrix multiplication", ACM Trans. Math. Softw. 34 (2008), sections 4 and 5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .packing import Matrix, lies_by_rows, pack_block, pack_panel
from .simd import (
    BLOCK_ROWS,
    CACHE_LINE,
    PACKED_BYTES,
    PANEL_BYTES,
    item_bytes,
    micropanel_rows,
    microtile_columns,
    microtile_rows,
    multiply_edge_tile,
    multiply_microtile,
    number,
    peek,
    peek_byte,
    peek_int,
    scratch,
)

__all__ = ["gemm", "multiply_blocks", "read_arguments"]


LIKE = np.float64(0)
"""A number of the matrices' type. The compiler puts in one of the type that is wanted."""

_T = ord("T")

Output = tuple[int, int]
"""A matrix with contiguous rows: its address, and the bytes from row to row."""


def gemm(
    at_trans_b: int,
    at_trans_a: int,
    at_n: int,
    at_m: int,
    at_k: int,
    at_alpha: int,
    b: int,
    at_ldb: int,
    a: int,
    at_lda: int,
    at_beta: int,
    c: int,
    at_ldc: int,
) -> None:
    """C = alpha A B + beta C, called as BLAS ``?gemm`` is: every argument by its address.

    BLAS counts by columns, so what it calls the first matrix is B here: (k, n), or (n, k) where
    ``at_trans_b`` points to a T. A is (m, k), or (k, m); C is (m, n). All have contiguous rows.
    """
    at_a, at_b = (a, at_lda, at_trans_a), (b, at_ldb, at_trans_b)
    shape, scales, matrices = read_arguments(
        LIKE, (at_m, at_n, at_k), (at_alpha, at_beta), at_a, at_b, (c, at_ldc)
    )
    few_panels = shape[1] <= 4 * microtile_columns(LIKE)
    reads_a = few_panels or lies_by_rows(LIKE, matrices[0])
    row_b = matrices[1][1]
    reads_b = lies_by_rows(LIKE, matrices[1]) and (shape[2] - 1) * row_b <= PANEL_BYTES
    plan = 1, 1, reads_a, reads_b
    multiply_blocks(
        shape,
        scales,
        matrices,
        plan,
        pack_block,
        pack_panel,
        multiply_microtile,
        multiply_edge_tile,
    )


def read_arguments(
    like: Any,
    at_shape: tuple[int, int, int],
    at_scales: tuple[int, int],
    at_a: tuple[int, int, int],
    at_b: tuple[int, int, int],
    at_c: tuple[int, int],
) -> tuple[tuple[int, int, int], tuple[Any, Any], tuple[Matrix, Matrix, Output]]:
    """Return (m, n, k), (alpha, beta) and (A, B, C), read where BLAS's arguments lie."""
    m, n, k = at_shape
    alpha, beta = at_scales
    c, distance = at_c
    return (
        (peek_int(m), peek_int(n), peek_int(k)),
        (peek(like, alpha), peek(like, beta)),
        (_matrix(like, at_a), _matrix(like, at_b), (c, peek_int(distance) * item_bytes(like))),
    )


def _matrix(like: Any, arguments: tuple[int, int, int]) -> Matrix:
    address, at_distance, at_trans = arguments
    size = item_bytes(like)
    distance = peek_int(at_distance) * size
    if peek_byte(at_trans) == _T:
        return address, size, distance
    return address, distance, size


def multiply_blocks(
    shape: tuple[int, int, int],
    scales: tuple[Any, Any],
    matrices: tuple[Matrix, Matrix, Output],
    plan: tuple[int, int, bool, bool],
    pack_block: Callable[..., Any],
    pack_panel: Callable[..., None],
    multiply: Callable[..., None],
    multiply_edge: Callable[..., None],
) -> None:
    """C = alpha A B + beta C, block by block.

    Parameters
    ----------
    shape : tuple of int
        m, n and k.
    scales : tuple of real
        alpha and beta.
    matrices : tuple
        A, B and C.
    plan : tuple
        How many numbers, one after the other in a sum, lie side by side in a copy and are one step
        of the micro-kernel; how many microtiles of a panel ask for lines of the next panel;
        whether A is read where it lies, and not copied; whether B is.
    pack_block, pack_panel, multiply, multiply_edge : callable
        The packing of blocks of A and of panels of B, and the micro-kernels.
    """
    m, n, k = shape
    alpha, beta = scales
    (a, row_a, step_a), (b, row_b, step_b), (c, row_c) = matrices
    together, _, reads_a, _ = plan
    size, band = item_bytes(alpha), micropanel_rows(alpha)
    panel = scratch(alpha)
    packed = panel + PANEL_BYTES
    steps = (k + together - 1) // together
    deepest = PANEL_BYTES // (microtile_columns(alpha) * size)
    blocks = max(1, (steps + deepest - 1) // deepest)
    for block in range(blocks):
        first = steps * block // blocks
        depth = steps * (block + 1) // blocks - first
        k0 = first * together
        numbers = min(k - k0, depth * together)  # the last step may lack some
        kept = beta if block == 0 else number(alpha, 1.0)
        tall = BLOCK_ROWS
        if not reads_a:
            tall = together * PACKED_BYTES // max(1, depth * size) // band * band
        for begin in range(0, m, tall):
            rows = min(tall, m - begin)
            of_a = a + begin * row_a + k0 * step_a, row_a, step_a
            block_a = block_of(alpha, of_a, numbers, rows, reads_a, packed, pack_block)
            here = block_a, (b + k0 * row_b, row_b, step_b), (c + begin * row_c, row_c)
            extent = rows, n, depth, numbers
            both = alpha, kept
            multiply_block(extent, both, here, plan, panel, pack_panel, multiply, multiply_edge)


def multiply_block(
    extent: tuple[int, int, int, int],
    scales: tuple[Any, Any],
    matrices: tuple[Any, Matrix, Output],
    plan: tuple[int, int, bool, bool],
    memory: int,
    pack_panel: Callable[..., None],
    multiply: Callable[..., None],
    multiply_edge: Callable[..., None],
) -> None:
    """C = alpha A B + beta C for one block of A: one panel of B after the other.

    ``extent`` is the block's rows, the columns of B, the steps of a sum, and the numbers in them.
    Copied panels go to ``memory``.
    """
    rows, n, depth, numbers = extent
    a, (b, row_b, step_b), (c, row_c) = matrices
    _, asking, reads_a, reads_b = plan
    like, most = scales[0], microtile_rows(scales[0])
    size, wide = item_bytes(like), microtile_columns(like)
    tiles = (rows + most - 1) // most
    few, more = most, 0  # rows of a microtile; so many microtiles have one row more
    if reads_a:  # (where A is copied, a microtile must not go beyond its micropanel)
        few, more = rows // tiles, rows % tiles
    across = 0 if lies_by_rows(like, (b, row_b, step_b)) else CACHE_LINE
    for j in range(0, n, wide):
        width = min(wide, n - j)
        of_b = b + j * step_b, row_b, step_b
        panel = panel_of(like, of_b, numbers, width, reads_b, memory, pack_panel)
        ahead = 0
        if panel[0] == memory and j + wide < n:  # the next panel's lines come meanwhile
            ahead = of_b[0] + wide * step_b
        multiply_panel(
            (rows, width, depth),
            (tiles, few, more, asking),
            scales,
            (a, panel, (c + j * size, row_c)),
            (ahead, max(row_b, step_b), across),
            multiply,
            multiply_edge,
        )


def block_of(
    like: Any,
    a: Matrix,
    numbers: int,
    rows: int,
    reads: bool,
    memory: int,
    pack_block: Callable[..., Any],
) -> tuple[int, int, int, int]:
    """Return a block of A where it lies, or a copy of it, as ``pack_block`` does.

    (A function, because LLVM would turn a choice within the loop into two loops, each with its own
    copy of the micro-kernel.)
    """
    if reads:
        start, row, step = a
        return start, row, step, 0
    copy: tuple[int, int, int, int] = pack_block(like, a, numbers, rows, memory)
    return copy


def panel_of(
    like: Any,
    b: Matrix,
    numbers: int,
    width: int,
    reads: bool,
    memory: int,
    pack_panel: Callable[..., None],
) -> tuple[int, int]:
    """Return a panel of B where it lies, or a copy: address, and row to row."""
    if reads:
        return b[0], b[1]
    pack_panel(like, b, numbers, width, memory)
    return memory, microtile_columns(like) * item_bytes(like)


def multiply_panel(
    extent: tuple[int, int, int],
    tiles: tuple[int, int, int, int],
    scales: tuple[Any, Any],
    matrices: tuple[tuple[int, int, int, int], tuple[int, int], Output],
    ahead: tuple[int, int, int],
    multiply: Callable[..., None],
    multiply_edge: Callable[..., None],
) -> None:
    """C = alpha A B + beta C for one block of A and one panel of B.

    ``extent`` is rows, columns and steps. ``tiles`` is how many microtiles there are, the rows of
    one, how many have one row more, and how many ask for cache lines ahead.
    """
    rows, width, depth = extent
    count, few, more, asking = tiles
    alpha, beta = scales
    (at_a, row_a, step_a, gap), panel, (at_c, row_c) = matrices
    most = microtile_rows(alpha)
    in_micropanel = micropanel_rows(alpha) // most
    whole = width == microtile_columns(alpha)
    left = rows
    for tile in range(count):
        high = min(few + 1 if tile < more else few, left)
        of_a, of_c = (at_a, row_a, step_a), (at_c, row_c)
        if whole:
            asks = ahead[0] != 0 and high == most and tile < asking
            lines = (lines_ahead(ahead, depth, tile) if asks else 0), ahead[1], ahead[2]
            multiply(high, depth, alpha, of_a, panel, beta, of_c, lines)
        else:
            multiply_edge((high, width), depth, alpha, of_a, panel, beta, of_c)
        left -= high
        at_c += high * row_c
        at_a += high * row_a + (gap if tile % in_micropanel == in_micropanel - 1 else 0)


def lines_ahead(ahead: tuple[int, int, int], depth: int, tile: int) -> int:
    """Return where the ``depth`` lines of the next panel begin that microtile ``tile`` asks for.

    ``ahead`` is as for `steepest.kernels.simd.multiply_microtile`.
    """
    start, row, across = ahead
    if across != 0:
        return start + tile * 2 * depth
    return start + tile % 2 * depth * row + tile // 2 * CACHE_LINE
