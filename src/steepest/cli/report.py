"""``steepest report``."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Annotated, Any

import typer

from ._options import MODEL_HELP, PluginOption, file_options, settings_of, table_help
from ._printing import say

__all__ = ["options", "report"]


def report(
    model: Annotated[Path, typer.Argument(help=MODEL_HELP, metavar="MODEL")],
    table: Annotated[
        Path | None,
        typer.Argument(
            help=table_help("Rows whose target is known, preferably rows that were not trained on"),
            metavar="TABLE",
            show_default="none: what the model itself knows",
        ),
    ] = None,
    out: Annotated[
        Path,
        typer.Option("-o", "--out", help="The file to write.", metavar="FILE.html"),
    ] = Path("report.html"),
    seed: Annotated[
        int, typer.Option(help="The number that the random draws and shuffles follow from.")
    ] = 0,
    plugin: PluginOption = None,
    **written: Any,
) -> None:
    """Write a report on a model: one page of HTML that works offline.

    With a table it shows how good the model is on its rows, with intervals; confusions, curves and
    calibration, or residuals; groups of rows that the model is worse at; how much each column
    matters, and how predictions move with it; the hardest rows. With or without, it shows how the
    training went, the network and what it computes, and what is needed to repeat the training.

    Example: steepest report model data/census_income.parquet -o report.html
    """
    from ..pipeline.model import Model
    from ..system.files import check_replaceable, write_durably
    from ..tables.files import read_table
    from ..tables.options import TableOptions

    check_replaceable(out, table)
    loaded = Model.load(model, plugins=plugin or ())
    rows = None
    if table is not None:
        rows = read_table(table, TableOptions(**settings_of(TableOptions, written)))
    which = "rows" if table is None else f"rows of {table.name}"
    write_durably(out, loaded.report(rows, which=which, seed=seed))
    say(f"report written to {out}")


def options() -> list[inspect.Parameter]:
    """Return the options that say how the table is written; the model knows the others."""
    return file_options()
