"""Examples of several axes: rows and examples part company, and nothing else changes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import sparse, special

from steepest import (
    SGD,
    Adam,
    Concat,
    Dense,
    Flatten,
    Gradients,
    Identity,
    InputError,
    Layer,
    LayerNorm,
    Network,
    Parameter,
    Permute,
    ReLU,
    Reshape,
    Residual,
    SoftmaxCrossEntropy,
    Squared,
    Tanh,
    Trainer,
    check,
)
from steepest.kernels import gemm, part

RNG = np.random.default_rng(0)
N, T, P, Q = 24, 4, 5, 3
X, Y = RNG.normal(size=(N, T, P)), RNG.integers(Q, size=(N, T))
W = RNG.uniform(0.5, 2, N)


# ---------------------------------------------------------------- a layer that lowers itself


@dataclass(frozen=True, repr=False)
class Convolution(Layer):
    """y_t = Σ_k A_k x_{t+k}; (n, T, c) -> (n, T − size + 1, units), by one product."""

    units: int
    size: int

    def output_shape(self, shape):
        steps, _ = shape
        return steps - self.size + 1, self.units

    def parameters_at(self, shape):
        return {"A": Parameter((self.units, self.size * shape[-1]))}

    def memory_at(self, n, shape):
        steps, _ = self.output_shape(shape)
        return {"pieces": (n * steps, self.size * shape[-1])}

    def flops_at(self, shape):
        steps, _ = self.output_shape(shape)
        return 2 * steps * self.units * self.size * shape[-1]

    def init(self, rng, theta):
        theta["A"][...] = rng.normal(size=theta["A"].shape)

    def lower(self, low, x):
        n, shape = x.shape[0], x.shape[1:]
        y = low.array("y", n, *self.output_shape(shape))
        pieces = low.array("pieces", *self.memory_at(n, shape)["pieces"])
        names = {"x": x.as_examples(), "y": y.as_rows(), "pieces": pieces, "c": shape[-1]}
        names |= low.theta(self, shape)
        rows = low.share(pieces.shape[0])  # those of y, which are more than the examples
        low.emit(cut, names)
        low.emit(self.forward, {**names, "rows": rows})

        def backward(dy, wants_dx):
            names["dy"], dx = dy.as_rows(), None
            if wants_dx:
                dx, slopes = low.array("dx", *x.shape), low.array("slopes", *pieces.shape)
                low.emit(self.backward_x, {**names, "slopes": slopes, "rows": rows})
                low.emit(paste, {"pieces": slopes, "x": dx.as_examples(), "c": shape[-1]})
            low.backward_theta(self, shape, self.backward_theta, names)
            return dx

        return y, backward

    @staticmethod
    def forward(pieces, A, y, blas, rows):
        """y = pieces Aᵀ"""
        mine = part(rows)
        gemm(blas, 1, pieces[mine], A.T, 0, y[mine])

    @staticmethod
    def backward_x(dy, A, slopes, blas, rows):
        """slopes = dy A"""
        mine = part(rows)
        gemm(blas, 1, dy[mine], A, 0, slopes[mine])

    @staticmethod
    def backward_theta(pieces, dy, dA, alpha, blas):
        """dA += alpha dyᵀ pieces"""
        gemm(blas, alpha, dy.T, pieces, 1, dA)


def cut(x, pieces, c, rows):
    """pieces = those of x, each beside the next"""
    steps = pieces.shape[0] // x.shape[0]
    for i in rows:
        for t in range(steps):
            for j in range(pieces.shape[1]):
                pieces[i * steps + t, j] = x[i, t * c + j]


def paste(x, pieces, c, rows):
    """x = the sum of the pieces, each at its place"""
    steps = pieces.shape[0] // x.shape[0]
    for i in rows:
        for j in range(x.shape[1]):
            x[i, j] = 0
        for t in range(steps):
            for j in range(pieces.shape[1]):
                x[i, t * c + j] += pieces[i * steps + t, j]


def test_a_convolution_can_be_written_as_a_layer():
    layer = Convolution(3, 2)
    assert check(layer, X[:5]).ok
    network = Network(layer, inputs=(T, P), dtype="float64")
    windows = np.stack([X[:, t : t + 2].reshape(N, -1) for t in range(T - 1)], axis=1)
    np.testing.assert_allclose(network.predict(X), windows @ network.parameters["0.A"].T)
    whole = Network(layer, Tanh(), Flatten(), Dense(1), inputs=(T, P))
    assert check(whole, X, RNG.normal(size=N), loss=Squared()).ok


# --------------------------------------------------------------------------------- training


def by_hand(network, eta, weights):
    """Return what a step of gradient descent on all examples makes of Dense, Tanh, Dense."""
    A, a, B, b = (np.array(v, float) for v in network.parameters.values())
    x, w = X.reshape(-1, P), np.repeat(weights / weights.mean(), T)
    h = np.tanh(x @ A.T + a)
    dz = special.softmax(h @ B.T + b, axis=1) - np.eye(Q)[Y.reshape(-1)]
    dz *= w[:, None] / (N * T)  # the mean over all rows, each weighted by its example
    dh = dz @ B * (1 - h * h)
    gradients = (dh.T @ x, dh.sum(axis=0), dz.T @ h, dz.sum(axis=0))
    return [p - eta * g for p, g in zip((A, a, B, b), gradients, strict=True)]


@pytest.mark.parametrize("per_batch", [False, True])
def test_a_step_is_that_of_the_mean_over_all_rows(per_batch):
    network = Network(Dense(6), Tanh(), Dense(Q), inputs=(T, P), dtype="float64")
    expected = by_hand(network, 0.3, W)
    rule = SGD(lr=0.3, penalty_over_batch=per_batch)
    trainer = Trainer(network, SoftmaxCrossEntropy(), rule, sampling="full")
    z = network.predict(X)
    logs = special.log_softmax(z, axis=2)
    known = -np.take_along_axis(logs, Y[:, :, None], 2)[:, :, 0].mean(axis=1) @ (W / W.sum())
    np.testing.assert_allclose(trainer.evaluate(X, Y, weights=W)["loss"], known, rtol=1e-12)
    history = trainer.fit(X, Y, weights=W, epochs=1)
    np.testing.assert_allclose(history["loss"], [known], rtol=1e-12)
    for found, wanted in zip(network.parameters.values(), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-12)


@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("rule", [SGD(lr=0.1), Adam(lr=0.01)], ids=["SGD", "Adam"])
@pytest.mark.parametrize("units", [3, 16])
def test_an_axis_of_one_changes_no_bit(units, rule, batch):
    found = []
    for shape in ((P,), (1, P)):
        network = Network(Dense(units), ReLU(), Dense(Q))
        x, y = X[:, 0].reshape(N, *shape), Y[:, 0].reshape(N, *shape[:-1])
        Trainer(network, SoftmaxCrossEntropy(), rule, batch=batch).fit(x, y, epochs=3)
        found.append(network.theta.tobytes() + network.predict(x).tobytes())
    assert found[0] == found[1]


def test_flat_data_and_a_reshape_are_the_data_in_their_shape():
    found = []
    for layers, x in (((Reshape((T, P)),), X.reshape(N, -1)), ((Reshape((T, P)),), X), ((), X)):
        network = Network(*layers, Dense(16), LayerNorm(), Flatten(), Dense(1))
        Trainer(network, Squared(), SGD(lr=0.01), batch=5).fit(x, X[:, 0, 0], epochs=2)
        found.append(network.theta.tobytes())
    assert len(set(found)) == 1


def test_the_same_bits_on_any_number_of_threads():
    inside = Residual(Dense(17), Tanh(), Dense(P)), Concat(Identity(), Dense(3)), LayerNorm()
    found = set()
    for threads in (1, 2):
        network = Network(*inside, Permute((2, 1)), Dense(T), Permute((2, 1)), Dense(Q))
        trainer = Trainer(network, SoftmaxCrossEntropy(), Adam(), batch=7, threads=threads)
        trainer.fit(X, Y, weights=W, epochs=2)
        found.add(network.theta.tobytes())
    assert len(found) == 1


def test_batches_checkpoints_and_validation(tmp_path):
    def trainer():
        network = Network(Dense(8), ReLU(), Dense(Q))
        return Trainer(network, SoftmaxCrossEntropy(), Adam(), batch=5)

    whole, parts = trainer(), trainer()
    history = whole.fit(X, Y, epochs=4, validation=(X, Y), metrics=["accuracy"])
    assert 0 <= history["accuracy"][-1] <= 1
    kept = {"validation": (X, Y), "metrics": ["accuracy"], "checkpoint": tmp_path}
    parts.fit(X, Y, epochs=2, **kept)
    again = trainer()
    again.fit(X, Y, epochs=4, resume=True, **kept)
    np.testing.assert_array_equal(again.network.theta, whole.network.theta)

    full = trainer()
    full.fit([(X, Y, W), (X[:3], Y[:3], W[:3])], epochs=2)
    assert full.network.input_shape == (T, P)
    assert full.predict(X).shape == (N, T)
    assert full.predict_proba(X).shape == (N, T, Q)
    assert full.network.predict(np.asfortranarray(X)).shape == (N, T, Q)
    assert full.predict(X[:0]).shape == (0, T)


def test_targets_of_several_numbers():
    y = RNG.normal(size=(N, T, 2))
    network = Network(Dense(2), dtype="float64")
    trainer = Trainer(network, Squared(), SGD(lr=0.1), batch=N)
    z = Network(Dense(2), inputs=(T, P), dtype="float64").predict(X)
    found = trainer.evaluate(X, y, metrics=["mse"])
    np.testing.assert_allclose(found["loss"], ((z - y) ** 2).sum(axis=2).mean() / 2)
    np.testing.assert_allclose(found["mse"], ((z - y) ** 2).mean())
    trainer.fit(X, y, epochs=2, validation=0.25)
    assert trainer.predict(X).shape == y.shape


# ------------------------------------------------------------------ layers that know widths


class Twice(Layer):
    """A user's combinator, which knows widths only: y = 2 f(x)."""

    def __init__(self, inner):
        self.inner = inner

    def __repr__(self):
        return f"Twice({self.inner!r})"

    def outputs(self, p):
        return self.inner.outputs(p)

    def children(self, p):
        return [("f", self.inner, p)]

    def lower(self, low, x):
        f, back = low.child("f", self.inner, x)
        n, q = f.shape
        y = low.array("y", n, q)
        low.emit(double, {"a": f, "b": y})

        def backward(dy, wants_dx):
            df = low.array("df", n, q)
            low.emit(double, {"a": dy, "b": df})
            return back(df, wants_dx)

        return y, backward


def double(a, b, rows):
    """b = 2 a"""
    for i in rows:
        for k in range(a.shape[1]):
            b[i, k] = 2 * a[i, k]


def test_a_users_combinator_hands_rows_to_its_layers():
    layer = Twice(Dense(4))
    assert check(layer, X[:5]).ok
    found = Gradients(Network(layer, dtype="float64"), Squared()).mean(X, np.zeros((N, T, 4)))
    assert found.y["0"].shape == found.y["0.f"].shape == (N, T, 4)
    with pytest.raises(InputError, match=r"Permute: .* 2 axes, but the input is of shape \(5,\)"):
        Network(Twice(Permute((2, 1)))).predict(X)


# ------------------------------------------------------------------------- what does not fit


def of(shape, loss=None):
    return Trainer(Network(Dense(Q), inputs=shape), loss or SoftmaxCrossEntropy())


@pytest.mark.parametrize(
    ("fit", "words"),
    [
        (
            lambda: of((T, P)).fit(X.reshape(N, -1), Y),
            r"Network: built for examples of shape \(4, 5\), got \(20,\); X.reshape\(-1, 4, 5\)",
        ),
        (
            lambda: of(T * P).fit(X, Y),
            r"of shape \(20,\), got \(4, 5\); X.reshape\(-1, 20\) has .* output of Flatten\(\)",
        ),
        (lambda: of((T, P)).fit(X[:, 1:], Y), r"got \(3, 5\); give X of shape \(n, 4, 5\)"),
        (
            lambda: of((T, P)).fit(X, Y[:, 0]),
            r"targets must be \(n, 4\) or \(n, 4, k\), got \(24,\); .* put Flatten\(\) before",
        ),
        (lambda: of((T, P), Squared()).fit(X, Y), r"targets of shape \(96, 1\) need .* 1 outputs"),
        (lambda: of((T, P)).fit(sparse.csr_matrix(X[:, 0]), Y), r"\(4, 5\), got \(5,\)"),
        (
            lambda: Network(Residual(Permute((2, 1))), inputs=(T, P)),
            r"keep the shape, but turn \(4, 5\) into \(5, 4\) outputs; end them with Reshape",
        ),
        (
            lambda: Network(Concat(Identity(), Permute((2, 1))), inputs=(T, P)),
            r"Concat: .* axes before it are \(4,\) and \(5,\); put Reshape",
        ),
    ],
)
def test_a_wrong_shape_is_told(fit, words):
    with pytest.raises(InputError, match=words):
        fit()
