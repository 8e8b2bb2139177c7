"""Every row goes to one part, by the column that says so or in proportion."""

import itertools
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest.errors import InputError, TableError
from steepest.tables.files import read_table
from steepest.tables.split import split_rows
from steepest.tables.task import infer_task


def split(table, **options):
    return split_rows(table, infer_task(table.column("y"), "y"), **options)


def parts(found):
    return [part.tolist() for part in (found.train, found.validation, found.test)]


def test_census_says_itself():
    table = read_table(Path(__file__).parents[2] / "data" / "census_income.parquet")
    found = split_rows(table, infer_task(table.column("income"), "income"))
    assert found.column == "split"
    assert (len(found.train) + len(found.validation), len(found.test)) == (32_561, 16_281)
    assert len(found.validation) == 3257
    rich = np.array(table.column("income").to_pylist()) == ">50K"
    assert abs(rich[found.train].mean() - rich[found.validation].mean()) < 1e-3


@pytest.mark.parametrize("kind", [pa.string(), pa.dictionary(pa.int8(), pa.string())])
def test_named_parts(kind):
    words = pa.array(["Train", "TEST", "valid", "training ", "validate", "validation"])
    table = pa.table({"y": [0, 1, 0, 1, 0, 1], "split": words.cast(kind)})
    found = split(table)
    assert parts(found) == [[0, 3], [2, 4, 5], [1]]
    assert found.column == "split"


def test_named_parts_without_validation_or_test():
    table = pa.table({"y": [0, 1] * 10, "split": ["train"] * 15 + ["test"] * 5})
    found = split(table)
    assert len(found.validation) == 2
    assert found.test.tolist() == [15, 16, 17, 18, 19]
    assert parts(split(table, validation=0))[1] == []
    table = pa.table({"y": [0, 1] * 10, "split": ["train"] * 15 + ["validate"] * 5})
    assert len(split(table).test) == 0
    table = pa.table({"y": [0, 1] * 10, "split": ["test"] * 20})
    with pytest.raises(TableError, match="names no row for training"):
        split(table)


@pytest.mark.parametrize(
    "column", [["train"] * 20, ["train", "other"] * 10, ["train", None] * 10, list(range(20))]
)
def test_a_column_that_says_nothing_is_an_input(column):
    table = pa.table({"y": [0, 1] * 10, "split": column})
    found = split(table)
    assert found.column is None
    assert [len(part) for part in parts(found)] == [14, 2, 4]


def test_the_target_may_be_called_split():
    table = pa.table({"split": ["train", "test"] * 10})
    assert split_rows(table, infer_task(table.column("split"), "split")).column is None


def test_the_seed_decides():
    table = pa.table({"y": np.arange(100) / 7})
    assert parts(split(table)) == parts(split(table))
    assert parts(split(table)) != parts(split(table, seed=1))


def test_classes_keep_their_share():
    table = pa.table({"y": ["a"] * 500 + ["b"] * 100})
    for part in parts(split(table)):
        assert abs(sum(row >= 500 for row in part) / len(part) - 1 / 6) < 0.02


@pytest.mark.parametrize("rare", [["x"], ["x", "x"], ["x", "z"], ["x", "z", "z"]])
def test_rare_classes(rare):
    found = split(pa.table({"y": ["a"] * 20 + ["b"] * 10 + rare}))
    assert sorted(itertools.chain(*parts(found))) == list(range(30 + len(rare)))


def test_tiny_tables():
    assert [len(part) for part in parts(split(pa.table({"y": [1.5, 2, 3, 4, 5]})))] == [3, 1, 1]
    with pytest.raises(TableError, match="1 row can't be split"):
        split(pa.table({"y": [1.5, 2]}))
    assert parts(split(pa.table({"y": [1.5, 2]}), test=0, validation=0)) == [[0, 1], [], []]


@pytest.mark.parametrize("share", [-0.1, 1, 5])
def test_shares(share):
    with pytest.raises(InputError, match="must be a number of at least 0 and below 1"):
        split(pa.table({"y": [0, 1]}), test=share)
    with pytest.raises(InputError, match="must be a number of at least 0 and below 1"):
        split(pa.table({"y": [0, 1]}), validation=share)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(st.sampled_from("aaaaabbbccd"), min_size=3, max_size=40),
    st.floats(0, 0.9),
    st.floats(0, 0.9),
    st.integers(0, 9),
)
def test_every_row_once(labels, test, validation, seed):
    table = pa.table({"y": labels})
    try:
        found = split(table, test=test, validation=validation, seed=seed)
    except TableError:
        return
    assert sorted(itertools.chain(*parts(found))) == list(range(len(labels)))
    assert len(found.train)
    assert bool(len(found.test)) == (test > 0)
    assert bool(len(found.validation)) == (validation > 0)
