"""What the layers made of layers share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..emitter import Backward, Emitter
from ..engine.operands import Buffer
from ..errors import InputError, LayerInputError
from ..kernels.moves import sum_of
from ..layer import Layer
from ..onnx_form import OnnxGraph
from ..printing import shown
from ..shape import Shape, shape_behind

__all__ = [
    "Children",
    "Combinator",
    "add",
    "chain",
    "has_parameters",
    "move",
    "onnx_chain",
    "output_shape",
    "same_rows",
]

Children = Sequence[tuple[str, Layer, Shape]]
"""Layers of a layer: name, layer, and the shape of its input."""


class Combinator(Layer):
    """A layer made of layers, which hands them x as it is. It has no parameters of its own.

    A subclass says ``output_shape`` and ``children_at``; what goes by widths follows from them.
    """

    def __init__(self, *layers: Layer) -> None:
        name = type(self).__name__
        if not layers:
            raise InputError(f"{name}: give at least one layer")
        for layer in layers:
            if not isinstance(layer, Layer):
                raise InputError(f"{name}: expected layers such as Dense(8), got {shown(layer)}")
        self.layers = layers

    def of(self, layers: Sequence[Layer]) -> Combinator:
        """Return the same of other layers."""
        return type(self)(*layers)

    def __eq__(self, other: Any) -> bool:
        return type(self) is type(other) and self.layers == other.layers

    def __hash__(self) -> int:
        return hash((type(self), self.layers))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.layers))})"

    @property
    def most_steps(self) -> float:
        """As many as its layers can."""
        return math.inf

    def outputs(self, p: int) -> int:
        return self.output_shape((p,))[-1]

    def children(self, p: int) -> list[tuple[str, Layer, int]]:
        return [(name, layer, shape[-1]) for name, layer, shape in self.children_at((p,))]

    def flops(self, p: int) -> int:
        return self.flops_at((p,))

    def flops_at(self, shape: Shape) -> int:
        return sum(layer.flops_at(inner) for _, layer, inner in self.children_at(shape))


def chain(low: Emitter, x: Buffer, layers: Children) -> tuple[Buffer, Backward]:
    """Lower layers one after the other; return y, and what emits their Φ, the last one's first."""
    steps: list[tuple[Backward, bool]] = []
    learned = False  # whether an earlier layer has parameters, and so needs dx
    for name, layer, shape in layers:
        x, back = low.child(name, layer, x)
        steps.append((back, learned))
        learned = learned or has_parameters(layer, shape)

    def backward(dy: Buffer, wants_dx: bool) -> Buffer | None:
        dx: Buffer | None = dy
        for back, needed in reversed(steps):
            if dx is None:
                break
            dx = back(dx, wants_dx or needed)
        return dx

    return x, backward


def has_parameters(layer: Layer, shape: Shape) -> bool:
    """Whether ``layer``, or any layer in it, has parameters."""
    inside = any(has_parameters(child, inner) for _, child, inner in layer.children_at(shape))
    return bool(layer.parameters_at(shape)) or inside


def onnx_chain(g: OnnxGraph, layers: Children) -> str:
    """Add layers one after the other to a graph; return what comes out."""
    x = g.x
    for name, layer, shape in layers:
        x = g.child(name, layer, x, shape)
    return x


def add(low: Emitter, first: Buffer, second: Buffer, total: Buffer) -> None:
    """Emit total = first + second, of one shape."""
    names = {"first": first.as_rows(), "second": second.as_rows(), "total": total.as_rows()}
    rows = low.row_share(names["total"].shape[0])
    low.emit(sum_of, {**names, "rows": rows}, flops=total.size)


def move(
    low: Emitter,
    kernel: Callable[..., None],
    source: tuple[Buffer, int],
    target: tuple[Buffer, int],
    width: int,
) -> None:
    """Emit what moves ``width`` columns of all rows: from an array and its column, to others."""
    start, begin = source[0].as_rows(), target[0].as_rows()
    names = {"source": start, "start": source[1], "target": begin, "begin": target[1]}
    low.emit(kernel, {**names, "width": width, "rows": low.row_share(begin.shape[0])})


def output_shape(name: str, layer: Layer, shape: Shape) -> Shape:
    """Return the shape of what a layer inside makes of an input of ``shape``.

    Raises
    ------
    LayerInputError
        If it can't take that. It names the layer by its path, from the outermost one on.
    """
    try:
        return shape_behind(layer, shape)
    except LayerInputError as error:
        raise LayerInputError(f"{name}.{error.layer}", error.reason) from error
    except InputError as error:
        raise LayerInputError(name, str(error)) from error


def same_rows(name: str, shapes: Iterable[Shape]) -> Shape:
    """Return the axes before the last one, which the outputs of all branches must have."""
    found = list(dict.fromkeys(shape[:-1] for shape in shapes))
    if len(found) > 1:
        raise InputError(
            f"{name}: the outputs of its branches must differ in their last axis alone, but the "
            f"axes before it are {' and '.join(map(str, found))}; put Reshape(…) into a branch"
        )
    return found[0]
