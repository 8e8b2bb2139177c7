"""X of uint8 stays so, and becomes real batch by batch: everything is as with a copy in floats."""

import numpy as np
import pytest

from steepest import (
    SGD,
    Conv2D,
    Dense,
    Flatten,
    Gradients,
    Network,
    SoftmaxCrossEntropy,
    Trainer,
    hardest_examples,
    importance,
)
from steepest.arrays import as_inputs
from steepest.network import prepare

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (70, 5, 4, 2), np.uint8)
Y = RNG.integers(0, 3, 70)
LOSS = SoftmaxCrossEntropy()


def network(dtype="float32"):
    return Network(Conv2D(3, 3), Flatten(), Dense(3), inputs=X.shape[1:], dtype=dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [0, 1, 70])
def test_predictions(dtype, n):
    made = network(dtype)
    expected = made.predict(X[:n].astype(dtype), batch=16)
    assert (made.predict(X[:n], batch=16) == expected).all()
    assert (made.predict(X[:n][:, ::-1], batch=16) == made.predict(X[:n, ::-1].astype(dtype))).all()


@pytest.mark.parametrize("threads", [1, 2])
def test_training(threads):
    found = []
    for given in (X, X.astype(np.float32)):
        made = network()
        trainer = Trainer(made, LOSS, SGD(1e-4), batch=16, threads=threads)
        history = trainer.fit(given, Y, epochs=2, validation=0.2)
        losses = np.array([history["loss"], history["validation_loss"]])
        found.append((made.theta, losses))
    assert (found[0][0] == found[1][0]).all()
    assert (found[0][1] == found[1][1]).all()


def test_batches_that_come_one_by_one_may_be_of_both_kinds():
    found = []
    for kinds in ((np.uint8, np.float32), (np.float32, np.float32)):
        made = network()
        batches = [(X[:20].astype(kind), Y[:20]) for kind in kinds]
        Trainer(made, LOSS, SGD(1e-4)).fit(batches, epochs=2)
        found.append(made.theta)
    assert (found[0] == found[1]).all()


def test_gradients():
    gradients, real = Gradients(network(), LOSS), X.astype(np.float32)
    assert (gradients.mean(X, Y).vector == gradients.mean(real, Y).vector).all()
    assert (gradients.norms(X, Y).total == gradients.norms(real, Y).total).all()
    ranked = [hardest_examples(gradients.network, LOSS, given, Y).rows for given in (X, real)]
    assert ranked[0].tolist() == ranked[1].tolist()
    rises = [importance(gradients.network, LOSS, given, Y).permutation for given in (X, real)]
    assert rises[0].tolist() == rises[1].tolist()


def test_there_is_no_copy():
    prepared, _, _ = prepare(network(), LOSS, X, Y, None, "test")
    assert np.shares_memory(prepared, X)
    assert as_inputs(X, "float32", "test").dtype == np.float32
