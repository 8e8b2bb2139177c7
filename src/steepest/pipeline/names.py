"""What people may call activations, losses, rules and schedules, on the command line and in Python.

Every class of `steepest.layers`, `losses`, `rules` and `schedules` that can be made of its defaults
is offered by its name in small letters; ``called`` gives a class other names. Those of plugins in
use (`steepest.plugins`) are offered beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import ModuleType
from typing import Any, TypeVar

from .. import layers, losses, plugins, rules, schedules
from ..layer import Layer
from ..loss import Loss
from ..rule import Rule
from ..schedule import Schedule

__all__ = ["ACTIVATIONS", "LOSSES", "RULES", "SCHEDULES", "Named"]

Kind = TypeVar("Kind")


class Named(Mapping[str, type[Kind]]):
    """The classes of a kind that are offered, by name, as they are now.

    Iteration gives each class once, by the name that is shown; its other names are found too.

    Parameters
    ----------
    folder : module
        Exports those of the package.
    base : type
        What the kind's classes derive from.
    offers : callable
        Whether a class is offered.
    first : str, optional
        The name of the one that comes first; the others are in the order of their files.
    """

    def __init__(
        self, folder: ModuleType, base: Any, offers: Callable[[Any], bool], first: str = ""
    ) -> None:
        self._folder, self._base, self._offers, self._first = folder, base, offers, first

    def __getitem__(self, name: str) -> type[Kind]:
        found = {name: kind for kind in reversed(self._kinds()) for name in names_of(kind)}
        return found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(names_of(kind)[0] for kind in self._kinds()))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def _kinds(self) -> list[type[Kind]]:
        own = (getattr(self._folder, name) for name in self._folder.__all__)
        found = [*own, *plugins.defined(self._base)]
        kept = [kind for kind in found if kind is not self._base and self._offers(kind)]
        return sorted(kept, key=lambda kind: self._first not in names_of(kind))


def names_of(kind: type) -> tuple[str, ...]:
    """Return the names of a class, the one that is shown first."""
    path = f"{kind.__module__}:{kind.__name__}"
    return (*vars(kind).get("called", ()), kind.__name__.lower(), path)


def _is_activation(kind: type[Layer]) -> bool:
    """Whether it is a σ of single entries; any layer of a plugin may stand in its place."""
    return kind.steepest_slope is not None or not kind.__module__.startswith(layers.__name__)


def _needs_only_a_rate(kind: type) -> bool:
    needed = [
        f.name
        for f in (fields(kind) if is_dataclass(kind) else ())
        if f.init and f.default is MISSING and f.default_factory is MISSING
    ]
    return needed == ["lr"]


def _is_for(task: str) -> Callable[[type[Loss]], bool]:
    return lambda kind: task in kind.tasks


ACTIVATIONS: Named[Layer] = Named(layers, Layer, _is_activation)
LOSSES: dict[str, Named[Loss]] = {
    task: Named(losses, Loss, _is_for(task), first)
    for task, first in (
        ("regression", "squared"),
        ("binary", "logistic"),
        ("multiclass", "softmax"),
    )
}
"""By kind of task; the first is the default."""
RULES: Named[Rule] = Named(rules, Rule, lambda kind: True)
SCHEDULES: Named[Any] = Named(schedules, Schedule, _needs_only_a_rate)
