"""What the kernels of recurrent layers have in common.

A thread takes some rows of the batch through all moments, a few rows at a time, in memory of its
own that stays in its caches: so threads never wait for one another within a sequence. Products of
x with A are made for a block of moments at a time, those of h with U moment by moment.

There all matrices lie in panels, of w columns (`panel_columns`), and then row after row.
So products need no copies, what they read and write lies side by side, and each gate, of all rows,
is one vector. h is filled up with zeros to H, a multiple of `FILLED`, or 4 or 8 where that is
enough; then Q = H·q/h.

===================  ========================================================================
``x, y``             (n, T·d) and (n, T·h); or y (n, h), the last state alone
``At, Ut``           (d, q), (h, q): from x and from h to the q entries of all gates
``b, c``             (q,): their biases
``start``            (states, h): the state before the first moment
``panels, Up, Ub``   (d·Q,), (Q, H), (H, Q): A, U and Uᵀ in panels
``biases``           (2, Q): b, with what `Plan.FOLDED` says of c, and c
``z``                (n, T·q): the gates at every moment; `backward` leaves ∂ℓ/∂ their inputs there
``before``           (n, T·h): h of the moment before
``inner``            (n, T·m·h): what else a cell keeps of a moment, m vectors
``dstate``           (n, states·h): what comes back to ``start``
``work``             (threads, …)
``sums``             (max(d, h)·q,): where sums are made that are then added to a gradient
``plan``             `Plan`
===================  ========================================================================

A cell is two functions. Both see a few rows, in panels, one vector after the other:

``cell(windows, Up, c, now, state, extra)``    from z = A x + b in ``now`` and the state to the
                                               gates in ``now``, the new state, and in ``extra``
                                               what is kept
``back(windows, Ub, now, kept, dstate, more)`` from the gates in ``now`` and ∂ℓ/∂ state to ∂ℓ/∂ the
                                               state before, and ∂ℓ/∂z in ``now``
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any

import numpy as np

from ...kernels import gemm, tanh
from ...kernels.simd import copy_row, item_bytes, lanes, microtile_columns, peek, poke
from ...kernels.windows import multiply_windows
from ...layer import Array

__all__ = [
    "AT_ONCE",
    "FILLED",
    "ROWS",
    "Plan",
    "add_to_bias",
    "add_to_matrix",
    "add_to_start",
    "backward_x",
    "bend",
    "go_back",
    "go_forward",
    "multiply",
    "pack",
    "repeat_row",
    "sigmoid",
]

ROWS = np.int64(32)
"""Rows of the batch that go through the moments together."""

AT_ONCE = np.int64(64)
"""Rows of all moments of a block, at most: enough for a product of matrices to be quick."""

FILLED = np.int64(16)
"""A multiple of the lanes of a vector, whatever vectors there are."""

_NEAR = np.int64(1 << 14)
"""Entries of the gates of a block, so that they leave room for U in the second cache."""

_DEEP = np.int64(256)
"""Rows of a panel that a product goes through at once, so that it stays in the first cache."""


class Plan(IntEnum):
    """What the entries of ``plan`` say."""

    MOMENTS = 0
    BACKWARDS = 1
    """Whether the last moment comes first."""
    SEQUENCES = 2
    """Whether y has the state of every moment."""
    KEEPS = 3
    """Whether there will be a backward pass."""
    LEARNED = 4
    """Whether the state before the first moment is a parameter."""
    INNER = 5
    """m."""
    FOLDED = 6
    """How many entries of c are added to those of b, and not by the cell."""


_MOMENTS, _BACKWARDS, _SEQUENCES, _KEEPS, _LEARNED, _INNER, _FOLDED = (int(p) for p in Plan)


def moment(plan: Array, step: Any) -> Any:
    """Return which moment a step is."""
    return plan[_MOMENTS] - 1 - step if plan[_BACKWARDS] else np.int64(step)


def panel_columns(like: Any, H: Any) -> Any:
    """Return w: the columns of a microtile, or half as many where H is no multiple of them.

    Where H is less than a vector, it is H.
    """
    if H % lanes(like) != 0:
        return np.int64(H)
    return microtile_columns(like) if H % microtile_columns(like) == 0 else lanes(like)


def whole_columns(like: Any, h: Any, wide: Any) -> Any:
    """Return how many of h columns lie in panels that are whole vectors."""
    return h // wide * wide if wide >= lanes(like) else np.int64(0)


def pack(
    At: Array,
    Ut: Array,
    b: Array,
    c: Array,
    panels: Array,
    Up: Array,
    Ub: Array,
    biases: Array,
    plan: Array,
    units: range,
) -> None:
    """panels = A, Up = U, biases = b, c; and Ub = Uᵀ if there will be a backward pass"""
    d, h, H = At.shape[0], Ut.shape[0], Up.shape[1]
    wide = panel_columns(At[0, 0], H)
    begin = (np.int64(units.start) + wide - 1) // wide * wide  # of the first whole panel
    for j in range(begin, np.int64(units.stop), wide):
        gate, column = j // H, j % H
        at, width = gate * h + column, max(np.int64(0), min(wide, h - column))
        into = Up.reshape(-1)[j * H : (j + wide) * H]
        to_panel(At, at, (width, wide), panels[j * d : (j + wide) * d])
        to_panel(Ut, at, (width, wide), into)
        for k in range(wide):
            inside = k < width
            first = b[at + k] if inside else b.dtype.type(0)
            second = c[at + k] if inside else c.dtype.type(0)
            biases[0, j + k] = first + second if at + k < plan[_FOLDED] else first
            biases[1, j + k] = second
        if plan[_KEEPS]:
            to_rows(into, j, Ub)


def to_panel(matrix: Array, first: Any, widths: tuple[Any, Any], panel: Array) -> None:
    """panel = the columns of a matrix from ``first`` on; zeros beside them

    ``widths`` is how many columns are taken, and how many the panel has.
    """
    (width, wide), zero, rows = widths, matrix.dtype.type(0), matrix.shape[0]
    for i in range(rows):
        row, out = matrix[i, first : first + width], panel[i * wide : (i + 1) * wide]
        for k in range(row.shape[0]):
            out[k] = row[k]
        for k in range(width, wide):
            out[k] = zero
    for k in range(rows * wide, panel.shape[0]):
        panel[k] = zero


def to_rows(panel: Array, first: Any, Ub: Array) -> None:
    """Ub[:, first:] = panelᵀ, in panels"""
    H, Q = Ub.shape
    wide = panel_columns(Ub[0, 0], H)
    flat = Ub.reshape(-1)
    for i in range(0, H, wide):
        for k in range(wide):
            at = i * Q + (first + k) * wide
            for j in range(wide):
                flat[at + j] = panel[(i + j) * wide + k]


def go_forward(
    cell: Callable[..., None],
    arrays: tuple[Array, ...],
    plan: Array,
    windows: int,
    thread: int,
    rows: range,
) -> None:
    """Take ``rows`` through all moments by ``cell``."""
    x, panels, Up, biases, start, y, z, before, inner, work = arrays
    (states, h), (Q, H) = start.shape, Up.shape
    T, m, gates = plan[_MOMENTS], plan[_INNER], Q // H
    own, end, wide = work[thread], np.int64(rows.stop), panel_columns(start[0, 0], H)
    for first in range(np.int64(rows.start), end, ROWS):
        r = min(ROWS, end - first)
        size = r * H
        state = own[: states * size]
        extra = own[states * size : (states + m) * size]
        of_block = own[(states + m) * size :]
        begin(start, state, r, H)
        block = max(np.int64(1), min(AT_ONCE, _NEAR // Q) // r)
        for step in range(T):
            within = step % block
            if within == 0:
                count = min(block, T - step)
                at = first, r, np.int64(step), count
                project(windows, x, panels, biases, of_block, plan, at, wide)
            now = of_block[within * r * Q : (within + 1) * r * Q]
            t = moment(plan, step)
            if plan[_KEEPS]:
                keep(state[:size], before, h, (first, r), t * h)
            cell(windows, Up, biases[1], now, state, extra)
            if plan[_KEEPS]:
                for k in range(gates):
                    keep(now[k * size : (k + 1) * size], z, h, (first, r), (t * gates + k) * h)
                for k in range(m):
                    keep(extra[k * size : (k + 1) * size], inner, h, (first, r), (t * m + k) * h)
            if plan[_SEQUENCES]:
                keep(state[:size], y, h, (first, r), t * h)
        if not plan[_SEQUENCES]:
            keep(state[:size], y, h, (first, r), np.int64(0))


def go_back(
    back: Callable[..., None],
    arrays: tuple[Array, ...],
    plan: Array,
    windows: int,
    thread: int,
    rows: range,
) -> None:
    """Bring ∂ℓ/∂y of ``rows`` back through all moments by ``back``."""
    dy, Ub, z, before, inner, dstate, work = arrays
    (H, Q), T, m = Ub.shape, plan[_MOMENTS], plan[_INNER]
    h, gates = before.shape[1] // T, Q // H
    states, own, end = dstate.shape[1] // h, work[thread], np.int64(rows.stop)
    for first in range(np.int64(rows.start), end, ROWS):
        r = min(ROWS, end - first)
        size, of_rows = r * H, (first, r)
        state = own[: states * size]
        now = own[states * size : (states + gates) * size]
        kept = own[(states + gates) * size : (states + gates + m + 1) * size]
        more = own[(states + gates + m + 1) * size :]
        for j in range((states + gates + m + 1) * size):
            own[j] = own.dtype.type(0)
        for k in range(T):
            t = moment(plan, T - 1 - k)
            if plan[_SEQUENCES]:
                add(dy, state[:size], h, of_rows, t * h)
            elif k == 0:
                add(dy, state[:size], h, of_rows, np.int64(0))
            for i in range(gates):
                fetch(z, now[i * size : (i + 1) * size], h, of_rows, (t * gates + i) * h)
            fetch(before, kept[:size], h, of_rows, t * h)
            for i in range(m):
                fetch(inner, kept[(i + 1) * size : (i + 2) * size], h, of_rows, (t * m + i) * h)
            back(windows, Ub, now, kept, state, more)
            for i in range(gates):
                keep(now[i * size : (i + 1) * size], z, h, of_rows, (t * gates + i) * h)
            for i in range(m):
                keep(kept[(i + 1) * size : (i + 2) * size], inner, h, of_rows, (t * m + i) * h)
        for k in range(states if plan[_LEARNED] else 0):
            keep(state[k * size : (k + 1) * size], dstate, h, of_rows, k * h)


def begin(start: Array, state: Array, rows: Any, H: Any) -> None:
    """state = start, for every row"""
    wide, (states, h) = panel_columns(start[0, 0], H), start.shape
    for j in range(state.shape[0]):
        state[j] = state.dtype.type(0)
    for k in range(states):
        for j in range(h):
            at = k * rows * H + j // wide * rows * wide + j % wide
            for i in range(rows):
                state[at + i * wide] = start[k, j]


def project(
    windows: int,
    x: Array,
    panels: Array,
    biases: Array,
    z: Array,
    plan: Array,
    at: tuple[Any, ...],
    wide: Any,
) -> None:
    """z = x A + b, for a block of moments: one after the other, each with all rows

    ``at`` is the first row, how many there are, the first step, and how many. ``wide`` is w.
    """
    first, rows, step, count = at
    Q, d = biases.shape[1], x.shape[1] // plan[_MOMENTS]
    none, one = np.int64(0), np.int64(1)
    multiply_windows(
        windows,
        (Q // wide, count, rows, one, d, wide),
        z.dtype.type(1),
        x.reshape(-1)[first * x.shape[1] + moment(plan, step) * d :],
        (none, -d if plan[_BACKWARDS] else d, x.shape[1], none, one, none),
        panels,
        (d * wide, none, wide),
        biases.reshape(-1),
        (wide, none, none),
        z,
        (rows * wide, rows * Q, wide),
    )


def multiply(windows: int, a: Array, B: Array, at: tuple[Any, Any], c: Array, rows: Any) -> None:
    """c += a B, for matrices in panels

    ``at`` is the row and the column at which B begins. It goes as far as a and c do, of which each
    has so many ``rows``.
    """
    depth, (k, j) = B.shape[1], at
    wide = panel_columns(a[0], min(depth, B.shape[0]))  # H is never more than Q
    inner, columns = a.shape[0] // rows, c.shape[0] // rows
    none, one, of_c = np.int64(0), np.int64(1), (rows * wide, np.int64(0), wide)
    for first in range(0, inner, _DEEP):
        multiply_windows(
            windows,
            (columns // wide, one, rows, min(_DEEP, inner - first) // wide, wide, wide),
            c.dtype.type(1),
            a[first * rows :],
            (none, none, wide, rows * wide, one, none),
            B.reshape(-1)[j * depth + (k + first) * wide :],
            (depth * wide, wide * wide, wide),
            c,
            of_c,
            c,
            of_c,
        )


def repeat_row(row: Array, panels: Array, rows: Any) -> None:
    """panels = the same row, ``rows`` times"""
    wide = panel_columns(row[0], panels.shape[0] // rows)
    for j in range(0, panels.shape[0] // rows, wide):
        for i in range(rows):
            for k in range(wide):
                panels[j * rows + i * wide + k] = row[j + k]


def keep(panels: Array, kept: Array, h: Any, of_rows: tuple[Any, Any], at: Any) -> None:
    """kept[first + i, at : at + h] = panels[i]"""
    like, (first, rows) = panels[0], of_rows
    wide = panel_columns(like, panels.shape[0] // rows)
    size = np.int64(item_bytes(like))
    source, to = np.int64(panels.ctypes.data), np.int64(kept.ctypes.data)
    to += (first * kept.shape[1] + at) * size
    whole = whole_columns(like, h, wide)
    for j in range(0, whole, wide):
        for i in range(rows):
            row, there = source + (j * rows + i * wide) * size, to + (i * kept.shape[1] + j) * size
            if wide == microtile_columns(like):
                copy_row(like, row, there)
            else:
                copy_vector(like, row, there)
    for i in range(rows if whole < h else 0):
        rest, out = panels[whole * rows + i * wide :], kept[first + i, at + whole : at + h]
        for j in range(out.shape[0]):
            out[j] = rest[j]


def fetch(kept: Array, panels: Array, h: Any, of_rows: tuple[Any, Any], at: Any) -> None:
    """panels[i] = kept[first + i, at : at + h]"""
    like, (first, rows) = panels[0], of_rows
    wide = panel_columns(like, panels.shape[0] // rows)
    size = np.int64(item_bytes(like))
    source, to = np.int64(kept.ctypes.data), np.int64(panels.ctypes.data)
    source += (first * kept.shape[1] + at) * size
    whole = whole_columns(like, h, wide)
    for j in range(0, whole, wide):
        for i in range(rows):
            row, there = to + (j * rows + i * wide) * size, source + (i * kept.shape[1] + j) * size
            if wide == microtile_columns(like):
                copy_row(like, there, row)
            else:
                copy_vector(like, there, row)
    for i in range(rows if whole < h else 0):
        rest, out = kept[first + i, at + whole : at + h], panels[whole * rows + i * wide :]
        for j in range(rest.shape[0]):
            out[j] = rest[j]


def copy_vector(like: Any, source: int, to: int) -> None:
    """Copy as many numbers as a vector has."""
    size = item_bytes(like)
    for j in range(lanes(like)):
        poke(to + j * size, peek(like, source + j * size))


def add(kept: Array, panels: Array, h: Any, of_rows: tuple[Any, Any], at: Any) -> None:
    """panels[i] += kept[first + i, at : at + h]"""
    first, rows = of_rows
    wide = panel_columns(panels[0], panels.shape[0] // rows)
    whole = h // wide * wide
    for j in range(0, whole, wide):
        for i in range(rows):
            row, source = panels[j * rows + i * wide :], kept[first + i, at + j :]
            for k in range(wide):
                row[k] += source[k]
    for i in range(rows if whole < h else 0):
        rest, out = kept[first + i, at + whole : at + h], panels[whole * rows + i * wide :]
        for j in range(rest.shape[0]):
            out[j] += rest[j]


def sigmoid(v: Any, like: Any) -> Any:
    """Return σ(v)."""
    half = like.dtype.type(0.5)
    return half + half * bend(half * v, like)


def bend(v: Any, like: Any) -> Any:
    """Return tanh(v).

    In float32 by the rational approximation of the library Eigen (``ptanh_float``), which is within
    2·10⁻⁷, and three times as quick as by way of eᵛ.
    """
    if like.itemsize == 8:
        return tanh(v, like)
    real = like.dtype.type
    w = real(-7.90531110763549805) if v < real(-7.90531110763549805) else v
    w = real(7.90531110763549805) if w > real(7.90531110763549805) else w
    s = w * w
    p = s * real(-2.76076847742355e-16) + real(2.00018790482477e-13)
    p = p * s + real(-8.60467152213735e-11)
    p = p * s + real(5.12229709037114e-08)
    p = p * s + real(1.48572235717979e-05)
    p = p * s + real(6.37261928875436e-04)
    p = p * s + real(4.89352455891786e-03)
    q = s * real(1.19825839466702e-06) + real(1.18534705686654e-04)
    q = q * s + real(2.26843463243900e-03)
    q = q * s + real(4.89352518554385e-03)
    return w * p / q


def backward_x(z: Array, At: Array, dx: Array, blas: int, rows: range) -> None:
    """dx = z Atᵀ"""
    d, q = At.shape
    T = z.shape[1] // q
    begins, ends = np.int64(rows.start) * T, np.int64(rows.stop) * T
    of_z, of_x = z.reshape(z.shape[0] * T, q), dx.reshape(z.shape[0] * T, d)
    gemm(blas, dx.dtype.type(1), of_z[begins:ends], At.T, dx.dtype.type(0), of_x[begins:ends])


def add_to_matrix(
    alpha: float,
    x: Array,
    dz: Array,
    dAt: Array,
    sums: Array,
    at: tuple[Any, ...],
    blas: int,
) -> None:
    """dAt[:, first:last] += alpha xᵀ dz, over all moments of all examples

    ``at`` is first and last, and the place in a row of dz that belongs to column 0 of dAt. Threads
    that added to columns side by side, block after block of such a long sum, would take the same
    cache lines from one another; so they add up in ``sums``, each in a part of its own.
    """
    first, last, shift = at
    if first >= last:
        return
    d, zero = dAt.shape[0], x.dtype.type(0)
    count = x.size // d
    of_x, of_z = x.reshape(count, d), dz.reshape(count, dz.size // count)
    begin = first * (sums.shape[0] // dAt.shape[1])
    own = sums[begin : begin + d * (last - first)].reshape(d, last - first)
    gemm(blas, alpha, of_x.T, of_z[:, first - shift : last - shift], zero, own)
    for i in range(d):
        row, found = dAt[i, first:last], own[i]
        for j in range(row.shape[0]):
            row[j] += found[j]


def add_to_bias(
    alpha: float, dz: Array, biases: tuple[Array, ...], sums: Array, at: tuple[Any, ...], q: Any
) -> None:
    """db[first:last] += alpha Σ dz, over all moments of all examples, for each db of ``biases``

    Rows of dz have q entries.
    """
    first, last, shift = at
    if first >= last:
        return
    of_z, begin = dz.reshape(dz.size // q, q), first * (sums.shape[0] // biases[0].shape[0])
    own = sums[begin : begin + last - first]
    for j in range(own.shape[0]):
        own[j] = own.dtype.type(0)
    n = of_z.shape[0]
    low, high = first - shift, last - shift
    for i in range(0, n - 3, 4):  # four rows a sweep
        r0, r1 = of_z[i, low:high], of_z[i + 1, low:high]
        r2, r3 = of_z[i + 2, low:high], of_z[i + 3, low:high]
        for j in range(own.shape[0]):
            own[j] += (r0[j] + r1[j]) + (r2[j] + r3[j])
    for i in range(n - n % 4, n):
        row = of_z[i, low:high]
        for j in range(own.shape[0]):
            own[j] += row[j]
    for db in biases:
        target = db[first:last]
        for j in range(own.shape[0]):
            target[j] += alpha * own[j]


def add_to_start(alpha: float, dstate: Array, dstart: Array) -> None:
    """dstart += alpha Σ_n dstate"""
    states, h = dstart.shape
    for i in range(dstate.shape[0]):
        for k in range(states):
            for j in range(h):
                dstart[k, j] += alpha * dstate[i, k * h + j]
