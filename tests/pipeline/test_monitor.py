"""What the best epoch is chosen by."""

import numpy as np
import pyarrow as pa
import pytest

from steepest.errors import InputError
from steepest.metrics import METRICS, OF_CLASSES
from steepest.pipeline.fit import fit_table
from steepest.pipeline.monitor import make_monitor
from steepest.pipeline.recipe import Recipe
from steepest.pipeline.request import Request
from steepest.probabilities.calibration import Calibration
from steepest.tables.task import Task

RNG = np.random.default_rng(0)
SMALL = {"layers": (8,), "epochs": 12}
X = RNG.normal(size=(400, 2))
NOISY = X[:, 0] + RNG.normal(size=400)
TABLE = pa.table({"a": X[:, 0], "b": X[:, 1]})
TARGETS = {
    "binary": np.where(NOISY > 0.8, "yes", "no"),
    "multiclass": np.digitize(NOISY, [-0.5, 0.5]).astype(str),
    "regression": NOISY,
}


def fit(kind, **settings):
    table = TABLE.append_column("y", pa.array(TARGETS[kind]))
    return fit_table(table, Request("y", SMALL | settings, validation=0.3)).model


def best(history, name, greater=False):
    values = np.array(history[name])
    return int((values.argmax if greater else values.argmin)()) + 1


@pytest.mark.parametrize(
    ("kind", "monitor", "greater"),
    [
        ("binary", "log_loss", False),
        ("binary", "auc", True),
        ("multiclass", "log_loss", False),
        ("multiclass", "brier", False),
        ("multiclass", "validation_loss", False),
        ("regression", "mae", False),
        ("regression", "r2", True),
    ],
)
def test_the_metric_that_is_named_chooses_the_epoch(kind, monitor, greater):
    """A fit of as many epochs as the best one had ends with the same network."""
    own = {
        "monitor": monitor,
        "average": 0.0,
        "schedule": "constant",
        "lr": 0.5,
        "dropout": 0.0,
        "weight_decay": 0.0,
    }
    chosen = fit(kind, **own, epochs=30, layers=(32,))
    history = chosen.about["history"]
    epoch = best(history, monitor, greater)
    assert epoch < len(history["epoch"])
    shorter = fit(kind, **own, epochs=epoch, layers=(32,))
    np.testing.assert_array_equal(chosen.network.theta, shorter.network.theta)


def test_the_defaults_are_proper():
    for kind, name in {"binary": "log_loss", "regression": "validation_loss"}.items():
        default, named = fit(kind), fit(kind, monitor=name)
        np.testing.assert_array_equal(default.network.theta, named.network.theta)
        assert named.about["recipe"]["monitor"] == name
    assert "log_loss" not in fit("binary", loss="hinge").about["history"]


TWO = Task("y", "binary", "", ("no", "yes"))


def test_it_sees_honest_probabilities_and_the_weights_of_rows_alone():
    calibration = Calibration(0.1, (1.0, 4.0), 0.001, costs=(1.0, 4.0))
    y, q, w = np.array([0, 1, 1]), np.array([[0.3], [0.6], [0.9]]), np.array([1.0, 2.0, 3.0])
    p = calibration.probabilities(q)
    loss = Recipe().make_loss(TWO)
    found = make_monitor(None, TWO, loss, calibration, (None, y, w), ["brier", "accuracy"])
    assert found.name == "log_loss"
    expected = -np.average(np.log(p[np.arange(3), y]), weights=w)
    assert found.metrics["log_loss"](y, q) == pytest.approx(expected)
    assert found.metrics["brier"](y, q) == pytest.approx(np.mean((p[:, 1] - y) ** 2))
    decided = calibration.classes(p)
    assert decided.tolist() != (p[:, 1] > 0.5).tolist()
    assert found.metrics["accuracy"](y, q) == np.mean(decided == y)


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("binary", {"monitor": "r2"}, "monitor for binary must be one of validation_loss, acc"),
        ("regression", {"monitor": "auc"}, "monitor for regression must be one of validation_lo"),
        ("binary", {"monitor": "log_loss", "loss": "hinge"}, "monitor for binary must be one of"),
        ("binary", {"monitor": "luck"}, "monitor must be one of validation_loss, accuracy"),
        ("regression", {"monitor": "mae", "quantiles": (0.5,)}, "where quantiles are predicted"),
    ],
)
def test_a_metric_that_says_nothing_is_refused(kind, settings, message):
    with pytest.raises(InputError, match=message):
        fit(kind, **settings)


def test_a_metric_that_cannot_be_computed_is_refused_before_the_training():
    loss = Recipe().make_loss(TWO)
    with pytest.raises(InputError, match="'auc' can't be computed on the 3 rows to validate on"):
        make_monitor("auc", TWO, loss, Calibration(), (None, np.zeros(3, int)))
    with pytest.raises(InputError, match="needs rows to validate on"):
        make_monitor("auc", TWO, loss, Calibration(), None)


def test_all_metrics_take_weights():
    y, p = np.array([0, 1, 2, 1, 0, 2]), RNG.dirichlet(np.ones(3), 6)
    numbers, said = RNG.random((6, 1)) + 1, RNG.random((6, 1)) + 1
    twice = np.array([1, 1, 2, 1, 3, 1])
    for name, metric in METRICS.items():
        if "ovo" in name:  # scikit-learn has no weights there
            continue
        target, prediction = (y, p) if name in OF_CLASSES else (numbers, said)
        repeated = metric(np.repeat(target, twice, 0), np.repeat(prediction, twice, 0))
        weighted = metric(target, prediction, twice)
        assert metric(target, prediction, np.ones(6)) == pytest.approx(metric(target, prediction))
        if "max_error" not in name and "median" not in name:
            assert weighted == pytest.approx(repeated), name
