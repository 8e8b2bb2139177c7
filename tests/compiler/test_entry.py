"""A kernel gets what its row holds, on each thread its part."""

import ctypes

import numpy as np
import pytest

from steepest.compiler.store import kernel_addresses

KINDS = ("f2", "j1", "b3", "@i2", "*f", "*i", "f", "i", "thread", "threads", "counted", "f2")
THREADS = 3


def tell(A, j, B, H, real, whole, given, count, thread, threads, rows, out):
    """out = what there is"""
    for i in rows:
        out[i, 0] = A[i, 1] + j[i] + B[i, 0, 1] + H[1, i]
        out[i, 1] = real + whole + given + count
        out[i, 2] = 10 * thread + threads


def alone(out):
    """out += 1"""
    out[0] += 1


def everywhere(out, thread):
    """out_i += 1"""
    out[thread] += 1


def taken(out, units):
    """out_i += 1"""
    for i in units:
        out[i] += 1


def run(function, operands, words, dtype="float64"):
    """Let each thread run the row, one after the other."""
    row = np.array([0, 2 + len(words), *words], np.int64)
    (address,) = kernel_addresses([(function, operands, dtype)])
    kernel = ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_void_p] * 3, *[ctypes.c_int64] * 2)(
        address
    )
    result = np.zeros(2, np.int64).ctypes
    for thread in range(THREADS):
        assert kernel(result.data, result.data + 8, row.ctypes.data, thread, THREADS) == 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_each_kind_of_operand_arrives(dtype):
    n = 10
    rng = np.random.default_rng(0)
    A, out = rng.standard_normal((n, 2)).astype(dtype), np.zeros((n, 3), dtype)
    j, B = np.arange(n, dtype=np.int32) - 4, rng.integers(0, 255, (n, 2, 2), np.uint8)
    H, real, whole = rng.integers(-9, 9, (2, n)), np.array([0.5], dtype), np.array([7])
    handle, count = np.array([H.ctypes.data, *H.shape]), np.array([n // 2])
    given = int(np.array([0.25]).view(np.int64)[0])

    def array(a):
        return [a.ctypes.data, *a.shape]

    words = [*array(A), *array(j), *array(B), handle.ctypes.data, real.ctypes.data]
    words += [whole.ctypes.data, given, -3, count.ctypes.data, 2, 4, *array(out)]
    run(tell, KINDS, words, dtype)
    np.testing.assert_allclose(out[:, 0], A[:, 1] + j + B[:, 0, 1] + H[1], rtol=1e-6)
    np.testing.assert_array_equal(out[:, 1], 0.5 + 7 + 0.25 - 3)
    np.testing.assert_array_equal(out[:, 2], THREADS + 10 * np.array([0] * 4 + [1] * 4 + [2] * 2))


def test_what_has_no_part_for_a_thread_is_for_the_first_one():
    out = np.zeros(THREADS)
    run(alone, ("f1",), [out.ctypes.data, len(out)])
    assert out.tolist() == [1, 0, 0]
    run(everywhere, ("f1", "thread"), [out.ctypes.data, len(out)])
    assert out.tolist() == [2, 1, 1]


def test_parts_are_taken_once_in_every_step():
    out, counts = np.zeros(23), np.zeros(8 * THREADS, np.int64)
    words = [out.ctypes.data, len(out), len(out), 4, counts.ctypes.data]
    for step in (1, 2, 3):
        run(taken, ("f1", "dynamic"), words)
        np.testing.assert_array_equal(out, step)
