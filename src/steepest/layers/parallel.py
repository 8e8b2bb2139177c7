"""Parallel: y = [g_1(x_1), …, g_k(x_k)], every branch on its own columns of x."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..emitter import Backward, Emitter
from ..engine.operands import Buffer
from ..errors import InputError
from ..kernels.moves import copy_columns
from ..layer import Array, Layer
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, OnnxNode, Op, Reading
from ..printing import shown
from ..shape import Shape, check_inputs
from ..validate import positive_count
from ._combinator import Combinator, move, output_shape, same_rows
from ._reading import joined
from .concat import Concat
from .dense import Dense
from .embedding import Embedding
from .identity import Identity
from .layer_norm import LayerNorm
from .residual import Residual
from .sequential import Sequential
from .tanh import Tanh

__all__ = ["Parallel"]

_MOST_COLUMNS = 1 << 30


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
                raise InputError(f"Parallel: expected pairs (columns, layer), got {shown(branch)}")
            positive_count("Parallel", "columns of a branch", branch[0])
        self.widths = tuple(int(width) for width, _ in branches)
        super().__init__(*(layer for _, layer in branches))

    def of(self, layers: Sequence[Layer]) -> Parallel:
        """Return the same of other layers, for as many columns each."""
        return Parallel(*zip(self.widths, layers, strict=True))

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
        shapes = [output_shape(*each) for each in self.children_at(shape)]
        return (*same_rows("Parallel", shapes), sum(each[-1] for each in shapes))

    def children_at(self, shape: Shape) -> list[tuple[str, Layer, Shape]]:
        pairs = zip(self.layers, self.widths, strict=True)
        return [(str(k), layer, (*shape[:-1], width)) for k, (layer, width) in enumerate(pairs)]

    def check_inputs(self, X: Array) -> None:
        start = 0
        for layer, width in zip(self.layers, self.widths, strict=True):
            check_inputs(layer, X[..., start : start + width])
            start += width

    def init_from_data(
        self, rng: np.random.Generator, x: Array, arrays: Mapping[str, Array]
    ) -> None:
        """Have each branch do it with its columns."""
        start = 0
        for k, (layer, width) in enumerate(zip(self.layers, self.widths, strict=True)):
            if layer.init_from_data is not None:
                own = f"{k}."
                inner = {n.removeprefix(own): a for n, a in arrays.items() if n.startswith(own)}
                layer.init_from_data(rng, x[..., start : start + width], inner)
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

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return (
            Form(Op("Concat"), _read),
            Form(Op("Slice"), _read_columns),
        )


def _read(kind: Any, node: OnnxNode) -> Reading:
    """Of branches that read all columns of the same value among them, from left to right."""
    origin, branches = node.branches(*node.inputs, columns=True)
    end, parts, pairs, axes = 0, [], [], set()
    for first, *rest in (branch or [Reading(None, origin)] for branch in branches):
        if first.columns is None or first.columns[0] != end:
            raise node.error("does not join all columns, each once, from left to right")
        axes.add(first.axis)
        part = joined(rest)
        stop = first.columns[1]
        if stop > _MOST_COLUMNS:  # up to the last one, however many there are
            stop = end + (part.takes or 0)
        if stop == end:
            raise node.error("joins branches of which one does not say how many columns it reads")
        width, end = stop - end, stop
        parts.append(part)
        pairs.append((width, part.layer))
    axis, rank = node.given(len(node.inputs), axis=0)["axis"], node.rank(0)
    if len(axes) > 1 or (rank is not None and axes != {axis - rank - 1 if axis > 0 else axis}):
        raise node.error("joins columns along another axis than they were taken along")
    return Reading(kind(*pairs), origin, {}, parts, takes=end, axis=axis)


def _read_columns(kind: Any, node: OnnxNode) -> Reading:
    node.given(5)
    start, stop, axis = (node.whole(k) for k in (1, 2, 3))
    if node.has(4) and node.whole(4) != [1]:
        raise node.error("leaves columns out between others")
    if (
        len(axis) != 1
        or axis[0] == 0
        or len(start) != 1
        or len(stop) != 1
        or not 0 <= start[0] < stop[0]
    ):
        raise node.error("takes something else than columns from one up to another")
    return Reading(None, node.value(0), columns=(start[0], stop[0]), axis=axis[0])


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
