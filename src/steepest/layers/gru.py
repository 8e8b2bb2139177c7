"""GRU: gated recurrent units, from moment to moment; (n, T, d) -> (n, T, h), or (n, h).

[r, u] = σ(A x_t + b + U h_{t−1} + c), the gates reset and update, and of the rest of A, U, b, c

reset="after"    g = tanh(A x_t + b + r ⊙ (U h_{t−1} + c))
reset="before"   g = tanh(A x_t + b + U (r ⊙ h_{t−1}) + c)

h_t = u ⊙ h_{t−1} + (1 − u) ⊙ g. A (3h, d), U (3h, h), b and c (3h,).

Source: Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP 2014,
arXiv:1406.1078, which resets before.
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
from ._recurrence.kernels import (
    add_to_bias,
    add_to_matrix,
    add_to_start,
    bend,
    go_back,
    go_forward,
    multiply,
    repeat_row,
    sigmoid,
)
from ._recurrence.layer import RecurrentLayer
from ._recurrence.onnx import ATTRIBUTES, forms, read_cell, write

__all__ = ["GRU"]


@dataclass(frozen=True, repr=False)
class GRU(RecurrentLayer):
    """Gated recurrent units.

    Φ goes back through the moments: with dh the sum of dy_t and what comes from moment t + 1,
    dg = dh ⊙ (1 − u), du = dh ⊙ (h_{t−1} − g), and with these before tanh and σ as dz,
    dx_t = Aᵀ dz, dA = Σ dz x_tᵀ, db = Σ dz; the reset gate gets its part of dg through U.

    Gates are in the order reset, update, new, as in PyTorch; ONNX and Keras have update, reset,
    new, which ONNX files get and are read in.

    Parameters
    ----------
    units : int
        h.
    sequences : bool
        Whether y has the h of every moment, or the last one alone.
    reverse : bool
        Whether the last moment comes first. Each h still stands at its own moment, and "the last
        one" is then that of the first moment. ``Concat(GRU(h), GRU(h, reverse=True))`` goes in
        both directions.
    initial : {"zeros", "learned"}
        The state before the first moment.
    weights, recurrent_weights : str or callable
        How each gate's part of A and of U begins: a name of `steepest.init.INITIALISERS`, or
        ``(rng, shape) -> array``.
    bias : bool
        Whether there are b and c. They begin at 0.
    reset : {"after", "before"}
        Whether the reset gate works on what U makes of h, as in PyTorch, in Keras
        (``reset_after=True``) and in ONNX with ``linear_before_reset=1``; or on h before U, as in
        the paper and in ONNX by default, for which PyTorch has no name.
    """

    gates: ClassVar[int] = 3
    inner: ClassVar[int] = 1

    reset: str = "after"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("GRU", "reset", self.reset, ("after", "before"))

    @property
    def folded(self) -> int:
        return (2 if self.reset == "after" else 3) * self.units

    @property
    def kernels(self) -> tuple[Callable[..., None], Callable[..., None], Callable[..., None]]:
        if self.reset == "after":
            return super().kernels
        return forward_before, backward_before, backward_theta_before

    def onnx(self, g: OnnxGraph) -> str:
        return write(self, g, "GRU", _ONNX, linear_before_reset=int(self.reset == "after"))

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return forms("GRU", _read)

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
        """y = h_t = u ⊙ h_{t−1} + (1 − u) ⊙ g, g = tanh(x_t At + r ⊙ (h_{t−1} Ut + c))"""
        arrays = x, panels, Up, biases, start, y, z, before, inner, work
        go_forward(cell_after, arrays, plan, windows, thread, rows)

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
        """z = ∂ℓ/∂[r, u, g] before σ and tanh, back through time from dy; inner ← r ⊙ dg"""
        go_back(back_after, (dy, Ub, z, before, inner, dstate, work), plan, windows, thread, rows)

    @staticmethod
    def backward_theta(
        alpha: float,
        x: Array,
        z: Array,
        before: Array,
        inner: Array,
        dstate: Array,
        dAt: Array,
        dUt: Array,
        db: Array,
        dc: Array,
        dstart: Array,
        sums: Array,
        blas: int,
        thread: int,
        units: range,
    ) -> None:
        """dAt += alpha Σ_t xᵀ z, dUt += alpha Σ_t beforeᵀ [z, inner], db, dc likewise"""
        h, q = dUt.shape
        first, last, none = np.int64(units.start), np.int64(units.stop), np.int64(0)
        gates = first, min(last, 2 * h), none  # of reset and update
        new = max(first, 2 * h), last, 2 * h
        add_to_matrix(alpha, x, z, dAt, sums, (first, last, none), blas)
        add_to_matrix(alpha, before, z, dUt, sums, gates, blas)
        add_to_matrix(alpha, before, inner, dUt, sums, new, blas)
        add_to_bias(alpha, z, (db,), sums, (first, last, none), q)
        add_to_bias(alpha, z, (dc,), sums, gates, q)
        add_to_bias(alpha, inner, (dc,), sums, new, h)
        if thread == 0:
            add_to_start(alpha, dstate, dstart)


def forward_before(
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
    """y = h_t = u ⊙ h_{t−1} + (1 − u) ⊙ g, g = tanh(x_t At + (r ⊙ h_{t−1}) Ut + c)"""
    arrays = x, panels, Up, biases, start, y, z, before, inner, work
    go_forward(cell_before, arrays, plan, windows, thread, rows)


def backward_before(
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
    """z = ∂ℓ/∂[r, u, g] before σ and tanh, back through time from dy"""
    go_back(back_before, (dy, Ub, z, before, inner, dstate, work), plan, windows, thread, rows)


def backward_theta_before(
    alpha: float,
    x: Array,
    z: Array,
    before: Array,
    inner: Array,
    dstate: Array,
    dAt: Array,
    dUt: Array,
    db: Array,
    dc: Array,
    dstart: Array,
    sums: Array,
    blas: int,
    thread: int,
    units: range,
) -> None:
    """dAt += alpha Σ_t xᵀ z, dUt += alpha Σ_t [before, inner]ᵀ z, db and dc += alpha Σ_t z"""
    h, q = dUt.shape
    first, last, none = np.int64(units.start), np.int64(units.stop), np.int64(0)
    add_to_matrix(alpha, x, z, dAt, sums, (first, last, none), blas)
    add_to_matrix(alpha, before, z, dUt, sums, (first, min(last, 2 * h), none), blas)
    add_to_matrix(alpha, inner, z, dUt, sums, (max(first, 2 * h), last, none), blas)
    add_to_bias(alpha, z, (db, dc), sums, (first, last, none), q)
    if thread == 0:
        add_to_start(alpha, dstate, dstart)


def cell_after(windows: int, Up: Array, c: Array, now: Array, state: Array, extra: Array) -> None:
    """state = u ⊙ state + (1 − u) ⊙ g; extra = state Ut + c, for g"""
    size, H, none = state.shape[0], Up.shape[1], np.int64(0)
    rows, gates, new = size // H, now[: 2 * size], now[2 * size :]
    multiply(windows, state, Up, (none, none), gates, rows)
    repeat_row(c[2 * H :], extra, rows)
    multiply(windows, state, Up, (none, 2 * H), extra, rows)
    for j in range(2 * size):
        gates[j] = sigmoid(gates[j], now)
    for j in range(size):
        new[j] += gates[j] * extra[j]
    to_state(now, state)


def cell_before(windows: int, Up: Array, c: Array, now: Array, state: Array, extra: Array) -> None:
    """state = u ⊙ state + (1 − u) ⊙ g; extra = r ⊙ state"""
    size, H, none = state.shape[0], Up.shape[1], np.int64(0)
    rows, gates, new = size // H, now[: 2 * size], now[2 * size :]
    multiply(windows, state, Up, (none, none), gates, rows)
    for j in range(2 * size):
        gates[j] = sigmoid(gates[j], now)
    for j in range(size):
        extra[j] = gates[j] * state[j]
    multiply(windows, extra, Up, (none, 2 * H), new, rows)
    to_state(now, state)


def to_state(now: Array, state: Array) -> None:
    """g = tanh(g); state = u ⊙ state + (1 − u) ⊙ g, with [r, u, g] in now"""
    size = state.shape[0]
    update, new = now[size : 2 * size], now[2 * size :]
    for j in range(size):
        new[j] = bend(new[j], now)
    for j in range(size):
        g = new[j]
        state[j] = g + update[j] * (state[j] - g)


def back_after(
    windows: int, Ub: Array, now: Array, kept: Array, dstate: Array, more: Array
) -> None:
    """now = ∂ℓ/∂[r, u, g] before σ and tanh; kept[1] = r ⊙ dg; dstate = ∂ℓ/∂ of the state before"""
    size, H, none = dstate.shape[0], Ub.shape[0], np.int64(0)
    rows, one = size // H, dstate.dtype.type(1)
    through_update(now, kept, dstate)
    reset, new, inner = now[:size], now[2 * size :], kept[size : 2 * size]
    for j in range(size):
        r, d, v = reset[j], new[j], inner[j]
        reset[j] = d * v * r * (one - r)
        inner[j] = d * r
    multiply(windows, now[: 2 * size], Ub, (none, none), dstate, rows)
    multiply(windows, inner, Ub, (2 * H, none), dstate, rows)


def back_before(
    windows: int, Ub: Array, now: Array, kept: Array, dstate: Array, more: Array
) -> None:
    """now = ∂ℓ/∂[r, u, g] before σ and tanh; dstate = ∂ℓ/∂ of the state before"""
    size, H, none = dstate.shape[0], Ub.shape[0], np.int64(0)
    rows, one, zero = size // H, dstate.dtype.type(1), dstate.dtype.type(0)
    through_update(now, kept, dstate)
    reset, inner, old = now[:size], more[:size], kept[:size]
    for j in range(size):
        inner[j] = zero
    multiply(windows, now[2 * size :], Ub, (2 * H, none), inner, rows)
    for j in range(size):
        dstate[j] += inner[j] * reset[j]
    for j in range(size):
        r = reset[j]
        reset[j] = inner[j] * old[j] * r * (one - r)
    multiply(windows, now[: 2 * size], Ub, (none, none), dstate, rows)


def through_update(now: Array, kept: Array, dstate: Array) -> None:
    """g = dg, u = du, before tanh and σ, with [r, u, g] in now; dstate = dstate ⊙ u"""
    size, one = dstate.shape[0], dstate.dtype.type(1)
    update, new = now[size : 2 * size], now[2 * size :]
    for j in range(size):
        u, g, d = update[j], new[j], dstate[j]
        update[j] = d * (kept[j] - g) * u * (one - u)
        new[j] = d * (one - u) * (one - g * g)
        dstate[j] = d * u


_ONNX = (1, 0, 2)  # update, reset, new


def _read(kind: Any, node: OnnxNode) -> Reading | None:
    cell = node.made_by("cell")
    after = cell.given(6, linear_before_reset=0, **ATTRIBUTES)["linear_before_reset"]
    known = {"linear_before_reset": after}
    return read_cell(kind, node, _ONNX, known, reset="after" if after else "before")


examples = (
    GRU(3),
    GRU(2, reset="before"),
    GRU(2, sequences=False, reverse=True, initial="learned"),
    GRU(2, bias=False, reset="before"),
)
