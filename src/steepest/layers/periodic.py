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

from ..kernels.functions import cosine, sine
from ..layer import Array, Layer, Parameter
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, OnnxNode, Op, Reading
from ..validate import number, positive_count

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
        """Return cos and sin of every wave (n, p·K), which the backward pass needs."""
        return {"cos": (n, p * self.frequencies), "sin": (n, p * self.frequencies)}

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
        cos: Array,
        sin: Array,
        rows: range,
    ) -> None:
        """y = [x, W cos(2π omega x + phi) + c] for each input"""
        real = x.dtype.type
        p, K, m = omega.shape[0], omega.shape[1], c.shape[1]
        for i in rows:
            for j in range(p):
                v = x[i, j]
                for k in range(K):
                    turns = omega[j, k] * v + phi[j, k] * real(1 / _TURN)
                    cos[i, j * K + k] = cosine(turns, x)
                    sin[i, j * K + k] = sine(turns, x)
                y[i, j * (m + 1)] = v
                for o in range(m):
                    total = real(0)
                    for k in range(K):
                        total += W[j * m + o, k] * cos[i, j * K + k]
                    y[i, j * (m + 1) + 1 + o] = total + c[j, o]

    @staticmethod
    def backward_x(
        dy: Array, dx: Array, omega: Array, W: Array, c: Array, sin: Array, rows: range
    ) -> None:
        """dx = dy₀ − 2π Σ_k omega ⊙ sin(2π omega x + phi) ⊙ Wᵀ dy"""
        real = dx.dtype.type
        p, K, m = omega.shape[0], omega.shape[1], c.shape[1]
        for i in rows:
            for j in range(p):
                total = real(0)
                for o in range(m):
                    d = dy[i, j * (m + 1) + 1 + o]
                    for k in range(K):
                        total += d * W[j * m + o, k] * omega[j, k] * sin[i, j * K + k]
                dx[i, j] = dy[i, j * (m + 1)] - real(_TURN) * total

    @staticmethod
    def backward_theta(
        x: Array,
        dy: Array,
        W: Array,
        cos: Array,
        sin: Array,
        domega: Array,
        dphi: Array,
        dW: Array,
        dc: Array,
        alpha: float,
        thread: int,
        threads: int,
    ) -> None:
        """dW += alpha dy cosᵀ, dc += alpha Σ dy, dphi −= alpha sin ⊙ Wᵀdy, domega likewise ⊙ 2πx"""
        real = x.dtype.type
        p, K, m = domega.shape[0], domega.shape[1], dc.shape[1]
        for j in range(p * thread // threads, p * (thread + 1) // threads):
            for i in range(x.shape[0]):  # before dW, which may be W itself, is written
                turn = real(_TURN) * x[i, j]
                for o in range(m):
                    d = alpha * dy[i, j * (m + 1) + 1 + o]
                    for k in range(K):
                        slope = d * W[j * m + o, k] * sin[i, j * K + k]
                        dphi[j, k] -= slope
                        domega[j, k] -= turn * slope
            for i in range(x.shape[0]):
                for o in range(m):
                    d = alpha * dy[i, j * (m + 1) + 1 + o]
                    dc[j, o] += d
                    for k in range(K):
                        dW[j * m + o, k] += d * cos[i, j * K + k]


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
