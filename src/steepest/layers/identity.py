"""Identity: y = x; (n, p) -> (n, p).

It emits nothing: the layer after it reads x itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..emitter import Backward
from ..layer import Layer

if TYPE_CHECKING:
    from ..emitter import Emitter
    from ..engine.operands import Buffer
    from ..onnx_form import OnnxGraph

__all__ = ["Identity"]


@dataclass(frozen=True, repr=False)
class Identity(Layer):
    """y = x."""

    steepest_slope: ClassVar[float | None] = 1.0

    def flops(self, p: int) -> int:
        """Return 0."""
        return 0

    def lower(self, low: Emitter, x: Buffer) -> tuple[Buffer, Backward]:
        """Emit nothing; return x, and dx = dy."""
        return x, lambda dy, wants_dx: dy if wants_dx else None

    def onnx(self, g: OnnxGraph) -> str:
        return g.x


examples = (Identity(),)
