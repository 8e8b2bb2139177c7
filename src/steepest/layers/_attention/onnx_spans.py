"""Which steps belong together, as files have it where `.onnx.note_spans` has written it."""

from __future__ import annotations

import numpy as np

from ...layer import Array
from ...onnx_reading import OnnxNode, Op, Spans

__all__ = ["begin_pattern", "read_spans", "seen_pattern"]

_INT64 = 7  # in ONNX
_NONE = -1  # no token


def begin_pattern(start: bool) -> Op:
    """Return the pattern of the step at which the sequence of each step begins, (n, T)."""
    if not start:
        return Op("Mul", "zero", _tokens()).called("begin")
    starts = Op("And", Op("Equal", _tokens(), "start"), _inside())
    places = Op("Mul", Op("Cast", starts, to=_INT64), "places")
    last = Op("Mul", "before", Op("Unsqueeze", places, "places_axis"))
    return Op("ReduceMax", last, "last_axis", keepdims=0).called("begin")


def seen_pattern(start: bool) -> Op:
    """Return the pattern of what each step sees, for all heads, (n, 1, T, T)."""
    here = Op("Unsqueeze", begin_pattern(start), "here_axis")
    same = Op("Equal", here, Op("Unsqueeze", "begin", "there_axis"))
    return Op("Unsqueeze", Op("And", same, Op("Unsqueeze", _inside(), "inside_axis")), "heads_axis")


def _tokens() -> Op:
    return Op("Cast", "tokens", to=_INT64)


def _inside() -> Op:
    """Return the pattern of which steps are not behind the end of the sequence, (n, T)."""
    others = Op("Not", Op("Equal", _tokens(), "padding"))
    ends = Op("Mul", Op("Cast", others, to=_INT64), "ends")
    length = Op("Max", Op("ReduceMax", ends, "ends_axis", keepdims=1), "least")
    return Op("Less", "steps", length)


def read_spans(node: OnnxNode, steps: int, start: bool, seen: bool) -> Spans | None:
    """Return what an operator that fits one of these patterns says of T steps, or None.

    Parameters
    ----------
    node : OnnxNode
    steps : int
    start : bool
        Whether the pattern is one with a start; if not, it must be that of what is seen.
    seen : bool
        Whether it is that of what is seen.
    """
    numbers = np.arange(steps)
    known: dict[str, Array | int] = {"ends": numbers + 1, "steps": numbers}
    known |= {"ends_axis": 1, "least": 1}
    if start:
        known |= {"places": numbers, "before": np.tri(steps), "places_axis": 1, "last_axis": 2}
    else:
        known |= {"zero": 0}
    if seen:
        known |= {"here_axis": 2, "there_axis": 1, "inside_axis": 1, "heads_axis": 1}
    special = node.whole("padding"), node.whole("start") if start else [_NONE]
    same = all(node.whole(name) == np.ravel(each).tolist() for name, each in known.items())
    if not same or any(len(token) != 1 for token in special):
        return None
    padding, first = (None if token == _NONE else token for (token,) in special)
    return Spans(node.value("tokens"), padding, first)
