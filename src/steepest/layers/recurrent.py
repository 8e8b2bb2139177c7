"""Recurrent: the simple recurrent layer; (n, T, d) -> (n, T, h), or (n, h).

h_t = σ(A x_t + b + U h_{t−1} + c), with tanh or ReLU as σ; A (h, d), U (h, h), b and c (h,).

Source: Elman, "Finding structure in time", Cognitive Science 14 (1990).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..layer import Array
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, OnnxNode, Reading
from ..validate import one_of
from ._recurrence.kernels import bend, go_back, go_forward, multiply
from ._recurrence.layer import RecurrentLayer
from ._recurrence.onnx import ATTRIBUTES, forms, read_cell, write
from ._recurrence.theta import backward_theta

__all__ = ["Recurrent"]


@dataclass(frozen=True, repr=False)
class Recurrent(RecurrentLayer):
    """The simple recurrent layer, whose state is what it puts out.

    Φ goes back through the moments: with dh the sum of dy_t and what comes from moment t + 1, and
    dz that before σ: dx_t = Aᵀ dz, dh_{t−1} = Uᵀ dz; dA = Σ dz x_tᵀ, dU = Σ dz h_{t−1}ᵀ,
    db = dc = Σ dz.

    Parameters
    ----------
    units : int
        h.
    sequences : bool
        Whether y has the h of every moment, or the last one alone.
    reverse : bool
        Whether the last moment comes first. Each h still stands at its own moment, and "the last
        one" is then that of the first moment. ``Concat(Recurrent(h), Recurrent(h, reverse=True))``
        goes in both directions.
    initial : {"zeros", "learned"}
        The state before the first moment.
    weights, recurrent_weights : str or callable
        How A and U begin: a name of `steepest.init.INITIALISERS`, or ``(rng, shape) -> array``.
    bias : bool
        Whether there are b and c, of which PyTorch and ONNX have two. They begin at 0.
    activation : {"tanh", "relu"}
        σ.
    """

    gates: ClassVar[int] = 1
    backward_theta = staticmethod(backward_theta)

    activation: str = "tanh"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("Recurrent", "activation", self.activation, ("tanh", "relu"))

    @property
    def kernels(self) -> tuple[Callable[..., None], Callable[..., None], Callable[..., None]]:
        if self.activation == "tanh":
            return super().kernels
        return forward_relu, backward_relu, self.backward_theta

    def onnx(self, g: OnnxGraph) -> str:
        return write(self, g, "RNN", (0,), activations=[_ACTIVATIONS[self.activation]])

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return forms("RNN", _read)

    @staticmethod
    def forward(
        x: Array,
        panels: Array,
        Up: Array,
        biases: Array,
        start: Array,
        y: Array,
        z: Array,
        before: Array,
        inner: Array,
        work: Array,
        plan: Array,
        windows: int,
        thread: int,
        rows: range,
    ) -> None:
        """y = h_t = tanh(x_t At + b + h_{t−1} Ut + c)"""
        arrays = x, panels, Up, biases, start, y, z, before, inner, work
        go_forward(cell, arrays, plan, windows, thread, rows)

    @staticmethod
    def backward(
        dy: Array,
        Ub: Array,
        z: Array,
        before: Array,
        inner: Array,
        dstate: Array,
        work: Array,
        plan: Array,
        windows: int,
        thread: int,
        rows: range,
    ) -> None:
        """z = ∂ℓ/∂h_t ⊙ (1 − h_t²), back through time from dy"""
        go_back(back, (dy, Ub, z, before, inner, dstate, work), plan, windows, thread, rows)


def forward_relu(
    x: Array,
    panels: Array,
    Up: Array,
    biases: Array,
    start: Array,
    y: Array,
    z: Array,
    before: Array,
    inner: Array,
    work: Array,
    plan: Array,
    windows: int,
    thread: int,
    rows: range,
) -> None:
    """y = h_t = max(x_t At + b + h_{t−1} Ut + c, 0)"""
    arrays = x, panels, Up, biases, start, y, z, before, inner, work
    go_forward(cell_relu, arrays, plan, windows, thread, rows)


def backward_relu(
    dy: Array,
    Ub: Array,
    z: Array,
    before: Array,
    inner: Array,
    dstate: Array,
    work: Array,
    plan: Array,
    windows: int,
    thread: int,
    rows: range,
) -> None:
    """z = ∂ℓ/∂h_t where h_t > 0, back through time from dy"""
    go_back(back_relu, (dy, Ub, z, before, inner, dstate, work), plan, windows, thread, rows)


def cell(windows: int, Up: Array, c: Array, now: Array, state: Array, extra: Array) -> None:
    """state = now = tanh(now + state Ut)"""
    multiply(windows, state, Up, (np.int64(0), np.int64(0)), now, now.shape[0] // Up.shape[1])
    for j in range(now.shape[0]):
        now[j] = bend(now[j], now)
    for j in range(now.shape[0]):
        state[j] = now[j]


def cell_relu(windows: int, Up: Array, c: Array, now: Array, state: Array, extra: Array) -> None:
    """state = now = max(now + state Ut, 0)"""
    zero = now.dtype.type(0)
    multiply(windows, state, Up, (np.int64(0), np.int64(0)), now, now.shape[0] // Up.shape[1])
    for j in range(now.shape[0]):
        v = now[j]
        now[j] = zero if v < zero else v  # (so that NaN stays)
    for j in range(now.shape[0]):
        state[j] = now[j]


def back(windows: int, Ub: Array, now: Array, kept: Array, dstate: Array, more: Array) -> None:
    """now = dstate ⊙ (1 − now²); dstate = now U"""
    one = now.dtype.type(1)
    for j in range(now.shape[0]):
        v = now[j]
        now[j] = dstate[j] * (one - v * v)
    go_before(windows, Ub, now, dstate)


def back_relu(windows: int, Ub: Array, now: Array, kept: Array, dstate: Array, more: Array) -> None:
    """now = dstate where now > 0; dstate = now U"""
    zero = now.dtype.type(0)
    for j in range(now.shape[0]):
        d = dstate[j]
        now[j] = d if now[j] > zero else zero
    go_before(windows, Ub, now, dstate)


def go_before(windows: int, Ub: Array, now: Array, dstate: Array) -> None:
    """dstate = now U"""
    zero = now.dtype.type(0)
    for j in range(now.shape[0]):
        dstate[j] = zero
    multiply(windows, now, Ub, (np.int64(0), np.int64(0)), dstate, now.shape[0] // Ub.shape[0])


_ACTIVATIONS = {"tanh": "Tanh", "relu": "Relu"}


def _read(kind: Any, node: OnnxNode) -> Reading | None:
    given = node.made_by("cell").given(6, activations=("Tanh",), **ATTRIBUTES)["activations"]
    for activation, theirs in _ACTIVATIONS.items():
        if given == (theirs,):
            known = {"activations": given}
            return read_cell(kind, node, (0,), known, activation=activation)
    raise node.made_by("cell").error("has another activation than Tanh or Relu")


examples = (
    Recurrent(3),
    Recurrent(2, sequences=False, reverse=True, initial="learned", activation="relu"),
    Recurrent(2, bias=False),
)
