"""Raw tables in, predictions out."""

import pickle
import time

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, TimeSeriesSplit

from steepest import MLPClassifier, TabularClassifier, TabularRegressor
from steepest.errors import InputError, TableWarning
from steepest.estimators.tabular_base import BaseTabular
from steepest.pipeline.model import Model

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
    predict, rows = model.compiled(), X.astype(object).to_dict("records")[:40]
    assert [predict(row) for row in rows] == model.predict(X[:40]).tolist()
    assert predict(list(rows[0].values())) == predict(rows[0])
    np.testing.assert_allclose([predict.proba(row) for row in rows], p[:40], rtol=1e-5, atol=1e-7)
    arrow = clone(model).fit(pa.Table.from_pandas(X, preserve_index=False), y)
    np.testing.assert_array_equal(arrow.predict_proba(X), p)


def test_regressor_weights_and_range(frame):
    X, score = frame
    model = TabularRegressor(settings={**SMALL, "epochs": 100}, n_threads=1)
    model.fit(X, score, sample_weight=np.ones(len(X)))
    assert model.score(X, score) > 0.6
    highest = model.model_.task.high  # rounded outwards
    assert score.max() <= highest < score.max() + 0.1
    assert model.predict(X).max() <= highest + 1e-5  # clamped in float32
    with pytest.raises(InputError, match="400 rows of X, 3 of y"):
        model.fit(X, score[:3])
    array = X[["number"]].to_numpy()
    assert clone(model).fit(array, score).predict(array).shape == (400,)


def regressor(**parameters):
    return TabularRegressor(**{"settings": SMALL, "n_threads": 1} | parameters)


def classifier(**parameters):
    return TabularClassifier(**{"settings": SMALL, "n_threads": 1} | parameters)


@pytest.fixture(scope="module")
def classes(frame):
    X, score = frame
    return X, np.where(score > 1, "high", "low")


def test_columns_go_by_name_or_by_place(classes):
    X, y = classes
    model = classifier().fit(X, y)
    assert model.n_features_in_ == 5
    assert model.feature_names_in_.tolist() == list(X.columns)
    p = model.predict_proba(X)
    turned = X[X.columns[::-1]].assign(more=1)
    np.testing.assert_array_equal(model.predict_proba(turned), p)
    with pytest.raises(InputError, match="lacks the column 'flag'"):
        model.predict(X.drop(columns="flag"))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        np.testing.assert_array_equal(model.predict_proba(X.to_numpy()), p)
    array = X[["number", "number"]].to_numpy()
    model.fit(array, y)
    assert not hasattr(model, "feature_names_in_")
    with pytest.raises(ValueError, match="X has 1 features, but TabularClassifier is expecting 2"):
        model.predict(array[:, :1])
    with pytest.warns(UserWarning, match="was fitted without feature names"):
        model.predict(pd.DataFrame(array, columns=["a", "b"]))
    with pytest.raises(InputError, match="more than one column is called 'number'"):
        model.fit(X[["number", "number"]], y)


def test_columns_of_mixed_objects(classes):
    _, y = classes
    mixed = pd.DataFrame({"m": ["one", 2, None, 4.0] * 100, "n": np.arange(400)})
    model = classifier().fit(mixed, y)
    assert sorted(model.model_.encoder.columns["m"].values) == ["2", "4.0", "one"]
    mixed.at[3, "m"] = {"a": 1}
    with pytest.raises(TypeError, match=r"column 'm': .* got one of type dict"):
        model.fit(mixed, y)


def test_rows_of_weight_0_have_no_part(frame):
    X, score = frame
    weights = np.ones(len(X))
    weights[300:] = 0
    wild = score.copy()
    wild[300:] = 1e6
    weighted = regressor().fit(X, wild, sample_weight=weights)
    plain = regressor().fit(X[:300], score[:300], sample_weight=weights[:300])
    np.testing.assert_array_equal(weighted.predict(X), plain.predict(X))


def test_given_rows_and_their_weights_choose_the_epoch(classes):
    X, y = classes
    low = y[300:] == "low"
    model = classifier().fit(X[:300], y[:300], eval_set=(X[300:], y[300:]))
    history = model.history_["log_loss"]
    assert model.best_epochs_ == [int(history.argmin()) + 1]
    p = model.predict_proba(X[300:])[np.arange(100), np.searchsorted(["high", "low"], y[300:])]
    assert history.min() == pytest.approx(-np.log(p).mean(), abs=0.02)  # and then calibrated
    weights = np.where(low, 1.0, 1e-6)
    weighted = classifier().fit(X[:300], y[:300], eval_set=(X[300:], y[300:], weights))
    kept = classifier().fit(X[:300], y[:300], eval_set=(X[300:][low], y[300:][low]))
    np.testing.assert_allclose(weighted.history_["log_loss"], kept.history_["log_loss"], rtol=1e-3)
    with pytest.raises(InputError, match="metrics need held-out rows"):
        classifier(metrics=["auc"], validation_fraction=0).fit(X, y)
    with pytest.raises(InputError, match="expected a tuple"):
        classifier().fit(X, y, eval_set=X)


def test_a_splitter_holds_rows_out(classes):
    X, y = classes
    split = TimeSeriesSplit(4)
    kept, out = list(split.split(X))[-1]
    chosen = classifier(validation_fraction=split).fit(X, y)
    given = classifier().fit(X.iloc[kept], y[kept], eval_set=(X.iloc[out], y[out]))
    np.testing.assert_array_equal(chosen.predict_proba(X), given.predict_proba(X))


def test_class_weight(classes):
    X, y = classes
    rare = np.flatnonzero((y == "low") | (np.arange(len(y)) % 9 == 0))
    X, y = X.iloc[rare], y[rare]
    plain, balanced = (
        (classifier(class_weight=w, validation_fraction=0).fit(X, y).predict(X) == "high").sum()
        for w in (None, {"high": 30.0, "low": 1.0})
    )
    assert balanced > plain


def test_callbacks_are_told_and_stop(classes, capsys):
    X, y = classes
    told = []
    model = classifier(
        callbacks=[told.append, lambda progress: progress.epoch == 3], ensemble=2,
        verbose=True, progress_bar=True,
    ).fit(X, y)  # fmt: skip
    assert [len(history) for history in model.histories_] == [3, 3]
    assert [progress.epoch for progress in told if progress.epoch_ended] == [1, 2, 3] * 2
    printed = capsys.readouterr()
    assert printed.out.count("epoch 3 of 20: ") == 2
    assert "epoch 6 of 40, loss" in printed.err


def test_time_limit(classes):
    X, y = classes
    long = classifier(settings={**SMALL, "epochs": 10**6}, time_limit=0.2)
    began = time.perf_counter()
    long.fit(X, y)
    assert time.perf_counter() - began < 30
    assert len(long.history_) < 10**6


def test_random_state(classes):
    X, y = classes
    first, second, other = (
        classifier(random_state=state).fit(X, y).predict_proba(X)
        for state in (np.random.RandomState(0), np.random.RandomState(0), np.random.RandomState(1))
    )
    np.testing.assert_array_equal(first, second)
    assert np.abs(first - other).max() > 1e-3
    classifier(random_state=None).fit(X, y)


def test_labels_keep_their_type(classes):
    X, y = classes
    for labels in (np.array([2.0, 7.0]), np.array([False, True]), np.array(["a", "b"], object)):
        model = classifier().fit(X, labels[(y == "low").astype(int)])
        assert model.classes_.dtype == model.predict(X).dtype == labels.dtype
        assert model.classes_.tolist() == labels.tolist()


def test_intervals(frame, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, 4000)
    y = x + rng.normal(size=4000) * (0.2 + np.abs(x))
    X = pd.DataFrame({"x": x})
    model = regressor(quantiles=(0.95, 0.05, 0.5)).fit(X[:3000], y[:3000])
    found = model.predict(X)
    assert (found[:, 1] <= found[:, 2]).all()
    assert (found[:, 2] <= found[:, 0]).all()
    assert 0 < model.score(X, y) < 1
    widths = {}
    for coverage in (0.5, 0.9):
        low, high = model.predict_interval(X[3000:], coverage).T
        widths[coverage] = high - low
        inside = np.mean((low <= y[3000:]) & (y[3000:] <= high))
        assert inside == pytest.approx(coverage, abs=0.05)
    assert (widths[0.5] <= widths[0.9]).all()
    far = np.abs(x[3000:]) > 0.8
    assert widths[0.9][far].mean() > 2 * widths[0.9][np.abs(x[3000:]) < 0.2].mean()
    model.model_.save(tmp_path / "model")
    saved = Model.load(tmp_path / "model").predict(pa.Table.from_pandas(X))
    np.testing.assert_array_equal(saved.column("quantile_0.95"), found[:, 0])
    with pytest.raises(InputError, match="600 rows set apart are too few"):
        model.predict_interval(X, 0.999)
    predict = model.compiled()
    np.testing.assert_allclose([predict([v]) for v in x[:9]], found[:9], rtol=1e-5, atol=1e-6)
    assert not hasattr(regressor(), "predict_interval")
    with pytest.raises(InputError, match="quantiles are of numbers"):
        classifier(settings={**SMALL, "quantiles": (0.5,)}).fit(X, y > 0)


@pytest.mark.parametrize(
    ("setting", "parameter"),
    [("ensemble", "ensemble"), ("threads", "n_threads"), ("seed", "random_state")],
)
def test_a_setting_that_a_parameter_stands_for_is_refused(setting, parameter):
    model = classifier(settings={**SMALL, setting: 2})
    with pytest.raises(InputError, match=f"give {parameter} of .* instead of '{setting}'"):
        model.fit(pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0]}), [0, 1, 0, 1])


def test_what_is_no_table_is_refused(classes):
    series = pd.Series([1.0, 2.0])
    for X, message in (
        (series, "got a Series"),
        (pd.DataFrame({"a": [1.0, 2.0], "b": [1j, 2.0]}), "'b': Complex data"),
        ({"a": [1, 2], "b": [1]}, "different lengths"),
    ):
        with pytest.raises(InputError, match=message):
            TabularClassifier().fit(X, ["yes", "no"])
    with pytest.raises(InputError, match="no 'depth'; there are quality, "):
        TabularClassifier(settings={"depth": 3}).fit(series.to_frame(), ["yes", "no"])


def test_a_former_name_of_a_setting_is_taken_with_a_warning(frame):
    X, score = frame
    theta = {}
    for name in ("matmul_dtype", "products"):
        model = TabularRegressor(settings=SMALL | {"epochs": 1, name: "bfloat16"})
        if name == "products":
            with pytest.warns(DeprecationWarning, match="products is called matmul_dtype") as said:
                model.fit(X, score)
            assert [warning.filename for warning in said] == [__file__]
        else:
            model.fit(X, score)
        theta[name] = model.model_.network.theta
    assert np.array_equal(theta["products"], theta["matmul_dtype"])
    both = {"products": "bfloat16", "matmul_dtype": "bfloat16"}
    with pytest.raises(InputError, match="products is the former name of matmul_dtype"):
        TabularRegressor(settings=both).fit(X, score)


def test_one_quantile_is_one_column(frame):
    X, score = frame
    model = TabularRegressor(quantiles=[0.5], settings={"epochs": 1, "layers": (4,)})
    model.fit(X, score)
    assert model.predict(X[:3]).shape == (3, 1)


def test_what_is_not_used_or_not_read_is_said(classes):
    X, y = classes
    texts = [("odd" if k % 50 == 0 else f"{k / 7:.3f}") for k in range(len(X))]
    with pytest.warns(TableWarning) as said:
        model = classifier(validation_fraction=0).fit(X.assign(same=1, text=texts), y)
    assert len(said) == 1
    assert model.notes_ == [
        "column 'same' not used: all values are the same",
        "column 'text': 8 of 400 values are not numbers, such as 'odd' (8 times); they are taken "
        "as missing",
    ]
    assert all(note in str(said[0].message) for note in model.notes_)
    new = X.assign(same=1, text=texts, day=X["day"].dt.strftime("%d/%m/%Y"))
    new["flag"] = np.where(X["flag"], "yes", "no")
    with pytest.warns(TableWarning, match="'flag': 400 values not what the column holds") as said:
        model.predict(new)
    assert "column 'day': 400 values" in str(said[0].message)
    assert classifier().fit(X, y).notes_ == []


def test_polars_and_large_labels():
    rng = np.random.default_rng(0)
    x = rng.standard_normal(300)
    X = pl.DataFrame({"x": x, "s": rng.choice(["u", "v"], 300)}).with_columns(
        pl.col("s").cast(pl.Categorical).alias("c")
    )
    for labels in (
        np.array([2**63 - 1, -(2**63)]),
        np.array([2**64 - 1, 2**64 - 2], np.uint64),
        np.array(["1", "NA"]),
    ):
        y = labels[(x > 0).astype(int)]
        model = classifier().fit(X, y, eval_set=(X, y))
        assert sorted(model.classes_.tolist()) == sorted(labels.tolist())
        assert model.classes_.dtype == labels.dtype
        assert np.mean(model.predict(X) == y) > 0.9
    with pytest.raises(
        InputError, match=r"LazyFrame, which holds no rows yet; call its collect\(\)"
    ):
        classifier().fit(X.lazy(), y)


def test_rows_of_weight_0_alone_are_refused(classes):
    X, y = classes
    with pytest.raises(ValueError, match="weight"):  # newer scikit-learns say it themselves
        classifier().fit(X, y, sample_weight=np.zeros(400))
    with pytest.raises(ValueError, match="weight"):
        classifier().fit(X, y, eval_set=(X, y, np.zeros(400)))
    first = (np.arange(400) < 3).astype(float)
    number, network = X[["number"]].fillna(0), MLPClassifier(early_stopping=True, max_iter=2)
    with pytest.raises(InputError, match="all 40 rows held out have weight 0"):
        network.set_params(random_state=0).fit(number, y, sample_weight=first)
    network = MLPClassifier(max_iter=2)
    with pytest.raises(ValueError, match="weight"):
        network.fit(number, y, eval_set=(number, y, np.zeros(400)))


@pytest.fixture
def parts(monkeypatch):
    """Have the places of the rows to train on, to validate on and set apart noted, fit by fit."""
    seen, divide = [], BaseTabular._divide

    def noted(self, *arguments):
        found = divide(self, *arguments)
        seen.append([None if part is None else part.data["place"].to_numpy() for part in found])
        return found

    monkeypatch.setattr(BaseTabular, "_divide", noted)
    return seen


def placed(n=200):
    """Return rows with their place, a day that falls, a customer for each four, and targets."""
    X = pd.DataFrame({"place": np.arange(n), "x": np.random.default_rng(0).normal(size=n)})
    X["day"] = pd.Timestamp("2024-01-01") - pd.to_timedelta(np.arange(n), "D")
    X["customer"] = np.arange(n) // 4
    return X, X["x"].to_numpy() + X["place"].to_numpy() % 2


def test_rows_held_out_follow_in_time(parts):
    X, y = placed()
    by_name = regressor(time="day").fit(X, y)
    by_array = regressor().fit(X, y, time=X["day"])
    by_order = regressor(time="row-order").fit(X[::-1], y[::-1])
    for train, held, _ in parts:
        assert (sorted(train), sorted(held)) == (list(range(20, 200)), list(range(20)))
    assert [model.hints_ for model in (by_name, by_array, by_order)] == [[]] * 3
    assert "day" in by_name.model_.encoder.columns
    (hint,) = regressor().fit(X, y).hints_
    assert hint.endswith("say time='day'")


def test_days_have_codes_unless_rows_held_out_are_later_or_given():
    X, y = placed()
    X["day"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(X["place"] // 10, "D")

    def days(model, **options):
        return model.fit(X, y, **options).model_.encoder.columns["day"].days

    assert len(days(regressor())) == 20
    assert len(days(regressor(settings={"folds": 2, "epochs": 1}))) == 20
    for model in (regressor(time="day"), regressor(time="row-order")):
        assert not days(model)
    assert not days(regressor(), eval_set=(X, y))


def test_rows_set_apart_for_intervals_follow_in_time(parts):
    X, y = placed()
    regressor(time="day", quantiles=(0.1, 0.9)).fit(X, y)
    ((train, held, apart),) = parts
    assert min(train) > max(held) > min(held) > max(apart)


def test_no_group_is_trained_and_validated_on(parts):
    X, y = placed()
    model = classifier(groups="customer").fit(X, y > 0)
    classifier().fit(X, y > 0, groups=X["customer"].to_list())
    classifier(validation_fraction=GroupKFold(5)).fit(X, y > 0, groups=X["customer"])
    weights = (np.arange(200) % 3 > 0).astype(float)
    classifier(groups="customer").fit(X, y > 0, weights)
    for train, held, _ in parts:
        assert len(held)
        assert not set(train // 4) & set(held // 4)
    assert "customer" not in model.model_.encoder.columns
    np.testing.assert_array_equal(model.predict(X.drop(columns="customer")), model.predict(X))


def test_hints_are_printed_if_epochs_are(capsys):
    X, y = placed()
    model = regressor(verbose=True).fit(X, y)
    assert capsys.readouterr().out.startswith(model.hints_[0])
    assert regressor().fit(X, y, eval_set=(X, y)).hints_ == []


@pytest.mark.parametrize("parameter", ["time", "groups"])
def test_a_split_by_what_is_not_there(parameter):
    X, y = placed()
    with pytest.raises(InputError, match=f"X has no column 'when', which {parameter} names"):
        regressor(**{parameter: "when"}).fit(X, y)
    with pytest.raises(InputError, match=f"{parameter} is column 'day' already; give one"):
        regressor(**{parameter: "day"}).fit(X, y, **{parameter: X["day"]})
    with pytest.raises(InputError, match=f"200 rows of X, 3 of {parameter}"):
        regressor().fit(X, y, **{parameter: X["day"][:3]})


@pytest.mark.parametrize("parameter", ["time", "groups"])
def test_a_column_is_named_by_a_text(parameter):
    """Also where scikit-learn is told to check no parameters, as by searches."""
    odd = pl.Series([1, 2])  # whose comparison with a text raises
    with (
        config_context(skip_parameter_validation=True),
        pytest.raises(InputError, match=f"X has no column .*, which {parameter} names"),
    ):
        TabularRegressor(**{parameter: odd}, n_threads=1).fit(np.ones((9, 2)), np.arange(9.0))


@pytest.mark.parametrize("model", [MLPClassifier(), TabularClassifier(n_threads=1)])
@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT], ids=["None", "nan", "NA", "NaT"])
def test_a_label_that_is_missing_is_named(model, missing):
    y = np.array(["a", "b", missing] * 8, dtype=object)
    told = f"{type(model).__name__}: y is missing in row 2; leave out rows without a label"
    with pytest.raises(InputError, match=told):
        model.fit(np.arange(24.0)[:, None], y)


@pytest.mark.parametrize("monotonic", [pl.Series([1, 2]), np.eye(2), 3])
def test_monotone_columns_that_are_none_are_refused(monotonic):
    model, x = TabularRegressor(monotonic=monotonic), np.arange(40.0)
    with pytest.raises(ValueError, match="The 'monotonic' parameter of TabularRegressor must be"):
        model.fit({"a": x}, x)
    with (
        config_context(skip_parameter_validation=True),
        pytest.raises(InputError, match=r"monotonic must name columns with \+1 or -1"),
    ):
        model.fit({"a": x}, x)
