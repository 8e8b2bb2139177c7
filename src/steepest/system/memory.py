"""How much memory the machine has."""

from __future__ import annotations

import ctypes
import math
import os
import sys

__all__ = ["physical_memory"]


class _MemoryStatus(ctypes.Structure):
    """``MEMORYSTATUSEX`` of Windows."""

    _fields_ = (
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        ("physical", ctypes.c_uint64),
        *((f"other{k}", ctypes.c_uint64) for k in range(6)),
    )


def physical_memory() -> float:
    """Return the bytes of memory of this machine, or infinity if it does not say."""
    if sys.platform == "win32":
        status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
        found = ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))
        return float(status.physical) if found else math.inf
    else:
        try:
            return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        except (ValueError, OSError):
            return math.inf
