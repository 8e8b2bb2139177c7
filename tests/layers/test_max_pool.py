"""MaxPool of values that are not finite; tests/formulas.py has what it makes of others."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import run_kernel
from steepest import (
    SGD,
    Conv2D,
    Dense,
    Flatten,
    Gradients,
    InputError,
    MaxPool,
    Network,
    ReLU,
    SoftmaxCrossEntropy,
    Squared,
    Trainer,
)


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
    flat = {"x": x.reshape(48, -1), "y": y.reshape(48, -1)}
    flat |= {name: np.zeros(sizes, dtype) for name, sizes in pool.memory_at(48, shape).items()}
    run_kernel(pool.forward, dtype, compiled, **flat, **pool.settings_at(shape))
    for example, found in zip(x, y, strict=True):
        for channel in range(3):
            expected = largest(example[..., channel], size, stride)
            np.testing.assert_array_equal(found[..., channel], expected)


@pytest.mark.parametrize("channels", [1, 5, 15, 16, 20])
@pytest.mark.parametrize(("height", "width"), [(2, 2), (6, 10), (7, 9)])
def test_the_first_of_the_largest_gets_the_gradient(height, width, channels):
    rng, pool = np.random.default_rng(0), MaxPool(2)
    network = Network(pool, inputs=(height, width, channels), dtype="float64")
    x = rng.integers(0, 3, (4, height, width, channels)).astype(float)  # many are equal
    y = rng.standard_normal((4, *network.output_shape))
    expected = np.zeros_like(x)
    for i, j in np.ndindex(*network.output_shape[:2]):
        window = np.s_[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        four = x[window].reshape(4, 4, channels)  # a line above the other
        of_first = np.arange(4)[:, None] == four.argmax(1)[:, None]
        expected[window] = (of_first * (four.max(1) - y[:, i, j])[:, None]).reshape(x[window].shape)
    windows = 4 * (height // 2) * (width // 2)  # the loss is a mean over them
    found = Gradients(network, Squared()).mean(x, y).dx * windows
    np.testing.assert_allclose(found, expected)


LAYERS = Conv2D(6, 3), ReLU(), MaxPool(2), Conv2D(4, 2), ReLU(), MaxPool(2), Flatten(), Dense(3)


def test_what_clips_comes_behind_a_pool_unless_it_is_looked_at():
    network = Network(*LAYERS, inputs=(12, 12, 1))
    order = [row.layer.partition(" ")[0] for row in network.program(5).instructions]
    assert order.index("2") < order.index("1")
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((8, 12, 12, 1)).astype("f"), rng.integers(0, 3, 8)
    before = network.theta.copy()
    seen = Gradients(network, SoftmaxCrossEntropy()).mean(X, y)
    assert seen.y["1"].shape == (8, 10, 10, 6)
    assert seen.y["1"].min() == 0
    Trainer(network, SoftmaxCrossEntropy(), SGD(1.0), sampling="full").fit(X, y, epochs=1)
    for name, gradient in seen.theta.items():
        step = network.built.views(before)[name] - network.parameters[name]
        np.testing.assert_allclose(step, gradient, atol=1e-6)


def test_windows_that_reach_too_far_are_refused():
    with pytest.raises(InputError, match="reach over more than 16,777,216 numbers"):
        MaxPool(2).memory_at(1, (2, 4_000_000, 4))
