"""JSON records from strangers: what they may hold, and whether they fit a dataclass's annotations.

A record may come from anywhere, so nothing is made of it before its size, its depth, its numbers
and its texts are known to be harmless.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from .errors import ModelError

__all__ = ["MOST_BYTES", "check_fields", "fits", "parse"]

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
    elif isinstance(item, int) and not -_LARGEST <= item < 2 * _LARGEST:  # signed or not
        raise ValueError("a whole number does not fit into 64 bits")


def check_fields(cls: type, values: Mapping[str, Any]) -> None:
    """Check values that a dataclass is to be made of against its annotations.

    Raises
    ------
    ModelError
        If a field is not known, or its value not of its type. A field without a default that is
        not given is left to the class.
    """
    hints = _hints(cls)
    for name, value in values.items():
        if name not in hints:
            raise ModelError(
                f"{cls.__name__} has no field {name!r}; it has {', '.join(hints) or 'none'}"
            )
        if not fits(value, hints[name]):
            text = repr(value)
            shown = text if len(text) <= 80 else text[:77] + "..."
            raise ModelError(f"{cls.__name__}: {name} must be {_show(hints[name])}, got {shown}")


def fits(value: Any, hint: Any) -> bool:
    """Say whether a value, as read from JSON, is of an annotated type.

    A list fits every kind of sequence, a whole number fits ``float``, nothing fits a function.
    """
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin in (Union, UnionType):
        return any(fits(value, one) for one in inner)
    if origin is Literal:
        return any(value == one and type(value) is type(one) for one in inner)
    if origin in (list, tuple, Sequence):
        if not isinstance(value, list | tuple):
            return False
        if origin is tuple and inner[-1] is not ...:
            return len(value) == len(inner) and all(map(fits, value, inner))
        return all(fits(item, inner[0]) for item in value)
    if origin in (dict, Mapping):
        return isinstance(value, Mapping) and all(
            fits(key, inner[0]) and fits(item, inner[1]) for key, item in value.items()
        )
    if origin is Callable or hint is Callable:
        return False
    if hint in (None, NoneType):
        return value is None
    if isinstance(value, bool) or hint is bool:
        return isinstance(value, bool) and hint is bool
    return isinstance(value, int | float if hint is float else hint)


@cache
def _hints(cls: type) -> dict[str, Any]:
    hints = get_type_hints(cls)
    return {f.name: hints[f.name] for f in fields(cls) if f.init}


def _show(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint).replace("collections.abc.", "")
