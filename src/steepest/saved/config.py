"""Layers, losses, rules and schedules as plain JSON, and back.

A thing is {"type": its class, **its fields}; one made of layers has "layers", and "widths" if each
takes columns of its own. All fields are written, so that a record keeps its meaning when a default
changes. Only what the package itself exports can be named: a record runs no code.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from .. import layers, losses, plugins, rules, schedules
from ..collect import collect
from ..errors import InputError, ModelError
from ..layers._combinator import Combinator
from ..printing import shown
from ..records import check_fields

__all__ = ["from_config", "known", "to_config"]

_FOLDERS = {"layer": layers, "loss": losses, "rule": rules, "schedule": schedules}


@functools.cache
def known(kind: str) -> Mapping[str, type]:
    """Return the package's own classes of a kind, by name."""
    return collect(_FOLDERS[kind].__name__, plugins.KINDS[kind])


def to_config(thing: Any) -> dict[str, Any]:
    """Return a layer, loss, rule or schedule in plain JSON types.

    Raises
    ------
    ModelError
        If a field holds a function.
    PluginError
        If it is neither one of the package's own, nor of a user's file that can be imported.
    """
    name = type(thing).__name__
    if not any(known(kind).get(name) is type(thing) for kind in plugins.KINDS):
        name = plugins.path_of(thing)
    if isinstance(thing, Combinator):
        record: dict[str, Any] = {"type": name}
        if hasattr(thing, "widths"):
            record["widths"] = list(thing.widths)
        return {**record, "layers": [to_config(layer) for layer in thing.layers]}
    values = {f.name: getattr(thing, f.name) for f in fields(thing) if f.init}
    return {"type": name, **{k: _plain(v, f"{name}: {k}") for k, v in values.items()}}


def from_config(record: Any, kind: str) -> Any:
    """Return the layer, loss, rule or schedule that `to_config` described.

    Parameters
    ----------
    record : dict
    kind : {"layer", "loss", "rule", "schedule"}

    Raises
    ------
    ModelError
        If the name or a field is not known, or a value is not one that the class takes.
    PluginError
        If it needs a plugin that was not named.
    """
    if not isinstance(record, Mapping) or not isinstance(record.get("type"), str):
        raise ModelError(f"expected a {kind} with its type, got {shown(record)}")
    name = record["type"]
    found: Any = plugins.find(name, kind) if ":" in name else known(kind).get(name)
    if found is None:
        raise ModelError(f"no {kind} {name!r}; there are {', '.join(known(kind))}")
    settings = {k: v for k, v in record.items() if k != "type"}
    made_of_layers = issubclass(found, Combinator)
    wanted = {"layers", "widths"} if made_of_layers else {f.name for f in fields(found) if f.init}
    strange = [repr(k) for k in settings if k not in wanted]
    if strange:
        raise ModelError(
            f"{name} has no field {', '.join(strange)}; "
            f"it has {', '.join(sorted(wanted)) or 'none'}"
        )
    try:
        if made_of_layers:
            return found(*_branches(settings))
        values = {k: _thing(v, kind) for k, v in settings.items()}
        check_fields(found, values)
        return found(**values)
    except (InputError, TypeError, ValueError, KeyError) as error:
        raise ModelError(f"{name} can't be made of {shown(settings)}: {error}") from error


def _branches(settings: Mapping[str, Any]) -> list[Any]:
    layers = [from_config(layer, "layer") for layer in settings["layers"]]
    if "widths" not in settings:
        return layers
    return list(zip(settings["widths"], layers, strict=True))


def _plain(value: Any, where: str) -> Any:
    """Return the value of a field in plain JSON types."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(item, where) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item, where) for key, item in value.items()}
    if is_dataclass(value):
        return to_config(value)
    raise ModelError(f"{where}: {value!r} can't be saved; use one of the names instead")


def _thing(value: Any, kind: str) -> Any:
    """Return the value of a field: lists as tuples, records as what they describe.

    A loss may hold a loss; all others hold schedules.
    """
    if isinstance(value, list):
        return tuple(_thing(item, kind) for item in value)
    if isinstance(value, Mapping) and isinstance(value.get("type"), str):
        return from_config(value, "loss" if kind == "loss" else "schedule")
    return value
