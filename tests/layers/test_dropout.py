from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from helpers import run_kernel
from steepest.errors import InputError
from steepest.kernels.random import key_of
from steepest.layers import Dropout, Identity
from steepest.schedules import FlatCosine

KEY = key_of(0, 1)


def run(kernel, x, rate, step=3, key=KEY, compiled=True, threads=1, before=0):
    y = np.full_like(x, 77)
    names = {"x": x, "y": y, "dy": x, "dx": y, "rate": rate, "key": key, "step": step}
    names["before"] = before
    with np.errstate(over="ignore"):
        run_kernel(kernel, x.dtype.name, compiled, threads, **names)
    return y


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_frequency_and_scale(rate, dtype):
    x = np.ones((300, 301), dtype)
    y = run(Dropout.forward, x, rate)
    kept = y != 0
    np.testing.assert_allclose(y[kept], 1 / (1 - rate), rtol=1e-6)
    tolerance = 4 * np.sqrt(rate * (1 - rate) / x.size)
    assert abs(kept.mean() - (1 - rate)) < tolerance
    assert np.abs(kept.mean(axis=0) - (1 - rate)).max() < 6 * np.sqrt(rate * (1 - rate) / 300)


@pytest.mark.parametrize("compiled", [False, True])
def test_backward_draws_the_same_mask(compiled):
    x = np.random.default_rng(0).normal(size=(5, 7))
    y = run(Dropout.forward, x, 0.5, compiled=compiled)
    np.testing.assert_array_equal(y, run(Dropout.backward_x, x, 0.5, compiled=compiled))
    np.testing.assert_array_equal(y, run(Dropout.forward, x, 0.5, compiled=not compiled))
    assert ((y == 0) | (y == 2 * x)).all()


def test_mask_depends_on_step_and_key_and_not_on_threads():
    x = np.ones((9, 33))
    y = run(Dropout.forward, x, 0.5)
    np.testing.assert_array_equal(y, run(Dropout.forward, x, 0.5, threads=3))
    assert (y != run(Dropout.forward, x, 0.5, step=4)).any()
    assert (y != run(Dropout.forward, x, 0.5, key=key_of(0, 2))).any()
    later = run(Dropout.forward, x[4:], 0.5, before=4)  # rows of another process come first
    np.testing.assert_array_equal(y[4:], later)
    kept = run(Dropout.forward, np.ones((4000, 7)), 0.5) != 0
    assert np.abs(np.corrcoef(kept.T) - np.eye(7)).max() < 0.08  # entries that share a draw


class Recorder:
    def __init__(self, training):
        self.training, self.emitted, self.keys = training, [], 0

    def key(self):
        self.keys += 1
        return self.keys

    def array(self, name, *shape):
        return SimpleNamespace(name=name, shape=shape)

    def number(self, value, below):
        return value

    def emit(self, function, names, flops=0):
        self.emitted.append((function, names))


def test_lowering():
    x, dy = SimpleNamespace(shape=(2, 3)), SimpleNamespace(shape=(2, 3))
    low = Recorder(training=True)
    y, back = Dropout(0.5).lower(low, x)
    dx = back(dy, True)
    assert [y.name, dx.name] == ["y", "dx"]
    assert [names["key"] for _, names in low.emitted] == [1, 1]
    assert back(dy, False) is None
    for layer, training in [(Dropout(0.5), False), (Dropout(0.0), True), (Identity(), True)]:
        low = Recorder(training)
        y, back = layer.lower(low, x)
        assert y is x
        assert back(dy, True) is dy
        assert not low.emitted


def test_repr_of_a_schedule_shows_what_is_not_default():
    assert repr(Dropout(FlatCosine(0.1))) == "Dropout(FlatCosine(0.1))"
    assert repr(Dropout(FlatCosine(0.1, flat=0.2))) == "Dropout(FlatCosine(0.1, flat=0.2))"


@pytest.mark.parametrize("rate", [-0.1, 1, 1.5, np.nan, "0.5", None])
def test_refuses(rate):
    with pytest.raises(InputError, match="rate must be a number of at least 0 and below 1"):
        Dropout(rate)
