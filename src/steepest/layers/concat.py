"""Concat: y = [g_1(x), …, g_k(x)], every branch on the same input."""

from __future__ import annotations

from typing import Any

from ..emitter import Backward, Emitter
from ..engine.operands import Buffer
from ..kernels.moves import add_columns, copy_columns
from ..layer import Array, Layer
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, OnnxNode, Op, Reading
from ..shape import Shape, check_inputs
from ._combinator import Combinator, move, output_shape, same_rows
from ._reading import joined
from .dense import Dense
from .identity import Identity
from .sequential import Sequential
from .silu import SiLU

__all__ = ["Concat"]


class Concat(Combinator):
    """Branches on the same input, their outputs side by side.

    Φ: each branch gets its own columns of dy; dx is the sum of what they make of them.

    Parameters
    ----------
    *layers : Layer
        The branches. ``Identity()`` passes the input on beside the others.
    """

    takes_sparse = True

    def output_shape(self, shape: Shape) -> Shape:
        shapes = [output_shape(*each) for each in self.children_at(shape)]
        return (*same_rows("Concat", shapes), sum(each[-1] for each in shapes))

    def joins(self, order: tuple[int, ...] | None) -> bool:
        return order is None or order[-1] == len(order)

    def children_at(self, shape: Shape) -> list[tuple[str, Layer, Shape]]:
        return [(str(k), layer, shape) for k, layer in enumerate(self.layers)]

    def check_inputs(self, X: Array) -> None:
        for layer in self.layers:
            check_inputs(layer, X)

    def lower(self, low: Emitter, x: Buffer) -> tuple[Buffer, Backward]:
        n, *shape = x.shape
        y = low.array("y", n, *self.output_shape(tuple(shape)))
        branches = []
        start = 0
        for name, layer, _ in self.children_at(tuple(shape)):
            out, back = low.child(name, layer, x)
            move(low, copy_columns, (out, 0), (y, start), out.shape[-1])
            branches.append((name, back, start, out.shape))
            start += out.shape[-1]

        def backward(dy: Buffer, wants_dx: bool) -> Buffer | None:
            dx = low.array("dx", *x.shape) if wants_dx else None
            for k, (name, back, start, out) in enumerate(branches):
                part = low.array(f"dy{name}_", *out)
                move(low, copy_columns, (dy, start), (part, 0), out[-1])
                share = back(part, wants_dx)
                if dx is not None:
                    assert share is not None
                    move(low, add_columns if k else copy_columns, (share, 0), (dx, 0), shape[-1])
            return dx

        return y, backward

    def onnx(self, g: OnnxGraph) -> str:
        children = self.children_at(g.shape)
        parts = [g.child(name, layer, g.x, shape) for name, layer, shape in children]
        return g.op("Concat", *parts, axis=len(self.output_shape(g.shape)))

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return (Form(Op("Concat"), _read),)


def _read(kind: Any, node: OnnxNode) -> Reading | None:
    """Of branches that read all columns of the same value."""
    axis = node.given(len(node.inputs), axis=0)["axis"]
    if not axis:
        raise node.error("does not run over the columns")
    origin, branches = node.branches(*node.inputs, columns=True)
    if any(branch and branch[0].columns for branch in branches):
        return None
    parts = [joined(branch) for branch in branches]
    return Reading(kind(*(part.layer for part in parts)), origin, {}, parts, axis=axis)


examples = (Concat(Identity(), Dense(4), Sequential(Dense(18), SiLU())),)
