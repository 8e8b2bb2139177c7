"""Flatten: the numbers of an example in one row; (n, …) -> (n, p), p the product of the axes.

It emits nothing: memory holds them in this order, the last axis fastest, as NumPy's reshape does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..emitter import Backward, Emitter
from ..engine.operands import Buffer
from ..layer import Layer
from ..onnx_form import OnnxGraph
from ..shape import Shape

__all__ = ["Flatten"]


@dataclass(frozen=True, repr=False)
class Flatten(Layer):
    """Make one axis of all axes of an example, so that what follows sees the example as a whole."""

    def output_shape(self, shape: Shape) -> Shape:
        return (math.prod(shape),)

    def flops_at(self, shape: Shape) -> int:
        """Return 0."""
        return 0

    def lower(self, low: Emitter, x: Buffer) -> tuple[Buffer, Backward]:
        """Emit nothing; return x and dy in the other shape."""
        return x.as_examples(), lambda dy, wants_dx: dy.reshaped(*x.shape) if wants_dx else None

    def onnx(self, g: OnnxGraph) -> str:
        return g.op("Reshape", g.x, g.constant([-1, math.prod(g.shape)], np.int64))


examples = (Flatten(),)
