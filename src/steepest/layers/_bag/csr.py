"""Kernels of EmbeddingBag for CSR input: O(non-zeros) a step, whatever the size of the table.

The batch is the rows ``i`` of a matrix whose ``columns`` are codes and whose ``values`` are their
weights; row r begins where ``starts[r]`` says. Only the rows of E that it names are touched.
"""

from __future__ import annotations

from ...kernels.prefetch import fetch_ahead
from ...layer import Array

_AHEAD = 16  # entries before its turn that a row of E is asked for


def forward(
    values: Array,
    columns: Array,
    starts: Array,
    i: Array,
    E: Array,
    y: Array,
    scale: Array,
    mean: int,
    hidden: int,
    rows: range,
) -> None:
    """y = scale X[i] E"""
    zero, one = y.dtype.type(0), y.dtype.type(1)
    for r in rows:
        total = zero
        for d in range(y.shape[1]):
            y[r, d] = zero
        end = starts[i[r] + 1]
        for e in range(starts[i[r]], end):
            if e + _AHEAD < end:
                fetch_ahead(E, columns[e + _AHEAD])
            code = columns[e]
            v = values[e] if code != hidden else zero
            total += v
            for d in range(y.shape[1]):
                y[r, d] += v * E[code, d]
        scale[r] = one / total if (mean != 0) & (total > 0) else one
        for d in range(y.shape[1]):
            y[r, d] *= scale[r]


def backward_theta(
    alpha: float,
    values: Array,
    columns: Array,
    starts: Array,
    i: Array,
    scale: Array,
    dy: Array,
    dE: Array,
    hidden: int,
    thread: int,
    threads: int,
) -> None:
    """dE += alpha X[i]ᵀ (scale dy)"""
    codes, dim = dE.shape
    zero = dE.dtype.type(0)
    first, last = codes * thread // threads, codes * (thread + 1) // threads
    for r in range(dy.shape[0]):
        step = alpha * scale[r]
        for e in range(starts[i[r]], starts[i[r] + 1]):
            code = columns[e]
            if first <= code < last:  # every thread owns some of the codes
                v = step * values[e] if code != hidden else zero
                for d in range(dim):
                    dE[code, d] += v * dy[r, d]
