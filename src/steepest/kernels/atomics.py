"""What the driver and the barrier need of the machine.

Compiled, each of these is one or two instructions (see `steepest.compiler.intrinsics`). The bodies
here say what they mean; they are what runs when the driver is tested as plain Python. Every address
is that of a 64-bit integer.
"""

from __future__ import annotations

import ctypes
import time

__all__ = ["MICROSECONDS", "call", "fetch_add", "load", "store", "yield_core"]

MICROSECONDS = 20
"""How long `yield_core` offers the core to others, as far as the system can count."""


def load(address: int) -> int:
    """Read the integer at ``address`` as the other threads left it."""
    return ctypes.c_int64.from_address(address).value


def store(address: int, value: int) -> None:
    """Write ``value`` to ``address`` for the other threads to see."""
    ctypes.c_int64.from_address(address).value = value


def fetch_add(address: int, value: int) -> int:
    """Add ``value`` at ``address`` in one indivisible step; return what was there before."""
    before = load(address)
    store(address, before + value)
    return before


def yield_core() -> None:
    """Let other threads have this core for some microseconds."""
    time.sleep(1e-6 * MICROSECONDS)


def call(kernel: int, row: int, thread: int, threads: int) -> int:
    """Call the kernel at address ``kernel`` on the row at address ``row``; return its status."""
    function = ctypes.CFUNCTYPE(
        ctypes.c_int32, *[ctypes.c_void_p] * 3, ctypes.c_int64, ctypes.c_int64
    )(kernel)
    scratch = (ctypes.c_int64 * 2)()
    at = ctypes.addressof(scratch)
    return int(function(at, at + 8, row, thread, threads))
