"""SinusoidalPositions: y_t = x_t + P_t, with sines and cosines of t; (n, T, d) -> (n, T, d).

P_{t,2i} = sin(t/base^(2i/d)) and P_{t,2i+1} = cos(t/base^(2i/d)).

Source: Vaswani et al., "Attention is all you need", NeurIPS 2017, arXiv:1706.03762, section 3.5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..emitter import Backward, Emitter
from ..engine.operands import Buffer
from ..kernels.functions import cosine, sine
from ..layer import Array, Layer
from ..onnx_form import OnnxGraph
from ..shape import Shape
from ..validate import number
from ._attention.one_step import no_way_back
from ._attention.onnx import add_positions
from ._attention.positions import lower_positions, steps_of

__all__ = ["SinusoidalPositions"]


@dataclass(frozen=True, repr=False)
class SinusoidalPositions(Layer):
    """Add sines and cosines of the position to each step of a sequence.

    Parameters
    ----------
    base : float
        The slowest waves take 2π·base steps or a little less.
    """

    base: float = 10000.0

    def __post_init__(self) -> None:
        number("SinusoidalPositions", "base", self.base, above=1)

    @property
    def most_steps(self) -> float:
        return math.inf

    def output_shape(self, shape: Shape) -> Shape:
        steps_of("SinusoidalPositions", shape)
        return shape

    def lower(self, low: Emitter, x: Buffer) -> tuple[Buffer, Backward]:
        if low.window is not None:
            y = low.array("y", *x.shape)
            turns = self._scales(x.shape[-1]) / (2 * np.pi)
            low.emit(self.add_waves, {"x": x.as_rows(), "y": y.as_rows(), "turns": turns})
            return y, no_way_back
        y, _ = lower_positions(low, x, self.waves(*x.shape[1:]))
        return y, lambda dy, wants_dx: dy if wants_dx else None

    def waves(self, steps: int, d: int) -> Array:
        """Return P (steps, d)."""
        angles = np.outer(np.arange(steps), self._scales(d))
        waves: Array = np.where(np.arange(d) % 2, np.cos(angles), np.sin(angles))
        return waves

    def _scales(self, d: int) -> Array:
        scales: Array = self.base ** -(np.arange(d) // 2 * 2 / d)
        return scales

    @staticmethod
    def add_waves(x: Array, y: Array, turns: Array, step: int, rows: range) -> None:
        """y = x + the sines and cosines of step · 2π turns"""
        real = x.dtype.type
        for i in rows:
            for j in range(x.shape[1]):
                angle = np.float64(turns[j]) * np.float64(step)
                angle -= np.float64(np.int64(angle))  # whole turns, exactly
                wave = sine(real(angle), x) if j % 2 == 0 else cosine(real(angle), x)
                y[i, j] = x[i, j] + wave

    def onnx(self, g: OnnxGraph) -> str:
        return add_positions(g, self.waves(*g.shape))


examples = (SinusoidalPositions(), SinusoidalPositions(base=50.0))
