"""The kernels of attention: softmax(scale Q Kᵀ) V, without a matrix of all queries by all keys.

The queries of a head are taken in panels, as many as fill the lanes of a few vectors; every panel
meets the keys chunk by chunk. So scores are columns of lanes, Sᵀ = K Qᵀ (keys, queries): a softmax
over keys is arithmetic between vectors, and only small pieces of S and P exist at any time.

Forward, the softmax is online: after every chunk, a query knows the largest score so far and the
sum of exp(score − largest), and scales what it has added up when a larger score comes. Of the n·T
queries of a head log Σ exp(scores) is kept. Backward, P = exp(S − that) is computed again, and
with D_i = dy_i · y_i

    dV = Pᵀ dY,  dP = dY Vᵀ,  dS = P ⊙ (dP − D),  dQ = scale dS K,  dK = scale dSᵀ Q.

Sources: Dao, Fu, Ermon, Rudra & Ré, "FlashAttention: Fast and memory-efficient exact attention with
IO-awareness", NeurIPS 2022, arXiv:2205.14135, algorithms 1 and 4, equations 4 to 6 of appendix B;
Milakov & Gimelshein, "Online normalizer calculation for softmax", arXiv:1805.02867, algorithm 3.

Layout, an example in a row: x (n, T·(heads + 2 groups)·size) has at each of T steps the queries of
all heads, then the keys and the values of all groups; ``qk`` the same, and is x itself or what
rotation has made of its queries and keys. y is (n, T·heads·size). ``plan`` holds T, size, heads,
groups, whether steps see earlier ones only, and whether ``spans`` (n, 2 T) says from which step to
before which one each step sees.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...kernels.functions import exp
from ...kernels.packing import transpose_panel
from ...kernels.simd import item_bytes, microtile_columns
from ...kernels.windows import multiply_windows
from ...layer import Array

__all__ = ["LANES", "backward_x", "forward", "work_size"]

LANES = 32
"""Queries of a panel, at most; a microtile has so many columns or a divisor of that."""

KEYS = 48
"""Keys of a chunk: so few rows pass a panel that it isn't worth a copy."""

_HIDDEN, _LEAST = -3e38, -1e30  # the score of a key that is not seen; the largest score of none
_TOP, _TOTAL, _FACTOR, _BEGIN, _END, _ALONG = range(0, 6 * LANES, LANES)  # what is known of lanes


def work_size(size: int) -> int:
    """Return how many numbers a thread needs for itself."""
    return LANES * (2 * size + 2 * KEYS + 6)


def forward(
    x: Array,
    qk: Array,
    y: Array,
    sums: Array,
    spans: Array,
    plan: Array,
    work: Array,
    zeros: Array,
    scale: float,
    windows: int,
    thread: int,
    panels: range,
) -> None:
    """y = softmax(scale Q Kᵀ) V; sums = log Σ exp(scale Q Kᵀ)"""
    sizes = sizes_of(plan)
    steps, _, heads = sizes[:3]
    wide = microtile_columns(x[0, 0])
    in_head = (steps + LANES - 1) // LANES
    for panel in range(np.int64(panels.start), np.int64(panels.stop)):
        unit, first = panel // in_head, panel % in_head * LANES
        example, head = unit // heads, unit % heads
        for start in range(first, min(first + LANES, steps), wide):
            arrays = x[example], qk[example], y[example], sums[example], spans[example], zeros
            attend(arrays, sizes, work[thread], scale, windows, head, start)


def backward_x(
    x: Array,
    qk: Array,
    y: Array,
    dy: Array,
    sums: Array,
    spans: Array,
    plan: Array,
    work: Array,
    zeros: Array,
    dx: Array,
    dqk: Array,
    scale: float,
    windows: int,
    thread: int,
    groups: range,
) -> None:
    """dQ = scale dS K, dK = scale dSᵀ Q, dV = Pᵀ dY; P = exp(S − sums), dS = P (dY Vᵀ − dY·Y)"""
    sizes = sizes_of(plan)
    steps, size, heads, count = sizes[:4]
    wide, together = microtile_columns(x[0, 0]), heads // count
    for unit in range(np.int64(groups.start), np.int64(groups.stop)):
        i, group = unit // count, unit % count
        clear(dqk[i][(heads + group) * size :], dqk.shape[1] // steps, sizes)
        clear(dx[i][(heads + count + group) * size :], dx.shape[1] // steps, sizes)
        for head in range(group * together, (group + 1) * together):
            for start in range(0, steps, wide):
                arrays = x[i], qk[i], y[i], sums[i], spans[i], zeros, dy[i], dx[i], dqk[i]
                go_back(arrays, sizes, work[thread], scale, windows, head, start)


def sizes_of(plan: Any) -> Any:
    """Return what a plan holds."""
    steps, size, heads = np.int64(plan[0]), np.int64(plan[1]), np.int64(plan[2])
    return steps, size, heads, np.int64(plan[3]), np.int64(plan[4]), np.int64(plan[5])


def attend(
    arrays: Any, sizes: Any, memory: Any, scale: Any, windows: int, head: int, start: int
) -> None:
    """Compute y and sums of one panel of queries."""
    x, qk, y, sums, spans, zeros = arrays
    steps, size, heads, groups = sizes[:4]
    row_x, row_k, row_y = x.shape[0] // steps, qk.shape[0] // steps, y.shape[0] // steps
    wide, one = microtile_columns(x[0]), zeros[0] + 1
    live, group = min(wide, steps - start), head // (heads // groups)
    panel, scores = memory, memory[2 * LANES * size :]
    lanes = scores[2 * LANES * KEYS :]
    top, total, factor = lanes[_TOP:], lanes[_TOTAL:], lanes[_FACTOR:]
    of_y = y[start * row_y + head * size :]
    transpose(qk[start * row_k + head * size :], row_k, size, live, panel)
    low, high, bounded = see(spans, sizes, start, live, lanes)
    for lane in range(wide):
        top[lane] = _LEAST
        total[lane] = zeros[0]
    for first in range(low, high, KEYS):
        keys = min(KEYS, high - first)
        of_k = qk[first * row_k + (heads + group) * size :]
        of_v = x[first * row_x + (heads + groups + group) * size :]
        of_s = scores, wide
        product(windows, (keys, size, wide), scale, (of_k, row_k, 1), (panel, wide), zeros, of_s)
        if bounded > 0:
            hide(scores, lanes, first, keys, wide)
        weigh(scores, top, total, factor, keys, wide)
        of_p, extents = (scores, 1, wide), (live, keys, size)
        if first == low:
            product(windows, extents, one, of_p, (of_v, row_x), zeros, (of_y, row_y))
        else:
            scale_rows(of_y, row_y, size, live, factor)
            add_product(windows, extents, one, of_p, (of_v, row_x), (of_y, row_y))
    for lane in range(live):
        sums[head * steps + start + lane] = top[lane] + math.log(total[lane])
        total[lane] = one / total[lane]
    scale_rows(of_y, row_y, size, live, total)


def go_back(
    arrays: Any, sizes: Any, memory: Any, scale: Any, windows: int, head: int, start: int
) -> None:
    """Compute dQ of one panel of queries, and add what comes of it to dK and dV."""
    x, qk, y, sums, spans, zeros, dy, dx, dqk = arrays
    steps, size, heads, groups = sizes[:4]
    row_x, row_k, row_y = x.shape[0] // steps, qk.shape[0] // steps, y.shape[0] // steps
    wide, one = microtile_columns(x[0]), zeros[0] + 1
    live, group = min(wide, steps - start), head // (heads // groups)
    panel, panel_dy = memory, memory[LANES * size :]
    scores, slopes = panel_dy[LANES * size :], panel_dy[LANES * (size + KEYS) :]
    lanes = slopes[LANES * KEYS :]
    place_q, place_y = start * row_k + head * size, start * row_y + head * size
    of_q, of_dq, of_dy = (qk[place_q:], row_k), (dqk[place_q:], row_k), (dy[place_y:], row_y)
    transpose(qk[place_q:], row_k, size, live, panel)
    transpose(dy[place_y:], row_y, size, live, panel_dy)
    low, high, bounded = see(spans, sizes, start, live, lanes)
    recall(sums[head * steps + start :], y[place_y:], dy[place_y:], row_y, (size, live), lanes)
    for first in range(low, high, KEYS):
        keys = min(KEYS, high - first)
        place_k = first * row_k + (heads + group) * size
        place_v = first * row_x + (heads + groups + group) * size
        of_k, of_v = qk[place_k:], x[place_v:]
        extents, back, of_s = (keys, size, wide), (keys, live, size), (scores, wide)
        product(windows, extents, scale, (of_k, row_k, 1), (panel, wide), zeros, of_s)
        if bounded > 0:
            hide(scores, lanes, first, keys, wide)
        of_ds = slopes, wide
        product(windows, extents, one, (of_v, row_x, 1), (panel_dy, wide), zeros, of_ds)
        slope(scores, slopes, lanes[_TOTAL:], lanes[_ALONG:], keys, wide)
        of_dv, of_dk = (dx[place_v:], row_x), (dqk[place_k:], row_k)
        add_product(windows, back, one, (scores, wide, 1), of_dy, of_dv)
        add_product(windows, back, scale, (slopes, wide, 1), of_q, of_dk)
        of_turned, extents = (slopes, 1, wide), (live, keys, size)
        if first == low:
            product(windows, extents, scale, of_turned, (of_k, row_k), zeros, of_dq)
        else:
            add_product(windows, extents, scale, of_turned, (of_k, row_k), of_dq)


def transpose(rows: Any, row: int, size: int, live: int, panel: Any) -> None:
    """panel = rowsᵀ: ``live`` rows become the first lanes, and there are zeros in the others"""
    like = rows[0]
    start: Any = np.int64(rows.ctypes.data)
    to: Any = np.int64(panel.ctypes.data)
    transpose_panel(like, start, row * item_bytes(like), size, live, to)


def clear(rows: Any, row: int, sizes: Any) -> None:
    """rows = 0, ``size`` columns of all steps"""
    steps, size = sizes[:2]
    zero = rows.dtype.type(0)
    for step in range(steps):
        for d in range(size):
            rows[step * row + d] = zero


def see(spans: Any, sizes: Any, start: int, live: int, lanes: Any) -> tuple[int, int, int]:
    """Note which keys each query of a panel sees.

    Returns
    -------
    low, high, bounded : int
        The keys that any of them sees; whether there are some that another one doesn't.
    """
    steps, causal, masked = sizes[0], sizes[4], sizes[5]
    none: Any = np.int64(0)
    low, high, latest, earliest = steps, none, none, steps
    for lane in range(microtile_columns(lanes[0])):
        begin, end = none, none
        if lane < live:
            query = start + lane
            end = steps
            if masked > 0:
                begin, end = np.int64(spans[2 * query]), np.int64(spans[2 * query + 1])
            if causal > 0:
                end = min(end, query + 1)
            low, high = min(low, begin), max(high, end)
            latest, earliest = max(latest, begin), min(earliest, end)
        lanes[_BEGIN + lane] = begin
        lanes[_END + lane] = end
    return low, high, int(latest > low or earliest < high)


def product(
    windows: int, extents: Any, factor: Any, of_a: Any, of_b: Any, zeros: Any, of_c: Any
) -> None:
    """C = factor A B; with matrices, their distances from row to row, and A's along a row"""
    rows, inner, columns = extents
    (a, row_a, step_a), (b, row_b), (c, row_c) = of_a, of_b, of_c
    none, single = np.int64(0), np.int64(1)
    multiply_windows(
        windows,
        (single, single, rows, single, inner, columns),
        factor,
        a,
        (none, none, np.int64(row_a), none, np.int64(step_a), none),
        b,
        (none, row_b),
        zeros,
        (none, none, none),
        c,
        (none, none, row_c),
    )


def add_product(windows: int, extents: Any, factor: Any, of_a: Any, of_b: Any, of_c: Any) -> None:
    """C += factor A B"""
    rows, inner, columns = extents
    (a, row_a, step_a), (b, row_b), (c, row_c) = of_a, of_b, of_c
    none, single = np.int64(0), np.int64(1)
    multiply_windows(
        windows,
        (single, single, rows, single, inner, columns),
        factor,
        a,
        (none, none, np.int64(row_a), none, np.int64(step_a), none),
        b,
        (none, row_b),
        c,
        (none, none, row_c),
        c,
        (none, none, row_c),
    )


def hide(scores: Any, lanes: Any, first: int, keys: int, wide: int) -> None:
    """Give keys that a query doesn't see a score whose exp is 0."""
    real = scores.dtype.type
    hidden, begin, end = real(_HIDDEN), lanes[_BEGIN:], lanes[_END:]
    for j in range(keys):
        key = real(first + j)
        for lane in range(wide):
            s = scores[j * wide + lane]
            scores[j * wide + lane] = s if (begin[lane] <= key) & (key < end[lane]) else hidden


def weigh(scores: Any, top: Any, total: Any, factor: Any, keys: int, wide: int) -> None:
    """Turn scores into exp(score − top), with ``top`` and ``total`` brought up to date.

    ``factor`` is what all that was added up before must be multiplied by.
    """
    for lane in range(wide):
        factor[lane] = top[lane]
    for j in range(keys):
        for lane in range(wide):
            s, t = scores[j * wide + lane], top[lane]
            top[lane] = s if s > t else t
    for lane in range(wide):
        factor[lane] = exp(factor[lane] - top[lane], scores)
        total[lane] *= factor[lane]
    for j in range(keys):
        for lane in range(wide):
            e = exp(scores[j * wide + lane] - top[lane], scores)
            scores[j * wide + lane] = e
            total[lane] += e


def scale_rows(rows: Any, row: int, size: int, live: int, factor: Any) -> None:
    """rows ⊙= factor, one for each row"""
    for lane in range(live):
        f = factor[lane]
        for d in range(size):
            rows[lane * row + d] *= f


def recall(sums: Any, y: Any, dy: Any, row: int, extents: Any, lanes: Any) -> None:
    """Note of each query log Σ exp(scores), and y·dy."""
    size, live = extents
    total, along = lanes[_TOTAL:], lanes[_ALONG:]
    for lane in range(microtile_columns(lanes[0])):
        total[lane] = 0
        along[lane] = 0
    for lane in range(live):
        added = lanes.dtype.type(0)
        for d in range(size):
            added += y[lane * row + d] * dy[lane * row + d]
        total[lane] = sums[lane]
        along[lane] = added


def slope(scores: Any, slopes: Any, sums: Any, along: Any, keys: int, wide: int) -> None:
    """scores = P = exp(scores − sums); slopes = P ⊙ (slopes − along)"""
    for j in range(keys):
        for lane in range(wide):
            p = exp(scores[j * wide + lane] - sums[lane], scores)
            scores[j * wide + lane] = p
            slopes[j * wide + lane] = p * (slopes[j * wide + lane] - along[lane])
