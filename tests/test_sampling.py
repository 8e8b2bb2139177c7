from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from steepest import SGD, Dense, InputError, Network, Squared
from steepest.arrays import as_inputs
from steepest.kernels.prefetch import ENTRIES_AHEAD, rows_ahead
from steepest.kernels.random import key_of, squares, unit
from steepest.sampling import SAMPLERS, sampler_named, shuffle
from steepest.training.descent import Descent
from steepest.training.run import TrainingRun


def run_of(sampling, n, batch, seed=0):
    network = Network(Dense(1), inputs=1, dtype="float64")
    X = as_inputs(np.arange(n)[:, None] / n, "float64", "test")
    return TrainingRun(
        network,
        Descent(Squared(), SGD(lr=1e-9), sampler_named(sampling), batch, seed),
        (X, np.zeros((n, 1)), None),
        slots={},
        step=0,
        threads=1,
    )


def numbers_written(sampling, n, batch, steps, seed=0):
    """Return what the sampler wrote in each step: the rows of the batch, and the rows to come.

    Read from the memory of the program, where all is -1 before each step.
    """
    run = run_of(sampling, n, batch, seed)
    numbers = run._arena._blocks["i"].array
    found = []
    with run.engine:
        for step in range(steps):
            numbers[:] = -1
            run.run(np.full(1, 1e-9))
            rows = run.rows(step)
            ahead = rows_ahead(rows) if run.descent.sampler.scattered else 0
            found.append((numbers[:rows].copy(), numbers[rows : rows + ahead].copy()))
    return found


def rows_seen(*arguments, **options):
    """Return the rows of each step."""
    return [rows for rows, _ in numbers_written(*arguments, **options)]


def test_shuffled_epochs_see_every_row_once():
    seen = rows_seen("shuffled", 23, 5, 15)
    epochs = [np.concatenate(seen[k : k + 5]) for k in (0, 5, 10)]
    assert [len(rows) for rows in seen[:5]] == [5, 5, 5, 5, 3]
    for epoch in epochs:
        assert sorted(epoch) == list(range(23))
    assert epochs[0].tolist() != epochs[1].tolist()
    assert epochs[1].tolist() != epochs[2].tolist()
    again = np.concatenate(rows_seen("shuffled", 23, 5, 5))
    other = np.concatenate(rows_seen("shuffled", 23, 5, 5, seed=1))
    assert again.tolist() == epochs[0].tolist()
    assert other.tolist() != epochs[0].tolist()


def test_shuffling_is_fair():
    orders = np.array([np.concatenate(rows_seen("shuffled", 4, 4, 1, seed=s)) for s in range(600)])
    codes = (orders * [64, 16, 4, 1]).sum(axis=1)
    counts = np.unique(codes, return_counts=True)[1]
    assert len(counts) == 24
    assert stats.chisquare(counts).pvalue > 1e-3


def test_uniform_draws_are_uniform():
    drawn = np.concatenate(rows_seen("uniform", 10, 8, 500))
    assert stats.chisquare(np.bincount(drawn, minlength=10)).pvalue > 1e-3


def test_sequential_and_full():
    assert [r.tolist() for r in rows_seen("sequential", 5, 2, 4)] == [[0, 1], [2, 3], [4], [0, 1]]
    assert rows_seen("full", 4, 4, 2)[1].tolist() == [0, 1, 2, 3]
    with pytest.raises(InputError, match=", ".join(SAMPLERS)):
        sampler_named("nonsense")


@pytest.mark.parametrize("sampling", ["shuffled", "uniform"])
@pytest.mark.parametrize(("n", "batch"), [(23, 5), (20, 5), (7, 1), (90, 40), (4, 4)])
def test_the_rows_to_come_are_rows_and_come(sampling, n, batch):
    per_epoch = -(-n // batch)
    written = numbers_written(sampling, n, batch, 3 * per_epoch)
    for _, ahead in written:
        assert len(ahead) > 0
        assert ((ahead >= 0) & (ahead < n)).all()
    for k, ((_, ahead), (following, _)) in enumerate(pairwise(written)):
        if sampling == "uniform" or (k + 1) % per_epoch:
            known = min(len(ahead), len(following))
            assert ahead[:known].tolist() == following[:known].tolist()


def test_the_order_is_that_of_the_textbook():
    n = 3 * ENTRIES_AHEAD + 7
    key = key_of(3, 1)
    order, moves = np.zeros(n, np.int32), np.zeros(ENTRIES_AHEAD, np.int64)
    with np.errstate(over="ignore"):
        shuffle(5, np.array([5, 0]), 10, order, moves, key)
        own = np.int64(squares(5, key) | np.uint64(1))
        expected = list(range(n))
        for k in range(n - 1, 0, -1):
            other = int(unit(k, own) * (k + 1))
            expected[k], expected[other] = expected[other], expected[k]
    assert order.tolist() == expected
