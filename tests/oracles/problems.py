"""Networks, losses and data as Hypothesis draws them: what Steepest and an oracle both compute."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
from hypothesis import strategies as st
from scipy import sparse

import formulas
from steepest import layers as L
from steepest import rules
from steepest.checking import catalogue
from steepest.errors import InputError
from steepest.layer import Layer
from steepest.loss import Loss
from steepest.losses import SoftmaxCrossEntropy, Squared
from steepest.rule import IfPresent, Rule
from steepest.schedule import Schedule, for_steps
from steepest.schedules import FlatCosine

T = TypeVar("T")
STEPS = 10
LOSSES = formulas.with_targets(catalogue.LOSSES)
WIDTHS = st.sampled_from((1, 2, 3, 7, 15, 16, 17, 33))  # around a vector, and around Dense's forms
FOR_SHAPES = [pair for pair in LOSSES if type(pair[0]) in (Squared, SoftmaxCrossEntropy)]
CODES = 6
LEAST_ROOT = 1e-8
"""The eps of rules that take the smallest there is: they divide a gradient by its own root, and so
make a step of what rounding leaves of terms that cancel, which is 0 in one order of sums only."""
BEGINS_PLAINLY = rules.RAdam  # its first five steps are along the gradient, however long that is


def at(value: float | Schedule, step: int) -> float:
    """Return what a number that may follow a schedule is at a step."""
    return float(value(np.array([step]))[0]) if callable(value) else value


@dataclass(frozen=True)
class Problem:
    """A network with its start, data, and how it is trained."""

    layers: tuple[Layer, ...]
    loss: Loss
    x: np.ndarray  # (n, p)
    csr: bool
    y: np.ndarray
    w: np.ndarray | None
    batch: int
    threads: int
    seed: int
    extras: dict[str, Any]

    @property
    def X(self) -> Any:
        return sparse.csr_matrix(self.x) if self.csr else self.x

    @property
    def weights(self) -> np.ndarray:
        """The weights as the objective has them: with a mean of 1."""
        return np.ones(len(self.x)) if self.w is None else self.w / self.w.mean()

    def batches(self) -> Iterator[np.ndarray]:
        """Yield the rows of every step."""
        n = len(self.x)
        starts = range(0, n, self.batch)
        for step in range(STEPS):
            start = starts[step % len(starts)]
            yield np.arange(start, min(start + self.batch, n))

    def rules(self, norm: float) -> Iterator[Rule]:
        """Yield every update rule, with this problem's penalties, decay, clipping and factors.

        Steps along a gradient of this norm are kept short enough for no network to diverge.
        """
        yield rules.SGD(lr=0.01 / (1 + norm))  # fused, where a rule with anything more is not
        for rule in catalogue.RULES:
            divides = rule.adaptive and not isinstance(rule, BEGINS_PLAINLY)
            lr = 0.003 if divides else 0.01 / (1 + norm)
            decay = for_steps(rule.weight_decay, STEPS) if callable(rule.weight_decay) else None
            own: dict[str, Any] = {} if decay is None else {"weight_decay": decay}
            if getattr(rule, "eps", 1.0) is None:
                own["eps"] = LEAST_ROOT
            yield replace(rule, lr=lr, **(own | self.extras))


# ------------------------------------------------------------------------------------- layers

SIMPLE: tuple[Layer, ...] = (
    *(layer for layer in catalogue.LAYERS if layer.steepest_slope is not None),
    L.Scale(), L.Dropout(0.0), L.Dropout(0.3), L.Dropout(FlatCosine(0.4, STEPS)), L.RootScale(),
    L.Parametric(L.SELU()), L.Periodic(3, 2), L.PiecewiseLinear(4, 3), L.Affine(), L.PReLU(),
    L.ConvexConcave(), L.MonotoneDense(3, 1), L.Standardise(),
)  # fmt: skip
# These are constant on a single column: nothing but rounding would be left of their gradients.
OF_A_ROW: tuple[Layer, ...] = (L.Softmax(), L.LogSoftmax(), L.LayerNorm(), L.LayerNorm(0.01))


@st.composite
def dense(draw: Callable[..., Any]) -> Layer:
    weights = draw(st.sampled_from(("glorot_uniform", "he_normal", "lecun_uniform")))
    return L.Dense(draw(WIDTHS), weights, bias=draw(st.booleans()))


@st.composite
def chain(draw: Callable[..., Any], p: int, depth: int) -> tuple[Layer, ...]:
    found: list[Layer] = []
    for _ in range(draw(st.integers(1, 3))):
        found.append(draw(layer(p, depth)))
        p = found[-1].outputs(p)
    return tuple(found)


@st.composite
def residual(draw: Callable[..., Any], p: int, depth: int) -> Layer:
    inner = draw(chain(p, depth))
    return (
        L.Residual(*inner)
        if L.Sequential(*inner).outputs(p) == p
        else L.Residual(*inner, L.Dense(p))
    )


@st.composite
def total(draw: Callable[..., Any], p: int, depth: int) -> Layer:
    q = draw(WIDTHS)
    inner = draw(st.lists(chain(p, depth), min_size=1, max_size=3))
    return L.Sum(*(L.Sequential(*branch, L.Dense(q)) for branch in inner))


@st.composite
def ensemble(draw: Callable[..., Any], p: int) -> Layer:
    q, members = draw(WIDTHS), draw(st.integers(2, 3))
    branches = [
        L.Sequential(draw(layer(p, 0)), L.Dense(q), L.Parametric(L.Tanh())) for _ in range(members)
    ]
    return L.Sequential(L.Concat(*branches), L.Average(members))


@st.composite
def members(draw: Callable[..., Any]) -> Layer:
    inner = L.Dense(draw(WIDTHS)), L.Tanh(), L.Heads(draw(WIDTHS))
    return L.Sequential(L.Adapters(draw(st.integers(1, 3))), *inner, L.Flatten())


@st.composite
def parallel(draw: Callable[..., Any], p: int, depth: int) -> Layer:
    cut = draw(st.integers(1, p - 1))
    return L.Parallel((cut, draw(layer(cut, depth))), (p - cut, draw(layer(p - cut, depth))))


@st.composite
def shaped(draw: Callable[..., Any], p: int) -> Layer:
    """Return layers that act on p numbers as on a matrix, and turn that."""
    rows = draw(st.sampled_from([k for k in range(1, p + 1) if p % k == 0]))
    turned = L.Dense(draw(WIDTHS)), L.Tanh(), L.Permute((2, 1)), L.Flatten()
    return L.Sequential(L.Reshape((rows, p // rows)), *turned)


FILTERS = st.sampled_from((1, 2, 4, 6, 17))
PIXELS = 6  # at least: norms leave nothing but rounding of the gradients of a few


@st.composite
def of_images(draw: Callable[..., Any], shape: tuple[int, ...], depth: int = 1) -> Layer:
    """Return a layer for images or sequences with their channels last."""
    *pixels, c = shape
    axes = len(pixels)
    size = st.sampled_from((1, 2, 3, (1, 2) if axes == 2 else (2,), (3, 5)[:axes]))
    around = st.sampled_from(("valid", "same", "same", 1, 2, ((0, 1), (2, 0))[:axes]))
    kind = draw(st.sampled_from(("conv", "pool", "norm", "norm", "branches", "pad")))
    if kind == "conv":
        q = draw(FILTERS)
        groups = draw(st.sampled_from([g for g in range(1, c + 1) if c % g == q % g == 0]))
        conv = L.Conv1D if axes == 1 else L.Conv2D
        found = conv(
            q, draw(size), draw(st.sampled_from((1, 1, 2, 3))), draw(around),
            draw(st.sampled_from((1, 1, 2))), groups, bias=draw(st.booleans()),
        )  # fmt: skip
    elif kind == "pool":
        pool = draw(st.sampled_from((L.MaxPool, L.AveragePool)))
        windows = draw(st.sampled_from((2, 3))), draw(st.sampled_from((None, 1, 2)))
        found = pool(*windows, draw(st.sampled_from(("valid", "same", 1))))
    elif kind == "pad":
        found = L.ZeroPad(draw(st.sampled_from((1, ((1, 0),) * axes))))
    elif kind == "branches" and depth:
        same = L.Conv1D if axes == 1 else L.Conv2D
        inner = draw(of_images(shape, 0)), L.Tanh(), same(c, 3, padding="same")
        plain = L.Sequential(*inner).output_shape(shape) == shape
        inner = inner if plain else inner[1:]
        join = draw(st.sampled_from((L.Sum, L.Concat, L.Residual)))
        found = (L.Residual(*inner) if join is L.Residual
                 else join(L.Sequential(*inner), same(c, 1, bias=False)))  # fmt: skip
    else:
        groups = draw(st.sampled_from([g for g in range(1, c + 1) if c % g == 0]))
        norms = (
            L.BatchNorm(), L.BatchNorm(0.5, eps=0.1), L.GroupNorm(groups),
            L.RMSNorm() if c > 1 else L.Scale(), L.LayerNorm() if c > 1 else L.Affine(),
        )  # fmt: skip
        # A norm takes away what is added right before it, and leaves rounding of the gradient.
        found = L.Sequential(L.Tanh(), draw(st.sampled_from(norms)), L.Tanh())
    try:
        fits = math.prod(found.output_shape(shape)[:-1]) >= PIXELS
    except InputError:  # a kernel that is too large
        fits = False
    return found if fits else L.Tanh()


@st.composite
def stack(draw: Callable[..., Any], shape: tuple[int, ...], most: int) -> tuple[Layer, ...]:
    """Return layers that work on images or sequences of ``shape``, and end in a row."""
    found: list[Layer] = []
    for _ in range(draw(st.integers(1, most))):
        found.append(draw(of_images(shape)))
        shape = found[-1].output_shape(shape)
    return (*found, draw(st.sampled_from((L.Flatten(), L.GlobalAveragePool()))))


@st.composite
def pictured(draw: Callable[..., Any]) -> Layer:
    """Return layers that make images or sequences of a row, work on them, and end in a row."""
    pixels = draw(st.sampled_from(((9,), (12,), (4, 4), (3, 5), (6, 5))))
    shape = (*pixels, draw(FILTERS))
    made = L.Dense(math.prod(shape)), L.Reshape(shape)
    return L.Sequential(*made, *draw(stack(shape, 4)), L.Dense(draw(WIDTHS)))


@st.composite
def attention(draw: Callable[..., Any], d: int) -> Layer:
    """Return attention without biases: that of the keys changes nothing but rounding."""
    heads = draw(st.sampled_from([h for h in range(1, d + 1) if d % h == 0]))
    groups = draw(st.sampled_from([g for g in range(1, heads + 1) if heads % g == 0]))
    turned = draw(st.sampled_from((None, 10.0, 10000.0))) if d // heads % 2 == 0 else None
    return L.Attention(heads, draw(st.booleans()), turned, groups, bias=False)


@st.composite
def blocks(draw: Callable[..., Any], steps: int, d: int) -> tuple[Layer, ...]:
    """Return blocks that work on sequences (steps, d), and what makes a row of them."""
    found: list[Layer] = []
    positions = (L.Tanh(), L.LearnedPositions(steps + 1, 0.5), L.SinusoidalPositions(20.0))
    found.append(draw(st.sampled_from(positions)))
    for _ in range(draw(st.integers(1, 2))):
        inner = draw(attention(d)), *((L.Dense(2 * d), L.SwiGLU()) if draw(st.booleans()) else ())
        norm = (L.RMSNorm(),) if d > 1 else ()
        found.append(draw(st.sampled_from((L.Residual(*norm, *inner), L.Sequential(*inner)))))
    return (*found, draw(st.sampled_from((L.Flatten(), L.GlobalAveragePool()))))


@st.composite
def sequenced(draw: Callable[..., Any]) -> Layer:
    """Return layers that make a sequence of a row, work on it, and end in a row."""
    steps, d = draw(st.sampled_from((2, 3, 5, 35, 50))), draw(st.sampled_from((1, 2, 4, 6, 34)))
    inner = draw(blocks(steps, d))
    # (Tanh, because a step may make much of what attention has made large.)
    made = L.Dense(steps * d), L.Reshape((steps, d)), *inner, L.Tanh(), L.Dense(draw(WIDTHS))
    return L.Sequential(*made)


@st.composite
def of_tokens(draw: Callable[..., Any], p: int) -> tuple[Layer, ...]:
    """Return layers for sequences of p tokens."""
    d = draw(st.sampled_from((1, 2, 4)))
    embedding, inner = L.TokenEmbedding(CODES, d), draw(blocks(p, d))
    if draw(st.booleans()):
        return embedding, *inner, L.Tanh()
    return L.TiedEmbedding(embedding, *inner[:-1]), L.Tanh(), inner[-1]


def layer(p: int, depth: int) -> st.SearchStrategy[Layer]:
    """Return a strategy for layers that take ``p`` inputs, with up to ``depth`` levels inside."""
    kinds: list[st.SearchStrategy[Layer]] = [
        st.sampled_from(SIMPLE + OF_A_ROW if p > 1 else SIMPLE),
        dense(),
    ]
    if depth:
        branches = st.lists(layer(p, depth - 1), min_size=1, max_size=3)
        kinds += [
            chain(p, depth - 1).map(lambda inner: L.Sequential(*inner)),
            residual(p, depth - 1),
            total(p, depth - 1),
            branches.map(lambda inner: L.Concat(*inner)),
            ensemble(p),
            members(),
            shaped(p),
            pictured(),
            pictured(),
            sequenced(),
            sequenced(),
        ]
        if p > 1:
            kinds.append(parallel(p, depth - 1))
    return st.one_of(kinds)


# ----------------------------------------------------------------------------------- problems


@st.composite
def inputs(
    draw: Callable[..., Any], rng: np.random.Generator, n: int, p: int
) -> tuple[np.ndarray, bool, tuple[Layer, ...]]:
    """Draw x, whether it is given in CSR form, and the layer it needs in front."""
    x = rng.normal(size=(n, p))
    kinds = "reals", "codes", "both", "tokens", "bags", "csr", "csr branches"
    kind = draw(st.sampled_from(kinds))
    if kind.startswith("csr"):
        x *= rng.random((n, p)) < 0.3
        first = draw(dense())
        return x, True, (first if kind == "csr" else L.Concat(first, L.Sequential(draw(dense()))),)
    embedding = L.Embedding(CODES, draw(st.integers(1, 3)))
    if kind == "codes":
        return rng.integers(CODES, size=(n, p)).astype(float), False, (embedding,)
    if kind == "bags":
        codes = rng.integers(CODES, size=(n, p)).astype(float)
        mode, padding = draw(st.sampled_from(("mean", "sum"))), draw(st.sampled_from((None, 0)))
        weighted = mode == "sum" and p % 2 == 0
        bag = L.EmbeddingBag(CODES, draw(st.integers(1, 3)), mode, padding=padding,
                             weighted=weighted)  # fmt: skip
        if weighted:
            codes[:, p // 2 :] = x[:, p // 2 :]
        return codes, False, (bag,)
    if kind == "tokens":
        return rng.integers(CODES, size=(n, p)).astype(float), False, draw(of_tokens(p))
    if kind == "both":
        x[:, 0] = rng.integers(CODES, size=n)
        rest = ((p - 1, draw(layer(p - 1, 0))),) if p > 1 else ()
        return x, False, (L.Parallel((1, embedding), *rest),)
    return x, False, ()


def choose(rng: np.random.Generator, things: Sequence[T], of: Callable[[T], Any]) -> T:
    """Choose a kind, of whatever has settings, then one of this kind.

    Hypothesis tries much the same again and again, and leaves some kinds out; this can't.
    """
    kinds: dict[type, list[T]] = {}
    for thing in things:
        kinds.setdefault(type(of(thing)), []).append(thing)
    found = list(kinds.values())[rng.integers(len(kinds))]
    return found[rng.integers(len(found))]


def end(k: int, loss: Loss, members: int) -> tuple[Layer, ...]:
    """Return the last layers: k outputs of the loss, of one network or of each of an ensemble."""
    positive = [L.Softplus()] * loss.positive
    if members:
        return (L.Adapters(members), L.Dense(3), L.Tanh(), L.Heads(k), *positive,
                L.MemberMean(loss.link))  # fmt: skip
    return L.Dense(k), *positive


@st.composite
def problems(draw: Callable[..., Any]) -> Problem:
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    n, p = draw(st.sampled_from((1, 2, 5, 8))), draw(WIDTHS)
    x, csr, first = draw(inputs(rng, n, p))
    (width,) = L.Sequential(*first).output_shape((p,)) if first else (p,)
    one = choose(rng, SIMPLE + OF_A_ROW if width > 1 else SIMPLE, lambda layer: layer)
    layers = (*first, one, *draw(chain(one.outputs(width), depth=2)))
    loss, kind = choose(rng, LOSSES, lambda pair: pair[0])
    alone = kind in ("classes", "distributions", "log probabilities")
    k = formulas.columns(loss, kind, draw(st.integers(2 if alone else 1, 4)))
    y = formulas.TARGETS[kind](rng, n, k)
    w = None
    if draw(st.booleans()):
        w = rng.uniform(0.5, 2, n)
        w[1:][rng.random(n - 1) < 0.2] = 0
    extras = {
        "l1": draw(st.sampled_from((0.0, 0.01))),
        "l2": draw(st.sampled_from((0.0, 0.1))),
        "clip_norm": draw(st.sampled_from((None, 0.5))),
        "clip_value": draw(st.sampled_from((None, 0.1))),
        "factors": draw(st.sampled_from(({}, IfPresent({"*.b": 0.5, "0.*": 0.0})))),
        "penalty_over_batch": draw(st.booleans()),
    }
    if draw(st.booleans()):
        extras["weight_decay"] = draw(st.sampled_from((0.2, FlatCosine(0.2, STEPS))))
    return Problem(
        (*layers, *end(k * formulas.per_target(loss), loss, draw(st.sampled_from((0, 0, 2, 3))))),
        loss, x, csr, y, w,
        batch=draw(st.sampled_from((n, -(-n // 2)))), threads=draw(st.integers(1, 2)),
        seed=seed, extras=extras,
    )  # fmt: skip


@dataclass(frozen=True)
class ShapedProblem(Problem):
    """Images or sequences, x (n, …, channels), or sequences of tokens (n, T), and three rules."""

    def rules(self, norm: float) -> Iterator[Rule]:
        lr = 0.01 / (1 + norm)
        yield rules.SGD(lr=lr)
        yield rules.SGD(lr=lr, momentum=0.9, nesterov=True, weight_decay=0.2, **self.extras)
        yield rules.AdamW(lr=0.003, **self.extras)


@st.composite
def image_problems(draw: Callable[..., Any]) -> ShapedProblem:
    """Draw a network that begins with a convolution, and odd sizes of images and batches."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    pixels = draw(st.sampled_from(((9,), (14,), (31,), (5, 5), (7, 9), (6, 4), (1, 8))))
    n, shape = draw(st.sampled_from((1, 2, 3, 7))), (*pixels, draw(FILTERS))
    size = draw(st.sampled_from((1, 3, (1, 3) if len(pixels) == 2 else (3,))))
    conv = L.Conv1D if len(pixels) == 1 else L.Conv2D
    first = conv(draw(FILTERS), size, padding="same", bias=draw(st.booleans()))
    act = draw(st.sampled_from((L.ReLU(), L.Tanh())))
    layers = (first, act, *draw(stack(first.output_shape(shape), 5)))
    loss, kind = draw(st.sampled_from(FOR_SHAPES))
    k = formulas.columns(loss, kind, draw(st.integers(2, 4)))
    extras = {
        "l2": draw(st.sampled_from((0.0, 0.1))),
        "clip_norm": draw(st.sampled_from((None, 0.5))),
    }
    return ShapedProblem(
        (*layers, L.Dense(k)), loss, rng.normal(size=(n, *shape)), False,
        formulas.TARGETS[kind](rng, n, k), draw(st.sampled_from((None, rng.uniform(0.5, 2, n)))),
        batch=draw(st.sampled_from((n, -(-n // 2)))), threads=draw(st.integers(1, 3)),
        seed=seed, extras=extras,
    )  # fmt: skip


RECURRENT = (L.LSTM, L.GRU, L.Recurrent)


@st.composite
def recurrent(draw: Callable[..., Any], d: int) -> Layer:
    """Return a recurrent layer for moments of ``d`` numbers. (A ReLU has kinks, and grows.)"""
    cell = draw(st.sampled_from((L.LSTM, L.GRU, partial(L.GRU, reset="before"), L.Recurrent)))
    h, initial = draw(st.integers(2, 5)), draw(st.sampled_from(("zeros", "learned")))
    settings = {"reverse": draw(st.booleans()), "initial": initial, "bias": draw(st.booleans())}
    found = cell(h, **settings)
    if draw(st.booleans()):
        found = L.Concat(found, cell(h, **settings | {"reverse": not settings["reverse"]}))
    return L.Residual(found) if found.output_shape((1, d)) == (1, d) else found


@st.composite
def step_of_sequence(draw: Callable[..., Any], d: int) -> Layer:
    """Return attention or a recurrent layer for moments of ``d`` numbers, or a block of a few."""
    one = draw(st.one_of(attention(d), recurrent(d)))
    kind = draw(st.sampled_from(("alone", "alone", "block", "feed forward")))
    if kind == "alone" or d == 1:
        return one
    q = one.output_shape((1, d))[-1]
    back = () if q == d else (L.Dense(d),)
    norm = draw(st.sampled_from((L.RMSNorm(), L.LayerNorm(), L.Tanh())))
    if kind == "block":
        return L.Residual(norm, one, *back)
    return L.Sequential(one, L.Residual(L.Dense(2 * q), L.SwiGLU()), L.Tanh())


@st.composite
def sequence_problems(draw: Callable[..., Any]) -> ShapedProblem:
    """Draw a network of attention and recurrence, for sequences of numbers or of tokens."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    n, T, d = (draw(st.integers(1, most)) for most in (5, 6, 5))
    x, layers = rng.normal(size=(n, T, d)), []
    if draw(st.booleans()):
        x = rng.integers(CODES, size=(n, T)).astype(float)
        layers = [L.TokenEmbedding(CODES, d)]
    layers.append(draw(st.sampled_from(
        (L.Tanh(), L.LearnedPositions(T + 1, 0.5), L.SinusoidalPositions(20.0)))))  # fmt: skip
    for _ in range(draw(st.integers(1, 3))):
        width = L.Sequential(*layers).output_shape(x.shape[1:])[-1]
        layers.append(draw(step_of_sequence(width)))
    # (Tanh, because a step may make much of what attention has made large.)
    layers += L.Tanh(), draw(st.sampled_from((L.Flatten(), L.GlobalAveragePool())))
    loss, kind = choose(rng, FOR_SHAPES, lambda pair: pair[0])
    k = formulas.columns(loss, kind, draw(st.integers(2, 4)))
    extras = {
        "l2": draw(st.sampled_from((0.0, 0.1))),
        "clip_norm": draw(st.sampled_from((None, 0.5))),
    }
    return ShapedProblem(
        (*layers, L.Dense(k)), loss, x, False, formulas.TARGETS[kind](rng, n, k),
        draw(st.sampled_from((None, rng.uniform(0.5, 2, n)))),
        batch=draw(st.sampled_from((n, -(-n // 2)))), threads=draw(st.integers(1, 2)),
        seed=seed, extras=extras,
    )  # fmt: skip


def kinds(layer: Layer) -> set[str]:
    """Return the names of the layers inside ``layer``, and its own."""
    inner = getattr(layer, "layers", ())
    return {type(layer).__name__}.union(*map(kinds, inner))
