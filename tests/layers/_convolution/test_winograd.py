"""Convolutions by Winograd's algorithm against the definition: as plain Python, and compiled."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab import Lab
from layers._convolution.test_products import check_theta, defined, shares
from steepest import Conv2D, Network, SoftmaxCrossEntropy, Trainer
from steepest.layers import Flatten
from steepest.layers._convolution import lower, winograd, winograd_gradients
from steepest.layers._convolution.products import Convolution

PADDINGS = st.sampled_from(("valid", "same", 1, 2, ((2, 0), (1, 2))))
SIDES = st.tuples(st.integers(3, 11), st.integers(3, 11))


def memory_of(plan, p, q):
    """Return the memory of two threads: padded images, places, and products or slopes."""
    lines, pixels = plan.padded
    places = ((2, winograd.PLACES * (plan.block * c + winograd.GAP)) for c in (p, q))
    padded = 2, plan.images * lines * pixels * p
    return [np.full(shape, np.nan) for shape in (padded, *places)]


@settings(deadline=None, max_examples=15)
@given(SIDES, PADDINGS, st.integers(1, 3), st.sampled_from((1, 33)), st.integers(1, 9))
def test_plain_form_is_that_of_the_definition(sides, padding, n, q, block):
    rng, p = np.random.default_rng(0), 2
    conv = Conv2D(q, 3, padding=padding).convolution((*sides, p))
    plan = winograd.Plan(*conv.tiled_sides, block, 2)
    x, A, b = (rng.standard_normal(s) for s in ((n, *sides, p), (3, 3, p, q), q))
    transformed = np.full((winograd.PLACES, p, q), np.nan)
    for inputs in (range(1), range(1, p)):
        winograd.transform_taps(A.reshape(9, p, q), transformed, inputs)
    wanted = defined(x, A, b, conv)
    y = np.full((n, wanted[0].size), np.nan)
    work = memory_of(plan, p, winograd.COLUMNS)
    none, flat = np.zeros(winograd.COLUMNS), x.reshape(n, -1)
    for thread, rows in enumerate((range(n // 2), range(n // 2, n))):
        winograd.convolve(flat, transformed, b, y, none, *work, np.array(plan), 0, thread, rows)
    np.testing.assert_allclose(y.reshape(wanted.shape), wanted, atol=1e-12)


@settings(deadline=None, max_examples=15)
@given(SIDES, PADDINGS, st.integers(1, 3), st.sampled_from((1, 33, 65)), st.integers(1, 9))
def test_plain_gradients_are_those_of_the_definition(sides, padding, n, q, block):
    rng, p = np.random.default_rng(0), 2 * winograd_gradients.PART
    conv = Conv2D(q, 3, padding=padding).convolution((*sides, p))
    plan = winograd.Plan(*conv.tiled_sides, block, 2)
    x = rng.standard_normal((n, *sides, p))
    dy = rng.standard_normal((n, plan.lines, plan.pixels, q))
    dA, db, totals = np.ones((3, 3, p, q)), np.zeros(q), np.full((winograd.PLACES, p, q), np.nan)
    flat, of_dy = x.reshape(n, -1), dy.reshape(n, -1)
    given = -0.5, flat, of_dy, dA, db, np.ones(q), *memory_of(plan, p, q), totals, np.array(plan)
    for thread, shared in enumerate(shares(winograd_gradients.parts_of(p, q), q)):
        winograd_gradients.backward_theta(*given, 0, thread, *shared)
    check_theta(conv, dA, db, x, dy)


def difference(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


@settings(deadline=None, derandomize=True, max_examples=20)
@given(
    SIDES, PADDINGS, st.sampled_from((16, 48)), st.sampled_from((16, 64)), st.integers(1, 5),
    st.integers(1, 3),
)  # fmt: skip
def test_compiled_form_is_that_of_the_definition(sides, padding, p, q, n, threads):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Convolution, "by_tiles", True)  # small images, and few channels, too
        patch.setattr(Convolution, "gradients_by_tiles", True)
        patch.setattr(lower, "_PARTS", 1)
        shape, layer = (*sides, p), Conv2D(q, 3, padding=padding)
        rng, network = np.random.default_rng(0), Network(layer, inputs=(*sides, p))
        network.theta[:] = rng.standard_normal(network.theta.size)
        lab = Lab(n, "float32", threads, network, -0.5)
        x = rng.standard_normal((n, *shape)).astype("f")
        y, backward = lab.low.child("0", network.layer.layers[0], lab.given("x", x))
        dy = rng.standard_normal(y.shape).astype("f")
        dx = backward(lab.given("dy", dy), True)
        before = lab.parameters(lab.target.theta)
        lab.run()
    conv, A, b = layer.convolution(shape), network.parameters["0.A"], network.parameters["0.b"]
    x, A, b = (array.astype(float) for array in (x, A, b))
    assert difference(y.array, defined(x, A, b, conv)) < 1e-5
    along = rng.standard_normal(x.shape)  # ⟨dx, along⟩ is the derivative along it
    derivative = np.sum(defined(along, A, 0, conv) * dy)
    scale = np.sqrt(np.sum(dx.array.astype(float) ** 2) * np.sum(along**2))
    assert abs(np.sum(dx.array * along) - derivative) < 1e-5 * scale
    after = lab.parameters(lab.target.theta)
    step = {name: (after[name] - before[name]).astype(float) / -0.5 for name in after}
    assert difference(step["0.b"], dy.sum((0, 1, 2))) < 1e-4
    along = rng.standard_normal(A.shape)
    derivative = np.sum(defined(x, along, 0, conv) * dy)
    scale = np.sqrt(np.sum(step["0.A"] ** 2) * np.sum(along**2))
    assert abs(np.sum(step["0.A"] * along) - derivative) < 1e-5 * scale


def uses_tiles(dtype="float32", *, side=16, p=16, **settings):
    """Return whether a convolution of such images is by Winograd's algorithm."""
    given = {"filters": 32, "kernel_size": 3, "padding": "same"} | settings
    layers = Conv2D(**given), Flatten()
    network = Network(*layers, inputs=(side, side, p), dtype=dtype)
    trainer = Trainer(network, SoftmaxCrossEntropy())
    X, y = np.zeros((4, side, side, p)), np.zeros(4, int)
    return any("Winograd" in i.formula for i in trainer.program(X, y).instructions)


def test_what_is_by_tiles():
    assert uses_tiles()
    assert uses_tiles(side=9, padding="valid")


@pytest.mark.parametrize(
    "settings",
    [
        {"dtype": "float64"}, {"p": 15}, {"filters": 24}, {"kernel_size": 5}, {"stride": 2},
        {"dilation": 2}, {"groups": 2}, {"side": 3}, {"padding": 3}, {"kernel_size": (3, 1)},
    ],
)  # fmt: skip
def test_what_is_not(settings):
    assert not uses_tiles(**settings)


def test_threads_and_batches_make_no_difference():
    X = np.random.default_rng(0).standard_normal((9, 9, 8, 16)).astype("f")
    found, seen = [], []
    for threads in (1, 2, 3):
        layers = Conv2D(48, 3, padding=1), Conv2D(16, 3, padding=1), Flatten()
        network = Network(*layers, inputs=(9, 8, 16))
        Trainer(network, SoftmaxCrossEntropy(), batch=5, threads=threads).fit(
            X, np.arange(9), epochs=2
        )
        found.append(network.theta)
        seen.append(network.predict(X))
    for more in found[1:]:
        np.testing.assert_array_equal(found[0], more)
    np.testing.assert_array_equal(seen[0][4:5], network.predict(X[4:5]))
