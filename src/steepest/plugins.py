"""Layers, losses, rules and schedules of a user's own file, known by path: "my_layers:Slope".

A file or module is imported when the user names it, on the command line (``--plugin``) or as an
argument (``plugins=``), and never because a model folder mentions it.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from dataclasses import is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from . import collect
from .errors import PluginError
from .layer import Layer
from .loss import Loss
from .printing import shown
from .rule import Rule
from .schedule import Schedule

__all__ = ["Plugin", "defined", "examples", "find", "path_of", "use"]

Plugin = str | os.PathLike[str] | ModuleType
"""A file like ``my_layers.py``, a module like ``package.layers``, or the module itself."""

Kind = TypeVar("Kind")

KINDS: dict[str, type] = {"layer": Layer, "loss": Loss, "rule": Rule, "schedule": Schedule}

_used: dict[str, ModuleType] = {}


def use(*sources: Plugin) -> list[ModuleType]:
    """Import files or modules, and let what they define be named from now on.

    Raises
    ------
    PluginError
        If one can't be imported, or defines none of these.
    """
    modules = [source if isinstance(source, ModuleType) else _import(source) for source in sources]
    for module in modules:
        if not any(collect.defined(module, base) for base in KINDS.values()):
            raise PluginError(f"{module.__name__} defines no layer, loss, rule or schedule")
    _used.update({module.__name__: module for module in modules})
    return modules


def defined(base: type[Kind]) -> list[type[Kind]]:
    """Return what the plugins in use define of a kind."""
    return [item for module in _used.values() for item in collect.defined(module, base)]


def find(path: str, kind: str) -> type:
    """Return the class at "module:Name", which must be of a plugin in use.

    Raises
    ------
    PluginError
        If the plugin was not named, or has no such class.
    """
    module, _, name = path.partition(":")
    if module not in _used:
        raise PluginError(
            f"{kind} {path!r} is no part of Steepest: it needs the plugin {module!r}. If you trust "
            f"it, name it: --plugin {module}.py, or plugins=[{module + '.py'!r}]"
        )
    found = {item.__name__: item for item in collect.defined(_used[module], KINDS[kind])}
    if name not in found:
        raise PluginError(
            f"the plugin {module!r} has no {kind} {name!r}; it has {', '.join(found) or 'none'}"
        )
    return found[name]


def examples(module: ModuleType) -> list[Any]:
    """Return what is to be checked of a module: its ``examples``, else one of each class.

    Raises
    ------
    PluginError
        If a class is not among the examples, or can't be made without arguments.
    """
    kinds = [item for base in KINDS.values() for item in collect.defined(module, base)]
    given = getattr(module, "examples", None)
    if given is not None:
        lacking = [kind.__name__ for kind in kinds if not any(type(e) is kind for e in given)]
        if lacking:
            raise PluginError(f"{module.__name__}: examples lacks {', '.join(lacking)}")
        return list(given)
    try:
        return [kind() for kind in kinds]
    except TypeError as error:
        raise PluginError(
            f"{module.__name__}: {error}. Say what to check: examples = [Name(argument, …), …]"
        ) from error


def path_of(thing: Any) -> str:
    """Return the import path of the class of a user's layer, loss, rule or schedule.

    Raises
    ------
    PluginError
        If it is none of these, or could not be made again from its path and its fields.
    """
    kind = type(thing)
    name = f"{kind.__module__}:{kind.__qualname__}"
    if not {*KINDS.values()} & {*kind.__mro__}:
        why = "it is no layer, loss, rule or schedule"
    elif kind.__module__ == "__main__" or "." in kind.__qualname__:
        why = "nobody could import it again; define it at the top of a file of its own"
    elif not (is_dataclass(thing) or hasattr(thing, "layers")):
        why = "its settings are not known; make it a frozen dataclass"
    else:
        return name
    raise PluginError(f"{name} can't be saved: {why}")


def _import(source: str | os.PathLike[str]) -> ModuleType:
    if not isinstance(source, str | os.PathLike):
        raise PluginError(f"a plugin must be a file, or the name of a module, got {shown(source)}")
    text = os.fspath(source)
    try:
        if text.endswith(".py") or os.sep in text:
            return _import_file(Path(text).resolve())
        return importlib.import_module(text)
    except PluginError:
        raise
    except Exception as error:  # whatever a user's file raises
        raise PluginError(
            f"the plugin {text} can't be imported: {type(error).__name__}: {error}"
        ) from error


def _import_file(file: Path) -> ModuleType:
    """Import a file under its own name, so that a saved path means the same everywhere."""
    name = file.stem
    known = sys.modules.get(name)
    if known is not None:
        if Path(getattr(known, "__file__", None) or "").resolve() == file:
            return known
        raise PluginError(f"the plugin {file}: there is another module {name!r}; rename the file")
    if not file.is_file():
        raise PluginError(f"the plugin {file} does not exist")
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise PluginError(f"the plugin {file} is no Python file: its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
