"""``steepest check``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from ._options import FLAG, PluginOption

__all__ = ["check"]


def check(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            help="What to check: Python files or modules of yours with layers, losses, rules or "
            "schedules, or folders of models.",
            metavar="FILE|MODULE|MODEL",
            show_default="everything that Steepest brings along",
        ),
    ] = None,
    plugin: PluginOption = None,
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet", "-q", help="Print only what is wrong, and how much was checked.", **FLAG
        ),
    ] = False,
) -> None:
    """Check layers, losses, rules and schedules, above all their gradients.

    Each gradient is computed by the code that training runs, and again from small differences of
    the function itself. A line shows where the two differ most. The exit status is 1 if something
    is wrong.

    If a file has a list called examples, its entries are checked; otherwise, one instance of every
    class in it, made without arguments.

    Example: steepest check my_layers.py
    """
    from .. import plugins
    from ..checking import HEAD, Settings, report_of

    plugins.use(*(plugin or ()))
    wrong = count = 0
    for thing in _things(what or []):
        report = report_of(thing, Settings())
        count += 1
        wrong += not report.ok
        if not (quiet and report.ok):
            print(HEAD if count == 1 else "", *report.lines(), sep="\n", flush=True)
    print(f"\n{count - wrong} of {count} are as they should be")
    if wrong:
        raise typer.Exit(1)


def _things(what: list[str]) -> Iterator[Any]:
    """Yield what is to be checked."""
    from .. import plugins
    from ..checking import catalogue

    if not what:
        for kind in (catalogue.LAYERS, catalogue.LOSSES, catalogue.RULES, catalogue.SCHEDULES):
            yield from kind
    for name in what:
        if Path(name).is_dir():
            from ..pipeline.folders import load_network

            yield load_network(name)
        else:
            (module,) = plugins.use(name)
            yield from plugins.examples(module)
