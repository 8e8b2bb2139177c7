"""Reshape: the numbers of an example in another shape; (n, …) -> (n, *shape).

It emits nothing: the order in memory stays, the last axis fastest, as NumPy's reshape has it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..emitter import Backward, Emitter
from ..engine.operands import Buffer
from ..errors import InputError
from ..layer import Layer
from ..onnx_form import OnnxGraph
from ..shape import Shape
from ..validate import axes_of

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


examples = (Reshape((2, 3)),)
