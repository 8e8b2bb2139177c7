"""LSTM: long short-term memory, from moment to moment; (n, T, d) -> (n, T, h), or (n, h).

[i, f, g, o] = A x_t + b + U h_{t−1} + c; i, f, o through σ, g through tanh;
s_t = f ⊙ s_{t−1} + i ⊙ g; h_t = o ⊙ tanh(s_t). A (4h, d), U (4h, h), b and c (4h,).

Source: Gers, Schmidhuber & Cummins, "Learning to forget: continual prediction with LSTM", Neural
Computation 12 (2000), after Hochreiter & Schmidhuber, Neural Computation 9 (1997).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..layer import Array
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, OnnxNode, Reading
from ._recurrence.kernels import (
    bend,
    go_back,
    go_forward,
    multiply,
    sigmoids,
    tanhs,
)
from ._recurrence.layer import RecurrentLayer
from ._recurrence.onnx import forms, read_cell, write
from ._recurrence.theta import backward_theta

__all__ = ["LSTM"]


@dataclass(frozen=True, repr=False)
class LSTM(RecurrentLayer):
    """Long short-term memory.

    Φ goes back through the moments: with dh the sum of dy_t and what comes from moment t + 1,
    ds += dh ⊙ o ⊙ (1 − tanh²(s_t)); do = dh ⊙ tanh(s_t), di = ds ⊙ g, df = ds ⊙ s_{t−1},
    dg = ds ⊙ i, and with these before their σ and tanh as dz, dx_t = Aᵀ dz, dh_{t−1} = Uᵀ dz,
    ds_{t−1} = ds ⊙ f; dA = Σ dz x_tᵀ, dU = Σ dz h_{t−1}ᵀ, db = dc = Σ dz.

    Gates are in the order input, forget, cell, output, as PyTorch and Keras have them; ONNX has
    input, output, forget, cell, which files get and are read in. There are two biases, as in
    PyTorch and ONNX; Keras has their sum.

    Parameters
    ----------
    units : int
        h.
    sequences : bool
        Whether y has the h of every moment, or the last one alone.
    reverse : bool
        Whether the last moment comes first. Each h still stands at its own moment, as in ONNX and
        in PyTorch's other direction, and "the last one" is then that of the first moment.
        ``Concat(LSTM(h), LSTM(h, reverse=True))`` goes in both directions.
    initial : {"zeros", "learned"}
        The state before the first moment, h and s.
    weights, recurrent_weights : str or callable
        How each gate's part of A and of U begins: a name of `steepest.init.INITIALISERS`, or
        ``(rng, shape) -> array``.
    bias : bool
        Whether there are b and c. They begin at 0, but for b of the forget gate, which begins at 1
        (Józefowicz, Zaremba & Sutskever, ICML 2015), as in Keras.
    """

    gates: ClassVar[int] = 4
    states: ClassVar[int] = 2
    inner: ClassVar[int] = 2
    backward_theta = staticmethod(backward_theta)

    def init(self, rng: np.random.Generator, theta: Mapping[str, Array]) -> None:
        super().init(rng, theta)
        if self.bias:
            theta["b"][self.units : 2 * self.units] = 1

    def onnx(self, g: OnnxGraph) -> str:
        return write(self, g, "LSTM", _ONNX)

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return forms("LSTM", _read)

    @staticmethod
    def forward(
        x: Array,
        At: Array,
        Ut: Array,
        b: Array,
        c: Array,
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
        """y = h_t = o ⊙ tanh(s_t), s_t = f ⊙ s_{t−1} + i ⊙ g, [i, f, g, o] = x_t At + h_{t−1} Ut"""
        go_forward(
            cell, x, At, Ut, b, c, start, y, z, before, inner, work, plan, windows, thread, rows
        )

    @staticmethod
    def backward(
        dy: Array,
        U: Array,
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
        """z = ∂ℓ/∂[i, f, g, o] before σ and tanh, back through time from dy"""
        go_back(back, dy, U, z, before, inner, dstate, work, plan, windows, thread, rows)


def cell(windows: int, Ut: Array, c: Array, now: Array, state: Array, extra: Array) -> None:
    """state = [o ⊙ tanh(s), s], s = f ⊙ s + i ⊙ g; extra = [s before, tanh(s)]"""
    h, q = Ut.shape
    size = state.shape[0] // 2
    r = size // h
    hs, ss = state[:size], state[size:]
    old, bent = extra[:size], extra[size : 2 * size]
    multiply(windows, hs, Ut, now, now, (r, h, q), (np.int64(0), h, q, q))
    for i in range(r):
        gates = now[i * q : (i + 1) * q]
        sigmoids(gates[: 2 * h])
        tanhs(gates[2 * h : 3 * h])
        sigmoids(gates[3 * h :])
    for j in range(size):
        old[j] = ss[j]
    for i in range(r):
        gates, own = now[i * q : (i + 1) * q], ss[i * h : (i + 1) * h]
        for j in range(h):
            own[j] = gates[h + j] * own[j] + gates[j] * gates[2 * h + j]
    for j in range(size):
        bent[j] = bend(ss[j], ss)
    for i in range(r):
        output = now[i * q + 3 * h : (i + 1) * q]
        for j in range(h):
            hs[i * h + j] = output[j] * bent[i * h + j]


def back(windows: int, U: Array, now: Array, kept: Array, dstate: Array, more: Array) -> None:
    """now = ∂ℓ/∂[i, f, g, o] before σ and tanh; dstate = ∂ℓ/∂ of the state before"""
    q, h = U.shape
    size = dstate.shape[0] // 2
    r, one = size // h, dstate.dtype.type(1)
    for i in range(r):
        begin, end = i * h, (i + 1) * h
        dh, ds = dstate[begin:end], dstate[size + begin : size + end]
        old, bent = kept[size + begin : size + end], kept[2 * size + begin : 2 * size + end]
        gates = now[i * q : (i + 1) * q]
        gate_i, gate_f, gate_g, gate_o = (
            gates[:h],
            gates[h : 2 * h],
            gates[2 * h : 3 * h],
            gates[3 * h :],
        )
        for j in range(h):
            ds[j] += dh[j] * gate_o[j] * (one - bent[j] * bent[j])
        for j in range(h):
            o = gate_o[j]
            gate_o[j] = dh[j] * bent[j] * o * (one - o)
        for j in range(h):
            u, v = gate_i[j], gate_g[j]
            gate_i[j] = ds[j] * v * u * (one - u)
            gate_g[j] = ds[j] * u * (one - v * v)
        for j in range(h):
            f, d = gate_f[j], ds[j]
            gate_f[j] = d * old[j] * f * (one - f)
            ds[j] = d * f
    dh = dstate[:size]
    for j in range(size):
        dh[j] = dh.dtype.type(0)
    multiply(windows, now, U, dh, dh, (r, q, h), (np.int64(0), q, h, h))


_ONNX = (0, 3, 1, 2)  # input, output, forget, cell


def _read(kind: Any, node: OnnxNode) -> Reading | None:
    return read_cell(kind, node, _ONNX, {"input_forget": 0})


examples = (LSTM(3), LSTM(2, sequences=False, reverse=True, initial="learned"), LSTM(2, bias=False))
