"""``steepest evaluate``."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ._images import labelled_images
from ._options import (
    FLAG,
    MODEL_HELP,
    PluginOption,
    ThreadsOption,
    file_options,
    settings_of,
    table_help,
)

__all__ = ["evaluate", "options"]

_By = Annotated[
    list[str] | None,
    typer.Option(
        "--by",
        help="Also show the scores for each value of this column of TABLE by itself, or for each "
        "quarter of its numbers. Repeat it for more.",
        metavar="COLUMN",
        show_default="none",
    ),
]
_Bins = Annotated[
    int,
    typer.Option(
        help="The table of calibration puts rows of similar probability together: into at most "
        "this many groups.",
        min=1,
        metavar="<int>",
    ),
]


def evaluate(
    model: Annotated[Path, typer.Argument(help=MODEL_HELP, metavar="MODEL")],
    table: Annotated[
        Path,
        typer.Argument(help=table_help("Rows whose target is known, in a table"), metavar="TABLE"),
    ],
    by: _By = None,
    bins: _Bins = 10,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print all of it as JSON instead of tables.", **FLAG)
    ] = False,
    threads: ThreadsOption = None,
    plugin: PluginOption = None,
    **written: Any,
) -> None:
    """Tell how good a model is on rows whose target is known.

    It prints all scores, beside those of a trivial predictor that ignores the inputs. For classes
    it adds precision and recall, the confusion table, and whether the probabilities are calibrated;
    for quantiles, how many values lie below each. Rows without a target are left out.

    For a model of images, give a folder with a folder of pictures for each class, or a file .npz.

    Example: steepest evaluate model data/census_income.parquet --by education
    """
    from ..images.encoder import ImageEncoder
    from ..pipeline.model import Model
    from ..printing import harmless
    from ..tables.door import lay_out_table
    from ..tables.files import read_table
    from ..tables.options import TableOptions

    loaded = Model.load(model, plugins=plugin or ())
    y: Any = None
    if isinstance(loaded.encoder, ImageEncoder):
        read = labelled_images(loaded, table)
        rows, y = read.images, read.labels
    else:
        rows = lay_out_table(read_table(table, TableOptions(**settings_of(TableOptions, written))))
    found = loaded.evaluate(rows, y, by=by or (), bins=bins, threads=threads)
    print(json.dumps(found.to_dict(), indent=1) if as_json else harmless(str(found), lines=True))


def options() -> list[inspect.Parameter]:
    """Return the options that say how the table is written; the model knows the others."""
    return file_options()
