"""Chunks: how many steps are taken before Python looks up."""

import numpy as np
import pytest

from steepest import SGD, Dense, Network, Squared
from steepest.sampling import SAMPLERS
from steepest.training.board import CHUNK
from steepest.training.chunks import Chunks, next_size
from steepest.training.descent import Descent
from steepest.training.learning_rates import rates_of
from steepest.training.run import TrainingRun


def run_of(n=10, batch=4, lr=0.01):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((n, 3)).astype("f4"), rng.standard_normal((n, 1)).astype("f4")
    network = Network(Dense(1), inputs=3)
    descent = Descent(Squared(), SGD(lr), SAMPLERS["shuffled"], batch)
    return TrainingRun(network, descent, (X, y, None), slots={}, step=0, threads=1)


@pytest.mark.parametrize(
    ("size", "took", "expected"),
    [
        (100, 1.0, 100),
        (100, 2.0, 50),
        (100, 0.5, 200),
        (100, 0.001, 400),  # a short time is measured badly
        (100, 0.0, 400),
        (1, 100.0, 1),
    ],
)
def test_the_next_chunk_is_as_long_as_it_should_take(size, took, expected):
    assert next_size(size, took, 1.0) == expected


def test_sizes_of_an_epoch_end_with_the_short_batch():
    assert run_of(10, 4).epoch_sizes.tolist() == [4, 4, 2]
    assert run_of(8, 4).epoch_sizes.tolist() == [4, 4]


def test_no_chunk_is_longer_than_planned_or_than_a_limit(monkeypatch):
    run, asked = run_of(), []

    def rates(steps, monitored):
        asked.append((steps.tolist(), monitored()))
        return np.full(steps.size, 0.01)

    several = Chunks(run, rates, seconds=1e9, first=2)
    taken = [several.run(lambda: [0.5], *limits)[0].size for limits in ([100], [100, 3], [100, 1])]
    assert taken == [2, 3, 1]
    assert asked == [([0, 1], [0.5]), ([2, 3, 4], [0.5]), ([5], [0.5])]
    assert several.run(lambda: [], 10**6)[0].size == 4  # four times as many
    monkeypatch.setattr(TrainingRun, "most_steps", 5)
    assert several.run(lambda: [], 10**6)[0].size == 5


def test_planned_chunks_grow_to_the_longest_there_is():
    several = Chunks(run_of(), rates_of(0.01, 10**6), seconds=1e9, first=1)
    found = [several.run(lambda: [], 10**6)[0].size for _ in range(8)]
    assert found == [1, 4, 16, 64, 256, 1024, 4096, CHUNK]


def test_a_chunk_ends_at_a_loss_that_is_not_finite():
    several = Chunks(run_of(lr=1e20), rates_of(1e20, 100), seconds=1e9, first=50)
    losses, rates = several.run(lambda: [], 50)
    assert losses.size < rates.size == 50
    assert np.isfinite(losses).tolist() == [True] * (losses.size - 1) + [False]
