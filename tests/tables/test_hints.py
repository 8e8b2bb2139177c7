"""One sentence for what a table may want, and none without a reason."""

import numpy as np
import pyarrow as pa
import pytest

from steepest.tables.encoder import Encoder
from steepest.tables.hints import grades_hint, time_hints
from steepest.tables.task import infer_task

RNG = np.random.default_rng(0)
N = 2000


def hints(y, **columns):
    table = pa.table({"x": RNG.normal(size=len(y)), **columns})
    task = infer_task(pa.array(y), "y")
    encoder = Encoder.fit(table, table.column_names)
    return time_hints(encoder.columns, task.encode(pa.array(y)), task, "--time {}")


def test_dates_get_a_hint():
    days = np.datetime64("2024-01-01") + np.arange(N)
    (line,) = hints(RNG.normal(size=N), day=days)
    assert "'day' holds dates" in line
    assert line.endswith("say --time day")


@pytest.mark.parametrize(
    "y",
    [
        RNG.normal(size=N) + np.linspace(0, 1, N),
        RNG.normal(size=N) + np.sin(np.linspace(0, 9, N)),
        np.where(RNG.random(N) < np.linspace(0.3, 0.6, N), "yes", "no"),
    ],
)
def test_a_target_that_drifts_gets_a_hint(y):
    (line,) = hints(y)
    assert "say --time row-order;" in line
    assert hints(RNG.permutation(y)) == []


@pytest.mark.parametrize(
    "y",
    [np.sort(RNG.normal(size=N)), np.repeat([0, 1, 2, 3], N // 4), np.repeat(["b", "a"], N // 2)],
)
def test_a_table_sorted_by_its_target_has_no_drift(y):
    assert hints(y) == []


def test_few_rows_are_no_drift():
    assert hints(np.linspace(0, 1, 150) + RNG.normal(size=150)) == []


def test_a_month_and_a_day_get_a_hint():
    dates = np.datetime64("2024-01-01") + RNG.permutation(N) % 366
    months = dates.astype("datetime64[M]")
    month, day = months.astype(int) % 12 + 1, (dates - months).astype(int) + 1
    y = RNG.normal(size=N)
    (line,) = hints(y, a=day, b=month)
    assert line.startswith("columns 'b' and 'a' look like the month and the day of dates")
    assert len(hints(y + np.linspace(0, 1, N), a=day, b=month)) == 2
    (line,) = hints(y, a=day, b=month, c=dates)
    assert "'c' holds dates" in line
    assert hints(y, a=day) == hints(y, b=month) == hints(y, a=day + 1, b=month) == []


def test_grades_get_a_hint():
    grades = pa.array(RNG.integers(3, 9, 300))
    (line,) = grades_hint(infer_task(grades, "grade"), "--task regression")
    assert line.endswith("say --task regression")
    assert grades_hint(infer_task(grades, "grade", "regression"), "") == []
    assert grades_hint(infer_task(pa.array([0, 1] * 9), "y"), "") == []
    assert grades_hint(infer_task(pa.array(["1st", "2nd", "3rd"] * 9), "y"), "") == []
