"""Split-conformal margins."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steepest import InputError, conformal_margin


@given(st.integers(1, 60), st.floats(0.05, 0.95), st.integers(0, 1000))
def test_margin_holds_the_share_and_no_smaller_one_does(n, coverage, seed):
    rng = np.random.default_rng(seed)
    y, low, high = rng.normal(size=(3, n))
    margin = conformal_margin(y, low, high, coverage)
    wanted = math.ceil(coverage * (n + 1))
    if wanted > n:
        assert margin == math.inf
        return
    inside = [((low - m <= y) & (y <= high + m)).sum() for m in (margin + 1e-9, margin - 1e-9)]
    assert inside[0] >= wanted > inside[1]


def test_wrong_arguments():
    with pytest.raises(InputError, match="coverage must be a number above 0 and below 1"):
        conformal_margin([1.0], [0.0], [2.0], 1.0)
    with pytest.raises(InputError, match=r"got \(2,\), \(1,\) and \(1,\)"):
        conformal_margin([1.0, 2.0], [0.0], [2.0])
