"""Convolutions and pools in ONNX, whose images have their channels in front."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...onnx_form import OnnxGraph
from ...onnx_reading import OnnxNode, Reading
from .geometry import Axis

__all__ = ["channels_first", "padding_of", "read_convolution", "read_pool", "same_or", "windows"]


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


def read_convolution(kind: Any, node: OnnxNode) -> Reading | None:
    """Of one along as many axes as the kind of layer has."""
    A = node.array(1)
    if A.ndim != kind.axes + 2:
        return None
    q, _, *kernel = A.shape
    given = _given(node, 3, kernel, group=1)
    if given["kernel_shape"] != kernel:
        raise node.error(f"has the kernel_shape {given['kernel_shape']}, but weights {A.shape}")
    theta = {"A": np.ascontiguousarray(np.moveaxis(A, (0, 1), (-1, -2)))}
    if node.has(2):
        theta["b"] = node.array(2)
    layer = kind(
        q,
        same_or(kernel),
        same_or(given["strides"]),
        _padding(node, given),
        same_or(given["dilations"]),
        given["group"],
        bias="b" in theta,
    )
    return Reading(layer, node.value(0), theta, axis=1, rank=kind.axes + 1)


def read_pool(kind: Any, node: OnnxNode, **others: Any) -> Reading:
    """Of windows along one axis or two."""
    kernel = node.given(1, kernel_shape=[], **_REST)["kernel_shape"]
    axes = len(kernel)
    given = _given(node, 1, kernel, ceil_mode=0, **others)
    if given["dilations"] != [1] * axes or axes not in (1, 2):
        raise node.error("has windows with holes, or along more than two axes")
    sizes = [int(size) for size in kernel]
    padding = _padding(node, given)
    if given["ceil_mode"] and not _fits(node, sizes, given):
        raise node.error("rounds the number of its windows up; only ceil_mode 0 is known")
    if given.get("storage_order"):
        raise node.error("has its windows in the order of columns")
    if given.get("count_include_pad") and padding != "valid":
        raise node.error("counts the zeros around; only count_include_pad 0 is known")
    strides = same_or(given["strides"])
    size = same_or(sizes)
    layer = kind(size, None if strides == size else strides, padding)
    return Reading(layer, node.value(0), axis=1, rank=axes + 1)


_REST: dict[str, Any] = dict.fromkeys(
    (
        "auto_pad",
        "ceil_mode",
        "count_include_pad",
        "dilations",
        "group",
        "pads",
        "storage_order",
        "strides",
    )
)


def _given(node: OnnxNode, most: int, kernel: list[int], **others: Any) -> dict[str, Any]:
    """Return the attributes that say how windows lie, in whole numbers."""
    ones = [1.0] * len(kernel)
    whole: dict[str, list[Any]] = {
        "kernel_shape": kernel,
        "strides": ones,
        "dilations": ones,
        "pads": [0.0, 0.0] * len(kernel),
    }
    given = node.given(most, auto_pad="NOTSET", **whole, **others)
    given["pads"] = given["pads"] if given["pads"] is not whole["pads"] else [0.0] * 2 * len(kernel)
    for name, known in whole.items():
        found = given[name]
        if len(found) != len(known) or any(number != int(number) for number in found):
            raise node.error(f"has {name} {found}; expected {len(known)} whole numbers")
        given[name] = [int(number) for number in found]
    return given


def _padding(node: OnnxNode, given: dict[str, Any]) -> Any:
    """Return the padding of a layer."""
    auto, pads = given["auto_pad"], given["pads"]
    if auto == "VALID":
        return "valid"
    if auto == "SAME_UPPER":
        return "same"
    if auto != "NOTSET":
        raise node.error(f"has auto_pad {auto!r}; only SAME_UPPER and VALID are known")
    return padding_of(pads) if any(pads) else "valid"


def padding_of(pads: list[int]) -> Any:
    """Return zeros before all axes and behind all axes as a layer has them."""
    axes = len(pads) // 2
    pairs = zip(pads[:axes], pads[axes:], strict=True)
    return same_or([low if low == high else (low, high) for low, high in pairs])


def same_or(each: list[Any]) -> Any:
    """Return one number for all axes where they are the same."""
    return each[0] if len(set(each)) == 1 and isinstance(each[0], int) else tuple(each)


def _fits(node: OnnxNode, sizes: list[int], given: dict[str, Any]) -> bool:
    """Whether the last windows end where the example ends, so that nothing is rounded."""
    found = node.examples(0)
    if found is None or len(found[1]) != len(sizes) + 1 or given["auto_pad"] != "NOTSET":
        return False
    axes = len(sizes)
    around = zip(given["pads"][:axes], given["pads"][axes:], strict=True)
    lengths = [n + sum(pads) for n, pads in zip(found[1][1:], around, strict=True)]
    steps = zip(lengths, sizes, given["strides"], strict=True)
    return all((length - size) % stride == 0 for length, size, stride in steps)
