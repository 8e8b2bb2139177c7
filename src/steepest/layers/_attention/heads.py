"""The heads of attention, between its projections: (T, (heads + 2 groups)·size) -> (T, heads·size).

They have no parameters. At each step x holds the queries of all heads, then the keys and the values
of all groups; as many neighbouring heads as there are groups in heads share one group.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...emitter import Backward, Emitter
from ...engine.operands import Buffer
from ...errors import InputError
from ...layer import Layer
from ...onnx_form import OnnxGraph
from ...shape import Shape
from . import kernels, one_step
from .one_step import FILLED, no_way_back
from .onnx import add_heads
from .rotary import cosines_and_sines, rotate, rotate_back, rotate_step, turns_per_step

__all__ = ["AttentionHeads"]


@dataclass(frozen=True, repr=False)
class AttentionHeads(Layer):
    """y = softmax(Q Kᵀ/√size) V, head by head.

    Parameters
    ----------
    heads : int
    groups : int
        Of heads that share keys and values.
    causal : bool
        Whether a step sees itself and earlier ones only.
    rotary : float or None
        The base of the angles by which queries and keys are rotated.
    """

    heads: int
    groups: int
    causal: bool
    rotary: float | None

    def size(self, shape: Shape) -> int:
        """Return the entries of a query."""
        return shape[-1] // (self.heads + 2 * self.groups)

    @property
    def most_steps(self) -> float:
        return math.inf if self.causal else 0

    def output_shape(self, shape: Shape) -> Shape:
        return (shape[0], self.heads * self.size(shape))

    def flops_at(self, shape: Shape) -> int:
        steps = shape[0]
        pairs = steps * (steps + 1) // 2 if self.causal else steps * steps
        return 4 * self.heads * self.size(shape) * pairs

    def lower(self, low: Emitter, x: Buffer) -> tuple[Buffer, Backward]:
        if low.window is not None:
            return self._lower_step(low, x, low.window), no_way_back
        n, steps, _ = x.shape
        shape = x.shape[1:]
        size, flops = self.size(shape), n * self.flops_at(shape)
        room = kernels.work_size(steps, size, self.heads)
        threads = low.most_threads
        y = low.array("y", n, *self.output_shape(shape))
        names: dict[str, Any] = {
            "x": x.as_examples(),
            "y": y.as_examples(),
            "qk": x.as_examples(),
            "top": low.array("top", n, self.heads * steps),
            "inverse": low.array("inverse", n, self.heads * steps),
            "work": low.array(f"work{threads}:", threads, room),
            "zeros": low.array("zeros", max(size, kernels.LANES)),
            "scale": 1 / math.sqrt(size),
            **self._seen(low, n, shape),
        }
        turned = (n, steps, (self.heads + self.groups) * size)
        turns = self._turns(low, n, shape)
        if turns:
            qk = low.array("turned", *turned)
            low.emit(rotate, {**turns, "x": x.as_rows(), "turned": qk.as_rows()}, flops=3 * qk.size)
            names["qk"] = qk.as_examples()
        panels = n * self.heads * math.ceil(steps / kernels.LANES)
        low.emit(kernels.forward, {**names, "panels": low.row_share(panels)}, flops=flops)

        def backward(dy: Buffer, wants_dx: bool) -> Buffer | None:
            if not wants_dx:
                return None
            dx = low.array("dx", *x.shape)
            names.update(dy=dy.as_examples(), dx=dx.as_examples(), dqk=dx.as_examples())
            if turns:
                dturned = low.array("dturned", *turned)
                names["dqk"] = dturned.as_examples()
            groups = low.row_share(n * self.groups)
            low.emit(kernels.backward_x, {**names, "groups": groups}, flops=5 * flops // 2)
            if turns:
                back = {**turns, "dturned": dturned.as_rows(), "dx": dx.as_rows()}
                low.emit(rotate_back, back, flops=3 * dturned.size)
            return dx

        return y, backward

    def _lower_step(self, low: Emitter, x: Buffer, window: int) -> Buffer:
        """Emit one step, which sees those before it, as many as are remembered; return y."""
        n, shape = x.shape[0], x.shape[1:]
        size = self.size(shape)
        y = low.array("y", n, *self.output_shape(shape))
        names: dict[str, Any] = {"x": x.as_rows(), "y": y.as_rows(), "qk": x.as_rows()}
        if self.rotary is not None:
            names["qk"] = low.array("turned", n, (self.heads + self.groups) * size)
            turns = {"x": x.as_rows(), "turned": names["qk"]}
            low.emit(rotate_step, {**turns, "turns": turns_per_step(size, self.rotary)})
        across, along = (-(-extent // FILLED) * FILLED for extent in (window, size))
        names |= {
            "keys": low.array("keys", n * self.groups, size * across),
            "values": low.array("values", n * self.groups, window * along),
            "scores": low.array("scores", n * self.groups, across + along),
            "plan": np.array((window, size, self.heads, self.groups), np.int32),
            "scale": 1 / math.sqrt(size),
            "places": low.row_share(n * self.groups),
        }
        low.emit(one_step.attend, names, flops=4 * n * self.heads * size * window)
        return y

    def onnx(self, g: OnnxGraph) -> str:
        return add_heads(g, self.heads, self.groups, self.causal, self.rotary)

    def _seen(self, low: Emitter, n: int, shape: Shape) -> dict[str, Any]:
        """Return the plan, and which steps each step sees, if not all."""
        steps, spans = shape[0], low.spans
        if spans is not None and spans.shape != (n, 2 * steps):
            raise InputError(
                f"Attention: padding was found among {spans.shape[1] // 2} steps, but these are "
                f"{steps}; leave their number as it is between TokenEmbedding and Attention"
            )
        sizes = steps, self.size(shape), self.heads, self.groups, self.causal, spans is not None
        nothing = np.zeros((n, 1), np.int32)
        return {"plan": np.array(sizes, np.int32), "spans": nothing if spans is None else spans}

    def _turns(self, low: Emitter, n: int, shape: Shape) -> dict[str, Any]:
        """Return by what the rows of queries and keys are turned; nothing if they are not."""
        if self.rotary is None:
            return {}
        cosines, sines = cosines_and_sines(shape[0], self.size(shape), self.rotary)
        return {"cosines": cosines, "sines": sines, "rows": low.row_share(n * shape[0])}
