"""The kernels of attention: softmax(scale Q Kᵀ) V, without a matrix of all queries by all keys.

The queries of a head are taken in panels, as many as fill the lanes of a few vectors; every panel
meets the keys chunk by chunk. So scores are columns of lanes, Sᵀ = K Qᵀ (keys, queries): a softmax
over keys is arithmetic between vectors, and only small pieces of S and P exist at any time.

Forward, the softmax is online: after every chunk, a query knows the largest score so far and the
sum of exp(score − largest), and scales what it has added up when a larger score comes. These two
numbers of every query are kept. Backward, P is computed again from them, and with D_i = dy_i · y_i

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

from typing import Any

import numpy as np

from ...kernels.lanes import (
    ALONG,
    FACTOR,
    LANES,
    TOP,
    TOTAL,
    hide_lanes,
    slope_lanes,
    weigh_lanes,
)
from ...kernels.simd import item_bytes, lanes, microtile_columns
from ...kernels.windows import multiply_windows
from ...layer import Array
from .panels import see, sizes_of, transpose
from .short import attend_all, go_back_all, short_work_size

__all__ = ["LANES", "backward_x", "forward", "work_size"]

KEYS = 48
"""Keys of a chunk: so few rows pass a panel that it isn't worth a copy."""

_LEAST = -1e30  # the largest score of none


def work_size(steps: int, size: int, heads: int) -> int:
    """Return how many numbers a thread needs for itself."""
    panels = LANES * (2 * size + 2 * KEYS + 6)
    return max(panels, short_work_size(size * heads)) if steps <= LANES else panels


def forward(
    x: Array,
    qk: Array,
    y: Array,
    top: Array,
    inverse: Array,
    spans: Array,
    plan: Array,
    work: Array,
    zeros: Array,
    scale: float,
    windows: int,
    thread: int,
    panels: range,
) -> None:
    """y = softmax(scale Q Kᵀ) V; top = max scale Q Kᵀ, inverse = 1/Σ exp(scale Q Kᵀ − top)"""
    sizes = sizes_of(plan)
    steps, _, heads = sizes[:3]
    wide = microtile_columns(x[0, 0])
    if steps <= lanes(x[0, 0]):
        unit: Any = np.int64(panels.start)
        while unit < panels.stop:
            i, head = unit // heads, unit % heads
            more = min(np.int64(panels.stop) - unit, heads - head)
            short = x[i], qk[i], y[i], spans[i]
            attend_all(short, sizes, work[thread], scale, (head, head + more))
            unit += more
        return
    in_head = (steps + LANES - 1) // LANES
    for panel in range(np.int64(panels.start), np.int64(panels.stop)):
        unit, first = panel // in_head, panel % in_head * LANES
        example, head = unit // heads, unit % heads
        for start in range(first, min(first + LANES, steps), wide):
            kept = top[example], inverse[example]
            arrays = x[example], qk[example], y[example], kept, spans[example], zeros
            attend(arrays, sizes, work[thread], scale, windows, head, start)


def backward_x(
    x: Array,
    qk: Array,
    y: Array,
    dy: Array,
    top: Array,
    inverse: Array,
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
    """dQ = scale dS K, dK = scale dSᵀ Q, dV = Pᵀ dY; P again, dS = P (dY Vᵀ − dY·Y)"""
    sizes = sizes_of(plan)
    steps, size, heads, count = sizes[:4]
    if steps <= lanes(x[0, 0]):
        one: Any = np.int64(groups.start)
        while one < groups.stop:
            i, group = one // count, one % count
            more = min(np.int64(groups.stop) - one, count - group)
            short = x[i], qk[i], spans[i], dy[i], dx[i], dqk[i]
            go_back_all(short, sizes, work[thread], scale, (group, group + more))
            one += more
        return
    wide, together = microtile_columns(x[0, 0]), heads // count
    for unit in range(np.int64(groups.start), np.int64(groups.stop)):
        i, group = unit // count, unit % count
        clear(dqk[i][(heads + group) * size :], dqk.shape[1] // steps, sizes)
        clear(dx[i][(heads + count + group) * size :], dx.shape[1] // steps, sizes)
        for head in range(group * together, (group + 1) * together):
            for start in range(0, steps, wide):
                kept, into = (top[i], inverse[i]), (dx[i], dqk[i])
                arrays = x[i], qk[i], y[i], kept, spans[i], zeros, dy[i], into
                go_back(arrays, sizes, work[thread], scale, windows, head, start)


def attend(
    arrays: Any, sizes: Any, memory: Any, scale: Any, windows: int, head: int, start: int
) -> None:
    """Compute y of one panel of queries, and what is kept of them."""
    x, qk, y, (tops, inverses), spans, zeros = arrays
    steps, size, heads, groups = sizes[:4]
    row_x, row_k, row_y = x.shape[0] // steps, qk.shape[0] // steps, y.shape[0] // steps
    wide, one = microtile_columns(x[0]), zeros[0] + 1
    live, group = min(wide, steps - start), head // (heads // groups)
    panel, scores = memory, memory[2 * LANES * size :]
    state = scores[2 * LANES * KEYS :]
    top, total, factor = state[TOP:], state[TOTAL:], state[FACTOR:]
    of_y = y[start * row_y + head * size :]
    transpose(qk[start * row_k + head * size :], row_k, size, (live, wide), panel)
    low, high, latest, earliest = see(spans, sizes, start, live, state)
    for lane in range(wide):
        top[lane] = _LEAST
        total[lane] = zeros[0]
    for first in range(low, high, KEYS):
        keys = min(KEYS, high - first)
        of_k = qk[first * row_k + (heads + group) * size :]
        of_v = x[first * row_x + (heads + groups + group) * size :]
        of_s = scores, wide
        product(windows, (keys, size, wide), scale, (of_k, row_k, 1), (panel, wide), zeros, of_s)
        hides = first < latest or first + keys > earliest
        weigh(scores, state, first, (keys, wide), hides)
        of_p, extents = (scores, 1, wide), (live, keys, size)
        if first == low:
            product(windows, extents, one, of_p, (of_v, row_x), zeros, (of_y, row_y))
        else:
            scale_rows(of_y, row_y, size, live, factor)
            add_product(windows, extents, one, of_p, (of_v, row_x), (of_y, row_y))
    place = head * steps + start
    for lane in range(live):
        tops[place + lane] = top[lane]
        inverses[place + lane] = one / total[lane]
    scale_rows(of_y, row_y, size, live, inverses[place:])


def go_back(
    arrays: Any, sizes: Any, memory: Any, scale: Any, windows: int, head: int, start: int
) -> None:
    """Compute dQ of one panel of queries, and add what comes of it to dK and dV."""
    x, qk, y, (tops, inverses), spans, zeros, dy, (dx, dqk) = arrays
    steps, size, heads, groups = sizes[:4]
    row_x, row_k, row_y = x.shape[0] // steps, qk.shape[0] // steps, y.shape[0] // steps
    wide, one = microtile_columns(x[0]), zeros[0] + 1
    live, group = min(wide, steps - start), head // (heads // groups)
    panel, panel_dy = memory, memory[LANES * size :]
    scores, slopes = panel_dy[LANES * size :], panel_dy[LANES * (size + KEYS) :]
    state, place = slopes[LANES * KEYS :], head * steps + start
    place_q, place_y = start * row_k + head * size, start * row_y + head * size
    of_q, of_dq, of_dy = (qk[place_q:], row_k), (dqk[place_q:], row_k), (dy[place_y:], row_y)
    transpose(qk[place_q:], row_k, size, (live, wide), panel)
    transpose(dy[place_y:], row_y, size, (live, wide), panel_dy)
    low, high, latest, earliest = see(spans, sizes, start, live, state)
    recall(tops[place:], inverses[place:], y[place_y:], of_dy, (size, live, wide), state)
    for first in range(low, high, KEYS):
        keys = min(KEYS, high - first)
        place_k = first * row_k + (heads + group) * size
        place_v = first * row_x + (heads + groups + group) * size
        of_k, of_v = qk[place_k:], x[place_v:]
        extents, back, of_s = (keys, size, wide), (keys, live, size), (scores, wide)
        product(windows, extents, scale, (of_k, row_k, 1), (panel, wide), zeros, of_s)
        of_ds = slopes, wide
        product(windows, extents, one, (of_v, row_x, 1), (panel_dy, wide), zeros, of_ds)
        hides = first < latest or first + keys > earliest
        slope(scores, slopes, state, first, (keys, wide), hides)
        of_dv, of_dk = (dx[place_v:], row_x), (dqk[place_k:], row_k)
        add_product(windows, back, one, (scores, wide, 1), of_dy, of_dv)
        add_product(windows, back, scale, (slopes, wide, 1), of_q, of_dk)
        of_turned, extents = (slopes, 1, wide), (live, keys, size)
        if first == low:
            product(windows, extents, scale, of_turned, (of_k, row_k), zeros, of_dq)
        else:
            add_product(windows, extents, scale, of_turned, (of_k, row_k), of_dq)


def clear(rows: Any, row: int, sizes: Any) -> None:
    """rows = 0, ``size`` columns of all steps"""
    steps, size = sizes[:2]
    zero = rows.dtype.type(0)
    for step in range(steps):
        for d in range(size):
            rows[step * row + d] = zero


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
        (none, none, row_b),
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
        (none, none, row_b),
        c,
        (none, none, row_c),
        c,
        (none, none, row_c),
    )


def weigh(scores: Any, state: Any, first: int, extents: Any, hides: bool) -> None:
    """Turn scores into exp(score − top), with tops and totals brought up to date."""
    keys, wide = extents
    like: Any = scores[0]
    item = item_bytes(like)
    start: Any = np.int64(scores.ctypes.data)
    known: Any = np.int64(state.ctypes.data)
    for lane in range(0, wide, lanes(like)):
        of_s = start + lane * item, wide * item, keys
        if hides:
            hide_lanes(like, first, of_s, known + lane * item)
        weigh_lanes(like, of_s, known + lane * item)


def slope(scores: Any, slopes: Any, state: Any, first: int, extents: Any, hides: bool) -> None:
    """Turn scores into P and slopes, which are dY Vᵀ, into P ⊙ (slopes − dY·Y)."""
    keys, wide = extents
    like: Any = scores[0]
    item = item_bytes(like)
    start: Any = np.int64(scores.ctypes.data)
    other: Any = np.int64(slopes.ctypes.data)
    known: Any = np.int64(state.ctypes.data)
    for lane in range(0, wide, lanes(like)):
        of_s = start + lane * item, wide * item, keys
        if hides:
            hide_lanes(like, first, of_s, known + lane * item)
        slope_lanes(like, of_s, other + lane * item, known + lane * item)


def scale_rows(rows: Any, row: int, size: int, live: int, factor: Any) -> None:
    """rows ⊙= factor, one for each row"""
    for lane in range(live):
        f = factor[lane]
        for d in range(size):
            rows[lane * row + d] *= f


def recall(tops: Any, inverses: Any, y: Any, of_dy: Any, extents: Any, state: Any) -> None:
    """Note of each query what is kept, and y·dy."""
    size, live, wide = extents
    dy, row = of_dy
    top, total, along = state[TOP:], state[TOTAL:], state[ALONG:]
    for lane in range(live):
        added = state.dtype.type(0)
        for d in range(size):
            added += y[lane * row + d] * dy[lane * row + d]
        along[lane] = added
        top[lane] = tops[lane]
        total[lane] = inverses[lane]
    for lane in range(live, wide):
        top[lane] = 0
        total[lane] = 0
        along[lane] = 0
