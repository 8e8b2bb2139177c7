"""Flatten, Reshape and Permute; and every layer on examples of one axis and of two."""

from __future__ import annotations

import numpy as np
import pytest
from ort import run

import steepest
from formulas import LAYERS, NUMPY
from helpers import run_kernel
from steepest import (
    Dense,
    Flatten,
    Gradients,
    InputError,
    Network,
    Permute,
    Reshape,
    Squared,
    check,
    export_onnx,
)
from steepest.checking import catalogue, draw
from steepest.layers._combinator import Combinator

T = 3
RNG = np.random.default_rng(0)
both = pytest.mark.parametrize("compiled", [False, True])


def of_both_shapes(layers):
    """Return each layer with the shapes of one example: its own, and T rows of that."""
    own = [(layer, draw.shape(layer)) for layer in layers]
    found = [(layer, (*several, *shape)) for layer, shape in own for several in ((), (T,))]
    return [case for case in found if takes(*case)]


def takes(layer, shape):
    try:
        layer.output_shape(shape)
    except InputError:  # a Reshape of so many numbers, a Permute of so many axes
        return False
    return True


CASES = of_both_shapes(catalogue.LAYERS)
WITH_FORMULAS = [case for case in CASES if not isinstance(case[0], Combinator)]
every_layer = pytest.mark.parametrize(("layer", "shape"), CASES, ids=map(str, CASES))


def inputs(layer, n, shape):
    return draw.inputs(layer, n, shape, np.random.default_rng(3))


def started(layer, shape, dtype="float64"):
    """Return a network of one layer, no parameter of which has a special value."""
    network = Network(layer, inputs=shape, dtype=dtype)
    network.theta += np.random.default_rng(1).normal(0, 0.3, network.theta.size).astype(dtype)
    return network


def test_several_rows_are_in_the_catalogue_of_both_shapes():
    assert sum(len(shape) > 1 for _, shape in CASES) > 35


@every_layer
def test_it_is_right(layer, shape):
    check(layer, inputs(layer, 4, shape))


@pytest.mark.parametrize(("layer", "shape"), WITH_FORMULAS, ids=map(str, WITH_FORMULAS))
def test_predictions_are_those_of_the_formula_row_by_row(layer, shape):
    network, X = started(layer, shape), inputs(layer, 5, shape)
    rows = X if layer.knows_shapes else X.reshape(-1, shape[-1])
    named = {name.removeprefix("0."): array for name, array in network.parameters.items()}
    known = LAYERS.get(type(layer), lambda layer, x, P, xp: x)(layer, rows, named, NUMPY)
    found = network.predict(X)
    np.testing.assert_allclose(found, known.reshape(found.shape), rtol=1e-12, atol=1e-12)
    assert found.shape == (5, *layer.output_shape(shape))


@every_layer
def test_gradients_of_examples_are_those_of_one_at_a_time(layer, shape):
    network, X = started(layer, shape), inputs(layer, 4, shape)
    y = RNG.normal(size=(4, *network.output_shape))
    gradients = Gradients(network, Squared(), batch=3)  # a block, and a shorter one
    each, norms, moments = gradients.each(X, y), gradients.norms(X, y), gradients.moments(X, y)
    mean = gradients.mean(X, y)
    single = [gradients.mean(X[i : i + 1], y[i : i + 1]) for i in range(4)]
    squares = np.zeros(4)
    for name, found in each.items():
        known = np.stack([one.theta[name] for one in single])
        squares += (known**2).reshape(4, -1).sum(axis=1)
        np.testing.assert_allclose(found, known, atol=1e-12)
        np.testing.assert_allclose(mean.theta[name], known.mean(axis=0), atol=1e-12)
        np.testing.assert_allclose(moments.variance[name], known.var(axis=0), atol=1e-10)
    np.testing.assert_allclose(norms.total, np.sqrt(squares), atol=1e-12)
    np.testing.assert_allclose(mean.losses, [one.loss for one in single], rtol=1e-12)
    np.testing.assert_allclose(mean.dx, np.concatenate([one.dx for one in single]) / 4, atol=1e-12)
    assert mean.y["0"].shape == mean.dy["0"].shape == y.shape


@every_layer
def test_it_is_saved_and_loaded(layer, shape, tmp_path):
    network, X = started(layer, shape, "float32"), inputs(layer, 4, shape)
    steepest.save(network, tmp_path / "network")
    again = steepest.load(tmp_path / "network")
    assert repr(again) == repr(network)
    np.testing.assert_array_equal(again.predict(X), network.predict(X))


@every_layer
def test_onnx_runtime_computes_the_same(layer, shape, tmp_path):
    network, X = started(layer, shape, "float32"), inputs(layer, 4, shape).astype(np.float32)
    export_onnx(network, tmp_path / "n.onnx")
    found = run(tmp_path / "n.onnx", x=X)["y"]
    np.testing.assert_allclose(found, network.predict(X), rtol=1e-5, atol=1e-5)


# -------------------------------------------------------------------- layers that know shapes


@pytest.mark.parametrize("axes", [(2, 1), (2, 1, 3), (3, 1, 2), (1, 3, 2), (1, 2), (1,)])
@both
def test_permute(axes, compiled):
    layer, shape = Permute(axes), (4, 3, 5)[: len(axes)]
    x = RNG.normal(size=(6, *shape))
    y = x.transpose(0, *axes)
    assert layer.output_shape(shape) == y.shape[1:]
    flat, found, back = (
        x.reshape(6, -1),
        np.full((6, x.size // 6), 77.0),
        np.zeros((6, x.size // 6)),
    )
    settings = layer.settings_at(shape)
    run_kernel(layer.forward, "float64", compiled, 2, x=flat, y=found, **settings)
    np.testing.assert_array_equal(found, y.reshape(6, -1))
    run_kernel(layer.backward_x, "float64", compiled, 2, dy=found, dx=back, x=flat, **settings)
    np.testing.assert_array_equal(back, flat)


@pytest.mark.parametrize("layer", [Flatten(), Reshape((6, 2))])
def test_another_shape_costs_no_instruction(layer):
    dense = Network(Dense(4), inputs=12) if type(layer) is Flatten else Network(Dense(4), inputs=2)
    network = Network(layer, Dense(4), inputs=(3, 4))
    assert len(network.program(5).instructions) == len(dense.program(5).instructions)
    alone = Network(layer, inputs=(3, 4))
    X = RNG.normal(size=(5, 3, 4)).astype(np.float32)
    np.testing.assert_array_equal(alone.predict(X), X.reshape(5, *layer.output_shape((3, 4))))


@pytest.mark.parametrize(
    "layers", [(Dense(4), Flatten()), (Dense(4), Permute((2, 1)), Reshape((2, 6))), (Flatten(),)]
)
def test_blocks_of_predictions_lie_in_their_places(layers):
    network = Network(*layers, inputs=(3, 4))
    X = RNG.normal(size=(10, 3, 4)).astype(np.float32)
    whole = network.predict(X)
    for batch, threads in ((3, 1), (4, 2), (1, 1)):
        found = network.predict(X, batch=batch, threads=threads)
        np.testing.assert_allclose(found, whole, rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Reshape(()), r"shape must be whole numbers like \(3, 4\), got \(\)"),
        (lambda: Reshape((3, 0)), "shape must be a whole number of at least 1, got 0"),
        (lambda: Permute((1, 3)), r"axes must be 1, …, 2 in any order, got \(1, 3\)"),
        (
            lambda: Permute((2, 0, 1)),
            "in any order, got .*, counted from 1: the axis of the examples",
        ),
        (lambda: Permute((2, -1)), "axes must be a whole number of at least 0, got -1"),
        (lambda: Network(Reshape((2, 2)), inputs=5), r"holds 4 numbers, .* \(5,\), which holds 5"),
        (lambda: Network(Permute((2, 1)), inputs=5), r"2 axes, .* \(5,\); put Reshape\(…\) before"),
        (lambda: Network(Dense(2), inputs=()), "inputs must be the width"),
        (lambda: Network(Dense(2), inputs=(3, -1)), "inputs must be the width"),
    ],
)
def test_refused(make, words):
    with pytest.raises(InputError, match=words):
        make()
