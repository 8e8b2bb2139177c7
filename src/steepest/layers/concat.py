"""Concat: y = [g_1(x), …, g_k(x)], every branch on the same input."""

from __future__ import annotations

from ..emitter import Backward, Emitter
from ..engine.operands import Buffer
from ..kernels.moves import add_columns, copy_columns
from ..layer import Array, Layer
from ..onnx_form import OnnxGraph
from ._combinator import Combinator
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

    def outputs(self, p: int) -> int:
        return sum(layer.outputs(p) for layer in self.layers)

    def children(self, p: int) -> list[tuple[str, Layer, int]]:
        return [(str(k), layer, p) for k, layer in enumerate(self.layers)]

    def check_inputs(self, X: Array) -> None:
        for layer in self.layers:
            layer.check_inputs(X)

    def lower(self, low: Emitter, x: Buffer) -> tuple[Buffer, Backward]:
        n, p = x.shape
        y = low.array("y", n, self.outputs(p))
        branches = []
        start = 0
        for name, layer, _ in self.children(p):
            out, back = low.child(name, layer, x)
            width = out.shape[1]
            move = {"source": out, "start": 0, "target": y, "begin": start, "width": width}
            low.emit(copy_columns, move)
            branches.append((name, back, start, width))
            start += width

        def backward(dy: Buffer, wants_dx: bool) -> Buffer | None:
            dx = low.array("dx", n, p) if wants_dx else None
            for k, (name, back, start, width) in enumerate(branches):
                part = low.array(f"dy{name}_", n, width)
                move = {"source": dy, "start": start, "target": part, "begin": 0, "width": width}
                low.emit(copy_columns, move)
                share = back(part, wants_dx)
                if dx is not None:
                    assert share is not None
                    move = {"source": share, "start": 0, "target": dx, "begin": 0, "width": p}
                    low.emit(add_columns if k else copy_columns, move)
            return dx

        return y, backward

    def onnx(self, g: OnnxGraph) -> str:
        parts = [g.child(name, layer, g.x, p) for name, layer, p in self.children(g.p)]
        return g.op("Concat", *parts, axis=1)


examples = (Concat(Identity(), Dense(4), Sequential(Dense(18), SiLU())),)
