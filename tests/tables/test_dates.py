"""Dates, times and durations as people write them."""

import datetime

import numpy as np
import pyarrow as pa
import pytest

from steepest.errors import ModelError
from steepest.tables.dates import AMBIGUOUS, check_order, find_order, read_dates, read_times

MOMENTS = [datetime.datetime(2023, 1, 1) + datetime.timedelta(hours=37 * k) for k in range(400)]
SECONDS = np.array([(m - datetime.datetime(1970, 1, 1)).total_seconds() for m in MOMENTS])
DAYS = SECONDS // 86400 * 86400


@pytest.mark.parametrize(
    ("way", "order", "wanted"),
    [
        ("%Y-%m-%d", "", DAYS),
        ("%Y-%m-%dT%H:%M:%S.%fZ", "", SECONDS),
        ("%d/%m/%Y", "DMY", DAYS),
        ("%d.%m.%y", "DMY", DAYS),
        ("%d-%m-%Y %H:%M", "DMY", SECONDS),
        ("%d %b %Y", "DMY", DAYS),
        ("%a, %d %b %Y %H:%M:%S +0100", "DMY", SECONDS - 3600),
        ("%d-%b-%y", "DMY", DAYS),
        ("%m/%d/%Y", "MDY", DAYS),
        ("%m/%d/%Y %I:%M %p", "MDY", SECONDS),
        ("%Y/%m/%d", "YMD", DAYS),
    ],
)
def test_what_is_found_out_reads_the_dates(way, order, wanted):
    texts = [moment.strftime(way) for moment in MOMENTS]
    assert find_order(texts, [1] * len(texts)) == (order, 1.0)
    check_order(order)
    np.testing.assert_array_equal(read_dates(pa.array(texts), order), wanted)


def test_names_of_months_are_read_in_both_orders():
    texts = ["Dec 31, 2024", "December 31 2024", "31 December 2024"]
    assert len({*read_dates(pa.array(texts), "DMY"), *read_dates(pa.array(texts), "MDY")}) == 1


def test_months_and_quarters_begin_on_their_first_day():
    found = read_dates(pa.array(["2024-10", "2024Q4", "2024-10-01", "1234-56", None]))
    assert found[0] == found[1] == found[2] > 0
    assert np.isnan(found[3:]).all()


def test_days_and_months_that_can_not_be_told_apart():
    assert find_order(["01/02/2024", "03/04/2024"], [1, 1]) == (AMBIGUOUS, 1.0)
    assert find_order(["01/02/2024", "13/04/2024"], [1, 1])[0] == "DMY"
    assert find_order(["01.02.2024", "03.04.2024"], [1, 1])[0] == "DMY"  # with points, day first
    assert find_order(["01/02/2024"], [1], "%d/%m/%Y") == ("%d/%m/%Y", 1.0)


def test_what_is_no_date():
    texts = pa.array(["31/02/2024", "12/31/2024", "1/2/3", "31/12/202", "soon", "20240101", None])
    assert np.isnan(read_dates(texts, "DMY")).all()
    assert find_order(["1.5", "2.25"], [1, 1])[1] == 0


def test_times_of_day_and_durations():
    wanted = {
        "23:59": 86340, "23:59:59.5": 86399.5, "12:00 AM": 0, "12:30 pm": 45000, "-01:00": -3600,
        "1 days 02:03:04": 93784, "1 day, 2:03:04": 93784, "-1 days +23:00:00": -3600,
        "5 days": 432000, "P2DT3H": 183600, "PT1M30.5S": 90.5, "-P1D": -86400, "P1W": 604800,
    }  # fmt: skip
    assert dict(zip(wanted, read_times(pa.array(list(wanted))), strict=True)) == wanted
    assert np.isnan(read_times(pa.array(["12:75", "13:00 PM", "5", "P", "", "x", None]))).all()


def test_what_is_no_order():
    with pytest.raises(ModelError, match="does not say how dates are written"):
        check_order("XYZ")
