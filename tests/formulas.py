"""What everything in the catalogue computes: one line for each layer, loss, rule and schedule.

The tests of kernels, of random shapes and of schedules, and both oracles, take expected values from
here. A formula of a layer or a loss is written with ``xp``, functions of NumPy's names (`NUMPY`),
so that an oracle can have it computed, and differentiated, by another library.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy import special

from steepest import layers as L
from steepest import losses as O
from steepest import rules as R
from steepest import schedules as S
from steepest.errors import InputError

NUMPY = SimpleNamespace(
    abs=np.abs, array=np.array, concatenate=np.concatenate, cos=np.cos, einsum=np.einsum,
    exp=np.exp, expm1=np.expm1, log=np.log, maximum=np.maximum, minimum=np.minimum, sqrt=np.sqrt,
    tanh=np.tanh, permute=np.transpose, where=np.where, ndtr=special.ndtr, sigmoid=special.expit,
    softplus=lambda x: np.logaddexp(x, 0),
    softmax=lambda x: special.softmax(x, axis=1),
    log_softmax=lambda x: special.log_softmax(x, axis=1),
    whole=lambda x: x.astype(int),
    one_hot=lambda y, q: np.eye(q)[y],
)  # fmt: skip


# ------------------------------------------------------------------------------------- layers
# y of a layer, its input x (n, p) and its parameters P by name.


def _elu(x, high, low, xp):
    return xp.where(x > 0, high * x, low * xp.expm1(xp.minimum(x, 0)))


def _layer_norm(s, x, P, xp):
    u = x - x.mean(1)[:, None]
    return P["gamma"] * u / xp.sqrt((u**2).mean(1)[:, None] + s.eps) + P["beta"]


def _periodic(s, x, P, xp):
    h = xp.cos(2 * np.pi * P["omega"] * x[:, :, None] + P["phi"])
    waves = xp.einsum("njk,jok->njo", h, P["W"].reshape(x.shape[1], s.dim - 1, -1)) + P["c"]
    return xp.concatenate([x[:, :, None], waves], 2).reshape(len(x), -1)


def _piecewise_linear(s, x, P, xp):
    p = x.shape[1]
    left, scale = (  # as they begin
        xp.array(np.tile(s.state(p)[name].start, (p, 1))) for name in ("left", "scale")
    )
    e = _clip(scale * (x[:, :, None] - left), 0, 1, xp)
    bent = xp.einsum("njt,jot->njo", e, P["W"].reshape(p, s.dim - 1, s.bins)) + P["c"]
    return xp.concatenate([x[:, :, None], bent], 2).reshape(len(x), -1)


def _member_mean(s, x, P, xp):  # of predictions
    if s.of == "softmax":
        e = xp.exp(x)
        return xp.log((e / e.sum(2)[:, :, None]).mean(1))
    mean = (xp.sigmoid(x) if s.of == "sigmoid" else x).mean(1)
    return xp.log(mean / (1 - mean)) if s.of == "sigmoid" else mean


def _heads(s, x, P, xp):
    A = P["A"].reshape(x.shape[1], s.units, x.shape[2])
    return xp.einsum("nkp,kqp->nkq", x, A) + P["b"]


def _gelu(s, x, P, xp):
    if s.approximate == "tanh":
        return x * xp.sigmoid(2 * (2 / np.pi) ** 0.5 * (x + 0.044715 * x**3))
    return x * xp.ndtr(x)


def _clip(x, low, high, xp):
    return xp.minimum(xp.maximum(x, low), high)


def _padded(x, axes, value, xp):
    """Return x (n, …, p) with ``value`` around it along the axes."""
    for k, axis in enumerate(axes, 1):
        low, high = (
            xp.array(np.full((*x.shape[:k], zeros, *x.shape[k + 1 :]), value))
            for zeros in (axis.low, axis.high)
        )
        x = xp.concatenate([low, x, high], k)
    return x


def _taps(x, axes, value, xp):
    """Yield each tap of a kernel, and what it meets: (n, …, p), a pixel for each output."""
    x = _padded(x, axes, value, xp)
    for tap in np.ndindex(*(axis.kernel for axis in axes)):
        starts = [t * axis.dilation for t, axis in zip(tap, axes, strict=True)]
        slices = [
            slice(start, start + axis.stride * (axis.outputs - 1) + 1, axis.stride)
            for start, axis in zip(starts, axes, strict=True)
        ]
        yield tap, x[(slice(None), *slices)]


def _convolution(s, x, P, xp):
    conv = s.convolution(tuple(x.shape[1:]))
    y = P["b"] if s.bias else 0
    for tap, seen in _taps(x, [conv.vertical, conv.horizontal][-s.axes :], 0.0, xp):
        groups = seen.reshape(*seen.shape[:-1], s.groups, conv.inputs)
        A = P["A"][tap].reshape(conv.inputs, s.groups, conv.outputs)
        y = y + xp.einsum("...gc,cgo->...go", groups, A).reshape(*seen.shape[:-1], -1)
    return y


def _max_pool(s, x, xp):
    axes, y = s.real_axes(tuple(x.shape[1:])), None
    for _, seen in _taps(x, axes, -1e300, xp):
        y = seen if y is None else xp.maximum(y, seen)
    return y


def _average_pool(s, x, xp):
    axes = s.real_axes(tuple(x.shape[1:]))
    total = sum(seen for _, seen in _taps(x, axes, 0.0, xp))
    there = sum(seen for _, seen in _taps(np.ones(tuple(x.shape)), axes, 0.0, NUMPY))
    return total / xp.array(there)


def _group_norm(s, x, P, xp):
    u = x.reshape(len(x), -1, s.groups, x.shape[-1] // s.groups)
    u = u - u.mean((1, 3))[:, None, :, None]
    u = u / xp.sqrt((u**2).mean((1, 3))[:, None, :, None] + s.eps)
    return P["gamma"] * u.reshape(x.shape) + P["beta"]


def _turned(x, base, xp):
    """Return x (n, T, heads, size), its pairs turned by angles that grow with the step."""
    steps, half = x.shape[1], x.shape[3] // 2
    angles = np.arange(steps)[:, None, None] * float(base) ** -(np.arange(half) / half)
    c, s = xp.array(np.cos(angles)), xp.array(np.sin(angles))
    u, v = x[..., :half], x[..., half:]
    return xp.concatenate([u * c - v * s, v * c + u * s], 3)


def _attention(s, x, P, xp):
    n, steps, d = x.shape
    size, groups = d // s.heads, s.key_value_heads or s.heads
    inner = xp.einsum("ntd,qd->ntq", x, P["in_proj.A"]) + (P["in_proj.b"] if s.bias else 0)
    heads = inner.reshape(n, steps, s.heads + 2 * groups, size)
    qk, v = heads[:, :, : s.heads + groups], heads[:, :, s.heads + groups :]
    if s.rotary is not None:
        qk = _turned(qk, s.rotary, xp)
    q = qk[:, :, : s.heads].reshape(n, steps, groups, -1, size)
    scores = xp.einsum("ntgrd,nugd->ngrtu", q, qk[:, :, s.heads :]) / size**0.5
    scores = scores + xp.array(np.where(np.tri(steps) + (not s.causal), 0, -1e30))
    weights = xp.softmax(scores.reshape(-1, steps)).reshape(scores.shape)
    y = xp.einsum("ngrtu,nugd->ntgrd", weights, v).reshape(n, steps, d)
    return xp.einsum("ntd,qd->ntq", y, P["out_proj.A"]) + (P["out_proj.b"] if s.bias else 0)


def _tokens(s, x, P, xp):
    rows = P["E"][xp.whole(x)]
    return rows if s.padding is None else xp.where(x[..., None] == s.padding, 0 * rows, rows)


def _bag(s, x, P, xp):
    """Of lists of codes of equal length, or filled up."""
    w = 1.0
    if s.weighted:
        x, w = x[:, : x.shape[1] // 2], x[:, x.shape[1] // 2 :]
    there = w * (1.0 * (x == x) if s.padding is None else 1.0 * (x != s.padding))
    total = (there[..., None] * P["E"][xp.whole(x)]).sum(1)
    return total if s.mode == "sum" else total / xp.maximum(there.sum(1), 1.0)[:, None]


def _waves(s, x, xp):
    steps, d = x.shape[1:]
    angles = np.arange(steps)[:, None] / s.base ** (2 * (np.arange(d) // 2) / d)
    return xp.array(np.where(np.arange(d) % 2 == 0, np.sin(angles), np.cos(angles)))


def _through_time(s, x, P, xp, cell):
    """Return h of every moment, or the last one, of a cell: (gates of x, h, …) to (h, …)."""
    b, c = (P["b"], P["c"]) if s.bias else (np.zeros(1), np.zeros(1))
    b, c = (xp.array(v) if isinstance(v, np.ndarray) else v for v in (b, c))
    none = 0 * x[:, 0, :1]
    state = [none + (row if s.initial == "learned" else xp.array(np.zeros(s.units)))
             for row in (P["start"] if s.initial == "learned" else range(s.states))]  # fmt: skip
    found = {}
    moments = range(x.shape[1])
    for t in reversed(moments) if s.reverse else moments:
        state = cell(x[:, t] @ P["A"].T + b, P["U"], c, state)
        found[t] = state[0]
    if not s.sequences:
        return state[0]
    return xp.concatenate([found[t][:, None] for t in moments], 1)


def _lstm(s, x, P, xp):
    def cell(z, U, c, state):
        h, memory = state
        z = z + h @ U.T + c
        i, f, g, o = (z[:, k * s.units : (k + 1) * s.units] for k in range(4))
        memory = xp.sigmoid(f) * memory + xp.sigmoid(i) * xp.tanh(g)
        return xp.sigmoid(o) * xp.tanh(memory), memory

    return _through_time(s, x, P, xp, cell)


def _gru(s, x, P, xp):
    two = 2 * s.units

    def cell(z, U, c, state):
        (h,) = state
        c = c + xp.array(np.zeros(3 * s.units))
        gates = xp.sigmoid(z[:, :two] + h @ U[:two].T + c[:two])
        r, u = gates[:, : s.units], gates[:, s.units :]
        after, before = h @ U[two:].T + c[two:], (r * h) @ U[two:].T + c[two:]
        inner = r * after if s.reset == "after" else before
        return (u * h + (1 - u) * xp.tanh(z[:, two:] + inner),)

    return _through_time(s, x, P, xp, cell)


def _recurrent(s, x, P, xp):
    def bent(z):
        return xp.tanh(z) if s.activation == "tanh" else xp.where(z > 0, z, 0 * z)

    def cell(z, U, c, state):
        return (bent(z + state[0] @ U.T + c),)

    return _through_time(s, x, P, xp, cell)


def _convex_concave(s, x, xp):
    odd = xp.array(np.arange(x.shape[1]) % 2.0)
    bent = s.slope * x
    return (1 - odd) * xp.maximum(x, bent) + odd * xp.minimum(x, bent)


LAYERS: dict[type, Callable[..., Any]] = {
    L.Adapters: lambda s, x, P, xp: P["R"] * x[:, None],
    L.Affine: lambda s, x, P, xp: P["s"] * x + P["b"],
    L.Attention: _attention,
    L.Average: lambda s, x, P, xp: x.reshape(len(x), s.parts, -1).mean(1),
    L.AveragePool: lambda s, x, P, xp: _average_pool(s, x, xp),
    L.BatchNorm: lambda s, x, P, xp: (  # as it begins: averages of 0 and 1
        P["gamma"] * x / (1 + s.eps) ** 0.5 + P["beta"]
    ),
    L.ConvexConcave: lambda s, x, P, xp: _convex_concave(s, x, xp),
    L.Conv1D: _convolution,
    L.Conv2D: _convolution,
    L.Dense: lambda s, x, P, xp: x @ P["A"].T + (P["b"] if s.bias else 0),
    L.ELU: lambda s, x, P, xp: _elu(x, 1, s.scale, xp),
    L.Embedding: lambda s, x, P, xp: P["E"][xp.whole(x)].reshape(len(x), -1),
    L.EmbeddingBag: _bag,
    L.Flatten: lambda s, x, P, xp: x.reshape(len(x), -1),
    L.GELU: _gelu,
    L.GRU: _gru,
    L.GlobalAveragePool: lambda s, x, P, xp: x.reshape(len(x), -1, x.shape[-1]).mean(1),
    L.GroupNorm: _group_norm,
    L.Hardsigmoid: lambda s, x, P, xp: _clip(s.slope * x + 0.5, 0, 1, xp),
    L.Hardswish: lambda s, x, P, xp: x * _clip(x + 3, 0, 6, xp) / 6,
    L.Hardtanh: lambda s, x, P, xp: _clip(x, s.low, s.high, xp),
    L.Heads: _heads,
    L.Identity: lambda s, x, P, xp: x,
    L.LSTM: _lstm,
    L.LayerNorm: _layer_norm,
    L.LearnedPositions: lambda s, x, P, xp: x + P["P"][: x.shape[1]],
    L.LeakyReLU: lambda s, x, P, xp: xp.where(x > 0, x, s.slope * x),
    L.LogSoftmax: lambda s, x, P, xp: xp.log_softmax(x),
    L.MaxPool: lambda s, x, P, xp: _max_pool(s, x, xp),
    L.MemberMean: _member_mean,
    L.Mish: lambda s, x, P, xp: x * xp.tanh(xp.softplus(x)),
    L.MonotoneDense: lambda s, x, P, xp: (
        x[:, : s.free] @ P["A"][:, : s.free].T
        + x[:, s.free :] @ xp.abs(P["A"][:, s.free :]).T
        + P["b"]
    ),
    L.Periodic: _periodic,
    L.Permute: lambda s, x, P, xp: xp.permute(x, (0, *s.axes)),
    L.PiecewiseLinear: _piecewise_linear,
    L.PReLU: lambda s, x, P, xp: xp.where(x > 0, x, P["a"] * x),
    L.ReLU: lambda s, x, P, xp: xp.maximum(x, 0),
    L.Recurrent: _recurrent,
    L.Reshape: lambda s, x, P, xp: x.reshape(len(x), *s.shape),
    L.RMSNorm: lambda s, x, P, xp: P["gamma"] * x / xp.sqrt((x**2).mean(1)[:, None] + s.eps),
    L.RootScale: lambda s, x, P, xp: x / x.shape[1] ** 0.5,
    L.Scale: lambda s, x, P, xp: P["s"] * x,
    L.SELU: lambda s, x, P, xp: _elu(
        x, 1.0507009873554805, 1.0507009873554805 * 1.6732632423543772, xp
    ),
    L.Sigmoid: lambda s, x, P, xp: xp.sigmoid(x),
    L.SiLU: lambda s, x, P, xp: x * xp.sigmoid(x),
    L.SinusoidalPositions: lambda s, x, P, xp: x + _waves(s, x, xp),
    L.Softmax: lambda s, x, P, xp: xp.softmax(x),
    L.Softplus: lambda s, x, P, xp: xp.softplus(x),
    L.Standardise: lambda s, x, P, xp: x + 0,  # as it begins
    L.SwiGLU: lambda s, x, P, xp: (
        x[:, : x.shape[1] // 2] * xp.sigmoid(x[:, : x.shape[1] // 2]) * x[:, x.shape[1] // 2 :]
    ),
    L.Tanh: lambda s, x, P, xp: xp.tanh(x),
    L.TokenEmbedding: _tokens,
    L.ZeroPad: lambda s, x, P, xp: _padded(x, s.real_axes(tuple(x.shape[1:])), 0.0, xp),
}


# ------------------------------------------------------------------------------------- losses
# ℓ (n,) of a loss, outputs z (n, q) and targets y as a user gives them.


def _huber(s, z, y, xp):
    u = xp.abs(z - y)
    return xp.where(u <= s.delta, u**2 / 2, s.delta * (u - s.delta / 2)).sum(1)


def _quantile(s, z, y, xp):
    level = xp.array(s.levels)
    u = y[:, :, None] - z.reshape(*y.shape, len(s.levels))
    return xp.where(u > 0, level * u, (level - 1) * u).sum(2).sum(1)


def _stirling(y, xp):
    t = xp.maximum(y, 1)
    return xp.where(y > 1, t * xp.log(t) - t + xp.log(2 * np.pi * t) / 2, 0)


def _poisson(s, z, y, xp):
    loss = xp.exp(z) - y * z if s.log_input else z - y * xp.log(z + s.eps)
    return (loss + (_stirling(y, xp) if s.full else 0)).sum(1)


def _gaussian_nll(s, z, y, xp):
    v = xp.exp(z[:, 1::2]) + s.eps
    loss = (xp.log(v) + (z[:, ::2] - y) ** 2 / v) / 2
    return (loss + (np.log(2 * np.pi) / 2 if s.full else 0)).sum(1)


def _kl_divergence(s, z, y, xp):
    t = xp.exp(y) if s.log_target else y
    log_t = xp.log(xp.where(t > 0, t, 1))
    return (t * (log_t - xp.log_softmax(z))).sum(1)


def _output_weights(s, z, y, xp):
    f, m = LOSSES[type(s.loss)], z.shape[1] // y.shape[1]
    parts = (f(s.loss, z[:, k * m : k * m + m], y[:, k : k + 1], xp) for k in range(y.shape[1]))
    return sum(c * part for c, part in zip(s.weights, parts, strict=True))


def _logistic(s, z, y, xp):
    t = _smooth(y, 1 / 2, s.label_smoothing)
    p = 1 if s.pos_weight is None else xp.array(s.pos_weight)
    return (p * t * xp.softplus(-z) + (1 - t) * xp.softplus(z)).sum(1)


def _cross_entropy(s, z, y, xp):
    t = _smooth(_shares(z, y, xp), 1 / z.shape[1], s.label_smoothing)
    c = 1 if s.weight is None else xp.array(s.weight)
    return -(c * t * xp.log_softmax(z)).sum(1)


def _smooth(y, even, smoothing):
    return (1 - smoothing) * y + smoothing * even


def _shares(z, y, xp):
    return xp.one_hot(y, z.shape[1]) if y.ndim == 1 else y


LOSSES: dict[type, Callable[..., Any]] = {
    O.Absolute: lambda s, z, y, xp: xp.abs(z - y).sum(1),
    O.GaussianNLL: _gaussian_nll,
    O.Hinge: lambda s, z, y, xp: xp.maximum(1 - (2 * _shares(z, y, xp) - 1) * z, 0).sum(1),
    O.Huber: _huber,
    O.KLDivergence: _kl_divergence,
    O.Logistic: _logistic,
    O.OutputWeights: _output_weights,
    O.Poisson: _poisson,
    O.Quantile: _quantile,
    O.SoftmaxCrossEntropy: _cross_entropy,
    O.Squared: lambda s, z, y, xp: ((z - y) ** 2).sum(1) / 2,
}

TARGETS: dict[str, Callable[[np.random.Generator, int, int], np.ndarray]] = {
    "numbers": lambda rng, n, k: rng.normal(size=(n, k)),
    "counts": lambda rng, n, k: rng.poisson(2.0, size=(n, k)).astype(float),
    "0 and 1": lambda rng, n, k: rng.integers(2, size=(n, k)).astype(float),
    "shares": lambda rng, n, k: rng.random((n, k)),
    "distributions": lambda rng, n, k: rng.dirichlet(np.ones(k), size=n),
    "classes": lambda rng, n, k: rng.integers(k, size=n),
    "log probabilities": lambda rng, n, k: np.log(rng.dirichlet(np.ones(k), size=n)),
}
_COLUMNS = 3


def columns(loss: Any, kind: str, k: int) -> int:
    """Return k if the loss takes so many columns of targets, else how many it asks for."""
    return k if _fits(loss, kind, k) else _COLUMNS


def outputs(loss: Any, rng: np.random.Generator, n: int, q: int) -> np.ndarray:
    """Return outputs (n, q) that a loss can take."""
    z = rng.normal(size=(n, q))
    return np.abs(z) + 0.1 if loss.positive else z


def takes(loss: Any, kind: str) -> bool:
    """Return whether a loss takes targets of a kind."""
    return _fits(loss, kind, _COLUMNS)


def _fits(loss: Any, kind: str, k: int) -> bool:
    try:
        loss.targets(TARGETS[kind](np.random.default_rng(0), 8, k), k * per_target(loss), "float64")
    except InputError:
        return False
    return True


def per_target(loss: Any) -> int:
    """Return how many outputs a loss wants for each column of its targets."""
    return loss.outputs(np.zeros((1, 1)))


def with_targets(losses: Any) -> list[tuple[Any, str]]:
    """Return losses with each kind of targets that they take: numbers, or else all kinds."""
    found = []
    for loss in losses:
        kinds = ["numbers"] if takes(loss, "numbers") else [k for k in TARGETS if takes(loss, k)]
        assert kinds, f"{loss!r} takes none of {', '.join(TARGETS)}"
        found += [(loss, kind) for kind in kinds]
    return found


# -------------------------------------------------------------------------------------- rules
# The step of a parameter: its gradient g, the rate η, the number t of the step from 1, and what is
# kept, nothing at first but what `step` puts there.


def step(
    rule: Any, theta: Any, g: Any, eta: float, t: int, kept: dict[str, Any], *,
    matrix: bool = False, decay: float = 0.0,
) -> Any:  # fmt: skip
    """Return the θ to train after a step of one parameter; kept["shown"] is that to predict with.

    ``matrix`` is whether it is the matrix of a dense layer, in the shape (outputs, inputs).
    """
    if not rule.decays_itself:
        theta = theta * (1 - eta * decay)
    kept |= {"theta": theta, "matrix": matrix, "decay": decay}
    theta = theta + RULES[type(rule)](rule, g, eta, t, kept)
    kept["shown"] = kept.get("predicted", theta)
    if rule.ema is not None:
        old = kept.get("average", kept["shown"])
        kept["average"] = kept["shown"] = rule.ema * old + (1 - rule.ema) * kept["shown"]
    return theta


def _sgd(r, g, eta, t, kept):
    """Sutskever et al. 2013, equations 1 to 4, at the point θ + μ v for Nesterov's."""
    push = eta * g * (1 if t == 1 else 1 - r.dampening)
    v = kept["v"] = r.momentum * kept.get("v", 0) - push
    return r.momentum * v - push if r.nesterov else v


def _adagrad(r, g, eta, t, kept):
    s = kept["s"] = kept.get("s", r.initial) + g**2
    return -eta / (1 + (t - 1) * r.lr_decay) * g / (np.sqrt(s) + r.eps)


def _rmsprop(r, g, eta, t, kept):
    """Graves 2013, equations 38 to 41."""
    s = kept["s"] = r.rho * kept.get("s", 0) + (1 - r.rho) * g**2
    a = kept["a"] = r.rho * kept.get("a", 0) + (1 - r.rho) * g
    v = r.momentum * kept.get("v", 0) + g / (np.sqrt(s - r.centred * a**2) + r.eps)
    kept["v"] = v
    return -eta * v


def _moments(r, g, kept):
    m = kept["m"] = r.beta1 * kept.get("m", 0) + (1 - r.beta1) * g
    v = kept["v"] = r.beta2 * kept.get("v", 0) + (1 - r.beta2) * g**2
    return m, v


def _adam(r, g, eta, t, kept):
    """Kingma & Ba 2015, Algorithm 1, or the form at the end of section 2; Reddi et al. 2018."""
    m, v = _moments(r, g, kept)
    if r.amsgrad:
        v = kept["most"] = np.maximum(v, kept.get("most", 0))
    mend_m, mend_v = 1 - r.beta1**t, 1 - r.beta2**t
    if r.epsilon_hat:
        return -eta * np.sqrt(mend_v) / mend_m * m / (np.sqrt(v) + r.eps)
    return -eta * (m / mend_m) / (np.sqrt(v / mend_v) + r.eps)


def _nadam(r, g, eta, t, kept):
    """Dozat 2016, Algorithm 2."""

    def mu(t):
        return r.beta1 * (1 - 0.5 * 0.96 ** (t * r.momentum_decay))

    m, v = _moments(r, g, kept)
    p = kept["p"] = kept.get("p", 1) * mu(t)
    ahead = (1 - mu(t)) / (1 - p) * g + mu(t + 1) / (1 - p * mu(t + 1)) * m
    return -eta * ahead / (np.sqrt(v / (1 - r.beta2**t)) + r.eps)


def _radam(r, g, eta, t, kept):
    """Liu et al. 2020, Algorithm 2."""
    m, v = _moments(r, g, kept)
    m = m / (1 - r.beta1**t)
    full = 2 / (1 - r.beta2) - 1
    known = full - 2 * t * r.beta2**t / (1 - r.beta2**t)
    if known <= 5:
        return -eta * m
    rectified = np.sqrt((known - 4) * (known - 2) * full / ((full - 4) * (full - 2) * known))
    return -eta * rectified * np.sqrt(1 - r.beta2**t) * m / (np.sqrt(v) + r.eps)


def _adamax(r, g, eta, t, kept):
    """Kingma & Ba 2015, Algorithm 2."""
    m = kept["m"] = r.beta1 * kept.get("m", 0) + (1 - r.beta1) * g
    u = kept["u"] = np.maximum(r.beta2 * kept.get("u", 0), np.abs(g) + r.eps)
    return -eta / (1 - r.beta1**t) * m / u


def _adadelta(r, g, eta, t, kept):
    """Zeiler 2012, Algorithm 1."""
    s = kept["s"] = r.rho * kept.get("s", 0) + (1 - r.rho) * g**2
    d = np.sqrt(kept.get("w", 0) + r.eps) / np.sqrt(s + r.eps) * g
    kept["w"] = r.rho * kept.get("w", 0) + (1 - r.rho) * d**2
    return -eta * d


def _rprop(r, g, eta, t, kept):
    """Riedmiller & Braun 1993, without going back."""
    agree = g * kept.get("last", 0 * g)
    grown = np.where(agree > 0, r.grow, np.where(agree < 0, r.shrink, 1))
    s = kept["s"] = np.clip(kept.get("s", eta) * grown, r.least, r.most)
    kept["last"] = np.where(agree < 0, 0, g)
    return -np.sign(kept["last"]) * s


def _asgd(r, g, eta, t, kept):
    """Bottou 2012, with the average of Polyak & Juditsky 1992."""
    theta, rate = kept["theta"], eta / (1 + r.shrinkage * eta * (t - 1)) ** r.power
    push = -rate * (g + r.shrinkage * theta)
    old, weight = kept.get("predicted", theta), 1 / max(1, t - 1 - r.start)
    kept["predicted"] = old + weight * (theta + push - old)
    return push


def _schedule_free_adamw(r, g, eta, t, kept):
    """Defazio et al. 2024, Algorithm 1."""
    y = kept["theta"]
    x, z = kept.get("predicted", y), kept.get("z", y)
    v = kept["v"] = r.beta2 * kept.get("v", 0) + (1 - r.beta2) * g**2
    d = g / (np.sqrt(v / (1 - r.beta2**t)) + r.eps) + kept["decay"] * y
    most = kept["most"] = max(kept.get("most", 0), eta)
    w = t**r.weight_growth * most**r.weight_power
    total = kept["total"] = kept.get("total", 0) + w
    c, z = w / (total or 1), z - eta * d  # (a factor may have frozen it)
    kept["z"], x = z, (1 - c) * x + c * z
    kept["predicted"] = x
    return (1 - r.beta1) * z + r.beta1 * x - y


def _muon(r, g, eta, t, kept):
    """Jordan et al. 2024; Adam for all that is no matrix."""
    if not kept["matrix"] or g.ndim != 2:
        m, v = _moments(r, g, kept)
        return -eta * (m / (1 - r.beta1**t)) / (np.sqrt(v / (1 - r.beta2**t)) + r.eps)
    m = kept["m"] = r.momentum * kept.get("m", 0) + (1 - r.momentum) * g
    u = (1 - r.momentum) * g + r.momentum * m if r.nesterov else m
    a, b, c = r.coefficients
    X = u / max(np.sqrt((u**2).sum()), r.norm_eps)
    for _ in range(r.steps):
        S = X @ X.T
        X = a * X + (b * S + c * S @ S) @ X
    q, p = g.shape
    sizes = {"rms": 0.2 * max(q, p) ** 0.5, "original": max(1, q / p) ** 0.5, "none": 1}
    return -eta * sizes[r.adjust] * X


def _adafactor(r, g, eta, t, kept):
    """Shazeer & Stern 2018, Algorithms 4 and 5."""
    theta, new = kept["theta"], t**-r.decay
    eps = np.finfo(g.dtype).eps if r.eps is None else r.eps

    def follow(name, value):
        kept[name] = kept.get(name, 0) + new * (value - kept.get(name, 0))
        return kept[name]

    if g.ndim == 2:
        R, C = follow("R", (g**2).mean(1)), follow("C", (g**2).mean(0))
        V = R[:, None] * C / max(R.mean(), eps)
    else:
        V = follow("V", g**2)
    u = g / np.sqrt(np.maximum(V, eps**2))
    u = u / max(1, np.sqrt((u**2).mean()) / r.limit)
    size = min(eta, t**-0.5) * max(r.least, np.sqrt((theta**2).mean()))
    return -eta * kept["decay"] * theta - size * u


RULES: dict[type, Callable[..., Any]] = {
    R.ASGD: _asgd,
    R.Adadelta: _adadelta,
    R.Adafactor: _adafactor,
    R.Adagrad: _adagrad,
    R.Adam: _adam,
    R.AdamW: _adam,
    R.Adamax: _adamax,
    R.Muon: _muon,
    R.NAdam: _nadam,
    R.RAdam: _radam,
    R.RMSprop: _rmsprop,
    R.Rprop: _rprop,
    R.SGD: _sgd,
    R.ScheduleFreeAdamW: _schedule_free_adamw,
}


# ---------------------------------------------------------------------------------- schedules
# η_t of a schedule that knows its ``total``, and steps t.


def _fall(part):
    return (1 + np.cos(np.pi * np.clip(part, 0, 1))) / 2


def _cosine(s, t):
    fall = s.floor + (s.lr - s.floor) * _fall((t - s.warmup) / (s.total - s.warmup))
    return np.where(t < s.warmup, s.lr * (t + 1) / max(s.warmup, 1), fall)


def _one_cycle(s, t):
    done, low, last = t / s.total, s.lr / s.start, s.lr / s.start / s.end
    rise = s.lr + (low - s.lr) * _fall(done / s.warmup)
    fall = last + (s.lr - last) * _fall((done - s.warmup) / (1 - s.warmup))
    return np.where(done < s.warmup, rise, fall)


SCHEDULES: dict[type, Callable[..., Any]] = {
    S.Constant: lambda s, t: s.lr + 0 * t,
    S.Cosine: _cosine,
    S.CosLog4: lambda s, t: s.lr * (1 - np.cos(2 * np.pi * np.log2(1 + 15 * t / s.total))) / 2,
    S.Exponential: lambda s, t: s.lr * s.rate**t,
    S.FlatCosine: lambda s, t: s.lr * _fall((t / s.total - s.flat) / (1 - s.flat)),
    S.InverseScaling: lambda s, t: s.lr / (t + 1) ** s.power,
    S.OneCycle: _one_cycle,
    S.ReduceOnPlateau: lambda s, t: s.lr + 0 * t,
    S.Step: lambda s, t: s.lr * s.factor ** (t // s.every),
}


def slopes(f: Callable[[np.ndarray], np.ndarray], x: np.ndarray, h: float = 1e-6) -> np.ndarray:
    """Return the derivative at every entry, for f of single entries; NaN at a kink."""
    left, right = (f(x) - f(x - h)) / h, (f(x + h) - f(x)) / h
    smooth = np.abs(left - right) < 1e-3 * (1 + np.abs(left))
    return np.where(smooth, (f(x + h) - f(x - h)) / (2 * h), np.nan)
