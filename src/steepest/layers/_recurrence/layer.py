"""What `LSTM`, `GRU` and `Recurrent` share: their settings, and how they are lowered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ...emitter import Backward, Emitter
from ...engine.operands import Buffer
from ...errors import InputError
from ...init import check, draw
from ...layer import Array, Layer, Parameter, Shape
from ...validate import flag, one_of, positive_count
from . import kernels
from .kernels import AT_ONCE, FILLED, ROWS, Plan

__all__ = ["RecurrentLayer"]

_WIDE = 64  # units from which on products of two vectors at once make up for more zeros
_GRAIN = 16  # columns of A and U that a thread takes at once


@dataclass(frozen=True, repr=False)
class RecurrentLayer(Layer):
    """A layer that takes examples (T, d) from moment to moment, with a state of ``units`` entries.

    A subclass has the kernels of its cell, as `steepest.layers._recurrence.kernels` describes them.
    """

    gates: ClassVar[int]
    """The vectors of h entries that are computed from x and the state."""
    states: ClassVar[int] = 1
    """The vectors of h entries that a state has."""
    inner: ClassVar[int] = 0
    """The vectors of h entries that are kept of a moment beside gates and h."""
    backward: ClassVar[Callable[..., None]]
    torch_names: ClassVar[Mapping[str, str]] = {
        "A": "weight_ih_l0",
        "U": "weight_hh_l0",
        "b": "bias_ih_l0",
        "c": "bias_hh_l0",
    }
    backward_x = staticmethod(kernels.backward_x)

    units: int
    sequences: bool = True
    reverse: bool = False
    initial: str = "zeros"
    weights: str | Callable[..., Any] = "glorot_uniform"
    recurrent_weights: str | Callable[..., Any] = "orthogonal"
    bias: bool = True

    def __post_init__(self) -> None:
        name = type(self).__name__
        positive_count(name, "units", self.units)
        for what in ("sequences", "reverse", "bias"):
            flag(name, what, getattr(self, what))
        one_of(name, "initial", self.initial, ("zeros", "learned"))
        check(name, self.weights)
        check(name, self.recurrent_weights, "recurrent_weights")

    @property
    def kernels(self) -> tuple[Callable[..., None], Callable[..., None], Callable[..., None]]:
        """The forward kernel, the backward one through time, and the parameter half of Φ."""
        return self.forward, self.backward, self.backward_theta

    @property
    def folded(self) -> int:
        """How many entries of c are summands of those of b."""
        return self.gates * self.units

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 2:
            name = type(self).__name__
            hint = "Flatten the axes behind the first one with Reshape"
            if len(shape) == 1:
                hint = (
                    f"put Reshape({(*shape, 1)}) before it, for {shape[0]} time steps of one number"
                )
            raise InputError(
                f"{name}: expected examples of shape (time steps, numbers), got {shape}; {hint}"
            )
        return (shape[0], self.units) if self.sequences else (self.units,)

    def parameters_at(self, shape: Shape) -> dict[str, Parameter]:
        q, h = self.gates * self.units, self.units
        found = {
            "A": Parameter((q, shape[-1]), by_columns=True, decays=True),
            "U": Parameter((q, h), by_columns=True, decays=True),
        }
        if self.bias:
            found |= {"b": Parameter((q,)), "c": Parameter((q,))}
        if self.initial == "learned":
            found["start"] = Parameter((self.states, h))
        return found

    def memory_at(self, n: int, shape: Shape) -> dict[str, tuple[int, ...]]:
        """Return the shapes of what is kept of every moment; see `kernels`."""
        T, h = shape[0], self.units
        return {
            "z": (n, T * self.gates * h),
            "before": (n, T * h),
            "inner": (n, T * self.inner * h),
            "dstate": (n, self.states * h),
        }

    def init(self, rng: np.random.Generator, theta: Mapping[str, Array]) -> None:
        """Draw A and U gate by gate; the biases and the first state are 0."""
        name, h = type(self).__name__, self.units
        for first in range(0, self.gates * h, h):
            own = slice(first, first + h)
            theta["A"][own] = draw(name, self.weights, rng, (h, theta["A"].shape[1]))
            theta["U"][own] = draw(name, self.recurrent_weights, rng, (h, h))

    def flops_at(self, shape: Shape) -> int:
        return 2 * shape[0] * self.gates * self.units * (shape[1] + self.units)

    def _plan(self, T: int, keeps: bool) -> Buffer:
        plan = np.zeros(len(Plan), np.int64)
        plan[Plan.MOMENTS], plan[Plan.BACKWARDS], plan[Plan.KEEPS] = T, self.reverse, keeps
        plan[Plan.SEQUENCES], plan[Plan.LEARNED] = self.sequences, self.initial == "learned"
        plan[Plan.INNER], plan[Plan.FOLDED] = self.inner, self.folded
        return Buffer.of("plan", plan)

    def lower(self, low: Emitter, x: Buffer) -> tuple[Buffer, Backward]:
        n, shape, h = x.shape[0], x.shape[1:], self.units
        q, keeps = self.gates * h, low.goes_back
        y = low.array("y", n, *self.output_shape(shape))
        memory = self.memory_at(n if keeps else 1, shape if keeps else (1, shape[1]))
        H = _filled(h)
        Q, vectors = self.gates * H, self.states + self.inner + self.gates + 2
        size = vectors * int(ROWS) * H + int(AT_ONCE) * Q
        forward, through_time, backward_theta = self.kernels
        names: dict[str, Any] = {
            **{"b": low.array("zeros", q), "c": low.array("zeros", q)},
            "start": low.array("zero", self.states, h),
            **low.theta(self, shape),
            **{"panels": low.array("panels", shape[1] * Q), "Up": low.array("Up", Q, H)},
            **{"Ub": low.array("Ub", H, Q if keeps else 1), "biases": low.array("biases", 2, Q)},
            **{name: low.array(name, *sizes) for name, sizes in memory.items()},
            **{"x": x.as_examples(), "y": y.as_examples(), "plan": self._plan(shape[0], keeps)},
            "work": low.array("work", low.most_threads, size),
        }
        low.emit(kernels.pack, {**names, "units": low.share(Q, 2 * int(FILLED))}, nbytes=0)
        flops = n * self.flops_at(shape)
        low.emit(forward, names, flops=flops)

        def backward(dy: Buffer, wants_dx: bool) -> Buffer | None:
            nowhere = {"db": low.array("nowhere", q), "dc": low.array("nowhere", q)}
            nowhere["dstart"] = low.array("nowhere to start", self.states, h)
            nowhere["sums"] = low.array("sums", max(shape[1], h) * q)
            names.update(nowhere, dy=dy.as_examples())
            columns = {"units": low.share(q, _GRAIN)}
            low.emit(through_time, names, flops=n * shape[0] * 2 * q * h)
            dx = None
            if wants_dx:
                dx = low.array("dx", *x.shape)
                own = {**names, "dx": dx.as_examples()}
                low.emit(self.backward_x, own, flops=n * shape[0] * 2 * q * shape[1])
            low.backward_theta(self, shape, backward_theta, {**names, **columns}, flops)
            return dx

        return y, backward


def _filled(h: int) -> int:
    """Return H, to which ``h`` units are filled up."""
    if h <= 8:
        return 4 if h <= 4 else 8
    multiple = int(FILLED) if h < _WIDE else 2 * int(FILLED)
    return -(-h // multiple) * multiple
