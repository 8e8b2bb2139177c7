from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from helpers import numerical_gradient, run_kernel
from steepest.layers import Softmax

both = pytest.mark.parametrize("compiled", [False, True])
shapes = pytest.mark.parametrize("shape", [(1, 1), (1, 4), (5, 1), (3, 19)])


def forward(x, compiled=True):
    y = np.full_like(x, 77)
    run_kernel(Softmax.forward, x.dtype.name, compiled, x=x, y=y)
    return y


@both
@shapes
def test_forward_and_gradient(shape, compiled):
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=shape), rng.normal(size=shape)
    y = forward(x, compiled)
    np.testing.assert_allclose(y, special.softmax(x, axis=1), rtol=1e-14)
    dx = np.full_like(x, 77)
    run_kernel(Softmax.backward_x, "float64", compiled, 2, y=y, dy=dy, dx=dx)
    expected = numerical_gradient(lambda: float(np.sum(dy * forward(x))), x)
    np.testing.assert_allclose(dx, expected, rtol=1e-6, atol=1e-8)


@both
def test_extremes(compiled):
    x = np.array([[1e4, -1e4, 1e4], [-1e4, -1e4, -1e4], [0, np.nan, 1]])
    y = forward(x, compiled)
    np.testing.assert_allclose(y[:2], [[0.5, 0, 0.5], [1 / 3] * 3])
    assert np.isnan(y[2]).all()
