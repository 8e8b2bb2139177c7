"""Options that several commands share, and options made of the settings of a class."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import typer

from ..errors import InputError
from ..settings import Declared, declared

__all__ = [
    "FLAG",
    "MODEL_HELP",
    "PluginOption",
    "ThreadsOption",
    "file_options",
    "options_of",
    "settings_of",
    "table_help",
]

FLAG: dict[str, Any] = {"show_default": "off"}
"""What options have that are off unless they are given."""
MODEL_HELP = "The folder of a model, as `steepest train` writes it."

PluginOption = Annotated[
    list[str] | None,
    typer.Option(
        "--plugin",
        help="A Python file or module of yours with layers, losses, rules or schedules. It is "
        "imported, which runs its code. Repeat it for more.",
        metavar="FILE|MODULE",
        show_default="none",
    ),
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(
        help="How many threads of the processor to use.",
        min=1,
        metavar="<int>",
        show_default="as many as make it faster",
    ),
]


def table_help(what: str) -> str:
    """Return the help of an argument that is a file with a table."""
    from ..tables.files import SUFFIXES

    return (
        f"{what}: a file whose name ends in {', '.join(SUFFIXES)} or .zip, a folder of Parquet "
        "files, or - for the standard input."
    )


def file_options() -> list[inspect.Parameter]:
    """Return the options that a file of text may need whenever it is read."""
    from ..tables.options import FILE_OPTIONS, TableOptions

    return [option for option in options_of(TableOptions) if option.name in FILE_OPTIONS]


def options_of(cls: type) -> list[inspect.Parameter]:
    """Return an option for each setting of a class that has a `steepest.settings.Setting`."""
    return [_option(one) for one in declared(cls)]


def settings_of(cls: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a class that are among those given, as the class takes them.

    Raises
    ------
    InputError
        If a text is no list of what it should be a list of.
    """
    known = [one for one in declared(cls) if one.name in given]
    return {one.name: _read(one, given[one.name]) for one in known}


def _option(one: Declared) -> inspect.Parameter:
    items = _items(one.kind)
    value = None if one.value is inspect.Parameter.empty else one.value
    kind: Any = next(kind for kind in _members(one.kind) if kind is not NoneType)
    if items == (str,):
        kind, value = list[str], list(value or ())
    elif items:
        kind, value = str, None if value is None else ",".join(map(str, value))
    option = typer.Option(
        help=one.setting.help,
        metavar=one.setting.value or None,
        rich_help_panel=one.setting.group or None,
        show_default=one.setting.default or value is not None,
    )
    return inspect.Parameter(
        one.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=value,
        annotation=Annotated[kind | None if value is None else kind, option],
    )


def _read(one: Declared, value: Any) -> Any:
    """Return the value of a setting, of what the command line or a file has."""
    items = _items(one.kind)
    if not items or not isinstance(value, str):
        return tuple(value) if items and isinstance(value, list) else value
    if items == (str,):
        return (value,)
    words = [word for word in value.split(",") if word.strip()]
    try:
        return tuple(items[0](word) for word in words)
    except ValueError as error:
        what = "whole numbers" if items[0] is int else "numbers"
        raise InputError(f"{one.name} must be {what} separated by commas, got {value!r}") from error


def _members(kind: Any) -> tuple[Any, ...]:
    """Return the types of which a value may be."""
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def _items(kind: Any) -> tuple[Any, ...]:
    """Return the types of what a setting is a list of; nothing if it is no list."""
    for member in _members(kind):
        if get_origin(member) in (tuple, Sequence):
            return _members(get_args(member)[0])
    return ()
