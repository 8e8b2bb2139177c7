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
    exp=np.exp, expm1=np.expm1, maximum=np.maximum, minimum=np.minimum, sqrt=np.sqrt, tanh=np.tanh,
    permute=np.transpose, where=np.where, ndtr=special.ndtr, sigmoid=special.expit,
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


LAYERS: dict[type, Callable[..., Any]] = {
    L.Average: lambda s, x, P, xp: x.reshape(len(x), s.parts, -1).mean(1),
    L.AveragePool: lambda s, x, P, xp: _average_pool(s, x, xp),
    L.Conv1D: _convolution,
    L.Conv2D: _convolution,
    L.Dense: lambda s, x, P, xp: x @ P["A"].T + (P["b"] if s.bias else 0),
    L.ELU: lambda s, x, P, xp: _elu(x, 1, s.scale, xp),
    L.Embedding: lambda s, x, P, xp: P["E"][xp.whole(x)].reshape(len(x), -1),
    L.GELU: lambda s, x, P, xp: x * xp.ndtr(x),
    L.Flatten: lambda s, x, P, xp: x.reshape(len(x), -1),
    L.GlobalAveragePool: lambda s, x, P, xp: x.reshape(len(x), -1, x.shape[-1]).mean(1),
    L.GroupNorm: _group_norm,
    L.Identity: lambda s, x, P, xp: x,
    L.LayerNorm: _layer_norm,
    L.LeakyReLU: lambda s, x, P, xp: xp.where(x > 0, x, s.slope * x),
    L.MaxPool: lambda s, x, P, xp: _max_pool(s, x, xp),
    L.Mish: lambda s, x, P, xp: x * xp.tanh(xp.softplus(x)),
    L.Periodic: _periodic,
    L.Permute: lambda s, x, P, xp: xp.permute(x, (0, *s.axes)),
    L.ReLU: lambda s, x, P, xp: xp.maximum(x, 0),
    L.Reshape: lambda s, x, P, xp: x.reshape(len(x), *s.shape),
    L.RMSNorm: lambda s, x, P, xp: P["gamma"] * x / xp.sqrt((x**2).mean(1)[:, None] + s.eps),
    L.RootScale: lambda s, x, P, xp: x / x.shape[1] ** 0.5,
    L.Scale: lambda s, x, P, xp: P["s"] * x,
    L.SELU: lambda s, x, P, xp: _elu(
        x, 1.0507009873554805, 1.0507009873554805 * 1.6732632423543772, xp
    ),
    L.Sigmoid: lambda s, x, P, xp: xp.sigmoid(x),
    L.SiLU: lambda s, x, P, xp: x * xp.sigmoid(x),
    L.Softmax: lambda s, x, P, xp: xp.softmax(x),
    L.Softplus: lambda s, x, P, xp: xp.softplus(x),
    L.Tanh: lambda s, x, P, xp: xp.tanh(x),
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


def _smooth(y, even, smoothing):
    return (1 - smoothing) * y + smoothing * even


def _shares(z, y, xp):
    return xp.one_hot(y, z.shape[1]) if y.ndim == 1 else y


LOSSES: dict[type, Callable[..., Any]] = {
    O.Absolute: lambda s, z, y, xp: xp.abs(z - y).sum(1),
    O.Hinge: lambda s, z, y, xp: xp.maximum(1 - (2 * _shares(z, y, xp) - 1) * z, 0).sum(1),
    O.Huber: _huber,
    O.Logistic: lambda s, z, y, xp: (xp.softplus(z) - _smooth(y, 1 / 2, s.label_smoothing) * z).sum(
        1
    ),
    O.Poisson: lambda s, z, y, xp: (xp.exp(z) - y * z).sum(1),
    O.Quantile: _quantile,
    O.SoftmaxCrossEntropy: lambda s, z, y, xp: (
        -(_smooth(_shares(z, y, xp), 1 / z.shape[1], s.label_smoothing) * xp.log_softmax(z)).sum(1)
    ),
    O.Squared: lambda s, z, y, xp: ((z - y) ** 2).sum(1) / 2,
}

TARGETS: dict[str, Callable[[np.random.Generator, int, int], np.ndarray]] = {
    "numbers": lambda rng, n, k: rng.normal(size=(n, k)),
    "counts": lambda rng, n, k: rng.poisson(2.0, size=(n, k)).astype(float),
    "0 and 1": lambda rng, n, k: rng.integers(2, size=(n, k)).astype(float),
    "shares": lambda rng, n, k: rng.random((n, k)),
    "distributions": lambda rng, n, k: rng.dirichlet(np.ones(k), size=n),
    "classes": lambda rng, n, k: rng.integers(k, size=n),
}


def takes(loss: O.Squared | Any, kind: str) -> bool:
    """Return whether a loss takes targets of a kind."""
    k = 3
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
# kept, nothing at first.


def _sgd(r, g, eta, t, kept):
    """Sutskever et al. 2013, equations 1 to 4, at the point θ + μ v for Nesterov's."""
    v = kept["v"] = r.momentum * kept.get("v", 0) - eta * g
    return r.momentum * v - eta * g if r.nesterov else v


def _adagrad(r, g, eta, t, kept):
    s = kept["s"] = kept.get("s", 0) + g**2
    return -eta * g / (np.sqrt(s) + r.eps)


def _rmsprop(r, g, eta, t, kept):
    s = kept["s"] = r.rho * kept.get("s", 0) + (1 - r.rho) * g**2
    return -eta * g / (np.sqrt(s) + r.eps)


def _adam(r, g, eta, t, kept):
    """Kingma & Ba 2015, Algorithm 1, or the form at the end of section 2."""
    m = kept["m"] = r.beta1 * kept.get("m", 0) + (1 - r.beta1) * g
    v = kept["v"] = r.beta2 * kept.get("v", 0) + (1 - r.beta2) * g**2
    mend_m, mend_v = 1 - r.beta1**t, 1 - r.beta2**t
    if r.epsilon_hat:
        return -eta * np.sqrt(mend_v) / mend_m * m / (np.sqrt(v) + r.eps)
    return -eta * (m / mend_m) / (np.sqrt(v / mend_v) + r.eps)


RULES: dict[type, Callable[..., Any]] = {
    R.Adagrad: _adagrad,
    R.Adam: _adam,
    R.AdamW: _adam,
    R.RMSprop: _rmsprop,
    R.SGD: _sgd,
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
