"""Attention in sequences of at most as many steps as a vector has lanes, all heads of an example.

The queries of a head are the lanes of one vector, and its scores, Sᵀ = K Qᵀ, are a square in the
first cache: the softmax is a plain one, and is computed again on the way back.
Queries of all heads are transposed together, since heads of a few numbers do not fill a vector. So

    Yᵀ = Vᵀ Pᵀ,  dQᵀ = scale Kᵀ dSᵀ,  dVᵀ = dYᵀ P,  dKᵀ = scale Qᵀ dS

all have a vector a row, of queries or of keys, and the numbers that vectors are multiplied by are
read where they lie.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...kernels.lanes import (
    LANE_ROWS,
    LANES,
    hide_lanes,
    multiply_lanes,
    slope_whole_lanes,
    softmax_lanes,
)
from ...kernels.simd import item_bytes, lanes, number, transpose_block
from .panels import see, spread, transpose

__all__ = ["attend_all", "go_back_all", "short_work_size"]


def short_work_size(width: int) -> int:
    """Return how many numbers a thread needs for itself, where all heads have ``width`` of them."""
    return LANES * (5 * width + 4 * LANES + 6)


def attend_all(arrays: Any, sizes: Any, memory: Any, scale: Any, heads: Any) -> None:
    """Compute y of some heads of an example."""
    x, qk, y, spans = arrays
    steps, size, count, groups = sizes[:4]
    row_x, row_k, row_y = x.shape[0] // steps, qk.shape[0] // steps, y.shape[0] // steps
    like, wide, (first, last) = x[0], lanes(x[0]), heads
    row, many = wide * item_bytes(like), (last - first) * size
    one, factor = number(like, 1.0), number(like, scale)
    panel, mixed, scores = memory, memory[wide * many :], memory[2 * wide * many :]
    state = scores[wide * wide :]
    transpose(qk[first * size :], row_k, many, (steps, wide), panel)
    _, _, latest, earliest = see(spans, sizes, 0, steps, state)
    hides = latest > 0 or earliest < steps
    for head in range(first, last):
        group, below = head // (count // groups), (head - first) * size
        of_k = qk[(count + group) * size :], row_k
        of_v = x[(count + groups + group) * size :], row_x
        score(like, (steps, size), factor, of_k, at(panel, below * row), at(scores, 0))
        weigh(like, scores, steps, state, hides)
        mix((size, steps), one, of_v, at(scores, 0), False, at(mixed, below * row))
    spread(mixed, many, (steps, wide), y[first * size :], row_y)


def go_back_all(arrays: Any, sizes: Any, memory: Any, scale: Any, groups: Any) -> None:
    """Compute dQ, dK and dV of some groups of an example."""
    x, qk, spans, dy, dx, dqk = arrays
    steps, size, count, shared = sizes[:4]
    row_x, row_k, row_y = x.shape[0] // steps, qk.shape[0] // steps, dy.shape[0] // steps
    like, wide, together = x[0], lanes(x[0]), count // shared
    row, (low, high) = wide * item_bytes(like), groups
    one, factor, first = number(like, 1.0), number(like, scale), low * together
    many, inner, square = (high - low) * together * size, (high - low) * size, wide * wide
    queries, of_dy, of_dq = memory, memory[wide * many :], memory[2 * wide * many :]
    of_dk = memory[3 * wide * many :]
    of_dv = of_dk[wide * inner :]
    weights = of_dv[wide * inner :]
    slopes, turned, steep = weights[square:], weights[2 * square :], weights[3 * square :]
    state = weights[4 * square :]
    transpose(qk[first * size :], row_k, many, (steps, wide), queries)
    transpose(dy[first * size :], row_y, many, (steps, wide), of_dy)
    _, _, latest, earliest = see(spans, sizes, 0, steps, state)
    hides = latest > 0 or earliest < steps
    for k in range(steps * wide, square):
        weights[k] = 0
        slopes[k] = 0
    for head in range(first, high * together):
        group, below = head // together, (head - first) * size * row
        into, adds = (group - low) * size * row, head % together > 0
        of_k = qk[(count + group) * size :], row_k
        of_v = x[(count + shared + group) * size :], row_x
        score(like, (steps, size), factor, of_k, at(queries, below), at(weights, 0))
        weigh(like, weights, steps, state, hides)
        score(like, (steps, size), one, of_v, at(of_dy, below), at(slopes, 0))
        slope_whole_lanes(like, (at(weights, 0), row, steps), at(slopes, 0))
        mix((size, steps), factor, of_k, at(slopes, 0), False, at(of_dq, below))
        transpose_block(like, at(weights, 0), row, at(turned, 0), row)
        transpose_block(like, at(slopes, 0), row, at(steep, 0), row)
        own = dy[head * size :], row_y
        mix((size, steps), one, own, at(turned, 0), adds, at(of_dv, into))
        asked = qk[head * size :], row_k
        mix((size, steps), factor, asked, at(steep, 0), adds, at(of_dk, into))
    spread(of_dq, many, (steps, wide), dqk[first * size :], row_k)
    spread(of_dk, inner, (steps, wide), dqk[(count + low) * size :], row_k)
    spread(of_dv, inner, (steps, wide), dx[(count + shared + low) * size :], row_x)


def at(memory: Any, offset: int) -> Any:
    """Return an address."""
    return np.int64(memory.ctypes.data) + np.int64(offset)


def weigh(like: Any, scores: Any, steps: int, state: Any, hides: bool) -> None:
    """scores = softmax(scores) of those that are seen"""
    row: Any = np.int64(lanes(like) * item_bytes(like))
    count: Any = np.int64(steps)
    of_s = at(scores, 0), row, count
    if hides:
        hide_lanes(like, 0, of_s, at(state, 0))
    softmax_lanes(like, of_s)


def score(like: Any, extents: Any, factor: Any, of_a: Any, b: Any, c: Any) -> None:
    """C = factor A B: rows of A lie a distance apart"""
    a, row = of_a
    item = item_bytes(like)
    multiply(like, extents, factor, (at(a, 0), np.int64(row * item), np.int64(item)), b, 0, c)


def mix(extents: Any, factor: Any, of_a: Any, b: Any, adds: bool, c: Any) -> None:
    """C = factor Aᵀ B, or C += factor Aᵀ B: rows of A lie a distance apart"""
    a, row = of_a
    item = item_bytes(factor)
    onto = 1 if adds else 0
    of_a = at(a, 0), np.int64(item), np.int64(row * item)
    multiply(factor, extents, factor, of_a, b, onto, c)


def multiply(like: Any, extents: Any, factor: Any, of_a: Any, b: Any, onto: int, c: Any) -> None:
    """C = factor A B, or C += factor A B, in tiles of rows"""
    rows, k = extents
    start, row_a, step_a = of_a
    row = lanes(like) * item_bytes(like)
    tiles = (rows + LANE_ROWS - 1) // LANE_ROWS
    few, more = rows // tiles, rows % tiles  # so many tiles have one row more
    done: Any = np.int64(0)
    depth: Any = np.int64(k)
    adds: Any = np.int64(onto)
    for tile in range(tiles):
        high: Any = np.int64(few + 1 if tile < more else few)
        of_tile = start + done * row_a, row_a, step_a
        multiply_lanes(high, depth, factor, of_tile, b, adds, c + done * row)
        done += high
