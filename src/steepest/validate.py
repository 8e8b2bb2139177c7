"""Checks of the arguments of public constructors and functions.

Every message reads alike: where, what must be how, and what came.
"""

from __future__ import annotations

import inspect
import math
import os
import sys
import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from .errors import InputError
from .printing import shown

__all__ = [
    "DTYPES",
    "FORMER_NAMES",
    "axes_of",
    "flag",
    "floats",
    "folder",
    "fraction",
    "function",
    "instance",
    "iterated",
    "may_hold_rows",
    "number",
    "number_or_function",
    "one_of",
    "plain",
    "positive_count",
    "renamed",
    "renamed_keys",
    "seed",
    "sequence",
    "weights",
]

DTYPES = ("float32", "float64")
"""The floats that a network can compute with."""
FORMER_NAMES = {"products": "matmul_dtype"}
"""By the former name of a setting, which is still taken in this release: what it is called now."""
_MOST_AXES = 32


def number(
    where: str,
    what: str,
    value: Any,
    *,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
    whole: bool = False,
) -> None:
    """Raise `InputError` unless ``value`` is a finite number within the bounds.

    Parameters
    ----------
    where, what : str
        Whose argument it is, and its name.
    value : object
    above, least : float, optional
        Lower bounds: without the bound itself, and with it.
    below, most : float, optional
        Upper bounds, likewise.
    whole : bool
        Whether it must be a whole number; 3.0 is one.
    """
    real = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if (
        not real
        or not _is_finite(value)
        or (above is not None and value <= above)
        or (least is not None and value < least)
        or (below is not None and value >= below)
        or (most is not None and value > most)
        or (whole and value != int(value))
    ):
        named = (("above", above), ("of at least", least), ("below", below), ("at most", most))
        bounds = [f"{word} {bound:g}" for word, bound in named if bound is not None]
        kind = "a whole number" if whole else "a number" if bounds else "a finite number"
        text = " ".join([kind, " and ".join(bounds)]).strip()
        raise InputError(f"{where}: {what} must be {text}, got {shown(value)}")


def _is_finite(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float can hold
        return False


def number_or_function(where: str, what: str, value: Any, **bounds: Any) -> None:
    """Raise `InputError` unless ``value`` is a number within the bounds, or a schedule of them."""
    if callable(value):
        function(where, what, value, "steps")
    else:
        number(where, what, value, **bounds)


def function(where: str, what: str, value: Any, *arguments: str) -> None:
    """Raise `InputError` unless ``value`` can be called, and is not a class to make one of.

    If ``arguments`` are named, it must take as many, one behind the other.
    """
    if isinstance(value, type):
        name = value.__name__
        raise InputError(f"{where}: {what} is the class {name}: make one, like {name}(…)")
    if not callable(value):
        raise InputError(f"{where}: {what} must be a function, got {shown(value)}")
    if arguments:
        try:
            inspect.signature(value).bind(*arguments)
        except TypeError as error:
            raise InputError(
                f"{where}: {what} must be a function of ({', '.join(arguments)}), but the one "
                f"given can't be called so: {error}"
            ) from error
        except ValueError:  # a function of C, which does not say what it takes
            pass


def flag(where: str, what: str, value: Any) -> None:
    """Raise `InputError` unless ``value`` is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"{where}: {what} must be True or False, got {shown(value)}")


def folder(where: str, what: str, value: Any) -> None:
    """Raise `InputError` unless ``value`` is a path: a text, or what stands for one."""
    if not isinstance(value, str | os.PathLike):
        raise InputError(f"{where}: {what} must be a path, got {shown(value)}")


def plain(value: Any) -> Any:
    """Return NumPy's numbers and flags as Python's, also those in a list, a tuple or a row of them.

    All else is returned as it is; an array of one row becomes a tuple.
    """
    if isinstance(value, np.bool_ | np.number):
        return value.item()
    if isinstance(value, np.ndarray) and value.ndim == 1:
        return tuple(value.tolist())
    if type(value) in (list, tuple):
        return type(value)(map(plain, value))
    return value


def positive_count(where: str, what: str, value: Any, *, least: int = 1) -> None:
    """Raise `InputError` unless ``value`` is an integer of at least 1, or another least one."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(
            f"{where}: {what} must be a whole number of at least {least}, got {shown(value)}"
        )


def axes_of(where: str, what: str, value: Any, *, least: int = 1) -> tuple[int, ...]:
    """Return a tuple of whole numbers of at least ``least``; raise `InputError` if it is none.

    There must be one at least, and as many at most as an array may have axes beside others.
    """
    axes = plain(value)
    if not isinstance(axes, tuple | list) or not axes:
        raise InputError(f"{where}: {what} must be whole numbers like (3, 4), got {shown(value)}")
    if len(axes) > _MOST_AXES:
        raise InputError(f"{where}: {what} has {len(axes)} axes, at most {_MOST_AXES} are possible")
    for axis in axes:
        positive_count(where, what, axis, least=least)
    return tuple(int(axis) for axis in axes)


def fraction(where: str, what: str, value: Any) -> None:
    """Raise `InputError` unless 0 ≤ ``value`` < 1."""
    number(where, what, value, least=0, below=1)


def one_of(where: str, what: str, value: Any, known: Collection[str]) -> None:
    """Raise `InputError` unless ``value`` is one of the ``known`` names."""
    names = list(known)
    if not isinstance(value, str) or value not in known:
        text = f"one of {', '.join(names)}" if len(names) > 1 else repr(names[0])
        raise InputError(f"{where}: {what} must be {text}, got {shown(value)}")


def floats(where: str, dtype: Any) -> str:
    """Return the name of a dtype, given by name or as NumPy has it; one of `DTYPES`."""
    try:
        name = str(np.dtype(dtype))
    except TypeError:
        name = ""
    if dtype is None or name not in DTYPES:
        one_of(where, "dtype", dtype, DTYPES)
    return name


def seed(where: str, value: Any) -> int:
    """Return a seed: a whole number of at least 0."""
    number(where, "seed", value, least=0, below=2**63, whole=True)
    return int(value)


def instance(where: str, what: str, value: Any, kind: type, example: str) -> None:
    """Raise `InputError` unless ``value`` is a ``kind``; ``example`` makes one."""
    if isinstance(value, kind):
        return
    if isinstance(value, type) and issubclass(value, kind):
        got = f"the class {value.__name__}: make one, like {value.__name__}(…)"
    else:
        got = shown(value)
    name = kind.__name__
    name = name.lower() if name.istitle() else name
    raise InputError(f"{where}: {what} must be a {name} such as {example}, got {got}")


def iterated(value: Any) -> list[Any] | None:
    """Return what an iterable gives, or None if it is none: an array of one number is not."""
    try:
        each = iter(value)
    except TypeError:
        return None
    return list(each)


def may_hold_rows(value: Any) -> bool:
    """Whether a value may be several rows: it has a length, a shape, or makes an array."""
    given = ("__len__", "shape", "__array__")
    return not isinstance(value, str | bytes | type) and any(hasattr(value, name) for name in given)


def sequence(where: str, what: str, value: Any) -> None:
    """Raise `InputError` unless ``value`` is a list, a tuple or another sequence, but no text."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise InputError(f"{where}: {what} must be a list, got {shown(value)}")


def weights(where: str, what: str, value: Any) -> tuple[float, ...]:
    """Return weights as a tuple: finite numbers of at least 0, and one of them above 0."""
    given = plain(value)
    if isinstance(given, str) or not isinstance(given, Sequence) or not given:
        raise InputError(f"{where}: {what} must be a list of numbers, got {shown(value)}")
    for weight in given:
        number(where, f"each of {what}", weight, least=0)
    if not any(given):
        raise InputError(f"{where}: one of {what} must be above 0, got {shown(value)}")
    return tuple(map(float, given))


def renamed(where: str, old: str, given_old: Any, new: str, given: Any) -> Any:
    """Return the value of a setting that may still come by its former name.

    The warning names the line that called Steepest, whatever lies between.

    Raises
    ------
    InputError
        If it comes by both names.
    """
    if given_old is None:
        return given
    if given is not None:
        raise InputError(f"{where}: {old} is the former name of {new}; give {new} alone")
    text = f"{where}: {old} is called {new} now; the former name goes with the next release"
    warnings.warn(text, DeprecationWarning, stacklevel=_levels_to_the_user())
    return given_old


def renamed_keys(where: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings under the names that they have now; see `renamed`."""
    if not isinstance(settings, Mapping):
        raise InputError(
            f"{where} must be a mapping, like {{'layers': (64,), 'epochs': 20}}, got "
            f"{shown(settings)}"
        )
    found = dict(settings)
    for old, new in FORMER_NAMES.items():
        if old in found:
            found[new] = renamed(where, old, found.pop(old), new, found.get(new))
    return found


def _levels_to_the_user() -> int:
    """Return how many frames above the caller the first one is that is the user's."""
    frame, levels = sys._getframe(1), 1
    while frame.f_back is not None and _is_ours(frame.f_globals.get("__name__", "")):
        frame, levels = frame.f_back, levels + 1
    return levels


def _is_ours(module: str) -> bool:
    """Say whether a module is of Steepest, or of scikit-learn, whose decorators lie between."""
    return module.partition(".")[0] in ("steepest", "sklearn")
