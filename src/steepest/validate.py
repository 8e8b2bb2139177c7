"""Checks of single settings."""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import InputError


def positive_count(where: str, what: str, value: Any) -> None:
    """Raise `InputError` unless ``value`` is a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise InputError(f"{where}: {what} must be a whole number of at least 1, got {value!r}")


def fraction(where: str, what: str, value: Any) -> None:
    """Raise `InputError` unless 0 ≤ ``value`` < 1."""
    if not isinstance(value, int | float | np.number) or not 0 <= value < 1:
        raise InputError(f"{where}: {what} must be at least 0 and below 1, got {value!r}")
