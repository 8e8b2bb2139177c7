"""scikit-learn's own checks of estimators: every one that its MLP passes."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from steepest import MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor

pytestmark = pytest.mark.filterwarnings("ignore")

SMALL = {"settings": {"layers": (32,), "epochs": 30}, "n_threads": 1}


@parametrize_with_checks([MLPClassifier(max_iter=100), MLPRegressor(max_iter=100)])
def test_checks(estimator, check):
    check(estimator)


def expected(estimator):
    # Rows held out and mini-batches are drawn: a row twice is not a row of weight 2.
    return {"check_sample_weight_equivalence_on_dense_data": "training draws rows at random"}


@parametrize_with_checks(
    [TabularClassifier(**SMALL), TabularRegressor(**SMALL)], expected_failed_checks=expected
)
def test_checks_of_tabular(estimator, check):
    check(estimator)
