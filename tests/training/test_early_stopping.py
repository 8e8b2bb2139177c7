"""Early stopping: the trainer's rule, and scikit-learn's."""

import math

import numpy as np
import pytest

from steepest.training.early_stopping import EarlyStopping, ToleranceStopping


def judged(stopping, values):
    """Judge epochs of these values, whose θ is their number, until patience is out; count them."""
    for epoch, value in enumerate(values, 1):
        stopping.judge({"value": value}, epoch, {"theta": np.array([float(epoch)])})
        if stopping.out:
            return epoch
    return math.inf


def kept(stopping):
    theta = np.zeros(1)
    stopping.restore({"theta": theta})
    return theta[0]


@pytest.mark.parametrize(
    ("values", "greater", "ends", "best", "theta"),
    [
        ([3, 2, 1, 1.5, 1.5, 1.5], False, 6, (1, 3), 3),
        ([3, 2, 2, 2, 2, 9], False, 5, (2, 2), 5),  # of equals the first counts, the last is kept
        ([1, 2, 3, 2.5, 2.5, 2.5], True, 6, (-3, 3), 3),
        ([math.nan, 5, math.nan, math.nan, math.nan], False, 5, (5, 2), 2),
        ([math.nan] * 9, False, 4, (math.inf, 1), 4),
        ([math.nan] * 9, True, 4, (math.inf, 1), 4),
        ([4, 3, 2, 1], False, math.inf, (1, 4), 4),
    ],
)
def test_the_best_is_kept_and_patience_ends(values, greater, ends, best, theta):
    stopping = EarlyStopping("value", 3, greater=greater)
    assert judged(stopping, values) == ends
    assert stopping.best == best
    assert kept(stopping) == theta


def test_nothing_is_kept_before_an_epoch_is_judged():
    stopping = EarlyStopping("value", 1)
    assert stopping.best is None
    assert not stopping.out
    assert kept(stopping) == 0


def test_it_goes_back_to_where_it_was():
    values = [3, 2, 1, 1.5, 1, 1.5, 1.5]
    whole, first, second = (EarlyStopping("value", 3) for _ in range(3))
    ends = judged(whole, values)
    judged(first, values[:5])
    second.go_back(first.best, first.kept, 5)
    assert second.waited == first.waited
    assert 5 + judged(second, values[5:]) == ends
    assert (second.best, kept(second)) == (whole.best, kept(whole))


def scikit_learn(values, patience, tol, greater):
    """Return how many epochs scikit-learn runs, and the best: as its MLP is written."""
    best, count = -np.inf if greater else np.inf, 0
    for epoch, value in enumerate(values, 1):
        worse = value < best + tol if greater else value > best - tol
        count = count + 1 if worse else 0
        if value > best if greater else value < best:
            best = value
        if count > patience:
            return epoch, best
    return math.inf, best


@pytest.mark.parametrize("greater", [False, True])
@pytest.mark.parametrize("tol", [0.0, 0.1])
@pytest.mark.parametrize("patience", [1, 3])
def test_scikit_learns_rule(greater, tol, patience):
    rng = np.random.default_rng(0)
    for _ in range(50):
        values = np.round(rng.standard_normal(30).cumsum() / 20, 1)  # with equal ones
        values[rng.random(30) < 0.05] = np.nan
        vectors = {"theta": np.zeros(1)}
        stopping = ToleranceStopping("value", patience, greater=greater, tol=tol, vectors=vectors)
        ends, best = scikit_learn(values, patience, tol, greater)
        assert judged(stopping, values) == ends
        assert stopping.best[0] == (-best if greater else best)
        assert kept(stopping) == np.flatnonzero(values == best)[0] + 1


def test_scikit_learns_rule_keeps_no_network_that_is_not_asked_for():
    stopping = ToleranceStopping("value", 3, greater=False, tol=0.0, vectors=None)
    judged(stopping, [3, 2, 1])
    assert stopping.kept is None
    assert kept(stopping) == 0
