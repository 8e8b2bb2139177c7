"""Attention in ONNX, spelled out: scores of all steps by all steps, and masks for what is not seen.

`TokenEmbedding` notes ``begin`` (n, T), the step at which the sequence of each step begins, and
``seen`` (n, T, T), whether a step may see another one, if not all see all.
"""

from __future__ import annotations

import math

import numpy as np

from ...layer import Array
from ...onnx_form import OnnxGraph
from .rotary import cosines_and_sines

__all__ = ["add_heads", "add_positions", "note_spans"]

_HIDDEN = -1e30


def note_spans(g: OnnxGraph, padding: int | None, start: int | None) -> None:
    """Add what finds out which steps of tokens g.x belong together, and note it."""
    (steps,) = g.shape
    tokens, numbers = g.cast(g.x, np.int64), np.arange(steps)
    inside = g.op("Less", g.constant(numbers[None, :], np.int64), _length(g, tokens, padding))
    begin = g.op("Mul", g.constant(0, np.int64), tokens)
    if start is not None:
        starts = g.op("And", g.op("Equal", tokens, g.constant(start, np.int64)), inside)
        places = g.op("Mul", g.cast(starts, np.int64), g.constant(numbers, np.int64))
        before = g.constant(np.tri(steps)[None], np.int64)  # (1, T, T): u is not behind t
        last = g.op("Mul", before, _with_axis(g, places, 1))
        begin = g.op("ReduceMax", last, g.constant([2], np.int64), keepdims=0)
    same = g.op("Equal", _with_axis(g, begin, 2), _with_axis(g, begin, 1))
    g.notes["begin"] = begin
    g.notes["seen"] = g.op("And", same, _with_axis(g, inside, 1))


def _length(g: OnnxGraph, tokens: str, padding: int | None) -> str:
    """Return how long the sequence of each example is, (n, 1): at least 1."""
    numbers = g.constant(np.arange(g.shape[0]) + 1, np.int64)
    others = g.op(
        "Not", g.op("Equal", tokens, g.constant(-1 if padding is None else padding, np.int64))
    )
    places = g.op("Mul", g.cast(others, np.int64), numbers)
    last = g.op("ReduceMax", places, g.constant([1], np.int64), keepdims=1)
    return g.op("Max", last, g.constant([1], np.int64))


def _with_axis(g: OnnxGraph, value: str, axis: int) -> str:
    return g.op("Unsqueeze", value, g.constant([axis], np.int64))


def add_positions(g: OnnxGraph, P: Array) -> str:
    """Return x + P[steps from the start of the sequence]."""
    steps = g.shape[0]
    if "begin" not in g.notes:
        return g.op("Add", g.x, g.constant(P[:steps]))
    places = g.op("Sub", g.constant(np.arange(steps), np.int64), g.notes["begin"])
    return g.op("Add", g.x, g.op("Gather", g.constant(P), places))


def add_heads(g: OnnxGraph, heads: int, groups: int, causal: bool, rotary: float | None) -> str:
    """Return softmax(Q Kᵀ/√size) V, (n, T, heads·size), of x (n, T, (heads + 2 groups)·size)."""
    (steps, width), together = g.shape, heads // groups
    size = width // (heads + 2 * groups)
    split = g.constant([-1, steps, heads + 2 * groups, size], np.int64)
    parts = g.op("Transpose", g.op("Reshape", g.x, split), perm=[0, 2, 1, 3])
    order = np.arange(heads) // together
    q = g.op("Gather", parts, g.constant(np.arange(heads), np.int64), axis=1)
    k = g.op("Gather", parts, g.constant(heads + order, np.int64), axis=1)
    v = g.op("Gather", parts, g.constant(heads + groups + order, np.int64), axis=1)
    if rotary is not None:
        q, k = (_turned(g, value, size, rotary) for value in (q, k))
    turned = g.op("Transpose", k, perm=[0, 1, 3, 2])
    scores = g.op("Mul", g.op("MatMul", q, turned), g.constant(1 / math.sqrt(size)))
    hidden = g.constant(_HIDDEN)
    if causal:
        scores = g.op("Where", g.constant(np.tri(steps) > 0, np.bool_), scores, hidden)
    if "seen" in g.notes:
        scores = g.op("Where", _with_axis(g, g.notes["seen"], 1), scores, hidden)
    y = g.op("MatMul", g.op("Softmax", scores, axis=-1), v)
    joined = g.constant([-1, steps, heads * size], np.int64)
    return g.op("Reshape", g.op("Transpose", y, perm=[0, 2, 1, 3]), joined)


def _turned(g: OnnxGraph, value: str, size: int, base: float) -> str:
    """Return queries or keys (n, heads, T, size) with their pairs turned."""
    half = size // 2
    cosines, sines = (g.constant(each) for each in cosines_and_sines(g.shape[0], size, base))
    u, v = (
        g.op("Slice", value, *(g.constant([k], np.int64) for k in (start, start + half, 3)))
        for start in (0, half)
    )
    first = g.op("Sub", g.op("Mul", u, cosines), g.op("Mul", v, sines))
    second = g.op("Add", g.op("Mul", v, cosines), g.op("Mul", u, sines))
    return g.op("Concat", first, second, axis=3)
