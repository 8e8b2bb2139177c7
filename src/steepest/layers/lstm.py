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
from ._recurrence.kernels import bend, go_back, go_forward, multiply, sigmoid
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
        """y = h_t = o ⊙ tanh(s_t), s_t = f ⊙ s_{t−1} + i ⊙ g, [i, f, g, o] = x_t At + h_{t−1} Ut"""
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
        """z = ∂ℓ/∂[i, f, g, o] before σ and tanh, back through time from dy"""
        go_back(back, (dy, Ub, z, before, inner, dstate, work), plan, windows, thread, rows)


def cell(windows: int, Up: Array, c: Array, now: Array, state: Array, extra: Array) -> None:
    """state = [o ⊙ tanh(s), s], s = f ⊙ s + i ⊙ g; extra = [s before, tanh(s)]"""
    size, H = state.shape[0] // 2, Up.shape[1]
    hs, ss = state[:size], state[size:]
    old, bent = extra[:size], extra[size : 2 * size]
    gate_i, gate_f = now[:size], now[size : 2 * size]
    gate_g, gate_o = now[2 * size : 3 * size], now[3 * size :]
    multiply(windows, hs, Up, (np.int64(0), np.int64(0)), now, size // H)
    for j in range(2 * size):
        now[j] = sigmoid(now[j], now)
    for j in range(size):
        gate_g[j] = bend(gate_g[j], now)
    for j in range(size):
        gate_o[j] = sigmoid(gate_o[j], now)
    for j in range(size):
        old[j] = ss[j]
    for j in range(size):
        ss[j] = gate_f[j] * ss[j] + gate_i[j] * gate_g[j]
    for j in range(size):
        bent[j] = bend(ss[j], ss)
    for j in range(size):
        hs[j] = gate_o[j] * bent[j]


def back(windows: int, Ub: Array, now: Array, kept: Array, dstate: Array, more: Array) -> None:
    """now = ∂ℓ/∂[i, f, g, o] before σ and tanh; dstate = ∂ℓ/∂ of the state before"""
    size, H, one = dstate.shape[0] // 2, Ub.shape[0], dstate.dtype.type(1)
    dh, ds = dstate[:size], dstate[size:]
    old, bent = kept[size : 2 * size], kept[2 * size : 3 * size]
    gate_i, gate_f = now[:size], now[size : 2 * size]
    gate_g, gate_o = now[2 * size : 3 * size], now[3 * size :]
    for j in range(size):
        ds[j] += dh[j] * gate_o[j] * (one - bent[j] * bent[j])
    for j in range(size):
        o = gate_o[j]
        gate_o[j] = dh[j] * bent[j] * o * (one - o)
    for j in range(size):
        u, v = gate_i[j], gate_g[j]
        gate_i[j] = ds[j] * v * u * (one - u)
        gate_g[j] = ds[j] * u * (one - v * v)
    for j in range(size):
        f, d = gate_f[j], ds[j]
        gate_f[j] = d * old[j] * f * (one - f)
        ds[j] = d * f
    for j in range(size):
        dh[j] = dh.dtype.type(0)
    multiply(windows, now, Ub, (np.int64(0), np.int64(0)), dh, size // H)


_ONNX = (0, 3, 1, 2)  # input, output, forget, cell


def _read(kind: Any, node: OnnxNode) -> Reading | None:
    return read_cell(kind, node, _ONNX, {"input_forget": 0})


examples = (LSTM(3), LSTM(2, sequences=False, reverse=True, initial="learned"), LSTM(2, bias=False))
