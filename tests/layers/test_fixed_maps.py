"""RootScale and Average: linear, without parameters."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import run_kernel
from steepest.errors import InputError
from steepest.layers import Average, RootScale

both = pytest.mark.parametrize("compiled", [False, True])
CASES = [
    (RootScale(), lambda p: np.eye(p) / np.sqrt(p)),
    (Average(3), lambda p: np.tile(np.eye(p // 3), 3) / 3),
    (Average(1), np.eye),
]


@pytest.mark.parametrize(("layer", "matrix"), CASES, ids=lambda case: repr(case)[:12])
@both
def test_forward_and_backward_are_one_matrix_and_its_transpose(layer, matrix, compiled):
    rng = np.random.default_rng(0)
    x, M = rng.normal(size=(5, 12)), matrix(12)
    y, dx = np.full((5, len(M)), 77.0), np.full((5, 12), 77.0)
    dy = rng.normal(size=y.shape)
    for kernel in (layer.forward, layer.backward_x):
        run_kernel(kernel, "float64", compiled, 2, x=x, y=y, dy=dy, dx=dx, **layer.settings())
    np.testing.assert_allclose(y, x @ M.T, rtol=1e-14)
    np.testing.assert_allclose(dx, dy @ M, rtol=1e-14)


def test_average_refuses():
    with pytest.raises(InputError, match="3 equal parts"):
        Average(3).outputs(4)
    with pytest.raises(InputError, match="parts"):
        Average(0)
