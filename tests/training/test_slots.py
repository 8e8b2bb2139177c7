"""Which θ a network holds when, and what is kept of a rule to go on to the same bits."""

import pickle

import numpy as np
import pytest

from steepest import (
    SGD,
    Adam,
    Checkpoint,
    Dense,
    DivergenceError,
    InputError,
    MLPRegressor,
    Network,
    ReduceOnPlateau,
    Squared,
    Tanh,
    Trainer,
    Watch,
)
from steepest.parameters import Parameters
from steepest.rules import ASGD, Adafactor, Adagrad, Muon, ScheduleFreeAdamW
from steepest.training.slots import fill_slots

RNG = np.random.default_rng(0)
X = RNG.standard_normal((50, 6))
Y = X @ RNG.standard_normal((6, 2)) + 0.1 * RNG.standard_normal((50, 2))
AVERAGING = [
    SGD(0.05, ema=0.9),
    SGD(0.05, momentum=0.9, ema=lambda t: np.minimum(0.9, (1 + t) / (10 + t))),
    Adam(0.01, ema=0.8, decay_all=True, weight_decay=0.1),
    ScheduleFreeAdamW(0.02, weight_decay=0.1),
    ScheduleFreeAdamW(0.02, beta1=0.5, ema=0.7),
    ASGD(0.05, start=7.0),
    Muon(0.01, ema=0.9),
]
averaging = pytest.mark.parametrize("rule", AVERAGING, ids=lambda rule: type(rule).__name__)


def network(dtype="float32"):
    return Network(Dense(20), Tanh(), Dense(2), inputs=6, dtype=dtype)


def trainer(rule, **options):
    own = options.pop("network", None)
    return Trainer(network() if own is None else own, Squared(), rule, **({"batch": 10} | options))


def bits(trained):
    arrays = (trained.network.theta, *trained.slots.values())
    return trained.step, [array.tobytes() for array in arrays]


def never(progress):
    """Have Python look often."""


def test_the_average_is_what_python_sees_and_the_other_what_is_trained():
    plain, seen = [], []
    one = trainer(Adam(0.01), sampling="full", network=network("float64"))
    one.fit(X, Y, epochs=30, callbacks=[lambda p: plain.append(p.network.theta.copy())])
    both = trainer(Adam(0.01, ema=0.8), sampling="full", network=network("float64"))
    history = both.fit(
        X, Y, epochs=30, validation=(X, Y),
        callbacks=[lambda p: seen.append(p.network.theta.copy())],
    )  # fmt: skip
    average = plain[0]
    for theta, found in zip(plain, seen, strict=True):
        average = average if theta is plain[0] else 0.8 * average + 0.2 * theta
        np.testing.assert_allclose(found, average, rtol=1e-13, atol=1e-15)
    np.testing.assert_array_equal(both.slots["trained"], plain[-1])
    np.testing.assert_array_equal(both.network.theta, seen[-1])
    assert history["validation_loss"][-1] == pytest.approx(both.evaluate(X, Y)["loss"], rel=1e-12)
    assert abs(history["validation_loss"][-1] - one.evaluate(X, Y)["loss"]) > 1e-4


def test_a_schedule_of_the_average():
    found = [trainer(SGD(0.05, ema=ema)) for ema in (0.9, lambda t: np.full(t.size, 0.9))]
    for each in found:
        each.fit(X, Y, epochs=3)
    assert bits(found[0]) == bits(found[1])
    with pytest.raises(InputError, match=r"ReduceOnPlateau\(0\.1\) is for learning rates only"):
        trainer(SGD(0.05, ema=ReduceOnPlateau(0.1))).fit(X, Y, epochs=1)
    with pytest.raises(InputError, match=r"at least 0 and below 1"):
        trainer(SGD(0.05, ema=lambda t: np.ones(t.size))).fit(X, Y, epochs=1)


@averaging
def test_training_on_is_training_longer_however_often_python_looks(rule):
    once, twice = trainer(rule), trainer(rule)
    once.fit(X, Y, epochs=8)
    twice.fit(X, Y, epochs=3, callbacks=[never], validation=(X, Y))
    twice.fit(X, Y, epochs=5)
    assert bits(once) == bits(twice)


@averaging
def test_batches_one_by_one(rule):
    once, fed = trainer(rule, sampling="sequential"), trainer(rule)
    once.fit(X, Y, epochs=4)
    parts = [(X[k : k + 10], Y[k : k + 10]) for k in range(0, 50, 10)]
    fed.fit(parts, epochs=4)
    assert bits(once) == bits(fed)


@averaging
def test_resumed_from_a_checkpoint(rule, tmp_path):
    def stop(progress):
        return progress.step >= 12

    expected = trainer(rule)
    expected.fit(X, Y, epochs=6, validation=0.2)
    kept = Checkpoint(tmp_path / "kept", "1 step")
    trainer(rule).fit(X, Y, epochs=6, validation=0.2, checkpoint=kept, callbacks=[stop])
    again = trainer(rule)
    again.fit(X, Y, epochs=6, validation=0.2, checkpoint=kept, resume=True)
    assert bits(again) == bits(expected)


@averaging
def test_another_theta_put_in_between_is_where_training_goes_on(rule):
    # With no momentum to remember, as if training began there.
    moved, fresh = (trainer(rule, sampling="full") for _ in range(2))
    moved.fit(X, Y, epochs=5)
    moved.network.theta[:] = fresh.network.theta
    moved.fit(X, Y, epochs=1, callbacks=[never])
    if rule.predicts == "x" and rule.ema is None:
        x, z = moved.slots["x"], moved.slots["z"]  # the first of a new average
        np.testing.assert_allclose(x, z, atol=1e-6)
    if isinstance(rule, SGD) and not rule.momentum:
        fresh.fit(X, Y, epochs=1)
        np.testing.assert_array_equal(moved.network.theta, fresh.network.theta)
    np.testing.assert_allclose(moved.network.theta, fresh.network.theta, atol=0.3)


def test_the_best_epoch_is_put_back_and_gone_on_from():
    rates = lambda t: np.where(t < 20, 0.05, 1e3)  # noqa: E731
    tried = trainer(SGD(rates, ema=0.5, clip_norm=1.0))
    history = tried.fit(X, Y, epochs=8, validation=(X, Y), patience=8)
    best = int(np.argmin(history["validation_loss"])) + 1
    assert best == 4
    expected = trainer(SGD(rates, ema=0.5, clip_norm=1.0))
    expected.fit(X, Y, epochs=best)
    theta = tried.network.theta.copy()
    np.testing.assert_array_equal(theta, expected.network.theta)
    tried.rule = SGD(1e-9, ema=0.5)
    tried.fit(X, Y, epochs=1)
    np.testing.assert_allclose(tried.network.theta, theta, atol=1e-6)


@pytest.mark.parametrize("rule", [SGD(1.0, ema=0.9), ScheduleFreeAdamW(1e18)], ids=str)
def test_what_diverges_goes_back_to_where_it_was(rule):
    tried, expected = trainer(rule, sampling="full"), trainer(rule, sampling="full")
    with np.errstate(all="ignore"), pytest.raises(DivergenceError) as caught:
        tried.fit(100 * X, Y, epochs=500)
    assert tried.step == caught.value.step > 1
    assert np.isfinite(tried.network.theta).all()
    expected.fit(100 * X, Y, epochs=tried.step)
    assert bits(tried) == bits(expected)


def test_watching_changes_nothing():
    watched, alone = (trainer(Adam(0.01, ema=0.9)) for _ in range(2))
    watched.fit(X, Y, epochs=3, callbacks=[Watch(examples=20)])
    alone.fit(X, Y, epochs=3)
    assert bits(watched) == bits(alone)


def mlp(rule):
    options = {"random_state": 0, "batch_size": 10, "shuffle": False, "max_iter": 4, "tol": 0.0}
    return MLPRegressor(hidden_layer_sizes=(20,), solver=rule, **options)


@averaging
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_estimators_go_on(rule):
    once, stored = mlp(rule).fit(X, Y), mlp(rule)
    for _ in range(4):
        stored.partial_fit(X, Y)
        if not callable(rule.ema):  # what is no function can be stored
            stored = pickle.loads(pickle.dumps(stored))
    np.testing.assert_array_equal(once.network_.theta, stored.network_.theta)
    assert not np.array_equal(once.network_.theta, once._fitted.optimizer.slots["trained"])


@pytest.mark.parametrize("rule", [SGD(1e-9, ema=0.9), ScheduleFreeAdamW(1e-9)], ids=str)
def test_estimators_go_on_from_what_is_put_into_them(rule):
    model = mlp(rule).partial_fit(X, Y)
    model.coefs_[0][:] = 7
    model.partial_fit(X, Y)
    np.testing.assert_allclose(model.coefs_[0], 7, atol=1e-3)


def test_what_begins_where():
    parameters, slots = Parameters(network().layer, (6,), "float64"), {}
    fill_slots(slots, Adagrad(initial=0.5, ema=0.9), parameters)
    assert {name: (slot.shape, slot[0]) for name, slot in slots.items()} == {
        "s": ((182,), 0.5), "average": ((182,), 0.0), "averaged": ((1,), 0.0),
        "trained": ((182,), 0.0),
    }  # fmt: skip


def test_memory_of_rows_and_columns():
    parameters, slots = Parameters(network().layer, (6,), "float32"), {}
    fill_slots(slots, Adafactor(), parameters)
    assert {name: slot.size for name, slot in slots.items()} == {
        "R": 6 + 20 + 2 + 2, "C": 20 + 20,  # the first matrix lies there as its transpose
    }  # fmt: skip
