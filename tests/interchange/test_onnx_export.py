"""Exported files say in ONNX Runtime what the network or the model says."""

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from ort import columns, run
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from steepest import (  # fmt: skip
    Dense,
    GaussianNLL,
    Hinge,
    Identity,
    InputError,
    Logistic,
    Loss,
    MLPClassifier,
    MLPRegressor,
    ModelError,
    Network,
    OutputWeights,
    Poisson,
    Quantile,
    Sequential,
    Squared,
    TabularClassifier,
    TabularRegressor,
    Trainer,
    export_onnx,
)
from steepest.checking import catalogue, draw
from steepest.interchange import onnx_encoder
from steepest.interchange.graph import Graph
from steepest.onnx_form import form_of
from steepest.pipeline.fit import fit_table
from steepest.pipeline.request import Request
from steepest.tables.columns import COLUMNS
from steepest.tables.columns.text import Text
from steepest.tables.encoder import Encoder
from steepest.tables.files import read_table

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng(0)


def test_every_loss_and_kind_of_column_has_a_form():
    assert all(form_of(type(loss), "mean") for loss in catalogue.LOSSES)
    assert {*onnx_encoder.FORMS, Text} == set(COLUMNS.values())  # ONNX has no form for texts


@pytest.mark.parametrize("layer", catalogue.LAYERS, ids=repr)
def test_layers(layer, tmp_path):
    shape = draw.shape(layer)
    network = Network(layer, inputs=shape)
    network.theta += RNG.normal(0, 0.3, network.theta.size).astype(np.float32)
    X = draw.inputs(layer, 40, shape, RNG)
    X = np.where(draw.codes(layer, X), X, 3 * X).astype(np.float32)
    export_onnx(network, tmp_path / "n.onnx")
    np.testing.assert_allclose(
        run(tmp_path / "n.onnx", x=X)["y"], network.predict(X, threads=1), rtol=1e-5, atol=1e-5
    )


def test_what_has_no_form_is_named(tmp_path):
    class Mine(Identity):  # not what Identity's form says
        def lower(self, low, x):
            raise AssertionError

    with pytest.raises(ModelError, match=r"layer 1\.0, Mine\(\), has no ONNX form"):
        export_onnx(Network(Dense(2), Sequential(Mine()), inputs=3), tmp_path / "n.onnx")
    with pytest.raises(ModelError, match="has not met any data"):
        export_onnx(Network(Dense(2)), tmp_path / "n.onnx")
    with pytest.raises(ModelError, match="can't write"):
        export_onnx(Network(Dense(2), inputs=3), tmp_path / "no" / "n.onnx")
    assert not list(tmp_path.iterdir())


def test_a_form_holds_for_what_computes_the_same():
    class Renamed(Identity):
        pass

    class OfAnotherMean(Loss):
        def mean(self, z):
            return 2 * z

    class OfTheSameMean(OfAnotherMean):
        def onnx(self, g):
            return g.op("Add", g.x, g.x)

    assert form_of(Renamed, "forward", "lower") is Identity.onnx
    assert form_of(type("Plain", (Loss,), {}), "mean") is Loss.onnx
    assert form_of(OfAnotherMean, "mean") is None
    assert form_of(OfTheSameMean, "mean") is OfTheSameMean.onnx


@pytest.mark.parametrize("loss", [None, "hinge"])
def test_census(tmp_path, loss):
    table = read_table(ROOT / "data" / "census_income.parquet")
    settings = {"layers": (32,), "epochs": 1, "loss": loss}
    model = fit_table(table.slice(0, 8000), Request("income", settings)).model
    rows = table.slice(30000, 5000)
    export_onnx(model, tmp_path / "m.onnx")
    found = run(tmp_path / "m.onnx", **columns(model.encoder, rows))
    ours = model.predict(rows, proba=model.has_probabilities, threads=1)
    sure = np.ones(len(rows), bool)
    if model.has_probabilities:
        wanted = np.column_stack([ours.column(f"proba_{c}") for c in model.task.classes])
        np.testing.assert_allclose(found["probabilities"], wanted, atol=1e-5)
        sure = np.abs(wanted[:, 0] - 0.5) > 1e-5
    labels = np.array(ours.column("prediction").to_pylist())
    assert (found["prediction"] == labels)[sure].all()
    assert (found["prediction"] != labels).sum() <= 5


@pytest.mark.parametrize("classes", [2, 4])
def test_honest_probabilities_and_costs(tmp_path, classes):
    rng = np.random.default_rng(classes)
    x = rng.normal(size=500)
    y = [f"c{k}" for k in np.digitize(x + rng.normal(size=500), np.arange(classes - 1) - 0.5)]
    table = pa.table({"x": x, "y": y})
    settings = {"layers": (8,), "epochs": 4, "label_smoothing": 0.2}
    model = fit_table(table, Request("y", settings, class_weight="c0=1,c1=5")).model
    shifts = tuple(np.linspace(-1, 1, classes).tolist())
    model.calibration = replace(model.calibration, power=1.3, shifts=shifts)
    export_onnx(model, tmp_path / "m.onnx")
    found = run(tmp_path / "m.onnx", **columns(model.encoder, table))
    wanted = model.predict_proba(table)
    np.testing.assert_allclose(found["probabilities"], wanted, atol=1e-5)
    said = model.predict(table).column("prediction").to_pylist()
    weighed = np.sort(model.calibration.weighed(wanted), axis=1)
    sure = weighed[:, -1] - weighed[:, -2] > 1e-5
    assert (found["prediction"] == np.array(said))[sure].all()
    assert sure.mean() > 0.9
    assert (wanted.argmax(axis=1) != [int(label[1]) for label in said]).any()


def test_every_kind_of_column(tmp_path):
    n = 1000
    days = np.datetime64("1890-01-01") + RNG.integers(0, 90_000, n)  # leap years, 1900 and 2000
    days[:4] = [date(1900, 2, 28), date(1900, 3, 1), date(2000, 2, 29), date(2023, 12, 31)]

    def gaps(values, every):
        return pa.array([None if k % every == 0 else v for k, v in enumerate(values)])

    table = pa.table({
        "number": gaps(RNG.lognormal(0, 2, n).tolist(), 7),
        "rising": gaps(RNG.lognormal(0, 2, n).tolist(), 5),
        "falling": RNG.integers(0, 4, n),
        "huge": RNG.normal(1.6e18, 1e9, n),
        "few": RNG.integers(0, 4, n),
        "spike": gaps((RNG.integers(0, 20, n).clip(7) / 7).tolist(), 17),
        "steady": gaps(np.repeat(3.5, n).tolist(), 3),
        "truth": gaps((RNG.random(n) < 0.3).tolist(), 9),
        "pair": RNG.choice(["a", "b"], n),
        "blank": RNG.choice(["", "a", "b"], n),  # where the empty text is a value
        "text": gaps(RNG.choice(["red", "blue", "é|'\"", "rare"], n, p=[.5, .4, .099, .001])
                     .tolist(), 11),
        "many": gaps(RNG.choice(list("abcdefghijkl"), n).tolist(), 13),
        "code": RNG.choice(list("ABCDEFGHIJKLM"), n),
        "day": gaps(days.tolist(), 8),
        "time": pa.array(days.astype("datetime64[s]") + RNG.integers(0, 86400, n)),
        "visit": gaps((days[4] + RNG.integers(0, 60, n) ** 2 // 50).tolist(), 12),
        "call": days[4] + RNG.integers(0, 60, n),
        "y": RNG.normal(50, 20, n),
    })  # fmt: skip
    monotonic = {"rising": 1, "falling": -1}
    encoder = Encoder.fit(table, table.column_names[:-1], monotonic=monotonic, same_days=True)
    assert encoder.columns["visit"].days
    assert encoder.columns["call"].days
    assert {kind.label for kind in encoder.columns.values()} == set(COLUMNS) - {"text"}
    assert not encoder.dropped
    assert encoder.columns["spike"].values
    graph = Graph()
    graph.output(onnx_encoder.add_encoder(graph, encoder), "x", np.float32, encoder.width)
    graph.save(tmp_path / "e.onnx", "")
    strange = pa.table({
        **{name: table.column(name) for name in table.column_names},
        "number": pa.array([np.inf, -np.inf, -1e300, 1e300] * (n // 4)),
        "spike": pa.array([1.0, np.float32(8 / 7), 1.1, np.inf] * (n // 4)),
        "text": pa.array(["never seen", "red", "rare", "Red"] * (n // 4)),
        "many": pa.array(["z", "a", "l", ""] * (n // 4)),
        "code": pa.array(["M", "never", None, "A"] * (n // 4)),
        "blank": pa.array(["", "a", "b", "c"] * (n // 4)),
        "pair": pa.array(["c", "a", "b", ""] * (n // 4)),
        "time": pa.array([None, datetime(1, 1, 1, 5), datetime(2999, 3, 1), datetime(2024, 2, 29)]
                         * (n // 4), pa.timestamp("s")),
    })  # fmt: skip
    late = gaps((days[4] + np.arange(n) % 90 - 15).tolist(), 3)
    for name in ("visit", "call"):
        strange = strange.set_column(strange.column_names.index(name), name, late)
    for rows in (table, strange):
        found = run(tmp_path / "e.onnx", **columns(encoder, rows))["x"]
        ours = encoder.transform(rows)
        for k, name in enumerate(encoder.names):
            np.testing.assert_allclose(found[:, k], ours[:, k], atol=1e-6, err_msg=name)


@pytest.mark.parametrize("target", [["u", "v", "w"], [1, 2, 3], [True, False], [0.5, 1.5, 2.25]])
def test_targets(tmp_path, target):
    n = 300
    x = RNG.standard_normal(n)
    y = np.array(target)[RNG.integers(0, len(target), n)]
    table = pa.table({"x": x, "y": y})
    model = fit_table(table, Request("y", {"layers": (4,), "epochs": 1})).model
    export_onnx(model, tmp_path / "m.onnx")
    found = run(tmp_path / "m.onnx", **columns(model.encoder, table))["prediction"]
    ours = np.array(model.predict(table, threads=1).column("prediction").to_pylist())
    assert found.shape == (n,)
    if model.task.is_regression:
        np.testing.assert_allclose(found, ours, rtol=1e-5)
    else:
        assert found.dtype.kind == ours.dtype.kind or ours.dtype.kind == "U"
        assert np.mean(found == ours) > 0.99


def test_columns_may_have_any_name(tmp_path):
    names = ["prediction", "prediction_", "probabilities", "steepest/0", "steepest/Clip/3", "", "_"]
    names += ["y", "n", " a b\n", "é/ß", "x" * 300]
    data = {name: RNG.standard_normal(200) for name in names}
    table = pa.table({**data, "target": np.where(data["prediction"] > 0, "yes", "no")})
    model = fit_table(table, Request("target", {"layers": (4,), "epochs": 1})).model
    export_onnx(model, tmp_path / "m.onnx")
    inputs = columns(model.encoder, table)
    inputs["__"] = inputs.pop("_")
    inputs["_"] = inputs.pop("")
    found = run(tmp_path / "m.onnx", **inputs)
    ours = model.predict(table, proba=True, threads=1)
    wanted = np.column_stack([ours.column(f"proba_{c}") for c in model.task.classes])
    assert set(found) == {"prediction__", "probabilities_"}
    np.testing.assert_allclose(found["probabilities_"], wanted, atol=1e-5)


def test_numbers_that_float64_can_not_tell_apart_are_refused():
    encoder = Encoder.fit(pa.table({"id": [2**60, 2**60 + 1, 2**60 + 3]}), ["id"])
    with pytest.raises(ModelError, match=r"column 'id' has whole numbers beyond 2\*\*53"):
        onnx_encoder.add_encoder(Graph(), encoder)


X = RNG.standard_normal((120, 4)).astype(np.float32)
BINS = np.digitize(X[:, 0], [-0.5, 0.5])


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize(
    ("y", "settings"),
    [
        (np.where(X[:, 0] > 0, "yes", "no"), {}),
        (BINS + 7, {}),
        (X[:, 0] > 0, {"loss": Hinge()}),
        (np.array([1.0, 2.0, 9.0])[BINS], {"loss": Hinge()}),
        (np.array(["a", "b", "c"], object)[BINS], {"loss": Logistic()}),
        (np.column_stack([X[:, 0] > 0, X[:, 1] > 0]).astype(int), {}),
    ],
    ids=["two", "three", "two by hinge", "three by hinge", "one against the rest", "multilabel"],
)
def test_classifiers(tmp_path, y, settings):
    model = MLPClassifier((8,), max_iter=40, random_state=0, **settings).fit(X, y)
    model.intercepts_ = [b + 0.25 for b in model.intercepts_]  # what a user changed counts
    export_onnx(model, tmp_path / "m.onnx")
    found = run(tmp_path / "m.onnx", x=X)
    ours = model.predict(X)
    assert found["prediction"].shape == ours.shape
    assert (found["prediction"] == ours).all()
    assert len(np.unique(ours)) > 1
    assert ("probabilities" in found) == hasattr(model, "predict_proba")
    if "probabilities" in found:
        np.testing.assert_allclose(found["probabilities"], model.predict_proba(X), atol=1e-5)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize(
    ("k", "settings"),
    [
        (1, {}),
        (2, {}),
        (1, {"loss": "poisson"}),
        (1, {"quantiles": (0.9, 0.1, 0.5)}),
        (2, {"loss": Quantile((0.2, 0.8))}),
        (1, {"loss": GaussianNLL()}),
        (2, {"loss": GaussianNLL()}),
        (2, {"loss": OutputWeights(Poisson(), (1, 3))}),
        (2, {"loss": OutputWeights(Quantile((0.2, 0.8)), (1, 3))}),
    ],
    ids=[
        "one",
        "two",
        "poisson",
        "quantiles",
        "quantiles of two",
        "gaussian",
        "gaussian of two",
        "weighted",
        "weighted quantiles",
    ],
)
def test_regressors(tmp_path, k, settings):
    y = np.abs(X[:, 0] if k == 1 else X[:, :2])
    model = MLPRegressor(hidden_layer_sizes=(8,), max_iter=3, random_state=0, **settings).fit(X, y)
    export_onnx(model, tmp_path / "m.onnx")
    found, ours = run(tmp_path / "m.onnx", x=X)["prediction"], model.predict(X)
    assert found.shape == ours.shape
    np.testing.assert_allclose(found, ours, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", [TabularClassifier, TabularRegressor])
def test_estimators_of_tables(tmp_path, kind):
    table = pa.table({"a": X[:, 0].astype(float), "b": np.array(["u", "v", "w"])[BINS]})
    model = kind(settings={"epochs": 1, "layers": (4,)}).fit(table, X[:, 0] > 0)
    export_onnx(model, tmp_path / "m.onnx")
    found = run(tmp_path / "m.onnx", **columns(model.model_.encoder, table))
    np.testing.assert_allclose(found["prediction"], model.predict(table), rtol=1e-5, atol=1e-5)
    if kind is TabularClassifier:
        proba = model.predict_proba(table)
        np.testing.assert_allclose(found["probabilities"], proba, atol=1e-5)


def test_trainers(tmp_path):
    network = Network(Dense(3), inputs=4)
    export_onnx(Trainer(network, Squared()), tmp_path / "n.onnx")
    found = run(tmp_path / "n.onnx", x=X)["y"]
    np.testing.assert_allclose(found, network.predict(X), rtol=1e-5, atol=1e-6)


def test_what_can_not_be_exported_is_told_in_one_sentence(tmp_path):
    y = X[:, 0]
    pipeline = make_pipeline(StandardScaler(), MLPRegressor(max_iter=1))
    for thing, got in [
        (pipeline, "an object of type Pipeline"), (Dense(2), "an object of type Dense"),
        (None, "an object of type NoneType"), (MLPClassifier, "the class MLPClassifier"),
    ]:  # fmt: skip
        with pytest.raises(InputError, match=f"expected a Network.*, got {got}; of a pipeline"):
            export_onnx(thing, tmp_path / "n.onnx")
    for kind in (MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            export_onnx(kind(), tmp_path / "n.onnx")
    quantiles = TabularRegressor(settings={"epochs": 1, "layers": (4,)}, quantiles=(0.1, 0.9))
    with pytest.raises(ModelError, match=r"model_\.network"):
        export_onnx(quantiles.fit(X, y), tmp_path / "n.onnx")
    assert not list(tmp_path.iterdir())
