"""``steepest play``."""

from __future__ import annotations

import inspect
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError
from ._options import options_of, settings_of, table_help
from ._printing import say

if TYPE_CHECKING:
    from ..pipeline.playground import Play

__all__ = ["options", "play"]

_PICTURES = ("classes", "arrays")
_Rows = Annotated[
    Path | None,
    typer.Argument(
        help="With a model: a table of rows whose target is known, or a folder of pictures.",
        metavar="TABLE|FOLDER",
        show_default="none",
    ),
]
_Target = Annotated[
    str | None,
    typer.Option(help="The column of the table to predict.", metavar="COLUMN", show_default="none"),
]
_Ignore = Annotated[
    list[str] | None,
    typer.Option(
        help="A column of the table that the network must not use. Repeat it for more.",
        metavar="COLUMN",
        show_default="none",
    ),
]
_Output = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        help="Write the page to this file instead: it works without Python, and can be mailed.",
        metavar="FILE.html",
        show_default="serve the page until Ctrl-C",
    ),
]
_Keep = Annotated[
    Path | None,
    typer.Option(
        help="Offer a button on the page that writes the network to this folder, as a model. What "
        "the folder holds is replaced.",
        metavar="MODEL",
        show_default="none, and no such button",
    ),
]


def play(
    place: Annotated[
        Path | None,
        typer.Argument(
            help=table_help("Rows to learn from")
            + " Or the folder of a model; or a folder with a folder of pictures for each class.",
            metavar="TABLE|MODEL|FOLDER",
            show_default="toy data",
        ),
    ] = None,
    rows: _Rows = None,
    target: _Target = None,
    ignore: _Ignore = None,
    output: _Output = None,
    keep: _Keep = None,
    seed: Annotated[
        int, typer.Option(help="The number that the random draws of rows follow from.")
    ] = 0,
    **written: Any,
) -> None:
    """Open a playground: your rows, your network, and every number of its training.

    The page trains a small network in the browser: without a pause, or an epoch, a step or an
    instruction at a time, forwards and backwards through each layer. It shows the predictions over
    two columns, how the gradients of single rows scatter around their mean, and the loss as a
    landscape. At most 2,000 rows are drawn from a table. Without a table there is toy data.

    The page is served to this machine alone, until Ctrl-C.

    Example: steepest play data/census_income.parquet --target income
    """
    from ..pages.server import PageServer
    from ..pipeline.playground import MODULE, Remote, play_page, remote_in
    from ..pipeline.playground import keep as keep_network
    from ..saved.folder import check_place
    from ..system.files import check_replaceable, write_durably

    if output is not None:
        check_replaceable(output, place, rows)
        if keep is not None:
            raise InputError("--keep needs Python behind the page, so it can't go with --output")
    if keep is not None:
        check_place(keep)
    found = _found((place, rows), target, tuple(ignore or ()), written, seed)
    if output is not None:
        write_durably(output, play_page(found))
        say(f"playground written to {output}")
        return
    told = None if keep is None else str(keep)
    remote = Remote()
    for one in found.sets:
        if remote_in(one.record["layers"]):
            remote.prepare(one.record["layers"], tuple(one.record["shape"]))
    answers = {"place": remote.place, "start": remote.start, "compute": remote.compute}
    if keep is not None:
        answers["keep"] = lambda sent: keep_network(found, sent, keep)
    with PageServer(found.document(told, served=True), MODULE, answers) as server:
        say(f"playing at {server.address} (Ctrl-C ends it)", error=True)
        while True:
            time.sleep(3600)


def _found(
    places: tuple[Path | None, Path | None],
    target: str | None,
    ignore: tuple[str, ...],
    written: dict[str, Any],
    seed: int,
) -> Play:
    """Return what the page is made of."""
    from ..pipeline.holdings import holds
    from ..pipeline.model import Model
    from ..pipeline.playground import play_model, play_pictures, play_table, play_toys
    from ..tables.files import read_table
    from ..tables.options import TableOptions

    place, rows = places
    if place is None:
        if target is not None or ignore:
            raise InputError("--target and --ignore are for a table; give one")
        return play_toys(seed)
    read = TableOptions(**settings_of(TableOptions, written))
    kind = holds(place)
    if kind == "model":
        if rows is None:
            raise InputError(
                f"{place} is a model; give rows to play with, too: steepest play {place} TABLE"
            )
        if target is not None or ignore:
            raise InputError("a model knows its target and its columns; leave out --target")
        model = Model.load(place)
        if holds(rows) in _PICTURES:
            return play_pictures(rows, model, seed=seed)
        return play_model(model, read_table(rows, read), name=rows.name, seed=seed)
    if kind == "pictures":
        raise InputError(
            f"{place} holds pictures without classes; give a folder with a folder for each class"
        )
    if kind in _PICTURES:
        if target is not None or ignore:
            raise InputError("--target and --ignore are for a table, and these are pictures")
        return play_pictures(place, seed=seed)
    if rows is not None:
        raise InputError(f"{place} is a table; a second one goes with a model")
    table = read_table(place, read)
    if target is None:
        names = ", ".join(table.column_names[:20]) + ", …" * (table.num_columns > 20)
        raise InputError(f"say what to predict: --target COLUMN; {place.name} has {names}")
    return play_table(table, target, name=place.name, ignore=ignore, written=read, seed=seed)


def options() -> list[inspect.Parameter]:
    """Return the options that say how the table is written."""
    from ..tables.options import TableOptions

    return options_of(TableOptions)
