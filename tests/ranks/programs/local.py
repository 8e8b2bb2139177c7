"""All ranks: averages every few steps, against the same arithmetic by NumPy; sync.py runs it."""

import numpy as np
import pytest
from mpi4py import MPI

from steepest import (
    SGD,
    Adam,
    BatchNorm,
    Dense,
    DivergenceError,
    Dropout,
    Network,
    ReLU,
    ScheduleFreeAdamW,
    SoftmaxCrossEntropy,
    Squared,
    Trainer,
)
from steepest.ranks.together import Ranks
from steepest.training.local_run import sizes_of

COMM = MPI.COMM_WORLD
RANK, SIZE = COMM.rank, COMM.size
CUTS = [0, *{2: [70], 3: [40, 40]}[SIZE], 103]
N, BATCH = 103, 16
rng = np.random.default_rng(0)
X, y = rng.normal(size=(N, 5)), rng.normal(size=(N, 1))
MINE = slice(CUTS[RANK], CUTS[RANK + 1])


def linear_regression_is_that_of_numpy(every):
    """Plain descent on a linear map, each rank in the order of its rows."""
    ranks = Ranks(COMM, every=every)
    network = Network(Dense(1), dtype="float64", seed=1, inputs=5)
    theta = [np.append(network.parameters["0.A"].reshape(-1), 0.0)] * SIZE
    trainer = Trainer(
        network, Squared(), SGD(lr=0.05), batch=BATCH, sampling="sequential", ranks=ranks
    )
    history = trainer.fit(X[MINE], y[MINE], epochs=3)
    counts = np.diff(CUTS)
    sizes = sizes_of(counts.tolist(), BATCH, epochs=True)
    assert (sizes.sum(axis=0) == counts).all()
    losses = []
    for _ in range(3):
        seen, since = np.zeros(SIZE, int), np.zeros(SIZE)
        for step, own in enumerate(sizes):
            loss = 0.0
            for rank in range(SIZE):
                start = CUTS[rank] + seen[rank]
                rows = slice(start, start + own[rank])
                Z = np.hstack([X[rows], np.ones((own[rank], 1))])
                apart = Z @ theta[rank] - y[rows, 0]
                loss += 0.5 * (apart**2).sum()
                if own[rank]:
                    theta[rank] = theta[rank] - 0.05 * Z.T @ apart / own[rank]
            losses.append((loss / own.sum(), own.sum()))
            seen, since = seen + own, since + own
            if (step + 1) % every == 0 or step + 1 == len(sizes):
                theta = [sum(t * s for t, s in zip(theta, since, strict=True)) / since.sum()] * SIZE
                since = np.zeros(SIZE)
    found = np.append(network.parameters["0.A"].reshape(-1), network.parameters["0.b"])
    np.testing.assert_allclose(found, theta[0], rtol=0, atol=1e-13)
    per_epoch = len(sizes)
    for k in range(3):
        values, weights = zip(*losses[k * per_epoch : (k + 1) * per_epoch], strict=True)
        assert abs(history["loss"][k] - np.average(values, weights=weights)) < 1e-12


def all_ranks_come_to_the_same(rule, *layers, **fit):
    bits = []
    for _ in range(2):
        network = Network(*layers, dtype="float64", seed=1)
        ranks = Ranks(COMM, every=3)
        trainer = Trainer(network, SoftmaxCrossEntropy(), rule, batch=BATCH, ranks=ranks)
        history = trainer.fit(X[MINE], C[MINE], epochs=4, **fit)
        slots = {name: slot.tobytes() for name, slot in trainer.slots.items()}
        bits += ranks.gather((network.theta.tobytes(), network.built.state.tobytes(), slots))
        assert len(history) == 4
    assert all(one == bits[0] for one in bits)


C = rng.integers(0, 3, N)


def main():
    for every in (2, 3, 100):
        linear_regression_is_that_of_numpy(every)
    inner = Dense(8), ReLU(), Dropout(0.2), Dense(3)
    all_ranks_come_to_the_same(SGD(lr=0.1), *inner)
    all_ranks_come_to_the_same(Adam(lr=0.01, ema=0.9), *inner, validation=0.2, patience=9)
    all_ranks_come_to_the_same(ScheduleFreeAdamW(lr=0.01), *inner)
    all_ranks_come_to_the_same(Adam(lr=0.01), Dense(8), BatchNorm(), ReLU(), Dense(3))
    ranks = Ranks(COMM, every=4)
    network = Network(Dense(8), Dense(3), dtype="float64")
    trainer = Trainer(network, SoftmaxCrossEntropy(), SGD(lr=1e200), batch=BATCH, ranks=ranks)
    with pytest.raises(DivergenceError, match="diverged at step"):
        trainer.fit(X[MINE], C[MINE])
    assert len(set(ranks.gather((trainer.step, network.theta.tobytes())))) == 1
    assert np.isfinite(network.theta).all()
    for layers in ((Dense(8), BatchNorm(), Dense(3)), (Dense(8), Dense(3))):  # measured
        trainer = Trainer(Network(*layers), SoftmaxCrossEntropy(), batch=BATCH, ranks=COMM)
        trainer.fit(X[MINE], C[MINE], epochs=2)
        assert trainer.step % 2 == 0
