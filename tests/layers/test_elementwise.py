from __future__ import annotations

import numpy as np
import pytest

from formulas import LAYERS, NUMPY
from helpers import run_kernel
from steepest.checking import catalogue
from steepest.errors import InputError
from steepest.layers import (
    ELU,
    GELU,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    Identity,
    LeakyReLU,
    Mish,
    ReLU,
    SiLU,
)

REFERENCES = [
    (layer, lambda x, layer=layer: LAYERS[type(layer)](layer, x, {}, NUMPY))
    for layer in catalogue.LAYERS
    if layer.steepest_slope is not None and layer != Identity()  # which has no kernel
]
each_reference = pytest.mark.parametrize(
    ("layer", "reference"), REFERENCES, ids=[repr(layer) for layer, _ in REFERENCES]
)
each_shape = pytest.mark.parametrize("shape", [(1, 1), (7, 1), (1, 5), (3, 37)])
compiled_or_not = pytest.mark.parametrize("compiled", [False, True])


def forward(layer, x, compiled=True, threads=1):
    y = np.full_like(x, 77)
    run_kernel(layer.forward, x.dtype.name, compiled, threads, x=x, y=y, **layer.settings())
    return y


def backward(layer, x, dy, compiled=True, threads=1):
    y, dx = forward(layer, x, compiled), np.full_like(x, 77)
    run_kernel(
        layer.backward_x, x.dtype.name, compiled, threads,
        x=x, y=y, dy=dy, dx=dx, **layer.settings(),
    )  # fmt: skip
    return dx


def entries(shape, seed=0):
    x = 2 * np.random.default_rng(seed).normal(size=shape)
    return np.where(np.abs(x) < 1e-3, 0.5, x)  # away from the kinks


@each_reference
@each_shape
@compiled_or_not
def test_forward(layer, reference, shape, compiled):
    x = entries(shape)
    np.testing.assert_allclose(forward(layer, x, compiled), reference(x), rtol=2e-15, atol=1e-16)


@each_reference
@compiled_or_not
def test_forward_float32(layer, reference, compiled):
    x = entries((5, 19)).astype("float32")
    y = forward(layer, x, compiled)
    np.testing.assert_allclose(y, reference(x.astype("float64")), rtol=1e-6, atol=1e-7)


@each_reference
@compiled_or_not
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extremes_and_nan(layer, reference, compiled, dtype):
    x = np.array([[-1e4, -800, -100, -1e-30, 0, 1e-30, 100, 800, 1e4, np.nan]], dtype)
    y = forward(layer, x, compiled)
    with np.errstate(all="ignore"):
        expected = reference(x.astype("float64"))
    tight = {"rtol": 1e-6, "atol": 1e-36} if dtype == "float32" else {"rtol": 1e-13, "atol": 1e-300}
    np.testing.assert_allclose(y, expected, **tight)
    dx = backward(layer, x, np.ones_like(x), compiled)
    assert np.isfinite(dx[0, :-1]).all()
    if not isinstance(
        layer, ReLU | LeakyReLU | Hardsigmoid | Hardtanh
    ):  # whose slope is a choice, and no sum
        assert np.isnan(dx[0, -1])
    if isinstance(layer, GELU | SiLU | Mish):  # nothing of x·P(x) is left, or all of it
        assert dx[0, 0] == 0
        assert dx[0, -2] == 1


def test_derivative_at_0():
    zero, one = np.zeros((1, 1)), np.ones((1, 1))
    assert backward(ReLU(), zero, one) == 0
    assert backward(LeakyReLU(0.25), zero, one) == 0.25
    assert backward(ELU(0.5), zero, one) == 0.5


@pytest.mark.parametrize(
    ("layer", "at", "slope"),
    [
        (Hardtanh(-1, 2), -1, 0), (Hardtanh(-1, 2), 2, 0), (Hardtanh(-1, 2), 0, 1),
        (Hardsigmoid(0.25), -2, 0), (Hardsigmoid(0.25), 2, 0), (Hardsigmoid(0.25), 0, 0.25),
        (Hardswish(), -3, 0), (Hardswish(), 3, 1), (Hardswish(), 0, 0.5),
    ],
)  # fmt: skip
def test_derivative_at_kinks(layer, at, slope):
    assert backward(layer, np.full((1, 1), float(at)), np.ones((1, 1))) == slope


@pytest.mark.parametrize("layer", [ELU, LeakyReLU])
@pytest.mark.parametrize("value", [np.nan, np.inf, "1", None, True])
def test_refuses(layer, value):
    with pytest.raises(InputError, match=layer.__name__):
        layer(value)


def test_whole_numbers_reach_kernels_as_reals():
    assert isinstance(ELU(2).settings()["scale"], float)
    x = entries((2, 3)).astype("float32")
    np.testing.assert_array_equal(forward(ELU(2), x), forward(ELU(2.0), x))


def test_repr():
    assert [repr(layer) for layer in (ReLU(), ELU(), ELU(2.0))] == ["ReLU()", "ELU()", "ELU(2.0)"]
