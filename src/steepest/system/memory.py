"""How much memory the machine has, and memory that several processes see."""

from __future__ import annotations

import ctypes
import math
import mmap
import os
import sys

__all__ = ["memory_of_file", "physical_memory"]


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


def memory_of_file(path: str, size: int, own: int, length: int) -> mmap.mmap | None:
    """Return the ``size`` bytes of a file as memory; None if there is no such file, or no room.

    The calling process takes the pages of ``length`` bytes from ``own`` on, so that they are near
    its cores. Only on Linux, where there are files in memory.
    """
    if sys.platform == "linux":
        try:
            handle = os.open(path, os.O_RDWR)
        except OSError:
            return None
        try:
            os.posix_fallocate(handle, own, length)
            return mmap.mmap(handle, size)
        except (OSError, ValueError):
            return None
        finally:
            os.close(handle)
    else:
        return None
