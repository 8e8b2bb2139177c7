"""What Conv1D and Conv2D share: their settings, and what follows from these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ...emitter import Backward, Emitter
from ...engine.operands import Buffer
from ...errors import InputError
from ...init import check, draw
from ...layer import Array, Layer, Parameter, Shape
from ...onnx_form import OnnxGraph
from ...printing import shown
from ...validate import flag, plain, positive_count
from .geometry import axis
from .lower import lower
from .onnx import channels_first, windows
from .products import Convolution

__all__ = ["ConvolutionLayer", "Extent", "Padding", "extents", "paddings", "settle"]

Extent = int | tuple[int, ...]
Padding = str | int | tuple[int | tuple[int, int], ...]


@dataclass(frozen=True, repr=False)
class ConvolutionLayer(Layer):
    """A convolution along all axes of an example but the last, which holds the channels.

    A subclass says along how many.
    """

    axes: ClassVar[int]
    scales_and_shifts: ClassVar[tuple[str, int, str]] = ("A", -1, "b")
    torch_names: ClassVar[Mapping[str, str]] = {"A": "weight", "b": "bias"}
    torch_channels_first: ClassVar[bool] = True

    filters: int
    kernel_size: Extent
    stride: Extent = 1
    padding: Padding = "valid"
    dilation: Extent = 1
    groups: int = 1
    weights: str | Callable[..., Any] = "he_uniform"
    bias: bool = True

    def __post_init__(self) -> None:
        name = type(self).__name__
        settle(self, "kernel_size", "stride", "padding", "dilation")
        positive_count(name, "filters", self.filters)
        positive_count(name, "groups", self.groups)
        for what in ("kernel_size", "stride", "dilation"):
            extents(name, what, getattr(self, what), self.axes)
        paddings(name, self.padding, self.axes)
        if self.filters % self.groups:
            raise InputError(
                f"{name}: filters must be a multiple of groups, got {self.filters} and "
                f"{self.groups}"
            )
        check(name, self.weights)
        flag(name, "bias", self.bias)

    def convolution(self, shape: Shape) -> Convolution:
        """Return the convolution of an example of ``shape``.

        Raises
        ------
        InputError
            If the layer can't take it.
        """
        name = type(self).__name__
        if len(shape) != self.axes + 1:
            wanted = {1: "(length, channels)", 2: "(height, width, channels)"}[self.axes]
            between = (*shape, 1) if len(shape) == self.axes else wanted
            raise InputError(
                f"{name}: expected examples of shape {wanted}, got {shape}; put Reshape({between}) "
                "before it"
            )
        *inputs, p = shape
        if p % self.groups:
            raise InputError(
                f"{name}: {p} channels can't be shared out to {self.groups} groups; their number "
                "must be a multiple of groups"
            )
        settings = zip(
            inputs,
            extents(name, "kernel_size", self.kernel_size, self.axes),
            extents(name, "stride", self.stride, self.axes),
            paddings(name, self.padding, self.axes),
            extents(name, "dilation", self.dilation, self.axes),
            strict=True,
        )
        found = [axis(name, *each) for each in settings]
        if self.axes == 1:  # a picture of one line
            found.insert(0, axis(name, 1, 1, 1, "valid", 1))
        return Convolution(found[0], found[1], p, self.filters, self.groups)

    def output_shape(self, shape: Shape) -> Shape:
        conv = self.convolution(shape)
        lengths = conv.vertical.outputs, conv.horizontal.outputs
        return (*lengths[-self.axes :], self.filters)

    def parameters_at(self, shape: Shape) -> dict[str, Parameter]:
        kernel = extents(type(self).__name__, "kernel_size", self.kernel_size, self.axes)
        inputs = self.convolution(shape).inputs
        A = {"A": Parameter((*kernel, inputs, self.filters), decays=True)}
        return A | {"b": Parameter((self.filters,))} if self.bias else A

    def init(self, rng: np.random.Generator, theta: Mapping[str, Array]) -> None:
        """Draw A as a matrix from all inputs of a pixel to its outputs; b = 0."""
        A = theta["A"]
        matrix = draw(type(self).__name__, self.weights, rng, (A.shape[-1], A[..., 0].size))
        A[...] = matrix.T.reshape(A.shape)

    def flops_at(self, shape: Shape) -> int:
        return self.convolution(shape).flops

    def onnx(self, g: OnnxGraph) -> str:
        conv = self.convolution(g.shape)
        A = np.moveaxis(g.theta["A"], (-1, -2), (0, 1))  # (q, p/groups, kh, kw)
        given = [g.constant(A), *([g.parameter("b")] if self.bias else [])]
        axes = [conv.vertical, conv.horizontal][-self.axes :]
        return channels_first(g, "Conv", *given, group=self.groups, **windows(axes))

    def lower(self, low: Emitter, x: Buffer) -> tuple[Buffer, Backward]:
        return lower(self, self.convolution(x.shape[1:]), low, x)


def settle(layer: Layer, *names: str) -> None:
    """Replace settings of a layer by plain numbers and tuples of them, where they are others."""
    for name in names:
        object.__setattr__(layer, name, _settled(plain(getattr(layer, name))))


def _settled(value: Any) -> Any:
    return tuple(map(_settled, value)) if isinstance(value, list | tuple) else value


def extents(where: str, what: str, value: Extent, axes: int) -> tuple[int, ...]:
    """Return a setting for each axis: one number for all, or a tuple of them.

    Raises
    ------
    InputError
        If it is neither.
    """
    value = plain(value)
    each: tuple[Any, ...] = tuple(value) if isinstance(value, tuple | list) else (value,) * axes
    if len(each) != axes:
        raise InputError(
            f"{where}: {what} must be a whole number or {axes} of them, got {shown(value)}"
        )
    for number in each:
        positive_count(where, what, number)
    return tuple(int(number) for number in each)


def paddings(where: str, value: Padding, axes: int) -> list[str | tuple[int, int]]:
    """Return the padding of each axis: "valid", "same", or zeros before and behind.

    Raises
    ------
    InputError
        If it is none of these.
    """
    if isinstance(value, str) and value in ("valid", "same"):
        return [str(value)] * axes
    value = plain(value)
    each = value if isinstance(value, tuple | list) else (value,) * axes
    found: list[str | tuple[int, int]] = []
    for zeros in each:
        both = zeros if isinstance(zeros, tuple | list) else (zeros, zeros)
        if len(both) != 2 or not all(_is_count(number) for number in both):
            break
        found.append((int(both[0]), int(both[1])))
    if len(found) != axes or len(each) != axes:
        raise InputError(
            f"{where}: padding must be 'valid', 'same', a whole number of at least 0, or for each "
            f"axis a number or a pair (before, behind), got {shown(value)}"
        )
    return found


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
