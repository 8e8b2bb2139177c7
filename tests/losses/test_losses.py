from __future__ import annotations

import numpy as np
import pytest
from scipy import special

import formulas
from formulas import LOSSES, NUMPY, TARGETS, per_target, with_targets
from helpers import numerical_gradient, run_kernel
from steepest.checking import catalogue
from steepest.errors import InputError
from steepest.loss import Loss
from steepest.losses import (
    Absolute,
    GaussianNLL,
    Hinge,
    Huber,
    KLDivergence,
    Logistic,
    Poisson,
    Quantile,
    SoftmaxCrossEntropy,
    Squared,
)

LEVELS = (0.1, 0.5, 0.8)


def cross_entropy(z, y, smoothing=0.0):
    return LOSSES[SoftmaxCrossEntropy](SoftmaxCrossEntropy(smoothing), z, y, NUMPY)


def drawn(loss, kind):
    """What draws outputs and targets for a loss: about q outputs."""

    def draw(rng, n, q):
        per = per_target(loss)
        k = formulas.columns(loss, kind, -(-q // per))
        return formulas.outputs(loss, rng, n, k * per), TARGETS[kind](rng, n, k)

    return draw


WITH_KERNELS = with_targets(loss for loss in catalogue.LOSSES if type(loss).lower is Loss.lower)
REFERENCES = [
    (loss, lambda z, y, loss=loss: LOSSES[type(loss)](loss, z, y, NUMPY), drawn(loss, kind))
    for loss, kind in WITH_KERNELS
]
binary, classes = drawn(Logistic(), "0 and 1"), drawn(SoftmaxCrossEntropy(), "classes")
each_loss = pytest.mark.parametrize(
    ("loss", "reference", "draw"),
    REFERENCES,
    ids=[f"{loss!r} of {kind}" for loss, kind in WITH_KERNELS],
)
both = pytest.mark.parametrize("compiled", [False, True])


def settings(loss, dtype):
    return {
        k: v.astype(dtype) if isinstance(v, np.ndarray) else v for k, v in loss.settings().items()
    }


def value(loss, z, t, w, compiled=True, threads=1):
    out = np.full(len(z), 77, z.dtype)
    run_kernel(
        loss.kernels(t)[0], z.dtype.name, compiled, threads,
        z=z, y=t, w=w, loss=out, **settings(loss, z.dtype),
    )  # fmt: skip
    return out


def gradient(loss, z, t, w, scale, compiled=True, threads=1):
    out, dz = np.full(len(z), 77, z.dtype), np.full_like(z, 77)
    run_kernel(
        loss.kernels(t)[1], z.dtype.name, compiled, threads,
        z=z, y=t, w=w, loss=out, dz=dz, scale=scale, **settings(loss, z.dtype),
    )  # fmt: skip
    return out, dz


def example(draw, n, q, dtype="float64"):
    rng = np.random.default_rng(n + q)
    z, y = draw(rng, n, q)
    return z.astype(dtype), y, rng.random(n).astype(dtype) + 0.5


@each_loss
@both
@pytest.mark.parametrize(("n", "q"), [(1, 3), (5, 3), (3, 21)])
def test_value_and_gradient(loss, reference, draw, compiled, n, q):
    z, y, w = example(draw, n, q)
    t = loss.targets(y, z.shape[1], "float64")
    expected = w * reference(z, y)
    np.testing.assert_allclose(value(loss, z, t, w, compiled), expected, rtol=1e-13, atol=1e-14)
    scale = 1 / n
    out, dz = gradient(loss, z, t, w, scale, compiled, threads=2)
    np.testing.assert_allclose(out, expected, rtol=1e-13, atol=1e-14)
    numeric = numerical_gradient(lambda: scale * float(value(loss, z, t, w).sum()), z)
    np.testing.assert_allclose(dz, numeric, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("loss", [Logistic(), Hinge()])
@both
def test_one_output(loss, compiled):
    z, y = np.array([[0.3], [-2.0], [1e4], [-1e4], [1e4]]), np.array([0, 1, 1, 0, 0])
    t, w = loss.targets(y, 1, "float64"), np.ones(5)
    s = 2 * y[:, None] - 1
    margin = -s * z
    expected = np.logaddexp(0, margin) if isinstance(loss, Logistic) else np.maximum(0, 1 + margin)
    np.testing.assert_allclose(value(loss, z, t, w, compiled), expected[:, 0], rtol=1e-14)
    assert np.isfinite(gradient(loss, z, t, w, 1.0, compiled)[1]).all()


@both
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cross_entropy_of_two_classes_is_that_of_any_number(compiled, smoothing, dtype):
    """A third class that is ruled out changes nothing, where nothing is spread over it."""
    loss, n = SoftmaxCrossEntropy(smoothing), 70
    z, y, w = example(classes, n, 2, dtype)
    z[:4] = [[0, 0], [200, -200], [-50, 50], [30, 30]]
    w[5] = 0
    tolerance = {"rtol": 1e-13, "atol": 1e-14} if dtype == "float64" else {"rtol": 5e-6}
    exact = z.astype("float64")
    expected = w * cross_entropy(exact, y, smoothing)
    np.testing.assert_allclose(value(loss, z, y, w, compiled, threads=2), expected, **tolerance)
    out, dz = gradient(loss, z, y, w, 0.25, compiled, threads=2)
    np.testing.assert_allclose(out, expected, **tolerance)
    t = (1 - smoothing) * np.eye(2)[y] + smoothing / 2
    slope = 0.25 * w[:, None] * (special.softmax(exact, axis=1) - t)
    np.testing.assert_allclose(
        dz, slope, rtol=tolerance["rtol"], atol=1e-7 if dtype == "float32" else 1e-14
    )
    if smoothing == 0:
        wide = np.column_stack([z, np.full(n, -np.inf, dtype)])
        with np.errstate(invalid="ignore"):
            np.testing.assert_allclose(value(loss, wide, y, w, compiled), out, **tolerance)


@both
def test_two_classes_of_logits_that_are_not_finite(compiled):
    loss, inf, nan = SoftmaxCrossEntropy(), np.inf, np.nan
    z = np.array([[0, -inf], [0, -inf], [inf, 0], [nan, 0], [0, nan], [-inf, -inf]])
    y, w = np.array([0, 1, 0, 0, 0, 1]), np.ones(6)
    with np.errstate(invalid="ignore", over="ignore"):
        found = value(loss, z, y, w, compiled)
        out, dz = gradient(loss, z, y, w, 1.0, compiled)
    np.testing.assert_array_equal(found, [0, inf, nan, nan, nan, nan])
    np.testing.assert_array_equal(out, found)
    np.testing.assert_array_equal(dz[:2], [[0, 0], [1, -1]])
    assert np.isnan(dz[2:]).all()


@both
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_many_rows_of_one_output(compiled, smoothing, dtype):
    loss = Logistic(smoothing)
    z, y, w = example(binary, 70, 1, dtype)
    z[:4, 0], w[5] = [0, 200, -200, 30], 0
    exact, p = z.astype("float64"), (1 - smoothing) * y + smoothing / 2
    tolerance = (
        {"rtol": 1e-13, "atol": 1e-14} if dtype == "float64" else {"rtol": 5e-6, "atol": 1e-30}
    )
    expected = w * (np.logaddexp(0, exact) - p * exact)[:, 0]
    t = loss.targets(y, 1, dtype)
    np.testing.assert_allclose(value(loss, z, t, w, compiled, threads=2), expected, **tolerance)
    out, dz = gradient(loss, z, t, w, 0.25, compiled, threads=2)
    np.testing.assert_allclose(out, expected, **tolerance)
    slope = 0.25 * w[:, None] * (special.expit(exact) - p)
    np.testing.assert_allclose(
        dz, slope, rtol=tolerance["rtol"], atol=1e-7 if dtype == "float32" else 1e-14
    )
    z[0, 0] = np.nan
    out, dz = gradient(loss, z, t, w, 0.25, compiled)
    assert np.isnan([out[0], dz[0, 0]]).all()


@both
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cross_entropy_of_huge_logits(compiled, smoothing, dtype):
    loss = SoftmaxCrossEntropy(smoothing)
    z, w = np.array([[1e4, -1e4, 0], [-1e4, 1e4, 0]], dtype), np.ones(2, dtype)
    for y in (np.array([0, 0]), np.eye(3)[[0, 0]]):
        t = loss.targets(y, 3, dtype)
        out, dz = gradient(loss, z, t, w, 1.0, compiled)
        np.testing.assert_allclose(out, cross_entropy(z.astype("float64"), y, smoothing), rtol=1e-6)
        assert np.isfinite(dz).all()
    z[0, 1] = -np.inf  # a class that is ruled out
    out = value(SoftmaxCrossEntropy(), z, np.array([0, 0]), w, compiled)
    np.testing.assert_allclose(out, [0, 2e4])


@each_loss
@both
@pytest.mark.parametrize("output", [np.inf, -np.inf, np.nan])
def test_weight_0_counts_for_nothing(loss, reference, draw, compiled, output):
    z, y, w = example(draw, 3, 3)
    w[:] = [0, 1, 0]
    z[0, 0], z[2] = output, output
    t = loss.targets(y, z.shape[1], "float64")
    with np.errstate(all="ignore"):
        losses, (same, dz) = value(loss, z, t, w, compiled), gradient(loss, z, t, w, 1.0, compiled)
    np.testing.assert_array_equal(losses[[0, 2]], 0)
    np.testing.assert_array_equal(same[[0, 2]], 0)
    np.testing.assert_array_equal(dz[[0, 2]], 0)
    assert np.abs(dz[1]).max() > 0


@each_loss
@both
def test_nan_is_seen(loss, reference, draw, compiled):
    z, y, w = example(draw, 2, 3)
    z[0] = np.nan
    t = loss.targets(y, z.shape[1], "float64")
    out, dz = gradient(loss, z, t, w, 1.0, compiled)
    assert np.isnan(out[0])
    assert np.isnan(dz[0]).all()
    assert np.isfinite(dz[1]).all()


@both
def test_derivatives_at_kinks(compiled):
    z = y = np.array([[1.0, 1.0, 1.0]])
    w = np.ones(1)
    np.testing.assert_array_equal(gradient(Absolute(), z, y, w, 1.0, compiled)[1], 0)
    np.testing.assert_array_equal(gradient(Hinge(), z, y, w, 1.0, compiled)[1], 0)
    np.testing.assert_array_equal(gradient(Quantile(LEVELS), z, y[:, :1], w, 1.0, compiled)[1], 0)


@both
def test_poisson_at_rate_0_and_overflow(compiled):
    z, y, w = np.array([[-np.inf], [1e4]]), np.array([[0.0], [2.0]]), np.ones(2)
    np.testing.assert_array_equal(value(Poisson(), z, y, w, compiled), [0, np.inf])


@both
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_at_huge_logits(compiled, dtype):
    z, w = np.array([[1e4, -1e4, 0], [-1e4, 1e4, 0]], dtype), np.ones(2, dtype)
    for loss, y, expected in (
        (Logistic(pos_weight=(2, 3, 4)), np.array([[1, 0, 1], [1, 1, 0]]), [2.77, 2e4 + 0.69]),
        (SoftmaxCrossEntropy(weight=(2, 3, 4)), np.array([0, 0]), [0, 4e4]),
    ):
        t = loss.targets(y, 3, dtype)
        out, dz = gradient(loss, z, t, w, 1.0, compiled)
        np.testing.assert_allclose(out, expected, rtol=2e-3)
        np.testing.assert_array_equal(value(loss, z, t, w, compiled), out)
        assert np.isfinite(dz).all()


def test_weights_of_one_are_none():
    z, y, w = example(classes, 9, 3)
    for weighted, plain, t in (
        (SoftmaxCrossEntropy(0.1, (1, 1, 1)), SoftmaxCrossEntropy(0.1), y),
        (Logistic(0.1, 1), Logistic(0.1), np.eye(3)[y]),
    ):
        for found, expected in zip(
            gradient(weighted, z, t, w, 0.5), gradient(plain, z, t, w, 0.5), strict=True
        ):
            np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-16)


@both
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_variances_that_no_number_holds(compiled, dtype):
    """exp(±1000) over- and underflows; the least variance is eps."""
    loss = GaussianNLL(eps=1e-4)
    z = np.array([[3, 1000], [3, -1000], [0, -1000]], dtype)
    y, w = np.zeros((3, 1), dtype), np.ones(3, dtype)
    out, dz = gradient(loss, z, y, w, 1.0, compiled)
    least = np.log(1e-4) / 2
    np.testing.assert_allclose(out, [500, least + 4.5e4, least], rtol=1e-5)
    np.testing.assert_allclose(dz, [[0, 0.5], [3e4, 0], [0, 0]], rtol=1e-5)


@both
def test_rates_that_are_none(compiled):
    loss, z, w = Poisson(log_input=False, eps=0), np.array([[0.0], [0.0], [-1.0]]), np.ones(3)
    y = np.array([[0.0], [2.0], [1.0]])
    np.testing.assert_array_equal(value(loss, z, y, w, compiled), [0, np.inf, np.nan])


def test_logarithms_of_distributions_are_like_distributions():
    z, w, p = np.array([[0.5, 2.0, -1.0]]), np.ones(1), np.array([[0.25, 0.75, 0.0]])
    with np.errstate(divide="ignore"):
        t = KLDivergence(log_target=True).targets(np.log(p), 3, "float64")
    np.testing.assert_allclose(t, p)
    exact = special.softmax(z, axis=1)
    assert value(KLDivergence(), np.log(exact), exact, w) == pytest.approx(0, abs=1e-15)
    cross = value(SoftmaxCrossEntropy(), z, p, w)
    assert value(KLDivergence(), z, p, w) == pytest.approx(cross - special.entr(p).sum())


def test_minimisers():
    """The average of the pinball loss is least at the quantile, the others at mean and median."""
    y = np.random.default_rng(0).exponential(size=(999, 1))
    grid = np.linspace(0, 4, 201)
    w = np.ones(999)

    def best(loss):
        return grid[np.argmin([value(loss, np.full((999, 1), v), y, w).mean() for v in grid])]

    assert abs(best(Squared()) - y.mean()) < 0.02
    assert abs(best(Absolute()) - np.median(y)) < 0.02
    assert abs(best(Quantile((0.8,))) - np.quantile(y, 0.8)) < 0.02


@pytest.mark.parametrize("q", [2, 3, 32, 33, 100])
def test_probabilities_of_classes(q):
    z = np.random.default_rng(q).normal(size=(7, q), scale=20)
    p = SoftmaxCrossEntropy().mean(z)
    assert p.flags.c_contiguous
    np.testing.assert_allclose(p, special.softmax(z, axis=1), rtol=1e-13)
    assert SoftmaxCrossEntropy().mean(z[:0]).shape == (0, q)


def test_means():
    z = np.array([[-1e4, 0.0, 1e4]])
    np.testing.assert_array_equal(Logistic().mean(z), [[0, 0.5, 1]])
    np.testing.assert_array_equal(SoftmaxCrossEntropy().mean(z), [[0, 0, 1]])
    np.testing.assert_array_equal(Poisson().mean(z), [[0, 1, np.inf]])
    np.testing.assert_array_equal(Poisson(log_input=False).mean(z), z)
    np.testing.assert_array_equal(Hinge().mean(z), [[0, 0, 1]])
    np.testing.assert_array_equal(Squared().mean(z), z)
    np.testing.assert_array_equal(KLDivergence().mean(z), [[0, 0, 1]])
    z = np.array([[1, 0, 2, 1e4]], "float32")
    np.testing.assert_array_equal(GaussianNLL().mean(z), [[1, 2]])
    variance = GaussianNLL(eps=0.5).variance(z)
    assert variance.dtype == np.float32
    np.testing.assert_array_equal(variance, [[1.5, np.inf]])


def test_widths():
    column, table, labels = np.zeros(4), np.zeros((4, 3)), np.array([0, 2, 1, 2])
    assert Squared().outputs(column) == 1
    assert Squared().outputs(table) == 3
    assert Quantile().outputs(column) == 3
    assert Quantile((0.1, 0.9)).outputs(table) == 6
    assert GaussianNLL().outputs(column) == 2
    assert GaussianNLL().outputs(table) == 6
    assert KLDivergence().outputs(table) == 3
    assert SoftmaxCrossEntropy().outputs(labels) == 3
    assert SoftmaxCrossEntropy().outputs(np.zeros(4, int)) == 2
    assert SoftmaxCrossEntropy().outputs(table) == 3
    assert Hinge().outputs(labels) == 3
    assert Hinge().outputs(np.array([0, 1])) == 1
    assert Hinge().outputs(np.array([-1, 1])) == 1
    assert Hinge().outputs(table) == 3


def test_prepared_targets():
    for y in ([0, 1, 1], [-1, 1, 1]):
        np.testing.assert_array_equal(
            Hinge().targets(np.array(y), 1, "float32"), np.array([[-1], [1], [1]], "float32")
        )
    t = SoftmaxCrossEntropy().targets(np.array([0.0, 2.0]), 3, "float32")
    assert t.dtype == np.int64
    for dtype in ("uint8", "int32", "int64"):
        y = np.array([0, 2, 1], dtype)
        t = SoftmaxCrossEntropy().targets(y, 3, "float32")
        assert (t.dtype, t.tolist()) == (np.int64, [0, 2, 1])
        y[0] = 9  # behind our back, after it was checked
        assert t[0] == 0
    t = Squared().targets(np.arange(3), 1, "float32")
    assert (t.shape, t.dtype, t.flags.c_contiguous) == ((3, 1), np.float32, True)


@pytest.mark.parametrize(
    ("loss", "y", "q", "words"),
    [
        (Squared(), np.zeros((3, 2)), 1, "network with 2 outputs; this one has 1"),
        (Squared(), np.zeros((3, 2, 2)), 1, "must be"),
        (Squared(), np.array(["a"]), 1, "must be numbers"),
        (Squared(), np.array([0, np.nan]), 1, "row 1 is not finite"),
        (Quantile(), np.zeros(3), 1, "network with 3 outputs"),
        (Logistic(), np.array([0, 1, 2]), 1, "row 2 has 2"),
        (Logistic(), np.array([-1, 1]), 1, "row 0 has -1"),
        (SoftmaxCrossEntropy(), np.array([0, 3]), 3, "row 1 has 3"),
        (SoftmaxCrossEntropy(), np.array([-1, 0]), 3, "row 0 has -1"),
        (SoftmaxCrossEntropy(), np.array([0.5, 0]), 3, r"row 0 has 0\.5"),
        (SoftmaxCrossEntropy(), np.array([[0.5, 0.5], [0.5, 0.6]]), 2, "row 1 .* not a dist"),
        (SoftmaxCrossEntropy(), np.array([[1.5, -0.5]]), 2, "row 0 .* not a dist"),
        (Poisson(), np.array([1, -2]), 1, "row 1 has -2"),
        (Logistic(pos_weight=(1, 2)), np.zeros(3), 1, r"has 2 numbers; .* 1 outputs needs 1, or"),
        (SoftmaxCrossEntropy(weight=(1, 2)), np.zeros(3), 3, "has 2 numbers; .* needs 3, one for"),
        (GaussianNLL(), np.zeros(3), 1, "network with 2 outputs, a mean and a log variance"),
        (KLDivergence(), np.zeros(3), 3, "SoftmaxCrossEntropy takes classes"),
        (KLDivergence(), np.array([[0.5, 0.6]]), 2, "KLDivergence: row 0 .* not a dist"),
        (KLDivergence(True), np.array([[0.5, 0.5]]), 2, "KLDivergence: row 0 .* not a dist"),
        (Hinge(), np.array([0, 1, -1]), 1, "row 0 has 0"),
        (Hinge(), np.array([0, 5]), 3, "row 1 has 5"),
    ],
)  # fmt: skip
def test_refused_targets(loss, y, q, words):
    with pytest.raises(InputError, match=words):
        loss.targets(y, q, "float64")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Huber(0),
        lambda: Huber(np.nan),
        lambda: Quantile(()),
        lambda: Quantile((0.5, 0.5)),
        lambda: Quantile((0.5, 1.0)),
        lambda: Quantile(("a",)),
        lambda: Quantile((np.nan,)),
        lambda: SoftmaxCrossEntropy(1.0),
        lambda: SoftmaxCrossEntropy(-0.1),
        lambda: SoftmaxCrossEntropy(weight=()),
        lambda: SoftmaxCrossEntropy(weight=(0, 0)),
        lambda: SoftmaxCrossEntropy(weight=(1, -1)),
        lambda: SoftmaxCrossEntropy(weight="ab"),
        lambda: SoftmaxCrossEntropy(weight=2.0),
        lambda: Logistic(pos_weight=0),
        lambda: Logistic(pos_weight="a"),
        lambda: Logistic(pos_weight=(1, np.nan)),
        lambda: GaussianNLL(eps=0),
        lambda: GaussianNLL(full=1),
        lambda: Poisson(eps=-1),
        lambda: Poisson(log_input="yes"),
        lambda: KLDivergence("yes"),
    ],
)
def test_refused_settings(make):
    with pytest.raises(InputError):
        make()


Z = np.array([[0.5, 2.0, -1.0], [3.0, 1.0, 0.0]])


@pytest.mark.parametrize(
    ("loss", "z", "expected"),
    [
        (Squared(), Z, Z),
        (Squared(), Z[:, :1], Z[:, 0]),
        (Poisson(), Z[:, :1], np.exp(Z[:, 0])),
        (GaussianNLL(), Z[:, :2], Z[:, 0]),
        (KLDivergence(), Z, [1, 0]),
        (SoftmaxCrossEntropy(), Z, [1, 0]),
        (Logistic(), Z[:, 2:], [0, 0]),
        (Logistic(), Z, [[1, 1, 0], [1, 1, 0]]),
        (Hinge(), Z, [1, 0]),
        (Hinge(), Z[:, 2:], [0, 0]),
    ],
    ids=repr,
)
def test_predictions_are_like_targets(loss, z, expected):
    found = loss.predict(z)
    np.testing.assert_array_equal(found, expected)
    assert np.asarray(found).dtype.kind == ("i" if np.asarray(expected).dtype.kind == "i" else "f")


def test_probabilities():
    np.testing.assert_allclose(SoftmaxCrossEntropy().probabilities(Z).sum(axis=1), 1)
    p = Logistic().probabilities(Z[:, :1])
    np.testing.assert_allclose(p, np.c_[1 - p[:, 1], 1 / (1 + np.exp(-Z[:, 0]))])
    assert Logistic().probabilities(Z).shape == Z.shape
    for loss in (Squared(), Hinge(), Quantile((0.5,))):
        with pytest.raises(InputError, match=f"{type(loss).__name__}: its outputs are no prob"):
            loss.probabilities(Z)


def test_weights_of_numpy_are_weights():
    for weights in (np.array([2.0, 0.5]), [2, np.float32(0.5)]):
        assert SoftmaxCrossEntropy(weight=weights) == SoftmaxCrossEntropy(weight=(2.0, 0.5))
        assert Logistic(pos_weight=weights) == Logistic(pos_weight=(2.0, 0.5))
    assert repr(Logistic(pos_weight=np.float64(2))) == "Logistic(pos_weight=2.0)"


def test_levels_of_numpy_are_levels():
    for levels in (np.array([0.25, 0.75]), (np.float32(0.25), np.float64(0.75))):
        assert repr(Quantile(levels)) == repr(Quantile((0.25, 0.75)))
