"""Convolutions of pairs of bfloat16 against the definition, on rounded numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab import Lab
from layers._convolution.test_products import defined
from steepest import Conv1D, Conv2D, Network, SoftmaxCrossEntropy, Trainer
from steepest.kernels.bfloat16 import rounded
from steepest.layers import Flatten
from steepest.layers._convolution.pairs import pair_bits, pair_channels
from steepest.lowering import lowering

SHAPES = st.sampled_from(((6, 5, 2), (7, 4, 6), (3, 9, 16), (5, 5, 34), (1, 8, 18)))


@pytest.fixture(autouse=True)
def _with_pairs(monkeypatch):
    """Take pairs on any processor: one without them takes them apart."""
    monkeypatch.setattr(lowering, "multiplies_pairs", lambda: True)


def difference(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


@settings(deadline=None, derandomize=True, max_examples=25)
@given(
    SHAPES, st.sampled_from((16, 18, 34)), st.sampled_from((1, 2, 3)), st.integers(1, 2),
    st.sampled_from(("valid", "same", 1)), st.integers(1, 2), st.integers(1, 5), st.integers(1, 3),
)  # fmt: skip
def test_they_are_those_of_rounded_numbers(shape, q, size, stride, padding, dilation, n, threads):
    layer = Conv2D(q, size, stride, padding if size > 1 else "same", dilation)
    if min(shape[:2]) < dilation * (size - 1) + 1:
        return
    rng, network = np.random.default_rng(0), Network(layer, inputs=shape)
    network.theta[:] = rng.standard_normal(network.theta.size)
    lab = Lab(n, "float32", threads, network, -0.5, matmul_dtype="bfloat16")
    x = rng.standard_normal((n, *shape)).astype("f")
    y, backward = lab.low.child("0", network.layer.layers[0], lab.given("x", x))
    dy = rng.standard_normal(y.shape).astype("f")
    dx = backward(lab.given("dy", dy), True)
    before = lab.parameters(lab.target.theta)
    lab.run()

    conv, A, b = layer.convolution(shape), network.parameters["0.A"], network.parameters["0.b"]
    x, A, of_pairs = (rounded(array).astype(float) for array in (x, A, dy))
    assert difference(y.array, defined(x, A, b.astype(float), conv)) < 1e-5
    after = lab.parameters(lab.target.theta)
    step = {name: (after[name] - before[name]) / -0.5 for name in after}
    assert difference(step["0.b"], dy.sum((0, 1, 2))) < 1e-4  # no product
    along = rng.standard_normal(A.shape)  # ⟨dA, along⟩ is the derivative along it
    derivative = np.sum(defined(x, along, 0, conv) * of_pairs)
    scale = np.sqrt(np.sum(step["0.A"].astype(float) ** 2) * np.sum(along**2))
    assert abs(np.sum(step["0.A"] * along) - derivative) < 1e-4 * scale
    along = rng.standard_normal(x.shape)
    derivative = np.sum(defined(along, A, 0, conv) * of_pairs)
    scale = np.sqrt(np.sum(dx.array.astype(float) ** 2) * np.sum(along**2))
    assert abs(np.sum(dx.array * along) - derivative) < 1e-4 * scale


def test_pairs_are_rounded_as_everywhere():
    special = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0 + 2**-8, 3e38, 1e-45], "f")
    numbers = np.concatenate([special, np.random.default_rng(0).standard_normal(56).astype("f")])
    wide, pairs = numbers[None], np.zeros((1, 32), "f")
    with np.errstate(over="ignore"):
        pair_channels(wide, pairs, range(1))
        assert pair_bits(np.uint32(0), np.uint32(0x3F800000)) == 0x3F800000
    halves = pairs.view(np.uint16).astype(np.uint32) << 16
    np.testing.assert_array_equal(halves.view("f").reshape(-1), rounded(numbers))


@pytest.mark.parametrize(
    "layers",
    [
        (Conv2D(16, 3, groups=2), Flatten()),
        (Conv2D(7, 3), Flatten()),
        (Conv2D(4, 3), Flatten()),
    ],
)
def test_what_makes_no_pairs_is_as_before(layers):
    X, y = np.random.default_rng(0).standard_normal((6, 6, 6, 4)), np.arange(6) % 3
    found = []
    for matmul_dtype in (None, "bfloat16"):
        network = Network(*layers, inputs=(6, 6, 4))
        loss = SoftmaxCrossEntropy()
        Trainer(network, loss, batch=6, matmul_dtype=matmul_dtype).fit(X, y, epochs=2)
        found.append(network.theta)
    np.testing.assert_array_equal(*found)


def test_a_processor_without_pairs_multiplies_numbers(monkeypatch):
    X, y = np.zeros((4, 6, 16)), np.zeros(4, int)
    network = Network(Conv1D(16, 3), Flatten(), inputs=(6, 16))
    trainer = Trainer(network, SoftmaxCrossEntropy(), matmul_dtype="bfloat16")

    def in_pairs():
        formulas = [i.formula for i in trainer.program(X, y).instructions]
        return sum("pairs" in formula for formula in formulas)

    assert in_pairs() > 3
    monkeypatch.setattr(lowering, "multiplies_pairs", lambda: False)
    assert not in_pairs()


def test_threads_make_no_difference():
    X = np.random.default_rng(0).standard_normal((9, 8, 8, 18)).astype("f")
    found = []
    for threads in (1, 2, 3):
        network = Network(Conv2D(34, 3), Conv2D(16, 3, padding=1), Flatten(), inputs=(8, 8, 18))
        trainer = Trainer(
            network, SoftmaxCrossEntropy(), batch=5, threads=threads, matmul_dtype="bfloat16"
        )
        trainer.fit(X, np.arange(9), epochs=2)
        found.append(network.theta)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
