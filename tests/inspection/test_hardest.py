"""The ranking of examples by the norms of their gradients."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits

from steepest import (
    SGD,
    Dense,
    InputError,
    Network,
    ReLU,
    SoftmaxCrossEntropy,
    Squared,
    Trainer,
    example_norms,
    hardest_examples,
)


def test_flipped_labels_of_real_digits_stand_out():
    X, y = load_digits(return_X_y=True)
    X = X / 16
    rng = np.random.default_rng(0)
    count = round(0.05 * len(y))
    flipped = rng.choice(len(y), count, replace=False)
    y[flipped] = (y[flipped] + rng.integers(1, 10, count)) % 10
    network = Network(Dense(64, "he_uniform"), ReLU(), Dense(10))
    Trainer(network, SoftmaxCrossEntropy(), SGD(lr=0.05), batch=32).fit(X, y, epochs=10)
    ranking = hardest_examples(network, SoftmaxCrossEntropy(), X, y, top=count)
    assert np.isin(ranking.rows, flipped).mean() >= 0.6
    assert len(ranking) == count
    np.testing.assert_array_equal(ranking.targets, y[ranking.rows])
    np.testing.assert_array_equal(
        ranking.predictions, network.predict(X)[ranking.rows].argmax(axis=1)
    )


@pytest.mark.parametrize("csr", [False, True])
def test_order_and_table(csr):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((30, 4)), rng.standard_normal((30, 2))
    network = Network(Dense(5), ReLU(), Dense(2), dtype="float64", inputs=4)
    given = sparse.csr_matrix(X) if csr else X
    ranking = hardest_examples(network, Squared(), given, y, top=7)
    norms = example_norms(network, Squared(), X, y)
    np.testing.assert_array_equal(ranking.rows, np.argsort(-norms.total)[:7])
    np.testing.assert_allclose(ranking.norms, norms.total[ranking.rows])
    np.testing.assert_allclose(ranking.losses, norms.losses[ranking.rows])
    for row, layer in zip(ranking.rows, ranking.layers, strict=True):
        assert layer == max(norms.layers, key=lambda path: norms.layers[path][row])
    lines = str(ranking).splitlines()
    assert len(lines) == 8
    assert repr(ranking) == str(ranking)
    assert lines[1].split()[:2] == ["1", str(ranking.rows[0])]


def test_more_than_there_are_and_none():
    network, X, y = Network(Dense(1), inputs=2), np.ones((3, 2)), np.ones(3)
    assert len(hardest_examples(network, Squared(), X, y, top=20)) == 3
    with pytest.raises(InputError, match="top"):
        hardest_examples(network, Squared(), X, y, top=0)
