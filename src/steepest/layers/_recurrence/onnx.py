"""Recurrent layers in ONNX, whose first axis is that of the moments.

Of the gates each has another order than the layer: ``order`` says which of the layer's gates are
the first, second, … of ONNX.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...layer import Array
from ...onnx_form import OnnxGraph
from ...onnx_reading import Form, OnnxNode, Op, Reading

__all__ = ["ATTRIBUTES", "forms", "read_cell", "write"]

_TURNED = [1, 0, 2]

ATTRIBUTES = {"hidden_size": None, "direction": "forward", "layout": 0}
"""Those of all recurrent operators, with their defaults."""


def write(layer: Any, g: OnnxGraph, kind: str, order: Sequence[int], **attributes: Any) -> str:
    """Add a recurrent operator, and what turns its input and its output."""
    h, theta = layer.units, g.theta
    x = g.op("Transpose", g.x, perm=_TURNED)
    given = [g.constant(_moved(theta[name], order, h)[None]) for name in ("A", "U")]
    last = ["", ""]
    if layer.bias:
        both = [_moved(theta[name], order, h) for name in ("b", "c")]
        last[0] = g.constant(np.concatenate(both)[None])
    if layer.initial == "learned":
        n = g.op("Slice", g.op("Shape", g.x), *(g.constant([k], np.int64) for k in (0, 1)))
        one, width = g.constant([1], np.int64), g.constant([h], np.int64)
        sizes = g.op("Concat", one, n, width, axis=0)
        last += [g.op("Expand", g.constant(row[None, None]), sizes) for row in theta["start"]]
    while last and not last[-1]:
        last.pop()
    direction = "reverse" if layer.reverse else "forward"
    made = g.op(kind, x, *given, *last, hidden_size=h, direction=direction, **attributes)
    if layer.sequences:  # (behind the axis of moments is that of directions, of one)
        return g.op("Transpose", g.op("Squeeze", made, g.constant([1], np.int64)), perm=_TURNED)
    last_one = g.constant([0 if layer.reverse else -1], np.int64)
    return g.op("Squeeze", g.op("Gather", made, last_one, axis=0), g.constant([0, 1], np.int64))


def forms(kind: str, read: Any) -> tuple[Form, ...]:
    """Return the forms of all moments and of the last one."""
    cell = Op(kind).called("cell")
    return (
        Form(Op("Transpose", Op("Squeeze", cell, "axes"), perm=None), read),
        Form(Op("Squeeze", Op("Gather", cell, "index", axis=0), "axes"), read),
    )


def read_cell(
    kind: Any, node: OnnxNode, order: Sequence[int], known: dict[str, Any], **settings: Any
) -> Reading | None:
    """Return a layer of a recurrent operator, if what stands around it turns its axes.

    ``known`` are the attributes of the operator beside those of all, with their values.
    """
    cell = node.made_by("cell")
    ahead = cell.made_by(0)
    turned = ahead.kind == "Transpose" and ahead.given(perm=[]).get("perm") == _TURNED
    sequences = node.kind == "Transpose"
    if not turned or node.whole("axes") != ([1] if sequences else [0, 1]):
        return None
    if sequences and node.given(perm=[])["perm"] != _TURNED:
        return None
    h = cell.array(2).shape[-1]
    given = cell.given(7, **ATTRIBUTES, **known)
    reverse = given["direction"] == "reverse"
    if (
        given["hidden_size"] not in (None, h)
        or given["direction"] == "bidirectional"
        or given["layout"] != 0
        or cell.array(1).shape[0] != 1
    ):
        raise cell.error("has two directions, or axes in another order")
    if any(given[name] != value for name, value in known.items()) or cell.has(4):
        raise cell.error("has settings, or lengths of sequences, for which there is no layer")
    if not sequences and node.whole("index") != [0 if reverse else -1]:
        return None
    theta = {name: _moved(cell.array(k)[0], order, h, back=True) for name, k in _PLACES}
    if cell.has(3):
        parts = np.split(cell.array(3)[0], 2)
        theta |= {
            name: _moved(part, order, h, back=True) for name, part in zip("bc", parts, strict=True)
        }
    starts = [_start(cell, k, h) for k in (5, 6) if cell.has(k)]
    if any(start.any() for start in starts):
        theta["start"] = np.stack(starts)
    layer = kind(
        h,
        sequences=sequences,
        reverse=reverse,
        initial="learned" if "start" in theta else "zeros",
        bias="b" in theta,
        **settings,
    )
    return Reading(layer, ahead.value(0), theta, rank=2, takes=int(theta["A"].shape[1]))


_PLACES = (("A", 1), ("U", 2))


def _start(cell: OnnxNode, k: int, h: int) -> Array:
    """Return the state before the first moment, which must be the same for all examples."""
    if cell.is_constant(k):
        given = cell.array(k).reshape(-1, h)
    else:
        ahead = cell.made_by(k)
        if ahead.kind != "Expand" or not ahead.is_constant(0):
            raise cell.error("begins with a state that is computed")
        given = ahead.array(0).reshape(-1, h)
    if (given != given[0]).any():
        raise cell.error("begins with another state for each example")
    start: Array = given[0]
    return start


def _moved(values: Array, order: Sequence[int], h: int, *, back: bool = False) -> Array:
    """Return the gates' parts in the order of ONNX, or ``back`` in that of the layer."""
    places = np.argsort(order) if back else order
    return np.concatenate([values[k * h : (k + 1) * h] for k in places])
