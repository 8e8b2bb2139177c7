"""JSON from strangers: what it may hold, and whether a value is of an annotated type.

A record may come from anywhere, so nothing is made of it before its size, its depth, its numbers
and its texts are known to be harmless.
"""

from __future__ import annotations

import json
import math
from typing import Any

__all__ = ["MOST_BYTES", "parse"]

MOST_BYTES = 1 << 25
"""The longest record: one of 100,000 columns."""
_MOST_MARKS = 3_000_000  # commas and opening brackets, of which a record has one in 12 to 24 bytes
_DEEPEST = 64
_LARGEST = 2**63


def parse(content: bytes, most: int = MOST_BYTES) -> Any:
    """Return the value of a JSON text.

    Parameters
    ----------
    content : bytes
    most : int
        The longest that it may be.

    Raises
    ------
    ValueError
        If it is no JSON in UTF-8, is longer than ``most``, has more than 3,000,000 commas and
        opening brackets in 32 MiB of that (3 bytes can make an object of 64), is nested deeper than
        64 levels, names a key twice, or holds a number that is not finite, a whole number beyond 64
        bits, or a text that is not Unicode.
    """
    if len(content) > most:
        raise ValueError(f"{len(content):,} bytes are more than the {most:,} allowed")
    marks, allowed = sum(map(content.count, (b",", b"[", b"{"))), _MOST_MARKS * most // MOST_BYTES
    if marks > allowed:
        raise ValueError(f"{marks:,} commas and brackets are more than the {allowed:,} allowed")
    try:
        value = json.loads(content.decode(), object_pairs_hook=_object)
    except RecursionError:
        raise ValueError(f"nested deeper than {_DEEPEST} levels") from None
    level = [value]
    for _ in range(_DEEPEST):
        inside: list[Any] = []
        for item in level:
            _check_item(item)
            if isinstance(item, dict):
                inside += item.keys()
                inside += item.values()
            elif isinstance(item, list):
                inside += item
        if not inside:
            return value
        level = inside
    raise ValueError(f"nested deeper than {_DEEPEST} levels")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object names a key twice")
    return found


def _check_item(item: Any) -> None:
    if isinstance(item, str):
        item.encode()  # half of a surrogate pair raises a ValueError
    elif isinstance(item, float) and not math.isfinite(item):
        raise ValueError("a number is not finite")
    elif isinstance(item, int) and not -_LARGEST <= item < _LARGEST:
        raise ValueError("a whole number does not fit into 64 bits")
