import numpy as np
import pytest

from steepest import Dense, Network, Trainer
from steepest.errors import InputError
from steepest.loss import Loss
from steepest.losses import (
    GaussianNLL,
    Huber,
    KLDivergence,
    Logistic,
    OutputWeights,
    Poisson,
    Quantile,
    SoftmaxCrossEntropy,
    Squared,
)
from steepest.saved.config import from_config, to_config

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 3)), RNG.integers(2, size=(40, 2)).astype(float)


def trained(loss, weights=None, threads=1):
    q = loss.outputs(Y)
    network = Network(Dense(q), inputs=3, seed=1, dtype="float64")
    trainer = Trainer(network, loss, batch=7, seed=2, threads=threads)
    history = trainer.fit(X, Y, weights=weights, epochs=3, validation=(X[:9], Y[:9]))
    return np.array([history["loss"], history["validation_loss"]]), network.theta


@pytest.mark.parametrize(
    "loss", [Squared(), Huber(0.5), Logistic(0.1), Poisson(), GaussianNLL(), Quantile()], ids=repr
)
@pytest.mark.parametrize("weights", [None, RNG.random(40)], ids=["alike", "weighted"])
def test_weights_of_one_change_nothing(loss, weights):
    (losses, theta), (expected, same) = (
        trained(OutputWeights(loss, (1, 1)), weights, threads=2), trained(loss, weights)
    )  # fmt: skip
    np.testing.assert_allclose(losses, expected, rtol=1e-12)
    np.testing.assert_allclose(theta, same, rtol=1e-12, atol=1e-15)


def test_weight_0_leaves_the_outputs_of_a_target_alone():
    network = Network(Dense(4), inputs=3, seed=1, dtype="float64")
    before = network.parameters["0.A"].copy()
    Trainer(network, OutputWeights(GaussianNLL(), (0, 2))).fit(X, Y, epochs=1)
    still = (network.parameters["0.A"] == before).all(axis=1)
    assert still.tolist() == [True, True, False, False]


def test_all_but_the_loss_is_that_of_the_loss():
    z = RNG.normal(size=(5, 2))
    loss, plain = OutputWeights(Logistic(), (1, 5)), Logistic()
    for name in ("mean", "predict", "probabilities"):
        np.testing.assert_array_equal(getattr(loss, name)(z), getattr(plain, name)(z))
    assert OutputWeights(Quantile(), (1, 5)).outputs(Y) == 6
    assert OutputWeights(Poisson(log_input=False), (1, 5)).positive
    assert repr(loss) == "OutputWeights(Logistic(), weights=(1.0, 5.0))"


def test_it_is_saved():
    loss = OutputWeights(Quantile((0.1, 0.9)), np.array([1, 2]))
    assert from_config(to_config(loss), "loss") == loss


class Whole(Loss):
    pass


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: OutputWeights("squared", (1, 2)), "loss must be a loss such as"),
        (lambda: OutputWeights(Squared(), (1, -2)), "each of weights must be a number of at least"),
        (lambda: OutputWeights(SoftmaxCrossEntropy(), (1, 2)), "no sum over targets; give weights"),
        (lambda: OutputWeights(KLDivergence(), (1, 2)), "no sum over targets"),
        (lambda: OutputWeights(Whole(), (1, 2)), "no sum over targets"),
        (lambda: OutputWeights(OutputWeights(Squared(), (1, 2)), (1, 2)), "no sum over targets"),
        (lambda: OutputWeights(Logistic(pos_weight=(1, 2)), (1, 2)), "or a single number for all"),
        (lambda: OutputWeights(Squared(), (1, 2)).targets(Y[:, :1], 1, "float64"), "2 weights, a"),
        (lambda: OutputWeights(Squared(), (1, 2)).targets(Y, 3, "float64"), "this one has 3"),
    ],
)
def test_refused(make, words):
    with pytest.raises(InputError, match=words):
        make()


@pytest.mark.parametrize("threads", [1, 2])
def test_examples_of_several_rows(threads):
    """Their ℓ is the average of those of their rows: as if each row were an example."""
    loss, X3, Y3 = OutputWeights(GaussianNLL(), (3, 1)), X[:36].reshape(9, 4, 3), Y[:36]
    found = []
    for x, y, shape, batch in ((X[:36], Y3, 3, 12), (X3, Y3.reshape(9, 4, 2), (4, 3), 3)):
        network = Network(Dense(4), inputs=shape, seed=1, dtype="float64")
        options = {"batch": batch, "sampling": "sequential", "threads": threads}
        history = Trainer(network, loss, **options).fit(x, y, epochs=2, validation=(x, y))
        found.append([*history["loss"], *history["validation_loss"], *network.theta])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-12)
