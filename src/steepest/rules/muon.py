"""Muon: momentum whose update is made orthogonal, for the matrices of dense layers.

    b ← μ b + (1 − μ) g,  u = (1 − μ) g + μ b        (without ``nesterov`` u = b)
    X = u/max(‖u‖, eps); five times X ← a X + (b S + c S²) X with S = X Xᵀ
    A ← A − η s X

The iteration (Newton and Schulz's, of fifth order) brings all singular values of u near 1. s is
0.2 √(larger extent) with ``adjust="rms"``, so that a step is as large as Adam's and one η serves
both; √max(1, outputs/inputs) with ``adjust="original"``, which is PyTorch's default; or 1.

All other parameters (biases, embeddings, and what ``apart`` names) take Adam's steps; weight decay
is decoupled for both. Products are computed in the dtype of the network (PyTorch rounds to
bfloat16), or as `Trainer` is asked for by ``matmul_dtype``.

Sources: Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024,
kellerjordan.github.io/posts/muon; Liu et al., "Muon is scalable for LLM training", 2025,
arXiv:2502.16982, section 2.2, for ``adjust="rms"``.
"""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..emitter import Emitter
from ..engine.operands import Buffer, Share
from ..errors import InputError
from ..kernels import gemm, part
from ..layer import Parameter
from ..printing import shown
from ..rule import Array
from ..schedules import Schedule
from ..validate import flag, instance, number, one_of, sequence
from ._moments import Moments
from .adam import Adam
from .blocks import block_count
from .clip import block_norms

__all__ = ["Muon"]

_ADJUSTMENTS = ("rms", "original", "none")


@dataclass(frozen=True, kw_only=True, repr=False)
class Muon(Moments):
    """Orthogonal steps of matrices, and Adam's of all else.

    Parameters
    ----------
    lr : float or callable
        η of both, or a schedule; ``factors`` sets them apart, like ``{"*.b": 0.1}``.
    weight_decay : float or callable
        Decoupled, with η as it is before it is adjusted.
    momentum : float
        μ.
    nesterov : bool
        Step along the average of g and b instead of b.
    steps : int
        Of the iteration.
    coefficients : (float, float, float)
        a, b, c of the iteration.
    adjust : {"rms", "original", "none"}
        How η depends on the shape of a matrix.
    norm_eps : float
        Keeps the divisor ‖u‖ above 0.
    apart : sequence of str
        Names of matrices that take Adam's steps, or patterns as of ``factors``, like ``("4.A",)``
        for a last layer of classes.
    beta1, beta2, eps : float
        Adam's.
    """

    lr: float | Schedule = field(default=0.001, kw_only=False)
    weight_decay: float | Schedule = 0.1
    momentum: float = 0.95
    nesterov: bool = True
    steps: int = 5
    coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315)
    adjust: str = "rms"
    norm_eps: float = 1e-7
    apart: tuple[str, ...] = ()

    step = Adam.step

    def __post_init__(self) -> None:
        super().__post_init__()
        number("Muon", "momentum", self.momentum, least=0, below=1)
        flag("Muon", "nesterov", self.nesterov)
        number("Muon", "steps", self.steps, least=1, most=99, whole=True)
        one_of("Muon", "adjust", self.adjust, _ADJUSTMENTS)
        number("Muon", "norm_eps", self.norm_eps, above=0)
        for what in ("coefficients", "apart"):
            sequence("Muon", what, getattr(self, what))
        if len(self.coefficients) != 3:
            raise InputError(
                f"Muon: coefficients must be three numbers a, b, c, got {shown(self.coefficients)}"
            )
        for value in self.coefficients:
            number("Muon", "coefficients", value)
        for name in self.apart:
            instance("Muon", "apart", name, str, "'4.A'")

    def settings(self) -> dict[str, float]:
        """Return also 1 − momentum, and that eps is added to √v̂."""
        return super().settings() | {"rest": 1.0 - self.momentum, "epsilon_hat": 0.0}

    def takes_block(self, name: str, parameter: Parameter) -> bool:
        """Return whether it is a matrix of a dense layer, and not ``apart``."""
        matrix = parameter.decays and len(parameter.shape) == 2
        return matrix and not any(fnmatch.fnmatch(name, pattern) for pattern in self.apart)

    def lower_block(self, low: Emitter, names: Mapping[str, Any], parameter: Parameter) -> None:
        # A matrix may be stored as its transpose, whose update is the transpose of the update.
        shape, size = names["g"].shape, names["g"].size
        X, blocks = low.array("X", *shape), block_count(size)
        flat = {
            **names,
            **{name: names[name].as_vector() for name in ("theta", "g", "m")},
            "X": X.as_vector(),
            "norms": low.array("‖u‖", blocks),
            "blocks": Share(blocks),
            "entries": low.share(size, 16),
            "size": self._size(parameter),
        }
        low.emit(push, flat, flops=6 * size)
        low.emit(block_norms, flat, flops=2 * size)
        low.emit(normalise, flat, flops=size)
        flat["X"] = self._orthogonal(low, X).as_vector()
        low.emit(follow, flat, flops=2 * size)

    def _orthogonal(self, low: Emitter, X: Buffer) -> Buffer:
        """List the iteration that brings the singular values of X near 1; return its result."""
        (r, c), small, Y = X.shape, min(X.shape), low.array("X'", *X.shape)
        a, b, last = map(float, self.coefficients)
        square = {"S": low.array("S", small, small), "P": low.array("P", small, small)}
        names: dict[str, Any] = {**square, "a": a, "b": b, "c": last, "wide": int(r <= c)}
        part_of_square, part_of_all = low.share(small, 16), low.share(c, 16)
        for _ in range(int(self.steps)):
            names |= {"X": X, "Y": Y, "entries": part_of_square}
            low.emit(gram, names, flops=2 * small * X.size)
            low.emit(polynomial, names, flops=2 * small**3)
            low.emit(move, {**names, "entries": part_of_all}, flops=2 * small * X.size)
            X, Y = Y, X
        return X

    def _size(self, parameter: Parameter) -> float:
        """Return s, by which η of a matrix is multiplied."""
        outputs, inputs = parameter.shape
        if self.adjust == "rms":
            return 0.2 * math.sqrt(max(outputs, inputs))
        return math.sqrt(max(1.0, outputs / inputs)) if self.adjust == "original" else 1.0


def push(g: Array, m: Array, momentum: float, rest: float, nesterov: float, entries: range) -> None:
    """m = momentum m + rest g; g = rest g + momentum m, or m"""
    for i in entries:
        d = g[i]
        m[i] = momentum * m[i] + rest * d
        g[i] = rest * d + momentum * m[i] if nesterov > 0 else m[i]


def normalise(g: Array, X: Array, norms: Array, norm_eps: float, entries: range) -> None:
    """X = g/max(‖norms‖, norm_eps); g = 0"""
    total = 0.0
    for k in range(norms.shape[0]):
        total += float(norms[k]) ** 2
    zero, scale = X.dtype.type(0), X.dtype.type(1.0 / max(math.sqrt(total), float(norm_eps)))
    for i in entries:
        X[i] = scale * g[i]
        g[i] = zero


def gram(X: Array, S: Array, wide: int, blas: int, entries: range) -> None:
    """S = X Xᵀ, or Xᵀ X if X is tall"""
    one, zero, own = X.dtype.type(1), X.dtype.type(0), part(entries)
    if wide:
        gemm(blas, one, X, X[own].T, zero, S[:, own])
    else:
        gemm(blas, one, X.T, X[:, own], zero, S[:, own])


def polynomial(S: Array, P: Array, b: float, c: float, blas: int, entries: range) -> None:
    """P = b S + c S S"""
    for i in range(S.shape[0]):
        for j in entries:
            P[i, j] = b * S[i, j]
    gemm(blas, c, S, S[:, part(entries)], S.dtype.type(1), P[:, part(entries)])


def move(X: Array, P: Array, Y: Array, a: float, wide: int, blas: int, entries: range) -> None:
    """Y = a X + P X, or a X + X P if X is tall"""
    one, own = X.dtype.type(1), part(entries)
    for i in range(X.shape[0]):
        for j in entries:
            Y[i, j] = a * X[i, j]
    if wide:
        gemm(blas, one, P, X[:, own], one, Y[:, own])
    else:
        gemm(blas, one, X, P[:, own], one, Y[:, own])


def follow(theta: Array, X: Array, eta: float, size: float, entries: range) -> None:
    """theta −= eta size X"""
    rate = eta * size
    for i in entries:
        theta[i] -= rate * X[i]


examples = (Muon(), Muon(nesterov=False, adjust="original", steps=3, eps=0.1))
