"""The counter-based generator: its definition, its uniformity, its keys."""

import itertools

import numpy as np
import pytest
from scipy import stats

from steepest.kernels.random import key_of, squares, unit

MASK = (1 << 64) - 1


def published(counter, key):
    """squares64 of Widynski 2020, section 5, in whole numbers without a limit."""

    def swap(x):
        return (x >> 32) | (x << 32) & MASK

    y = x = counter * key & MASK
    z = (y + key) & MASK
    x = swap((x * x + y) & MASK)
    x = swap((x * x + z) & MASK)
    x = swap((x * x + y) & MASK)
    t = (x * x + z) & MASK
    x = swap(t)
    return t ^ ((x * x + y) & MASK) >> 32


@pytest.mark.parametrize("seed", [0, 1, 123456789, -1])
def test_squares_is_the_published_function(seed):
    key = key_of(seed, 3)
    with np.errstate(over="ignore"):
        for counter in (0, 1, 2, 77, 2**32, 2**63 + 5):
            found = squares(np.uint64(counter), np.int64(key).astype(np.uint64))
            assert int(found) == published(counter, key & MASK)


def test_unit_is_uniform_and_below_one():
    with np.errstate(over="ignore"):
        for key in (key_of(0, 1), key_of(7, 2)):
            key = np.int64(key).astype(np.uint64)
            drawn = np.array([unit(np.uint64(k), key) for k in range(5000)])
            assert (drawn >= 0).all()
            assert (drawn < 1).all()
            assert stats.kstest(drawn, "uniform").pvalue > 1e-3
            assert abs(np.corrcoef(drawn[:-1], drawn[1:])[0, 1]) < 0.06


def test_keys_differ_in_about_half_of_their_bits_and_are_odd():
    keys = [key_of(seed, part) for seed in range(20) for part in range(20)]
    assert len(set(keys)) == 400
    assert all(key & 1 for key in keys)
    assert all(-(2**63) <= key < 2**63 for key in keys)
    different = [bin((a ^ b) & MASK).count("1") for a, b in itertools.pairwise(keys)]
    assert 28 < np.mean(different) < 35


def test_a_key_depends_on_every_part_and_on_their_order():
    assert len({key_of(1), key_of(1, 2), key_of(1, 2, 3), key_of(1, 3, 2), key_of(2, 1)}) == 5
    assert key_of(5, 6) == key_of(5, 6)
