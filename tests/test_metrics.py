import numpy as np
import pytest
from sklearn import metrics
from sklearn.base import BaseEstimator, ClassifierMixin

from steepest import InputError
from steepest.metrics import GREATER_IS_BETTER, METRICS, metrics_named

RNG = np.random.default_rng(0)


def test_two_classes():
    y, p = RNG.integers(0, 2, 50), RNG.uniform(size=(50, 1))
    said = p[:, 0] > 0.5
    assert METRICS["accuracy"](y, p) == metrics.accuracy_score(y, said)
    assert METRICS["f1"](y[:, None], p) == metrics.f1_score(y, said)
    assert METRICS["auc"](y, p) == metrics.roc_auc_score(y, p[:, 0])
    assert METRICS["log_loss"](y, p) == pytest.approx(metrics.log_loss(y, p[:, 0]))


def test_two_classes_with_a_column_each():
    y, first = RNG.integers(0, 2, 50), RNG.uniform(size=50).round(1)  # with ties
    p = np.column_stack([1 - first, first])
    assert METRICS["accuracy"](y, p) == metrics.accuracy_score(y, p.argmax(axis=1))
    assert METRICS["f1"](y, p) == metrics.f1_score(y, p.argmax(axis=1), average="macro")
    assert METRICS["auc"](y, p) == metrics.roc_auc_score(y, first)
    assert METRICS["log_loss"](y, p) == pytest.approx(metrics.log_loss(y, first.clip(1e-300, 1)))


def test_several_classes():
    y, p = RNG.integers(0, 3, 50), RNG.dirichlet(np.ones(3), 50)
    assert METRICS["accuracy"](y, p) == metrics.accuracy_score(y, p.argmax(axis=1))
    assert METRICS["accuracy"](np.eye(3)[y], p) == metrics.accuracy_score(y, p.argmax(axis=1))
    expected = metrics.balanced_accuracy_score(y, p.argmax(axis=1))
    assert METRICS["balanced_accuracy"](y, p) == expected
    assert METRICS["log_loss"](y, p) == pytest.approx(metrics.log_loss(y, p))


def test_numbers():
    y, z = RNG.standard_normal((50, 2)), RNG.standard_normal((50, 2))
    assert METRICS["r2"](y, z) == metrics.r2_score(y, z)
    assert METRICS["mae"](y, z) == metrics.mean_absolute_error(y, z)
    assert METRICS["rmse"](y, z) == metrics.root_mean_squared_error(y, z)


class Said:
    """An estimator that says what it was given, for the scorers of scikit-learn."""

    _estimator_type = "classifier"

    def __init__(self, p):
        self.p = np.hstack([1 - p, p]) if p.ndim == 2 and p.shape[1] == 1 else p
        self.classes_ = np.arange(self.p.shape[-1])

    def __sklearn_tags__(self):
        return ClassifierMixin.__sklearn_tags__(Tagged())

    def fit(self, X, y):
        return self

    def predict(self, X):
        return self.p.argmax(axis=1)

    def predict_proba(self, X):
        return self.p


class Tagged(ClassifierMixin, BaseEstimator):
    pass


class Numbers(Said):
    def predict(self, X):
        return self.p


TWO, SEVERAL = RNG.uniform(size=(60, 1)), RNG.dirichlet(np.ones(3), 60)
SCORERS = [name for name in metrics.get_scorer_names() if name in METRICS]
REGRESSION = {name for name in SCORERS if "error" in name or "deviance" in name}
REGRESSION |= {"r2", "explained_variance"}
ONE_CLASS = {"f1", "jaccard", "precision", "recall"}  # scikit-learn's are for two classes alone


@pytest.mark.parametrize("name", SCORERS)
def test_scorers_of_scikit_learn_by_their_names(name):
    """Our function of a name gives what scikit-learn's scorer of that name gives."""
    scorer, X = metrics.get_scorer(name), np.zeros((60, 1))
    if name in REGRESSION:
        y, z = RNG.uniform(1, 2, 60), RNG.uniform(1, 2, 60)
        expected = scorer(Numbers(z), X, y)
        assert METRICS[name](y, z[:, None]) == pytest.approx(expected, rel=1e-12)
        return
    y = RNG.integers(0, 2, 60)
    assert METRICS[name](y, TWO) == pytest.approx(scorer(Said(TWO), X, y), rel=1e-12)
    if name not in ONE_CLASS | {"roc_auc"}:
        y = RNG.integers(0, 3, 60)
        assert METRICS[name](y, SEVERAL) == pytest.approx(scorer(Said(SEVERAL), X, y), rel=1e-12)


@pytest.mark.parametrize("name", sorted(ONE_CLASS))
def test_of_several_classes_the_average(name):
    y = RNG.integers(0, 3, 60)
    assert METRICS[name](y, SEVERAL) == METRICS[f"{name}_macro"](y, SEVERAL)


def test_errors_have_a_negative_twin():
    y, z = RNG.uniform(1, 2, 60), RNG.uniform(1, 2, (60, 1))
    assert METRICS["mse"](y, z) == -METRICS["neg_mean_squared_error"](y, z)
    assert METRICS["mse"](y, z) == pytest.approx(np.mean((y - z[:, 0]) ** 2))
    assert "neg_mean_squared_error" in GREATER_IS_BETTER
    assert not {"mse", "mae", "log_loss", "brier"} & GREATER_IS_BETTER


def test_common_scorers_are_there():
    wanted = {"accuracy", "precision", "recall", "f1", "f1_weighted", "roc_auc", "neg_log_loss",
              "neg_brier_score", "neg_mean_absolute_error", "neg_root_mean_squared_error", "r2",
              "average_precision", "matthews_corrcoef", "explained_variance"}  # fmt: skip
    assert wanted <= set(SCORERS)


def test_names_and_functions():
    def own(y, prediction):
        return 1.0

    assert list(metrics_named(["r2", own])) == ["r2", "own"]
    assert metrics_named({"mine": own}) == {"mine": own}
    assert list(metrics_named("r2")) == ["r2"]
    assert list(metrics_named(own)) == ["own"]
    for wrong in (["nonsense"], [None], 3, {"mine": "r2"}):
        with pytest.raises(InputError, match="metrics: "):
            metrics_named(wrong)
