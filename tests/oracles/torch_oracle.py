"""PyTorch as the oracle: its functions for the layers and losses, its autograd, its optimisers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from problems import Problem, at
from scope import Scope
from torch.nn import functional

import formulas
from steepest import layers, losses, rules
from steepest.layer import Layer
from steepest.loss import Loss
from steepest.rule import Rule

Arrays = dict[str, np.ndarray]
Tensor = torch.Tensor
torch.set_num_threads(1)  # matrices this small are not worth a second


def _sequential(layer: Any, x: Tensor, s: Scope) -> Tensor:
    for k, inner in enumerate(layer.layers):
        x = forward(inner, x, s.child(k))
    return x


def _dense(layer: Any, x: Tensor, s: Scope) -> Tensor:
    return functional.linear(x, s["A"], s["b"] if layer.bias else None)


def _layer_norm(layer: Any, x: Tensor, s: Scope) -> Tensor:
    return functional.layer_norm(x, x.shape[1:], s["gamma"], s["beta"], layer.eps)


def _concat(layer: Any, x: Tensor, s: Scope) -> Tensor:
    return torch.cat([forward(g, x, s.child(k)) for k, g in enumerate(layer.layers)], -1)


def _attention(layer: Any, x: Tensor, s: Scope) -> Tensor:
    """By PyTorch's own function, where it has all that is asked for."""
    if layer.rotary is not None:
        return formulas.LAYERS[layers.Attention](layer, x, s, TORCH)
    groups, size = layer.key_value_heads or layer.heads, x.shape[-1] // layer.heads
    b, o = (s["in_proj.b"], s["out_proj.b"]) if layer.bias else (None, None)
    inner = functional.linear(x, s["in_proj.A"], b)
    parts = inner.unflatten(2, (-1, size)).movedim(2, 1).split((layer.heads, groups, groups), 1)
    attend = functional.scaled_dot_product_attention
    y = attend(*parts, is_causal=layer.causal, enable_gqa=groups < layer.heads)
    return functional.linear(y.movedim(1, 2).flatten(2), s["out_proj.A"], o)


def _tied(layer: Any, x: Tensor, s: Scope) -> Tensor:
    h = functional.embedding(x.long(), s["E"])
    for k, inner in enumerate(layer.inside):
        h = forward(inner, h, s.child(k))
    return functional.linear(h, s["E"])


def _bag(layer: Any, x: Tensor, s: Scope) -> Tensor:
    codes, *weights = x.chunk(2, 1) if layer.weighted else (x,)
    more = {"per_sample_weights": weights[0]} if weights else {}
    return functional.embedding_bag(
        codes.long(), s["E"], mode=layer.mode, padding_idx=layer.padding, **more
    )


def _parallel(layer: Any, x: Tensor, s: Scope) -> Tensor:
    parts = zip(layer.layers, x.split(layer.widths, 1), strict=True)
    return torch.cat([forward(g, part, s.child(k)) for k, (g, part) in enumerate(parts)], 1)


def _channels_first(x: Tensor) -> Tensor:
    return x.movedim(-1, 1)


def _convolution(layer: Any, x: Tensor, s: Scope) -> Tensor:
    conv = layer.convolution(tuple(x.shape[1:]))
    axes = [conv.vertical, conv.horizontal][-layer.axes :]
    A = s["A"].movedim((-1, -2), (0, 1)).contiguous()
    around = [zeros for axis in reversed(axes) for zeros in (axis.low, axis.high)]
    function = functional.conv1d if layer.axes == 1 else functional.conv2d
    y = function(
        functional.pad(_channels_first(x), around), A, s["b"] if layer.bias else None,
        [axis.stride for axis in axes], 0, [axis.dilation for axis in axes], layer.groups,
    )  # fmt: skip
    return y.movedim(1, -1)


def _max_pool(layer: Any, x: Tensor, s: Scope) -> Tensor:
    axes = layer.real_axes(tuple(x.shape[1:]))
    around = [zeros for axis in reversed(axes) for zeros in (axis.low, axis.high)]
    function = functional.max_pool1d if len(axes) == 1 else functional.max_pool2d
    x = functional.pad(_channels_first(x), around, value=-np.inf)
    return function(x, [a.kernel for a in axes], [a.stride for a in axes]).movedim(1, -1)


def _batch_norm(layer: Any, x: Tensor, s: Scope) -> Tensor:
    return functional.batch_norm(x, None, None, s["gamma"], s["beta"], training=True, eps=layer.eps)


def _group_norm(layer: Any, x: Tensor, s: Scope) -> Tensor:
    y = functional.group_norm(_channels_first(x), layer.groups, s["gamma"], s["beta"], layer.eps)
    return y.movedim(1, -1)


# PyTorch's own functions, where it has them; it computes and differentiates the formulas of others.

TORCH = SimpleNamespace(
    abs=torch.abs, array=partial(torch.tensor, dtype=torch.float64), concatenate=torch.cat,
    cos=torch.cos, einsum=torch.einsum, exp=torch.exp, expm1=torch.expm1, log=torch.log,
    maximum=lambda x, y: torch.clamp(x, min=y), minimum=lambda x, y: torch.clamp(x, max=y),
    sqrt=torch.sqrt, tanh=torch.tanh, where=torch.where, ndtr=torch.special.ndtr,
    permute=torch.permute, sigmoid=torch.sigmoid,
    softplus=lambda x: functional.softplus(x, threshold=50),
    softmax=lambda x: functional.softmax(x, 1),
    log_softmax=lambda x: functional.log_softmax(x, 1),
    whole=torch.Tensor.long,
    one_hot=functional.one_hot,
)  # fmt: skip
LAYERS: dict[type[Layer], Callable[[Any, Tensor, Scope], Tensor]] = {
    layers.Dense: _dense,
    layers.Embedding: lambda _, x, s: functional.embedding(x.long(), s["E"]).flatten(1),
    layers.EmbeddingBag: _bag,
    layers.Attention: _attention,
    layers.TokenEmbedding: lambda _, x, s: functional.embedding(x.long(), s["E"]),
    layers.TiedEmbedding: _tied,
    layers.LayerNorm: _layer_norm,
    layers.BatchNorm: _batch_norm,
    layers.GroupNorm: _group_norm,
    layers.RMSNorm: lambda layer, x, s: functional.rms_norm(x, x.shape[1:], s["gamma"], layer.eps),
    layers.Conv1D: _convolution,
    layers.Conv2D: _convolution,
    layers.MaxPool: _max_pool,
    layers.MemberMean: lambda _, x, s: x,  # while it trains
    layers.Parametric: lambda layer, x, s: x + s["w"] * (_sequential(layer, x, s) - x),
    layers.Dropout: lambda layer, x, s: x * s.mask if layer.rate else x,
    layers.ReLU: lambda _, x, s: functional.relu(x),
    layers.LeakyReLU: lambda layer, x, s: functional.leaky_relu(x, layer.slope),
    layers.ELU: lambda layer, x, s: functional.elu(x, layer.scale),
    layers.SELU: lambda _, x, s: functional.selu(x),
    layers.GELU: lambda layer, x, s: functional.gelu(x, approximate=layer.approximate),
    layers.Hardswish: lambda _, x, s: functional.hardswish(x),
    layers.Hardtanh: lambda layer, x, s: functional.hardtanh(x, layer.low, layer.high),
    layers.PReLU: lambda _, x, s: functional.prelu(x, s["a"]),
    layers.LogSoftmax: lambda _, x, s: functional.log_softmax(x, 1),
    layers.SiLU: lambda _, x, s: functional.silu(x),
    layers.Mish: lambda _, x, s: functional.mish(x),
    layers.Tanh: lambda _, x, s: torch.tanh(x),
    layers.Sigmoid: lambda _, x, s: torch.sigmoid(x),
    layers.Softplus: lambda _, x, s: functional.softplus(x, threshold=50),
    layers.Softmax: lambda _, x, s: functional.softmax(x, 1),
    layers.Sequential: _sequential,
    layers.Residual: lambda layer, x, s: x + _sequential(layer, x, s),
    layers.Concat: _concat,
    layers.Sum: lambda layer, x, s: sum(
        forward(g, x, s.child(k)) for k, g in enumerate(layer.layers)
    ),
    layers.Parallel: _parallel,
}


def forward(layer: Layer, x: Tensor, s: Scope) -> Tensor:
    if x.ndim > 2 and not layer.knows_shapes:  # it sees all rows as one matrix
        y = forward(layer, x.reshape(-1, x.shape[-1]), s)
        return y.reshape(*x.shape[:-1], y.shape[-1])
    if type(layer) in LAYERS:
        return LAYERS[type(layer)](layer, x, s)
    return formulas.LAYERS[type(layer)](layer, x, s, TORCH)


def _logistic(loss: Any, z: Tensor, y: Tensor) -> Tensor:
    t = (1 - loss.label_smoothing) * y + loss.label_smoothing / 2
    p = None if loss.pos_weight is None else torch.tensor(loss.pos_weight)
    return functional.binary_cross_entropy_with_logits(z, t, pos_weight=p, reduction="none").sum(1)


def _gaussian_nll(loss: Any, z: Tensor, y: Tensor) -> Tensor:
    v = z[:, 1::2].exp() + loss.eps
    nll = functional.gaussian_nll_loss
    return nll(z[:, ::2], y, v, full=loss.full, eps=loss.eps, reduction="none").sum(1)


def _cross_entropy(loss: Any, z: Tensor, y: Tensor) -> Tensor:
    c = None if loss.weight is None else torch.tensor(loss.weight, dtype=torch.float64)
    found = functional.cross_entropy
    return found(z, y, weight=c, reduction="none", label_smoothing=loss.label_smoothing)


LOSSES: dict[type, Callable[[Any, Tensor, Tensor], Tensor]] = {
    losses.Squared: lambda _, z, y: 0.5 * functional.mse_loss(z, y, reduction="none").sum(1),
    losses.Absolute: lambda _, z, y: functional.l1_loss(z, y, reduction="none").sum(1),
    losses.Huber: lambda loss, z, y: functional.huber_loss(z, y, "none", loss.delta).sum(1),
    losses.Logistic: _logistic,
    losses.SoftmaxCrossEntropy: _cross_entropy,
    losses.Poisson: lambda loss, z, y: functional.poisson_nll_loss(
        z, y, loss.log_input, loss.full, eps=loss.eps, reduction="none"
    ).sum(1),
    losses.GaussianNLL: _gaussian_nll,
    losses.KLDivergence: lambda loss, z, y: functional.kl_div(
        functional.log_softmax(z, 1), y, reduction="none", log_target=loss.log_target
    ).sum(1),
}


def loss_of(loss: Loss, z: Tensor, y: Tensor) -> Tensor:
    if z.ndim == 3:  # members of an ensemble, each with a loss of its own
        return torch.stack([loss_of(loss, each, y) for each in z.unbind(1)]).mean(0)
    if type(loss) in LOSSES:
        return LOSSES[type(loss)](loss, z, y)
    return formulas.LOSSES[type(loss)](loss, z, y, TORCH)


RULES: dict[type[Rule], Callable[[Any, Any], torch.optim.Optimizer]] = {
    rules.SGD: lambda r, groups: torch.optim.SGD(
        groups, momentum=r.momentum, nesterov=r.nesterov, dampening=r.dampening
    ),
    rules.Adagrad: lambda r, groups: torch.optim.Adagrad(
        groups, eps=r.eps, lr_decay=r.lr_decay, initial_accumulator_value=r.initial
    ),
    rules.RMSprop: lambda r, groups: torch.optim.RMSprop(
        groups, alpha=r.rho, eps=r.eps, momentum=r.momentum, centered=r.centred
    ),
    rules.Adam: lambda r, groups: torch.optim.Adam(groups, **_moments(r), amsgrad=r.amsgrad),
    rules.AdamW: lambda r, groups: torch.optim.AdamW(groups, **_moments(r), amsgrad=r.amsgrad),
    rules.NAdam: lambda r, groups: torch.optim.NAdam(
        groups, **_moments(r), momentum_decay=r.momentum_decay
    ),
    rules.RAdam: lambda r, groups: torch.optim.RAdam(groups, **_moments(r)),
    rules.Adamax: lambda r, groups: torch.optim.Adamax(groups, **_moments(r)),
    rules.Adadelta: lambda r, groups: torch.optim.Adadelta(groups, rho=r.rho, eps=r.eps),
}


def _moments(rule: Any) -> dict[str, Any]:
    return {"betas": (rule.beta1, rule.beta2), "eps": rule.eps}


def knows(rule: Rule) -> bool:
    """Whether PyTorch has the rule."""
    plain = rule.ema is None and not getattr(rule, "epsilon_hat", False)
    return type(rule) in RULES and plain  # (test_torch_optim.py has the others)


class Oracle:
    """A problem in PyTorch."""

    def __init__(self, problem: Problem, start: Arrays) -> None:
        self.problem, self.start = problem, start
        self.x, self.y = torch.tensor(problem.x), torch.tensor(problem.y)
        self.w = torch.tensor(problem.weights)
        self.network = layers.Sequential(*problem.layers)

    def objective(self, theta: Any, x: Tensor, rows: Any, masks: Arrays) -> Tensor:
        """Return the weighted average of the loss over a batch."""
        scope = Scope(theta, {path: torch.tensor(mask) for path, mask in masks.items()})
        z = forward(self.network, x, scope)
        loss = self.problem.loss
        return (self.w[rows] * loss_of(loss, z, self.y[rows])).mean()

    def gradient(self, masks: Arrays) -> tuple[float, Arrays, np.ndarray]:
        """Return the loss of all rows at the start, and its gradient by parameters and input."""
        theta, x = _leaves(self.start), self.x.clone().requires_grad_()
        value = self.objective(theta, x, slice(None), masks)
        *found, dx = torch.autograd.grad(
            value, [*theta.values(), x], allow_unused=True, materialize_grads=True
        )
        gradients = {name: g.numpy() for name, g in zip(theta, found, strict=True)}
        return value.item(), gradients, dx.numpy()

    def ten_steps(self, rule: Rule, masks: list[Arrays]) -> tuple[list[float], Arrays]:
        """Return the objective of each step, and the parameters after the last."""
        with _scalars_in_float64():
            return self._ten_steps(rule, masks)

    def _ten_steps(self, rule: Rule, masks: list[Arrays]) -> tuple[list[float], Arrays]:
        theta = _leaves(self.start)
        optimiser = RULES[type(rule)](rule, [*_groups(rule, theta)])
        own = "weight_decay" if isinstance(rule, rules.AdamW) else "decay"
        objectives = []
        for step, (rows, mask) in enumerate(zip(self.problem.batches(), masks, strict=True)):
            for group in optimiser.param_groups:
                group[own] = at(rule.weight_decay, step) if group["is_matrix"] else 0.0
            value = self.objective(theta, self.x[rows], rows, mask)
            value.backward()
            _clip(rule, [t.grad for t in theta.values()])
            penalty = _penalty(rule, theta) / (len(rows) if rule.penalty_over_batch else 1)
            penalty.backward()
            objectives.append((value + penalty).item())
            if not isinstance(rule, rules.AdamW):  # PyTorch has no decoupled decay for the others
                for group in optimiser.param_groups:
                    group["params"][0].data *= 1 - group["lr"] * group["decay"]
            optimiser.step()
            optimiser.zero_grad()
        return objectives, {name: t.detach().numpy() for name, t in theta.items()}


@contextmanager
def _scalars_in_float64() -> Iterator[None]:
    """Have optimisers keep their own numbers, NAdam's product of momenta, in float64 too.

    PyTorch gives them the default type. In float32 they are 1e-8 off from the second step on, which
    a network that is badly conditioned enlarges to more than is allowed.
    """
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _leaves(start: Arrays) -> dict[str, Tensor]:
    return {name: torch.tensor(value, requires_grad=True) for name, value in start.items()}


def _groups(rule: Rule, theta: dict[str, Tensor]) -> Any:
    for name, tensor in theta.items():
        factor = next((f for p, f in rule.factors.items() if fnmatch(name, p)), 1.0)
        yield {"params": [tensor], "lr": rule.lr * factor, "is_matrix": name.endswith((".A", ".U"))}


def _clip(rule: Rule, gradients: list[Tensor]) -> None:
    if rule.clip_value is not None:
        for g in gradients:
            g.clamp_(-rule.clip_value, rule.clip_value)
    if rule.clip_norm is not None:  # PyTorch's own adds 1e-6 to the norm
        norm = torch.cat([g.flatten() for g in gradients]).norm()
        for g in gradients:
            g *= torch.clamp(rule.clip_norm / norm, max=1)


def _penalty(rule: Rule, theta: dict[str, Tensor]) -> Tensor:
    matrices = [t for name, t in theta.items() if name.endswith((".A", ".U"))]
    return sum(rule.l1 * A.abs().sum() + 0.5 * rule.l2 * A.square().sum() for A in matrices)
