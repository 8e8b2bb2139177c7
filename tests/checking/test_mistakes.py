"""Mistakes planted in layers, losses and rules: each is found, with its layer, array and look."""

import math
from dataclasses import dataclass

import numpy as np
import pytest

from steepest import CheckError, Dense, Layer, Network, Parameter, ReLU, Tanh, check
from steepest.losses import Squared
from steepest.rules import SGD, RMSprop


class Affine(Layer):
    """y = A x + b of p inputs to p outputs, in plain loops: right."""

    def parameters(self, p):
        return {"A": Parameter((p, p)), "b": Parameter((p,))}

    def init(self, rng, theta):
        theta["A"][...] = rng.standard_normal(theta["A"].shape)

    @staticmethod
    def forward(x, y, A, b, rows):
        for i in rows:
            for j in range(y.shape[1]):
                y[i, j] = b[j]
                for k in range(x.shape[1]):
                    y[i, j] += A[j, k] * x[i, k]

    @staticmethod
    def backward_x(dy, dx, A, rows):
        for i in rows:
            for k in range(dx.shape[1]):
                dx[i, k] = 0
                for j in range(dy.shape[1]):
                    dx[i, k] += dy[i, j] * A[j, k]

    @staticmethod
    def backward_theta(x, dy, dA, db, alpha, units):
        for i in range(x.shape[0]):
            for j in units:
                db[j] += alpha * dy[i, j]
                for k in range(x.shape[1]):
                    dA[j, k] += alpha * dy[i, j] * x[i, k]


def sign(dy, dx, A, rows):
    for i in rows:
        for k in range(dx.shape[1]):
            dx[i, k] = 0
            for j in range(dy.shape[1]):
                dx[i, k] -= dy[i, j] * A[j, k]


def transposed_x(dy, dx, A, rows):
    for i in rows:
        for k in range(dx.shape[1]):
            dx[i, k] = 0
            for j in range(dy.shape[1]):
                dx[i, k] += dy[i, j] * A[k, j]


def half_written(dy, dx, A, rows):
    for i in rows:
        for k in range(dx.shape[1] - 1):
            dx[i, k] = 0
            for j in range(dy.shape[1]):
                dx[i, k] += dy[i, j] * A[j, k]


def accumulates_dx(dy, dx, A, rows):
    for i in rows:
        for k in range(dx.shape[1]):
            for j in range(dy.shape[1]):
                dx[i, k] += dy[i, j] * A[j, k]


def spoils_dy(dy, dx, A, rows):
    for i in rows:
        for k in range(dx.shape[1]):
            dx[i, k] = 0
            for j in range(dy.shape[1]):
                dx[i, k] += dy[i, j] * A[j, k]
        dy[i, 0] = 0


def transposed_theta(x, dy, dA, db, alpha):
    for i in range(x.shape[0]):
        for j in range(dy.shape[1]):
            db[j] += alpha * dy[i, j]
            for k in range(x.shape[1]):
                dA[k, j] += alpha * dy[i, j] * x[i, k]


def factor(x, dy, dA, db, alpha, units):
    for i in range(x.shape[0]):
        for j in units:
            db[j] += alpha * dy[i, j]
            for k in range(x.shape[1]):
                dA[j, k] += 2 * alpha * dy[i, j] * x[i, k]


def small_factor(x, dy, dA, db, alpha, units):
    for i in range(x.shape[0]):
        for j in units:
            db[j] += alpha * dy[i, j]
            for k in range(x.shape[1]):
                dA[j, k] += 1.0005 * alpha * dy[i, j] * x[i, k]


def missing_x(x, dy, dA, db, alpha, units):
    for i in range(x.shape[0]):
        for j in units:
            db[j] += alpha * dy[i, j]
            for k in range(x.shape[1]):
                dA[j, k] += alpha * dy[i, j]


def no_bias(x, dy, dA, alpha, units):
    for i in range(x.shape[0]):
        for j in units:
            for k in range(x.shape[1]):
                dA[j, k] += alpha * dy[i, j] * x[i, k]


def skips_a_row(x, dy, dA, db, alpha, units):
    for i in range(1, x.shape[0]):
        for j in units:
            db[j] += alpha * dy[i, j]
            for k in range(x.shape[1]):
                dA[j, k] += alpha * dy[i, j] * x[i, k]


def row_before(x, dy, dA, db, alpha, units):
    for i in range(x.shape[0]):
        for j in units:
            db[j] += alpha * dy[i, j]
            for k in range(x.shape[1]):
                dA[j, k] += alpha * dy[i, j] * x[i - 1, k]


def row_beyond(x, dy, dA, db, alpha, units):
    for i in range(x.shape[0]):
        for j in units:
            db[j] += alpha * dy[i, j]
            for k in range(x.shape[1]):
                dA[j, k] += alpha * dy[i, j] * x[i + 1, k]


def overwrites(x, dy, dA, db, alpha, units):
    for j in units:
        for k in range(x.shape[1]):
            dA[j, k] = 0
            for i in range(x.shape[0]):
                dA[j, k] += alpha * dy[i, j] * x[i, k]
        for i in range(x.shape[0]):
            db[j] += alpha * dy[i, j]


def no_alpha(x, dy, dA, db, units):
    for i in range(x.shape[0]):
        for j in units:
            db[j] += dy[i, j]
            for k in range(x.shape[1]):
                dA[j, k] += dy[i, j] * x[i, k]


def race(x, dy, dA, db, alpha, rows):
    for i in rows:
        for j in range(dy.shape[1]):
            db[j] += alpha * dy[i, j]
            for k in range(x.shape[1]):
                dA[j, k] += alpha * dy[i, j] * x[i, k]


MISTAKES = [
    (sign, "dx", "the sign is wrong"),
    (transposed_x, "dx", ""),
    (half_written, "dx", "never written"),
    (accumulates_dx, "dx", "never written"),
    (spoils_dy, "dy", "must not be written to"),
    (transposed_theta, "dA", "it is transposed"),
    (factor, "dA", "2 times what it should be"),
    (small_factor, "dA", "1.0005 times what it should be"),
    (missing_x, "dA", ""),
    (no_bias, "db", "0 everywhere"),
    (skips_a_row, "dA", ""),
    (row_before, "dA", ""),
    (row_beyond, "dA", "raises IndexError"),
    (overwrites, "dA", "overwrites its target"),
    (no_alpha, "dA", "alpha is missing"),
    (race, "dA", "two threads write the same entries of dA"),
]


def wrong(base, kernel):
    half = "backward_theta" if "alpha" in kernel.__code__.co_varnames else "backward_x"
    half = "backward_theta" if kernel is no_alpha else half
    return type(base.__name__, (base,), {half: staticmethod(kernel)})()


def test_the_layer_they_are_planted_in_is_right():
    assert check(Affine(), np.random.default_rng(0).normal(size=(5, 3, 4))).ok
    report = check(Affine())
    assert report.ok
    of_examples = {"norms", "dA[i]", "db[i]", "dA²", "db²"}
    assert {f.array for f in report.worst()} == {"y", "dx", "dA", "db"} | of_examples
    dA = next(f for f in report.worst() if f.array == "dA")
    assert dA.against == "central differences"
    assert dA.entries == 25
    assert dA.difference < 1e-8


@pytest.mark.parametrize(
    ("kernel", "array", "look"), MISTAKES, ids=lambda v: getattr(v, "__name__", "")
)
def test_a_mistake_in_backward_is_named(kernel, array, look):
    with pytest.raises(CheckError) as caught:
        check(wrong(Affine, kernel))
    assert caught.value.layer == "Affine()"
    assert caught.value.array == array
    assert str(caught.value).startswith(f"Affine() is wrong. {array}")
    assert look in str(caught.value)
    assert "WRONG" in str(caught.value.report)


def test_in_a_network_the_layer_is_named_by_its_place():
    network = Network(Dense(5), Tanh(), wrong(Affine, no_bias), Dense(2))
    with pytest.raises(CheckError) as caught:
        check(network)
    assert (caught.value.layer, caught.value.array) == ("2 Affine()", "db")


def norms_without_bias(x, dy, norms, i, rows):
    for r in rows:
        norms[i[r]] = (dy[r] * dy[r]).sum() * (x[r] * x[r]).sum()


def rows_of_the_batch(x, dy, dA, db, i, rows):
    for r in rows:
        for j in range(dy.shape[1]):
            db[i[0], j] = dy[r, j]
            for k in range(x.shape[1]):
                dA[i[r], j, k] = dy[r, j] * x[r, k]


def squares_of_the_sum(x, dy, dA, db, alpha):
    for j in range(dy.shape[1]):
        db[j] += alpha * (dy[:, j] * dy[:, j]).sum()
        for k in range(x.shape[1]):
            dA[j, k] += alpha * (dy[:, j] * x[:, k]).sum() ** 2


@pytest.mark.parametrize(
    ("kernel", "way", "array"),
    [
        (norms_without_bias, "example_norms", "norms"),
        (rows_of_the_batch, "example_gradients", "db[i]"),
        (squares_of_the_sum, "example_squares", "dA²"),
    ],
    ids=lambda v: getattr(v, "__name__", ""),
)
def test_a_mistake_in_what_is_told_of_examples_is_named(kernel, way, array):
    layer = type("Telling", (Affine,), {way: staticmethod(kernel)})()
    with pytest.raises(CheckError) as caught:
        check(layer)
    assert caught.value.array == array
    assert way in str(caught.value)


class Hidden(Affine):
    """Reads an array with rows that ``memory`` does not name: a copy of x."""

    def lower(self, low, x):
        kept, p = low.array("kept", *x.shape), x.shape[1]
        low.emit(copy, {"x": x, "kept": kept})
        y, _ = super().lower(low, x)

        def backward(dy, wants_dx):
            dx = low.array("dx", *x.shape)
            names = {"x": x, "y": y, "dy": dy, "dx": dx, "kept": kept, **low.theta(self, p)}
            low.emit(self.backward_x, names)
            low.backward_theta(self, p, from_kept, names)
            return dx

        return y, backward


def copy(x, kept, rows):
    for i in rows:
        for k in range(x.shape[1]):
            kept[i, k] = x[i, k]


def from_kept(kept, dy, dA, db, alpha, units):
    for i in range(dy.shape[0]):
        for j in units:
            db[j] += alpha * dy[i, j]
            for k in range(kept.shape[1]):
                dA[j, k] += alpha * dy[i, j] * kept[i, k]


def test_an_array_that_memory_does_not_name_is_told():
    with pytest.raises(CheckError, match=r"dA\[i\].* name in `memory` every array of rows"):
        check(Hidden())
    named = type("Named", (Hidden,), {"memory": lambda self, n, p: {"kept": (n, p)}})
    check(named())


def test_a_kink_is_no_mistake():
    X = np.array([[0.0, 1.0, -1.0, 0.0]])
    assert check(ReLU(), X).ok


@dataclass(frozen=True)
class Unweighted(Squared):
    @staticmethod
    def gradient(z, y, w, loss, dz, scale, rows):
        for i in rows:
            total = 0.0
            for k in range(z.shape[1]):
                total += 0.5 * (z[i, k] - y[i, k]) ** 2
                dz[i, k] = scale * (z[i, k] - y[i, k])
            loss[i] = w[i] * total


@dataclass(frozen=True)
class Climbs(Squared):
    @staticmethod
    def gradient(z, y, w, loss, dz, scale, rows):
        for i in rows:
            total = 0.0
            for k in range(z.shape[1]):
                total += 0.5 * (z[i, k] - y[i, k]) ** 2
                dz[i, k] = -scale * w[i] * (z[i, k] - y[i, k])
            loss[i] = w[i] * total


@dataclass(frozen=True)
class ForgetsTheLoss(Squared):
    @staticmethod
    def gradient(z, y, w, dz, scale, rows):
        for i in rows:
            for k in range(z.shape[1]):
                dz[i, k] = scale * w[i] * (z[i, k] - y[i, k])


@pytest.mark.parametrize(
    ("loss", "array", "look"),
    [
        (Unweighted(), "dz", "central differences"),
        (Climbs(), "dz", "the sign is wrong"),
        (ForgetsTheLoss(), "loss", "must write the same loss"),
    ],
    ids=lambda v: type(v).__name__,
)
def test_a_mistake_in_a_loss(loss, array, look):
    with pytest.raises(CheckError, match=look) as caught:
        check(loss)
    assert caught.value.layer == f"{type(loss).__name__}()"
    assert caught.value.array == array


@dataclass(frozen=True, kw_only=True)
class LeavesG(SGD):
    @staticmethod
    def step(theta, g, eta, entries):
        for i in entries:
            theta[i] -= eta * g[i]


@dataclass(frozen=True, kw_only=True)
class GoesUp(SGD):
    @staticmethod
    def step(theta, g, eta, entries):
        for i in entries:
            theta[i] += eta * g[i]
            g[i] = 0


@dataclass(frozen=True, kw_only=True)
class TakesAll(SGD):
    @staticmethod
    def step(theta, g, eta, entries):
        for i in range(theta.shape[0]):
            theta[i] -= eta * (g[i] + 0.1)
            g[i] = 0 * len(entries)


@dataclass(frozen=True, kw_only=True)
class TakesTheRest(RMSprop):
    @staticmethod
    def step(theta, g, s, eta, rho, eps, entries):
        rest = theta.dtype.type(1) - rho
        for i in entries:
            s[i] = rho * s[i] + rest * g[i] * g[i]
            theta[i] -= eta * g[i] / (math.sqrt(s[i]) + eps)
            g[i] = 0


@pytest.mark.parametrize(
    ("rule", "array", "look"),
    [
        (LeavesG(), "g", "leaves zeros"),
        (GoesUp(), "theta", "goes up"),
        (TakesAll(), "theta", "two threads write the same entries"),
        (TakesTheRest(rho=0.999), "theta", "let `settings` return such differences"),
    ],
    ids=lambda v: type(v).__name__,
)
def test_a_mistake_in_a_rule(rule, array, look):
    with pytest.raises(CheckError, match=look) as caught:
        check(rule)
    assert caught.value.array == array


def test_a_schedule_with_a_memory():
    calls = []

    def forgetful(steps):
        calls.append(steps)
        return np.full(np.shape(steps), 0.1 / len(calls))

    with pytest.raises(CheckError, match="its own step"):
        check(forgetful)


def test_a_kernel_that_cannot_be_compiled_or_called():
    class Strange(Affine):
        @staticmethod
        def backward_x(x, dx, nonsense, rows):
            dx[0, 0] = nonsense

    with pytest.raises(CheckError, match="asks for 'nonsense', which is not known here"):
        check(Strange())
