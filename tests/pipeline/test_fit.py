"""From a table to a model: notes, scores on held-out rows, and what is refused."""

import numpy as np
import pyarrow as pa
import pytest

from steepest import InputError, TableError
from steepest.pipeline.fit import fit_table
from steepest.pipeline.request import Request
from steepest.tables.options import TableOptions

RNG = np.random.default_rng(0)
N = 400
A, B = RNG.normal(size=N), RNG.choice(["u", "v", "w"], N)
TABLE = pa.table({
    "a": A,
    "b": B,
    "same": np.ones(N),
    "label": np.where(A + (B == "u") > 0.3, "yes", "no"),
    "number": 3 * A + 10 * (B == "v"),
})  # fmt: skip
QUICK = {"layers": (16,), "epochs": 30, "batch": 32, "threads": 1}


def fit(target, table=TABLE, **options):
    ignore = [name for name in ("label", "number") if name != target]
    return fit_table(table, Request(target, QUICK, ignore=ignore, **options))


def test_a_classification_beats_the_trivial_predictor():
    said = []
    found = fit("label", say=said.append)
    score, trivial = found.scores["accuracy"]
    assert score > 0.9 > trivial
    assert found.scores["auc"][0] > 0.95
    assert found.trivial.startswith("always ")
    assert said == found.notes
    assert any("column 'same' not used" in note for note in said)
    assert any("288 rows to train, 32 to validate" in note for note in said)
    assert found.model.about["rows"] == {"train": 288, "validation": 32, "test": 80}
    assert found.model.about["metrics"]["accuracy"] == score


def test_a_regression_is_scored_in_the_targets_units():
    found = fit("number")
    assert found.scores["r2"][0] > 0.9
    known = np.asarray(TABLE["number"])
    assert abs(found.scores["rmse"][1] / known.std() - 1) < 0.2  # of the mean
    assert found.scores["rmse"][0] < found.scores["rmse"][1] / 3
    assert found.trivial == "the mean"


def test_a_split_column_goes_before_fractions():
    split = np.repeat(["train", "validation", "test"], [300, 50, 50])
    found = fit("label", TABLE.append_column("split", pa.array(split)))
    assert found.model.about["rows"] == {"train": 300, "validation": 50, "test": 50}
    assert any("column 'split' says" in note for note in found.notes)


def test_rows_to_test_on_can_come_from_another_table():
    other = TABLE.slice(0, 60)
    found = fit("label", TABLE.slice(60), test_table=other)
    assert found.model.about["rows"]["test"] == 60
    with pytest.raises(TableError, match="no column 'label' in the test table"):
        fit("label", TABLE.slice(60), test_table=other.drop_columns("label"))


def test_rows_without_a_target_are_dropped_and_said():
    label = [None, *TABLE["label"].to_pylist()[1:]]
    table = TABLE.set_column(3, "label", pa.array(label))
    assert fit("label", table).notes[0].startswith("1 row dropped")


@pytest.mark.parametrize(
    ("name", "there"), [("nothing", "there are 'a', 'b', 'same'"), (" Label", "there is 'label'$")]
)
def test_a_column_that_is_not_there_is_named_with_those_that_are(name, there):
    with pytest.raises(TableError, match=f"no column '{name}' in the table; {there}"):
        fit_table(TABLE, Request(name))
    with pytest.raises(TableError, match=f"no column '{name}'"):
        fit_table(TABLE, Request("label", ignore=[name]))


def test_what_is_wrong_with_a_test_table_is_said_before_the_training(monkeypatch):
    monkeypatch.setattr("steepest.pipeline.fit.train_all", lambda *_, **__: pytest.fail("trained"))
    for table, message in (
        (TABLE.drop_columns("label"), "no column 'label' in the test table"),
        (TABLE.drop_columns("a"), "lacks the column 'a'"),
        (
            TABLE.drop_columns("a").append_column("a", pa.array([[1.0]] * N)),
            "column 'a' is of type",
        ),
    ):
        with pytest.raises(TableError, match=message):
            fit("label", test_table=table)


@pytest.mark.parametrize("stop", [ValueError, KeyboardInterrupt])
def test_a_failure_after_the_training_does_not_lose_the_model(monkeypatch, stop):
    def fail(*_):
        raise stop

    monkeypatch.setattr("steepest.pipeline.fit.score_fit", fail)
    found = fit("label")
    assert isinstance(found.ended, stop)
    assert found.model.predict(TABLE).num_rows == N


def test_views_runs_and_unsigned_codes_train():
    table = TABLE.set_column(1, "b", TABLE["b"].cast(pa.string_view()))
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([N], pa.int32()), pa.array([1.0]))
    table = table.append_column("runs", runs).append_column("list", pa.array([[1]] * N))
    labels = table["label"].dictionary_encode().cast(pa.dictionary(pa.uint8(), pa.string()))
    table = table.set_column(table.column_names.index("label"), "label", labels)
    found = fit("label", table)
    assert found.scores["accuracy"][0] > 0.9
    assert any("'list' not used" in note and "make columns" in note for note in found.notes)


def test_the_index_of_pandas_is_no_input():
    frame = TABLE.to_pandas().set_index("a", append=True)
    found = fit("label", pa.Table.from_pandas(frame))
    assert list(found.model.encoder.columns) == ["b"]


def test_rows_whose_target_is_no_number_are_dropped_with_a_word():
    texts = [
        "soon" if k % 50 == 0 else f"{x:.4f}" for k, x in enumerate(TABLE["number"].to_numpy())
    ]
    at = TABLE.column_names.index("number")
    found = fit("number", TABLE.set_column(at, "number", pa.array(texts)))
    assert found.model.task.is_regression
    assert "8 rows dropped: the target is missing or not finite" in found.notes


def test_how_texts_are_written_can_be_said():
    grouped = pa.array([f"{round(1000 * x) + 5000:,}".replace(",", ".") for x in A])
    found = fit("label", TABLE.set_column(0, "a", grouped), written=TableOptions(decimal=","))
    assert found.model.encoder.columns["a"].pattern == "1.234,5"


def timed(day=None):
    """Return the table with a day that falls, and a customer for each four rows."""
    days = np.datetime64("2024-01-01") + np.arange(N)[::-1] if day is None else day
    table = TABLE.append_column("day", pa.array(days))
    return table.append_column("customer", pa.array(np.arange(N) // 4))


def test_the_test_follows_the_past():
    found = fit("label", timed(), time="day", test=0.25)
    assert found.model.about["rows"] == {"train": 270, "validation": 30, "test": 100}
    first = str(np.datetime64("2024-01-01") + 270), str(np.datetime64("2024-01-01") + 300)
    for part, day in zip(("validation", "test"), first, strict=True):
        assert any(f"rows for the {part} are those from day {day}" in n for n in found.notes)
    assert not any("say --time" in note for note in found.notes)
    assert "day" in found.model.encoder.columns


def test_days_have_codes_unless_the_test_is_later_or_given():
    table = timed(np.datetime64("2024-01-01") + np.arange(N) // 20)
    for options, codes in (({}, 20), ({"time": "day"}, 0), ({"test_table": table}, 0)):
        assert len(fit("label", table, **options).model.encoder.columns["day"].days) == codes


def test_the_order_of_the_rows_is_a_time():
    found = fit("number", time="row-order", test=0.25)
    assert any("rows for the test are those from row 301 on" in note for note in found.notes)


def test_groups_are_on_one_side_and_no_input():
    found = fit("label", timed(), groups="customer")
    rows = found.model.about["rows"]
    assert rows == {"train": 288, "validation": 32, "test": 80}
    assert "customer" not in found.model.encoder.columns
    assert any("no group of column 'customer' is on two sides" in note for note in found.notes)


def test_rows_of_the_past_whose_groups_go_on_are_left_out_and_counted():
    days = np.datetime64("2024-01-01") + (np.arange(N) + np.arange(N) % 4 * 30)
    found = fit("label", timed(days), time="day", groups="customer")
    left = N - sum(found.model.about["rows"].values())
    assert left > 0
    assert any(f"{left} rows are left out: their groups go on" in note for note in found.notes)


def test_dates_get_a_hint_if_rows_are_drawn():
    assert any(note.endswith("say --time day") for note in fit("label", timed()).notes)
    split = np.repeat(["train", "validation", "test"], [300, 50, 50])
    named = fit("label", timed().append_column("split", pa.array(split)))
    assert not any("--time" in note for note in named.notes)


@pytest.mark.parametrize("option", ["time", "groups"])
def test_a_split_by_a_column_that_is_not_there(option):
    with pytest.raises(TableError, match="no column 'when' in the table"):
        fit("label", **{option: "when"})
    with pytest.raises(InputError, match=f"{option} can't be .*, the column to predict"):
        fit("label", **{option: "label"})
    with pytest.raises(InputError, match=f"{option} must be the name of a column, got 3"):
        fit("label", **{option: 3})
