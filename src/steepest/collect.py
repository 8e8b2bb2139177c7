"""What the modules of a folder define, so that a new file there is found without being listed."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from types import ModuleType
from typing import Any

__all__ = ["collect", "defined", "modules"]


def modules(package: str) -> list[ModuleType]:
    """Return the modules of a package by name, but for those whose name begins with ``_``."""
    path = sys.modules[package].__path__
    names = sorted(each.name for each in pkgutil.iter_modules(path))
    return [importlib.import_module(f"{package}.{name}") for name in names if name[0] != "_"]


def defined(module: ModuleType, base: type) -> list[type[Any]]:
    """Return the classes derived from ``base`` that ``module`` itself defines, in their order."""
    return [
        item
        for item in vars(module).values()
        if isinstance(item, type)
        and base in item.__mro__[1:]
        and item.__module__ == module.__name__
        and not item.__name__.startswith("_")
    ]


def collect(package: str, base: type) -> dict[str, type[Any]]:
    """Return the classes derived from ``base`` that a package's modules define, by name."""
    return {item.__name__: item for each in modules(package) for item in defined(each, base)}
