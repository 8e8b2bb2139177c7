"""scikit-learn's own checks of estimators, with the defaults of ours; tables in few epochs."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from steepest import MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor

pytestmark = pytest.mark.filterwarnings("ignore")
SHORT = {"epochs": 48}


@parametrize_with_checks([MLPClassifier(), MLPRegressor()])
def test_checks(estimator, check):
    check(estimator)


def expected(estimator):
    # Rows held out and mini-batches are drawn: a row twice is not a row of weight 2.
    return {"check_sample_weight_equivalence_on_dense_data": "training draws rows at random"}


@parametrize_with_checks(  # one thread computes the same, and does not wait where cores are taken
    [TabularClassifier(settings=SHORT, n_threads=1), TabularRegressor(settings=SHORT, n_threads=1)],
    expected_failed_checks=expected,
)
def test_checks_of_tabular(estimator, check):
    check(estimator)
