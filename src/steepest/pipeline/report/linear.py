"""A linear model of the same encoded rows, to compare with."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from ...arrays import Array
from ...losses import Quantile

if TYPE_CHECKING:
    from ..fitted_model import FittedModel
    from ..train import TrainingData

__all__ = ["linear_outputs"]

_MOST_ROWS = 20_000
_STEPS = 200


def linear_outputs(model: FittedModel, data: TrainingData, X: Array, seed: int) -> Array | None:
    """Return what a linear model says of encoded rows, as `Model.outputs` would; (n, q).

    It is scikit-learn's logistic regression, or ridge regression, with its defaults, on at most
    20,000 of the rows that the network was trained on; codes are written one-hot. Of quantiles
    there is none.
    """
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    task, encoder = model.task, model.encoder
    if isinstance(model.loss, Quantile):
        return None
    drawn = np.random.default_rng(seed).permutation(len(data.X))[:_MOST_ROWS]
    weights = None if data.weights is None else data.weights[drawn]
    codes = list(range(encoder.width - len(encoder.codes), encoder.width))
    written = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), codes), remainder="passthrough"
    )
    learner: Any = Ridge() if task.is_regression else LogisticRegression(max_iter=_STEPS)
    pipeline = make_pipeline(written, learner)
    with warnings.catch_warnings():  # it may stop short of the last digit
        warnings.simplefilter("ignore")
        pipeline.fit(
            data.X[drawn], data.y[drawn], **{f"{pipeline.steps[-1][0]}__sample_weight": weights}
        )
    if task.is_regression:
        return task.clamp(pipeline.predict(X).reshape(-1, 1))
    shares = np.zeros((len(X), len(task.classes)))
    shares[:, learner.classes_.astype(np.int64)] = pipeline.predict_proba(X)
    return shares[:, 1:] if task.outputs == 1 else shares
