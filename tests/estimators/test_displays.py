"""scikit-learn's displays, with our estimators."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import inspection, metrics
from sklearn.calibration import CalibrationDisplay
from sklearn.datasets import make_classification, make_regression

from steepest import MLPClassifier, MLPRegressor, TabularClassifier

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


def test_prediction_errors():
    X, y = make_regression(200, 3, random_state=0)
    model = MLPRegressor(
        hidden_layer_sizes=(4,), solver="lbfgs", max_iter=2000, random_state=0
    ).fit(X, y / y.std())
    assert metrics.PredictionErrorDisplay.from_estimator(model, X, y).ax_ is not None
