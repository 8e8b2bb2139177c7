"""JAX as the oracle: its functions and formulas for the rest, its autodiff; rules as published."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatch
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import nn
from problems import Problem, at
from scope import Scope

from steepest import layers, losses, rules
from steepest.layer import Layer
from steepest.rule import Rule

Arrays = dict[str, np.ndarray]
jax.config.update("jax_enable_x64", True)
QUICKLY = {"xla_backend_optimization_level": 0}  # each network is compiled for a few steps only


def _sequential(layer: Any, x: Any, s: Scope) -> Any:
    for k, inner in enumerate(layer.layers):
        x = forward(inner, x, s.child(k))
    return x


def _layer_norm(layer: Any, x: Any, s: Scope) -> Any:
    u = x - x.mean(1, keepdims=True)
    return s["gamma"] * u / jnp.sqrt((u**2).mean(1, keepdims=True) + layer.eps) + s["beta"]


def _periodic(layer: Any, x: Any, s: Scope) -> Any:
    h = jnp.cos(2 * jnp.pi * s["omega"] * x[:, :, None] + s["phi"])
    W = s["W"].reshape(x.shape[1], layer.dim - 1, layer.frequencies)
    waves = jnp.einsum("njk,jok->njo", h, W) + s["c"]
    return jnp.concatenate([x[:, :, None], waves], axis=2).reshape(len(x), -1)


def _concat(layer: Any, x: Any, s: Scope) -> Any:
    return jnp.hstack([forward(g, x, s.child(k)) for k, g in enumerate(layer.layers)])


def _parallel(layer: Any, x: Any, s: Scope) -> Any:
    parts = zip(layer.layers, jnp.split(x, np.cumsum(layer.widths)[:-1], 1), strict=True)
    return jnp.hstack([forward(g, part, s.child(k)) for k, (g, part) in enumerate(parts)])


LAYERS: dict[type[Layer], Callable[[Any, Any, Scope], Any]] = {
    layers.Dense: lambda layer, x, s: x @ s["A"].T + (s["b"] if layer.bias else 0),
    layers.Embedding: lambda _, x, s: s["E"][x.astype(int)].reshape(len(x), -1),
    layers.LayerNorm: _layer_norm,
    layers.Periodic: _periodic,
    layers.Parametric: lambda layer, x, s: x + s["w"] * (_sequential(layer, x, s) - x),
    layers.RootScale: lambda _, x, s: x / x.shape[1] ** 0.5,
    layers.Average: lambda layer, x, s: x.reshape(len(x), layer.parts, -1).mean(1),
    layers.Scale: lambda _, x, s: x * s["s"],
    layers.Dropout: lambda layer, x, s: x * s.mask if layer.rate else x,
    layers.ReLU: lambda _, x, s: nn.relu(x),
    layers.LeakyReLU: lambda layer, x, s: jnp.where(x > 0, x, layer.slope * x),
    layers.ELU: lambda layer, x, s: nn.elu(x, layer.scale),
    layers.SELU: lambda _, x, s: nn.selu(x),
    layers.GELU: lambda _, x, s: nn.gelu(x, approximate=False),
    layers.SiLU: lambda _, x, s: nn.silu(x),
    layers.Mish: lambda _, x, s: x * jnp.tanh(jnp.logaddexp(x, 0)),
    layers.Tanh: lambda _, x, s: jnp.tanh(x),
    layers.Sigmoid: lambda _, x, s: nn.sigmoid(x),
    layers.Softplus: lambda _, x, s: jnp.logaddexp(x, 0),
    layers.Softmax: lambda _, x, s: nn.softmax(x, axis=1),
    layers.Identity: lambda _, x, s: x,
    layers.Sequential: _sequential,
    layers.Residual: lambda layer, x, s: x + _sequential(layer, x, s),
    layers.Concat: _concat,
    layers.Parallel: _parallel,
}


def forward(layer: Layer, x: Any, s: Scope) -> Any:
    return LAYERS[type(layer)](layer, x, s)


def _huber(loss: Any, z: Any, y: Any) -> Any:
    u, d = jnp.abs(z - y), loss.delta
    return jnp.where(u <= d, 0.5 * u**2, d * (u - 0.5 * d)).sum(1)


def _quantile(loss: Any, z: Any, y: Any) -> Any:
    level = jnp.array(loss.levels)
    u = y[:, :, None] - z.reshape(*y.shape, len(level))
    return jnp.where(u > 0, level * u, (level - 1) * u).sum((1, 2))


def _logistic(loss: Any, z: Any, y: Any) -> Any:
    t = (1 - loss.label_smoothing) * y + loss.label_smoothing / 2
    return (jnp.logaddexp(z, 0) - t * z).sum(1)


def _cross_entropy(loss: Any, z: Any, y: Any) -> Any:
    t = jnp.eye(z.shape[1])[y] if y.ndim == 1 else y
    t = (1 - loss.label_smoothing) * t + loss.label_smoothing / z.shape[1]
    return -(t * nn.log_softmax(z, axis=1)).sum(1)


LOSSES: dict[type, Callable[[Any, Any, Any], Any]] = {
    losses.Squared: lambda _, z, y: 0.5 * ((z - y) ** 2).sum(1),
    losses.Absolute: lambda _, z, y: jnp.abs(z - y).sum(1),
    losses.Huber: _huber,
    losses.Quantile: _quantile,
    losses.Logistic: _logistic,
    losses.SoftmaxCrossEntropy: _cross_entropy,
    losses.Poisson: lambda _, z, y: (jnp.exp(z) - y * z).sum(1),
    losses.Hinge: lambda _, z, y: nn.relu(1 - (2 * y - 1) * z).sum(1),
}


# A rule returns the step that a parameter takes, given its gradient g, the rate η, the number t of
# the step from 1, and a dictionary to remember things in.


def _sgd(r: Any, g: Any, eta: float, t: int, kept: dict[str, Any]) -> Any:
    """Sutskever et al. 2013, equations 1 to 4, at the point θ + μ v for Nesterov's."""
    v = kept["v"] = r.momentum * kept.get("v", 0) - eta * g
    return r.momentum * v - eta * g if r.nesterov else v


def _adagrad(r: Any, g: Any, eta: float, t: int, kept: dict[str, Any]) -> Any:
    s = kept["s"] = kept.get("s", 0) + g**2
    return -eta * g / (np.sqrt(s) + r.eps)


def _rmsprop(r: Any, g: Any, eta: float, t: int, kept: dict[str, Any]) -> Any:
    s = kept["s"] = r.rho * kept.get("s", 0) + (1 - r.rho) * g**2
    return -eta * g / (np.sqrt(s) + r.eps)


def _adam(r: Any, g: Any, eta: float, t: int, kept: dict[str, Any]) -> Any:
    """Kingma & Ba 2015, Algorithm 1, or the form at the end of section 2."""
    m = kept["m"] = r.beta1 * kept.get("m", 0) + (1 - r.beta1) * g
    v = kept["v"] = r.beta2 * kept.get("v", 0) + (1 - r.beta2) * g**2
    mend_m, mend_v = 1 - r.beta1**t, 1 - r.beta2**t
    if r.epsilon_hat:
        return -eta * np.sqrt(mend_v) / mend_m * m / (np.sqrt(v) + r.eps)
    return -eta * (m / mend_m) / (np.sqrt(v / mend_v) + r.eps)


RULES: dict[type[Rule], Callable[..., Any]] = {
    rules.SGD: _sgd,
    rules.Adagrad: _adagrad,
    rules.RMSprop: _rmsprop,
    rules.Adam: _adam,
    rules.AdamW: _adam,
}


class Oracle:
    """A problem in JAX, compiled once: rows that are not in a batch have a weight of 0."""

    def __init__(self, problem: Problem, start: Arrays) -> None:
        self.problem, self.start = problem, start
        loss, network = problem.loss, layers.Sequential(*problem.layers)

        def objective(theta: Any, x: Any, y: Any, w: Any, masks: Any) -> Any:
            z = forward(network, x, Scope(theta, masks))
            return w @ LOSSES[type(loss)](loss, z, y)

        self._gradient = jax.jit(
            jax.value_and_grad(objective, argnums=(0, 1)), compiler_options=QUICKLY
        )

    def knows(self, rule: Rule) -> bool:
        return True

    def _of(self, theta: Arrays, rows: Any, masks: Arrays) -> tuple[float, Arrays, np.ndarray]:
        p, n = self.problem, len(self.problem.x)
        w = np.zeros(n)
        w[rows] = p.weights[rows] / len(rows)
        spread = {path: np.ones((n, mask.shape[1])) for path, mask in masks.items()}
        for path, mask in masks.items():
            spread[path][rows] = mask
        value, (gradients, dx) = self._gradient(theta, p.x, p.y, w, spread)
        return float(value), {k: np.array(g) for k, g in gradients.items()}, np.array(dx)

    def gradient(self, masks: Arrays) -> tuple[float, Arrays, np.ndarray]:
        """Return the loss of all rows at the start, and its gradient by parameters and input."""
        return self._of(self.start, np.arange(len(self.problem.x)), masks)

    def ten_steps(self, rule: Rule, masks: list[Arrays]) -> tuple[list[float], Arrays]:
        """Return the objective of each step, and the parameters after the last."""
        theta, objectives = dict(self.start), []
        kept: dict[str, dict[str, Any]] = {name: {} for name in theta}
        for t, (rows, mask) in enumerate(zip(self.problem.batches(), masks, strict=True), 1):
            value, g, _ = self._of(theta, rows, mask)
            if rule.clip_value is not None:
                g = {k: np.clip(v, -rule.clip_value, rule.clip_value) for k, v in g.items()}
            norm = np.sqrt(sum((v**2).sum() for v in g.values()))
            clip = min(1, rule.clip_norm / norm) if rule.clip_norm and norm else 1
            share = 1 / len(rows) if rule.penalty_over_batch else 1
            for name, v in theta.items():
                is_matrix = name.endswith(".A")
                l1, l2 = (share * strength * is_matrix for strength in (rule.l1, rule.l2))
                value += l1 * np.abs(v).sum() + 0.5 * l2 * (v**2).sum()
                full = clip * g[name] + l1 * np.sign(v) + l2 * v
                eta = rule.lr * next((f for p, f in rule.factors.items() if fnmatch(name, p)), 1)
                decayed = v * (1 - eta * at(rule.weight_decay, t - 1) * is_matrix)
                theta[name] = decayed + RULES[type(rule)](rule, full, eta, t, kept[name])
            objectives.append(value)
        return objectives, theta
