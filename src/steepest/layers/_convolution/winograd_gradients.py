"""dA of 3×3 convolutions by Winograd's algorithm F(3×3, 2×2), of tiles as in `.winograd`.

Threads share out the entries of dA. Each goes through all images for its own, with the channels
that it needs of x and of dy: so sums are the same with any number of threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...kernels.simd import item_bytes
from ...kernels.windows import multiply_windows
from ...kernels.winograd import transform_gradients
from ...layer import Array
from .kernels import add_to_bias
from .winograd import GAP, PLACES, pad, to_tiles

__all__ = ["PART", "backward_theta", "parts_of"]

PART = 16
"""Inputs, and outputs, of a part of dA."""


def parts_of(p: int, q: int) -> int:
    """Return how many parts dA has."""
    return -(-p // PART) * -(-q // PART)


def backward_theta(
    alpha: float,
    x: Array,
    dy: Array,
    dA: Array,
    db: Array,
    ones: Array,
    padded: Array,
    places: Array,
    slopes: Array,
    totals: Array,
    plan: Array,
    windows: int,
    thread: int,
    parts: range,
    channels: range,
) -> None:
    """dA += alpha Σ xᵀ dy, by Winograd's F(3×3, 2×2); db += alpha Σ dy

    The memory of a thread is ``padded``, ``places`` and ``slopes``; ``totals`` (16, p, q) are the
    sums of products, of which each thread has its own.
    """
    add_to_bias(alpha, dy, db, ones, windows, channels)
    work, q = (padded[thread], places[thread], slopes[thread]), np.int64(dA.shape[-1])
    across, part, end = (q + PART - 1) // PART, np.int64(parts.start), np.int64(parts.stop)
    while part < end:
        row, column, left = part // across, part % across, end - part
        rows, columns = np.int64(1), min(across - column, left)
        if column == 0 and left >= across:  # whole rows of parts
            rows = left // across
        inputs = row * PART, (row + rows) * PART
        outputs = column * PART, min(q, (column + columns) * PART)
        sum_products(x, dy, work, totals, plan, windows, (inputs, outputs))
        add_taps(alpha, totals, dA, inputs, outputs)
        part += rows * columns


def sum_products(
    x: Array, dy: Array, work: Any, totals: Array, plan: Array, windows: int, part: Any
) -> None:
    """totals = Σ (Bᵀ d B)ᵀ (C dy Cᵀ), place by place, for some inputs and outputs"""
    (begin, end), (first_output, last_output) = part
    _, p, q = totals.shape
    block, together, zero, one = plan[6], plan[7], np.int64(0), np.int64(1)
    rows, columns, (images, v, m) = end - begin, last_output - first_output, work
    for k in range(images.shape[0]):
        images[k] = dy.dtype.type(0)
    for place in range(PLACES):
        for c in range(begin, end):
            for j in range(first_output, last_output):
                totals[place, c, j] = dy.dtype.type(0)
    out, of_out = (
        totals.reshape(-1)[begin * q + first_output :],
        (np.int64(p * q), zero, np.int64(q)),
    )
    tiles, n = (plan[4] + 1) // 2 * ((plan[5] + 1) // 2), np.int64(x.shape[0])
    for start in range(zero, n, together):
        some = min(together, n - start)
        pad(x[start:], images, plan, (np.int64(p), begin, end), some)
        for first in range(zero, some * tiles, block):
            count = min(block, some * tiles - first)
            to_tiles(images, v, plan, rows, (first, count))
            slopes_to_tiles(
                dy[start:], m, plan, (np.int64(q), first_output, columns), (first, count)
            )
            multiply_windows(
                windows,
                (np.int64(PLACES), one, rows, one, count, columns),
                dy.dtype.type(1),
                v,
                (block * rows + GAP, zero, one, zero, rows, zero),
                m,
                (block * columns + GAP, zero, columns),
                out,
                of_out,
                out,
                of_out,
            )


def slopes_to_tiles(
    dy: Array, m: Array, plan: Array, part: tuple[Any, Any, Any], block: tuple[Any, Any]
) -> None:
    """m = C dy Cᵀ, of the tiles of a block: the number of the first, and how many

    ``part`` is how many channels dy has, the first one that is wanted, and how many are.
    """
    (q, first_output, columns), (first, count) = part, block
    size, lines, pixels = np.int64(item_bytes(m[0])), plan[4], plan[5]
    along, down = (pixels + 1) // 2, (lines + 1) // 2
    far, row, done = (plan[6] * columns + GAP) * size, columns * size, np.int64(0)
    while done < count:
        at = first + done
        up, t = at // along, at % along
        image, up = up // down, up % down
        run = min(count - done, along - t)
        begin = (2 * (up * pixels + t) * q + first_output) * size
        transform_gradients(
            m[0],
            (run, lines - 2 * up, pixels - 2 * t, columns),
            (np.int64(dy[image].ctypes.data) + begin, pixels * q * size, q * size),
            (np.int64(m.ctypes.data) + done * row, far, row),
        )
        done += run


def add_taps(
    alpha: float, totals: Array, dA: Array, inputs: tuple[Any, Any], outputs: tuple[Any, Any]
) -> None:
    """dA += alpha Gᵀ totals G, for some inputs and outputs"""
    half = dA.dtype.type(0.5)
    begin, end = outputs
    for c in range(inputs[0], inputs[1]):
        for k in range(4):  # in place: three lines of totals stay
            for j in range(begin, end):
                middle = half * (totals[4 + k, c, j] + totals[8 + k, c, j])
                odd = half * (totals[4 + k, c, j] - totals[8 + k, c, j])
                totals[k, c, j] += middle
                totals[4 + k, c, j] = odd
                totals[8 + k, c, j] = middle + totals[12 + k, c, j]
        for k in range(3):
            for j in range(begin, end):
                middle = half * (totals[4 * k + 1, c, j] + totals[4 * k + 2, c, j])
                odd = half * (totals[4 * k + 1, c, j] - totals[4 * k + 2, c, j])
                dA[k, 0, c, j] += alpha * (totals[4 * k, c, j] + middle)
                dA[k, 1, c, j] += alpha * odd
                dA[k, 2, c, j] += alpha * (middle + totals[4 * k + 3, c, j])
