"""The matrix product that a kernel calls, as plain Python."""

from __future__ import annotations

from typing import Any

__all__ = ["gemm"]


def gemm(address: int, alpha: float, a: Any, b: Any, beta: float, c: Any) -> None:
    """C ← α A B + β C, for A (m, k), B (k, n), C (m, n), where C has contiguous rows.

    A and B may be transposed views. Compiled, this calls the ``?gemm`` at ``address``.
    """
    c[...] = alpha * (a @ b) + beta * c if beta else alpha * (a @ b)
