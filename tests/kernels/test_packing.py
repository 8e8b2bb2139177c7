"""Copies of blocks and panels, as plain Python: every entry where the micro-kernel looks for it."""

import numpy as np
import pytest

from steepest.kernels import packing, packing_bfloat16
from steepest.kernels.bfloat16 import rounded
from steepest.kernels.simd import micropanel_rows, microtile_columns

LIKE = np.float32(0)
SIZE = 4


def drawn(rows, columns, by_rows):
    """Return a matrix that lies row after row, or column after column."""
    numbers = np.random.default_rng(0).standard_normal((rows, columns)).astype(np.float32)
    return np.array(numbers, order="C" if by_rows else "F")


def described(matrix, by_rows):
    """Return where a matrix lies, with the distances that it has by rows or by columns."""
    rows, columns = matrix.shape
    distances = (columns * SIZE, SIZE) if by_rows else (SIZE, rows * SIZE)
    return matrix.ctypes.data, *distances


def steps(words, paired):
    """Return what words of a copy hold: for each, the numbers of one step of a sum."""
    bits = words.view(np.uint32)
    if not paired:
        return bits.view(np.float32)[..., None]
    return np.stack([bits << 16, bits & 0xFFFF0000], axis=-1).view(np.float32)


def in_steps(matrix, paired):
    """Return a matrix with its rows cut to steps of a sum: (rows, steps, numbers)."""
    if not paired:
        return matrix[..., None]
    even = np.pad(matrix, ((0, 0), (0, matrix.shape[1] % 2)))
    return rounded(even).reshape(len(matrix), -1, 2)


@pytest.mark.parametrize("depth", [1, 2, 23])
@pytest.mark.parametrize(
    ("module", "by_rows"), [(packing, False), (packing_bfloat16, False), (packing_bfloat16, True)]
)
def test_a_block_of_a_lies_where_its_copy_says(module, by_rows, depth):
    paired, high = module is packing_bfloat16, micropanel_rows(LIKE)
    matrix = drawn(2 * high + 5, depth, by_rows)
    wanted = in_steps(matrix, paired)
    copy = np.zeros(4 * high * (depth + 1), np.float32)
    start, row, step, gap = module.pack_block(
        LIKE, described(matrix, by_rows), depth, len(matrix), copy.ctypes.data
    )
    assert start == copy.ctypes.data
    for i in range(len(matrix)):
        at = i * row + i // high * gap + np.arange(wanted.shape[1]) * step
        np.testing.assert_array_equal(steps(copy[at // SIZE], paired), wanted[i])


@pytest.mark.parametrize("by_rows", [False, True])
@pytest.mark.parametrize("width", [microtile_columns(LIKE), 5])
@pytest.mark.parametrize("depth", [1, 2, 23])
@pytest.mark.parametrize("module", [packing, packing_bfloat16])
def test_a_panel_of_b_lies_row_after_row_with_zeros_beside(module, depth, width, by_rows):
    paired, wide = module is packing_bfloat16, microtile_columns(LIKE)
    matrix = drawn(depth, width, by_rows)
    wanted = in_steps(np.pad(matrix, ((0, 0), (0, wide - width))).T, paired).swapaxes(0, 1)
    copy = np.full((len(wanted) + 1, wide), 7, np.float32)
    module.pack_panel(LIKE, described(matrix, by_rows), depth, width, copy.ctypes.data)
    np.testing.assert_array_equal(steps(copy[:-1], paired), wanted)
    assert (copy[-1] == 7).all()
