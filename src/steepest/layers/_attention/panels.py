"""What the kernels of attention share: panels of queries, and which keys they see."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...kernels.lanes import BEGIN, END, LANES
from ...kernels.simd import item_bytes, lanes, transpose_block

__all__ = ["see", "sizes_of", "spread", "transpose"]


def sizes_of(plan: Any) -> Any:
    """Return what a plan holds."""
    steps, size, heads = np.int64(plan[0]), np.int64(plan[1]), np.int64(plan[2])
    return steps, size, heads, np.int64(plan[3]), np.int64(plan[4]), np.int64(plan[5])


def transpose(rows: Any, row: int, size: int, extents: Any, panel: Any) -> None:
    """panel = rowsᵀ: ``live`` rows become the first lanes, and there are zeros in the others"""
    live, wide = extents
    like, side, zero = rows[0], lanes(rows[0]), rows.dtype.type(0)
    start: Any = np.int64(rows.ctypes.data)
    to: Any = np.int64(panel.ctypes.data)
    item = item_bytes(like)
    down, across = size // side * side, live // side * side
    for lane in range(0, across, side):
        for d in range(0, down, side):
            source, target = start + (lane * row + d) * item, to + (d * wide + lane) * item
            transpose_block(like, source, row * item, target, wide * item)
    for lane in range(live):
        for d in range(down if lane < across else 0, size):
            panel[d * wide + lane] = rows[lane * row + d]
    if live < wide:
        for d in range(size):
            for lane in range(live, wide):
                panel[d * wide + lane] = zero


def spread(panel: Any, size: int, extents: Any, rows: Any, row: int) -> None:
    """rows = panelᵀ: the first ``live`` lanes become rows again"""
    live, wide = extents
    like, side = rows[0], lanes(rows[0])
    start: Any = np.int64(panel.ctypes.data)
    to: Any = np.int64(rows.ctypes.data)
    item = item_bytes(like)
    down, across = size // side * side, live // side * side
    for lane in range(0, across, side):
        for d in range(0, down, side):
            source, target = start + (d * wide + lane) * item, to + (lane * row + d) * item
            transpose_block(like, source, wide * item, target, row * item)
    for lane in range(live):
        for d in range(down if lane < across else 0, size):
            rows[lane * row + d] = panel[d * wide + lane]


def see(spans: Any, sizes: Any, start: int, live: int, state: Any) -> Any:
    """Note which keys each query of a panel sees.

    Returns
    -------
    low, high, latest, earliest : int
        Between which keys lie those that any of them sees, and those that all of them see.
    """
    steps, causal, masked = sizes[0], sizes[4], sizes[5]
    begin, end = state[BEGIN:], state[END:]
    none: Any = np.int64(0)
    for lane in range(LANES):
        begin[lane] = 0
        end[lane] = start + lane + 1 if causal > 0 else steps
    if masked == 0:
        return (none, start + live, none, start + 1) if causal > 0 else (none, steps, none, steps)
    low, high, latest, earliest = steps, none, none, steps
    for lane in range(live):
        first: Any = np.int64(spans[2 * (start + lane)])
        last: Any = np.int64(spans[2 * (start + lane) + 1])
        last = min(last, start + lane + 1) if causal > 0 else last
        low, high = min(low, first), max(high, last)
        latest, earliest = max(latest, first), min(earliest, last)
        begin[lane] = first
        end[lane] = last
    return low, high, latest, earliest
