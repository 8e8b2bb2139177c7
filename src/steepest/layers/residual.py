"""Residual: y = x + g(x)."""

from __future__ import annotations

from typing import Any, ClassVar

from ..emitter import Backward, Emitter
from ..engine.operands import Buffer
from ..errors import InputError
from ..layer import Array, Layer
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, OnnxNode, Op, Reading
from ..shape import Shape, check_inputs
from ._combinator import Combinator, add
from .dense import Dense
from .sequential import Sequential
from .tanh import Tanh

__all__ = ["Residual"]


class Residual(Combinator):
    """Layers with a connection past them: y = x + g(x), g = g_h ∘ … ∘ g_1.

    Φ: dx = dy + (what g's own Φ makes of dy). He et al. 2016, arXiv:1603.05027, eq. 1.

    Parameters
    ----------
    *layers : Layer
        g_1, …, g_h; together they must keep the width.
    """

    in_a_row: ClassVar[bool] = True

    def output_shape(self, shape: Shape) -> Shape:
        found = Sequential(*self.layers).output_shape(shape)
        if found != shape:
            same_axes = len(shape) == len(found) == 1
            told = f"{shape[0]} inputs into {found[0]}" if same_axes else f"{shape} into {found}"
            end = f"Dense({shape[0]})" if len(shape) == 1 else f"Reshape({shape})"
            raise InputError(
                f"Residual: the layers inside must keep the {'width' if same_axes else 'shape'}, "
                f"but turn {told} outputs; end them with {end}"
            )
        return shape

    def joins(self, order: tuple[int, ...] | None) -> bool:
        return True

    def children_at(self, shape: Shape) -> list[tuple[str, Layer, Shape]]:
        return Sequential(*self.layers).children_at(shape)

    def check_inputs(self, X: Array) -> None:
        check_inputs(self.layers[0], X)

    def lower(self, low: Emitter, x: Buffer) -> tuple[Buffer, Backward]:
        g, back = Sequential(*self.layers).lower(low, x)
        y = low.array("y", *x.shape)
        add(low, x, g, y)

        def backward(dy: Buffer, wants_dx: bool) -> Buffer | None:
            dg = back(dy, wants_dx)
            if not wants_dx:
                return None
            assert dg is not None
            dx = low.array("dx", *x.shape)
            add(low, dy, dg, dx)
            return dx

        return y, backward

    def onnx(self, g: OnnxGraph) -> str:
        return g.op("Add", g.x, Sequential(*self.layers).onnx(g))

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return (Form(Op("Add"), _read),)


def _read(kind: Any, node: OnnxNode) -> Reading | None:
    """Of x + g(x), in either order."""
    node.given(2)
    if any(map(node.is_constant, (0, 1))):
        return None
    origin, branches = node.branches(*node.inputs)
    pieces = [piece for branch in branches for piece in branch]
    if not pieces or all(branches):
        return None
    return Reading(kind(*(piece.layer for piece in pieces)), origin, {}, pieces)


examples = (Residual(Dense(17), Tanh(), Dense(5)),)
