"""Scale, LayerNorm, Embedding and Periodic: layers with parameters and kernels of their own."""

from __future__ import annotations

import numpy as np
import pytest

from formulas import LAYERS, NUMPY
from helpers import numerical_gradient, run_kernel
from steepest.errors import InputError
from steepest.layers import Embedding, LayerNorm, Periodic, Scale

CASES = [
    Scale(), LayerNorm(), LayerNorm(0.1), Embedding(4, 3), Embedding(5, 1), Periodic(),
    Periodic(5, 2),
]  # fmt: skip
each_layer = pytest.mark.parametrize("layer", CASES, ids=repr)
both = pytest.mark.parametrize("compiled", [False, True])
shapes = pytest.mark.parametrize("shape", [(1, 1), (1, 5), (4, 1), (5, 35)])


class Case:
    """One layer with inputs, random parameters and a given ∂ℓ/∂y."""

    def __init__(self, layer, shape, dtype="float64"):
        rng = np.random.default_rng(0)
        self.layer, self.dtype, (n, p) = layer, dtype, shape
        x = rng.normal(size=shape)
        if isinstance(layer, Embedding):
            x = rng.integers(layer.codes, size=shape)
        self.x = x.astype(dtype)
        self.theta = {
            name: rng.normal(size=parameter.shape).astype(dtype)
            for name, parameter in layer.parameters(p).items()
        }
        self.memory = {k: np.zeros(s, dtype) for k, s in layer.memory(n, p).items()}
        self.dy = rng.normal(size=(n, layer.outputs(p))).astype(dtype)

    def run(self, kernel, compiled, threads=1, **more):
        names = {"x": self.x, "dy": self.dy, **self.theta, **self.memory, **self.layer.settings()}
        run_kernel(kernel, self.dtype, compiled, threads, **{**names, **more})

    def forward(self, compiled=True, threads=1):
        y = np.full_like(self.dy, 77)
        self.run(self.layer.forward, compiled, threads, y=y)
        return y

    def backward_x(self, compiled=True, threads=1):
        dx = np.full_like(self.x, 77)
        self.run(self.layer.backward_x, compiled, threads, dx=dx)
        return dx

    def backward_theta(self, alpha, compiled=True, threads=1, start=0.0):
        targets = {f"d{name}": np.full_like(a, start) for name, a in self.theta.items()}
        self.run(self.layer.backward_theta, compiled, threads, alpha=alpha, **targets)
        return targets

    def objective(self):
        return float(np.sum(self.dy * self.forward()))


def reference(case):
    return LAYERS[type(case.layer)](case.layer, case.x, case.theta, NUMPY)


@each_layer
@shapes
@both
def test_forward_and_both_halves_of_phi(layer, shape, compiled):
    case = Case(layer, shape)
    y = case.forward(compiled, threads=2)
    np.testing.assert_allclose(y, reference(case), rtol=1e-12, atol=1e-13)
    dx = case.backward_x(compiled, threads=2)
    if isinstance(layer, Embedding):
        np.testing.assert_array_equal(dx, 0)
    else:
        expected = numerical_gradient(case.objective, case.x)
        np.testing.assert_allclose(dx, expected, rtol=1e-6, atol=1e-8)
    case.forward(compiled)
    alpha = -0.5
    targets = case.backward_theta(alpha, compiled, threads=3, start=2.0)
    for name, parameter in case.theta.items():
        expected = 2.0 + alpha * numerical_gradient(case.objective, parameter)
        np.testing.assert_allclose(targets[f"d{name}"], expected, rtol=1e-6, atol=1e-8)


def test_initial_values():
    rng = np.random.default_rng(0)
    scale, norm, table = {"s": np.zeros(3)}, {"gamma": np.zeros(3), "beta": np.ones(3)}, {}
    Scale().init(rng, scale)
    LayerNorm().init(rng, norm)
    np.testing.assert_array_equal(
        [scale["s"], norm["gamma"], norm["beta"]], [[1] * 3] * 2 + [[0] * 3]
    )
    table["E"] = np.zeros((200, 50))
    Embedding(200, 50, std=0.1).init(rng, table)
    assert abs(table["E"].std() - 0.1) < 0.003
    waves = {name: np.zeros(p.shape) for name, p in Periodic(std=0.3).parameters(400).items()}
    Periodic(std=0.3).init(rng, waves)
    assert abs(waves["omega"].std() - 0.3) < 0.01
    assert 3.1 < np.abs(waves["phi"]).max() < np.pi
    assert 0.24 < np.abs(waves["W"]).max() < 0.25 > np.abs(waves["c"]).max()


def test_periodic_stays_finite_far_out_and_lets_nan_through():
    case = Case(Periodic(), (1, 3), "float32")
    case.x[:] = [[1e12, -3e5, np.nan]]
    y = case.forward().reshape(3, 4)
    assert np.isfinite(y[:2]).all()
    assert np.isnan(y[2]).all()


@pytest.mark.parametrize("arguments", [(0,), (16, 1), (16, 4, 0.0)])
def test_periodic_refuses(arguments):
    with pytest.raises(InputError, match="Periodic"):
        Periodic(*arguments)


@both
def test_layer_norm_of_a_constant_row(compiled):
    case = Case(LayerNorm(), (2, 6))
    case.x[:] = [[1e4], [-3.0]]
    np.testing.assert_allclose(case.forward(compiled), np.tile(case.theta["beta"], (2, 1)))
    assert np.isfinite(case.backward_x(compiled)).all()


@both
def test_wrong_codes_never_leave_the_table(compiled):
    case = Case(Embedding(4, 3), (1, 4))
    case.x[:] = [[-1, 4, np.nan, 1e300]]
    np.testing.assert_array_equal(case.forward(compiled), np.tile(case.theta["E"][0], (1, 4)))
    targets = case.backward_theta(1.0, compiled)
    assert (targets["dE"][1:] == 0).all()


@pytest.mark.parametrize("bad", [-1, 4, 1.5, np.nan, np.inf])
def test_embedding_checks_codes(bad):
    X = np.zeros((3, 2))
    Embedding(4, 3).check_inputs(X)
    X[2, 1] = bad
    with pytest.raises(InputError, match="row 2, column 1"):
        Embedding(4, 3).check_inputs(X)


@pytest.mark.parametrize("arguments", [(0, 1), (1, 0), (2.5, 1), (True, 1), (2, 2, -1.0)])
def test_embedding_refuses(arguments):
    with pytest.raises(InputError, match="Embedding"):
        Embedding(*arguments)


@pytest.mark.parametrize("eps", [0, -1, np.nan])
def test_layer_norm_refuses(eps):
    with pytest.raises(InputError, match="eps"):
        LayerNorm(eps)
