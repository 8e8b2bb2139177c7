"""Identity: y = x; (n, p) -> (n, p).

It emits nothing: the layer after it reads x itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..emitter import Backward
from ..layer import Layer
from ..onnx_reading import Form, OnnxNode, Op, Reading

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

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return (
            Form(Op("Identity")),
            Form(Op("Cast"), _read_cast),
            Form(Op("ai.onnx.ml.ZipMap"), _read_zip_map),
        )


def _read_cast(kind: Any, node: OnnxNode) -> Reading:
    given = node.given(to=0, saturate=1)
    if given["to"] not in node.reals:
        raise node.error("does not keep real numbers")
    return Reading(kind(), node.value(0))


def _read_zip_map(kind: Any, node: OnnxNode) -> Reading:
    """Of columns to the same columns with the names of classes."""
    node.given(1, classlabels_int64s=[], classlabels_strings=None)
    return Reading(kind(), node.value(0))


examples = (Identity(),)
