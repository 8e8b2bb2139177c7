"""Sets of classes of models and estimators."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from steepest import InputError, Model, ModelError, TabularClassifier
from steepest.pipeline.fit import fit_table
from steepest.pipeline.request import Request

RNG = np.random.default_rng(0)
N = 9000
X = RNG.normal(size=(N, 2))
Y = np.array(["a", "b", "c", "d"])[np.digitize(X[:, 0] + RNG.normal(size=N), [-1, 0, 1])]
FRAME = pd.DataFrame(X, columns=["x", "z"])
SMALL = {"layers": (8,), "epochs": 4}


@pytest.fixture(scope="module")
def estimator():
    return TabularClassifier(settings=SMALL, validation_fraction=0.4, n_threads=1).fit(
        FRAME[:6000], Y[:6000]
    )


def test_they_cover_what_is_asked(estimator, tmp_path):
    right = Y[6000:, None] == estimator.classes_
    for coverage in (0.8, 0.9):
        found = estimator.predict_set(FRAME[6000:], coverage)
        assert found[right].mean() == pytest.approx(coverage, abs=0.025)
        assert 1 < found.sum(axis=1).mean() < 3.5
    estimator.model_.save(tmp_path / "m")
    loaded = Model.load(tmp_path / "m")
    np.testing.assert_array_equal(loaded.predict_set(FRAME[6000:], 0.9), found)
    np.testing.assert_array_equal(loaded.predict_set(FRAME.iloc[6000].to_dict(), 0.9), found[0])
    table = loaded.predict(pa.Table.from_pandas(FRAME[6000:]), sets=0.9)
    texts, first = table.column("set").to_pylist(), table.column("prediction").to_pylist()
    assert [text.split(" | ")[0] for text in texts] == first
    assert [len(text.split(" | ")) for text in texts] == found.sum(axis=1).tolist()
    levels = loaded.evaluate(FRAME[6000:], Y[6000:]).levels
    assert levels[1].level == 0.9
    assert levels[1].covered == found[right].mean()


def test_what_has_no_sets_says_so(estimator):
    for coverage in (0, 1, "much"):
        with pytest.raises(InputError, match="coverage must be a number above 0 and below 1"):
            estimator.predict_set(FRAME, coverage)
    with pytest.raises(InputError, match="sets is for Arrow tables"):
        estimator.model_.predict(FRAME, sets=0.9)
    without = TabularClassifier(settings=SMALL, validation_fraction=0).fit(FRAME[:200], Y[:200])
    with pytest.raises(ModelError, match="they need rows to validate on"):
        without.predict_set(FRAME)
    table = pa.table({"x": X[:200, 0], "y": X[:200, 1]})
    with pytest.raises(ModelError, match="it predicts a number"):
        fit_table(table, Request("y", SMALL)).model.predict_set(table)
