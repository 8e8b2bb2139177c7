import numpy as np
import pytest
from sklearn import metrics

from steepest import InputError
from steepest.metrics import METRICS, metrics_named

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


def test_names_and_functions():
    def own(y, prediction):
        return 1.0

    assert list(metrics_named(["r2", own])) == ["r2", "own"]
    assert metrics_named({"mine": own}) == {"mine": own}
    with pytest.raises(InputError, match="accuracy"):
        metrics_named(["nonsense"])
