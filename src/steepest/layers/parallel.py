"""Parallel: y = [g_1(x_1), …, g_k(x_k)], every branch on its own columns of x."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..emitter import Backward, Emitter
from ..engine.operands import Buffer
from ..errors import InputError
from ..kernels.moves import copy_columns
from ..layer import Array, Layer
from ..onnx_form import OnnxGraph
from ..shape import Shape, check_inputs
from ..validate import positive_count
from ._combinator import Combinator, move, same_rows
from .concat import Concat
from .dense import Dense
from .embedding import Embedding
from .identity import Identity
from .layer_norm import LayerNorm
from .residual import Residual
from .sequential import Sequential
from .tanh import Tanh

__all__ = ["Parallel"]


class Parallel(Combinator):
    """Branches that split the columns of the input among them, their outputs side by side.

    Φ: each branch gets its own columns of dy, and its dx are its own columns of dx.

    Parameters
    ----------
    *branches : tuple of (int, Layer)
        How many columns, and the layer for them, from left to right. Together they must take all
        columns of the input: ``Parallel((3, Identity()), (1, Embedding(12, 4)))`` takes four.
    """

    def __init__(self, *branches: tuple[int, Layer]) -> None:
        for branch in branches:
            if not (isinstance(branch, Sequence) and len(branch) == 2):
                raise InputError(f"Parallel: expected pairs (columns, layer), got {branch!r}")
            positive_count("Parallel", "columns of a branch", branch[0])
        self.widths = tuple(int(width) for width, _ in branches)
        super().__init__(*(layer for _, layer in branches))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Parallel) and (self.widths, self.layers) == (
            other.widths,
            other.layers,
        )

    def __hash__(self) -> int:
        return hash((self.widths, self.layers))

    def __repr__(self) -> str:
        pairs = zip(self.widths, self.layers, strict=True)
        return f"Parallel({', '.join(f'({width}, {layer!r})' for width, layer in pairs)})"

    def output_shape(self, shape: Shape) -> Shape:
        if sum(self.widths) != shape[-1]:
            raise InputError(
                f"Parallel: the branches take {' + '.join(map(str, self.widths))} = "
                f"{sum(self.widths)} columns, but the input has {shape[-1]}"
            )
        shapes = [layer.output_shape(inner) for _, layer, inner in self.children_at(shape)]
        return (*same_rows("Parallel", shapes), sum(each[-1] for each in shapes))

    def children_at(self, shape: Shape) -> list[tuple[str, Layer, Shape]]:
        pairs = zip(self.layers, self.widths, strict=True)
        return [(str(k), layer, (*shape[:-1], width)) for k, (layer, width) in enumerate(pairs)]

    def check_inputs(self, X: Array) -> None:
        start = 0
        for layer, width in zip(self.layers, self.widths, strict=True):
            check_inputs(layer, X[..., start : start + width])
            start += width

    def lower(self, low: Emitter, x: Buffer) -> tuple[Buffer, Backward]:
        n, *shape = x.shape
        y = low.array("y", n, *self.output_shape(tuple(shape)))
        branches = []
        start = begin = 0
        for name, layer, inner in self.children_at(tuple(shape)):
            part = low.array(f"x{name}_", n, *inner)
            move(low, copy_columns, (x, start), (part, 0), inner[-1])
            out, back = low.child(name, layer, part)
            q = out.shape[-1]
            move(low, copy_columns, (out, 0), (y, begin), q)
            branches.append((name, back, start, inner[-1], begin, out.shape))
            start, begin = start + inner[-1], begin + q

        def backward(dy: Buffer, wants_dx: bool) -> Buffer | None:
            dx = low.array("dx", *x.shape) if wants_dx else None
            for name, back, start, width, begin, out in branches:
                part = low.array(f"dy{name}_", *out)
                move(low, copy_columns, (dy, begin), (part, 0), out[-1])
                share = back(part, wants_dx)
                if dx is not None:
                    assert share is not None
                    move(low, copy_columns, (share, 0), (dx, start), width)
            return dx

        return y, backward

    def onnx(self, g: OnnxGraph) -> str:
        parts, start = [], 0
        for name, layer, shape in self.children_at(g.shape):
            ends = start, start + shape[-1], len(shape)
            bounds = [g.constant([k], np.int64) for k in ends]
            parts.append(g.child(name, layer, g.op("Slice", g.x, *bounds), shape))
            start += shape[-1]
        return g.op("Concat", *parts, axis=len(g.shape))


examples = (
    Parallel((3, Identity()), (2, Embedding(5, 3))),
    Sequential(  # combinators inside one another
        Dense(8),
        Residual(
            Concat(Residual(Dense(8), Tanh()), Identity()),
            LayerNorm(),
            Dense(8),
        ),
        Parallel((3, Dense(4)), (5, Sequential(Identity(), Dense(17)))),
    ),
)
