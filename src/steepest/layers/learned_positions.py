"""LearnedPositions: y_t = x_t + P_t; (n, T, d) -> (n, T, d), P (length, d).

Source: Gehring et al., "Convolutional sequence to sequence learning", ICML 2017, arXiv:1705.03122,
section 3.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..emitter import Backward, Emitter
from ..engine.operands import Buffer
from ..layer import Array, Layer, Parameter
from ..onnx_form import OnnxGraph
from ..shape import Shape
from ..validate import number, positive_count
from ._attention.onnx import add_positions
from ._attention.onnx_reading import position_forms
from ._attention.positions import lower_positions, steps_of

__all__ = ["LearnedPositions"]


@dataclass(frozen=True, repr=False)
class LearnedPositions(Layer):
    """Add a learnable row to each step of a sequence, the same in every example.

    Φ: dP_t = Σ dy_t over the examples; dx = dy.

    Parameters
    ----------
    length : int
        How many positions there are: the most steps that a sequence may have.
    std : float
        P begins with normal numbers of this standard deviation.
    """

    torch_names: ClassVar[Mapping[str, str]] = {"P": "weight"}

    onnx_import = staticmethod(position_forms)

    length: int
    std: float = 0.02

    def __post_init__(self) -> None:
        positive_count("LearnedPositions", "length", self.length)
        number("LearnedPositions", "std", self.std, least=0)

    @property
    def most_steps(self) -> float:
        return self.length

    def output_shape(self, shape: Shape) -> Shape:
        steps_of("LearnedPositions", shape, self.length)
        return shape

    def parameters_at(self, shape: Shape) -> dict[str, Parameter]:
        """Return P (length, d)."""
        return {"P": Parameter((self.length, shape[-1]))}

    def memory_at(self, n: int, shape: Shape) -> dict[str, tuple[int, ...]]:
        """Return the shape of the positions of all steps."""
        return {"places": (n * shape[0],)}

    def init(self, rng: np.random.Generator, theta: Mapping[str, Array]) -> None:
        """P is normal with mean 0 and standard deviation ``std``."""
        theta["P"][...] = rng.normal(0, self.std, theta["P"].shape)

    def lower(self, low: Emitter, x: Buffer) -> tuple[Buffer, Backward]:
        shape = x.shape[1:]
        y, names = lower_positions(low, x, low.theta(self, shape)["P"])

        def backward(dy: Buffer, wants_dx: bool) -> Buffer | None:
            names["dy"] = dy.as_rows()
            kernel = self.backward_theta
            low.backward_theta(self, shape, kernel, names, dy.size, waits=True)
            return dy if wants_dx else None

        return y, backward

    def onnx(self, g: OnnxGraph) -> str:
        return add_positions(g, g.theta["P"])

    @staticmethod
    def backward_theta(dy: Array, places: Array, dP: Array, alpha: float, units: range) -> None:
        """dP[places] += alpha Σ_n dy"""
        for i in range(dy.shape[0]):
            step = np.int64(places[i])
            for j in units:
                dP[step, j] += alpha * dy[i, j]


examples = (LearnedPositions(3), LearnedPositions(5, std=0.5))
