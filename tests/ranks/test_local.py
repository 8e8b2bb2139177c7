"""Averages every few steps; what ranks check of them stands in programs/local.py."""

from __future__ import annotations

import numpy as np
import pytest

from steepest.training.local_run import sizes_of
from steepest.training.ranked_run import steps_between


@pytest.mark.parametrize("counts", [[5], [4, 4], [70, 33], [40, 0, 63], [1, 1000]])
def test_all_rows_once_an_epoch(counts):
    sizes = sizes_of(counts, 16, epochs=True)
    np.testing.assert_array_equal(sizes.sum(axis=0), counts)
    assert (sizes.sum(axis=1) > 0).all()
    assert (np.diff(sizes, axis=0) <= 0).all()


def test_a_longer_average_is_rarer():
    assert steps_between(step=1.0, average=0.1, most=1000) == 1
    assert steps_between(step=1.0, average=1.0, most=1000) == 9
    assert steps_between(step=1.0, average=1.0, most=5) == 5
    assert steps_between(step=1e-6, average=1.0, most=1000) == 64
