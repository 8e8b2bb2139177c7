"""Adafactor: Adam's divisor from the averages over rows and over columns of g², without momentum.

    κ = 1/t^decay,  R ← R + κ (mean of g² along rows − R),  C ← C + κ (mean along columns − C)
    V = R Cᵀ/mean(R) for a matrix; V ← V + κ (g² − V) entry by entry for a vector
    u = g/√max(V, eps²),  u ← u/max(1, ‖u‖_RMS/limit)
    θ ← θ − min(η, 1/√t) max(least, ‖θ‖_RMS) u

where ‖u‖_RMS = ‖u‖/√(entries of u), for each parameter on its own. A matrix of n × m entries takes
n + m numbers of memory.

Source: Shazeer & Stern, "Adafactor: adaptive learning rates with sublinear memory cost", ICML
2018, arXiv:1804.04235, Algorithms 4 and 5, in PyTorch's form (η bounds the paper's relative step
of 1/√t).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ..emitter import Emitter
from ..engine.operands import Share
from ..layer import Parameter
from ..rule import Array, Rule, Slot
from ..schedules import Schedule
from ..validate import number
from .blocks import block_count
from .clip import block_norms

__all__ = ["Adafactor"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Adafactor(Rule):
    """Steps in proportion to each parameter, divided by the root of a factored average of g².

    Parameters
    ----------
    lr : float or callable
        The most that η may be, or a schedule.
    decay : float
        By which the weight of a new square falls (PyTorch's ``beta2_decay`` with its sign changed).
    eps : float, optional
        The least root of V, and the least mean of R. By default what the network's dtype can tell
        from 1.
    least : float
        The least size that a parameter is taken to have.
    limit : float
        The most that ‖u‖_RMS may be (PyTorch's ``d``).
    """

    adaptive: ClassVar[bool] = True
    decays_itself: ClassVar[bool] = True

    lr: float | Schedule = field(default=0.01, kw_only=False)
    decay: float = 0.8
    eps: float | None = None
    least: float = 1e-3
    limit: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        number("Adafactor", "decay", self.decay, least=0)
        number("Adafactor", "least", self.least, least=0)
        number("Adafactor", "limit", self.limit, least=1)
        if self.eps is not None:
            number("Adafactor", "eps", self.eps, above=0)

    @property
    def memory(self) -> Mapping[str, Slot]:
        """R and C of matrices; V of vectors is in the place of R."""
        return {"R": Slot(_rows), "C": Slot(_columns)}

    def takes_block(self, name: str, parameter: Parameter) -> bool:
        """Return True: each parameter is measured on its own."""
        return True

    def settings(self) -> dict[str, float]:
        """Return eps as 0 where the kernel is to choose it."""
        return {"eps": 0.0} | super().settings()

    def lower_block(self, low: Emitter, names: Mapping[str, Any], parameter: Parameter) -> None:
        size, shape = names["g"].size, names["g"].shape
        flat = {k: names[k].as_vector() for k in ("theta", "g")}
        blocks, entries = block_count(size), low.share(size, 16)
        sizes, norms = low.array("‖θ‖", blocks), low.array("‖u‖", blocks)
        low.emit(block_norms, {"g": flat["theta"], "norms": sizes, "blocks": Share(blocks)})
        if len(shape) == 2:
            low.emit(row_squares, {**names, "entries": low.share(shape[0], 16)}, flops=2 * size)
            low.emit(column_squares, {**names, "entries": low.share(shape[1], 16)}, flops=2 * size)
            low.emit(divide_matrix, {**names, "entries": low.share(shape[1], 16)}, flops=4 * size)
        else:
            names = {**names, **flat, "R": names["R"].as_vector()}
            low.emit(divide_vector, {**names, "entries": entries}, flops=6 * size)
        low.emit(block_norms, {"g": flat["g"], "norms": norms, "blocks": Share(blocks)})
        last = {**names, **flat, "sizes": sizes, "norms": norms, "entries": entries}
        low.emit(follow, last, flops=4 * size)

    @staticmethod
    def step(theta: Array, g: Array, entries: range) -> None:
        """theta stays: every parameter is a block, and there are no others"""


def _rows(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape[:1] if len(shape) == 2 else shape


def _columns(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape[1:] if len(shape) == 2 else (0,)


def row_squares(g: Array, R: Array, t: int, decay: float, entries: range) -> None:
    """R += 1/t^decay (the mean of g² along its row − R)"""
    new = g.dtype.type(np.float64(t) ** -np.float64(decay))
    for i in entries:
        total = g.dtype.type(0)
        for j in range(g.shape[1]):
            total += g[i, j] * g[i, j]
        R[i] += new * (total / g.shape[1] - R[i])


def column_squares(g: Array, C: Array, t: int, decay: float, entries: range) -> None:
    """C += 1/t^decay (the mean of g² along its column − C)"""
    new = g.dtype.type(np.float64(t) ** -np.float64(decay))
    old, share = g.dtype.type(1) - new, new / g.dtype.type(g.shape[0])
    for j in entries:
        C[j] *= old
    for i in range(g.shape[0]):
        for j in entries:
            C[j] += share * g[i, j] * g[i, j]


def divide_matrix(g: Array, R: Array, C: Array, eps: float, entries: range) -> None:
    """g /= √max(R Cᵀ/mean(R), eps²)"""
    one, total = g.dtype.type(1), g.dtype.type(0)
    small = eps if eps > 0 else np.finfo(g.dtype).eps
    for i in range(R.shape[0]):
        total += R[i]
    mean = max(total / g.dtype.type(R.shape[0]), small)
    for i in range(g.shape[0]):
        for j in entries:
            square = R[i] * C[j] / mean
            square = square if square > small * small else small * small
            g[i, j] *= one / math.sqrt(square)


def divide_vector(g: Array, R: Array, t: int, decay: float, eps: float, entries: range) -> None:
    """R += 1/t^decay (g² − R); g /= √max(R, eps²)"""
    one, new = g.dtype.type(1), g.dtype.type(np.float64(t) ** -np.float64(decay))
    small = eps if eps > 0 else np.finfo(g.dtype).eps
    for i in entries:
        R[i] += new * (g[i] * g[i] - R[i])
        square = R[i] if R[i] > small * small else small * small
        g[i] *= one / math.sqrt(square)


def follow(
    theta: Array,
    g: Array,
    sizes: Array,
    norms: Array,
    eta: float,
    t: int,
    least: float,
    limit: float,
    weight_decay: float,
    entries: range,
) -> None:
    """theta −= eta weight_decay theta; theta −= min(eta, 1/√t) size g/max(1, length/limit)

    Size, at least ``least``, is ‖θ‖_RMS by the norms ``sizes``; length is ‖u‖_RMS by ``norms``.
    """
    zero, size, length = theta.dtype.type(0), 0.0, 0.0
    for k in range(norms.shape[0]):
        size += np.float64(sizes[k]) ** 2
        length += np.float64(norms[k]) ** 2
    size, length = math.sqrt(size / g.shape[0]), math.sqrt(length / g.shape[0])
    rate = min(np.float64(eta), 1.0 / math.sqrt(np.float64(t))) * max(np.float64(least), size)
    push = theta.dtype.type(rate / max(1.0, length / np.float64(limit)))
    shrink = eta * weight_decay
    if shrink > zero:  # apart: a sum of three terms may be rounded in more ways than one
        for i in entries:
            theta[i] -= shrink * theta[i]
    for i in entries:
        theta[i] -= push * g[i]
        g[i] = zero


examples = (Adafactor(), Adafactor(0.1, decay=0.5, weight_decay=0.1, limit=1.5))
