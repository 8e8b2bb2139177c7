from __future__ import annotations

import numpy as np
import pytest

from steepest.init import INITIALISERS

P, Q = 300, 500
VARIANCES = {
    "glorot_uniform": 2 / (P + Q),
    "glorot_normal": 2 / (P + Q),
    "he_uniform": 2 / P,
    "he_normal": 2 / P,
    "lecun_uniform": 1 / P,
    "lecun_normal": 1 / P,
    "standard_normal": 1.0,
    "orthogonal": 1 / Q,
    "zeros": 0.0,
}


def test_all_are_here():
    assert set(INITIALISERS) == set(VARIANCES)


@pytest.mark.parametrize("name", VARIANCES)
def test_moments_and_bounds(name):
    A = INITIALISERS[name](np.random.default_rng(0), (Q, P))
    variance = VARIANCES[name]
    assert A.shape == (Q, P)
    assert abs(A.mean()) <= 5 * np.sqrt(variance / A.size)
    np.testing.assert_allclose(A.var(), variance, rtol=0.02)
    if name.endswith("uniform"):
        bound = np.sqrt(3 * variance)
        assert 0.999 * bound < np.abs(A).max() <= bound


@pytest.mark.parametrize("shape", [(4, 4), (3, 5), (5, 3), (1, 1)])
def test_orthonormal_rows_or_columns(shape):
    A = INITIALISERS["orthogonal"](np.random.default_rng(0), shape)
    A = A if shape[0] <= shape[1] else A.T
    np.testing.assert_allclose(A @ A.T, np.eye(min(shape)), atol=1e-14)


@pytest.mark.parametrize("name", VARIANCES)
def test_a_function_of_the_generator(name):
    first, again = (INITIALISERS[name](np.random.default_rng(7), (3, 2)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
