"""Every kernel against a naive reference, on shapes that fill vectors and shapes that don't.

ORACLES=1 draws twice as many examples.
"""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, special

import formulas
from lab import Lab
from steepest import Dense, layers
from steepest.checking import catalogue
from steepest.engine.operands import Handle
from steepest.kernels.moves import (
    add_columns,
    copy_columns,
    gather,
    gather_items,
    put,
    put_items,
    sum_of,
)
from steepest.lowering.batches import InputRows
from steepest.network import Network
from steepest.rules.blocks import block_count
from steepest.rules.clip import block_norms, clip_norm, clip_value
from steepest.rules.penalise import decay, penalise
from steepest.training.slots import ShownTheta, fill_slots
from steepest.training.update import Update
from thorough import THOROUGH

sizes = st.one_of(st.sampled_from((1, 2, 15, 16, 17, 31, 32, 33, 64)), st.integers(1, 70))
threads = st.integers(1, 3)
dtypes = st.sampled_from(("float32", "float64"))
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=40 if THOROUGH else 20, derandomize=True, deadline=None, database=None)
many = settings(few, max_examples=120 if THOROUGH else 60)
some = settings(few, max_examples=16 if THOROUGH else 8)


def close(found, expected, dtype, slack=1.0):
    """Assert that the arrays agree to the precision of ``dtype``, at the scale of the largest.

    Nothing is expected where ``expected`` is NaN.
    """
    expected = np.where(np.isnan(expected), found, expected)
    unit = slack * {"float32": 1e-5, "float64": 1e-13}[dtype]
    scale = max(1.0, float(np.abs(expected).max(initial=0)))
    np.testing.assert_allclose(found, expected, rtol=0, atol=unit * scale)


# ------------------------------------------------------------------------------------- layers


def dense(P, x, dy):
    A, b = P["A"], P.get("b", 0)
    return x @ A.T + b, dy @ A, {"A": dy.T @ x, "b": dy.sum(axis=0)}


def scale(P, x, dy):
    return P["s"] * x, P["s"] * dy, {"s": (dy * x).sum(axis=0)}


def affine(P, x, dy):
    return P["s"] * x + P["b"], P["s"] * dy, {"s": (dy * x).sum(axis=0), "b": dy.sum(axis=0)}


def prelu(P, x, dy):
    above, a = x > 0, P["a"]
    y, dx = np.where(above, x, a * x), np.where(above, dy, a * dy)
    return y, dx, {"a": np.where(above, 0, dy * x).sum(axis=0)}


def layer_norm(P, x, dy):
    inverse = 1 / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
    u, d = (x - x.mean(axis=1, keepdims=True)) * inverse, P["gamma"] * dy
    along = d.mean(axis=1, keepdims=True), (d * u).mean(axis=1, keepdims=True)
    dx = inverse * (d - along[0] - u * along[1])
    return P["gamma"] * u + P["beta"], dx, {"gamma": (dy * u).sum(axis=0), "beta": dy.sum(axis=0)}


def parametric(P, x, dy):
    bent, slope, w = np.tanh(x), 1 - np.tanh(x) ** 2, P["w"]
    dx = dy * (1 + w * (slope - 1))
    return x + w * (bent - x), dx, {"w": (dy * (bent - x)).sum(axis=0)}


def periodic(P, x, dy):
    n, p = x.shape
    W = P["W"].reshape(p, -1, P["omega"].shape[1])
    angle = 2 * np.pi * P["omega"] * x[:, :, None] + P["phi"]  # (n, p, K)
    h, slope = np.cos(angle), -np.sin(angle)
    y = np.concatenate([x[:, :, None], np.einsum("njk,jok->njo", h, W) + P["c"]], axis=2)
    d0, d = np.split(dy.reshape(y.shape), [1], axis=2)
    dangle = np.einsum("njo,jok->njk", d, W) * slope
    dx = d0[:, :, 0] + 2 * np.pi * (dangle * P["omega"]).sum(axis=2)
    gradients = {
        "omega": 2 * np.pi * (dangle * x[:, :, None]).sum(axis=0),
        "phi": dangle.sum(axis=0),
        "W": np.einsum("njo,njk->jok", d, h).reshape(P["W"].shape),
        "c": d.sum(axis=0),
    }
    return y.reshape(n, -1), dx, gradients


def convex_concave(P, x, dy):
    odd = np.arange(x.shape[1]) % 2 == 1
    steep = (x > 0) != odd
    return np.where(steep, x, 0.1 * x), np.where(steep, dy, 0.1 * dy), {}


def monotone_dense(P, x, dy):
    A = P["A"]
    W, sign = A.copy(), np.ones_like(A)
    W[:, 1:], sign[:, 1:] = np.abs(A[:, 1:]), np.where(A[:, 1:] < 0, -1, 1)
    return x @ W.T + P["b"], dy @ W, {"A": sign * (dy.T @ x), "b": dy.sum(axis=0)}


def average(k):
    return lambda P, x, dy: (x.reshape(len(x), k, -1).mean(axis=1), np.tile(dy, k) / k, {})


def softmax(P, x, dy):
    y = special.softmax(x, axis=1)
    return y, y * (dy - (dy * y).sum(axis=1, keepdims=True)), {}


def log_softmax(P, x, dy):
    y = special.log_softmax(x, axis=1)
    return y, dy - np.exp(y) * dy.sum(axis=1, keepdims=True), {}


def embedding(P, x, dy):
    E, codes = P["E"], x.astype(int)
    dE = np.zeros_like(E)
    np.add.at(dE, codes, dy.reshape(*codes.shape, -1))
    return E[codes].reshape(len(x), -1), np.zeros_like(x), {"E": dE}


def entrywise(layer):
    """Return the naive form of a function of single entries, by its formula."""

    def naive(P, x, dy):
        f = lambda x: formulas.LAYERS[type(layer)](layer, x, P, formulas.NUMPY)  # noqa: E731
        return f(x), dy * formulas.slopes(f, x), {}

    return naive


def swiglu(P, x, dy):
    u, v = np.split(x, 2, axis=1)
    s = special.expit(u)
    return u * s * v, np.hstack([dy * v * s * (1 + u * (1 - s)), dy * u * s]), {}


LAYERS = {
    "Dense": (lambda q: layers.Dense(q), dense),
    "Dense without b": (lambda q: layers.Dense(q, bias=False), dense),
    "Scale": (lambda q: layers.Scale(), scale),
    "Affine": (lambda q: layers.Affine(), affine),
    "PReLU": (lambda q: layers.PReLU(), prelu),
    "RootScale": (
        lambda q: layers.RootScale(),
        lambda P, x, dy: (x / math.sqrt(x.shape[1]), dy / math.sqrt(x.shape[1]), {}),
    ),
    "ConvexConcave": (lambda q: layers.ConvexConcave(), convex_concave),
    "MonotoneDense": (lambda q: layers.MonotoneDense(q, 1), monotone_dense),
    "Average": (lambda q: layers.Average(3), average(3)),
    "Parametric": (lambda q: layers.Parametric(layers.Tanh()), parametric),
    "Periodic": (lambda q: layers.Periodic(1 + q % 5, 2 + q % 3), periodic),
    "LayerNorm": (lambda q: layers.LayerNorm(), layer_norm),
    "Softmax": (lambda q: layers.Softmax(), softmax),
    "LogSoftmax": (lambda q: layers.LogSoftmax(), log_softmax),
    "Embedding": (lambda q: layers.Embedding(q, 3), embedding),
    "SwiGLU": (lambda q: layers.SwiGLU(), swiglu),
} | {
    repr(layer): (lambda q, layer=layer: layer, entrywise(layer))
    for layer in catalogue.LAYERS
    if layer.steepest_slope is not None
}


def test_every_layer_with_a_kernel_of_its_own_is_here():
    # random, or layers'
    elsewhere = {"Dropout", "Sequential", "Residual", "Sum", "Concat", "Parallel"}
    elsewhere |= {"TiedEmbedding"}
    elsewhere |= {  # of shapes: tests/layers/test_shapes.py
        "Adapters",
        "Attention",
        "AveragePool",
        "BatchNorm",
        "Conv1D",
        "Conv2D",
        "EmbeddingBag",
        "Flatten",
        "GRU",
        "GlobalAveragePool",
        "GroupNorm",
        "Heads",
        "LearnedPositions",
        "LSTM",
        "MaxPool",
        "MemberMean",
        "Permute",
        "PiecewiseLinear",
        "RMSNorm",
        "Recurrent",
        "Reshape",
        "SinusoidalPositions",
        "Standardise",
        "TokenEmbedding",
        "ZeroPad",
    }
    assert {re.split(r"\W", name)[0] for name in LAYERS} | elsewhere == set(layers.__all__)


def start(layer, p, dtype, rng):
    """Return a network of one layer, no parameter of which has a special value."""
    network = Network(layer, inputs=p, dtype=dtype)
    network.theta[:] = rng.standard_normal(network.theta.size)
    return network


def check_targets(lab, before, gradients, alpha, fused, slack=1.0):
    """Assert target += alpha · ∇ of every parameter."""
    assert lab.target is not None
    for name, found in lab.parameters(lab.target.theta).items():
        expected = before[name] + alpha * gradients[name.split(".")[1]]
        close(found, expected, lab.dtype, slack)
    if not fused:
        np.testing.assert_array_equal(
            lab.network.theta, next(iter(lab.network.built.buffers.values())).block.array
        )


def check_layer(name, n, p, q, dtype, threads, fused, seed):
    make, naive = LAYERS[name]
    rng = np.random.default_rng(seed)
    p *= {"Average": 3, "SwiGLU": 2}.get(name, 1)
    network = start(make(q), p, dtype, rng)
    alpha = -0.25 if fused else 0.5
    lab = Lab(n, dtype, threads, network, alpha, fused, seed)
    x = rng.integers(q, size=(n, p)) if name == "Embedding" else rng.standard_normal((n, p))
    x = x.astype(dtype)
    dy = rng.standard_normal((n, network.outputs)).astype(dtype)
    P = {k.split(".")[1]: v.astype(float) for k, v in network.parameters.items()}
    expected_y, expected_dx, gradients = naive(P, x.astype(float), dy.astype(float))
    given_x, given_dy = lab.given("x", x), lab.given("dy", dy)
    y, backward = lab.low.child("0", network.layer.layers[0], given_x)
    dx = backward(given_dy, True)
    before = lab.parameters(lab.target.theta) if lab.target else {}
    lab.run()
    slack = 50 if name == "LayerNorm" else 1  # where a row hardly varies, rounding is magnified
    close(y.array, expected_y, dtype, slack)
    close(dx.array, expected_dx, dtype, slack)
    if lab.target is not None:
        check_targets(lab, before, gradients, alpha, fused, slack)
    np.testing.assert_array_equal(given_x.array, x)
    np.testing.assert_array_equal(given_dy.array, dy)


@many
@given(
    st.sampled_from(("Dense", "Dense without b")), sizes, sizes, sizes, dtypes, threads,
    st.booleans(), seeds,
)  # fmt: skip
def test_dense(name, n, p, q, dtype, threads, fused, seed):
    check_layer(name, n, p, q, dtype, threads, fused, seed)


@few
@given(sizes, sizes, dtypes, threads, st.booleans(), seeds)
def test_dense_one_example_at_a_time(p, q, dtype, threads, fused, seed):
    check_layer("Dense", 1, p, q, dtype, threads, fused, seed)


@pytest.mark.parametrize("name", [name for name in LAYERS if not name.startswith("Dense")])
@some
@given(sizes, sizes, sizes, threads, seeds)
def test_layer(name, n, p, q, threads, seed):
    check_layer(name, n, p, q, "float32", threads, False, seed)


@few
@given(sizes, sizes, sizes, st.floats(0, 0.5), dtypes, threads, st.booleans(), seeds)
def test_dense_on_csr_rows(n, p, q, density, dtype, threads, fused, seed):
    rng = np.random.default_rng(seed)
    rows = n + 3
    X = (rng.standard_normal((rows, p)) * (rng.random((rows, p)) < density)).astype(dtype)
    chosen = rng.integers(rows, size=n)
    network, alpha = start(layers.Dense(q), p, dtype, rng), -0.25
    lab = Lab(n, dtype, threads, network, alpha, fused, seed)
    source = InputRows("csr")
    source.set(sparse.csr_matrix(X))
    x = source.lower(lab.low, (p,), lab.given("i", chosen))
    y, backward = lab.low.child("0", network.layer.layers[0], x)
    dy = rng.standard_normal((n, q)).astype(dtype)
    assert backward(lab.given("dy", dy), False) is None
    P = {k.split(".")[1]: v.astype(float) for k, v in network.parameters.items()}
    expected, _, gradients = dense(P, X[chosen].astype(float), dy.astype(float))
    before = lab.parameters(lab.target.theta)
    lab.run()
    close(y.array, expected, dtype)
    check_targets(lab, before, gradients, alpha, fused)


# -------------------------------------------------------------------------- moving rows and columns


def handle(lab, kind, array):
    found = Handle("data", kind, array.ndim)
    found.set(lab.guards.copy(array))
    return found


@few
@given(sizes, sizes, st.integers(0, 5), threads, seeds)
def test_gather_and_put(n, width, ahead, threads, seed):
    rng = np.random.default_rng(seed)
    X, w = rng.standard_normal((n + 5, width)), rng.standard_normal(n + 5)
    classes, i = rng.integers(9, size=n + 5), rng.permutation(n + 5)
    coming, i = i[: n + ahead], i[:n]
    lab = Lab(n, "float64", threads)
    chosen = lab.given("i", coming)
    found = {
        "rows": (gather, handle(lab, "f", X), lab.low.array("rows", n, width), X[i]),
        "reals": (gather_items, handle(lab, "f", w), lab.low.array("w", n), w[i]),
        "classes": (gather_items, handle(lab, "i", classes), lab.low.array("c", n, kind="i"),
                    classes[i]),
    }  # fmt: skip
    for kernel, source, batch, _ in found.values():
        lab.low.emit(kernel, {"source": source, "i": chosen, "batch": batch})
    out, losses_out = handle(lab, "f", np.zeros_like(X)), handle(lab, "f", np.zeros(n + 5))
    lab.low.emit(put, {"batch": found["rows"][2], "i": chosen, "out": out})
    lab.low.emit(put_items, {"batch": found["reals"][2], "i": chosen, "out": losses_out})
    lab.run()
    for _, _, batch, expected in found.values():
        np.testing.assert_array_equal(batch.array, expected)
    for target, source in ((out._array, X), (losses_out._array, w)):
        expected = np.full_like(source, 77)
        expected[i] = source[i]
        np.testing.assert_array_equal(target, expected)


@few
@given(sizes, sizes, sizes, st.data(), threads, seeds)
def test_moving_columns(n, p, q, data, threads, seed):
    width = data.draw(st.integers(1, min(p, q)))
    start, begin = (
        data.draw(st.integers(0, p - width)),
        data.draw(st.integers(0, q - width)),
    )
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((n, p)), rng.standard_normal((n, q))
    lab = Lab(n, "float64", threads)
    source, copied, added = lab.given("x", x), lab.given("c", y), lab.given("a", y)
    total = lab.low.array("total", n, p)
    move = {"source": source, "start": start, "begin": begin, "width": width}
    lab.low.emit(copy_columns, {**move, "target": copied})
    lab.low.emit(add_columns, {**move, "target": added})
    lab.low.emit(sum_of, {"first": source, "second": source, "total": total})
    lab.run()
    there, here = np.s_[:, begin : begin + width], np.s_[:, start : start + width]
    expected, more = y.copy(), y.copy()
    expected[there], more[there] = x[here], y[there] + x[here]
    np.testing.assert_array_equal(copied.array, expected)
    np.testing.assert_array_equal(added.array, more)
    np.testing.assert_array_equal(total.array, 2 * x)


# ------------------------------------------------------------------------------------- losses


LOSSES = formulas.with_targets(catalogue.LOSSES)


@pytest.mark.parametrize(("loss", "kind"), LOSSES, ids=[f"{a!r} of {b}" for a, b in LOSSES])
@some
@given(sizes, sizes, threads, seeds)
def test_loss(loss, kind, n, half, threads, seed):
    rng, k = np.random.default_rng(seed), formulas.columns(loss, kind, 2 * half)
    q = k * formulas.per_target(loss)
    z, w = formulas.outputs(loss, rng, n, q).astype("float32"), rng.random(n).astype("float32")
    drawn = formulas.TARGETS[kind](rng, n, k)
    drawn = drawn.astype("float32") if drawn.dtype.kind == "f" else drawn
    y = loss.targets(drawn, q, "float32")
    lab = Lab(n, "float32", threads)
    names = {
        "z": lab.given("z", z), "y": lab.given("y_", y), "w": lab.given("w", w), "scale": 0.5,
        "loss": lab.low.array("loss", n), "dz": lab.low.array("dz", n, q),
    }  # fmt: skip
    loss.lower(lab.low, names, y, gradient=True)
    again = names | {"loss": lab.low.array("again", n)}
    loss.lower(lab.low, again, y)
    lab.run()
    exact = drawn.astype(float) if drawn.dtype.kind == "f" else drawn
    expected, slopes = w * naive_loss(loss, z.astype(float), exact), naive_dz(loss, z, exact)
    close(names["loss"].array, expected, "float32")
    close(again["loss"].array, expected, "float32")
    close(names["dz"].array, 0.5 * w[:, None] * slopes, "float32")


def naive_loss(loss, z, y):
    return formulas.LOSSES[type(loss)](loss, z, y, formulas.NUMPY)


def naive_dz(loss, z, y):
    """Return ∇ℓ by differences, a column of all rows at a time."""
    dz = np.empty(z.shape)
    for column in range(z.shape[1]):

        def of_column(values, column=column):
            moved = z.astype(float)
            moved[:, column] = values
            return naive_loss(loss, moved, y)

        dz[:, column] = formulas.slopes(of_column, z[:, column].astype(float))
    return dz


# -------------------------------------------------------------------------------- update rules


@pytest.mark.parametrize("rule", catalogue.RULES, ids=repr)
@some
@given(st.integers(1, 40), st.integers(1, 9), dtypes, threads, seeds)
def test_rule(rule, units, inputs, dtype, threads, seed):
    rng, rule = np.random.default_rng(seed), replace(rule, weight_decay=0.1)
    lab = Lab(1, dtype, threads, Network(Dense(units), inputs=inputs, dtype=dtype))
    built, slots = lab.network.built, {}
    built.theta = built.buffers["0.A"].block.array  # what the lab watches
    fill_slots(slots, rule, built)
    slots = {name: lab.guards.copy(slot) for name, slot in slots.items()}
    g, eta, count = lab.guards.copy(0 * built.theta), lab.given("eta", 0.1), lab.given("t", 0)
    Update(rule, built, g, slots).lower(lab.low, eta, count, None)
    kept = {name: {} for name in built.buffers}
    wanted = {name: view.astype(float) for name, view in built.views(built.theta).items()}
    for t in (1, 2, 3):
        g[:], count.array[()] = rng.standard_normal(g.size), t
        for name, own in built.views(g.astype(float)).items():
            matrix = name == "0.A"
            wanted[name] = formulas.step(
                rule, wanted[name], own, 0.1, t, kept[name], matrix=matrix, decay=0.1 * matrix
            )
        with ShownTheta(rule, built.theta, slots).trained():
            lab.run()
        assert not g.any()
    for name, view in built.views(built.theta).items():
        close(view, kept[name]["shown"], dtype)


@few
@given(st.one_of(st.integers(1, 200), st.integers(4000, 9000)), dtypes, threads, seeds)
def test_clip_penalise_and_decay(m, dtype, threads, seed):
    rng = np.random.default_rng(seed)
    theta, g = (rng.standard_normal(m).astype(dtype) for _ in range(2))
    lab = Lab(1, dtype, threads)
    names = {
        "theta": lab.given("theta", theta), "g": lab.given("g", g), "limit": 0.8, "l1": 0.1,
        "l2": 0.2, "eta": 0.5, "weight_decay": 0.1, "entries": lab.low.share(m, 16),
        "norms": lab.low.array("norms", block_count(m)),
        "penalty": lab.low.array("penalty", block_count(m)),
        "blocks": lab.low.share(block_count(m)),
    }  # fmt: skip
    for kernel in (clip_value, block_norms, clip_norm, penalise, decay):
        lab.low.emit(kernel, names)
    lab.run()
    clipped = np.clip(g.astype(float), -0.8, 0.8)
    clipped *= min(1, 0.8 / np.linalg.norm(clipped))
    close(names["g"].array, clipped + 0.1 * np.sign(theta) + 0.2 * theta, dtype)
    close(names["theta"].array, 0.95 * theta.astype(float), dtype)
    expected = 0.1 * np.abs(theta).sum() + 0.1 * (theta.astype(float) ** 2).sum()
    close(names["penalty"].array.sum(), expected, dtype)
