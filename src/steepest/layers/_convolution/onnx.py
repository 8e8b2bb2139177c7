"""Convolutions and pools in ONNX, whose images have their channels in front."""

from __future__ import annotations

from typing import Any

from ...onnx_form import OnnxGraph
from .geometry import Axis

__all__ = ["channels_first", "windows"]


def channels_first(g: OnnxGraph, kind: str, *inputs: str, **attributes: Any) -> str:
    """Add an operator on the layer's input with its channels in front; return its result turned
    back.
    """
    axes = len(g.shape)  # behind that of the examples
    x = g.op("Transpose", g.x, perm=[0, axes, *range(1, axes)])
    y = g.op(kind, x, *inputs, **attributes)
    return g.op("Transpose", y, perm=[0, *range(2, axes + 1), 1])


def windows(axes: list[Axis]) -> dict[str, list[int]]:
    """Return the attributes that say how windows lie along the axes."""
    return {
        "kernel_shape": [axis.kernel for axis in axes],
        "strides": [axis.stride for axis in axes],
        "dilations": [axis.dilation for axis in axes],
        "pads": [*(axis.low for axis in axes), *(axis.high for axis in axes)],
    }
