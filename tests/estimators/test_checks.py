"""scikit-learn's own checks of estimators: every one that its MLP passes."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from steepest import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore")


@parametrize_with_checks([MLPClassifier(max_iter=100), MLPRegressor(max_iter=100)])
def test_checks(estimator, check):
    check(estimator)
