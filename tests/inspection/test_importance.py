"""How much the loss depends on each input."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.inspection import permutation_importance

from steepest import Dense, Hinge, InputError, Network, Squared, Tanh, importance


class Fitted(RegressorMixin, BaseEstimator):
    def __init__(self, network):
        self.network = network

    def fit(self, X, y):
        return self

    def predict(self, X):
        return self.network.predict(X)[:, 0]


@pytest.fixture
def case():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 4))
    network = Network(Dense(6), Tanh(), Dense(1), dtype="float64", inputs=4)
    network.parameters["0.A"][:, 2] = 0  # the network is blind to column 2
    y = network.predict(X)[:, 0] + 0.1 * rng.standard_normal(400)
    return network, X, y


def test_a_metric_takes_the_place_of_the_loss(case):
    network, X, y = case
    by_loss = importance(network, Squared(), X, y)
    by_mse = importance(network, Squared(), X, y, metric="mse")  # twice the loss
    np.testing.assert_allclose(by_mse.permutation, 2 * by_loss.permutation, rtol=1e-9)
    assert by_mse.loss == pytest.approx(2 * by_loss.loss)
    np.testing.assert_array_equal(by_mse.gradient, by_loss.gradient)
    by_r2 = importance(network, Squared(), X, y, metric="r2")  # 1 − mse/var
    assert by_r2.loss == pytest.approx(1 - by_mse.loss / y.var())
    np.testing.assert_allclose(by_r2.permutation, by_mse.permutation / y.var(), rtol=1e-9)

    def mine(y, prediction):
        return float(((y - prediction[:, 0]) ** 2).mean())

    own = importance(network, Squared(), X, y, metric=mine)
    np.testing.assert_allclose(own.permutation, by_mse.permutation, rtol=1e-9)


@pytest.mark.parametrize("metric", [["mse"] * 0, ["mse", "mae"], "nonsense", 3, {}])
def test_no_metric(case, metric):
    network, X, y = case
    with pytest.raises(InputError, match="metric"):
        importance(network, Squared(), X, y, metric=metric)


def test_targets_of_a_metric_are_those_that_were_given(case):
    """Hinge loss has them as −1 and 1."""
    network, X, y = case
    found = importance(network, Hinge(), X, (y > 0) * 1, metric="accuracy")
    assert found.loss > 0.9


def test_permutation_agrees_with_scikit_learn(case):
    network, X, y = case
    found = importance(network, Squared(), X, y, repeats=20)
    theirs = permutation_importance(
        Fitted(network), X, y, scoring="neg_mean_squared_error", n_repeats=20, random_state=1
    )
    # ℓ is half the square. Both are means of 20 random shuffles.
    error = 4 * np.hypot(found.spread, theirs.importances_std / 2) / np.sqrt(20) + 1e-12
    assert (np.abs(found.permutation - theirs.importances_mean / 2) < error).all()
    assert found.permutation[2] == 0
    assert found.names == ["0", "1", "2", "3"]
    assert found.loss == pytest.approx(np.mean((network.predict(X)[:, 0] - y) ** 2) / 2)


def test_gradient_is_the_change_to_first_order(case):
    network, X, y = case
    found = importance(network, Squared(), X, y, repeats=1)
    near = X + 1e-7 * (X.mean(axis=0) - X)  # a little way towards the average
    for column in range(4):
        moved = X.copy()
        moved[:, column] = near[:, column]
        before, after = (0.5 * (network.predict(x)[:, 0] - y) ** 2 for x in (X, moved))
        assert found.gradient[column] == pytest.approx(np.abs(after - before).mean() / 1e-7, 1e-4)
    assert found.gradient[2] == 0


def test_groups_move_together(case):
    network, X, y = case
    network.parameters["0.A"][:, 1] = -network.parameters["0.A"][:, 0]
    same = X.copy()
    same[:, 1] = same[:, 0]  # together the two columns cancel, shuffled or not
    groups = {"pair": slice(0, 2), "third": [2], "fourth": np.array([3])}
    found = importance(network, Squared(), same, y, groups)
    assert found.names == ["pair", "third", "fourth"]
    assert abs(found.permutation[0]) < 1e-12
    assert found.gradient[0] < 1e-12
    assert found.permutation[2] > 0
    kept = same.copy()
    importance(network, Squared(), same, y, groups)
    np.testing.assert_array_equal(same, kept)


def test_bad_input(case):
    network, X, y = case
    with pytest.raises(InputError, match="repeats"):
        importance(network, Squared(), X, y, repeats=0)
    with pytest.raises(InputError, match="dense"):
        importance(network, Squared(), sparse.csr_matrix(X), y)


def test_it_prints_from_the_most_important_down(case):
    network, X, y = case
    found = importance(network, Squared(), X, y)
    lines = repr(found).splitlines()
    assert f"{found.loss:.4g}" in lines[0]
    order = [found.names[k] for k in np.argsort(-found.permutation)]
    assert [line.split()[0] for line in lines[2:]] == order
