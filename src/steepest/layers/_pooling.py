"""What MaxPool and AveragePool share: windows that slide over the axes of an example."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..layer import Layer, Shape
from ..printing import shown
from ._convolution.geometry import Axis, axis
from ._convolution.settings import Extent, Padding, extents, paddings, settle

__all__ = ["Pool"]


@dataclass(frozen=True, repr=False)
class Pool(Layer):
    """A pool over one or two axes of an example; the last axis holds the channels."""

    torch_channels_first: ClassVar[bool] = True

    size: Extent = 2
    stride: Extent | None = None
    padding: Padding = "valid"

    def __post_init__(self) -> None:
        name = type(self).__name__
        settle(self, "size", "stride", "padding")
        extents(name, "size", self.size, _axes_of(self.size))
        if self.stride is not None:
            extents(name, "stride", self.stride, _axes_of(self.stride))
        paddings(name, self.padding, _axes_of(self.padding))

    def axes(self, shape: Shape) -> tuple[Axis, Axis]:
        """Return how the windows lie along the two axes of an example.

        One of a single axis is a picture of one line.

        Raises
        ------
        InputError
            If the layer can't take it.
        """
        name, axes = type(self).__name__, len(shape) - 1
        if axes not in (1, 2):
            raise InputError(
                f"{name}: expected examples of shape (length, channels) or (height, width, "
                f"channels), got {shape}; put Reshape(…) before it"
            )
        size = extents(name, "size", self.size, axes)
        stride = size if self.stride is None else extents(name, "stride", self.stride, axes)
        pads = paddings(name, self.padding, axes)
        found = [axis(name, *each, 1) for each in zip(shape, size, stride, pads, strict=False)]
        for each in found:
            if max(each.low, each.high) >= each.kernel:
                raise InputError(
                    f"{name}: padding must be less than size, got {shown(self.padding)} and "
                    f"{self.size!r}: a window would hold nothing"
                )
        return (found[0], found[1]) if axes == 2 else (axis(name, 1, 1, 1, "valid", 1), found[0])

    def real_axes(self, shape: Shape) -> list[Axis]:
        """Return those of the axes that an example has."""
        return list(self.axes(shape)[-(len(shape) - 1) :])

    def output_shape(self, shape: Shape) -> Shape:
        return (*(each.outputs for each in self.real_axes(shape)), shape[-1])

    def flops_at(self, shape: Shape) -> int:
        up, across = self.axes(shape)
        return up.outputs * across.outputs * up.kernel * across.kernel * shape[-1]

    def settings_at(self, shape: Shape) -> dict[str, Any]:
        """Return the windows: of each output where its first pixel begins, and how many pixels
        it reaches over down and along; and the numbers of a line, and of a pixel.

        A window holds no padding.
        """
        up, across = self.axes(shape)
        (first_up, down), (first_across, along) = _windows(up), _windows(across)
        channels, one = shape[-1], np.ones((up.outputs, across.outputs), np.int32)
        firsts = (first_up[:, None] * across.inputs + first_across) * channels
        return {
            "firsts": firsts.astype(np.int32).reshape(-1),
            "down": (one * down[:, None]).reshape(-1),
            "along": (one * along).reshape(-1),
            "line": across.inputs * channels,
            "channels": channels,
        }


def _windows(axis: Axis) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the first input of each window along an axis, and how many it has."""
    begin = np.arange(axis.outputs) * axis.stride - axis.low
    end = np.minimum(begin + axis.kernel, axis.inputs)
    begin = np.maximum(begin, 0)
    return begin.astype(np.int32), (end - begin).astype(np.int32)


def _axes_of(value: Any) -> int:
    """Return for how many axes a setting is; 1 if it is the same for all."""
    return len(value) if isinstance(value, tuple | list) else 1
