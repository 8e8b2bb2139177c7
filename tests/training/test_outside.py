"""Steps by gradients from outside."""

import inspect

import numpy as np
import pytest
from scipy import sparse

from steepest import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Augment,
    BatchNorm,
    Conv2D,
    Cosine,
    Dense,
    DivergenceError,
    Dropout,
    Embedding,
    Flatten,
    Huber,
    InputError,
    Logistic,
    Muon,
    Network,
    Poisson,
    ReduceOnPlateau,
    ReLU,
    ScheduleFreeAdamW,
    SoftmaxCrossEntropy,
    Squared,
    Tanh,
    Trainer,
)

RNG = np.random.default_rng(0)
X = RNG.standard_normal((32, 6))
REAL = RNG.standard_normal((32, 3))
CLASSES = RNG.integers(0, 3, 32)
RULES = [
    SGD(lr=0.1),
    SGD(lr=0.1, momentum=0.9, clip_norm=0.05),
    Adam(lr=Cosine(0.01, total=20)),
    Adam(lr=0.01, ema=0.9, l2=0.1),
    AdamW(lr=0.01),
    Muon(lr=0.01),
    ScheduleFreeAdamW(lr=0.01),
]


def network(dtype="float64", inputs=6):
    return Network(
        Dense(20), BatchNorm(), ReLU(), Dropout(0.2), Dense(3), inputs=inputs, dtype=dtype
    )


def gradient_of(loss, y):
    """Return the function of outputs that is ∂ℓ/∂y of a loss, by its kernel as plain Python."""

    def dy(z):
        n, found = len(z), np.zeros_like(z)
        targets = loss.targets(np.asarray(y), z.shape[1], str(z.dtype))
        names = {"z": z, "y": targets, "w": np.ones(n), "loss": np.zeros(n), "dz": found}
        names |= {"scale": 1 / n, "rows": range(n), **loss.settings()}
        wanted = inspect.signature(loss.gradient).parameters
        loss.gradient(**{name: names[name] for name in wanted})
        return found

    return dy


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("threads", [1, 2])
def test_steps_are_those_of_fit_to_the_last_bit(rule, threads):
    # 1/32 and differences are exact in both ways of computing them.
    fitted = Trainer(network("float32"), Squared(), rule, seed=3, threads=threads)
    outside = Trainer(network("float32"), rule=rule, seed=3, threads=threads)
    x, y = X.astype(np.float32), REAL.astype(np.float32)
    for _ in range(6):
        fitted.fit([(x, y)], epochs=1)
        outside.descend(x, lambda z: (z - y) / np.float32(32))
    assert outside.step == fitted.step == 6
    assert np.array_equal(outside.network.theta, fitted.network.theta)
    for name, state in fitted.network.state.items():
        assert np.array_equal(outside.network.state[name], state)
    for name, slot in fitted.slots.items():
        assert np.array_equal(outside.slots[name], slot)


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        (Huber(0.5), REAL),
        (Poisson(), np.abs(REAL)),
        (Logistic(label_smoothing=0.1), (REAL > 0).astype(float)),
        (SoftmaxCrossEntropy(), CLASSES),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("rule", [SGD(lr=0.1), SGD(lr=0.1, momentum=0.9)], ids=repr)
def test_a_loss_may_stand_outside(loss, y, weighted, rule):
    weights = RNG.uniform(0.5, 2, 32) if weighted else None
    fitted, outside = Trainer(network(), loss, rule), Trainer(network(), rule=rule)
    for _ in range(5):
        fitted.fit([(X, y) if weights is None else (X, y, weights)], epochs=1)
        outside.descend(X, gradient_of(loss, y), weights=weights)
    np.testing.assert_allclose(outside.network.theta, fitted.network.theta, rtol=0, atol=1e-13)


def test_fits_and_steps_go_on_from_one_another():
    rule = Adam(lr=Cosine(0.01, total=30))
    fitted, both = Trainer(network(), Squared(), rule), Trainer(network(), Squared(), rule)
    for k in range(8):
        fitted.fit([(X, REAL)], epochs=1)
        if k % 3:
            both.descend(X, gradient_of(Squared(), REAL))
        else:
            both.fit([(X, REAL)], epochs=1)
    assert both.step == 8
    np.testing.assert_allclose(both.network.theta, fitted.network.theta, rtol=0, atol=1e-13)


def test_a_chain_of_networks_is_one():
    whole = Trainer(Network(Dense(8), Tanh(), Dense(3), inputs=6, dtype="float64"), rule=Adam())
    first = Trainer(Network(Dense(8), Tanh(), inputs=6, dtype="float64"), rule=Adam())
    second = Trainer(Network(Dense(3), inputs=8, dtype="float64"), rule=Adam())
    cut = first.network.theta.size
    first.network.theta, second.network.theta = (
        whole.network.theta[:cut],
        whole.network.theta[cut : cut + second.network.theta.size],
    )
    dy = gradient_of(Squared(), REAL)
    for _ in range(4):
        whole.descend(X, dy)
        hidden = first.forward(X)
        dx = second.backward(dy(second.forward(hidden)), wants_dx=True)
        assert first.backward(dx) is None
    for part, at in ((first, 0), (second, cut)):
        own = part.network.theta
        np.testing.assert_allclose(own, whole.network.theta[at : at + own.size], atol=1e-14)


def test_dx_is_the_gradient_of_the_inputs():
    trainer = Trainer(
        Network(Dense(5), Tanh(), Dense(2), inputs=6, dtype="float64"), rule=SGD(lr=1e-12)
    )
    dy = RNG.standard_normal((4, 2))
    trainer.forward(X[:4])
    dx = trainer.backward(dy, wants_dx=True)
    for i, j in ((0, 0), (3, 5)):
        high, low = X[:4].copy(), X[:4].copy()
        high[i, j] += 1e-6
        low[i, j] -= 1e-6
        change = (trainer.network.predict(high) - trainer.network.predict(low)) / 2e-6
        np.testing.assert_allclose(dx[i, j], (dy * change).sum(), rtol=1e-7)


def test_examples_of_any_shape():
    fitted = Trainer(Network(Dense(3), inputs=(4, 6), dtype="float64"), Squared(), Adam())
    outside = Trainer(Network(Dense(3), inputs=(4, 6), dtype="float64"), rule=Adam())
    x, y = X.reshape(8, 4, 6), REAL.reshape(8, 4, 3)
    for _ in range(3):
        fitted.fit([(x, y)], epochs=1)
        outside.descend(x, lambda z: (z - y) / 32)
    np.testing.assert_allclose(outside.network.theta, fitted.network.theta, atol=1e-14)


def test_images_are_changed_as_in_training():
    pictures = RNG.standard_normal((8, 6, 6, 1)).astype(np.float32)
    y = RNG.standard_normal((8, 2)).astype(np.float32)

    def made(**more):
        layers = Conv2D(3, 3), ReLU(), Flatten(), Dense(2)
        return Trainer(Network(*layers, inputs=(6, 6, 1)), augment=Augment(shift=1), **more)

    fitted, outside = made(loss=Squared(), rule=Adam()), made(rule=Adam())
    for _ in range(3):
        fitted.fit([(pictures, y)], epochs=1)
        outside.descend(pictures, lambda z: (z - y) / np.float32(8))
    assert np.array_equal(outside.network.theta, fitted.network.theta)
    outside.forward(pictures)
    with pytest.raises(InputError, match="augment"):
        outside.backward(y, wants_dx=True)


def test_batches_of_many_sizes():
    fitted = Trainer(network(), Squared(), Adam())
    outside = Trainer(network(), rule=Adam())
    for n in [*range(4, 30), 4, 5]:
        fitted.fit([(X[:n], REAL[:n])], epochs=1)
        outside.descend(X[:n], gradient_of(Squared(), REAL[:n]))
    np.testing.assert_allclose(outside.network.theta, fitted.network.theta, atol=1e-13)


@pytest.mark.parametrize("rule", [SGD(lr=0.1), Adagrad(lr=0.1)], ids=repr)
def test_a_large_table_is_updated_by_rows_for_longer_than_its_log(rule):
    def made(loss=None):
        layers = Embedding(100_000, 2), Dense(1)
        return Trainer(Network(*layers, inputs=300, dtype="float64"), loss, rule)

    fitted, outside = made(Squared()), made()
    rng = np.random.default_rng(1)
    for _ in range(25):  # 16 steps of 9,000 rows fill the log
        codes, y = rng.integers(0, 100_000, (30, 300)).astype(float), rng.standard_normal((30, 1))
        fitted.fit([(codes, y)], epochs=1)
        outside.descend(codes, gradient_of(Squared(), y))
    np.testing.assert_allclose(outside.network.theta, fitted.network.theta, atol=1e-12)


def untouched(trainer, call, match):
    """Check that a call is refused, and changes nothing."""
    before = [trainer.network.theta, *trainer.network.state.values(), *trainer.slots.values()]
    copies = [array.copy() for array in before]
    step = trainer.step
    with pytest.raises(InputError, match=match):
        call()
    assert trainer.step == step
    for array, copy in zip(before, copies, strict=True):
        assert np.array_equal(array, copy)


@pytest.mark.parametrize(
    ("x", "match"),
    [
        (X[:, :5], "built for 6 inputs, got 5"),
        (X[0], r"must be \(rows, columns\)"),
        (X[:0], "no rows"),
        (np.where(X > 1, np.nan, X), "not finite, first in row"),
        (np.where(X > 1, np.inf, X).tolist(), "not finite, first in row"),
        (X + 1j, "real"),
        ([["a"] * 6], "numbers"),
        (sparse.csr_matrix(X), "CSR"),
    ],
)
def test_wrong_inputs_are_refused(x, match):
    trainer = Trainer(network(), rule=Adam())
    trainer.descend(X, np.ones((32, 3)))
    untouched(trainer, lambda: trainer.forward(x), match)
    untouched(trainer, lambda: trainer.backward(np.ones((32, 3))), "call forward")


@pytest.mark.parametrize(
    ("dy", "match"),
    [
        (np.ones((32, 2)), r"of shape \(32, 3\), got \(32, 2\)"),
        (np.ones((31, 3)), r"of shape \(32, 3\), got \(31, 3\)"),
        (np.ones(3), r"of shape \(32, 3\), got \(3,\)"),
        (np.where(np.arange(96).reshape(32, 3) == 4, np.nan, 1), r"dy is nan at \[1, 1\]"),
        (np.full((32, 3), -np.inf), r"dy is -inf at \[0, 0\]"),
        (np.full((32, 3), "a"), "numbers"),
        (None, "dy"),
    ],
)
def test_wrong_gradients_are_refused_and_a_right_one_may_follow(dy, match):
    trainer, other = Trainer(network(), rule=Adam()), Trainer(network(), rule=Adam())
    trainer.forward(X)
    untouched(trainer, lambda: trainer.backward(dy), match)
    trainer.backward(np.ones((32, 3)))
    other.descend(X, np.ones((32, 3)))
    assert np.array_equal(trainer.network.theta, other.network.theta)


def test_what_is_too_large_for_float32_is_refused():
    trainer = Trainer(network("float32"), rule=Adam())
    trainer.forward(X)
    untouched(trainer, lambda: trainer.backward(np.full((32, 3), 1e39)), "too large for float32")
    untouched(trainer, lambda: trainer.forward(np.full((32, 6), 1e39)), "too large for float32")


def test_wrong_weights_are_refused():
    trainer = Trainer(network(), rule=Adam())
    trainer.forward(X)
    dy = np.ones((32, 3))
    untouched(trainer, lambda: trainer.backward(dy, weights=np.ones(31)), "one weight for each")
    untouched(trainer, lambda: trainer.backward(dy, weights=-np.ones(32)), "at least 0")
    trainer.backward(dy, weights=np.ones(32))


def test_codes_of_a_table_are_checked_each_time():
    trainer = Trainer(Network(Embedding(5, 2), Dense(1), inputs=1, dtype="float64"), rule=SGD())
    trainer.descend([[0.0], [4.0]], np.ones((2, 1)))
    untouched(trainer, lambda: trainer.forward(np.array([[0.0], [5.0]])), "must be one of")


def test_each_backward_wants_a_forward():
    trainer = Trainer(network(), Squared(), Adam())
    untouched(trainer, lambda: trainer.backward(np.ones((32, 3))), r"call forward\(X\) first")
    trainer.descend(X, np.ones((32, 3)))
    untouched(trainer, lambda: trainer.backward(np.ones((32, 3))), "once for each backward")
    trainer.forward(X)
    trainer.fit(X, REAL, epochs=1)
    untouched(trainer, lambda: trainer.backward(np.ones((32, 3))), "fit nothing in between")


def test_no_step_within_a_fit():
    trainer = Trainer(network(), Squared(), Adam())
    refused = []

    def look(progress):
        with pytest.raises(InputError, match="being fitted already"):
            trainer.descend(X, np.ones((32, 3)))
        refused.append(True)

    trainer.fit(X, REAL, epochs=1, callbacks=[look])
    assert refused


def test_divergence_is_told():
    trainer = Trainer(Network(Dense(3), inputs=6), rule=SGD(lr=1e30))
    trainer.descend(X, np.full((32, 3), 1e20))
    with pytest.raises(DivergenceError, match=r"before step 1: .* the parameter 0\.[Ab] is not"):
        trainer.forward(X)


def test_a_plateau_of_epochs_is_refused():
    with pytest.raises(InputError, match="ReduceOnPlateau"):
        Trainer(network(), rule=SGD(lr=ReduceOnPlateau(0.1))).forward(X)


def test_a_trainer_without_a_loss_only_descends_and_predicts():
    trainer = Trainer(network(), rule=SGD())
    trainer.descend(X, np.ones((32, 3)))
    assert trainer.predict(X).shape == (32, 3)
    untouched(trainer, lambda: trainer.fit(X, REAL), "no loss")
    untouched(trainer, lambda: trainer.evaluate(X, REAL), "no loss")
    with pytest.raises(InputError, match="Trainer: loss must be a loss"):
        Trainer(network(), "squared")
