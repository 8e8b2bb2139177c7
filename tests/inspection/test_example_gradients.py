"""Gradients of single examples, their norms and moments, against one example after the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from steepest import (
    Concat,
    Dense,
    Dropout,
    Embedding,
    Gradients,
    Identity,
    InputError,
    Layer,
    LayerNorm,
    Network,
    Parallel,
    Residual,
    Scale,
    Sequential,
    SoftmaxCrossEntropy,
    Softplus,
    Squared,
    Tanh,
    example_norms,
    gradient,
    gradient_moments,
    per_example_gradients,
)
from steepest.layer import Parameter

CODES = Parallel((3, Identity()), (2, Embedding(5, 3)))
NETWORKS = {
    "few units": (Dense(5), Tanh(), Dense(3)),
    "many units": (Dense(20), Tanh(), Dense(17), Dropout(0.5), Dense(3)),
    "no bias": (Dense(20, bias=False), Tanh(), Dense(3, bias=False)),
    "norm and scale": (Scale(), Dense(20), LayerNorm(), Softplus(), Dense(3)),
    "embedding": (CODES, Dense(8), Tanh(), Dense(3)),
    "nested": (
        Dense(8),
        Residual(Concat(Residual(Dense(8), Tanh()), Identity()), LayerNorm(), Dense(8)),
        Parallel((3, Dense(4)), (5, Sequential(Identity(), Dense(17)))),
        Dense(3),
    ),
}


def data(n, seed=3):
    rng = np.random.default_rng(seed)
    X = np.hstack([rng.standard_normal((n, 3)), rng.integers(0, 5, (n, 2))])
    return X, rng.standard_normal((n, 3)), rng.uniform(0.5, 2, n)


def network(layers, inputs=5, dtype="float64"):
    built = Network(*layers, inputs=inputs, dtype=dtype)
    built.theta[:] += 0.1 * np.random.default_rng(1).standard_normal(built.theta.size)
    return built


def one_after_the_other(built, loss, X, y, w):
    """Return w_i ∇ℓ_i of every example, from the gradients of n networks' batches of one."""
    w = w / w.mean()
    rows = [gradient(built, loss, X[k : k + 1], y[k : k + 1]).theta for k in range(len(y))]
    return {
        name: np.stack([factor * row[name] for factor, row in zip(w, rows, strict=True)])
        for name in built.parameters
    }


def check_all(built, loss, X, y, w, expected, batch, threads, rtol=1e-10, atol=1e-12):
    gradients = Gradients(built, loss, batch=batch, threads=threads)
    each, mean = gradients.each(X, y, w), gradients.mean(X, y, w)
    norms, moments = gradients.norms(X, y, w), gradients.moments(X, y, w)
    close = {"rtol": rtol, "atol": atol}
    for name, rows in expected.items():
        assert each[name].shape == rows.shape
        np.testing.assert_allclose(each[name], rows, **close)
        np.testing.assert_allclose(mean.theta[name], rows.mean(axis=0), **close)
        np.testing.assert_allclose(moments.mean[name], rows.mean(axis=0), **close)
        np.testing.assert_allclose(moments.variance[name], rows.var(axis=0), **close)
    square = {name: (rows.reshape(len(y), -1) ** 2).sum(axis=1) for name, rows in expected.items()}
    np.testing.assert_allclose(norms.total, np.sqrt(sum(square.values())), **close)
    for path, found in norms.layers.items():
        own = sum(s for name, s in square.items() if name.rpartition(".")[0] == path)
        np.testing.assert_allclose(found, np.sqrt(own), **close)
    assert mean.loss == pytest.approx(norms.losses.mean(), rel=1e-6)
    assert moments.loss == pytest.approx(mean.loss, rel=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_in_its_own_way(name):
    built, loss, (X, y, w) = network(NETWORKS[name]), Squared(), data(11)
    expected = one_after_the_other(built, loss, X, y, w)
    for batch, threads in ((4, 1), (4, 2), (1, 1), (64, 2)):
        check_all(built, loss, X, y, w, expected, batch, threads)


@pytest.mark.parametrize("name", ["many units", "norm and scale", "embedding"])
def test_row_by_row_is_the_same(name, monkeypatch):
    built, loss, (X, y, w) = network(NETWORKS[name]), Squared(), data(7)
    expected = one_after_the_other(built, loss, X, y, w)
    for kind in (Layer, Dense):
        monkeypatch.setattr(kind, "lower_examples", lambda *_: False)
    for threads in (1, 2):
        check_all(built, loss, X, y, w, expected, 3, threads)


@pytest.mark.parametrize("units", [4, 20])
@pytest.mark.parametrize("bias", [True, False])
def test_csr_input_is_the_same_as_dense_input(units, bias):
    rng, loss = np.random.default_rng(0), Squared()
    X = rng.standard_normal((9, 30)) * (rng.random((9, 30)) < 0.2)
    _, y, w = data(9)
    built = network((Dense(units, bias=bias), Tanh(), Dense(3)), inputs=30)
    expected = one_after_the_other(built, loss, X, y, w)
    check_all(built, loss, sparse.csr_matrix(X), y, w, expected, 4, threads=2)
    assert gradient(built, loss, sparse.csr_matrix(X), y).dx is None
    # An entry that is given in two parts counts as their sum.
    parts = sparse.csr_matrix((np.full(2, 0.5), np.array([7, 7]), np.array([0, 2])), shape=(1, 30))
    whole = np.eye(1, 30, 7)
    found = [example_norms(built, loss, x, y[:1]).total for x in (parts, whole)]
    np.testing.assert_allclose(found[0], found[1], rtol=1e-12)
    assert parts.nnz == 2


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    n=st.integers(1, 20),
    batch=st.integers(1, 20),
    threads=st.integers(1, 3),
    units=st.sampled_from([1, 7, 16, 33]),
    seed=st.integers(0, 2**20),
    classes=st.booleans(),
)
def test_any_size_in_float32(n, batch, threads, units, seed, classes):
    X, y, w = data(n, seed)
    loss = SoftmaxCrossEntropy() if classes else Squared()
    if classes:
        y = np.arange(n) % 3
    built = network((Dense(units), Tanh(), Dense(3)), dtype="float32")
    doubled = network((Dense(units), Tanh(), Dense(3)))
    doubled.theta[:] = built.theta
    expected = Gradients(doubled, loss).each(X, y, w)
    check_all(built, loss, X, y, w, expected, batch, threads, rtol=1e-3, atol=2e-4)


def test_functions_are_the_methods_for_one_call():
    built, loss, (X, y, w) = network(NETWORKS["few units"]), Squared(), data(6)
    gradients = Gradients(built, loss)
    for name, rows in per_example_gradients(built, loss, X, y, w).items():
        np.testing.assert_array_equal(rows, gradients.each(X, y, w)[name])
    np.testing.assert_array_equal(
        example_norms(built, loss, X, y, w).total, gradients.norms(X, y, w).total
    )
    np.testing.assert_array_equal(
        gradient_moments(built, loss, X, y, w).variance["0.A"],
        gradients.moments(X, y, w).variance["0.A"],
    )


def test_gradient_of_every_layer_output_and_of_the_input():
    layers = (Dense(6), Residual(Dense(17), Tanh(), Dense(6)), Dense(3))
    built, loss, (X, y, w) = network(layers), Squared(), data(5)
    found = gradient(built, loss, X, y, w)
    assert list(found.dy) == ["2", "1", "1.2", "1.1", "1.0", "0"]  # as backpropagation runs
    np.testing.assert_allclose(found.y["2"], built.predict(X), rtol=1e-12)
    P, share = built.parameters, (w / w.mean())[:, None] / 5
    z = found.y["2"]
    dz = share * (z - y)
    np.testing.assert_allclose(found.dy["2"], dz, rtol=1e-12, atol=1e-15)
    d1 = dz @ P["2.A"]
    np.testing.assert_allclose(found.dy["1"], d1, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(found.dy["1.2"], d1, rtol=1e-12, atol=1e-15)
    inner = d1 @ P["1.2.A"]
    np.testing.assert_allclose(found.dy["1.1"], inner, rtol=1e-12, atol=1e-15)
    inner = inner * (1 - found.y["1.1"] ** 2)
    np.testing.assert_allclose(found.dy["1.0"], inner, rtol=1e-12, atol=1e-15)
    d0 = d1 + inner @ P["1.0.A"]
    np.testing.assert_allclose(found.dy["0"], d0, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(found.dx, d0 @ P["0.A"], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(found.theta["0.A"], d0.T @ X, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(found.loss, (share[:, 0] * ((z - y) ** 2).sum(axis=1)).sum() / 2)


def test_written_over_memory_given():
    built, loss, (X, y, _) = network(NETWORKS["many units"]), Squared(), data(9)
    gradients = Gradients(built, loss)
    first = gradients.each(X, y)
    kept = {name: rows.copy() for name, rows in first.items()}
    again = gradients.each(X[::-1], y[::-1], out=first)
    for name, rows in kept.items():
        assert again[name] is first[name]
        np.testing.assert_allclose(again[name][::-1], rows, rtol=1e-12, atol=1e-14)
    with pytest.raises(InputError, match=r"out\['0.A'\] must be float64 of shape \(8, 20, 5\)"):
        gradients.each(X[:8], y[:8], out=first)
    with pytest.raises(InputError, match="not returned by it"):
        gradients.each(X, y, out={**first, "0.A": first["0.A"].copy()})
    first["0.A"].flags.writeable = False
    with pytest.raises(InputError, match="can't be written to"):
        gradients.each(X, y, out=first)


def test_theta_is_read_anew_at_every_call():
    built, loss, (X, y, _) = network(NETWORKS["few units"]), Squared(), data(4)
    gradients = Gradients(built, loss)
    before = gradients.mean(X, y).vector
    built.theta[:] *= 2
    assert not np.allclose(gradients.mean(X, y).vector, before)
    np.testing.assert_array_equal(gradients.mean(X, y).vector, gradient(built, loss, X, y).vector)


def test_programs_are_kept_and_can_be_read():
    built, loss, (X, y, _) = network(NETWORKS["many units"]), Squared(), data(9)
    gradients = Gradients(built, loss)
    text = str(gradients.program("norms", X, y))
    assert "‖∇θ0‖²[i] = ‖dx1‖² (‖x‖² + 1)" in text
    assert "dA0" not in text  # no gradient is stored
    assert gradients.program("norms", X, y) is gradients.program("norms", X, y)
    with pytest.raises(InputError, match="must be one of mean, norms, moments, each"):
        gradients.program("median", X, y)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"X": np.ones((3, 4))}, "5 inputs"),
        ({"y": np.ones((2, 3))}, "3 rows of X"),
        ({"y": np.ones((3, 2))}, "with 2 outputs; this one has 3"),
        ({"weights": np.ones(2)}, "one weight"),
        ({"X": np.ones((0, 5)), "y": np.ones((0, 3))}, "no rows"),
        ({"X": np.full((3, 5), np.nan)}, "not finite"),
    ],
)
def test_bad_data(change, words):
    built = network((Dense(4), Dense(3)))
    given = {"X": np.ones((3, 5)), "y": np.ones((3, 3)), "weights": None, **change}
    for function in (gradient, per_example_gradients, example_norms, gradient_moments):
        with pytest.raises(InputError, match=words):
            function(built, Squared(), **given)


def test_bad_settings():
    built = network((Dense(4), Dense(3)))
    for wrong in ({"batch": 0}, {"threads": 0}):
        with pytest.raises(InputError, match="whole number"):
            Gradients(built, Squared(), **wrong)


@dataclass(frozen=True, repr=False)
class Alone(Layer):
    """A layer that emits its parameter half by itself."""

    def parameters(self, p):
        return {"s": Parameter((p,))}

    def lower(self, low, x):
        y = low.array("y", *x.shape)
        names = {"x": x, "y": y, **low.theta(self, x.shape[1])}
        low.emit(Scale.forward, names)

        def backward(dy, wants_dx):
            targets = low.targets(self, x.shape[1])
            low.emit(Scale.backward_theta, {**names, **targets, "dy": dy})
            return dy

        return y, backward


@dataclass(frozen=True, repr=False)
class Meeting(Scale):
    """A layer whose rows meet."""

    example_norms = None

    def memory(self, n, p):
        return {"mean": (p,)}


def test_layers_that_cant_be_seen_say_so():
    X, y, _ = data(4)
    with pytest.raises(InputError, match=r"layer 0 emits .* Lowering.backward_theta"):
        gradient_moments(network((Alone(), Dense(3))), Squared(), X, y)
    with pytest.raises(InputError, match=r"layer 0 Meeting.*'mean'"):
        example_norms(network((Meeting(), Dense(3))), Squared(), X, y)
