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
from steepest.tables.split import SplitBy, split_rows
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


def by_time(n, rng):
    return SplitBy(rng.integers(0, 3, n), time=rng.integers(0, 12, n))


def by_groups(n, rng):
    return SplitBy(rng.integers(0, 3, n), groups=rng.integers(0, 12, n))


@pytest.mark.parametrize("n", [30, 400])
@pytest.mark.parametrize("share", [0.1, 0.4])
def test_rows_held_out_follow_the_others_in_time(n, share):
    by = by_time(n, np.random.default_rng(0))
    kept, held = by.hold_out(np.arange(n), share, seed=0)
    assert sorted([*kept, *held]) == list(range(n))
    assert by.time[kept].max() < by.time[held].min()
    assert abs(len(held) / n - share) < 0.1


@pytest.mark.parametrize("n", [30, 400])
@pytest.mark.parametrize("share", [0.1, 0.4])
def test_no_group_is_on_both_sides(n, share):
    by = by_groups(n, np.random.default_rng(0))
    kept, held = by.hold_out(np.arange(n), share, seed=0)
    assert sorted([*kept, *held]) == list(range(n))
    assert not set(by.groups[kept]) & set(by.groups[held])
    assert abs(len(held) / n - share) < 0.1
    others = {str(by.hold_out(np.arange(n), share, seed)[1]) for seed in range(10)}
    assert len(others) > 2


def test_groups_are_drawn_so_that_classes_keep_their_share():
    labels = np.repeat(np.arange(40) % 2, 10)  # every group is of one class
    by = SplitBy(labels, groups=np.repeat(np.arange(40), 10))
    for seed in range(5):
        _, held = by.hold_out(np.arange(400), 0.2, seed)
        assert len(held) == 80
        assert abs(labels[held].mean() - 0.5) < 0.13


def test_a_time_and_groups_leave_out_the_past_of_groups_that_go_on():
    by = SplitBy(
        np.zeros(8, np.int64), time=np.arange(8), groups=np.array([0, 1, 0, 2, 1, 3, 2, 4])
    )
    kept, held = by.hold_out(np.arange(8), 0.25, seed=0)
    assert (kept.tolist(), held.tolist()) == ([0, 1, 2, 4, 5], [6, 7])
    alone = SplitBy(by.labels, by.time, np.zeros(8, np.int64))
    with pytest.raises(TableError, match="give the time or the groups, not both"):
        alone.hold_out(np.arange(8), 0.25, seed=0)


def test_what_cannot_be_split():
    rows, zeros = np.arange(8), np.zeros(8, np.int64)
    with pytest.raises(TableError, match="1 moment can't be split into 2 parts that follow"):
        SplitBy(zeros, time=zeros).hold_out(rows, 0.2, 0)
    with pytest.raises(TableError, match=r"the 8 rows to split are of one group: .* each"):
        SplitBy(zeros, groups=zeros).hold_out(rows, 0.2, 0)
    with pytest.raises(TableError, match="8 rows are too few for 9 folds"):
        list(SplitBy(zeros).folds(rows, 9, 0))
    with pytest.raises(TableError, match="2 groups are too few for 3 folds"):
        list(SplitBy(zeros, groups=rows // 4).folds(rows, 3, 0))
    with pytest.raises(TableError, match="3 moments can't be split into 4 parts"):
        list(SplitBy(zeros, time=rows // 3).folds(rows, 3, 0))


@pytest.mark.parametrize("kind", ["classes", "numbers", "groups"])
def test_each_row_is_in_one_fold(kind):
    rng = np.random.default_rng(0)
    by = SplitBy(rng.permutation(np.arange(90) // 30 * (kind != "numbers")))
    by = by_groups(90, rng) if kind == "groups" else by
    rows = np.arange(5, 90)
    folds = list(by.folds(rows, 4, seed=0))
    assert len(folds) == 4
    assert sorted(itertools.chain(*(tested for _, tested in folds))) == rows.tolist()
    for kept, tested in folds:
        assert sorted([*kept, *tested]) == rows.tolist()
        assert 15 <= len(tested) <= 28
        if kind == "classes":
            assert np.bincount(by.labels[tested]).min() >= 5
        if kind == "groups":
            assert not set(by.groups[kept]) & set(by.groups[tested])


def test_folds_of_rare_classes():
    by = SplitBy(np.array([0] * 20 + [1] * 20 + [2] * 2 + [3]))
    folds = list(by.folds(np.arange(43), 5, seed=0))
    assert sorted(itertools.chain(*(tested for _, tested in folds))) == list(range(43))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 9), min_size=4, max_size=60), st.integers(2, 5), st.booleans())
def test_folds_of_time_train_on_the_past(times, k, grouped):
    time = np.array(times)
    groups = np.arange(len(times)) // 2 if grouped else None
    by = SplitBy(np.zeros(len(times), np.int64), time, groups)
    try:
        folds = list(by.folds(np.arange(len(times)), k, seed=0))
    except TableError:
        return
    assert len(folds) == k
    last = -1
    for kept, tested in folds:
        assert len(kept)
        assert len(tested)
        assert max(time[kept].max(), last) < time[tested].min()
        last = time[tested].max()
        if grouped:
            assert not set(groups[kept]) & set(groups[tested])
    assert last == time.max()


def test_a_column_split_goes_before_a_time_which_draws_the_rest():
    table = pa.table({"y": [0, 1] * 10, "split": ["train"] * 15 + ["test"] * 5})
    time = np.arange(20)[::-1]
    found = split(table, by=SplitBy(np.array([0, 1] * 10), time))
    assert parts(found) == [list(range(2, 15)), [0, 1], list(range(15, 20))]
