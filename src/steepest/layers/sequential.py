"""Sequential: f = f_h ∘ … ∘ f_1."""

from __future__ import annotations

from typing import ClassVar

from ..emitter import Backward, Emitter
from ..engine.operands import Buffer
from ..layer import Array, Layer
from ..onnx_form import OnnxGraph
from ..shape import Shape, check_inputs
from ._combinator import Combinator, chain, onnx_chain, output_shape
from .dense import Dense
from .dropout import Dropout
from .tanh import Tanh

__all__ = ["Sequential"]


class Sequential(Combinator):
    """Layers one after the other.

    Φ: ∇_{y_h}ℓ goes through the Φ of f_h, then of f_{h−1}, and so on down to f_1.

    Parameters
    ----------
    *layers : Layer
        f_1, …, f_h; at least one. May be nested.
    """

    takes_sparse = True
    in_a_row: ClassVar[bool] = True

    def output_shape(self, shape: Shape) -> Shape:
        for k, layer in enumerate(self.layers):
            shape = output_shape(str(k), layer, shape)
        return shape

    def children_at(self, shape: Shape) -> list[tuple[str, Layer, Shape]]:
        found = []
        for k, layer in enumerate(self.layers):
            found.append((str(k), layer, shape))
            shape = output_shape(str(k), layer, shape)
        return found

    def check_inputs(self, X: Array) -> None:
        check_inputs(self.layers[0], X)

    def lower(self, low: Emitter, x: Buffer) -> tuple[Buffer, Backward]:
        children = self.children_at(x.shape[1:])
        return chain(low, x, children if low.watched else exchanged(children))

    def onnx(self, g: OnnxGraph) -> str:
        return onnx_chain(g, self.children_at(g.shape))


def exchanged(children: list[tuple[str, Layer, Shape]]) -> list[tuple[str, Layer, Shape]]:
    """Return the layers with those that take the largest of some x before those that clip.

    max(clipped x) is the clipped max(x), bit by bit, and so is Φ, which is 0 where all x are
    clipped. Fewer numbers are left to clip: after ReLU and MaxPool(2) a quarter.
    """
    found: list[tuple[str, Layer, Shape]] = []
    for child in children:
        place = len(found)
        while child[1].takes_largest and place and found[place - 1][1].clips:
            place -= 1
        found.insert(place, child)
    return found


examples = (Sequential(Dense(17), Tanh(), Dropout(0.3), Dense(4)),)
