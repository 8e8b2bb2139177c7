"""How much memory the machine has."""

from __future__ import annotations

import math
import os

__all__ = ["physical_memory"]


def physical_memory() -> float:
    """Return the bytes of memory of this machine, or infinity if it does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return math.inf
