"""Checks of single settings."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .errors import InputError

__all__ = ["fraction", "positive_count", "renamed"]


def positive_count(where: str, what: str, value: Any) -> None:
    """Raise `InputError` unless ``value`` is a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise InputError(f"{where}: {what} must be a whole number of at least 1, got {value!r}")


def fraction(where: str, what: str, value: Any) -> None:
    """Raise `InputError` unless 0 ≤ ``value`` < 1."""
    if not isinstance(value, int | float | np.number) or not 0 <= value < 1:
        raise InputError(f"{where}: {what} must be at least 0 and below 1, got {value!r}")


def renamed(where: str, old: str, given_old: Any, new: str, given: Any) -> Any:
    """Return the value of a setting that may still come by its former name.

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
    warnings.warn(text, DeprecationWarning, stacklevel=3)
    return given_old
