"""How a convolution is lowered: its tables, the memory that it needs, its kernels."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...emitter import Backward, Emitter
from ...engine.operands import Buffer
from ...layer import Layer
from . import kernels
from .products import Convolution, Product, table

__all__ = ["lower"]

_GRAIN = 16  # rows of A, and channels, that a thread takes at once


def lower(layer: Layer, conv: Convolution, low: Emitter, x: Buffer) -> tuple[Buffer, Backward]:
    """Emit the forward instructions; return y and what emits the backward ones."""
    n, shape = x.shape[0], x.shape[1:]
    y = low.array("y", n, *layer.output_shape(shape))
    names: dict[str, Any] = {"x": x.as_examples(), "y": y.as_examples(), **low.theta(layer, shape)}
    bias = "b" in names
    if not bias:
        names["b"] = low.array("zero", conv.q)
    flops = n * conv.flops
    names |= {"products": _operand(conv.forward()), "fills": int(conv.leaves_outputs)}
    low.emit(kernels.forward, names, flops=flops)

    def backward(dy: Buffer, wants_dx: bool) -> Buffer | None:
        names["dy"] = dy.as_examples()
        if not bias:
            names["db"] = low.array("nowhere", conv.q)
        dx = None
        if wants_dx:
            dx = low.array("dx", *x.shape)
            _emit_backward_x(conv, low, {**names, "dx": dx.as_examples()}, flops)
        grain = 1 if conv.by_channels else _GRAIN
        own = {"products": _operand(conv.backward_theta()), "ones": np.ones(1)}
        shares = {"weights": low.share(conv.weights, grain), "channels": low.share(conv.q, _GRAIN)}
        named = {**names, **own, **shares}
        low.backward_theta(layer, shape, kernels.backward_theta, named, flops)
        return dx

    return y, backward


def _emit_backward_x(conv: Convolution, low: Emitter, names: dict[str, Any], flops: int) -> None:
    first, tap_step, output_step = conv.turned()
    names |= {"first": first, "tap_step": tap_step, "output_step": output_step}
    names |= {"depth": conv.inputs, "outputs": conv.q}
    names["turned"] = low.array("turned", conv.weights * conv.q)
    low.emit(kernels.turn, {**names, "taps": low.share(conv.taps)})
    names |= {"products": _operand(conv.backward_x()), "fills": int(conv.leaves_inputs)}
    names["zeros"] = low.array("zeros", conv.p)
    low.emit(kernels.backward_x, names, flops=flops)


def _operand(products: list[Product]) -> Buffer:
    return Buffer.of("products", table(products))
