"""BatchNorm while it trains, and what it keeps."""

import numpy as np
import pytest

from steepest import SGD, BatchNorm, Dense, Flatten, Gradients, Network, Squared, Trainer

RNG = np.random.default_rng(0)


def network(shape=(3,), **options):
    layers = [Dense(4), BatchNorm(0.8, eps=0.01), *([Flatten()] if len(shape) > 1 else [])]
    found = Network(*layers, Dense(1), inputs=shape, dtype="float64", **options)
    found.parameters["1.gamma"][:] = [0.5, 1, -1, 2]
    found.parameters["1.beta"][:] = [0, 1, 2, -1]
    return found


def loss(theta, X, y):
    """Return the loss of the batch, by the formulas."""
    h = X @ theta["0.A"].T + theta["0.b"]
    axes = tuple(range(h.ndim - 1))
    u = (h - h.mean(axes)) / np.sqrt(h.var(axes) + 0.01)
    z = (theta["1.gamma"] * u + theta["1.beta"]).reshape(len(X), -1)
    last = "3" if "3.A" in theta else "2"
    z = z @ theta[f"{last}.A"].T + theta[f"{last}.b"]
    return 0.5 * np.mean((z[:, 0] - y) ** 2)


def numerical(theta, X, y, h=1e-6):
    """Return the gradient by central differences."""
    found = {}
    for name, array in theta.items():
        slope = found[name] = np.zeros_like(array)
        for index in np.ndindex(*array.shape):
            ends = []
            for step in (h, -h):
                moved = {k: v.copy() for k, v in theta.items()}
                moved[name][index] += step
                ends.append(loss(moved, X, y))
            slope[index] = (ends[0] - ends[1]) / (2 * h)
    return found


@pytest.mark.parametrize("shape", [(3,), (2, 5, 3)])
@pytest.mark.parametrize("n", [2, 7, 130])
def test_a_step_is_one_along_the_gradient_of_the_batch(shape, n):
    X, y = RNG.normal(size=(n, *shape)), RNG.normal(size=n)
    trained = network(shape)
    before = {name: array.copy() for name, array in trained.parameters.items()}
    Trainer(trained, Squared(), SGD(0.1), batch=n).fit(X, y, epochs=1)
    for name, slope in numerical(before, X, y).items():
        moved = (before[name] - trained.parameters[name]) / 0.1
        np.testing.assert_allclose(moved, slope, rtol=1e-5, atol=1e-7)


def test_averages_are_kept_and_used_to_predict():
    X, y = RNG.normal(1, 2, (150, 3)), RNG.normal(size=150)
    trained = network()
    A, b = trained.parameters["0.A"].copy(), trained.parameters["0.b"].copy()
    Trainer(trained, Squared(), SGD(1e-12), batch=150).fit(X, y, epochs=2)
    h = X @ A.T + b
    np.testing.assert_allclose(trained.state["1.mean"], h.mean(0), rtol=1e-6)
    np.testing.assert_allclose(trained.state["1.variance"], h.var(0, ddof=1), rtol=1e-6)
    u = (h - trained.state["1.mean"]) / np.sqrt(trained.state["1.variance"] + 0.01)
    known = trained.parameters["1.gamma"] * u + trained.parameters["1.beta"]
    known = known @ trained.parameters["2.A"].T + trained.parameters["2.b"]
    np.testing.assert_allclose(trained.predict(X), known, rtol=1e-9)
    np.testing.assert_allclose(trained.predict(X[:1]), known[:1], rtol=1e-9)


def test_the_first_steps_count_alike_and_then_the_momentum():
    X, y = RNG.normal(1, 2, (90, 3)), np.zeros(90)
    trained = network()
    h = (X @ trained.parameters["0.A"].T + trained.parameters["0.b"]).reshape(9, 10, -1)
    trainer = Trainer(trained, Squared(), SGD(1e-12), batch=10, sampling="sequential")
    trainer.fit(X, y, epochs=1)
    mean, variance = np.zeros(4), np.ones(4)
    for step, batch in enumerate(h):
        new = max(0.2, 1 / (step + 1))
        mean = (1 - new) * mean + new * batch.mean(0)
        variance = (1 - new) * variance + new * batch.var(0, ddof=1)
    np.testing.assert_allclose(trained.state["1.mean"], mean, rtol=1e-6)
    np.testing.assert_allclose(trained.state["1.variance"], variance, rtol=1e-6)


def test_a_batch_of_one_example_says_nothing_of_the_variance():
    trained = network()
    Trainer(trained, Squared(), SGD(0.1), batch=1).fit(RNG.normal(size=(1, 3)), [1.0], epochs=1)
    np.testing.assert_array_equal(trained.state["1.variance"], 1.0)
    assert np.isfinite(trained.theta).all()


def test_threads_make_no_difference():
    X, y = RNG.normal(size=(400, 8, 3)), RNG.normal(size=400)
    found = []
    for threads in (1, 2):
        trained = network((8, 3))
        trainer = Trainer(trained, Squared(), SGD(0.01), batch=128, threads=threads)
        trainer.fit(X, y, epochs=2)
        found.append((trained.theta.copy(), trained.state["1.mean"].copy()))
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)


def test_gradients_at_a_fixed_theta_take_the_averages_as_given():
    X, y = RNG.normal(size=(6, 3)), RNG.normal(size=6)
    fixed = network()
    before = fixed.state["1.mean"].copy()
    gradients = Gradients(fixed, Squared())
    each = gradients.each(X, y)
    for name, mean in gradients.mean(X, y).theta.items():
        np.testing.assert_allclose(each[name].mean(0), mean, atol=1e-12)
    np.testing.assert_array_equal(fixed.state["1.mean"], before)
