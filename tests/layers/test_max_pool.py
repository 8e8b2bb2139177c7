"""MaxPool of values that are not finite; tests/formulas.py has what it makes of others."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import run_kernel
from steepest import InputError, MaxPool


def largest(x, size, stride):
    """Return the largest entries of the windows that begin in x (h, w), or NaN."""
    ups, acrosses = (range(0, n - size + 1, stride) for n in x.shape)
    return [[np.max(x[i : i + size, j : j + size]) for j in acrosses] for i in ups]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 1)])
def test_nan_comes_out_as_nan_wherever_it_is_in_a_window(size, stride, dtype, compiled):
    pool, shape = MaxPool(size, stride=stride), (4, 4, 3)
    x = np.empty((48, *shape), dtype)
    for k, (i, j) in enumerate(np.ndindex(4, 4)):
        x[3 * k : 3 * k + 3] = np.array([1, np.inf, -np.inf])[:, None, None, None]
        x[3 * k : 3 * k + 3, i, j, 1] = np.nan
    y = np.zeros((48, *pool.output_shape(shape)), dtype)
    flat = {
        "x": x.reshape(48, -1),
        "y": y.reshape(48, -1),
        "which": np.zeros_like(y).reshape(48, -1),
    }
    run_kernel(pool.forward, dtype, compiled, **flat, **pool.settings_at(shape))
    for example, found in zip(x, y, strict=True):
        for channel in range(3):
            expected = largest(example[..., channel], size, stride)
            np.testing.assert_array_equal(found[..., channel], expected)


def test_windows_that_reach_too_far_are_refused():
    with pytest.raises(InputError, match="reach over more than 16,777,216 numbers"):
        MaxPool(2).memory_at(1, (2, 4_000_000, 4))
