"""How a convolution is lowered: its tables, the memory that it needs, its kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...emitter import Backward, Emitter
from ...engine.operands import Buffer
from ...layer import Layer
from . import kernels, pairs, winograd, winograd_gradients
from .products import Convolution, Product, table

__all__ = ["lower"]

_GRAIN = 16  # rows of A, and channels, that a thread takes at once
_Sides = tuple[int, int, int, int, int, int]  # as of `Convolution.tiled_sides`
_PARTS = 4  # of dA, at least, that threads may share out where it is by Winograd's algorithm


def lower(layer: Layer, conv: Convolution, low: Emitter, x: Buffer) -> tuple[Buffer, Backward]:
    """Emit the forward instructions; return y and what emits the backward ones."""
    n, shape = x.shape[0], x.shape[1:]
    y = low.array("y", n, *layer.output_shape(shape))
    names: dict[str, Any] = {"x": x.as_examples(), "y": y.as_examples(), **low.theta(layer, shape)}
    bias = "b" in names
    if not bias:
        names["b"] = low.array("zero", conv.q)
    if conv.by_channels:
        names["windows"] = low.channel_windows
    flops = n * conv.flops
    emit = _emitter(conv, low)
    emits = emit(conv, low, names, flops)
    emits.forward()

    def backward(dy: Buffer, wants_dx: bool) -> Buffer | None:
        names["dy"] = dy.as_examples()
        if not bias:
            names["db"] = low.array("nowhere", conv.q)
        dx = None
        if wants_dx:
            dx = low.array("dx", *x.shape)
            names["zeros"] = low.array("zeros", conv.p)
            emits.backward_x({**names, "dx": dx.as_examples()})
        kernel, own = emits.backward_theta(bias)
        own = {"channels": low.share(bias * conv.q, _GRAIN), "ones": np.ones(conv.q)} | own
        low.backward_theta(layer, shape, kernel, names | own, flops)
        return dx

    return y, backward


def _emitter(conv: Convolution, low: Emitter) -> type[_Numbers | _Pairs]:
    if conv.can_pair and low.pairs is not None:
        return _Pairs
    return _Tiles if conv.by_tiles and low.dtype == "float32" else _Numbers


class _Numbers:
    """Emits products of numbers as they are."""

    def __init__(self, conv: Convolution, low: Emitter, names: dict[str, Any], flops: int) -> None:
        self.conv, self.low, self.names, self.flops = conv, low, names, flops
        self.wide = conv.widened()

    def forward(self) -> None:
        """Emit y."""
        names, wide = self.names, self.wide
        if self.conv.outputs_at_once > 1:
            names = names | self._widen()
        names = names | {"products": _operand(wide.forward()), "fills": int(wide.leaves_outputs)}
        self.low.emit(kernels.forward, names, flops=self.flops)

    def _widen(self) -> dict[str, Any]:
        """Emit the A and b of the wide convolution, and return them."""
        conv, low = self.conv, self.low
        m, lines = conv.outputs_at_once, conv.vertical.kernel
        A, b = (
            low.array("wide", lines, self.wide.weights // lines, m, conv.q),
            low.array("b", m, conv.q),
        )
        rows = {"shift": conv.shift, "line": conv.weights // lines, "lines": low.share(lines)}
        low.emit(kernels.widen, self.names | rows | {"wide": A, "wide_b": b})
        return {"A": A, "b": b.reshaped(self.wide.q)}

    def backward_x(self, names: dict[str, Any]) -> None:
        """Emit dx."""
        conv, low = self.conv, self.low
        names["turned"] = self._turn(names)
        names |= {"products": _operand(conv.backward_x()), "fills": int(conv.leaves_inputs)}
        low.emit(kernels.backward_x, names, flops=self.flops)

    def _turn(self, names: dict[str, Any]) -> Buffer:
        """Emit A turned, and return it."""
        conv, low = self.conv, self.low
        turned = low.array("turned", conv.weights * conv.q)
        names = names | _turned(conv) | {"depth": conv.inputs, "outputs": conv.q}
        names |= {"turned": turned, "taps": low.share(conv.taps)}
        low.emit(kernels.turn, names)
        return turned

    def backward_theta(self, bias: bool) -> tuple[Callable[..., None], dict[str, Any]]:
        """Return the kernel of the parameter half of Φ, and what it wants beside arrays."""
        conv, low, wide = self.conv, self.low, self.wide
        own: dict[str, Any] = {"products": _operand(wide.backward_theta())}
        lines, h = conv.vertical.kernel, conv.horizontal
        if conv.by_channels:
            apart = bias and conv.leaves_outputs
            return kernels.backward_theta_by_channels, own | {
                "channels": low.share(conv.q, _GRAIN),
                "summing": low.summing_windows if bias and not apart else 0,
                "apart": int(apart),
            }
        if conv.outputs_at_once == 1:
            return kernels.backward_theta, own | {"weights": low.share(conv.weights, _GRAIN)}
        rows = wide.weights // lines, conv.outputs_at_once, conv.q
        return kernels.backward_theta_widened, own | {
            "weights": low.share(conv.weights),
            "wides": low.array("wides", low.most_threads, lines, *rows),
            "sums": low.array("sums", h.outputs * conv.q),
            "channels": low.share(int(bias)),  # all of them, for one thread
            "shift": conv.shift,
            "line": conv.weights // lines,
        }


class _Tiles(_Numbers):
    """Emits y and dx, and where it pays dA, by Winograd's algorithm."""

    def forward(self) -> None:
        """Emit y."""
        conv, names = self.conv, self.names
        taps = names["A"].reshaped(conv.taps, conv.p, conv.q)
        self._convolve("y", taps, {name: names[name] for name in "xby"}, conv.tiled_sides)

    def backward_x(self, names: dict[str, Any]) -> None:
        """Emit dx: y again, of dy and of the taps turned, whose last one comes first."""
        conv = self.conv
        taps = self._turn(names).reshaped(conv.taps, conv.q, conv.p)
        names = {"x": names["dy"], "b": names["zeros"], "y": names["dx"]}
        self._convolve("dx", taps, names, conv.tiled_sides_back)

    def _convolve(self, what: str, taps: Buffer, names: dict[str, Any], sides: _Sides) -> None:
        low, (_, p, q) = self.low, taps.shape
        transformed = low.array(f"taps of {what}", winograd.PLACES, p, q)
        inputs = {"taps": taps, "transformed": transformed, "inputs": low.share(p)}
        low.emit(winograd.transform_taps, inputs)
        names |= {"transformed": transformed, "none": low.array("none", winograd.COLUMNS)}
        names |= self._memory(what, sides, p)
        names["products"] = self._places(f"products of {what}", winograd.COLUMNS)
        low.emit(winograd.convolve, names, flops=self.flops)

    def backward_theta(self, bias: bool) -> tuple[Callable[..., None], dict[str, Any]]:
        """Return the kernel of the parameter half of Φ, and what it wants beside arrays."""
        conv, low = self.conv, self.low
        parts = winograd_gradients.parts_of(conv.p, conv.q)
        if not conv.gradients_by_tiles or parts < _PARTS:
            return super().backward_theta(bias)
        return winograd_gradients.backward_theta, {
            **self._memory("dA", conv.tiled_sides, conv.p),
            "slopes": self._places("slopes", conv.q),
            "totals": low.array("totals", winograd.PLACES, conv.p, conv.q),
            "parts": low.share(parts),
        }

    def _memory(self, what: str, sides: _Sides, p: int) -> dict[str, Any]:
        """Return a plan, and the memory of each thread for what it does with x."""
        plan = winograd.plan_of(sides)
        lines, pixels = plan.padded
        padded = self.low.most_threads, plan.images * lines * pixels * p
        return {
            "plan": Buffer.of("plan", np.array(plan)),
            "padded": self.low.array(f"padded for {what}", *padded),
            "places": self._places(f"places for {what}", p),
        }

    def _places(self, name: str, channels: int) -> Buffer:
        """Return memory of each thread for a block of transformed tiles."""
        size = winograd.PLACES * (winograd.BLOCK * channels + winograd.GAP)
        return self.low.array(name, self.low.most_threads, size)


class _Pairs:
    """Emits products of pairs of bfloat16."""

    def __init__(self, conv: Convolution, low: Emitter, names: dict[str, Any], flops: int) -> None:
        self.conv, self.low, self.names, self.flops = conv, low, names, flops
        self.windows = {"windows": low.pairs}

    def forward(self) -> None:
        """Emit y."""
        conv, low, of_pairs = self.conv, self.low, self.conv.of_pairs_in()
        A = low.array("A", of_pairs.weights * conv.q)
        names = self.names | {"pairs": A, "taps": low.share(conv.taps)}
        low.emit(pairs.pair_weights, names)
        names |= self.windows | {"A": A, "x": self._channels("x")}
        names |= {"products": _operand(of_pairs.forward()), "fills": int(conv.leaves_outputs)}
        low.emit(kernels.forward, names, flops=self.flops)

    def backward_x(self, names: dict[str, Any]) -> None:
        """Emit dx."""
        conv, low, of_pairs = self.conv, self.low, self.conv.of_pairs_out()
        names |= _turned(of_pairs) | self.windows
        names["turned"] = low.array("turned", of_pairs.weights * of_pairs.q)
        low.emit(pairs.turn, {**names, "taps": low.share(conv.taps)})
        names |= {"products": _operand(of_pairs.backward_x()), "fills": int(conv.leaves_inputs)}
        names["dy"] = self._channels("dy")
        low.emit(kernels.backward_x, names, flops=self.flops)

    def backward_theta(self, bias: bool) -> tuple[Callable[..., None], dict[str, Any]]:
        """Return the kernel of the parameter half of Φ, and what it wants beside arrays."""
        return pairs.backward_theta, {
            "products": _operand(self.conv.backward_theta()),
            "x_pairs": self._images("x"),
            "dy_pairs": self._images("dy"),
            "pair_windows": self.windows["windows"],
            "weights": self.low.share(self.conv.weights, _GRAIN),
        }

    def _channels(self, name: str) -> Buffer:
        """Emit pairs of neighbouring channels, and return them."""
        wide: Buffer = self.names[name]
        n, numbers = wide.shape
        found = self.low.array(f"pairs of {name}", n, numbers // 2)
        self.low.emit(pairs.pair_channels, {"wide": wide, "pairs": found})
        return found

    def _images(self, name: str) -> Buffer:
        """Emit pairs of images, and return them."""
        wide: Buffer = self.names[name]
        n, numbers = wide.shape
        found = self.low.array(f"pairs in {name}", (n + 1) // 2, numbers)
        rows = self.low.share((n + 1) // 2)
        self.low.emit(pairs.pair_images, {"wide": wide, "pairs": found, "rows": rows})
        return found


def _turned(conv: Convolution) -> dict[str, Any]:
    first, tap_step, output_step = conv.turned()
    return {"first": first, "tap_step": tap_step, "output_step": output_step}


def _operand(products: list[Product]) -> Buffer:
    return Buffer.of("products", table(products))
