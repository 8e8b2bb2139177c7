"""Where a user's programs keep what they can make again."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .handles import this_user

__all__ = ["user_cache"]


def user_cache() -> Path:
    """Return the folder for what we keep between processes; it need not be there.

    It lies in ``$XDG_CACHE_HOME``, if that is set; else in ``%LOCALAPPDATA%`` on Windows, in
    ``~/Library/Caches`` on macOS, and in ``~/.cache``. A user without a home, as in some
    containers, has one of their own among the temporary files.
    """
    named = os.environ.get("XDG_CACHE_HOME")
    if not named and sys.platform == "win32":
        named = os.environ.get("LOCALAPPDATA")
    if named:
        return Path(named) / "steepest"
    try:
        caches = Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    except RuntimeError:
        from tempfile import gettempdir

        return Path(gettempdir()) / f"steepest-{this_user()}"
    return caches / "steepest"
