"""The average of one-example gradients is the gradient, on a real table.

θ ← θ − η ∇ℓ(f(x_j; θ), y_j) for uniform j stands on this: the mean of the gradients of all examples
is ∇ℓ, and that of uniformly drawn ones estimates it without bias.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from steepest import SGD, Dense, Gradients, Logistic, Network, Tanh, Trainer
from steepest.tables.encoder import Encoder
from steepest.tables.files import read_table
from steepest.tables.task import infer_task

TABLE = Path(__file__).parents[2] / "data" / "census_income.parquet"
DRAWN, SEED = 20_000, 0


@pytest.fixture(scope="module")
def census():
    table = read_table(TABLE)
    task = infer_task(table.column("income"), "income")
    inputs = [name for name in table.column_names if name not in ("income", "split")]
    encoder = Encoder.fit(table, inputs)
    X = encoder.transform(table, dtype=np.float64)
    X = X[:, : encoder.width - len(encoder.codes)]  # codes are for embeddings
    return X, task.encode(table.column("income"))


@pytest.fixture(scope="module", params=["untrained", "trained"])
def case(request, census):
    X, y = census
    network = Network(Dense(16), Tanh(), Dense(1), inputs=X.shape[1], dtype="float64")
    if request.param == "trained":
        Trainer(network, Logistic(), SGD(lr=0.05), batch=16).fit(X, y, epochs=2)
    return network, X, y


def test_mean_of_all_one_example_gradients_is_the_full_gradient(case):
    network, X, y = case
    whole = Gradients(network, Logistic(), batch=1024).mean(X, y)
    one_by_one = Gradients(network, Logistic(), batch=1).mean(X, y).vector
    error = np.linalg.norm(one_by_one - whole.vector)
    assert error <= 1e-12 * np.linalg.norm(whole.vector)

    gradients, total = Gradients(network, Logistic()), dict.fromkeys(network.parameters, 0.0)
    for start in range(0, len(y), 4096):
        rows = slice(start, start + 4096)
        for name, each in gradients.each(X[rows], y[rows]).items():
            total[name] = total[name] + each.sum(axis=0)
    square = sum(((total[name] / len(y) - whole.theta[name]) ** 2).sum() for name in total)
    assert np.sqrt(square) <= 1e-12 * np.linalg.norm(whole.vector)


def test_uniformly_drawn_examples_estimate_it_without_bias(case):
    network, X, y = case
    moments = Gradients(network, Logistic()).moments(X, y)
    # One step of SGD on 20,000 examples that the sampler draws: θ − θ' is their mean gradient.
    stepped = Network(*network.layer.layers, inputs=X.shape[1], dtype="float64")
    stepped.theta[:] = network.theta
    trainer = Trainer(stepped, Logistic(), SGD(lr=1.0), batch=DRAWN, sampling="uniform", seed=SEED)
    trainer.fit(X, y, epochs=1, callbacks=[lambda progress: True])
    assert trainer.step == 1
    scores = []
    for name, theta in network.parameters.items():
        error = (theta - stepped.parameters[name]) - moments.mean[name]
        deviation = np.sqrt(moments.variance[name] / DRAWN)
        same = deviation == 0  # an input that is always 0
        assert (np.abs(error[same]) < 1e-15).all()
        scores.append(error[~same] / deviation[~same])
    scores = np.concatenate(scores)
    # A share erfc(4/√2) = 6.3e-5 of normal scores is beyond 4. Scores of one draw hang together, so
    # what is allowed is three times the expected count, and one more.
    expected = math.erfc(4 / math.sqrt(2)) * scores.size
    assert (np.abs(scores) > 4).sum() <= 1 + 3 * expected
    assert 0.8 < np.sqrt(np.mean(scores**2)) < 1.25  # and they are not small for another reason
