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
from ..validate import positive_count
from ._combinator import Combinator
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

    def outputs(self, p: int) -> int:
        if sum(self.widths) != p:
            raise InputError(
                f"Parallel: the branches take {' + '.join(map(str, self.widths))} = "
                f"{sum(self.widths)} columns, but the input has {p}"
            )
        return sum(layer.outputs(width) for _, layer, width in self.children(p))

    def children(self, p: int) -> list[tuple[str, Layer, int]]:
        pairs = zip(self.layers, self.widths, strict=True)
        return [(str(k), layer, width) for k, (layer, width) in enumerate(pairs)]

    def check_inputs(self, X: Array) -> None:
        start = 0
        for layer, width in zip(self.layers, self.widths, strict=True):
            layer.check_inputs(X[:, start : start + width])
            start += width

    def lower(self, low: Emitter, x: Buffer) -> tuple[Buffer, Backward]:
        n, p = x.shape
        y = low.array("y", n, self.outputs(p))
        branches = []
        start = begin = 0
        for name, layer, width in self.children(p):
            part = low.array(f"x{name}_", n, width)
            move = {"source": x, "start": start, "target": part, "begin": 0, "width": width}
            low.emit(copy_columns, move)
            out, back = low.child(name, layer, part)
            q = out.shape[1]
            move = {"source": out, "start": 0, "target": y, "begin": begin, "width": q}
            low.emit(copy_columns, move)
            branches.append((name, back, start, width, begin, q))
            start, begin = start + width, begin + q

        def backward(dy: Buffer, wants_dx: bool) -> Buffer | None:
            dx = low.array("dx", n, p) if wants_dx else None
            for name, back, start, width, begin, q in branches:
                part = low.array(f"dy{name}_", n, q)
                move = {"source": dy, "start": begin, "target": part, "begin": 0, "width": q}
                low.emit(copy_columns, move)
                share = back(part, wants_dx)
                if dx is not None:
                    assert share is not None
                    whole = {"target": dx, "begin": start, "width": width}
                    low.emit(copy_columns, {"source": share, "start": 0, **whole})
            return dx

        return y, backward

    def onnx(self, g: OnnxGraph) -> str:
        parts, start = [], 0
        for name, layer, width in self.children(g.p):
            bounds = [g.constant([k], np.int64) for k in (start, start + width, 1)]
            parts.append(g.child(name, layer, g.op("Slice", g.x, *bounds), width))
            start += width
        return g.op("Concat", *parts, axis=1)


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
