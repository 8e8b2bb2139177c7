"""Asking memory for what will be wanted soon."""

from __future__ import annotations

from typing import Any

__all__ = ["ENTRIES_AHEAD", "ROWS_AHEAD", "fetch_ahead"]

ENTRIES_AHEAD = 32
"""How many entries before its turn an entry at a random place is asked for."""

ROWS_AHEAD = 8
"""How many rows before its turn a row at a random place is asked for."""


def fetch_ahead(array: Any, row: Any) -> None:
    """Have row ``row`` of ``array`` (n, p), or entry of (n,), on its way to the caches.

    Compiled, this is two prefetch instructions, which never fail. They change no number, so here it
    is nothing.
    """
