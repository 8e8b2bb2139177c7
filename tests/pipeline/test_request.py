"""What a request refuses, and the names it takes."""

import pyarrow as pa
import pytest

from steepest.errors import InputError, TableError
from steepest.pipeline.request import Request
from steepest.pipeline.train import RunOptions


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"target": 3}, "target must be the name of a column, got 3"),
        ({"ignore": "row"}, "ignore must be a list, got 'row'"),
        ({"ignore": [3]}, "ignore must be names of columns"),
        ({"task": "sorting"}, "task must be one of classification, regression, got 'sorting'"),
        ({"test": 1}, "test must be a number of at least 0 and below 1, got 1"),
        ({"validation": None}, "validation must be a number"),
    ],
)
def test_a_request_that_makes_no_sense_is_told(options, words):
    with pytest.raises(InputError, match=words):
        Request(**{"target": "y"} | options)


def test_a_limit_of_time_is_above_0():
    with pytest.raises(InputError, match="time_limit must be a number above 0, got 0"):
        RunOptions(time_limit=0)


def test_a_table_has_the_columns_that_are_named():
    table = pa.table({f"c{k}": [1] for k in range(30)})
    Request("c1", ignore=["c2"]).check_columns(table)
    with pytest.raises(
        TableError, match=r"no column 'd' in the table; there are 'c0', .*, 'c19' …$"
    ):
        Request("c1", ignore=["c2", "d"]).check_columns(table)
    with pytest.raises(
        TableError, match=r"there are '1.5', 'b'; if .* first row, say header=False"
    ):
        Request("y").check_columns(pa.table({"1.5": [1], "b": [2]}))


def test_a_former_name_of_a_setting_is_said_once():
    with pytest.warns(DeprecationWarning, match="products is called matmul_dtype now") as said:
        request = Request("y", {"products": "bfloat16"})
    assert request.settings == {"matmul_dtype": "bfloat16"}
    assert [warning.filename for warning in said] == [__file__]
