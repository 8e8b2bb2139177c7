"""Every layer, loss, rule and schedule there is, through everything that its contract promises."""

import numpy as np
import pytest

import formulas
from steepest import Dropout, Network, check, layers, losses, rules, schedules
from steepest.checking import catalogue, draw
from steepest.layers._combinator import Combinator

EVERYTHING = (*catalogue.LAYERS, *catalogue.LOSSES, *catalogue.RULES, *catalogue.SCHEDULES)


@pytest.mark.parametrize(
    ("module", "listed"),
    [
        (layers, catalogue.LAYERS),
        (losses, catalogue.LOSSES),
        (rules, catalogue.RULES),
        (schedules, catalogue.SCHEDULES),
    ],
    ids=["layers", "losses", "rules", "schedules"],
)
def test_whatever_is_exported_has_an_example(module, listed):
    contracts = {"Schedule"}
    assert set(module.__all__) - contracts == {type(thing).__name__ for thing in listed}


def test_whatever_is_listed_has_a_formula():
    """Layers made of layers, and what is drawn at random, are compared by tests of their own."""
    of_its_own = {
        type(layer) for layer in catalogue.LAYERS if not isinstance(layer, Combinator | Dropout)
    }
    for table, kinds in (
        ("LAYERS", of_its_own),
        ("LOSSES", set(map(type, catalogue.LOSSES))),
        ("RULES", set(map(type, catalogue.RULES))),
        ("SCHEDULES", set(map(type, catalogue.SCHEDULES))),
    ):
        there = set(getattr(formulas, table))
        assert not kinds - there, f"tests/formulas.py: {table} lacks {kinds - there}"
        assert not there - kinds, f"tests/formulas.py: {table} has more: {there - kinds}"


@pytest.mark.parametrize("thing", EVERYTHING, ids=repr)
def test_it_is_right(thing):
    """Gradients, accumulation, one row and five, plain Python, float32, threads, prediction."""
    check(thing)


@pytest.mark.parametrize("layer", catalogue.LAYERS, ids=repr)
def test_predictions_of_no_rows_of_odd_sizes_and_of_strided_input(layer):
    shape = draw.shape(layer)
    network = Network(layer, inputs=shape)
    X = draw.inputs(layer, 7, shape, np.random.default_rng(0))
    assert network.predict(X[:0]).shape == (0, *layer.output_shape(shape))
    whole = network.predict(X)
    assert whole.shape == (7, *layer.output_shape(shape))
    wide = np.repeat(X, 2, axis=1)
    for strided in (np.asfortranarray(X), wide[:, ::2]):
        np.testing.assert_array_equal(network.predict(strided), whole)
    for batch, threads in ((3, 1), (3, 2)):
        found = network.predict(X, batch=batch, threads=threads)
        np.testing.assert_allclose(found, whole, rtol=1e-5, atol=1e-6)
