"""``steepest predict``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ._options import PluginOption

__all__ = ["predict"]


def predict(
    model: Annotated[Path, typer.Argument(help="A folder that train wrote.", metavar="MODEL")],
    table: Annotated[
        Path, typer.Argument(help="CSV or TSV (also .gz), Parquet, or Arrow.", metavar="TABLE")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", help="The same formats; by default CSV to the standard output."
        ),
    ] = None,
    proba: Annotated[
        bool, typer.Option("--proba", help="Add a column proba_CLASS for each class.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Carry the columns of TABLE through.")
    ] = False,
    rows: Annotated[int, typer.Option(help="Rows in memory at once.", min=1)] = 65536,
    threads: Annotated[int | None, typer.Option(min=1)] = None,
    plugin: PluginOption = None,
) -> None:
    """Predict every row of a table, in its order, one row out for each row in.

    The table may be larger than memory. Values that are missing, can't be parsed or were not seen
    in training are taken as missing or rare, and counted on the standard error.

    Example: steepest predict model new.csv --proba -o predictions.parquet
    """
    from ..pipeline.model import Model
    from ..tables.encoder import Counts, counts_text
    from ..tables.files import TableWriter, stream_table

    loaded = Model.load(model, plugins=plugin or ())
    odd = Counts()
    with TableWriter(out) as writer:
        for block in stream_table(table, rows=rows):
            found = loaded.predict(block, proba=proba, counts=odd, threads=threads)
            if keep:
                for name in found.column_names:
                    if name in block.column_names:
                        block = block.drop_columns([name])
                    block = block.append_column(name, found.column(name))
                found = block
            writer.write(found)
    for line in counts_text(odd):
        print(line, file=sys.stderr)
