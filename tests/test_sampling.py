import numpy as np
import pytest
from scipy import stats

from steepest import SGD, Dense, InputError, Network, Squared
from steepest.data import as_inputs
from steepest.sampling import SAMPLERS, sampler_named
from steepest.training import TrainingRun


def rows_seen(sampling, n, batch, steps, seed=0):
    """Return the rows of each step, read from the memory of the program."""
    network = Network(Dense(1), inputs=1, dtype="float64")
    X = as_inputs(np.arange(n)[:, None] / n, "float64", "test")
    run = TrainingRun(
        network, Squared(), SGD(lr=1e-9), sampler_named(sampling), X, np.zeros((n, 1)), None,
        batch=batch, threads=1, seed=seed, slots={}, step=0,
    )  # fmt: skip
    chosen = run._arena._blocks["i"]
    found = []
    with run.engine:
        for step in range(steps):
            run.run(np.full(1, 1e-9))
            found.append(chosen.array[: run.rows(step)].copy())
    return found


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
