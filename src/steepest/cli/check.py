"""``steepest check``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from ._options import PluginOption

__all__ = ["check"]


def check(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            help="Files or modules with layers, losses or rules, and model folders; by default "
            "everything built in.",
            metavar="[FILE|MODULE|MODEL]...",
        ),
    ] = None,
    plugin: PluginOption = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Only what is wrong, and the count.")
    ] = False,
) -> None:
    """Check that gradients are right, and every other promise of a layer, loss or rule.

    Both halves of a layer's Φ and a loss's ∇ℓ are compared with central differences in float64,
    through the kernels that training runs; each line shows the worst entry of an array. The status
    is 1 if something is wrong.

    A file is checked at the things in its list ``examples``; without one, at everything that can be
    made without arguments.

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
            from ..pipeline.model import Model

            yield Model.load(name).network
        else:
            (module,) = plugins.use(name)
            yield from plugins.examples(module)
