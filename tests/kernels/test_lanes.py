"""A softmax down lanes: compiled against the plain form, and against NumPy."""

import numpy as np
import pytest
from scipy import special

from helpers import run_kernel
from steepest.compiler.simd import VECTOR_BYTES
from steepest.kernels.lanes import (
    ALONG,
    BEGIN,
    END,
    HIDDEN,
    LANE_ROWS,
    LANES,
    TOP,
    TOTAL,
    hide_lanes,
    multiply_lanes,
    slope_lanes,
    slope_whole_lanes,
    softmax_lanes,
    weigh_lanes,
)
from steepest.kernels.simd import item_bytes, lanes

KEYS = 7
RNG = np.random.default_rng(0)
both = pytest.mark.parametrize("compiled", [False, True])
each = pytest.mark.parametrize(("dtype", "apart"), [("float32", 2e-6), ("float64", 1e-14)])


def weigh(x, state):
    """x = exp(x − top), two chunks of rows, those outside of begin, …, end − 1 hidden"""
    like, half = x[0, 0], x.shape[0] // 2
    row, known = x.shape[1] * item_bytes(like), np.int64(state.ctypes.data)
    for lane in range(0, x.shape[1], lanes(like)):
        at = known + lane * item_bytes(like)
        for first, count in ((0, half), (half, x.shape[0] - half)):
            start = np.int64(x.ctypes.data) + first * row + lane * item_bytes(like)
            hide_lanes(like, first, (start, row, count), at)
            weigh_lanes(like, (start, row, count), at)


def slope(x, dy, state):
    """x = total exp(x − top); dy = x ⊙ (dy − along)"""
    like = x[0, 0]
    row, known = x.shape[1] * item_bytes(like), np.int64(state.ctypes.data)
    start, other = np.int64(x.ctypes.data), np.int64(dy.ctypes.data)
    for lane in range(0, x.shape[1], lanes(like)):
        by = lane * item_bytes(like)
        slope_lanes(like, (start + by, row, x.shape[0]), other + by, known + by)


def softmax(x, dy):
    """x = softmax(x) down columns; dy = x ⊙ (dy − Σ x ⊙ dy)"""
    like = x[0, 0]
    row, start = x.shape[1] * item_bytes(like), np.int64(x.ctypes.data)
    other = np.int64(dy.ctypes.data)
    for lane in range(0, x.shape[1], lanes(like)):
        by = lane * item_bytes(like)
        softmax_lanes(like, (start + by, row, x.shape[0]))
        slope_whole_lanes(like, (start + by, row, x.shape[0]), other + by)


def multiply(a, b, c, alpha, onto):
    """c = alpha a b, or c += alpha a b: as many columns as there are lanes, without gaps"""
    size = item_bytes(a[0, 0])
    of_a = np.int64(a.ctypes.data), a.shape[1] * size, size
    start, to = np.int64(b.ctypes.data), np.int64(c.ctypes.data)
    multiply_lanes(c.shape[0], b.shape[0], alpha, of_a, start, onto, to)


def squeeze(c, count):
    """Return the numbers that rows of ``count`` lanes take, as a vector is the compiler's own."""
    return c.ravel()[: c.shape[0] * count].reshape(-1, count)


@both
@each
def test_a_whole_softmax_and_its_slopes(compiled, dtype, apart):
    x, dp = RNG.normal(0, 30, (2, KEYS, LANES)).astype(dtype)
    x[2] = HIDDEN
    P, dy = special.softmax(x.astype(float), axis=0), dp.copy()
    run_kernel(softmax, dtype, compiled, 1, x=x, dy=dy)
    np.testing.assert_allclose(x, P, atol=apart)
    np.testing.assert_allclose(dy, P * (dp - (P * dp).sum(axis=0)), atol=20 * apart)
    assert not x[2].any()


@both
@each
@pytest.mark.parametrize("onto", [0, 1])
def test_products_of_lanes(compiled, dtype, apart, onto):
    count = (VECTOR_BYTES if compiled else 32) // np.dtype(dtype).itemsize
    a, b = RNG.normal(size=(LANE_ROWS, KEYS)).astype(dtype), RNG.normal(size=(KEYS, LANES))
    b, c = b.astype(dtype), RNG.normal(size=(LANE_ROWS, LANES)).astype(dtype)
    for rows in range(1, LANE_ROWS + 1):
        out = c[:rows].copy()
        known = 0.5 * a[:rows].astype(float) @ squeeze(b, count) + onto * squeeze(out, count)
        run_kernel(multiply, dtype, compiled, 1, a=a, b=b, c=out, alpha=0.5, onto=onto)
        np.testing.assert_allclose(squeeze(out, count), known, atol=20 * apart)
        np.testing.assert_array_equal(out.ravel()[rows * count :], c[:rows].ravel()[rows * count :])


@both
@each
def test_an_online_softmax(compiled, dtype, apart):
    x = RNG.normal(0, 30, (2 * KEYS, LANES)).astype(dtype)
    begin, end = np.sort(RNG.integers(2 * KEYS + 1, size=(2, LANES)), axis=0)
    end[begin == end], begin[begin == end] = 2 * KEYS, 0
    state = np.zeros((1, 6 * LANES), dtype)
    state[0, TOP:TOTAL] = -1e30
    state[0, BEGIN:END], state[0, END:ALONG] = begin, end
    keys = np.arange(2 * KEYS)[:, None]
    hidden = np.where((keys >= begin) & (keys < end), x, -np.inf).astype(float)
    run_kernel(weigh, dtype, compiled, 1, x=x, state=state)
    np.testing.assert_allclose(state[0, TOP:TOTAL], hidden.max(axis=0))
    total = np.exp(hidden - hidden.max(axis=0)).sum(axis=0)
    np.testing.assert_allclose(state[0, TOTAL : TOTAL + LANES], total, rtol=apart)
    known = np.exp(hidden[KEYS:] - hidden.max(axis=0))
    np.testing.assert_allclose(x[KEYS:], known, atol=apart)


@both
@each
def test_slopes(compiled, dtype, apart):
    scores, dp = RNG.normal(0, 3, (2, KEYS, LANES)).astype(dtype)
    scores[0] = HIDDEN
    P = special.softmax(scores.astype(float), axis=0)
    state, along = np.zeros((1, 6 * LANES), dtype), (P * dp).sum(axis=0)
    top = scores.max(axis=0)
    state[0, TOP:TOTAL], state[0, ALONG:] = top, along
    state[0, TOTAL : TOTAL + LANES] = 1 / np.exp(scores.astype(float) - top).sum(axis=0)
    dy = dp.copy()
    run_kernel(slope, dtype, compiled, 1, x=scores, dy=dy, state=state)
    np.testing.assert_allclose(scores, P, atol=apart)
    np.testing.assert_allclose(dy, P * (dp - along), atol=20 * apart)


@each
def test_what_is_not_a_number_is_seen(dtype, apart):
    x = np.zeros((KEYS, LANES), dtype)
    x[3, 5] = np.nan
    state = np.zeros((1, 6 * LANES), dtype)
    state[0, END:ALONG] = KEYS
    run_kernel(weigh, dtype, True, 1, x=x, state=state)
    assert np.isnan(state[0, TOTAL : TOTAL + LANES]).nonzero()[0].tolist() == [5]
