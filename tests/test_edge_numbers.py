"""Numbers at the edge: what can be trained on is, and what overflows is named."""

import warnings

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse

from steepest import (
    SGD,
    Absolute,
    Adam,
    Dense,
    DivergenceError,
    Flatten,
    InputError,
    Network,
    ReLU,
    Sigmoid,
    SoftmaxCrossEntropy,
    Squared,
    Tanh,
    Trainer,
)
from steepest.pipeline.fit import fit_table
from steepest.pipeline.request import Request

RNG = np.random.default_rng(0)


def regressor(*layers, rule=None, dtype="float32", **options):
    network = Network(*(layers or (Dense(8), ReLU())), Dense(1), dtype=dtype)
    return Trainer(network, Squared(), rule or SGD(lr=0.01), threads=1, **options)


@pytest.mark.parametrize("place", [(3, 2), (19, 0)])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix, np.ndarray.tolist])
def test_an_input_that_is_too_large_for_float32_is_named(place, kind):
    X = np.ones((20, 3))
    X[place] = -1e39
    row, column = place
    with pytest.raises(InputError, match=f"row {row}, column {column} is -1e.39, too large for fl"):
        regressor().fit(kind(X), X[:, 0])
    X[place] = np.nan
    with pytest.raises(InputError, match=f"not finite, first in row {row}, column {column}"):
        regressor().fit(kind(X), np.ones(20))
    with pytest.raises(InputError, match=f"row {row}, column {column}"):
        Network(Dense(1), inputs=3).predict(kind(X))


def test_a_target_that_is_too_large_for_float32_is_named():
    X, y = np.ones((20, 3)), np.ones(20)
    y[7] = 1e300
    with pytest.raises(InputError, match=r"target of row 7 is 1e.300, too large for float32"):
        regressor().fit(X, y)
    y[7] = np.inf
    with pytest.raises(InputError, match="target of row 7 is not finite"):
        regressor().fit(X, y)


def test_inputs_of_1e30_diverge_and_the_largest_is_named():
    X = RNG.standard_normal((20, 3))
    X[4, 1] = 1e30
    with pytest.raises(DivergenceError, match=r"the largest is 1e.30, in row 4, column 1"):
        regressor().fit(X, np.ones(20), epochs=3)
    with pytest.raises(DivergenceError, match=r"the largest is 1e.30, in row 4, column 1"):
        regressor().fit(sparse.csr_matrix(X), np.ones(20), epochs=3)
    with pytest.raises(DivergenceError, match=r"1e.30, in example 4, entry \(0, 1\)"):
        regressor(Flatten()).fit(X[:, None], np.ones(20), epochs=3)
    double = regressor(dtype="float64", rule=SGD(lr=1e-70))
    assert np.isfinite(double.fit(X, np.ones(20), epochs=3)["loss"]).all()


@pytest.mark.parametrize("squash", [Tanh(), Sigmoid()])
def test_an_overflow_behind_a_finite_loss_is_found(squash):
    """An infinite z makes tanh z = 1, and its gradient 0: the loss would never tell."""
    X = np.full((20, 3), 3e38)
    X[:, 1:] = 0
    trainer = regressor(Dense(8), squash)
    trainer.network.build(3)
    trainer.network.parameters["0.A"][:] = 2
    with pytest.raises(DivergenceError, match=r"y0 = x A0") as caught:
        trainer.fit(X, np.ones(20))
    assert caught.value.layer.startswith("0 Dense")
    assert caught.value.step == 0


def test_a_square_of_a_gradient_that_overflows_is_found():
    """With v = ∞ Adam would stand still for ever, with a finite loss."""
    X, y = np.ones((20, 3)), np.full(20, 1e19)
    trainer = Trainer(Network(Dense(1)), Absolute(), Adam(lr=0.01), threads=1)
    with pytest.raises(DivergenceError, match="m, v average") as caught:
        trainer.fit(X * 1e20, y, epochs=3)
    assert caught.value.step == 0
    assert np.isfinite(trainer.network.theta).all()


def test_a_validation_loss_that_overflows_is_told_and_is_not_the_best():
    X = RNG.standard_normal((40, 3))
    Xv = X[:10].copy()
    Xv[3] = 1e38
    trainer = regressor()
    with pytest.warns(RuntimeWarning, match="loss on held-out rows is not finite"):
        history = trainer.fit(X, X[:, 0], epochs=5, validation=(Xv, Xv[:, 0]), patience=2)
    assert len(history) == 3
    assert not np.isfinite(history["validation_loss"]).any()


@pytest.mark.parametrize("scale", [1e-45, 1e-40, 1e-30])
def test_denormals_train(scale):
    X = RNG.standard_normal((40, 3)) * scale
    history = regressor().fit(X, np.ones(40), epochs=5)
    assert np.isfinite(history["loss"]).all()
    assert history["loss"][-1] < history["loss"][0]


def classifier(outputs):
    network = Network(Dense(8), ReLU(), Dense(outputs))
    return Trainer(network, SoftmaxCrossEntropy(), SGD(lr=0.1), threads=1)


@pytest.mark.parametrize(
    ("X", "y"),
    [
        (np.ones((30, 3)), np.arange(30) % 2),  # constant columns
        (np.tile([[1.0, -1.0, 2.0]], (30, 1)), np.arange(30) % 2),  # duplicates, other labels
        (np.ones((1, 3)), np.zeros(1, int)),  # one row
        (RNG.standard_normal((5, 400)), np.arange(5) % 2),  # more columns than rows
        (np.zeros((30, 1)), np.arange(30) % 2),  # nothing but zeros
    ],
    ids=["constant", "duplicates", "one row", "wide", "zeros"],
)
def test_data_that_say_little_train(X, y):
    trainer = classifier(2)
    history = trainer.fit(X, y, epochs=10)
    assert np.isfinite(history["loss"]).all()
    assert history["loss"][-1] <= history["loss"][0] + 1e-6
    assert trainer.network.predict(X).shape == (len(X), 2)


def test_a_thousand_classes():
    y = np.arange(3000) % 1000
    X = np.eye(1000, dtype=np.float32)[y][:, RNG.permutation(1000)[:200]]
    X += RNG.standard_normal((1000, 200))[y].astype(np.float32)
    trainer = classifier(1000)
    history = trainer.fit(X, y, epochs=10)
    assert history["loss"][0] < 1.2 * np.log(1000)
    assert history["loss"][-1] < history["loss"][0]


@pytest.mark.parametrize("scale", [1e-320, 1e-200, 1.0, 1e200, 1e308])
def test_only_the_ratios_of_weights_matter(scale):
    X, w = RNG.standard_normal((40, 3)), np.ones(40)
    w[::3] = 0.5
    w[::4] = 0
    plain, scaled = regressor(), regressor()
    plain.fit(X, X[:, 0], weights=w, epochs=3)
    scaled.fit(X, X[:, 0], weights=w * scale, epochs=3)
    np.testing.assert_allclose(scaled.network.theta, plain.network.theta, rtol=1e-4)


def test_rows_of_weight_zero_teach_nothing():
    X = np.random.default_rng(1).standard_normal((40, 3))
    w = np.ones(40)
    w[20:] = 0
    one, other = regressor(sampling="sequential"), regressor(sampling="sequential")
    y = X[:, 0]
    one.fit(X, y, weights=w, epochs=3)
    other.fit(np.where(w[:, None] > 0, X, 7 * X), y, weights=w, epochs=3)
    assert np.array_equal(one.network.theta, other.network.theta)
    assert np.isfinite(one.network.theta).all()
    for wrong in (np.zeros(40), np.full(40, np.inf), -w):
        with pytest.raises(InputError, match="weights must be"):
            regressor().fit(X, y, weights=wrong)
    alone = np.zeros(40)
    alone[5] = 1
    with pytest.raises(InputError, match="one side of the split"):
        regressor().fit(X, y, weights=alone, validation=0.2)


def test_a_table_of_numbers_at_the_edge():
    n = 120
    x = RNG.standard_normal(n)
    table = pa.table(
        {
            "huge": x * 1e300,
            "mixed": np.where(np.arange(n) % 7, x, 1e308),
            "denormal": x * 1e-310,
            "constant": np.full(n, 1e30),
            "wide": x,
            "y": x * 1e30,
        }
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = fit_table(table, Request("y", {"layers": (8,), "epochs": 3, "threads": 1}))
    assert np.isfinite(list(fit.scores["r2"])).all()
    assert "constant" in fit.model.encoder.dropped
    assert np.isfinite(fit.model.outputs(table)).all()


@pytest.mark.filterwarnings("ignore:The number of unique classes")  # scikit-learn 1.7 says so
def test_a_table_of_a_thousand_classes():
    labels = [f"class {k % 1000}" for k in range(3000)]
    table = pa.table({"x": np.arange(3000) % 1000, "z": RNG.standard_normal(3000), "y": labels})
    fit = fit_table(table, Request("y", {"layers": (8,), "epochs": 2, "threads": 1}))
    assert len(fit.model.task.classes) == 1000
    assert 0 <= fit.scores["accuracy"][0] <= 1
