"""JSON records: whether they have the fields and the types of a dataclass."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from .errors import ModelError


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
