"""From a table to a model: notes, scores on held-out rows, and what is refused."""

import numpy as np
import pyarrow as pa
import pytest

from steepest import TableError
from steepest.pipeline.fit import fit_table
from steepest.pipeline.request import Request

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
    assert fit("label", table).notes[0].startswith("1 rows dropped")


@pytest.mark.parametrize("name", ["nothing", "Label"])
def test_a_column_that_is_not_there_is_named_with_those_that_are(name):
    with pytest.raises(TableError, match=f"no column '{name}' in the table; there are a, b, same"):
        fit_table(TABLE, Request(name))
    with pytest.raises(TableError, match=f"no column '{name}'"):
        fit_table(TABLE, Request("label", ignore=[name]))
