"""How much each class counts in a training, and how much it costs to miss it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import InputError
from ..validate import number

__all__ = ["ClassWeight", "class_weights", "read_class_weight"]

ClassWeight = str | Mapping[Any, float] | None
"""``"balanced"``, or the weight of each class by its label, 1 where there is none."""
BALANCED = "balanced"


def class_weights(
    wanted: ClassWeight,
    classes: Sequence[Any],
    codes: Array,
    where: str = "settings",
    what: str = "class_weight",
) -> tuple[float, ...] | None:
    """Return one weight for each class; None if all count alike.

    Parameters
    ----------
    wanted : "balanced", mapping or None
        Balanced weights are n / (K n_k), as scikit-learn's: each class counts as much as any other.
    classes : sequence
        The labels, in order.
    codes : ndarray (n,)
        The classes of the rows to train on, by their numbers.
    where, what : str
        What to begin an error with, and what the weights are called.

    Raises
    ------
    InputError
        If a weight is not above 0, or is of no class.
    """
    if wanted is None:
        return None
    if isinstance(wanted, str):
        if wanted != BALANCED:
            raise InputError(
                f"{where}: {what} must be {BALANCED!r}, or a weight for each class, got {wanted!r}"
            )
        counts = np.maximum(np.bincount(codes, minlength=len(classes)), 1)
        return tuple((len(codes) / (len(classes) * counts)).tolist())
    for weight in wanted.values():
        number(where, f"each of {what}", weight, above=0)
    labels = list(classes)
    odd = [label for label in wanted if label not in labels]
    if odd and any(label not in wanted for label in labels):
        shown = ", ".join(map(repr, labels[:20])) + ", …" * (len(labels) > 20)
        raise InputError(f"{where}: {what} names {odd[0]!r}; the classes are {shown}")
    return tuple(float(wanted.get(label, 1.0)) for label in labels)


def read_class_weight(text: str, classes: Sequence[Any], what: str = "class_weight") -> ClassWeight:
    """Return the class weights that a text like ``yes=5,no=1`` gives, by the classes' labels.

    Raises
    ------
    InputError
        If it can't be read, or names no class.
    """
    if text.strip() == BALANCED:
        return BALANCED
    named = {str(label): label for label in classes}
    found: dict[Any, float] = {}
    for part in text.split(","):
        name, is_given, weight = (word.strip() for word in part.rpartition("="))
        if not is_given:
            raise InputError(f"{what} must be {BALANCED}, or like yes=5,no=1, got {text!r}")
        if name not in named:
            shown = ", ".join(list(named)[:20]) + ", …" * (len(named) > 20)
            raise InputError(f"{what} names {name!r}; the classes are {shown}")
        try:
            found[named[name]] = float(weight)
        except ValueError as error:
            raise InputError(f"{what}: the weight of {name} is {weight!r}") from error
    return found
