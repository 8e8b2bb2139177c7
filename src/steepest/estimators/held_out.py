"""The rows that early stopping scores: a fraction, a splitter's choice, or the user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from ..arrays import refuse_masked
from ..errors import InputError
from .rows import Rows

if TYPE_CHECKING:
    from .base import BaseMLP

__all__ = ["hold_out"]

Array = NDArray[Any]


def hold_out(model: BaseMLP, rows: Rows, strata: Array, eval_set: Any) -> tuple[Rows, Rows | None]:
    """Return the rows to train on, and those to score after every epoch, or None.

    A fraction is drawn as scikit-learn draws it, stratified for two classes. Of a splitter the last
    split counts: for `sklearn.model_selection.TimeSeriesSplit` that is the newest rows.
    """
    if eval_set is not None:
        return rows, _given(model, eval_set)
    if not model.early_stopping:
        if model.metrics:
            raise InputError("metrics need held-out rows: give early_stopping=True or eval_set")
        return rows, None
    n, split = rows.X.shape[0], model.validation_fraction
    if hasattr(split, "split"):
        kept, out = list(split.split(np.empty((n, 1)), strata))[-1]
    else:
        kept, out = train_test_split(
            np.arange(n),
            random_state=model._random_state,
            test_size=split,
            stratify=model._stratify(strata),
        )
    if len(out) < 2:
        raise InputError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your "
            "dataset."
        )
    return rows.take(kept), rows.take(out)


def _given(model: BaseMLP, eval_set: Any) -> Rows:
    if not isinstance(eval_set, tuple) or len(eval_set) not in (2, 3):
        raise InputError("eval_set: expected a tuple (X, y) or (X, y, sample_weight)")
    X, y, w = (*eval_set, None)[:3]
    refuse_masked(y, "y", "eval_set")
    X, _, y = model._validate(model._taken(X), y, incremental=True, reset=False)
    w = None if w is None else model._checked_weights(w, X)
    return Rows(model._prepared(X), y, w)
