"""Which systems Steepest runs on."""

from __future__ import annotations

import sys

from ..errors import UnsupportedSystemError

__all__ = ["check_support"]

_SYSTEMS = {"linux": "Linux", "darwin": "macOS", "win32": "Windows"}


def check_support() -> None:
    """Check that this is a Python and a system that Steepest runs on.

    Raises
    ------
    UnsupportedSystemError
        If it is another one.
    """
    python, system = sys.implementation.name, str(sys.platform)
    bits, order = (64 if sys.maxsize > 2**32 else 32), str(sys.byteorder)
    if (python, bits, order) == ("cpython", 64, "little") and system in _SYSTEMS:
        return
    raise UnsupportedSystemError(
        "Steepest runs on CPython on 64-bit, little-endian Linux, macOS or Windows; this is "
        f"{python} on {bits}-bit, {order}-endian {_SYSTEMS.get(system, system)}"
    )
