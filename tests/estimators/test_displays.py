"""scikit-learn's displays, with our estimators."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn import inspection, metrics
from sklearn.base import clone
from sklearn.calibration import CalibrationDisplay
from sklearn.datasets import make_classification, make_regression
from sklearn.model_selection import LearningCurveDisplay

from steepest import MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor

pytest.importorskip("matplotlib").use("Agg")


@pytest.fixture(scope="module")
def classifiers():
    X, y = make_classification(200, 5, random_state=0)
    settings = {"epochs": 3, "layers": (4,), "lr": 0.01}
    return X, y, [
        MLPClassifier((4,), solver="lbfgs", max_iter=2000, random_state=0).fit(X, y),
        TabularClassifier(settings=settings).fit(X, y),
    ]  # fmt: skip


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize(
    "display",
    [
        metrics.RocCurveDisplay,
        metrics.PrecisionRecallDisplay,
        metrics.DetCurveDisplay,
        metrics.ConfusionMatrixDisplay,
        CalibrationDisplay,
    ],
)
def test_displays_of_classifiers(classifiers, display, which):
    X, y, models = classifiers
    assert display.from_estimator(models[which], X, y).ax_ is not None


@pytest.mark.parametrize("which", [0, 1])
def test_partial_dependence(classifiers, which):
    X, _, models = classifiers
    shown = inspection.PartialDependenceDisplay.from_estimator(
        models[which], X, [0], kind="both", subsample=20, random_state=0
    )
    assert np.isfinite(shown.pd_results[0]["average"]).all()


def test_decision_boundaries(classifiers):
    X, y, models = classifiers
    flat = clone(models[1]).fit(X[:, :2], y)
    shown = inspection.DecisionBoundaryDisplay.from_estimator(flat, X[:, :2], grid_resolution=5)
    assert shown.response.shape == (5, 5)
    assert len(np.unique(shown.response)) > 1


def test_learning_curves(classifiers):
    X, y, models = classifiers
    shown = LearningCurveDisplay.from_estimator(models[1], X, y, train_sizes=[0.4, 1.0], cv=2)
    assert shown.test_scores.shape == (2, 2)


def test_tables_of_texts_and_numbers():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"age": rng.normal(size=200), "town": rng.choice(["a", "b"], 200)})
    rise = table.age + (table.town == "a")
    settings = {"epochs": 3, "layers": (4,)}
    number = TabularRegressor(settings=settings).fit(table, rise)
    assert metrics.PredictionErrorDisplay.from_estimator(number, table, rise).ax_ is not None
    shown = inspection.PartialDependenceDisplay.from_estimator(
        number, table, ["age", "town"], categorical_features=["town"], grid_resolution=5
    )
    assert [found["average"].shape for found in shown.pd_results] == [(1, 5), (1, 2)]
    kind = TabularClassifier(settings=settings).fit(table, np.where(rise > 0, "up", "down"))
    labels = np.where(rise > 0, "up", "down")
    shown = metrics.ConfusionMatrixDisplay.from_estimator(kind, table, labels)
    assert shown.confusion_matrix.sum() == 200
    assert metrics.RocCurveDisplay.from_estimator(kind, table, labels).roc_auc > 0.5


def test_prediction_errors():
    X, y = make_regression(200, 3, random_state=0)
    model = MLPRegressor(
        hidden_layer_sizes=(4,), solver="lbfgs", max_iter=2000, random_state=0
    ).fit(X, y / y.std())
    assert metrics.PredictionErrorDisplay.from_estimator(model, X, y).ax_ is not None
