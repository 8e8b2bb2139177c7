"""Raw tables in, predictions out."""

import pickle

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.base import clone

from steepest import TabularClassifier, TabularRegressor
from steepest.errors import InputError

SMALL = {"layers": (16,), "epochs": 20}


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    n = 400
    frame = pd.DataFrame(
        {
            "number": np.exp(rng.normal(size=n)),
            "letter": rng.choice(list("abc"), n),
            "many": [f"k{k}" for k in rng.integers(0, 20, n)],
            "flag": rng.random(n) < 0.5,
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, n), "D"),
        }
    )
    score = np.log(frame["number"]) + 2 * (frame["letter"] == "a") + frame["flag"]
    frame.loc[::7, "number"] = np.nan
    frame.loc[::11, "letter"] = None
    return frame, score.to_numpy()


def test_classifier(frame):
    X, score = frame
    y = np.where(score > 1, "high", "low")
    model = TabularClassifier(settings=SMALL, ensemble=2, n_threads=1).fit(X, y)
    assert model.score(X, y) > 0.8
    assert model.classes_.tolist() == ["high", "low"]
    p = model.predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_array_equal(model.classes_[p.argmax(axis=1)], model.predict(X))
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), p)
    arrow = clone(model).fit(pa.Table.from_pandas(X, preserve_index=False), y)
    np.testing.assert_array_equal(arrow.predict_proba(X), p)


def test_regressor_weights_and_range(frame):
    X, score = frame
    model = TabularRegressor(settings={**SMALL, "epochs": 100}, n_threads=1)
    model.fit(X, score, sample_weight=np.ones(len(X)))
    assert model.score(X, score) > 0.6
    assert model.predict(X).max() <= score.max() + 1e-5  # clamped in float32
    with pytest.raises(InputError, match="400 rows of X, 3 of y"):
        model.fit(X, score[:3])
    array = X[["number"]].to_numpy()
    assert clone(model).fit(array, score).predict(array).shape == (400,)
