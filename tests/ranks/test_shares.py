"""Which rank has how many examples of a step."""

from __future__ import annotations

import numpy as np
import pytest

from steepest.ranks.shares import shares_of


@pytest.mark.parametrize("counts", [[5], [4, 2, 0], [1, 1000, 7], [0, 3, 3, 3]])
@pytest.mark.parametrize("batch", [1, 7, 64])
def test_all_rows_once_and_every_batch_full(counts, batch):
    n = sum(counts)
    totals = [min((k + 1) * batch, n) for k in range(-(-n // batch))]
    shares = shares_of(counts, totals)
    assert (shares >= 0).all()
    np.testing.assert_array_equal(shares.sum(axis=0), counts)
    np.testing.assert_array_equal(np.cumsum(shares.sum(axis=1)), totals)


def test_each_rank_is_as_far_as_the_others():
    counts, batch = np.array([1000, 100, 10, 333]), 12
    n = counts.sum()
    totals = [min((k + 1) * batch, n) for k in range(-(-n // batch))]
    seen = np.cumsum(shares_of(counts, totals), axis=0)
    assert (abs(seen - np.outer(totals, counts) / n) < 1.5).all()


def test_equal_shards_have_equal_shares():
    np.testing.assert_array_equal(shares_of([64, 64, 64, 64], [32, 64, 96]), np.full((3, 4), 8))


def test_rows_begin_anew():
    np.testing.assert_array_equal(shares_of([2, 2], [4, 8, 12]), np.full((3, 2), 2))
