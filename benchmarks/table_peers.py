"""The learners of `tables.py`: ours, and others with their defaults, on one thread.

Each is a function of (whether a number is predicted, seed) that returns a scikit-learn estimator.
The others' packages are imported when they are asked for.
"""

from __future__ import annotations

from functools import partial

from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.pipeline import make_pipeline

__all__ = ["MODELS"]


def steepest(regression: bool, seed: int, quality: int | None = None):
    from steepest import TabularClassifier, TabularRegressor

    kind = TabularRegressor if regression else TabularClassifier
    return kind(random_state=seed, n_threads=1, quality=quality)


def sklearn_mlp(regression: bool, seed: int):
    """Return scikit-learn's MLP with its defaults in the usual pipeline."""
    from sklearn.compose import TransformedTargetRegressor, make_column_selector
    from sklearn.compose import make_column_transformer as columns
    from sklearn.impute import SimpleImputer
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    encode = columns(
        (
            make_pipeline(SimpleImputer(strategy="median"), StandardScaler()),
            make_column_selector(dtype_include="number"),
        ),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
        sparse_threshold=0,
    )
    if not regression:
        return make_pipeline(encode, MLPClassifier(random_state=seed))
    mlp = MLPRegressor(random_state=seed)
    return make_pipeline(encode, TransformedTargetRegressor(mlp, transformer=StandardScaler()))


def hgb(regression: bool, seed: int):
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    return kind(random_state=seed, categorical_features="from_dtype")


def lightgbm(regression: bool, seed: int):
    from lightgbm import LGBMClassifier, LGBMRegressor

    kind = LGBMRegressor if regression else LGBMClassifier
    return kind(random_state=seed, n_jobs=1, verbose=-1)


class CatBoost(BaseEstimator):
    """CatBoost with its defaults; it wants categories as texts, and to be told which they are."""

    def __init__(self, model):
        self.model = model

    def fit(self, X, y):
        categories = list(X.select_dtypes("category"))
        self.model_ = clone(self.model).set_params(cat_features=categories)
        self.model_.fit(self._texts(X), y)
        self.classes_ = getattr(self.model_, "classes_", None)
        return self

    def predict(self, X):
        return self.model_.predict(self._texts(X)).reshape(len(X))

    def predict_proba(self, X):
        return self.model_.predict_proba(self._texts(X))

    @staticmethod
    def _texts(X):
        names = X.select_dtypes("category").columns
        return X.astype(dict.fromkeys(names, object)).fillna(dict.fromkeys(names, "missing"))


def catboost(regression: bool, seed: int):
    from catboost import CatBoostClassifier, CatBoostRegressor

    kind = CatBoostRegressor if regression else CatBoostClassifier
    model = kind(random_seed=seed, thread_count=1, verbose=0, allow_writing_files=False)
    return CatBoost(model)


class Medians(TransformerMixin, BaseEstimator):
    """Medians for missing numbers."""

    def fit(self, X, y=None):
        self.medians_ = X.median(numeric_only=True)
        return self

    def transform(self, X):
        return X.fillna(self.medians_)


def realmlp(regression: bool, seed: int):
    """Return RealMLP with tuned defaults (Holzmüller et al. 2024, arXiv:2407.04491)."""
    from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor

    kind = RealMLP_TD_Regressor if regression else RealMLP_TD_Classifier
    model = kind(random_state=seed, device="cpu", n_threads=1, verbosity=0)
    return make_pipeline(Medians(), model)


MODELS = {
    "steepest": steepest,
    **{f"steepest_{q}": partial(steepest, quality=q) for q in (1, 2, 3, 4)},
    "sklearn_mlp": sklearn_mlp,
    "hgb": hgb,
    "lightgbm": lightgbm,
    "catboost": catboost,
    "realmlp": realmlp,
}
