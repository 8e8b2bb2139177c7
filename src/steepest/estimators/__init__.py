"""Estimators with scikit-learn's interface: its MLP, on Steepest; `tabular` for raw tables."""

from .classifier import MLPClassifier
from .regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
