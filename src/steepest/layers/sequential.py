"""Sequential: f = f_h ∘ … ∘ f_1."""

from __future__ import annotations

from ..emitter import Backward, Emitter
from ..engine.operands import Buffer
from ..layer import Array, Layer
from ..onnx_form import OnnxGraph
from ._combinator import Combinator
from .dense import Dense
from .dropout import Dropout
from .tanh import Tanh

__all__ = ["Sequential"]


class Sequential(Combinator):
    """Layers one after the other.

    Φ: ∇_{y_h}ℓ goes through the Φ of f_h, then of f_{h−1}, and so on down to f_1.

    Parameters
    ----------
    *layers : Layer
        f_1, …, f_h; at least one. May be nested.
    """

    takes_sparse = True

    def outputs(self, p: int) -> int:
        for layer in self.layers:
            p = layer.outputs(p)
        return p

    def children(self, p: int) -> list[tuple[str, Layer, int]]:
        found = []
        for k, layer in enumerate(self.layers):
            found.append((str(k), layer, p))
            p = layer.outputs(p)
        return found

    def check_inputs(self, X: Array) -> None:
        self.layers[0].check_inputs(X)

    def lower(self, low: Emitter, x: Buffer) -> tuple[Buffer, Backward]:
        steps: list[tuple[Backward, bool]] = []
        learned = False  # whether an earlier layer has parameters, and so needs dx
        for name, layer, p in self.children(x.shape[1]):
            x, back = low.child(name, layer, x)
            steps.append((back, learned))
            learned = learned or has_parameters(layer, p)

        def backward(dy: Buffer, wants_dx: bool) -> Buffer | None:
            dx: Buffer | None = dy
            for back, needed in reversed(steps):
                if dx is None:
                    break
                dx = back(dx, wants_dx or needed)
            return dx

        return x, backward

    def onnx(self, g: OnnxGraph) -> str:
        x = g.x
        for name, layer, p in self.children(g.p):
            x = g.child(name, layer, x, p)
        return x


def has_parameters(layer: Layer, p: int) -> bool:
    """Whether ``layer``, or any layer in it, has parameters."""
    inside = any(has_parameters(child, width) for _, child, width in layer.children(p))
    return bool(layer.parameters(p)) or inside


examples = (Sequential(Dense(17), Tanh(), Dropout(0.3), Dense(4)),)
