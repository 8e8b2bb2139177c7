"""Thresholds and costs."""

import numpy as np
import pyarrow as pa
import pytest

from steepest import TabularClassifier
from steepest.errors import InputError
from steepest.metrics import METRICS
from steepest.pipeline.decision import decided
from steepest.pipeline.fit import fit_table
from steepest.pipeline.request import Request
from steepest.probabilities.calibration import UNCHANGED
from steepest.tables.task import Task

RNG = np.random.default_rng(0)
SMALL = {"layers": (8,), "epochs": 6}
X = RNG.normal(size=(500, 2))
NOISY = X[:, 0] + RNG.normal(size=500)
TWO, THREE = np.where(NOISY > 1, "yes", "no"), np.digitize(NOISY, [-0.5, 1]).astype(str)
TABLE = pa.table({"a": X[:, 0], "b": X[:, 1]})


def fit(y, **settings):
    return fit_table(TABLE.append_column("y", pa.array(y)), Request("y", SMALL | settings)).model


def test_a_threshold_decides_and_probabilities_stay(tmp_path):
    plain, model = fit(TWO), fit(TWO, threshold=0.2)
    p = model.predict_proba(TABLE)
    np.testing.assert_array_equal(p, plain.predict_proba(TABLE))
    said = np.array(model.predict(TABLE).column("prediction")) == "yes"
    np.testing.assert_array_equal(said, p[:, 1] >= 0.2)
    model.save(tmp_path / "m")
    assert type(model).load(tmp_path / "m").calibration == model.calibration
    scores = model.evaluate(TABLE, TWO).scores
    assert scores["accuracy"] == pytest.approx(np.mean(said == (TWO == "yes")))


def test_costs_are_for_any_number_of_classes():
    model = fit(THREE, cost={0: 1, 1: 1, 2: 6})
    p, said = model.predict_proba(TABLE), np.array(model.predict(TABLE).column("prediction"))
    np.testing.assert_array_equal(said, (p * [1, 1, 6]).argmax(axis=1))
    assert fit(THREE, cost="2=6").calibration == model.calibration


TASK = Task("y", "binary", "", ("no", "yes"))


@pytest.mark.parametrize("name", ["f1", "balanced_accuracy", "accuracy"])
def test_a_metric_chooses_the_threshold_on_rows_not_trained_on(name):
    p = RNG.random(400)
    y, w = (RNG.random(400) < p**3).astype(int), RNG.uniform(0.5, 2, 400)
    q = p[:, None]
    found = decided(UNCHANGED, name, None, TASK, (q, y, w))
    threshold = found.costs[0]
    score = METRICS[name](y, (p >= threshold)[:, None].astype(float), w)
    every = [METRICS[name](y, (p >= t)[:, None].astype(float), w) for t in np.linspace(0, 1, 101)]
    assert score >= max(every) - 0.005
    assert score > METRICS[name](y, (p >= 0.5)[:, None].astype(float), w) - 1e-12


def test_estimators_take_them_as_settings():
    model = TabularClassifier(settings={**SMALL, "threshold": "f1"}).fit(X, TWO)
    share = model.model_.calibration.costs[0]
    assert share < 0.5  # F1 of the rarer class
    np.testing.assert_array_equal(model.predict(X) == "yes", model.predict_proba(X)[:, 1] >= share)
    with pytest.raises(InputError, match="threshold 'f1' needs rows to validate on"):
        TabularClassifier(settings={**SMALL, "threshold": "f1"}, validation_fraction=0).fit(X, TWO)


@pytest.mark.parametrize(
    ("y", "settings", "message"),
    [
        (TWO, {"threshold": 1.5}, "threshold must be above 0 and below 1, got 1.5"),
        (TWO, {"threshold": "luck"}, "threshold must be one of accuracy"),
        (TWO, {"threshold": "log_loss"}, "threshold must be one of accuracy"),
        (TWO, {"threshold": 0.5, "cost": "yes=2"}, "give threshold or cost, not both"),
        (TWO, {"cost": "perhaps=2"}, "cost names 'perhaps'; the classes are no, yes"),
        (TWO, {"cost": {"yes": 0}}, "each of cost must be a number above 0"),
        (TWO, {"cost": "yes=2", "loss": "hinge"}, "cost is for classes that have probabilities"),
        (THREE, {"threshold": 0.3}, "threshold is for two classes, and 'y' has 3; give cost"),
        (NOISY, {"threshold": 0.3}, "threshold is for classes that have probabilities"),
    ],
)
def test_what_makes_no_sense_is_refused(y, settings, message):
    with pytest.raises(InputError, match=message):
        fit(y, **settings)
