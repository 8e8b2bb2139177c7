"""Asking memory for what will be wanted soon."""

from __future__ import annotations

from typing import Any

__all__ = ["ROWS_AHEAD", "fetch_ahead"]

ROWS_AHEAD = 8
"""How many rows before its turn a row at a random place is asked for."""


def fetch_ahead(array: Any, row: int) -> None:
    """Have row ``row`` of ``array`` (n, p) on its way to the caches; it may not exist.

    Compiled, this is two prefetch instructions. It changes no number, so here it is nothing.
    """
