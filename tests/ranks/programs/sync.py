"""All ranks: is a training by several ranks that of one process with the same batches?

Each rank trains on rows of its own; the first one then trains alone, on all rows in the order in
which the ranks have seen them, and compares.
"""

import dataclasses
import os
import sys
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from mpi4py import MPI
from scipy.sparse import csr_array

from steepest import (
    SGD,
    Adam,
    Augment,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    LayerNorm,
    Network,
    ReLU,
    Residual,
    ScheduleFreeAdamW,
    Sequential,
    SoftmaxCrossEntropy,
    Squared,
    Tanh,
    Trainer,
)
from steepest.checking.catalogue import RULES
from steepest.engine.operands import Buffer
from steepest.errors import DivergenceError, InputError, RankError
from steepest.pipeline.shuffled_blocks import Sample, draws
from steepest.ranks import vectors
from steepest.ranks.together import Ranks
from steepest.ranks.vectors import SentVector, SharedVector, vector_of
from steepest.sampling import Sampler
from steepest.schedules import FlatCosine, OneCycle
from steepest.training import synced_run

RANKS = Ranks(MPI.COMM_WORLD, every=1)
RANK, SIZE = RANKS.rank, RANKS.size
CUTS = {2: [70], 3: [40, 40], 4: [20, 20, 90]}[SIZE]  # one shard of three or four is empty
N, BATCH, EPOCHS = 103, 16, 3
SEEN = []  # what the ranks' samplers have chosen: rows of each step of this rank


class Apart(BatchNorm):
    """Takes the statistics of the rows that it sees."""

    sums_over_processes = False


@dataclass(frozen=True, eq=False)
class Given(Sampler):
    """Rows in an order that is given for all epochs."""

    order: np.ndarray
    keys: int = 0

    def lower(self, low, n, batch, per_epoch, epoch, chosen):
        for _ in range(self.keys):  # as many as the sampler in whose place it is
            low.key()
        order = Buffer.of("given", self.order)
        names = {"epoch": epoch, "per_epoch": per_epoch, "batch": batch, "n": n, "order": order}
        low.emit(take_given, {**names, "i": chosen})


def take_given(step, epoch, per_epoch, batch, n, order, i):
    """i ← the next rows of the order"""
    t = step - epoch[0]
    start = t // per_epoch * n + t % per_epoch * batch
    for k in range(i.shape[0]):
        i[k] = order[start + k]


def spy(rows):
    def spied(self, step, begin, start, n):
        found = rows(self, step, begin, start, n)
        SEEN.append((step, found.copy()))
        return found

    return spied


synced_run._Order.rows = spy(synced_run._Order.rows)


def own(rows, cuts=CUTS):
    """Return this rank's part of some rows."""
    cuts = [0, *cuts, rows.shape[0]]
    return rows[cuts[RANK] : cuts[RANK + 1]]


def order_seen(cuts):
    """Return the rows of all data in the order in which the ranks have seen them."""
    each = RANKS.gather(list(SEEN))
    SEEN.clear()
    starts = [0, *cuts]
    steps = {}
    for start, seen in zip(starts, each, strict=True):
        for step, rows in seen:
            steps.setdefault(step, []).extend((start + rows).tolist())
    return np.array([row for step in sorted(steps) for row in steps[step]])


def compare(what, make, X, y, weights=None, cuts=CUTS, batch=BATCH, drawn=False, **fit):
    """Train together and alone; say by how much θ and the losses differ."""
    SEEN.clear()
    sampling = fit.pop("sampling", "shuffled")
    validation = fit.pop("validation", None)
    mine = None if validation is None else tuple(map(own_held, validation))
    network, loss, rule, more = make()
    w = None if weights is None else own(weights, cuts)
    settings = {"batch": batch, "seed": 3, **more}
    together = Trainer(network, loss, rule, sampling=sampling, ranks=RANKS, **settings)
    together.fit(own(X, cuts), own(y, cuts), weights=w, epochs=EPOCHS, validation=mine, **fit)
    order = order_seen(cuts)
    if RANK:
        return
    network, loss, rule, more = make()
    n = X.shape[0]
    if drawn:  # with replacement: an epoch sees as many rows as its steps have
        n, X, y = len(order) // EPOCHS, X[order], y[order]
        weights = None if weights is None else weights[order] / weights[order].mean()
        order = np.arange(len(order))
    elif len(order) == EPOCHS * n:
        assert (np.sort(order.reshape(EPOCHS, n), axis=1) == np.arange(n)).all(), what
    sampler = Given(order, keys=int(sampling in ("shuffled", "uniform")))
    if sampling == "full":
        sampler = sampling
    alone = Trainer(network, loss, rule, sampling=sampler, threads=1, **settings)
    if drawn:
        alone.fit(X, y, weights=weights, epochs=1)
    else:
        alone.fit(X, y, weights=weights, epochs=EPOCHS, validation=validation, **fit)
    scale = max(1.0, abs(network.theta).max())
    apart = abs(together.network.theta - network.theta).max() / scale
    state, other = together.network.built.state, network.built.state
    apart = max(apart, abs(state - other).max(initial=0.0))
    for name, slot in alone.slots.items():
        apart = max(apart, abs(slot - together.slots[name]).max() / max(1.0, abs(slot).max()))
    if not drawn:
        for column in together.history.columns:
            if column != "seconds":
                gap = abs(together.history[column] - alone.history[column]).max()
                apart = max(apart, gap)
    print(f"{what}: {apart:.1e}", flush=True)
    assert apart < 1e-12, what


def own_held(rows):
    """Return what this rank has of the 30 rows to validate on: the first rank has none."""
    bounds = [0, *[k * 30 // (SIZE - 1) for k in range(SIZE)]]
    return rows[bounds[RANK] : bounds[RANK + 1]]


def refused(kind, text, trainer, X, y):
    """Check that this rank can't train on these rows."""
    with pytest.raises(kind, match=text):
        trainer.fit(X, y)


rng = np.random.default_rng(0)
X, c = rng.normal(size=(N, 6)), rng.integers(0, 3, N)
w = rng.uniform(0.5, 2, N)


def classes(rule, *layers, **more):
    inner = layers or (Dense(16), ReLU(), Dropout(0.3), Dense(3))
    return lambda: (Network(*inner, dtype="float64", seed=1), SoftmaxCrossEntropy(), rule, more)


def every_rule():
    """Without ORACLES=1 the last example of each: what is averaged knows no settings."""
    one_of_each = {type(rule): rule for rule in RULES}.values()
    for k, rule in enumerate(RULES if os.environ.get("ORACLES") else one_of_each):
        compare(f"rule {k} {rule!r}", classes(rule, Dense(8), Tanh(), Dense(3)), X, c)
    rule = SGD(lr=0.1, momentum=0.9, clip_norm=0.3, l2=0.01, l1=0.001, factors={"0.*": 0.5})
    compare("penalties", classes(rule), X, c, w)
    rule = dataclasses.replace(rule, penalty_over_batch=True, clip_value=0.01, weight_decay=0.1)
    compare("penalties over the batch", classes(rule), X, c, w)
    compare("average", classes(Adam(lr=OneCycle(0.01), ema=0.9)), X, c)
    compare("another θ to predict with", classes(ScheduleFreeAdamW(lr=0.01)), X, c)


def every_sampler():
    rule = Adam(lr=0.01)
    compare("weights", classes(rule), X, c, w)
    compare("in order", classes(rule), X, c, sampling="sequential")
    compare("full batch", classes(rule), X, c, w, sampling="full")
    compare(
        "drawn", classes(rule, Dense(8), Tanh(), Dense(3)), X, c, sampling="uniform", drawn=True
    )
    compare("batches as large as the data", classes(rule), X, c, batch=1000)
    compare("fewer examples a step than ranks", classes(rule), X, c, batch=1)
    compare("a gradient in shared memory", classes(rule, Dense(64), Tanh(), Dense(3)), X, c)


def every_input():
    rule = SGD(lr=0.05)
    scheduled = Dense(8), Dropout(FlatCosine(0.5)), Dense(3)
    compare("scheduled dropout", classes(rule, *scheduled), X, c)
    compare("CSR", classes(rule, Dense(8), ReLU(), Dense(3)), csr_array(X * (X > 0.5)), c)
    images = rng.integers(0, 256, (N, 8, 8, 1)).astype(np.uint8)
    seen = Conv2D(3, 3), ReLU(), Dropout(0.2), Flatten(), Dense(3)
    augmented = classes(rule, *seen, augment=Augment(shift=2, cutout=3, flip=True))
    compare("images", augmented, images / 255.0, c)
    steps, targets = rng.normal(size=(N, 5, 4)), rng.normal(size=(N, 5, 2))
    sequences = Dense(6), LayerNorm(), Dropout(0.4), Dense(2)
    network = Network(*sequences, dtype="float64", seed=2)
    make = lambda: (  # noqa: E731
        Network(*network.layer.layers, dtype="float64", seed=2), Squared(), rule, {},
    )  # fmt: skip
    compare("sequences", make, steps, targets, w)
    norm = BatchNorm(momentum=0.8)
    inner = Dense(8), norm, ReLU(), Residual(Dense(8), norm, Dropout(0.2)), Dense(3)
    # (By SGD: the gradient of the first b is 0 but for rounding, which Adam would divide by eps.)
    compare("batch norm", classes(SGD(lr=0.05, momentum=0.9), *inner), X, c, w)
    compare("batch norm, idle ranks", classes(rule, Dense(8), norm, Dense(3)), X, c, batch=5)
    channels = Conv2D(3, 3), norm, ReLU(), Flatten(), Dense(3)
    compare("batch norm of channels", classes(rule, *channels), images / 255.0, c)
    codes = rng.integers(0, 40, (N, 1)).astype(np.float64)
    tables = Sequential(Embedding(40, 4)), Dense(3)
    compare("tables", classes(Adam(lr=0.01), *tables), codes, c)


def ends():
    held = X[:30] + 0.1, c[:30]
    both = {"validation": held, "metrics": ["accuracy"], "patience": 1}
    compare("best epoch", classes(Adam(lr=0.3)), X, c, w, **both)
    loss = SoftmaxCrossEntropy()
    trainer = Trainer(Network(Dense(3), Apart(), Dense(3)), loss, ranks=RANKS)
    refused(InputError, "no rank sees a whole one", trainer, own(X), own(c))
    trainer = Trainer(Network(Dense(3)), loss, seed=1 + min(RANK, 1), ranks=RANKS)
    refused(InputError, "the seed must be the same", trainer, own(X), own(c))
    trainer = Trainer(Network(Dense(3)), loss, ranks=RANKS)
    wide = own(X)[:, : 6 - RANK] if len(own(X)) else own(X)
    refused(InputError, "kind of X must be the same", trainer, wide, own(c))
    bad, is_last = own(X).copy(), RANK == SIZE - 1
    bad[:1] = np.nan if is_last else 0.0
    kind, text = (InputError, "X") if is_last else (RankError, f"rank {SIZE - 1} of")
    refused(kind, text, trainer, bad, own(c))
    network = Network(Dense(8), Dense(3), dtype="float64")
    trainer = Trainer(network, loss, SGD(lr=1e200), batch=BATCH, ranks=RANKS)
    huge = own(X) * (1e200 if is_last else 1.0)
    refused(DivergenceError, "diverged at step", trainer, huge, own(c))
    steps = RANKS.gather((trainer.step, trainer.network.theta.tobytes()))
    assert len(set(steps)) == 1
    assert np.isfinite(trainer.network.theta).all()
    said = []
    trainer = Trainer(*classes(SGD(lr=0.1))()[:3], batch=BATCH, ranks=RANKS)
    stop = [lambda p: said.append(p.step) or p.step >= 20] if RANK == 0 else []
    trainer.fit(own(X), own(c), epochs=1000, callbacks=stop, validation=0.2, patience=500)
    assert 20 <= trainer.step < 7000
    assert RANKS.gather(trainer.step) == SIZE * [trainer.step]
    trainer.fit(own(X), own(c), epochs=10**6, time_limit=0.1)
    assert RANKS.gather(trainer.step) == SIZE * [trainer.step]
    twice = []
    for _ in range(2):
        trainer = Trainer(*classes(Adam(lr=0.01))()[:3], batch=BATCH, ranks=RANKS)
        trainer.fit(own(X), own(c), epochs=4)
        twice.append(trainer.network.theta.tobytes())
    assert len({*RANKS.gather(twice[0]), *RANKS.gather(twice[1])}) == 1


def vectors_of(kind, size):
    """Add up a vector, twice; its bits must be those of a sum in the order of the ranks."""
    vector = vector_of(RANKS, size, np.float64)
    assert type(vector) is kind
    assert vector.array.shape == (size,)
    assert not vector.array.any()
    for seed in range(2):
        vector.array[:] = np.random.default_rng((seed, RANK)).normal(size=size)
        expected = 0.0
        for one in RANKS.gather(vector.array.copy()):
            expected = expected + one
        vector.sum()
        np.testing.assert_array_equal(vector.array, expected)


def sums():
    shared = SharedVector if vectors._PLACE.is_dir() else SentVector
    opened, place = vectors.memory_of_file, None
    if RANK == 0 and shared is SharedVector:
        place = Path(tempfile.mkdtemp(dir=vectors._PLACE))
    vectors._PLACE = RANKS.first(place) or Path("/nowhere")
    for kind, size in ((SentVector, 1), (SentVector, 255), (shared, 257), (shared, 300_001)):
        vectors_of(kind, size)
    vectors.memory_of_file = lambda *given: None if RANK == SIZE - 1 else opened(*given)
    vectors_of(SentVector, 3001)  # one rank has no room
    vectors.memory_of_file = opened
    if place is not None:
        place.rmdir()  # it is empty
    RANKS.meet()
    vectors_of(SentVector, 3001)  # there is no such memory


def samples():
    """Each rank keeps what the sample of all rows has, and no more."""
    draw = draws(0, 5000, 0)
    for size, parts in ((100, SIZE - 1), (100, SIZE), (6000, SIZE)):  # one rank may have no rows
        sample = Sample(size + RANK)
        for start in range(RANK * 500, 5000 * (parts > RANK), parts * 500):
            place = np.arange(start, start + 500)
            sample.add(pa.table({"k": place}), draw[place], place)
        sample.agree(RANKS)
        kept = sample.table()
        found = RANKS.gather([] if kept is None else kept.column("k").to_pylist())
        assert sorted(row for rows in found for row in rows) == sorted(np.argsort(draw)[:size])
        first, *others = RANKS.gather((sample.size, sample.bound))
        assert all(other == first for other in others)
        assert (draw < first[1]).sum() == min(size, 5000)


def averages():
    import local

    local.main()


def estimators():
    import estimators

    estimators.main()


try:
    for part in sys.argv[1:]:
        globals()[part]()
        RANKS.gather(None)
        if RANK == 0:
            print(f"{part} done", flush=True)
except BaseException:
    traceback.print_exc()
    sys.stderr.flush()
    MPI.COMM_WORLD.Abort(1)
