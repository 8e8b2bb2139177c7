"""Asking memory for what will be wanted soon."""

from __future__ import annotations

from typing import Any

__all__ = ["ENTRIES_AHEAD", "fetch_ahead", "rows_ahead"]

ENTRIES_AHEAD = 256
"""How many entries at random places are asked for at once."""

_ROWS_AHEAD = 32


def rows_ahead(batch: int) -> int:
    """Return how many rows before its turn a row at a random place is asked for.

    A batch at most: what a batch asks for is then its own, or belongs to the next one.
    """
    return min(batch, _ROWS_AHEAD)


def fetch_ahead(array: Any, row: Any) -> None:
    """Have row ``row`` of ``array`` (n, p), or entry of (n,), on its way to the caches.

    Compiled, this is two prefetch instructions, which never fail. They change no number, so here it
    is nothing.
    """
