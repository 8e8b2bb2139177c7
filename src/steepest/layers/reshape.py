"""Reshape: the numbers of an example in another shape; (n, …) -> (n, *shape).

It emits nothing: the order in memory stays, the last axis fastest, as NumPy's reshape has it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..emitter import Backward, Emitter
from ..engine.operands import Buffer
from ..errors import InputError
from ..layer import Layer
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, OnnxNode, Op, Reading
from ..shape import Shape
from ..validate import axes_of
from .flatten import Flatten
from .identity import Identity

__all__ = ["Reshape"]


@dataclass(frozen=True, repr=False)
class Reshape(Layer):
    """Give an example another shape of as many numbers.

    Parameters
    ----------
    shape : tuple of int
        Of one example, without the axis of the examples.
    """

    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", axes_of("Reshape", "shape", self.shape))

    def output_shape(self, shape: Shape) -> Shape:
        held, wanted = math.prod(shape), math.prod(self.shape)
        if held != wanted:
            raise InputError(
                f"Reshape: {self.shape} holds {wanted} numbers, but the input is of shape {shape}, "
                f"which holds {held}"
            )
        return self.shape

    def flops_at(self, shape: Shape) -> int:
        """Return 0."""
        return 0

    def lower(self, low: Emitter, x: Buffer) -> tuple[Buffer, Backward]:
        """Emit nothing; return x and dy in the other shape."""
        y = x.reshaped(x.shape[0], *self.shape)
        return y, lambda dy, wants_dx: dy.reshaped(*x.shape) if wants_dx else None

    def onnx(self, g: OnnxGraph) -> str:
        return g.op("Reshape", g.x, g.constant([-1, *self.shape], np.int64))

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return tuple(
            Form(Op(kind), _read) for kind in ("Reshape", "Flatten", "Squeeze", "Unsqueeze")
        )


def _read(kind: Any, node: OnnxNode) -> Reading:
    """Of what keeps the order in memory, by the shapes before and after it."""
    node.given(2, allowzero=0, axis=1, axes=[])
    x, before, after = node.value(0), node.examples(0), node.makes()
    if before is None or after is None:
        return _read_flat(node)
    (rows, shape), (rows_after, found) = before, after
    if rows == rows_after and shape == found:
        return Reading(Identity(), x)
    if rows == rows_after == 1 and math.prod(shape) == math.prod(found):
        return Reading(Flatten() if len(found) == 1 else kind(found), x, shape=found)
    if rows == 1 and found == shape[-1:] and rows_after == math.prod(shape[:-1]):
        return Reading(Identity(), x, rows=True)
    if rows_after == 1 and shape == found[-1:] and rows == math.prod(found[:-1]):
        return Reading(Identity(), x, rows=True, shape=found)
    made, of = _shown(*after), _shown(*before)
    raise node.error(f"makes {made} of {of}; expected as many examples, of as many numbers")


def _read_flat(node: OnnxNode) -> Reading:
    """Of (n, q) to (n, q), where shapes are not known."""
    if node.kind == "Flatten" and node.given(axis=1)["axis"] in (1, -1):
        return Reading(Identity(), node.value(0), rank=1)
    shape = node.whole(1) if node.kind == "Reshape" else []
    if len(shape) != 2 or shape[0] not in (-1, 0) or shape[1] < 1:
        raise node.error(f"makes the shape {shape or 'of no known sizes'}; expected (-1, columns)")
    return Reading(Identity(), node.value(0), takes=shape[1], rank=1)


def _shown(rows: int, shape: tuple[int, ...]) -> str:
    many = "n" if rows == 1 else f"{rows} n"
    return f"({', '.join([many, *map(str, shape)])})"


examples = (Reshape((2, 3)),)
