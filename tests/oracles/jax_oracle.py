"""JAX as the oracle: it computes and differentiates the formulas; rules as published."""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import fnmatch
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import nn
from jax.scipy import special
from problems import Problem, at
from scope import Scope

import formulas
from steepest import layers
from steepest.layer import Layer
from steepest.loss import Loss
from steepest.rule import Rule
from steepest.rules import Rprop

Arrays = dict[str, np.ndarray]
jax.config.update("jax_enable_x64", True)
QUICKLY = {"xla_backend_optimization_level": 0}  # a network is compiled for a few steps only
# A fusion computes again what another one has computed, and rounds it otherwise; so the gradient of
# a maximum, which asks by == which of two it was, may find that it was neither.
APART = {"xla_disable_hlo_passes": "fusion,cpu_instruction_fusion"}
ASKS = re.compile(r"compare\s+EQ.*FLOAT")


def _sequential(layer: Any, x: Any, s: Scope) -> Any:
    for k, inner in enumerate(layer.layers):
        x = forward(inner, x, s.child(k))
    return x


def _concat(layer: Any, x: Any, s: Scope) -> Any:
    return jnp.concatenate([forward(g, x, s.child(k)) for k, g in enumerate(layer.layers)], -1)


def _parallel(layer: Any, x: Any, s: Scope) -> Any:
    parts = zip(layer.layers, jnp.split(x, np.cumsum(layer.widths)[:-1], 1), strict=True)
    return jnp.hstack([forward(g, part, s.child(k)) for k, (g, part) in enumerate(parts)])


def _tied(layer: Any, x: Any, s: Scope) -> Any:
    h = s["E"][x.astype(int)]
    for k, inner in enumerate(layer.inside):
        h = forward(inner, h, s.child(k))
    return h @ s["E"].T


def _batch_norm(layer: Any, x: Any, s: Scope) -> Any:
    """Of the rows in the batch alone; those of an example stand one under the other."""
    inside = jnp.repeat(s.masks[ROWS], len(x) // len(s.masks[ROWS]))[:, None]
    share = inside / inside.sum()
    u = x - (share * x).sum(0)
    return s["gamma"] * u / jnp.sqrt((share * u**2).sum(0) + layer.eps) + s["beta"]


ROWS = "rows"  # of masks: 1 for those in the batch, 0 for others
LAYERS: dict[type[Layer], Callable[[Any, Any, Scope], Any]] = {
    layers.BatchNorm: _batch_norm,
    layers.Concat: _concat,
    layers.Dropout: lambda layer, x, s: x * s.mask if layer.rate else x,
    layers.MemberMean: lambda _, x, s: x,  # while it trains
    layers.Parallel: _parallel,
    layers.Parametric: lambda layer, x, s: x + s["w"] * (_sequential(layer, x, s) - x),
    layers.Residual: lambda layer, x, s: x + _sequential(layer, x, s),
    layers.Sequential: _sequential,
    layers.TiedEmbedding: _tied,
    layers.Sum: lambda layer, x, s: sum(
        forward(g, x, s.child(k)) for k, g in enumerate(layer.layers)
    ),
}
"""What is no formula: layers made of layers, and masks."""

JAX = SimpleNamespace(
    abs=jnp.abs, array=jnp.array, concatenate=jnp.concatenate, cos=jnp.cos, einsum=jnp.einsum,
    exp=jnp.exp, expm1=jnp.expm1, log=jnp.log, maximum=jnp.maximum, minimum=jnp.minimum,
    sqrt=jnp.sqrt, permute=jnp.transpose, tanh=jnp.tanh, where=jnp.where, ndtr=special.ndtr,
    sigmoid=nn.sigmoid,
    softplus=lambda x: jnp.logaddexp(x, 0),
    softmax=lambda x: nn.softmax(x, axis=1),
    log_softmax=lambda x: nn.log_softmax(x, axis=1),
    whole=lambda x: x.astype(int),
    one_hot=lambda y, q: jnp.eye(q)[y],
)  # fmt: skip


def forward(layer: Layer, x: Any, s: Scope) -> Any:
    if x.ndim > 2 and not layer.knows_shapes:  # it sees all rows as one matrix
        y = forward(layer, x.reshape(-1, x.shape[-1]), s)
        return y.reshape(*x.shape[:-1], y.shape[-1])
    if type(layer) in LAYERS:
        return LAYERS[type(layer)](layer, x, s)
    return formulas.LAYERS[type(layer)](layer, x, s, JAX)


def loss_of(loss: Loss, z: Any, y: Any) -> Any:
    if z.ndim == 3:  # members of an ensemble, each with a loss of its own
        return sum(loss_of(loss, z[:, k], y) for k in range(z.shape[1])) / z.shape[1]
    return formulas.LOSSES[type(loss)](loss, z, y, JAX)


def knows(rule: Rule) -> bool:
    return not isinstance(rule, Rprop)  # the sign of a gradient near 0 is left to rounding


class Oracle:
    """A problem in JAX, compiled once: rows that are not in a batch have a weight of 0."""

    def __init__(self, problem: Problem, start: Arrays) -> None:
        self.problem, self.start = problem, start
        loss, network = problem.loss, layers.Sequential(*problem.layers)

        def objective(theta: Any, x: Any, y: Any, w: Any, masks: Any) -> Any:
            z = forward(network, x, Scope(theta, masks))
            return w @ loss_of(loss, z, y)

        self._jitted = jax.jit(jax.value_and_grad(objective, argnums=(0, 1)))
        self._compiled: Any = None

    def _gradient(self, *given: Any) -> Any:
        if self._compiled is None:
            lowered = self._jitted.lower(*given)
            options = QUICKLY | (APART if ASKS.search(lowered.as_text()) else {})
            self._compiled = lowered.compile(compiler_options=options)
        return self._compiled(*given)

    def _of(self, theta: Arrays, rows: Any, masks: Arrays) -> tuple[float, Arrays, np.ndarray]:
        p, n = self.problem, len(self.problem.x)
        w = np.zeros(n)
        w[rows] = p.weights[rows] / len(rows)
        spread = {path: np.ones((n, mask.shape[1])) for path, mask in masks.items()}
        for path, mask in masks.items():
            spread[path][rows] = mask
        spread[ROWS] = np.isin(np.arange(n), rows) * 1.0
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
                is_matrix = name.endswith((".A", ".U"))
                l1, l2 = (share * strength * is_matrix for strength in (rule.l1, rule.l2))
                value += l1 * np.abs(v).sum() + 0.5 * l2 * (v**2).sum()
                full = clip * g[name] + l1 * np.sign(v) + l2 * v
                eta = rule.lr * next((f for p, f in rule.factors.items() if fnmatch(name, p)), 1)
                decay = at(rule.weight_decay, t - 1) * is_matrix
                theta[name] = formulas.step(
                    rule, v, full, eta, t, kept[name], matrix=is_matrix, decay=decay
                )
            objectives.append(value)
        return objectives, {name: of["shown"] for name, of in kept.items()}
