"""MemberMean: what the members of an ensemble say together; (n, k, q) -> (n, q).

While the network trains, y = x: every member has a loss of its own, and ℓ is their mean. When it
predicts, y is what the mean of the members' predictions is worth as one output:

identity   y = (1/k) Σ_m x_m
sigmoid    y = log(p / (1 − p))    with p = (1/k) Σ_m 1/(1 + exp(−x_m))
softmax    y = log p               with p = (1/k) Σ_m softmax(x_m)

so a loss that makes probabilities of y finds the mean of the members' probabilities. Everything is
computed with logarithms of probabilities, none of which overflows or vanishes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..emitter import Backward, Emitter
from ..engine.operands import Buffer
from ..kernels.functions import exp, log1p
from ..layer import Array, Layer
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, OnnxNode, Op, Reading
from ..shape import Shape
from ..validate import one_of
from ._members import member_shape

__all__ = ["MemberMean"]

LINKS = ("identity", "sigmoid", "softmax")


@dataclass(frozen=True, repr=False)
class MemberMean(Layer):
    """The mean of the members' predictions, as one output; while training, the members' outputs.

    The last layer of an ensemble whose members share layers: ``Adapters(k), …, Heads(q),
    MemberMean("softmax")``.

    Φ: while training dx = dy. Else, with s_m = p_m / (k p), entry by entry: dx_m = dy/k (identity),
    s_m (1 − p_m) / (1 − p) dy (sigmoid), s_m ⊙ dy − p_m Σ_j s_mj dy_j (softmax).

    Parameters
    ----------
    of : {"identity", "sigmoid", "softmax"}
        What makes a prediction of a member's output: `Loss.link` of the loss.
    """

    predicts_alike: ClassVar[bool] = False

    of: str = "identity"

    def __post_init__(self) -> None:
        one_of("MemberMean", "of", self.of, LINKS)

    def output_shape(self, shape: Shape) -> Shape:
        """Return (q,)."""
        return (member_shape("MemberMean", shape)[1],)

    def training_shape(self, shape: Shape) -> Shape:
        """Return (k, q)."""
        return member_shape("MemberMean", shape)

    def memory_at(self, n: int, shape: Shape) -> dict[str, tuple[int, ...]]:
        """Return Z (n, k): log Σ_j exp(x_mj) of every member."""
        return {"Z": (n, shape[0])} if self.of == "softmax" else {}

    def flops_at(self, shape: Shape) -> int:
        return math.prod(shape) * (1 if self.of == "identity" else 30)

    def lower(self, low: Emitter, x: Buffer) -> tuple[Buffer, Backward]:
        """Emit nothing in a program that trains; else the mean."""
        if low.training:
            return x, lambda dy, wants_dx: dy if wants_dx else None
        n, shape = x.shape[0], x.shape[1:]
        y, flops = low.array("y", n, shape[1]), n * self.flops_at(shape)
        names: dict[str, Any] = {"x": x.as_examples(), "y": y}
        names |= {name: low.array(name, *sizes) for name, sizes in self.memory_at(n, shape).items()}
        forward, backward_x = _KERNELS[self.of]
        low.emit(forward, names, flops=flops)

        def backward(dy: Buffer, wants_dx: bool) -> Buffer | None:
            if not wants_dx:
                return None
            dx = low.array("dx", *x.shape)
            low.emit(backward_x, {**names, "dy": dy, "dx": dx.as_examples()}, flops=flops)
            return dx

        return y, backward

    def onnx(self, g: OnnxGraph) -> str:
        first = g.constant([1], np.int64)
        if self.of == "identity":
            return g.op("ReduceMean", g.x, first, keepdims=0)
        if self.of == "softmax":
            logs = g.op("LogSoftmax", g.x, axis=-1)
            total = g.op("ReduceLogSumExp", logs, first, keepdims=0)
            return g.op("Sub", total, g.constant(np.log(g.shape[0])))
        no = g.op("Neg", g.op("Softplus", g.x))
        yes = g.op("Neg", g.op("Softplus", g.op("Neg", g.x)))
        parts = (g.op("ReduceLogSumExp", each, first, keepdims=0) for each in (yes, no))
        return g.op("Sub", *parts)

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        """Of probabilities alone: the identity's mean is a `GlobalAveragePool`."""
        logs = Op("ReduceLogSumExp", Op("LogSoftmax", "x", axis=-1), "first", keepdims=0)
        no = Op("Neg", Op("Softplus", "x"))
        yes = Op("Neg", Op("Softplus", Op("Neg", "x")))
        pair = (Op("ReduceLogSumExp", each, "first", keepdims=0) for each in (yes, no))
        return (
            Form(Op("Sub", logs, "log"), _read_softmax),
            Form(Op("Sub", *pair), _read_sigmoid),
        )

    @staticmethod
    def forward(x: Array, y: Array, rows: range) -> None:
        """y = (1/k) Σ_m x"""
        q = y.shape[1]
        members, zero = x.shape[1] // q, y.dtype.type(0)
        share = y.dtype.type(1) / y.dtype.type(members)
        for i in rows:
            for j in range(q):
                total = zero
                for m in range(members):
                    total += x[i, m * q + j]
                y[i, j] = share * total

    @staticmethod
    def backward_x(dy: Array, dx: Array, rows: range) -> None:
        """dx = dy/k, once for each member"""
        q = dy.shape[1]
        members = dx.shape[1] // q
        share = dy.dtype.type(1) / dy.dtype.type(members)
        for i in rows:
            for m in range(members):
                for j in range(q):
                    dx[i, m * q + j] = share * dy[i, j]

    @staticmethod
    def forward_sigmoid(x: Array, y: Array, rows: range) -> None:
        """y = log Σ_m 1/(1 + exp(−x)) − log Σ_m 1/(1 + exp(x))"""
        q = y.shape[1]
        members, real = x.shape[1] // q, x.dtype.type
        for i in rows:
            for j in range(q):
                top = x[i, j]
                least = top
                for m in range(1, members):
                    v = x[i, m * q + j]
                    top = v if v > top else top
                    least = v if v < least else least
                yes, no = real(0), real(0)  # of the largest p, and of the largest 1 − p
                top_yes, top_no = _log_sigmoid(top, x), _log_sigmoid(-least, x)
                for m in range(members):
                    v = x[i, m * q + j]
                    log = _log_sigmoid(v, x)
                    yes += exp(log - top_yes, x)
                    no += exp(log - v - top_no, x)  # log(1 − p) = log p − x
                y[i, j] = (top_yes - top_no) + (real(math.log(yes)) - real(math.log(no)))

    @staticmethod
    def backward_x_sigmoid(x: Array, y: Array, dy: Array, dx: Array, rows: range) -> None:
        """dx = p_m (1 − p_m) / (k p (1 − p)) dy"""
        q = y.shape[1]
        members, real = x.shape[1] // q, x.dtype.type
        share = real(1) / real(members)
        for i in rows:
            for j in range(q):
                both = real(2) * _log_sigmoid(y[i, j], x) - y[i, j]  # log p (1 − p)
                for m in range(members):
                    v = x[i, m * q + j]
                    slope = exp(real(2) * _log_sigmoid(v, x) - v - both, x)
                    dx[i, m * q + j] = dy[i, j] * (share * slope)

    @staticmethod
    def forward_softmax(x: Array, y: Array, Z: Array, rows: range) -> None:
        """y = log (1/k) Σ_m softmax(x)"""
        q, members = y.shape[1], Z.shape[1]
        zero, log_k = x.dtype.type(0), x.dtype.type(math.log(members))
        for i in rows:
            for m in range(members):
                top = x[i, m * q]
                for j in range(1, q):
                    v = x[i, m * q + j]
                    top = v if v > top else top
                total = zero
                for j in range(q):
                    total += exp(x[i, m * q + j] - top, x)
                Z[i, m] = top + x.dtype.type(math.log(total))
            for j in range(q):
                top = x[i, j] - Z[i, 0]
                for m in range(1, members):
                    v = x[i, m * q + j] - Z[i, m]
                    top = v if v > top else top
                total = zero
                for m in range(members):
                    total += exp(x[i, m * q + j] - Z[i, m] - top, x)
                y[i, j] = top + (x.dtype.type(math.log(total)) - log_k)

    @staticmethod
    def backward_x_softmax(x: Array, y: Array, dy: Array, dx: Array, Z: Array, rows: range) -> None:
        """dx = s ⊙ dy − p_m Σ_j s dy, s = p_m / (k p)"""
        q, members = y.shape[1], Z.shape[1]
        share = x.dtype.type(1) / x.dtype.type(members)
        for i in rows:
            for m in range(members):
                total = x.dtype.type(0)
                for j in range(q):
                    log = x[i, m * q + j] - Z[i, m]
                    part = dy[i, j] * (share * exp(log - y[i, j], x))
                    dx[i, m * q + j] = part
                    total += part
                for j in range(q):
                    dx[i, m * q + j] -= exp(x[i, m * q + j] - Z[i, m], x) * total


def _log_sigmoid(v: Any, like: Any) -> Any:
    """Return log(1/(1 + exp(−v)))."""
    below = v if v < 0 else v - v  # (NaN stays)
    size = -v if v < 0 else v
    return below - log1p(exp(-size, like), like)


_KERNELS: dict[str, tuple[Callable[..., None], Callable[..., None]]] = {
    "identity": (MemberMean.forward, MemberMean.backward_x),
    "sigmoid": (MemberMean.forward_sigmoid, MemberMean.backward_x_sigmoid),
    "softmax": (MemberMean.forward_softmax, MemberMean.backward_x_softmax),
}


def _read_softmax(kind: Any, node: OnnxNode) -> Reading | None:
    found = _read(kind("softmax"), node)
    if found is None or not node.is_constant("log"):
        return None
    members = node.examples("x")
    if members is None or not np.isclose(node.number("log"), np.log(members[1][0]), rtol=1e-5):
        return None
    return found


def _read_sigmoid(kind: Any, node: OnnxNode) -> Reading | None:
    return _read(kind("sigmoid"), node)


def _read(layer: Layer, node: OnnxNode) -> Reading | None:
    """Of a value of two axes, over the first of them."""
    if node.whole("first") != [1] or node.rank("x") != 2:
        return None
    return Reading(layer, node.value("x"), rank=2)


examples = tuple(MemberMean(of) for of in LINKS)
