"""``steepest predict``."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError
from ._images import predict_images
from ._options import (
    FLAG,
    MODEL_HELP,
    PluginOption,
    ThreadsOption,
    file_options,
    settings_of,
    table_help,
)
from ._printing import say

if TYPE_CHECKING:
    import pyarrow as pa

    from ..pipeline.model import Model

__all__ = ["options", "predict"]


_Keep = Annotated[
    bool,
    typer.Option(
        "--keep",
        help="Copy the columns of TABLE to the output as well. If TABLE already has a column "
        "called prediction, the new one is called prediction_, and so on.",
        **FLAG,
    ),
]
_Sets = Annotated[
    float | None,
    typer.Option(
        help="Add a column called set with the likeliest classes of each row: as many as are "
        "needed for the right one to be among them in this share of the rows, like 0.9.",
        metavar="SHARE",
        show_default="no sets",
    ),
]
_Skip = Annotated[
    bool,
    typer.Option(
        "--skip", help="For a model of images: leave out pictures that can't be read.", **FLAG
    ),
]


def predict(
    model: Annotated[Path, typer.Argument(help=MODEL_HELP, metavar="MODEL")],
    table: Annotated[Path, typer.Argument(help=table_help("The rows to predict"), metavar="TABLE")],
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            help="Write the predictions to this file, in any of the formats of TABLE.",
            metavar="FILE",
            show_default="print them as CSV",
        ),
    ] = None,
    proba: Annotated[
        bool,
        typer.Option(
            "--proba",
            help="For each class, add a column proba_CLASS with its probability.",
            **FLAG,
        ),
    ] = False,
    sets: _Sets = None,
    keep: _Keep = False,
    rows: Annotated[
        int,
        typer.Option(
            help="How many rows to hold in memory at once. The output is the same.",
            min=1,
            metavar="<int>",
        ),
    ] = 65536,
    skip: _Skip = False,
    threads: ThreadsOption = None,
    plugin: PluginOption = None,
    **written: Any,
) -> None:
    """Predict the target of every row of a table.

    The output has one row for each row of TABLE, in the same order, with a column called
    prediction. TABLE may be larger than memory. Values that are missing, can't be read or did not
    occur in training are no error: they are counted on the standard error.

    A model of images takes a picture, a folder of pictures, or a file .npz; its output has a column
    called file.

    Example: steepest predict model new.csv --proba -o predictions.parquet
    """
    from ..images.encoder import ImageEncoder
    from ..pipeline.model import Model
    from ..system.files import check_replaceable
    from ..tables.files import stream_table
    from ..tables.options import TableOptions

    read = TableOptions(**settings_of(TableOptions, written))
    loaded = Model.load(model, plugins=plugin or ())
    if out is not None:
        check_replaceable(out, table)
    if isinstance(loaded.encoder, ImageEncoder):
        if sets is not None:
            raise InputError("--sets is for models of tables, and this one takes images")
        predict_images(loaded, table, out, proba, skip)
        return
    asked = {"proba": proba, "sets": sets, "threads": threads}
    _predict_table(loaded, stream_table(table, rows=rows, options=read), out, keep, asked)


def _predict_table(
    model: Model, blocks: Iterable[pa.Table], out: Path | None, keep: bool, asked: dict[str, Any]
) -> None:
    from ..tables.encoder import Counts, counts_text
    from ..tables.files import TableWriter

    odd = Counts()
    with TableWriter(out) as writer:
        for block in blocks:
            found = model.predict(block, counts=odd, **asked)
            writer.write(_beside(block, found) if keep else found)
    for line in counts_text(odd):
        say(line, error=True)


def options() -> list[inspect.Parameter]:
    """Return the options that say how the table is written; the model knows the others."""
    return file_options()


def _beside(block: pa.Table, found: pa.Table) -> pa.Table:
    """Return the columns of a block, and those found under names that none of the others has."""
    for name in found.column_names:
        free = name
        while free in block.column_names:
            free += "_"
        block = block.append_column(free, found.column(name))
    return block
