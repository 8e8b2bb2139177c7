"""Standardise: y = (x − mean) ⊙ scale, which no training changes; (n, p) -> (n, p).

In front of a network it takes inputs as they come, such as the pixels of images, channel by
channel. mean (p,) and scale (p,), first 0 and 1, are state (`steepest.state`): they are set once,
from the training data, saved with the network and exported, and no gradient is taken of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..layer import Array, Layer, State
from ..onnx_form import OnnxGraph

__all__ = ["Standardise"]


@dataclass(frozen=True, repr=False)
class Standardise(Layer):
    """y = (x − mean) ⊙ scale, with a fixed mean and scale for each input.

    Examples
    --------
    >>> import numpy as np
    >>> from steepest import Network, Standardise
    >>> X = np.array([[0.0, 10.0], [2.0, 30.0]])
    >>> network = Network(Standardise(), inputs=2)
    >>> network.state["0.mean"][:] = X.mean(axis=0)
    >>> network.state["0.scale"][:] = 1 / X.std(axis=0)
    >>> network.predict(X).tolist()
    [[-1.0, -1.0], [1.0, 1.0]]
    """

    def state(self, p: int) -> dict[str, State]:
        """Return mean (p,) and scale (p,)."""
        return {"mean": State((p,)), "scale": State((p,), start=1.0)}

    def flops(self, p: int) -> int:
        """Return the operations for one row."""
        return 2 * p

    def onnx(self, g: OnnxGraph) -> str:
        centred = g.op("Sub", g.x, g.constant(g.state["mean"]))
        return g.op("Mul", centred, g.constant(g.state["scale"]))

    @staticmethod
    def forward(x: Array, y: Array, mean: Array, scale: Array, rows: range) -> None:
        """y = (x − mean) ⊙ scale"""
        for i in rows:
            for j in range(x.shape[1]):
                y[i, j] = (x[i, j] - mean[j]) * scale[j]

    @staticmethod
    def backward_x(dy: Array, dx: Array, scale: Array, rows: range) -> None:
        """dx = scale ⊙ dy"""
        for i in rows:
            for j in range(dy.shape[1]):
                dx[i, j] = scale[j] * dy[i, j]


examples = (Standardise(),)
