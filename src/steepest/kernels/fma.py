"""The multiply-add, where it matters how it rounds."""

from __future__ import annotations

from typing import Any

__all__ = ["fma"]


def fma(a: Any, b: Any, c: Any) -> Any:
    """Return a·b + c.

    Compiled, it is rounded once, and a chain of them is never reordered: kernels that say the same
    chain compute the same bits, however the compiler arranges the loops around it.
    """
    return a * b + c
