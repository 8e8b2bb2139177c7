"""``steepest explain``."""

from __future__ import annotations

import inspect
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from ..arrays import Array
from ..errors import InputError, TableError
from ..printing import harmless, shortened_text
from ._images import explain_images
from ._options import (
    MODEL_HELP,
    PluginOption,
    ThreadsOption,
    file_options,
    settings_of,
    table_help,
)

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.table import Table
    from rich.text import Text

    from ..layer import Layer
    from ..loss import Loss
    from ..pipeline.model import Model

__all__ = ["explain", "options"]


_MISTAKES = 10
_NUMBERS = 40  # of a value
_SHOWN = 12  # table columns of a row
_BLOCKS = "▁▂▃▄▅▆▇█"
_BINS, _FEW_BINS = 15, 7
_BAR, _SHORT_BAR = 20, 8
_WIDE, _NAME = 100, 8  # columns of a terminal below which what is shown is shortened, to so much
_LAYERS, _VALUES = ("<layer", "<", "units"), ("values", "<", "<")


_Model = Annotated[Path, typer.Argument(help=MODEL_HELP, metavar="MODEL")]
_Rows = Annotated[
    str | None,
    typer.Option(
        help="The numbers of the rows to follow through the network, counted from 0, like "
        "0,7,20-22.",
        metavar="LIST",
        show_default="0, or none with --hardest",
    ),
]
_Hardest = Annotated[
    int | None,
    typer.Option(
        help="Also follow this many of the rows that the model finds hardest, those with the "
        "largest gradients.",
        min=1,
        metavar="<int>",
        show_default="none",
    ),
]
_Sample = Annotated[
    int,
    typer.Option(
        help="How many rows, drawn at random, to measure the importance of the columns on. 0 "
        "leaves that out.",
        min=0,
        metavar="<int>",
    ),
]
_Repeats = Annotated[
    int,
    typer.Option(
        help="How many times to shuffle each column to measure its importance.",
        min=1,
        metavar="<int>",
    ),
]
_Seed = Annotated[
    int, typer.Option(help="The number that the random draws and shuffles follow from.")
]


def explain(
    model: _Model,
    table: Annotated[
        Path,
        typer.Argument(help=table_help("Rows whose target is known, in a table"), metavar="TABLE"),
    ],
    rows: _Rows = None,
    hardest: _Hardest = None,
    sample: _Sample = 2000,
    repeats: _Repeats = 5,
    seed: _Seed = 0,
    threads: ThreadsOption = None,
    plugin: PluginOption = None,
    **written: Any,
) -> None:
    """Show what a model computes for some rows, and which columns matter to it.

    First, for each row, the values of every layer, from the columns of the table to the prediction;
    then the gradient of the loss, layer by layer back to the columns: what training would change.
    Second, how important each column is: how much worse a score of the test gets when the values of
    the column are shuffled, and the column's share of the gradient.

    For a model of images, it shows how often each class was taken for each other one, and the files
    of the worst mistakes; --hardest says how many of these.

    Example: steepest explain model data/census_income.parquet --rows 0,3 --hardest 2
    """
    from ..images.encoder import ImageEncoder
    from ..pipeline.model import Model
    from ..pipeline.scores import tested_loss
    from ..tables.door import lay_out_table
    from ..tables.files import read_table
    from ..tables.options import TableOptions

    loaded = Model.load(model, plugins=plugin or ())
    if isinstance(loaded.encoder, ImageEncoder):
        explain_images(loaded, table, hardest or _MISTAKES)
        return
    loaded = replace(loaded, loss=tested_loss(loaded))
    whole = lay_out_table(read_table(table, TableOptions(**settings_of(TableOptions, written))))
    usable = _usable(loaded, whole, table)
    picked = [] if rows is None and hardest else _rows(rows or "0", whole.num_rows)
    odd = sorted(set(picked) - set(usable.tolist()))
    if odd:
        raise TableError(
            f"{table}: row {odd[0]} has no known target in column {loaded.task.name!r}"
        )
    if hardest:
        picked += _hardest(loaded, whole, usable, hardest)
    page = _Page()
    _follow(page, loaded, whole, picked, threads)
    if sample:
        rng = np.random.default_rng(seed)
        drawn = np.sort(rng.permutation(usable)[:sample])
        _importance(page, loaded, _take(whole, drawn), repeats, seed, threads)


def options() -> list[inspect.Parameter]:
    """Return the options that say how the table is written; the model knows the others."""
    return file_options()


def _usable(model: Model, table: pa.Table, path: Path) -> Array:
    """Return the numbers of the rows whose target is known."""
    name = model.task.name
    if name not in table.column_names:
        raise TableError(
            f"{path} has no column {name!r}: a gradient needs the loss, and that the target"
        )
    usable = np.flatnonzero(model.task.rows(table.column(name)))
    if usable.size == 0:
        raise TableError(f"{path}: no row has a known target in column {name!r}")
    return usable


def _rows(text: str, n: int) -> list[int]:
    """Return the row numbers that ``text`` lists."""
    found: list[int] = []
    for word in text.split(","):
        first, _, last = word.strip().partition("-")
        numbers = first.isdigit() and (last or first).isdigit()
        if not numbers or int(last or first) < int(first):
            raise InputError(f"--rows must be numbers and ranges like 0,7,20-22, got {text!r}")
        found += range(int(first), int(last or first) + 1)
        if found and found[-1] >= n:
            raise InputError(f"--rows: no row {found[-1]}; the table has {n:,}, from 0")
    return found


def _take(table: pa.Table, rows: Any) -> pa.Table:
    import pyarrow as pa

    return table.take(pa.array(np.asarray(rows, np.int64)))


def _data(model: Model, table: pa.Table) -> tuple[Array, Array]:
    X = model.encoder.transform(table, dtype=model.network.dtype)
    return X, model.task.encode(table.column(model.task.name))


def _hardest(model: Model, table: pa.Table, usable: Array, top: int) -> list[int]:
    from ..inspection.hardest import hardest_examples

    ranking = hardest_examples(
        model.network, model.loss, *_data(model, _take(table, usable)), top=top
    )
    return [int(usable[row]) for row in ranking.rows]


# ------------------------------------------------------------------------------------- the rows


def _follow(
    page: _Page, model: Model, table: pa.Table, picked: list[int], threads: int | None
) -> None:
    """Show the way of each row, forwards and backwards."""
    from ..inspection.gradients import Gradients
    from ..parameters import walk

    part = _take(table, picked)
    X, y = _data(model, part)
    gradients = Gradients(model.network, model.loss, threads=threads)
    flow, norms = gradients.mean(X, y), gradients.norms(X, y)
    said = model.predict(part, proba=model.has_probabilities)
    layers = {
        path: layer for path, layer, _ in walk(model.network.layer, model.network.built.input_shape)
    }
    backwards, n = list(flow.dy), len(picked)
    for k, row in enumerate(picked):
        target = part.column(model.task.name)[k]
        prediction = said.to_pylist()[k]  # of quantiles, one for each level
        prediction = prediction.get("prediction", prediction)
        sure = ""
        if model.has_probabilities:
            sure = f" ({said.column(f'proba_{prediction}')[k].as_py():.1%})"
        page.title(
            f"row {row}: {model.task.name} is {target.as_py()!r}, predicted {prediction!r}{sure}"
            + f", loss {flow.losses[k]:.4g}" * (not model.task.is_regression)
        )
        forward = page.table("forwards", *_LAYERS, "‖y‖", *_VALUES)
        for path in reversed(backwards):
            values = flow.y[path][k]
            forward.add_row(path, page.name(layers[path]), *page.numbers(values))
        forward.add_row("ℓ", page.name(model.loss), "", f"{flow.losses[k]:.4g}")
        page.show(forward)
        backward = page.table("backwards", *_LAYERS, "‖∇y ℓ‖", *_VALUES, "‖∇θ ℓ‖")
        for path in backwards:
            values = n * flow.dy[path][k]
            learned = f"{norms.layers[path][k]:.4g}" if path in norms.layers else ""
            backward.add_row(path, page.name(layers[path]), *page.numbers(values), learned)
        assert flow.dx is not None
        backward.add_row("x", f"{len(model.encoder.places)} columns", *page.numbers(n * flow.dx[k]))
        page.show(backward)
        if model.task.is_regression:
            page.note(
                f"ℓ and ∇ℓ take {model.task.name} in its standard deviations, as training does"
            )
        _inputs(page, model, part, k, X[k], n * flow.dx[k])


def _inputs(page: _Page, model: Model, part: pa.Table, k: int, x: Array, dx: Array) -> None:
    """Show what the columns of one row became, and what the gradient says of them."""
    codes = model.encoder.embedded
    places = {name: at for name, at in model.encoder.places.items() if name not in codes}
    pulls = {name: float(x[at] @ dx[at]) for name, at in places.items()}
    order = sorted(pulls, key=lambda name: -abs(pulls[name]))
    longest = max([1e-300, *map(abs, pulls.values())])
    inputs = page.table("the input", "<column", "<value", "<becomes", "∇x ℓ · x", "<")
    for name in order[:_SHOWN]:
        bar = page.bar(abs(pulls[name]) / longest, "red" if pulls[name] > 0 else "green")
        value = part.column(name)[k].as_py()
        shown = "missing" if value is None else str(value)
        numbers = list(model.encoder.told(name, value, x).values())
        becomes = ", ".join(f"{number:.3g}" for number in numbers[:_NUMBERS])
        becomes += ", …" * (len(numbers) > _NUMBERS)
        inputs.add_row(harmless(name), harmless(shown), becomes, f"{pulls[name]:+.4g}", bar)
    page.show(inputs)
    rest = len(order) - _SHOWN
    more = f"; {rest} more columns pull less" if rest > 0 else ""
    page.note(f"∇x ℓ · x above 0: the value makes the loss larger, to first order{more}")
    _say_flat(page, codes)


def _say_flat(page: _Page, codes: list[str]) -> None:
    if codes:
        page.note(f"embedded, so that there is no slope to show: {', '.join(codes)}")


# ---------------------------------------------------------------------------------- the columns


def _importance(
    page: _Page, model: Model, part: pa.Table, repeats: int, seed: int, threads: int | None
) -> None:
    """Show how much the loss depends on each column."""
    from ..inspection.importance import importance
    from ..pipeline.scores import main_metric

    X, y = _data(model, part)
    name, metric = main_metric(model)
    found = importance(
        model.network,
        model.loss,
        X,
        y,
        model.encoder.places,
        repeats=repeats,
        seed=seed,
        threads=threads,
        metric=metric,
    )
    codes = model.encoder.embedded
    page.title(f"{name} of {part.num_rows:,} rows is {found.loss:.4g}; what it owes to each column")
    table = page.table("", "<column", "shuffled", "±", "<", "by gradient", "<")
    top, steep = max(found.permutation.max(), 1e-300), max(found.gradient.max(), 1e-300)
    slopes = max(found.gradient.sum(), 1e-300)
    for k in np.argsort(-found.permutation, kind="stable"):
        column = found.names[k]
        slope = "" if column in codes else f"{found.gradient[k] / slopes:.1%}"
        table.add_row(
            harmless(column),
            f"{found.permutation[k]:+.4g}",
            f"{found.spread[k]:.2g}",
            page.bar(found.permutation[k] / top, "cyan"),
            slope,
            page.bar(found.gradient[k] / steep, "cyan"),
        )
    page.show(table)
    page.note(
        f"shuffled: how much worse {name} gets when the column's values go to other rows; by "
        "gradient: the column's share of what the loss of an example would change, to first order, "
        "with every column at its average"
    )
    _say_flat(page, codes)


class _Page:
    """Prints with colours and rules on a terminal, plain aligned text into anything else."""

    def __init__(self) -> None:
        from rich.console import Console

        self._fancy = sys.stdout.isatty()
        self._console = Console(width=None if self._fancy else 1000, highlight=False, markup=False)

        self._narrow = self._fancy and self._console.width < _WIDE

    def bar(self, share: float, style: str) -> Text:
        """Return a bar for a share of the longest one."""
        from rich.text import Text

        longest = _SHORT_BAR if self._narrow else _BAR
        return Text("█" * round(longest * max(0.0, float(share))), style)

    def name(self, thing: Layer | Loss) -> str:
        """Return what a layer or loss is called."""
        return shortened_text(repr(thing), _NAME if self._narrow else None)

    def numbers(self, values: Array) -> tuple[str, str, str, str, str]:
        """Return how many values there are, their norm, the least, a histogram, the largest."""
        low, high = float(values.min()), float(values.max())
        bins = _FEW_BINS if self._narrow else _BINS
        counts, _ = np.histogram(values, bins, (low, high if high > low else low + 1))
        heights = np.ceil(counts / counts.max() * (len(_BLOCKS) - 1)).astype(int)
        drawn = "".join(_BLOCKS[height] for height in heights) if values.size > 1 else ""
        norm = float(np.linalg.norm(values))
        return f"{values.size}", f"{norm:.4g}", f"{low:.3g}", drawn, f"{high:.3g}"

    def title(self, text: str) -> None:
        """Print a heading."""
        from rich.text import Text

        self._console.print()
        self._console.print(Text(harmless(text), "bold"))

    def note(self, text: str) -> None:
        """Print a remark."""
        from rich.text import Text

        self._console.print(Text(harmless(text), "dim"))

    def table(self, title: str, *columns: str) -> Table:
        """Return a table; columns named with a "<" stand to the left."""
        from rich.box import SIMPLE_HEAD
        from rich.table import Table

        table = Table(
            box=SIMPLE_HEAD if self._fancy else None,
            pad_edge=False,
            title=title or None,
            title_justify="left",
            title_style="italic",
        )
        for column in columns:
            left = column.startswith("<")
            table.add_column(column.lstrip("<"), justify="left" if left else "right")
        return table

    def show(self, table: Table) -> None:
        """Print a table, without spaces at the ends of lines."""
        with self._console.capture() as captured:
            self._console.print(table)
        lines = [line.rstrip() for line in captured.get().splitlines()]
        print("\n".join(lines))
