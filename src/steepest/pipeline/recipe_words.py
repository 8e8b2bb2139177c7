"""The words in which settings of a recipe tell their defaults."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .defaults import (
    BAG,
    BATCHES,
    BY_KIND,
    FEW,
    FEW_OF_BAGS,
    FEW_ROWS,
    FREQUENCIES,
    LADDER,
    LEAST_BAG_ROWS,
    LEAST_EPOCHS,
    MANY,
    MANY_MEMBERS,
    MOST_BATCH,
    MOST_EPOCHS,
    STEPS,
    TEXT_EPOCHS,
    TEXT_STEPS,
    WAVED,
)
from .names import LOSSES

__all__ = ["batches", "by_quality", "by_task", "either", "epochs", "losses", "quality", "steps"]

_KINDS = {
    "binary": "with two classes",
    "multiclass": "with more than two classes",
    "regression": "with a number to predict",
}


def either(names: Iterable[str]) -> str:
    """Return "a, b or c"."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def losses() -> str:
    """Return which losses there are for which task."""
    return "; ".join(f"{_KINDS[kind]} {either(found)}" for kind, found in LOSSES.items())


def batches() -> str:
    """Return the default batch."""
    return _by_rows(BATCHES, MOST_BATCH)


def steps() -> str:
    """Return how many steps a training takes by default."""
    return ", ".join(f"{value:,} steps {_KINDS[kind]}" for kind, value in STEPS.items())


def epochs() -> str:
    """Return how many epochs these steps are at least and at most."""
    texts = f"{TEXT_EPOCHS} at most with columns of text, if these are {TEXT_STEPS} steps"
    least = f"{LEAST_EPOCHS} at least and {MOST_EPOCHS} at most"
    return _told(least, _by_few_rows("epochs")) + f"; {texts}"


def quality() -> str:
    """Return which step of the ladder is the default."""
    return (
        f"{BAG} where it takes no more than about twice the time of 1 and nothing stands against "
        f"it: from {LEAST_BAG_ROWS} rows on, of two classes or a number and up to {MANY} columns, "
        f"or up to {FEW:,} rows; else 1"
    )


def by_quality(name: str, otherwise: int) -> str:
    """Return what a setting is by default, if that depends on the quality."""
    of_quality = [(own[name], f"with quality {q}") for q, own in LADDER.items() if name in own]
    of_many = [(MANY_MEMBERS, f"with two classes or a number and more than {MANY} columns")] * (
        name == "members"
    )
    others = [*_by_kind(name), *of_many, *of_quality, *_by_few_rows(name, otherwise)]
    return _told(f"{otherwise}", others)


def by_task(name: str, value: Any) -> str:
    """Return what a setting is by default, if that depends on the task or the number of rows."""
    shown = f"{value}"
    if name == "frequency":
        shown = f"{_by_rows(FREQUENCIES, value)}; 0 for more than {WAVED:,} columns"
    return _told(shown, [*_by_kind(name), *_by_few_rows(name, value)])


def _told(usual: str, others: list[tuple[Any, str]]) -> str:
    """Return a default, and each other value once with all that it goes with."""
    when: dict[Any, list[str]] = {}
    for value, condition in others:
        when.setdefault(value, []).append(condition)
    return "; ".join([usual, *(f"{value} {either(found)}" for value, found in when.items())])


def _by_kind(name: str) -> list[tuple[Any, str]]:
    return [(own[name], _KINDS[kind]) for kind, own in BY_KIND.items() if name in own]


def _by_few_rows(name: str, otherwise: Any = None) -> list[tuple[Any, str]]:
    """Return what a setting is of few rows, and of which, if that is another value."""
    few, of_bags = f"up to {FEW:,} rows", {kind: own[0][1] for kind, own in FEW_OF_BAGS.items()}
    alone = any(own.get(name) != of_bags[kind].get(name) for kind, own in FEW_ROWS.items())
    usual, told = dict(BY_KIND), []
    single = f"in one network of {few}" if alone else few
    for step, rows, table in (1, single, FEW_ROWS), (BAG, "in a bag of few rows", of_bags):
        kinds: dict[Any, list[str]] = {}
        for kind, own in table.items():
            usual[kind] = usual[kind] | LADDER[step]
            if name in own and own[name] != usual[kind].get(name, otherwise):
                kinds.setdefault(own[name], []).append(kind)
            usual[kind] = usual[kind] | own
        told += [(value, f"{rows} {_of(found)}") for value, found in kinds.items()]
    return told


def _of(kinds: list[str]) -> str:
    if set(kinds) == {"binary", "multiclass"}:
        return "of classes"
    return either(_KINDS[kind] for kind in kinds)


def _by_rows(bounds: tuple[tuple[int, Any], ...], most: Any) -> str:
    parts = [f"{value:g} up to {bound:,} rows" for bound, value in bounds]
    return ", ".join([*parts, f"{most:g} for more"])
