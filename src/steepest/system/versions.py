"""The versions of what computes."""

from __future__ import annotations

import sys

__all__ = ["versions"]

PACKAGES = "steepest", "numpy", "numba", "pyarrow", "safetensors"


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a result depends on, by name.

    That of a package that was not installed, but only found on the path, is ``"unknown"``.
    """
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found
