"""Columns with which predictions rise or fall, whatever the parameters are, to the last bit."""

import numpy as np
import pandas as pd
import pytest

from steepest import InputError, TabularClassifier, TabularRegressor, export_onnx
from steepest.errors import TableError
from steepest.pipeline.model import Model
from steepest.pipeline.monotone import read_monotonic
from steepest.tables.door import open_table

RNG = np.random.default_rng(0)
N = 300
FRAME = pd.DataFrame(
    {
        "up": RNG.lognormal(size=N),
        "down": RNG.integers(0, 5, N).astype(float),
        "free": RNG.normal(size=N),
        "letter": RNG.choice(list("abcdefghijklm"), N),
    }
)
FRAME.loc[::9, "up"] = np.nan
Y = np.sin(3 * FRAME["up"].fillna(0)) + np.cos(2 * FRAME["down"]) + FRAME["free"]
SIGNS = {"up": 1, "down": -1}
QUICK = {"layers": (8,), "epochs": 6}


def fitted(kind=TabularRegressor, y=Y, X=FRAME, **parameters):
    """Return a model whose parameters were moved far from where training left them."""
    own = {"settings": QUICK, "n_threads": 1, "monotonic": SIGNS} | parameters
    model = kind(**own).fit(X, y)
    theta = model.model_.network.theta
    theta += np.random.default_rng(1).normal(size=theta.size)
    return model


def pairs(column, n=2000):
    """Return rows, and the same ones with a greater value of one column, often by a bit."""
    rng = np.random.default_rng(2)
    low = FRAME.iloc[rng.integers(N, size=n)].reset_index(drop=True)
    values = rng.choice(FRAME[column].dropna(), n) * rng.uniform(0.5, 1.5, n)
    step = np.where(rng.random(n) < 0.5, np.spacing(values), 10.0 ** -rng.integers(0, 16, n))
    high = low.copy()
    low[column], high[column] = values, values + step
    return low, high


@pytest.mark.parametrize("column", list(SIGNS))
@pytest.mark.parametrize(
    "parameters",
    [{}, {"ensemble": 2}, {"quantiles": (0.1, 0.9)}, {"settings": QUICK | {"dtype": "float64"}}],
)
def test_numbers_rise_and_fall(column, parameters):
    model, (low, high) = fitted(**parameters), pairs(column)
    change = SIGNS[column] * (model.predict(high) - model.predict(low))
    assert change.min() >= 0
    assert change.max() > 0


@pytest.mark.parametrize("column", list(SIGNS))
def test_probabilities_rise_and_fall(column):
    model, (low, high) = fitted(TabularClassifier, Y > 0), pairs(column)
    p = [model.predict_proba(rows)[:, 1] for rows in (low, high)]
    assert (SIGNS[column] * (p[1] - p[0])).min() >= 0
    assert (p[0] != p[1]).any()


def test_other_columns_are_free_and_there_need_be_none():
    model, (low, high) = fitted(), pairs("free")
    change = model.predict(high) - model.predict(low)
    assert change.min() < 0 < change.max()
    alone = fitted(X=FRAME[["down"]], monotonic={"down": 1})
    assert (np.diff(alone.predict(pd.DataFrame({"down": np.linspace(-1, 6, 99)}))) >= 0).all()


def test_each_column_of_the_matrix_is_what_its_name_says():
    encoder = fitted().model_.encoder
    X = encoder.transform(open_table(FRAME)[0], dtype=np.float64)
    by_name = dict(zip(encoder.names, X.T, strict=True))
    gone = FRAME["up"].isna().to_numpy()
    np.testing.assert_array_equal(by_name["up (missing)"], gone)
    order = FRAME["up"].to_numpy()[~gone].argsort()
    for name in ("up", "up (rank)"):
        assert (by_name[name][gone] == by_name[name][gone][0]).all()
        assert (np.diff(by_name[name][~gone][order]) >= 0).all()
    free = TabularRegressor(settings=QUICK, n_threads=1).fit(FRAME, Y).model_.encoder
    other = dict(zip(free.names, free.transform(open_table(FRAME)[0]).T, strict=True))
    np.testing.assert_allclose(by_name["up"], other["up"], atol=1e-6)
    np.testing.assert_allclose(by_name["down"], -other["down"], atol=1e-6)


def test_a_saved_model_is_the_same(tmp_path):
    model = fitted()
    model.model_.save(tmp_path / "m")
    again = Model.load(tmp_path / "m")
    np.testing.assert_array_equal(again.predict(FRAME), model.predict(FRAME))
    assert "predictions fall with it" in again.encoder.describe()["down"]


def test_what_cannot_be_monotone():
    with pytest.raises(TableError, match="column 'letter' is no column of numbers"):
        fitted(monotonic={"letter": 1})
    with pytest.raises(TableError, match="lacks the column 'other'"):
        fitted(monotonic={"other": 1})
    with pytest.raises(InputError, match="3 classes, and a monotone column needs a number or two"):
        fitted(TabularClassifier, np.arange(N) % 3)
    for wrong in ({"up": 2}, ["up"], ["=+1"], ["up=1.5"], "up=+1", np.ones((2, 3))):
        with pytest.raises(InputError, match=r"monotonic must name columns with \+1 or -1"):
            read_monotonic("settings", wrong)
    assert read_monotonic("settings", ["a=b=+1", "c=-1"]) == {"a=b": 1, "c": -1}


@pytest.mark.parametrize("missing", [True, False])
def test_onnx_predicts_the_same(tmp_path, missing):
    ort = pytest.importorskip("onnxruntime")
    X = FRAME if missing else FRAME.fillna({"up": 1.0})
    model = fitted(X=X)
    export_onnx(model.model_, tmp_path / "m.onnx")
    session = ort.InferenceSession(tmp_path / "m.onnx")
    inputs = {name: X[[name]].to_numpy() for name in X}
    inputs["letter"] = inputs["letter"].astype(object)
    found = session.run(None, inputs)[0]
    np.testing.assert_allclose(found.ravel(), model.predict(X), rtol=1e-4, atol=1e-4)
