"""A column of weights: what can be read, and what it does."""

import numpy as np
import pyarrow as pa
import pytest

from steepest import TableError
from steepest.pipeline.fit import fit_table
from steepest.pipeline.request import Request
from steepest.tables.row_weights import read_weights

SMALL = {"layers": (4,), "epochs": 20, "batch": 16, "label_smoothing": 0.0}


@pytest.mark.parametrize(
    "column", [[1, 0, 2], [1.0, 0.0, 2.0], ["1", "0", "2.0"], pa.array([1, 0, 2], pa.uint8())]
)
def test_numbers_of_any_type(column):
    found = read_weights("w", pa.chunked_array([pa.array(column)]))
    assert found.tolist() == [1, 0, 2]
    assert found.dtype == np.float64


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([1.0, None], "weight of at least 0 in each row, got None in row 2"),
        ([1, -1], "got -1 in row 2"),
        ([np.inf, 1.0], "got inf in row 1"),
        (["much", "little"], "'w' holds no numbers"),
        ([0, 0], "weight 0 in all rows"),
    ],
)
def test_what_is_no_weight(column, message):
    with pytest.raises(TableError, match=message):
        read_weights("w", pa.chunked_array([pa.array(column)]))


def test_probabilities_follow_the_weights_and_the_column_is_no_input():
    rng = np.random.default_rng(0)
    n = 600
    y = rng.random(n) < 0.5
    weights = np.where(y, 3.0, 1.0)
    weights[:50] = 0
    table = pa.table({"x": rng.normal(size=n), "w": weights, "y": np.where(y, "yes", "no")})
    fit = fit_table(table, Request("y", SMALL, weight="w", test=0.0))
    assert "w" not in fit.model.encoder.columns
    assert "50 rows dropped: the weight is 0" in fit.notes
    assert fit.model.predict_proba(table)[:, 1].mean() == pytest.approx(0.75, abs=0.05)
    with pytest.raises(TableError, match="no column 'v' in the table"):
        fit_table(table, Request("y", SMALL, weight="v"))
