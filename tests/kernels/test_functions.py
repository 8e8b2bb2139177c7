from __future__ import annotations

import numpy as np
import pytest

from helpers import run_kernel
from steepest.kernels.functions import cosine, exp, expm1, sigmoid, sine, tanh


def apply_exp(x, y):
    """y = exp(x)"""
    for i in range(x.shape[0]):
        y[i] = exp(x[i], x)


def apply_expm1(x, y):
    """y = expm1(x)"""
    for i in range(x.shape[0]):
        y[i] = expm1(x[i], x)


def apply_sigmoid(x, y):
    """y = sigmoid(x)"""
    for i in range(x.shape[0]):
        y[i] = sigmoid(x[i], x)


def apply_tanh(x, y):
    """y = tanh(x)"""
    for i in range(x.shape[0]):
        y[i] = tanh(x[i], x)


def exact_sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


EXACT = {
    apply_exp: np.exp,
    apply_expm1: np.expm1,
    apply_sigmoid: exact_sigmoid,
    apply_tanh: np.tanh,
}
LIMITS = {"float64": (-708.0, 709.78), "float32": (-87.0, 88.7)}


def points(dtype, rng, n):
    low, high = LIMITS[dtype]
    spread = rng.uniform(low, high, n)
    near = rng.normal(size=n)
    tiny = rng.choice([-1, 1], n) * 10.0 ** rng.uniform(-30, 0, n)
    edges = (np.arange(-80, 80) + 0.5) * np.log(2)
    return np.concatenate([spread, near, tiny, edges, [0.0, low, high]]).astype(dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("kernel", EXACT)
@pytest.mark.parametrize("compiled", [True, False])
def test_accuracy(kernel, dtype, compiled):
    x = points(dtype, np.random.default_rng(0), 200_000 if compiled else 200)
    y = np.empty_like(x)
    run_kernel(kernel, dtype, compiled, x=x, y=y)
    wide = x.astype(np.longdouble if dtype == "float64" else np.float64)
    exact = EXACT[kernel](wide)
    limit = 1e-15 if dtype == "float64" else 4e-7
    tiny = np.finfo(dtype).tiny
    error = np.abs(y - exact) / np.maximum(np.abs(exact), tiny)
    worst = int(np.argmax(error))
    assert error[worst] < limit, (x[worst], y[worst], exact[worst])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize(
    ("kernel", "values"),
    [
        (apply_exp, [0, 0, 1, np.inf, np.inf, np.nan]),
        (apply_expm1, [-1, -1, 0, np.inf, np.inf, np.nan]),
        (apply_sigmoid, [0, 0, 0.5, 1, 1, np.nan]),
        (apply_tanh, [-1, -1, 0, 1, 1, np.nan]),
    ],
)
def test_extremes(kernel, values, dtype, compiled):
    x = np.array([-np.inf, -1e4, 0, 1e4, np.inf, np.nan], dtype)
    y = np.empty_like(x)
    run_kernel(kernel, dtype, compiled, x=x, y=y)
    np.testing.assert_array_equal(y, np.array(values, dtype))


def apply_circle(x, y):
    """y = sin(2πx), cos(2πx)"""
    for i in range(x.shape[0]):
        y[i, 0] = sine(x[i], x)
        y[i, 1] = cosine(x[i], x)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("compiled", [True, False])
def test_sine_and_cosine_of_turns(dtype, compiled):
    rng = np.random.default_rng(0)
    n = 100_000 if compiled else 200
    x = np.concatenate([rng.uniform(-3, 3, n), np.arange(-16, 17) / 8, [2.0**60, 1e4 + 0.25]])
    x = x.astype(dtype)
    y = np.empty((len(x), 2), dtype)
    run_kernel(apply_circle, dtype, compiled, x=x, y=y)
    turn = 2 * np.pi * np.remainder(x.astype(np.float64), 1)
    limit = 1e-15 if dtype == "float64" else 3e-7
    np.testing.assert_allclose(y, np.stack([np.sin(turn), np.cos(turn)], 1), rtol=0, atol=limit)
    odd = np.array([np.nan, np.inf, -np.inf], dtype)
    y = np.zeros((3, 2), dtype)
    with np.errstate(invalid="ignore"):
        run_kernel(apply_circle, dtype, compiled, x=odd, y=y)
    assert np.isnan(y).all()
