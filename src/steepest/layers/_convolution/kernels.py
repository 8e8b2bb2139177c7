"""The kernels of Conv1D and Conv2D. Images lie in rows: x (n, h·w·p), y (n, oh·ow·q).

``products`` are tables of `steepest.layers._convolution.products`.
"""

from __future__ import annotations

import numpy as np

from ...kernels.windows import add_windows_and_sum, multiply_windows
from ...layer import Array

__all__ = [
    "backward_theta",
    "backward_theta_by_channels",
    "backward_theta_widened",
    "backward_x",
    "forward",
    "turn",
    "widen",
]

_NEAR = np.int64(1 << 15)
"""Numbers of y or dx that are computed at once, so that they stay in the second cache."""


def forward(
    x: Array,
    A: Array,
    b: Array,
    y: Array,
    products: Array,
    fills: int,
    windows: int,
    rows: range,
) -> None:
    """y = b + Σ x A"""
    flat, q = A.reshape(-1), b.shape[0]
    if fills > 0:
        for i in rows:
            for pixel in range(0, y.shape[1], q):
                for j in range(q):
                    y[i, pixel + j] = b[j]
    go(windows, products, x, flat, b, y, rows)


def backward_x(
    dy: Array,
    turned: Array,
    zeros: Array,
    dx: Array,
    products: Array,
    fills: int,
    windows: int,
    rows: range,
) -> None:
    """dx = Σ dy Aᵀ"""
    zero = dx.dtype.type(0)
    if fills > 0:
        for i in rows:
            for j in range(dx.shape[1]):
                dx[i, j] = zero
    go(windows, products, dy, turned, zeros, dx, rows)


def go(
    windows: int, products: Array, a: Array, b: Array, start: Array, c: Array, rows: range
) -> None:
    """c = start + Σ a b, product by product, for images that are rows of a and c"""
    one, none = c.dtype.type(1), np.int64(0)
    from_a, from_c = np.int64(a.shape[1]), np.int64(c.shape[1])
    at_once = max(np.int64(1), _NEAR // from_c)
    for first in range(np.int64(rows.start), np.int64(rows.stop), at_once):
        images = min(at_once, np.int64(rows.stop) - first)
        of_a, of_c = a[first:].reshape(-1), c[first:].reshape(-1)
        for k in range(products.shape[0]):
            p = products[k]
            begins = p[17] >= 0
            multiply_windows(
                windows,
                (images, p[3], p[4], p[5], p[6], p[7]),
                one,
                of_a[p[0] :],
                (from_a, p[8], p[9], p[10], p[11], p[16]),
                b[p[1] :],
                (none, p[12], p[13]),
                start[p[17] :] if begins else of_c[p[2] :],
                (none, none, none) if begins else (from_c, p[14], p[15]),
                of_c[p[2] :],
                (from_c, p[14], p[15]),
            )


def turn(
    A: Array,
    turned: Array,
    depth: int,
    outputs: int,
    first: int,
    tap_step: int,
    output_step: int,
    taps: range,
) -> None:
    """turned = Aᵀ, tap by tap"""
    flat = A.reshape(-1)
    for tap in taps:
        source, target = np.int64(tap) * depth * outputs, first + np.int64(tap) * tap_step
        for j in range(outputs):
            for c in range(depth):
                turned[target + j * output_step + c] = flat[source + c * outputs + j]


def backward_theta(
    alpha: float,
    x: Array,
    dy: Array,
    dA: Array,
    db: Array,
    ones: Array,
    products: Array,
    windows: int,
    weights: range,
    channels: range,
) -> None:
    """dA += alpha Σ xᵀ dy; db += alpha Σ dy"""
    add_to_bias(alpha, dy, db, ones, windows, channels)
    add_products(windows, alpha, x, dy, dA, products, weights)


def add_products(
    windows: int, alpha: float, x: Array, dy: Array, dA: Array, products: Array, weights: range
) -> None:
    """dA += alpha Σ xᵀ dy"""
    q = np.int64(dA.shape[-1])
    begin, end = np.int64(weights.start), np.int64(weights.stop)  # rows of dA
    out, none, one = dA.reshape(-1), np.int64(0), np.int64(1)
    for i in range(x.shape[0]):
        for k in range(products.shape[0]):
            p = products[k]
            above = p[2] // q
            first, last = max(begin, above), min(end, above + p[4])
            if first < last:
                skip = first - above
                multiply_windows(
                    windows,
                    (one, one, last - first, p[5], p[6], p[7]),
                    alpha,
                    x[i][p[0] + skip * p[9] :],
                    (none, none, p[9], p[10], p[11], p[16]),
                    dy[i][p[1] :],
                    (none, p[12], p[13]),
                    out[p[2] + skip * q :],
                    (none, none, p[15]),
                    out[p[2] + skip * q :],
                    (none, none, p[15]),
                )


def backward_theta_by_channels(
    alpha: float,
    x: Array,
    dy: Array,
    dA: Array,
    db: Array,
    ones: Array,
    products: Array,
    windows: int,
    summing: int,
    apart: int,
    channels: range,
) -> None:
    """dA += alpha Σ x ⊙ dy; db += alpha Σ dy

    ``summing`` is the product that sums dy, too; 0 if none is wanted. With ``apart``, dy is summed
    before, since some of it meets no x.
    """
    none, single, begin = np.int64(0), np.int64(1), np.int64(channels.start)
    columns = np.int64(channels.stop) - begin
    if columns <= 0:
        return
    if apart > 0:
        add_to_bias(alpha, dy, db, ones, windows, channels)
    of_x, of_dy = np.int64(x.shape[1]), np.int64(dy.shape[1])
    at_once = max(single, 4 * _NEAR // of_dy)  # a thread reads its channels alone
    for first in range(0, x.shape[0], at_once):
        images = min(at_once, np.int64(x.shape[0]) - first)
        from_x, from_dy = x[first:].reshape(-1)[begin:], dy[first:].reshape(-1)[begin:]
        for k in range(products.shape[0]):
            p = products[k]
            extents = images, p[3], p[4], p[5], p[6], columns
            a, of_a = from_x[p[0] :], (of_x, p[8], p[9], p[10], p[11], single)
            b, of_b = from_dy[p[1] :], (of_dy, p[12], p[13])
            c, of_c = dA.reshape(-1)[p[2] + begin :], (none, p[14], p[15])
            if summing != 0:
                sums, of_sums = db[begin:], (none, none, none)
                add_windows_and_sum(
                    summing, extents, alpha, a, of_a, b, of_b, sums, of_sums, c, of_c
                )
            else:
                multiply_windows(windows, extents, alpha, a, of_a, b, of_b, c, of_c, c, of_c)


def widen(
    A: Array, b: Array, wide: Array, wide_b: Array, shift: int, line: int, lines: range
) -> None:
    """wide = A for several outputs as one, each ``shift`` rows below the one before; wide_b = b

    ``line`` is the rows of A that belong to a line of taps.
    """
    flat, q, zero = A.reshape(-1), b.shape[0], wide.dtype.type(0)
    for each in lines:
        source, to = flat[np.int64(each) * line * q :], wide[np.int64(each)]
        for row in range(to.shape[0]):
            for k in range(to.shape[1]):
                tap = row - k * shift
                for j in range(q):
                    to[row, k, j] = source[tap * q + j] if 0 <= tap < line else zero
        if each == 0:
            for k in range(wide_b.shape[0]):
                for j in range(q):
                    wide_b[k, j] = b[j]


def backward_theta_widened(
    alpha: float,
    x: Array,
    dy: Array,
    dA: Array,
    db: Array,
    wides: Array,
    sums: Array,
    products: Array,
    windows: int,
    shift: int,
    line: int,
    thread: int,
    weights: range,
    channels: range,
) -> None:
    """dA += alpha Σ xᵀ dy, several outputs as one; db += alpha Σ dy"""
    if np.int64(channels.start) < np.int64(channels.stop):
        add_lines_to_bias(alpha, dy, db, sums)
    wide = wides[thread]  # (lines of taps, rows, outputs, channels)
    _, rows, outputs, q = wide.shape
    begin, end = np.int64(weights.start), np.int64(weights.stop)  # rows of dA
    flat, one, none = wide.reshape(-1), dA.dtype.type(1), np.int64(0)
    columns = np.int64(outputs * q)
    for k in range(flat.shape[0]):
        flat[k] = dA.dtype.type(0)
    for i in range(x.shape[0]):
        for k in range(products.shape[0]):
            p = products[k]
            above = p[2] // columns
            at = above // rows
            least = at * rows + max(none, begin - at * line)
            most = at * rows + min(np.int64(line), end - at * line) + (outputs - 1) * shift
            first, last = max(least, above), min(most, above + p[4])
            if at * line < end and begin < (at + 1) * line and first < last:
                skip = first - above
                multiply_windows(
                    windows,
                    (np.int64(1), np.int64(1), last - first, p[5], p[6], p[7]),
                    one,
                    x[i][p[0] + skip * p[9] :],
                    (none, none, p[9], p[10], p[11], p[16]),
                    dy[i][p[1] :],
                    (none, p[12], p[13]),
                    flat[p[2] + skip * columns :],
                    (none, none, p[15]),
                    flat[p[2] + skip * columns :],
                    (none, none, p[15]),
                )
    out = dA.reshape(-1)
    for row in range(begin, end):
        to, at, tap = out[row * q :], row // line, row % line
        for k in range(outputs):
            for j in range(q):
                to[j] += alpha * wide[at, tap + k * shift, k, j]


def add_lines_to_bias(alpha: float, dy: Array, db: Array, sums: Array) -> None:
    """db += alpha Σ dy, line after line: a line fills vectors where the channels do not"""
    q, width = db.shape[0], sums.shape[0]
    for j in range(width):
        sums[j] = sums.dtype.type(0)
    for i in range(dy.shape[0]):
        for begin in range(0, dy.shape[1], width):
            line = dy[i, begin:]
            for j in range(width):
                sums[j] += line[j]
    for begin in range(0, width, q):
        for j in range(q):
            db[j] += alpha * sums[begin + j]


def add_to_bias(
    alpha: float, dy: Array, db: Array, ones: Array, windows: int, channels: range
) -> None:
    """db += alpha Σ dy, over all pixels"""
    q, none, single = np.int64(db.shape[0]), np.int64(0), np.int64(1)
    begin, end = np.int64(channels.start), np.int64(channels.stop)
    if begin < end:
        images, pixels = np.int64(dy.shape[0]), dy.shape[1] // q
        multiply_windows(  # whose A is 1 everywhere
            windows,
            (single, single, single, images, pixels, end - begin),
            alpha,
            ones,
            (none, none, none, none, none, single),
            dy.reshape(-1)[begin:],
            (none, np.int64(dy.shape[1]), q),
            db[begin:],
            (none, none, none),
            db[begin:],
            (none, none, none),
        )
