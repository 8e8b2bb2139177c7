"""How a convolution is lowered: its tables, the memory that it needs, its kernels."""

from __future__ import annotations

from collections.abc import Callable
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
    wide, seen = conv.widened(), names
    if conv.outputs_at_once > 1:
        seen = names | _emit_widened(conv, wide, low, names)
    seen = seen | {"products": _operand(wide.forward()), "fills": int(wide.leaves_outputs)}
    low.emit(kernels.forward, seen, flops=flops)

    def backward(dy: Buffer, wants_dx: bool) -> Buffer | None:
        names["dy"] = dy.as_examples()
        if not bias:
            names["db"] = low.array("nowhere", conv.q)
        dx = None
        if wants_dx:
            dx = low.array("dx", *x.shape)
            _emit_backward_x(conv, low, {**names, "dx": dx.as_examples()}, flops)
        kernel, own = _backward_theta(conv, wide, low)
        low.backward_theta(layer, shape, kernel, names | own, flops)
        return dx

    return y, backward


def _emit_widened(
    conv: Convolution, wide: Convolution, low: Emitter, names: dict[str, Any]
) -> dict[str, Any]:
    """Emit the A and b of the wide convolution, and return them."""
    m, lines = conv.outputs_at_once, conv.vertical.kernel
    A, b = low.array("wide", lines, wide.weights // lines, m, conv.q), low.array("b", m, conv.q)
    rows = {"shift": conv.shift, "line": conv.weights // lines, "lines": low.share(lines)}
    low.emit(kernels.widen, names | rows | {"wide": A, "wide_b": b})
    return {"A": A, "b": b.reshaped(wide.q)}


def _backward_theta(
    conv: Convolution, wide: Convolution, low: Emitter
) -> tuple[Callable[..., None], dict[str, Any]]:
    """Return the kernel of the parameter half of Φ, and what it wants beside arrays."""
    own: dict[str, Any] = {"products": _operand(wide.backward_theta())}
    own["channels"] = low.share(conv.q, _GRAIN)
    if conv.outputs_at_once == 1:
        grain = 1 if conv.by_channels else _GRAIN
        return kernels.backward_theta, own | {
            "weights": low.share(conv.weights, grain),
            "ones": np.ones(1),
        }
    lines, h = conv.vertical.kernel, conv.horizontal
    rows = wide.weights // lines, conv.outputs_at_once, conv.q
    return kernels.backward_theta_widened, own | {
        "weights": low.share(conv.weights),
        "wides": low.array("wides", low.threads, lines, *rows),
        "sums": low.array("sums", h.outputs * conv.q),
        "shift": conv.shift,
        "line": conv.weights // lines,
    }


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
