"""Sum: y = g_1(x) + … + g_k(x)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..emitter import Backward, Emitter
from ..engine.operands import Buffer
from ..errors import InputError
from ..layer import Array, Layer
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, OnnxNode, Op, Reading
from ..shape import Shape, check_inputs
from ._combinator import Combinator, add, output_shape
from ._reading import joined
from .dense import Dense
from .identity import Identity
from .scale import Scale
from .sequential import Sequential
from .tanh import Tanh

__all__ = ["Sum"]


class Sum(Combinator):
    """Branches that all read the same input, their outputs added up.

    Φ: each branch gets dy; dx is the sum of what they make of it.

    Parameters
    ----------
    *layers : Layer
        The branches, which must all have the same number of outputs. With ``Identity()`` among two
        it is a `Residual`; with a ``Dense(q)`` instead the width may change.
    """

    def output_shape(self, shape: Shape) -> Shape:
        shapes = [output_shape(*each) for each in self.children_at(shape)]
        if len(set(shapes)) > 1:
            shown = [each[0] if len(each) == 1 else each for each in shapes]
            raise InputError(f"Sum: all branches must have the same number of outputs, got {shown}")
        return shapes[0]

    def joins(self, order: tuple[int, ...] | None) -> bool:
        return True

    def children_at(self, shape: Shape) -> list[tuple[str, Layer, Shape]]:
        return [(str(k), layer, shape) for k, layer in enumerate(self.layers)]

    def check_inputs(self, X: Array) -> None:
        for layer in self.layers:
            check_inputs(layer, X)

    def flops_at(self, shape: Shape) -> int:
        added = (len(self.layers) - 1) * math.prod(self.output_shape(shape))
        return super().flops_at(shape) + added

    def lower(self, low: Emitter, x: Buffer) -> tuple[Buffer, Backward]:
        children = self.children_at(x.shape[1:])
        parts = [low.child(name, layer, x) for name, layer, _ in children]
        y = _add_up(low, "y", [out for out, _ in parts])

        def backward(dy: Buffer, wants_dx: bool) -> Buffer | None:
            shares = [back(dy, wants_dx) for _, back in parts]
            known = [share for share in shares if share is not None]
            return _add_up(low, "dx", known) if wants_dx else None

        return y, backward

    def onnx(self, g: OnnxGraph) -> str:
        children = self.children_at(g.shape)
        return g.op("Sum", *(g.child(name, layer, g.x, at) for name, layer, at in children))

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return (
            Form(Op("Add"), _read_two),
            Form(Op("Sub"), _read_difference),
            Form(Op("Sum"), _read_all),
        )


def _add_up(low: Emitter, name: str, parts: list[Buffer]) -> Buffer:
    """Emit the sum of arrays; return it."""
    total = parts[0]
    for k, part in enumerate(parts[1:]):
        first, total = total, low.array(f"{name}{k}_", *part.shape)
        add(low, first, part, total)
    return total


def _read_two(kind: Any, node: OnnxNode) -> Reading | None:
    """Of two branches; one that is the origin itself makes a `Residual`."""
    node.given(2)
    if any(map(node.is_constant, (0, 1))):
        return None
    _, branches = node.branches(*node.inputs)
    return _read_all(kind, node) if all(branches) or not any(branches) else None


def _read_all(kind: Any, node: OnnxNode) -> Reading:
    node.given(len(node.inputs))
    origin, branches = node.branches(*node.inputs)
    parts = [joined(branch) for branch in branches]
    return Reading(kind(*(part.layer for part in parts)), origin, {}, parts)


def _read_difference(kind: Any, node: OnnxNode) -> Reading | None:
    """f(x) − g(x) as the sum of f(x) and −1 ⊙ g(x)."""
    node.given(2)
    if any(map(node.is_constant, (0, 1))):
        return None
    origin, (first, second) = node.branches(*node.inputs)
    minus = Reading(Scale(), "", {"s": -np.ones(1, np.float32)})
    parts = [joined(first), joined([*second, minus])]
    return Reading(kind(*(part.layer for part in parts)), origin, {}, parts)


examples = (
    Sum(Dense(5), Sequential(Dense(4), Tanh(), Dense(5)), Sequential(Identity(), Dense(5))),
    Sum(Identity(), Identity()),
)
