"""A linear model of the same encoded rows, to compare with."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from ...arrays import Array
from ...losses import Quantile

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from ...tables.encoder import Encoder
    from ..fitted_model import FittedModel
    from ..train import TrainingData

__all__ = ["linear_outputs"]

_MOST_ROWS = 20_000
_MOST_NUMBERS = 400_000_000
"""Of rows times outputs, where each row counts as many as it has that are not 0."""
_MOST_INPUTS = 50_000
_STEPS = 200


def linear_outputs(
    model: FittedModel, data: TrainingData, X: Array, seed: int
) -> tuple[Array, int] | None:
    """Return what a linear model says of encoded rows, as `Model.outputs` would, (n, q); and on how
    many rows it was fitted.

    It is scikit-learn's logistic regression, or ridge regression, with its defaults, on at most
    20,000 of the rows that the network was trained on, and fewer where they are wide and there are
    many classes. Codes are written one-hot, and texts as the weights of their n-grams, of those
    50,000 that most rows have. Of quantiles there is none.
    """
    from sklearn.linear_model import LogisticRegression, Ridge

    task = model.task
    if isinstance(model.loss, Quantile):
        return None
    drawn = np.random.default_rng(seed).permutation(len(data.X))[:_MOST_ROWS]
    read = _read(model.encoder, data.X[drawn])
    most = int(_MOST_NUMBERS // (max(1, read.nnz / len(drawn)) * task.outputs))
    drawn, read = drawn[:most], read[:most]
    often = np.bincount(read.indices, minlength=read.shape[1])
    kept = np.sort(np.argsort(-often, kind="stable")[:_MOST_INPUTS])
    weights = None if data.weights is None else data.weights[drawn]
    learner: Any = Ridge() if task.is_regression else LogisticRegression(max_iter=_STEPS)
    with warnings.catch_warnings():  # it may stop short of the last digit
        warnings.simplefilter("ignore")
        learner.fit(read[:, kept], data.y[drawn], sample_weight=weights)
    asked = _read(model.encoder, X)[:, kept]
    if task.is_regression:
        return task.clamp(learner.predict(asked).reshape(-1, 1)), len(drawn)
    shares = np.zeros((len(X), len(task.classes)))
    shares[:, learner.classes_.astype(np.int64)] = learner.predict_proba(asked)
    return (shares[:, 1:] if task.outputs == 1 else shares), len(drawn)


def _read(encoder: Encoder, X: Array) -> csr_array:
    """Return encoded rows as a linear model reads them."""
    from scipy.sparse import csr_array, hstack

    last = X.shape[1] - encoder.rising
    codes = last - len(encoder.codes)
    at = codes - sum(width for width, _ in encoder.texts)
    parts = [X[:, :at], X[:, last:]]
    for width, buckets in encoder.texts:
        most = width // 2  # the codes of as many n-grams, then their weights
        found, weights = X[:, at : at + most], X[:, at + most : at + width]
        parts.append(_bags(found, weights, buckets))
        at += width
    if encoder.codes:
        found = X[:, codes:last]
        parts.append(_bags(found, np.ones_like(found), sum(encoder.codes)))
    return csr_array(hstack([csr_array(part) for part in parts if part.shape[1]], format="csr"))


def _bags(codes: Array, weights: Array, inputs: int) -> csr_array:
    """Return a column for each code, with the weight that it has in each row."""
    from scipy.sparse import csr_array

    starts = np.arange(len(codes) + 1) * codes.shape[1]
    found = csr_array(
        (weights.ravel(), codes.ravel().astype(np.int64), starts), (len(codes), inputs)
    )
    found.sum_duplicates()
    found.eliminate_zeros()
    return found
