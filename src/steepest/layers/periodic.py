"""Periodic: waves of every input, mixed, beside the input itself; (n, p) -> (n, p·dim).

For input j, with K frequencies and m = dim − 1 mixtures,

    h_jk = cos(2π ω_jk x_j + φ_jk)                 ω, φ (p, K)
    y_j  = [x_j, W_j h_j + c_j]                    W (p·m, K), c (p, m)

so that what follows sees functions of x_j that bend often, which tables need more than images do.
ω begins small and normal, so that waves are long at first; φ is uniform over a turn.

Source: Holzmüller, Grinsztajn & Steinwart, "Better by default", NeurIPS 2024, arXiv:2407.04491,
section 3 ("PBLD"), after Gorishniy, Rubachev & Babenko, "On embeddings for numerical features in
tabular deep learning", NeurIPS 2022, arXiv:2203.05556.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..kernels.fma import fma
from ..kernels.functions import cosine, sine
from ..layer import Array, Layer, Parameter
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, OnnxNode, Op, Reading
from ..validate import number, positive_count
from ._columns import (
    INPUTS,
    MIXTURES,
    ROWS,
    begin_columns,
    read_columns,
    sum_columns,
    work_columns,
    write_columns,
)

__all__ = ["Periodic"]

_TURN = 2 * np.pi


def _pattern() -> Op:
    """Return what `Periodic.onnx` writes."""
    x = Op("Unsqueeze", "x", "middle")
    turns = Op("Add", Op("Mul", x, "omega"), "phi")
    waves = Op("Cos", Op("Mul", Op("Sub", turns, Op("Round", turns)), _TURN))
    mixed = Op("Squeeze", Op("MatMul", Op("Unsqueeze", waves, "middle"), "W"), "middle")
    return Op("Flatten", Op("Concat", x, Op("Add", mixed, "c"), axis=2), axis=1)


@dataclass(frozen=True, repr=False)
class Periodic(Layer):
    """Numeric embedding: each input becomes itself and ``dim − 1`` learned periodic functions.

    Parameters
    ----------
    frequencies : int
        K, the number of waves for each input.
    dim : int
        Entries that stand for an input, itself among them; at least 2.
    std : float
        Standard deviation of the frequencies ω at the beginning, in turns per unit of x.
    """

    frequencies: int = 16
    dim: int = 4
    std: float = 0.1

    def __post_init__(self) -> None:
        positive_count("Periodic", "frequencies", self.frequencies)
        positive_count("Periodic", "dim", self.dim)
        number("Periodic", "dim", self.dim, least=2, whole=True)  # the input, and functions of it
        number("Periodic", "std", self.std, above=0)

    def outputs(self, p: int) -> int:
        """Return p·dim."""
        return p * self.dim

    def parameters(self, p: int) -> dict[str, Parameter]:
        """Return omega, phi (p, K), W (p·(dim − 1), K), c (p, dim − 1)."""
        waves, mixed = (p, self.frequencies), self.dim - 1
        return {
            "omega": Parameter(waves),
            "phi": Parameter(waves),
            "W": Parameter((p * mixed, self.frequencies)),
            "c": Parameter((p, mixed)),
        }

    def memory(self, n: int, p: int) -> dict[str, tuple[int, ...]]:
        """Return room for columns of x and y."""
        return {"work": (n, work_columns(p, self.dim))}

    def init(self, rng: np.random.Generator, theta: Mapping[str, Array]) -> None:
        """omega ~ N(0, std²), phi ~ U(−π, π), W and c ~ U(±1/√K)"""
        bound = 1 / np.sqrt(self.frequencies)
        theta["omega"][...] = rng.normal(0, self.std, theta["omega"].shape)
        theta["phi"][...] = rng.uniform(-np.pi, np.pi, theta["phi"].shape)
        for name in ("W", "c"):
            theta[name][...] = rng.uniform(-bound, bound, theta[name].shape)

    def flops(self, p: int) -> int:
        """Return those of the mixtures, and 20 for each wave."""
        return p * self.frequencies * (2 * (self.dim - 1) + 20)

    def onnx(self, g: OnnxGraph) -> str:
        """(n, p) -> (n, p, 1) -> (n, p, dim) -> (n, p·dim)"""
        middle, mixed = g.constant([2], np.int64), self.dim - 1
        x = g.op("Unsqueeze", g.x, middle)
        turns = g.op("Mul", x, g.parameter("omega"))
        turns = g.op("Add", turns, g.constant(g.theta["phi"] / _TURN))
        rest = g.op("Sub", turns, g.op("Round", turns))  # a cosine of a small angle is exact
        waves = g.op("Cos", g.op("Mul", rest, g.constant(_TURN)))
        waves = g.op("Unsqueeze", waves, middle)  # (n, p, 1, K)
        W = g.theta["W"].reshape(g.p, mixed, -1).transpose(0, 2, 1)  # (p, K, m)
        h = g.op("Squeeze", g.op("MatMul", waves, g.constant(W)), middle)
        h = g.op("Add", h, g.parameter("c"))
        return g.op("Flatten", g.op("Concat", x, h, axis=2), axis=1)

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return (Form(_pattern(), _read),)

    @staticmethod
    def forward(
        x: Array,
        y: Array,
        omega: Array,
        phi: Array,
        W: Array,
        c: Array,
        work: Array,
        rows: range,
    ) -> None:
        """y = [x, W cos(2π omega x + phi) + c] for each input"""
        p, m = c.shape
        dim, start, end = m + 1, np.int64(rows.start), np.int64(rows.stop)
        own = work[start:].reshape(-1)
        for begin in range(start, end, ROWS):
            n = min(ROWS, end - begin)
            spare = own[: (MIXTURES - 1) * n].reshape(MIXTURES - 1, n)
            for first in range(0, p, INPUTS):
                inputs = min(INPUTS, p - first)
                columns = own[spare.size : spare.size + inputs * dim * n].reshape(inputs * dim, n)
                for u in range(inputs):
                    j, at = first + u, columns[u * dim : (u + 1) * dim]
                    begin_columns(x[begin : begin + n], j, c[j], at)
                    _add_waves(at, spare, omega[j], phi[j], W[j * m : (j + 1) * m])
                write_columns(columns, first * dim, y[begin : begin + n])

    @staticmethod
    def backward_x(
        x: Array, dy: Array, dx: Array, omega: Array, phi: Array, W: Array, c: Array, rows: range
    ) -> None:
        """dx = dy₀ − 2π Σ_k omega ⊙ sin(2π omega x + phi) ⊙ Wᵀ dy"""
        real = dx.dtype.type
        p, K, m = omega.shape[0], omega.shape[1], c.shape[1]
        for i in rows:
            for j in range(p):
                v, total = x[i, j], real(0)
                for k in range(K):
                    slope = real(0)
                    for o in range(m):
                        slope += dy[i, j * (m + 1) + 1 + o] * W[j * m + o, k]
                    s = sine(omega[j, k] * v + phi[j, k] * real(1 / _TURN), x)
                    total += slope * omega[j, k] * s
                dx[i, j] = dy[i, j * (m + 1)] - real(_TURN) * total

    @staticmethod
    def backward_theta(
        x: Array,
        dy: Array,
        omega: Array,
        phi: Array,
        W: Array,
        work: Array,
        domega: Array,
        dphi: Array,
        dW: Array,
        dc: Array,
        alpha: float,
        thread: int,
        threads: int,
    ) -> None:
        """dW += alpha dy cosᵀ, dc += alpha Σ dy, dphi −= alpha sin ⊙ Wᵀdy, domega likewise ⊙ 2πx"""
        (p, m), n = dc.shape, x.shape[0]
        dim, end = m + 1, np.int64(p * (thread + 1) // threads)
        begin = np.int64(p * thread // threads)
        own = work.reshape(-1)[begin * dim * n :]
        for first in range(begin, end, INPUTS):
            inputs = min(INPUTS, end - first)
            columns = own[: inputs * dim * n].reshape(inputs * dim, n)
            read_columns(x, dy, alpha, first, columns)
            for u in range(inputs):
                j, at = first + u, columns[u * dim : (u + 1) * dim]
                of_W = slice(j * m, (j + 1) * m)
                _add_slopes(at, omega[j], phi[j], W[of_W], domega[j], dphi[j], dW[of_W])
                sum_columns(at, dc[j])


def _add_waves(columns: Array, spare: Array, omega: Array, phi: Array, W: Array) -> None:
    """columns[1:] += W cos(2π omega columns[0] + phi), of one input; ``spare`` is written over"""
    real, m, v = columns.dtype.type, W.shape[0], columns[0]
    for o in range(0, m, MIXTURES):
        y_0 = columns[1 + o]
        y_1 = columns[2 + o] if o + 1 < m else spare[0]
        y_2 = columns[3 + o] if o + 2 < m else spare[1]
        for k in range(omega.shape[0]):
            wave, shift, w_0 = omega[k], phi[k] * real(1 / _TURN), W[o, k]
            w_1 = W[o + 1, k] if o + 1 < m else real(0)
            w_2 = W[o + 2, k] if o + 2 < m else real(0)
            for i in range(v.shape[0]):
                h = cosine(wave * v[i] + shift, v)
                y_0[i] = fma(w_0, h, y_0[i])
                y_1[i] = fma(w_1, h, y_1[i])
                y_2[i] = fma(w_2, h, y_2[i])


def _add_slopes(
    columns: Array, omega: Array, phi: Array, W: Array, domega: Array, dphi: Array, dW: Array
) -> None:
    """Add the gradients of one input, whose x is columns[0] and whose dy is columns[1:].

    What is added to may be omega, phi and W: all is read of a wave before.
    """
    real, m, v = columns.dtype.type, W.shape[0], columns[0]
    for k in range(omega.shape[0]):
        wave, shift = omega[k], phi[k] * real(1 / _TURN)
        turned, slid = real(0), real(0)
        for o in range(0, m, MIXTURES):
            d_0, d_1, d_2 = columns[1 + o], columns[min(2 + o, m)], columns[min(3 + o, m)]
            w_0 = W[o, k]
            w_1 = W[o + 1, k] if o + 1 < m else real(0)
            w_2 = W[o + 2, k] if o + 2 < m else real(0)
            s_0, s_1, s_2 = real(0), real(0), real(0)
            for i in range(v.shape[0]):
                turns = wave * v[i] + shift
                h, s = cosine(turns, v), sine(turns, v)
                slope = (w_0 * d_0[i] + w_1 * d_1[i] + w_2 * d_2[i]) * s
                slid += slope
                turned += v[i] * slope
                s_0 += d_0[i] * h
                s_1 += d_1[i] * h
                s_2 += d_2[i] * h
            dW[o, k] += s_0
            if o + 1 < m:
                dW[o + 1, k] += s_1
            if o + 2 < m:
                dW[o + 2, k] += s_2
        dphi[k] -= slid
        domega[k] -= real(_TURN) * turned


def _read(kind: Any, node: OnnxNode) -> Reading:
    omega, turns, W, c = (node.array(name) for name in ("omega", "phi", "W", "c"))
    if node.whole("middle") != [2] or omega.ndim != 2 or c.ndim != 2:
        raise node.error("is no Periodic: it adds other axes")
    (p, K), m = omega.shape, c.shape[1]
    if turns.shape != (p, K) or W.shape != (p, K, m) or len(c) != p or 0 in W.shape:
        raise node.error("is no Periodic: its constants do not fit together")
    theta = {
        "omega": omega,
        "phi": turns * turns.dtype.type(_TURN),
        "W": W.transpose(0, 2, 1).reshape(p * m, K),
        "c": c,
    }
    return Reading(kind(K, m + 1), node.value("x"), theta, takes=p)


examples = (Periodic(), Periodic(5, 2))
