import importlib
import json
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from steepest import InputError, ModelError, TableError
from steepest.errors import TableWarning
from steepest.layers import Concat, Dense, Dropout, Embedding, Identity, Parallel, Residual
from steepest.losses import Huber, Quantile
from steepest.pipeline.fit import fit_table
from steepest.pipeline.model import Model
from steepest.pipeline.request import Request
from steepest.saved.config import from_config, known, to_config
from steepest.tables.encoder import Counts
from steepest.tables.files import read_table

FIXTURES = Path(__file__).parents[1] / "fixtures"

RNG = np.random.default_rng(0)
TABLE = pa.table(
    {
        "x": RNG.standard_normal(200),
        "c": RNG.choice(["red", "green", "blue"], 200),
        "y": RNG.choice(["u", "v", "w"], 200),
    }
)


@pytest.fixture(scope="module")
def model():
    return fit_table(TABLE, Request("y", {"layers": (8,), "epochs": 2})).model


def test_a_reloaded_model_predicts_the_same_bits(model, tmp_path):
    model.save(tmp_path / "m")
    loaded = Model.load(tmp_path / "m")
    assert loaded.predict(TABLE, proba=True).equals(model.predict(TABLE, proba=True))
    assert loaded.task == model.task
    assert repr(loaded.network) == repr(model.network)
    model.save(tmp_path / "m")  # over itself
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m"]


@pytest.mark.parametrize("schema", [1, 2, 4])
def test_a_model_of_an_older_schema_is_read_and_brought_up_to_date(tmp_path, schema):
    old = Model.load(FIXTURES / f"model_schema_{schema}")
    rows = read_table(FIXTURES / "schema_1_rows.csv")
    as_of = 1 if schema < 4 else 4  # dates and guesses of kinds were other ones before
    wanted = pyarrow.csv.read_csv(FIXTURES / f"schema_{as_of}_predictions.csv")
    found = old.predict(rows, proba=True)
    assert found.column("prediction").to_pylist() == wanted.column("prediction").to_pylist()
    for name in ("proba_no", "proba_yes"):
        np.testing.assert_allclose(found.column(name), wanted.column(name), rtol=1e-5)
    assert old.about["rows"]["test"] == (18 if schema < 4 else 3)
    assert schema == 4 or old.about["command"].startswith("steepest train")
    assert "threads" not in old.about["recipe"]
    old.save(tmp_path / "m")
    record = json.loads((tmp_path / "m" / "model.json").read_text())
    assert record["schema"] == 5
    assert record["encoder"]["grouped"] is (schema == 4)
    again = Model.load(tmp_path / "m")
    assert again.predict(rows, proba=True).equals(found)
    assert again.about == old.about


def test_numbers_are_kept_to_the_last_bit(tmp_path):
    days = np.datetime64("2024-01-01") + np.arange(200)
    wide = TABLE.append_column("when", pa.array(days)).append_column(
        "tiny", pa.array(np.ldexp(RNG.standard_normal(200), -300))
    )
    fitted = fit_table(wide, Request("y", {"layers": (), "epochs": 1})).model
    fitted.save(tmp_path / "m")
    assert Model.load(tmp_path / "m").encoder == fitted.encoder


def test_something_else_is_never_overwritten(model, tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.txt").write_text("years")
    with pytest.raises(ModelError, match="not a model folder"):
        model.save(tmp_path / "precious")
    assert (tmp_path / "precious" / "thesis.txt").read_text() == "years"
    with pytest.raises(ModelError, match="does not exist"):
        model.save(tmp_path / "no" / "where")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": 99}, "later Steepest"),
        ({"format": "other"}, "does not describe"),
        ({"task": None}, "damaged"),
        ({"loss": {"type": "os.system"}}, "damaged"),
        ({"network": {"layers": [], "inputs": 4, "dtype": "float32", "seed": 0}}, "damaged"),
        ({"schema": True}, "its schema is True"),
        ({"about": {"metrics": {"accuracy": "\x1b[31m"}}}, "metrics"),
        ({"files": {}}, "damaged"),
    ],
)
def test_a_strange_record_is_refused(model, tmp_path, change, words):
    model.save(tmp_path / "m")
    file = tmp_path / "m" / "model.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(ModelError, match=words):
        Model.load(tmp_path / "m")


@pytest.mark.parametrize(
    ("thing", "kind"),
    [
        (Dense(3, weights="he_normal", bias=False), "layer"),
        (Parallel((2, Concat(Identity(), Dropout(0.25))), (1, Embedding(4, 2))), "layer"),
        (Residual(Dense(3)), "layer"),
        (Huber(delta=2.0), "loss"),
        (Quantile(levels=(0.1, 0.9)), "loss"),
    ],
)
def test_config_goes_there_and_back(thing, kind):
    assert from_config(json.loads(json.dumps(to_config(thing))), kind) == thing


def test_config_names_what_it_does_not_know():
    assert "Dense" in known("layer")
    with pytest.raises(ModelError, match="Dense"):
        from_config({"type": "Denze", "units": 3}, "layer")
    with pytest.raises(ModelError, match="unit"):
        from_config({"type": "Dense", "unit": 3}, "layer")
    with pytest.raises(ModelError, match=r"function|saved"):
        to_config(Dense(3, weights=lambda rng, shape: np.zeros(shape)))


def test_a_model_of_schema_3_reads_texts_as_it_did():
    """Its words for a missing value and its digits are categories: they were no others then."""
    old = Model.load(FIXTURES / "model_schema_3")
    assert old.encoder.missing == ()
    rows = pyarrow.parquet.read_table(FIXTURES / "schema_3_rows.parquet")
    wanted = pyarrow.parquet.read_table(FIXTURES / "schema_3_predictions.parquet")
    found = old.predict(rows, proba=True)
    assert found.column("prediction").equals(wanted.column("prediction"))
    for name in ("proba_no", "proba_yes"):
        np.testing.assert_allclose(found.column(name), wanted.column(name), rtol=1e-5)


def test_classes_of_64_bits_signed_or_not(tmp_path):
    labels = [2**64 - 1, 2**64 - 2]
    table = pa.table({"x": [0.0, 1.0] * 20, "y": pa.array(labels * 20, pa.uint64())})
    fit_table(table, Request("y", {"layers": (2,), "epochs": 1, "threads": 1})).model.save(
        tmp_path / "m"
    )
    loaded = Model.load(tmp_path / "m")
    assert loaded.task.classes == tuple(sorted(labels))
    assert loaded.predict(table).column("prediction").type == pa.uint64()


def test_the_former_place_of_model_is_known_for_one_release_more():
    sys.modules.pop("steepest.model", None)
    with pytest.warns(
        DeprecationWarning, match=r"steepest\.model is steepest\.pipeline\.model now"
    ):
        module = importlib.import_module("steepest.model")
    assert module.Model is Model


@pytest.fixture(scope="module")
def binary():
    table = pa.table({"x": RNG.standard_normal(200), "c": RNG.choice(["red", "green", "blue"], 200),
                      "y": RNG.choice(["no", "yes"], 200)})  # fmt: skip
    return fit_table(table, Request("y", {"layers": (8,), "epochs": 2})).model


FORMS = {
    "pandas": lambda table: table.to_pandas(),
    "polars": pl.from_arrow,
    "columns": lambda table: table.to_pydict(),
    "arrays": lambda table: {n: np.array(c) for n, c in table.to_pydict().items()},
    "records": lambda table: table.to_pylist(),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_predictions_for_tables_of_every_kind(model, binary, form):
    for one in (model, binary):
        wanted = one.predict(TABLE, proba=True)
        found = one.predict(form(TABLE))
        assert found.tolist() == wanted.column("prediction").to_pylist()
        p = one.predict_proba(form(TABLE))
        assert p.shape == (200, len(one.classes))
        for k, label in enumerate(one.classes):
            assert p[:, k].tolist() == wanted.column(f"proba_{label}").to_pylist()


def test_predictions_for_one_record(model):
    record = {"x": 0.3, "c": "red"}
    assert model.predict(record) == model.predict([record])[0]
    assert model.predict(record) in model.classes
    assert model.predict_proba(record).tolist() == model.predict_proba([record])[0].tolist()
    assert model.predict({"x": None, "c": None}) in model.classes


def test_predictions_of_numbers_and_quantiles():
    table = pa.table({"x": RNG.standard_normal(100), "y": RNG.standard_normal(100)})
    number = fit_table(table, Request("y", {"layers": (4,), "epochs": 2})).model
    assert number.predict(table.to_pandas()).shape == (100,)
    assert isinstance(number.predict({"x": 1.0}), float)
    assert number.classes == ()
    with pytest.raises(ModelError, match="it predicts a number"):
        number.predict_proba(table)
    settings = {"layers": (4,), "epochs": 2, "quantiles": (0.1, 0.9)}
    quantiles = fit_table(table, Request("y", settings)).model
    assert quantiles.predict(table.to_pandas()).shape == (100, 2)


@pytest.mark.filterwarnings("ignore::steepest.errors.TableWarning")
def test_compiled_is_predict_for_one_raw_row(model, binary):
    rows = [*TABLE.slice(0, 50).to_pylist(), {"x": None, "c": "no such"}, {"x": "0.5", "c": None}]
    for one in (model, binary):
        predict = one.compiled()
        assert predict.names == ("x", "c")
        for row in rows:
            assert predict(row) == predict([row["x"], row["c"]]) == one.predict(row)
            np.testing.assert_allclose(predict.proba(row), one.predict_proba(row), rtol=1e-5)


def test_compiled_numbers_and_quantiles():
    x = RNG.standard_normal(100)
    table = pa.table({"x": x, "y": x + RNG.standard_normal(100)})
    for settings in ({}, {"quantiles": (0.1, 0.9)}):
        settings = {"layers": (4,), "epochs": 2, **settings}
        one = fit_table(table, Request("y", settings)).model
        predict = one.compiled()
        found = [predict([value]) for value in x]
        np.testing.assert_allclose(found, one.predict({"x": x}), rtol=1e-5, atol=1e-6)
        with pytest.raises(ModelError, match="no probabilities of classes"):
            predict.proba([0.5])


def test_a_compiled_row_must_be_one(model):
    predict = model.compiled()
    with pytest.raises(TableError, match="the row lacks the column 'c'"):
        predict({"x": 1.0})
    with pytest.raises(InputError, match="the row has 1 value, expected 2: x, c"):
        predict([1.0])
    with pytest.raises(InputError, match="a row is a mapping"):
        predict(1.0)


@pytest.mark.parametrize("wrong", [None, 3, "table.csv", [1, 2], np.ones((2, 2))])
def test_what_is_no_table_is_told(model, wrong):
    with pytest.raises(InputError):
        model.predict(wrong)


def test_what_lacks_is_told(model):
    with pytest.raises(TableError, match="'c'"):
        model.predict({"x": 1.0})
    with pytest.raises(InputError, match="call predict_proba"):
        model.predict(TABLE.to_pandas(), proba=True)


def test_repr_says_what_it_predicts_and_how_well(model):
    score = model.about["metrics"]["accuracy"]
    assert repr(model).startswith("Model(multiclass of 'y' from 2 columns, ")
    assert f"accuracy {score:.4g}" in repr(model)


def test_what_is_odd_in_a_table_is_said_once(model):
    with pytest.warns(TableWarning, match=r"(?s)Model\.predict:.*'x'") as caught:
        model.predict({"x": [0.1, "?!"], "c": ["red", "red"]})
    assert [w.filename for w in caught] == [__file__]
    with pytest.warns(TableWarning, match=r"Model\.predict_proba:"):
        model.predict_proba({"x": [0.1, "?!"], "c": ["red", "red"]})
    counts = Counts()
    model.predict({"x": ["?!"], "c": ["red"]}, counts=counts)
    assert sum(counts.values()) == 1
