"""Residual: y = x + g(x)."""

from __future__ import annotations

from ..emitter import Backward, Emitter
from ..engine.operands import Buffer
from ..errors import InputError
from ..kernels.moves import sum_of
from ..layer import Array, Layer
from ..onnx_form import OnnxGraph
from ._combinator import Combinator
from .dense import Dense
from .sequential import Sequential
from .tanh import Tanh

__all__ = ["Residual"]


class Residual(Combinator):
    """Layers with a connection past them: y = x + g(x), g = g_h ∘ … ∘ g_1.

    Φ: dx = dy + (what g's own Φ makes of dy). He et al. 2016, arXiv:1603.05027, eq. 1.

    Parameters
    ----------
    *layers : Layer
        g_1, …, g_h; together they must keep the width.
    """

    def outputs(self, p: int) -> int:
        q = Sequential(*self.layers).outputs(p)
        if q != p:
            raise InputError(
                f"Residual: the layers inside must keep the width, but turn {p} inputs into {q} "
                f"outputs; end them with Dense({p})"
            )
        return p

    def children(self, p: int) -> list[tuple[str, Layer, int]]:
        return Sequential(*self.layers).children(p)

    def check_inputs(self, X: Array) -> None:
        self.layers[0].check_inputs(X)

    def lower(self, low: Emitter, x: Buffer) -> tuple[Buffer, Backward]:
        g, back = Sequential(*self.layers).lower(low, x)
        y = low.array("y", *x.shape)
        low.emit(sum_of, {"first": x, "second": g, "total": y}, flops=y.size)

        def backward(dy: Buffer, wants_dx: bool) -> Buffer | None:
            dg = back(dy, wants_dx)
            if not wants_dx:
                return None
            assert dg is not None
            dx = low.array("dx", *x.shape)
            low.emit(sum_of, {"first": dy, "second": dg, "total": dx}, flops=dx.size)
            return dx

        return y, backward

    def onnx(self, g: OnnxGraph) -> str:
        return g.op("Add", g.x, Sequential(*self.layers).onnx(g))


examples = (Residual(Dense(17), Tanh(), Dense(5)),)
