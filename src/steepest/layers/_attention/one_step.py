"""Attention of one step to those before it, whose keys and values are remembered in a ring."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.operands import Buffer
from ...kernels.functions import exp
from ...kernels.lanes import HIDDEN
from ...kernels.simd import item_bytes, lanes, multiply_strip
from ...layer import Array
from .short import at

__all__ = ["FILLED", "attend", "no_way_back"]

FILLED = 32
"""A multiple of the lanes of a vector, whatever vectors there are."""

_STRIP = 8  # vectors of a sum in registers


def no_way_back(dy: Buffer, wants_dx: bool) -> Buffer | None:
    """Stand for the Φ of a program that takes one step after the other, and never goes back."""
    raise AssertionError("steps that are taken one by one have no backward pass")


def attend(
    x: Array,
    qk: Array,
    y: Array,
    keys: Array,
    values: Array,
    scores: Array,
    plan: Array,
    scale: float,
    step: int,
    places: range,
) -> None:
    """y = softmax(scale q Kᵀ) V over the steps remembered, this one too

    Keys lie side by side in ``keys``, entry after entry, and rows of ``values`` are those of V,
    both filled up to whole vectors. Each group of each example has a place.
    """
    window, size, heads, groups = plan[0], plan[1], plan[2], plan[3]
    across, along = keys.shape[1] // size, values.shape[1] // window
    together = heads // groups
    slot: Any = step % window
    count: Any = min(step + 1, np.int64(window))
    for place in places:
        i, group = np.int64(place) // groups, np.int64(place) % groups
        for d in range(size):
            keys[place, d * across + slot] = qk[i, (heads + group) * size + d]
            values[place, slot * along + d] = x[i, (heads + groups + group) * size + d]
        own, mixed = scores[place, :across], scores[place, across:]
        for head in range(group * together, (group + 1) * together):
            start = head * size
            for j in range(own.shape[0]):
                own[j] = own.dtype.type(0)
            for d in range(mixed.shape[0]):
                mixed[d] = mixed.dtype.type(0)
            multiply(qk[i, start : start + size], size, keys[place], across, own, count)
            total = weigh(own, count, scale)
            multiply(own, count, values[place], along, mixed, size)
            for d in range(size):
                y[i, start + d] = mixed[d] / total


def multiply(a: Any, k: Any, B: Any, row: Any, c: Any, columns: Any) -> None:
    """c += a B, for k rows of B; c and B have whole vectors, but begin with ``columns`` of use"""
    like, wide = a[0], lanes(a[0])
    item, vectors = item_bytes(like), (columns + wide - 1) // wide
    at_a, at_B, at_c = at(a, 0), at(B, 0), at(c, 0)
    depth: Any = np.int64(k)
    for first in range(0, vectors, _STRIP):
        many: Any = min(np.int64(_STRIP), vectors - first)
        offset = first * wide * item
        multiply_strip(many, depth, like, at_a, (at_B + offset, row * item), at_c + offset)


def weigh(scores: Any, count: Any, scale: Any) -> Any:
    """scores = exp(scale (scores − the largest)); return their sum

    Vector by vector; what is behind ``count`` becomes 0.
    """
    wide = lanes(scores[0])
    vectors = (count + wide - 1) // wide
    lowest = scores.dtype.type(HIDDEN)
    for j in range(count, vectors * wide):
        scores[j] = lowest
    rows = scores[: vectors * wide].reshape(vectors, wide)
    top = lowest
    for k in range(vectors):
        row = rows[k]
        for j in range(wide):
            top = row[j] if row[j] > top else top
    total = scores.dtype.type(0)
    for k in range(vectors):
        row = rows[k]
        for j in range(wide):
            row[j] = exp(scale * (row[j] - top), scores)
        for j in range(wide):
            total += row[j]
    return total
