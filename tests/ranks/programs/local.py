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
SIZES = sizes_of(np.diff(CUTS).tolist(), BATCH, epochs=True)


def descend(theta, g, own, t):
    """One step of plain descent."""
    return (theta[0] - 0.05 * g,)


def adapt(theta, g, own, t):
    """One step of Adam for ``own`` of the rows of a batch, with weight decay; t from 1."""
    at, m, v = theta
    m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g**2
    far = 0.05 * np.sqrt(SIZES[0].sum() / own) / (1 - 0.9**t) * m
    decay = 0.05 * 0.1 / t * np.append(np.ones(5), 0.0) * at
    return at - decay - far / (np.sqrt(v / (1 - 0.99**t)) + 1e-8), m, v


def linear_regression_is_that_of_numpy(every, rule, step_of, slots):
    """A rule on a linear map, each rank in the order of its rows."""
    ranks = Ranks(COMM, every=every)
    network = Network(Dense(1), dtype="float64", seed=1, inputs=5)
    start = np.append(network.parameters["0.A"].reshape(-1), 0.0)
    at = [(start, *[np.zeros(6)] * slots)] * SIZE
    trainer = Trainer(network, Squared(), rule, batch=BATCH, sampling="sequential", ranks=ranks)
    history = trainer.fit(X[MINE], y[MINE], epochs=3)
    counts, losses = np.diff(CUTS), []
    assert (SIZES.sum(axis=0) == counts).all()
    for t in range(1, 3 * len(SIZES) + 1):
        step = (t - 1) % len(SIZES)
        if step == 0:
            seen, since = np.zeros(SIZE, int), np.zeros(SIZE)
        own, loss = SIZES[step], 0.0
        for rank in range(SIZE):
            start = CUTS[rank] + seen[rank]
            rows = slice(start, start + own[rank])
            Z = np.hstack([X[rows], np.ones((own[rank], 1))])
            apart = Z @ at[rank][0] - y[rows, 0]
            loss += 0.5 * (apart**2).sum()
            if own[rank]:
                at[rank] = step_of(at[rank], Z.T @ apart / own[rank], SIZES[0, rank], t)
        losses.append((loss / own.sum(), own.sum()))
        seen, since = seen + own, since + own
        if (step + 1) % every == 0 or step + 1 == len(SIZES):
            shares = since / since.sum()
            at = [tuple(shares @ np.array(parts) for parts in zip(*at, strict=True))] * SIZE
            since = np.zeros(SIZE)
    found = np.append(network.parameters["0.A"].reshape(-1), network.parameters["0.b"])
    np.testing.assert_allclose(found, at[0][0], rtol=0, atol=1e-13)
    per_epoch = len(SIZES)
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
    decaying = Adam(lr=0.05, beta2=0.99, weight_decay=lambda t: 0.1 / (1 + t))
    for every in (2, 3, 100):
        linear_regression_is_that_of_numpy(every, SGD(lr=0.05), descend, 0)
        linear_regression_is_that_of_numpy(every, decaying, adapt, 2)
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
