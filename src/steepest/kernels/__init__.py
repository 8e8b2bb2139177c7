"""What a kernel may call beside ``math`` and NumPy: it compiles, and runs as plain Python too.

===============================  =============================================================
``gemm(blas, α, A, B, β, C)``    C ← α A B + β C by BLAS; A and B may be transposed views and
                                 slices, C must have contiguous rows. ``blas`` is the kernel's
                                 own argument of that name. β = 1 accumulates.
``part(share)``                  the slice of a share: ``x[part(rows)]``, ``At[:, part(units)]``
``exp``, ``expm1``, ``log1p``,   of a number and any array of the kernel's dtype, which says in
``sigmoid``, ``tanh``            which precision: ``exp(v, x)``. Loops over them vectorise
``times(w, v)``                  w·v, and 0 where w is 0, even if v is infinite
``squares(counter, key)``        64 random bits, a function of both
===============================  =============================================================
"""

from __future__ import annotations

import numpy as np

from .functions import exp, expm1, log1p, sigmoid, tanh, times
from .gemm import gemm
from .random import squares

__all__ = ["exp", "expm1", "gemm", "log1p", "part", "sigmoid", "squares", "tanh", "times"]


def part(share: range) -> slice:
    """Return the slice that is ``share``: this thread's rows, units, inputs or entries."""
    return slice(np.int64(share.start), np.int64(share.stop))
