"""What a target asks for, and the way there and back."""

import datetime
import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest.errors import InputError, ModelError, TableError
from steepest.tables.options import TableOptions
from steepest.tables.task import Task, infer_task, task_rows


def again(task):
    return Task.from_dict(json.loads(json.dumps(task.to_dict(), allow_nan=False)))


@pytest.mark.parametrize(
    ("values", "kind", "classes"),
    [
        (["b", "a", "b"], "binary", ("a", "b")),
        (["b", "a", "c"] * 2, "multiclass", ("a", "b", "c")),
        ([True, False, True], "binary", (False, True)),
        ([1, 0, 1, 1], "binary", (0, 1)),
        ([1.0, 0.0, None, 1.0], "binary", (0, 1)),
        ([3, 4, 5, 6, 7, 8, 9] * 5, "multiclass", (3, 4, 5, 6, 7, 8, 9)),
        ([3, 4, 5, 6, 7, 8, 9], "regression", ()),
        (list(range(28)) * 100, "regression", ()),
        ([0.5, 1.5, 0.5], "regression", ()),
        ([1.0, np.inf, np.nan, 2.5, None], "regression", ()),
    ],
)
def test_rule(values, kind, classes):
    column = pa.chunked_array([values])
    task = infer_task(column, "y")
    assert (task.kind, task.classes) == (kind, classes)
    assert again(task) == task
    assert task.outputs == (len(classes) if kind == "multiclass" else 1)
    assert "'y'" in task.describe()
    assert task.rows(column).tolist() == task_rows(column).tolist()


@pytest.mark.parametrize("values", [["b", "a"], [True, False], [2, 7], [0.5, 0.25]])
def test_labels_may_come_as_text_or_dictionary(values):
    task = infer_task(pa.array(values), "y", kind="classification")
    column = pa.array(values)
    codes = task.encode(column)
    assert codes.dtype == np.int64
    assert task.decode(codes).tolist() == values
    words = column.cast(pa.string())
    for other in (words, words.dictionary_encode(), column.dictionary_encode()):
        assert task.encode(other).tolist() == codes.tolist()


def test_dictionary_with_unused_and_missing_values():
    column = pa.DictionaryArray.from_arrays([0, 2, None, 0], ["a", "b", "c"])
    task = infer_task(column, "y")
    assert task.classes == ("a", "c")
    assert task_rows(column).tolist() == [True, True, False, True]


def test_regression_is_standardised_and_comes_back():
    column = pa.array([1.0, 10.0, 100.0, 1000.0])
    task = infer_task(column, "y")
    y = task.encode(column)
    np.testing.assert_allclose([y.mean(), y.std()], [0, 1], atol=1e-12)
    np.testing.assert_allclose(task.decode(y[:, None]), column)
    assert task.decode(task.clamp(np.array([-9, 9]))).tolist() == [1, 1000]
    np.testing.assert_allclose(task.encode(pa.array(["1", "1e3"])), y[[0, 3]])
    assert task.rows(pa.array(["1", "x", None, "inf"])).tolist() == [True, False, False, False]


def test_decode_takes_scores_and_probabilities():
    two = infer_task(pa.array(["no", "yes"]), "y")
    assert two.decode(np.array([[0.2], [0.5]])).tolist() == ["no", "yes"]
    assert two.decode(np.array([0.7, 0.1])).tolist() == ["yes", "no"]
    three = infer_task(pa.array([1, 2, 3] * 9), "y")
    assert three.decode(np.array([[0.0, 2, 1], [3, 0, 0]])).tolist() == [2, 1]


def test_kind_can_be_forced():
    numbers = pa.array([1, 2, 1, 2])
    assert infer_task(numbers, "y").kind == "binary"
    task = infer_task(numbers, "y", "regression")
    assert (task.kind, task.reason) == ("regression", "as asked")
    assert infer_task(pa.array([True, False]), "y", "regression").mean == 0.5
    assert infer_task(pa.array([0.5, 1.5] * 4), "y", "classification").classes == (0.5, 1.5)
    with pytest.raises(InputError, match="kind must be"):
        infer_task(numbers, "y", "clustering")
    with pytest.raises(TableError, match="1 of 2 values are not numbers, such as 'x'"):
        infer_task(pa.array(["1", "x"]), "y", "regression")
    with pytest.raises(TableError, match="none of its 2 values is finite"):
        infer_task(pa.array(["inf", "-inf"]), "y")
    with pytest.raises(TableError, match="none of its 2 values is finite"):
        infer_task(pa.array(["inf", "-inf"]), "y", "regression")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([None, None], "all of its 2 values are missing"),
        ([np.nan, np.inf], "all of its 2 values are missing"),
        (["a", "a", None], "all of its 2 values are 'a'; expected at least two classes"),
        ([True, True], "are True"),
        ([7, 7], "at least two classes"),
        ([0.5, 0.5], "all of its 2 values are 0.5"),
        ([0.5, 1e200], "can't be scaled"),
        ([f"n{i}" for i in range(10)], "10 classes in 10 rows are too many"),
        ([[1], [2]], r"type list<.*; expected text"),
        ([datetime.date(2020, 1, 1), datetime.date(2020, 1, 2)], "of type date32"),
    ],
)
def test_nothing_to_learn(values, message):
    with pytest.raises(TableError, match=rf"target 'y'.*{message}"):
        infer_task(pa.array(values), "y")


def test_targets_that_can_not_be_encoded():
    task = infer_task(pa.array(["a", "b"]), "y")
    with pytest.raises(
        TableError, match="2 of 3 values can't be used; the first, in row 2, is 'c'"
    ):
        task.encode(pa.array(["a", "c", None]))
    with pytest.raises(TableError, match="is missing"):
        task.encode(pa.array([None, "a"]))
    with pytest.raises(TableError, match="not a finite number"):
        infer_task(pa.array([0.5, 1.5]), "y").encode(pa.array(["x"]))
    with pytest.raises(ModelError, match="does not describe a task"):
        Task.from_dict({"kind": "binary"})


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.floats(-1e100, 1e100) | st.none(), min_size=2))
def test_regression_round_trip(values):
    column = pa.array(values, pa.float64())
    try:
        task = infer_task(column, "y", "regression")
    except TableError:
        return
    there = column.filter(pa.array(task.rows(column)))
    y = again(task).encode(there)
    assert np.isfinite(y).all()
    np.testing.assert_allclose(
        task.decode(y), there.to_numpy(), rtol=1e-9, atol=1e-9 * task.deviation
    )


@pytest.mark.parametrize(
    "labels",
    [
        [1234567890123456789, 1234567890123456790, 5],
        [-(2**63), 2**63 - 1],
        [2**64 - 1, 2**64 - 2],
        [-1, 2**63 - 1, 0],
    ],
)
def test_whole_numbers_of_any_size_are_classes(labels):
    targets = labels * 6
    column = pa.array(targets, pa.uint64() if max(labels) >= 2**63 else pa.int64())
    task = again(infer_task(column, "y"))
    assert task.classes == tuple(sorted(labels))
    for other in (column, column.cast(pa.string()), column.cast(pa.decimal128(20, 0))):
        assert task.decode(task.encode(other)).tolist() == targets
        assert infer_task(other, "y").classes == task.classes


def test_classes_beyond_64_bits_are_texts():
    labels = [str(2**70), str(2**70 + 1)] * 3
    task = again(infer_task(pa.array(labels), "y"))
    assert task.decode(task.encode(pa.array(labels))).tolist() == labels


def test_targets_written_in_other_ways():
    task = again(infer_task(pa.array(["$5.50", "$1,234.00", "$7.25", "$8.00"]), "y"))
    assert (task.kind, task.pattern, task.high) == ("regression", "$1,234.5", 1240)
    np.testing.assert_allclose(
        task.encode(pa.array(["$5.50"])), task.encode(pa.array([5.5])), rtol=1e-12
    )
    values = [f"{x}" for x in np.linspace(0, 1, 50)] + ["n/a", "soon"]
    task = infer_task(pa.array(values), "y")
    assert task.kind == "regression"
    assert task.rows(pa.array(values)).sum() == 50
    known = TableOptions(decimal=",")
    assert infer_task(pa.array(["1.234", "2.345"] * 9), "y", "regression", known).high == 2350


def test_texts_that_are_declared_to_be_classes_stay_so():
    column = pa.array(["1", "NA", "1", "NA"])
    assert infer_task(column.dictionary_encode(), "y").classes == ("1", "NA")
    with pytest.raises(TableError, match="all of its 2 values are 1"):
        infer_task(column, "y")


@pytest.mark.parametrize("low", [-3.14159, 0.0, 2.71828, 1234567.89])
@pytest.mark.parametrize("width", [1e-3, 1.0, 77.77, 12345.678])
def test_the_range_is_nobodys_value_but_holds_all(low, width):
    values = np.linspace(low, low + width, 50)
    task = infer_task(pa.array(values), "y", "regression")
    assert task.low <= values.min() < values.max() <= task.high
    assert task.high - task.low <= 1.021 * width
    assert infer_task(pa.array([0.0, 0.5, 100.0]), "y").high == 100  # it has no more digits
