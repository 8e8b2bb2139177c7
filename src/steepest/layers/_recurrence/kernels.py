"""What the kernels of recurrent layers have in common.

A thread takes some rows of the batch through all moments, a few rows at a time, in memory of its
own that stays in its caches: so threads never wait for one another within a sequence. Products of
x with A are made for a block of moments at a time, those of h with U moment by moment.

=============  ==============================================================================
``x, y``       (n, T·d) and (n, T·h); or y (n, h), the last state alone
``At, Ut``     (d, q), (h, q): from x and from h to the q entries of all gates
``b, c``       (q,): their biases
``start``      (states, h): the state before the first moment
``z``          (n, T·q): the gates at every moment; `backward` leaves ∂ℓ/∂ their inputs there
``before``     (n, T·h): h of the moment before
``inner``      (n, T·m·h): what else a cell keeps of a moment, m vectors
``dstate``     (n, states·h): what comes back to ``start``
``work``       (threads, …)
``plan``       `Plan`
=============  ==============================================================================

A cell is two functions. Both see a few rows, with arrays flat, row after row:

``cell(windows, Ut, c, now, state, extra)``         from z = A x + b in ``now`` and the state to the
                                                    gates in ``now``, the new state, and in
                                                    ``extra`` what is kept
``back(windows, U, now, kept, dstate, dz, other)``  from the gates in ``now`` and ∂ℓ/∂ state to
                                                    ∂ℓ/∂ the state before, and ∂ℓ/∂z in ``now``
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any

import numpy as np

from ...kernels import gemm, tanh
from ...kernels.windows import multiply_windows
from ...layer import Array

__all__ = [
    "AT_ONCE",
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
    "sigmoids",
    "tanhs",
    "turn",
]

ROWS = np.int64(32)
"""Rows of the batch that go through the moments together."""

AT_ONCE = np.int64(64)
"""Rows of all moments of a block, at most: enough for a product of matrices to be quick."""

_NEAR = np.int64(1 << 14)
"""Entries of the gates of a block, so that they leave room for U in the second cache."""


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


def go_forward(
    cell: Callable[..., None],
    x: Array,
    At: Array,
    Ut: Array,
    b: Array,
    c: Array,
    start: Array,
    y: Array,
    z: Array,
    before: Array,
    inner: Array,
    work: Array,
    plan: Array,
    windows: int,
    thread: int,
    rows: range,
) -> None:
    """Take ``rows`` through all moments by ``cell``."""
    h, q = Ut.shape
    states, T, m = start.shape[0], plan[_MOMENTS], plan[_INNER]
    own, end = work[thread], np.int64(rows.stop)
    bias = own[:q]
    for j in range(q):
        bias[j] = b[j] + (c[j] if j < plan[_FOLDED] else c.dtype.type(0))
    for first in range(np.int64(rows.start), end, ROWS):
        r = min(ROWS, end - first)
        state = own[q : q + states * r * h]
        extra = own[q + states * r * h : q + (states + m) * r * h]
        of_block = own[q + (states + m) * r * h :]
        begin(start, state, r)
        block = max(np.int64(1), min(AT_ONCE, _NEAR // q) // r)
        for step in range(T):
            within = step % block
            if within == 0:
                count = min(block, T - step)
                project(windows, x, At, bias, of_block, plan, (first, r, np.int64(step), count))
            now = of_block[within * r * q : (within + 1) * r * q]
            t = moment(plan, step)
            if plan[_KEEPS]:
                keep(state[: r * h], before, h, first, t * h)
            cell(windows, Ut, c, now, state, extra)
            if plan[_KEEPS]:
                keep(now, z, q, first, t * q)
                for k in range(m):
                    keep(extra[k * r * h : (k + 1) * r * h], inner, h, first, (t * m + k) * h)
            if plan[_SEQUENCES]:
                keep(state[: r * h], y, h, first, t * h)
        if not plan[_SEQUENCES]:
            keep(state[: r * h], y, h, first, np.int64(0))


def go_back(
    back: Callable[..., None],
    dy: Array,
    U: Array,
    z: Array,
    before: Array,
    inner: Array,
    dstate: Array,
    work: Array,
    plan: Array,
    windows: int,
    thread: int,
    rows: range,
) -> None:
    """Bring ∂ℓ/∂y of ``rows`` back through all moments by ``back``."""
    q, h = U.shape
    states, T, m = dstate.shape[1] // h, plan[_MOMENTS], plan[_INNER]
    own, end = work[thread], np.int64(rows.stop)
    for first in range(np.int64(rows.start), end, ROWS):
        r = min(ROWS, end - first)
        size = r * h
        state = own[: states * size]
        now = own[states * size : states * size + r * q]
        kept = own[states * size + r * q : (states + m + 1) * size + r * q]
        more = own[(states + m + 1) * size + r * q :]
        for j in range(states * size):
            state[j] = state.dtype.type(0)
        for k in range(T):
            step = T - 1 - k
            t = moment(plan, step)
            if plan[_SEQUENCES]:
                add(dy, state[:size], h, first, t * h)
            elif k == 0:
                add(dy, state[:size], h, first, np.int64(0))
            fetch(z, now, q, first, t * q)
            fetch(before, kept[:size], h, first, t * h)
            for i in range(m):
                fetch(inner, kept[(i + 1) * size : (i + 2) * size], h, first, (t * m + i) * h)
            back(windows, U, now, kept, state, more)
            keep(now, z, q, first, t * q)
            for i in range(m):
                keep(kept[(i + 1) * size : (i + 2) * size], inner, h, first, (t * m + i) * h)
        for k in range(states if plan[_LEARNED] else 0):
            keep(state[k * size : (k + 1) * size], dstate, h, first, k * h)


def begin(start: Array, state: Array, rows: Any) -> None:
    """state = start, for every row"""
    states, h = start.shape
    for k in range(states):
        for i in range(rows):
            for j in range(h):
                state[(k * rows + i) * h + j] = start[k, j]


def project(
    windows: int,
    x: Array,
    At: Array,
    b: Array,
    z: Array,
    plan: Array,
    at: tuple[Any, ...],
) -> None:
    """z = x At + b, for a block of moments: one after the other, each with all rows

    ``at`` is the first row, how many there are, the first step, and how many.
    """
    first, rows, step, count = at
    d, q = At.shape
    none, one = np.int64(0), np.int64(1)
    multiply_windows(
        windows,
        (one, count, rows, one, d, q),
        z.dtype.type(1),
        x.reshape(-1)[first * x.shape[1] + moment(plan, step) * d :],
        (none, -d if plan[_BACKWARDS] else d, x.shape[1], none, one, none),
        At.reshape(-1),
        (none, none, q),
        b,
        (none, none, none),
        z,
        (none, rows * q, q),
    )


def multiply(
    windows: int,
    a: Array,
    B: Array,
    s: Array,
    c: Array,
    extents: tuple[Any, ...],
    at: tuple[Any, ...],
) -> None:
    """c = a B + s, for vectors that hold matrices row after row

    Parameters
    ----------
    extents : tuple of int
        The rows of a, its columns, and those of c.
    at : tuple of int
        The place of the first entry of B, and the entries from row to row of a, s and c. Of s all
        rows are the same where that is 0.
    """
    rows, inner, columns = extents
    place, row_a, row_s, row_c = at
    none, one = np.int64(0), np.int64(1)
    multiply_windows(
        windows,
        (one, one, rows, one, inner, columns),
        c.dtype.type(1),
        a,
        (none, none, row_a, none, one, none),
        B.reshape(-1)[place:],
        (none, none, B.shape[1]),
        s,
        (none, none, row_s),
        c,
        (none, none, row_c),
    )


def keep(rows: Array, kept: Array, width: Any, first: Any, at: Any) -> None:
    """kept[first + i, at:] = rows[i]"""
    for i in range(rows.shape[0] // width):
        to = kept[first + i]
        for j in range(width):
            to[at + j] = rows[i * width + j]


def fetch(kept: Array, rows: Array, width: Any, first: Any, at: Any) -> None:
    """rows[i] = kept[first + i, at:]"""
    for i in range(rows.shape[0] // width):
        source = kept[first + i]
        for j in range(width):
            rows[i * width + j] = source[at + j]


def add(kept: Array, rows: Array, width: Any, first: Any, at: Any) -> None:
    """rows[i] += kept[first + i, at:]"""
    for i in range(rows.shape[0] // width):
        source = kept[first + i]
        for j in range(width):
            rows[i * width + j] += source[at + j]


def sigmoids(v: Array) -> None:
    """v = σ(v)"""
    half = v.dtype.type(0.5)
    for j in range(v.shape[0]):
        v[j] = half + half * bend(half * v[j], v)


def tanhs(v: Array) -> None:
    """v = tanh(v)"""
    for j in range(v.shape[0]):
        v[j] = bend(v[j], v)


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


def turn(Ut: Array, U: Array, units: range) -> None:
    """U = Utᵀ"""
    for j in units:
        for k in range(Ut.shape[0]):
            U[j, k] = Ut[k, j]


def backward_x(z: Array, At: Array, dx: Array, blas: int, rows: range) -> None:
    """dx = z Atᵀ"""
    d, q = At.shape
    T = z.shape[1] // q
    begins, ends = np.int64(rows.start) * T, np.int64(rows.stop) * T
    of_z, of_x = z.reshape(z.shape[0] * T, q), dx.reshape(z.shape[0] * T, d)
    gemm(blas, dx.dtype.type(1), of_z[begins:ends], At.T, dx.dtype.type(0), of_x[begins:ends])


def add_to_matrix(
    alpha: float, x: Array, dz: Array, dAt: Array, at: tuple[Any, ...], blas: int
) -> None:
    """dAt[:, first:last] += alpha xᵀ dz, over all moments of all examples

    ``at`` is first and last, and the place in a row of dz that belongs to column 0 of dAt.
    """
    first, last, shift = at
    if first >= last:
        return
    d = dAt.shape[0]
    count = x.size // d
    of_x, of_z = x.reshape(count, d), dz.reshape(count, dz.size // count)
    own = of_z[:, first - shift : last - shift]
    gemm(blas, alpha, of_x.T, own, x.dtype.type(1), dAt[:, first:last])


def add_to_bias(alpha: float, dz: Array, db: Array, at: tuple[Any, ...], q: Any) -> None:
    """db[first:last] += alpha Σ dz, over all moments of all examples; rows of dz have q entries"""
    first, last, shift = at
    of_z = dz.reshape(dz.size // q, q)
    for i in range(of_z.shape[0]):
        for j in range(first, last):
            db[j] += alpha * of_z[i, j - shift]


def add_to_start(alpha: float, dstate: Array, dstart: Array) -> None:
    """dstart += alpha Σ_n dstate"""
    states, h = dstart.shape
    for i in range(dstate.shape[0]):
        for k in range(states):
            for j in range(h):
                dstart[k, j] += alpha * dstate[i, k * h + j]
