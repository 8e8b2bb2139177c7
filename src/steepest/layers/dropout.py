"""Dropout: y = x ⊙ mask / (1 − rate) while training, y = x when predicting; (n, p) -> (n, p).

An entry of the mask is 0 with probability ``rate``, to the nearest 1/65536. The mask is not stored:
it is a function of (key, step, entry), so the backward pass draws the same one.

Source: Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov, "Dropout", JMLR 15 (2014); scaled
while training ("inverted"), so that a prediction needs no change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..emitter import Backward
from ..kernels.random import squares
from ..layer import Array, Layer
from ..onnx_reading import Form, OnnxNode, Op, Reading
from ..schedules import FlatCosine, Schedule
from ..validate import number_or_function

if TYPE_CHECKING:
    from ..emitter import Emitter
    from ..engine.operands import Buffer
    from ..onnx_form import OnnxGraph

__all__ = ["Dropout"]


@dataclass(frozen=True, repr=False)
class Dropout(Layer):
    """Leave out each entry with probability ``rate`` while training.

    Parameters
    ----------
    rate : float or schedule
        At least 0, below 1; or a function of the step, like ``FlatCosine(0.15)``.
    """

    predicts_alike: ClassVar[bool] = False
    entrywise: ClassVar[bool] = True

    rate: float | Schedule

    def __post_init__(self) -> None:
        number_or_function("Dropout", "rate", self.rate, least=0, below=1)

    def lower(self, low: Emitter, x: Buffer) -> tuple[Buffer, Backward]:
        """Emit forward and backward with one key; in a prediction, or at rate 0, nothing."""
        if not low.training or self.rate == 0:
            return x, lambda dy, wants_dx: dy if wants_dx else None
        n, p = x.shape
        y = low.array("y", n, p)
        rate = low.number(self.rate, below=1)
        names: dict[str, Any] = {"x": x, "y": y, "key": low.key(), "rate": rate}
        low.emit(self.forward, names, flops=n * p)

        def backward(dy: Buffer, wants_dx: bool) -> Buffer | None:
            if not wants_dx:
                return None
            dx = low.array("dx", n, p)
            low.emit(self.backward_x, {**names, "dy": dy, "dx": dx}, flops=n * p)
            return dx

        return y, backward

    def onnx(self, g: OnnxGraph) -> str:
        return g.x

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return (Form(Op("Dropout"), _read),)

    @staticmethod
    def forward(
        x: Array, y: Array, rate: float, key: int, step: int, before: int, rows: range
    ) -> None:
        """y = x ⊙ mask(step) / (1 − rate)"""
        mask(x, y, rate, key, step, before, rows)

    @staticmethod
    def backward_x(
        dy: Array, dx: Array, rate: float, key: int, step: int, before: int, rows: range
    ) -> None:
        """dx = dy ⊙ mask(step) / (1 − rate)"""
        mask(dy, dx, rate, key, step, before, rows)


def mask(x: Array, y: Array, rate: float, key: int, step: int, before: int, rows: range) -> None:
    """y = x ⊙ mask(step) / (1 − rate)"""
    p = x.shape[1]
    zero, kept = x.dtype.type(0), x.dtype.type(1) / (x.dtype.type(1) - rate)
    threshold = np.uint64(np.float64(rate) * 65536.0 + 0.5)
    part, low = np.uint64(16), np.uint64(65535)
    draws = np.uint64((p + 3) // 4)  # of 64 bits each: 16 for each of four entries
    for i in rows:
        start = (np.uint64(step) << np.uint64(32)) + np.uint64(before + i) * draws
        for d in range(p // 4):
            bits, j = squares(start + np.uint64(d), key), 4 * d
            for k in range(4):
                y[i, j + k] = x[i, j + k] * (zero if bits & low < threshold else kept)
                bits = bits >> part
        bits = squares(start + draws - np.uint64(1), key)
        for j in range(p - p % 4, p):
            y[i, j] = x[i, j] * (zero if bits & low < threshold else kept)
            bits = bits >> part


def _read(kind: Any, node: OnnxNode) -> Reading:
    rate = node.given(3, ratio=0.5, seed=0)["ratio"]
    rate = node.number(1) if node.has(1) else rate
    if node.has(2) and node.truth(2):
        raise node.error("is in training mode, and drops values when it predicts")
    return Reading(kind(rate), node.value(0))


examples = (Dropout(0.5), Dropout(0.0), Dropout(FlatCosine(0.5)))
