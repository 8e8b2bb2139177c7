"""What the fields of a class are to others: numbers to a kernel, code or options to people."""

from __future__ import annotations

import inspect
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from typing import Annotated, Any, ClassVar, NamedTuple, get_args, get_origin, get_type_hints

import numpy as np

__all__ = [
    "OFF",
    "Declared",
    "Named",
    "Setting",
    "Shown",
    "declared",
    "described",
    "numbers_of",
    "spelled_out",
]

OFF: dict[str, bool] = {"off": True}
"""Metadata of a field that came later, and whose default leaves all as it was before.

`spelled_out` is silent about it while it is off, so that what was written down before it came still
means the same. Such a default never changes.
"""


@dataclass(frozen=True)
class Setting:
    """What a setting says of itself to people who know it as an option of a command.

    It stands in the annotation, ``lr: Annotated[float, Setting("The training", "…")] = 0.04``,
    and makes an option of a field of a dataclass, or of an argument of a class.

    Attributes
    ----------
    group : str
        The heading that it is listed under.
    help : str
        A sentence or two for people who don't know the project.
    default : str
        What happens by default, where the default value does not say it.
    value : str
        What stands for the value in a list of options, where its type says too little.
    """

    group: str
    help: str
    default: str = ""
    value: str = ""


class Declared(NamedTuple):
    """A setting: its name, its type, its default value, and what it says of itself."""

    name: str
    kind: Any
    value: Any
    setting: Setting


def declared(cls: type) -> list[Declared]:
    """Return the fields of a dataclass, or the arguments of a class, that have a `Setting`.

    A value of `inspect.Parameter.empty` means that there is no default.
    """
    found = []
    annotated: Any = cls if is_dataclass(cls) else cls.__init__  # type: ignore[misc]
    hints = get_type_hints(annotated, include_extras=True)
    for name, parameter in inspect.signature(cls).parameters.items():
        hint = hints.get(name)
        if get_origin(hint) is Annotated:
            kind, *extras = get_args(hint)
            settings = [extra for extra in extras if isinstance(extra, Setting)]
            found += [Declared(name, kind, parameter.default, setting) for setting in settings]
    return found


def numbers_of(thing: Any) -> dict[str, Any]:
    """Return the numbers among the fields of a dataclass, by name; of anything else, none.

    Those declared ``float`` come as floats; tuples of numbers as arrays (k,) of float64, which a
    kernel gets in the network's dtype.
    """
    found: dict[str, Any] = {}
    for f in fields(thing) if is_dataclass(thing) else ():
        value = getattr(thing, f.name)
        if isinstance(value, int | float | np.number):
            whole = isinstance(value, int | np.integer) and f.type not in ("float", float)
            found[f.name] = int(value) if whole else float(value)
        elif isinstance(value, tuple) and all(isinstance(v, int | float) for v in value):
            found[f.name] = np.array(value, np.float64)
    return found


def described(thing: Any) -> str:
    """Return a layer, loss, rule or schedule as code, without the fields left at their defaults."""
    shown = []
    for k, f in enumerate(fields(thing) if is_dataclass(thing) else ()):
        default = f.default if f.default_factory is MISSING else f.default_factory()
        value = getattr(thing, f.name)
        if value != default:
            text = described(value) if _is_thing(value) else repr(value)
            shown.append(text if k == 0 else f"{f.name}={text}")
    return f"{type(thing).__name__}({', '.join(shown)})"


def _is_thing(value: Any) -> bool:
    return is_dataclass(value) and not isinstance(value, type)


class Shown:
    """What layers, losses, rules and schedules share: how they are shown."""

    def __repr__(self) -> str:
        """Show the fields that differ from their defaults; the first one without its name."""
        return described(self)


def spelled_out(thing: Any) -> str:
    """Return what is shown of a thing, with all fields by name: a default may change some day.

    But for those that are `OFF`.
    """
    if not is_dataclass(thing) or type(thing).__repr__ is not Shown.__repr__:
        return repr(thing)
    shown = (
        f"{f.name}={spelled_out(getattr(thing, f.name))}"
        for f in fields(thing)
        if not _is_off(thing, f)
    )
    return f"{type(thing).__qualname__}({', '.join(shown)})"


def _is_off(thing: Any, f: Field[Any]) -> bool:
    return "off" in f.metadata and bool(getattr(thing, f.name) == f.default)


class Named(Shown):
    """What layers and losses share: names for people, and numbers for kernels.

    A subclass is a frozen dataclass whose fields are its settings.
    """

    called: ClassVar[tuple[str, ...]] = ()
    """Names beside the class's own in small letters; the first one is shown."""

    def settings(self) -> dict[str, Any]:
        """Return the numbers among the fields, by name, and tuples of them: see `numbers_of`."""
        return numbers_of(self)
