"""Tokens drawn by outputs, as probabilities say."""

import numpy as np
import pytest

from steepest.kernels.drawing import draw_tokens


def drawn(z, u, temperature=1.0, best=None):
    """Return a token of each row of z (n, q) for every u (t,), and what the kernel has counted."""
    n, q = z.shape
    numbers = np.repeat((u * 2**53).astype(np.int64)[:, None], n, axis=1)
    found, x = np.full((len(u), n), -1), np.zeros(n, z.dtype)
    count, position = np.zeros(1, np.int64), np.full(1, 7)
    for _ in u:
        names = z, np.empty_like(z), numbers, found, x, count, position
        draw_tokens(*names, temperature, q if best is None else best)
    assert (count[0], position[0]) == (len(u), 7 + len(u))
    np.testing.assert_array_equal(x, found[-1])
    return found.T


EVENLY = np.arange(0.0005, 1, 1e-3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_as_often_as_the_outputs_say(dtype):
    z = np.log([[0.1, 0.2, 0.3, 0.4], [0.7, 0.05, 0.05, 0.2]]).astype(dtype)
    first, second = drawn(z, EVENLY)
    np.testing.assert_array_equal(np.bincount(first), [100, 200, 300, 400])
    np.testing.assert_array_equal(np.bincount(second), [700, 50, 50, 200])
    first, second = drawn(z, EVENLY, 0.5, best=2)
    np.testing.assert_array_equal(np.bincount(first), [0, 0, 360, 640])
    np.testing.assert_array_equal(np.bincount(second), [925, 0, 0, 75])


def test_the_ends():
    z = np.array([[0.0, 3.0, 1.0, 3.0]])
    ends = np.array([0.0, 1 - 2.0**-53])
    np.testing.assert_array_equal(drawn(z, ends), [[0, 3]])
    np.testing.assert_array_equal(drawn(z, ends, best=1), [[1, 3]])  # of equals, all
    np.testing.assert_array_equal(drawn(z, ends, 0.0), [[1, 1]])
    far = np.array([[-1e30, 1e30, 0.0]])
    np.testing.assert_array_equal(drawn(far, ends), [[1, 1]])


def test_not_a_number():
    for at in range(3):
        z = np.zeros((1, 3))
        z[0, at] = np.nan
        np.testing.assert_array_equal(drawn(z, np.array([0.9]), best=2), [[0]])
