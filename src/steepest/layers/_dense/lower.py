"""How Dense is lowered: which kernels it gets, and which steps they save."""

from __future__ import annotations

from typing import Any

from ...emitter import Backward, Emitter
from ...engine.operands import Buffer, SparseBatch
from ...layer import Layer
from .choose import FEW_OUTPUTS, Kernels, kernels_for

__all__ = ["FEW_OUTPUTS", "Kernels", "lower"]


def lower(
    layer: Layer, wide: Kernels, low: Emitter, x: Buffer | SparseBatch
) -> tuple[Buffer, Backward]:
    """Emit the forward instructions; return y and what emits the backward ones.

    Parameters
    ----------
    layer : Dense
    wide : Kernels
        Those of a large A on a batch.
    """
    n, p = x.shape
    q = layer.outputs(p)
    y = low.array("y", n, q)
    names: dict[str, Any] = {"x": x, "y": y, **low.theta(layer, p)}
    bias = "b" in names
    if not bias:
        names["b"] = low.array("zero", q)
    flops = n * layer.flops(p)
    kernels = kernels_for(wide, n, p, q, sparse=isinstance(x, SparseBatch), bias=bias)
    if isinstance(x, SparseBatch):
        names |= {"values": x.data, "columns": x.indices, "starts": x.indptr, "i": x.chosen}
        flops = 2 * x.nonzeros * n * q
    parts = {}
    if kernels.in_parts:
        parts = {"units": low.dynamic_share(q), "inputs": low.dynamic_share(p)}
    forward = low.emit(kernels.forward, {**names, **parts}, flops=flops)

    def backward(dy: Buffer, wants_dx: bool) -> Buffer | None:
        names["dy"] = dy
        if not bias:
            names["db"] = low.array("nowhere", q)
        dx = None
        if wants_dx and kernels.backward_x is not None:
            dx = names["dx"] = low.array("dx", n, p)
            if kernels.both is not None and low.fused:
                low.emit(kernels.both, {**names, **low.targets(layer, p)}, flops=2 * flops)
                return dx
            low.emit(kernels.backward_x, {**names, **parts}, flops=flops)
        low.backward_theta(layer, p, kernels.backward_theta, names, flops, waits=kernels.by_rows)
        if kernels.update_and_forward is not None and low.fused and not wants_dx:
            both = {**names, **low.targets(layer, p)}
            low.join(forward, kernels.update_and_forward, both, 2 * flops)
        return dx

    return y, backward
