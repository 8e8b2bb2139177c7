"""A user's rows as the playground takes them: encoded, with values that columns can be given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...arrays import Array
from ...errors import InputError, TableError
from ...layer import Layer
from ...layers import Dense, Embedding, Identity, Parallel, Tanh
from ...losses import Logistic, SoftmaxCrossEntropy, Squared
from ...network import Network
from ...printing import counted, shortened_text
from ...tables.door import check_column, index_columns, lay_out_table
from ...tables.encoder import Encoder
from ...tables.options import NOTHING_SAID, TableOptions
from ...tables.parsing import plain, read_numbers, read_texts
from ...tables.split import SPLIT_COLUMN, read_parts
from ...tables.task import Task, infer_task
from .cut import Cut, codes_of, cut_network, mark
from .play import HELD, ROWS, VALUES, Play, PlaySet, check_loss, packed
from .remote import opened_layers, start_of

if TYPE_CHECKING:
    from ..model import Model

__all__ = ["play_model", "play_table"]

_COLUMNS, _POINTS, _TEXTS = 40, 25, 16
_MISSING = "missing"
_LONGEST = 60  # letters of a name in a sentence
_LOSSES = {"binary": Logistic(), "multiclass": SoftmaxCrossEntropy(), "regression": Squared()}


def play_table(
    table: pa.Table,
    target: str,
    *,
    name: str = "table",
    ignore: tuple[str, ...] = (),
    written: TableOptions = NOTHING_SAID,
    seed: int = 0,
) -> Play:
    """Return the playground of a table, with a small network that nothing is trained of.

    Parameters
    ----------
    table : pyarrow.Table
    target : str
        The column to predict.
    name : str
        What the table is called.
    ignore : sequence of str
        Columns that are no inputs.
    written : TableOptions
        What is known of how its texts are written.
    seed : int
        Of what is drawn: which rows, and which of them are held out.

    Raises
    ------
    TableError
        If the target lacks, or no row or column is of use.
    """
    table = lay_out_table(table)
    for column in (target, *ignore):
        if column not in table.column_names:
            columns = ", ".join(table.column_names[:20]) + ", …" * (len(table.column_names) > 20)
            raise TableError(f"the table has no column {column!r}; it has {columns}")
    task = infer_task(check_column(table, target), target, None, written)
    drawn = _Drawn.of(table, task, seed)
    training = drawn.table.slice(0, drawn.train)
    out = (target, *ignore, *index_columns(table), *_parts_column(table))
    inputs = [column for column in table.column_names if column not in out]
    encoder = Encoder.fit(training, inputs, options=written)
    texts = [column for column, kind in encoder.columns.items() if kind.label == "text"]
    if texts:
        inputs = [column for column in inputs if column not in texts]
        if not inputs:
            raise TableError(
                f"{name} has only texts beside {target!r}, and a playground of a table does not "
                f"read them; train a model and play with that: steepest play MODEL {name}"
            )
        encoder = Encoder.fit(training, inputs, options=written)
    codes = encoder.codes
    first: list[Layer] = []
    if codes:
        branches = [
            (encoder.width - len(codes), Identity()),
            (len(codes), Embedding(sum(codes), 3, std=0.5)),
        ]
        first = [Parallel(*(branch for branch in branches if branch[0]))]
    outputs = task.width(_LOSSES[task.kind])
    layers = (*first, Dense(8), Tanh(), Dense(6), Tanh(), Dense(outputs))
    start = start_of(Network(*layers, inputs=encoder.width), _LOSSES[task.kind])
    del start["theta"]  # the page draws its own
    start["rule"] = {"type": "SGD", "lr": 0.1}
    return Play(
        f"Playground: {name}", (_set(_Rows.of(drawn, encoder), encoder, task, start, name, texts),)
    )


def play_model(model: Model, table: pa.Table, *, name: str = "table", seed: int = 0) -> Play:
    """Return the playground of a trained model on rows whose target is known.

    Raises
    ------
    InputError
        If the model has a loss that the page does not compute, or takes images.
    TableError
        If the table lacks a column, or no row has a known target.
    """
    encoder, task, network = model.encoder, model.task, model.network
    if not isinstance(encoder, Encoder):
        raise InputError(f"the model takes images, and {name} is a table")
    check_loss(model.loss)
    table = lay_out_table(table)
    if task.name not in table.column_names:
        raise TableError(f"the table lacks the column {task.name!r}, which the model predicts")
    rows = _Rows.of(_Drawn.of(table, task, seed), encoder)
    network, cuts = cut_network(network, codes_of(encoder, rows.X, rows.values))
    start = {**start_of(network, model.loss), "rule": {"type": "SGD", "lr": 0.01}}
    mark(start["layers"], cuts, opened_layers(network)[1])
    return Play(f"Playground: {name}", (_set(rows, encoder, task, start, name, cuts=cuts),))


def _parts_column(table: pa.Table) -> tuple[str, ...]:
    """Return the column that says which rows are for the test, if there is one."""
    there = SPLIT_COLUMN in table.column_names
    return (SPLIT_COLUMN,) if there and read_parts(table.column(SPLIT_COLUMN)) is not None else ()


@dataclass(frozen=True)
class _Drawn:
    """Rows of a table, those to train on first."""

    table: pa.Table
    numbers: NDArray[np.int64]
    train: int
    known: int

    @classmethod
    def of(cls, table: pa.Table, task: Task, seed: int) -> _Drawn:
        known = np.flatnonzero(task.rows(table.column(task.name)))
        if len(known) < 4:
            raise TableError(
                f"{counted(len(known), 'row')} with a known target {task.name!r} are too few for a "
                "playground; it takes 4 or more"
            )
        drawn = np.random.default_rng(seed).permutation(known)[:ROWS]
        train = len(drawn) - max(1, round(HELD * len(drawn)))
        return cls(table.take(pa.array(drawn)), drawn, train, len(known))

    def first(self, rows: int) -> _Drawn:
        """Return it with so many rows at most, as many of them held out in proportion."""
        if rows >= len(self.numbers):
            return self
        train = rows - max(1, round(HELD * rows))
        held = np.arange(self.train, self.train + rows - train)
        chosen = np.concatenate([np.arange(train), held])
        return _Drawn(self.table.take(pa.array(chosen)), self.numbers[chosen], train, self.known)


@dataclass(frozen=True)
class _Rows:
    """The rows of a page as its network takes them, and the values that columns can be given.

    ``values`` are rows, too, of which each of ``columns`` has some, one column after the other.
    """

    drawn: _Drawn
    X: Array
    columns: list[dict[str, Any]]
    values: Array

    @classmethod
    def of(cls, drawn: _Drawn, encoder: Encoder) -> _Rows:
        shown = list(encoder.columns)[:_COLUMNS]
        used = drawn.first(max(16, VALUES // (encoder.width + len(shown) + 1)))
        return cls(used, encoder.transform(used.table), *_columns(drawn, encoder, shown))


def _set(
    rows: _Rows,
    encoder: Encoder,
    task: Task,
    start: dict[str, Any],
    name: str,
    texts: Sequence[str] = (),
    cuts: Sequence[Cut] = (),
) -> PlaySet:
    used = rows.drawn
    columns = _with_values(rows.columns, rows.values)
    count = len(used.numbers)
    part = count < used.known
    says = f"{count:,} of the {counted(used.known, 'row')}" if part else f"All {count:,} rows"
    record = {
        "name": name,
        "says": f"{says} of {name}; {count - used.train:,} of them are held out, and no step is "
        f"made on them.{_unread(texts)}",
        "task": {
            "kind": task.kind,
            "name": task.name,
            "classes": [str(label) for label in task.classes],
            "mean": task.mean,
            "deviation": task.deviation,
        },
        "inputs": encoder.names,
        "shape": [encoder.width],
        "rows": count,
        "train": used.train,
        "numbers": used.numbers.tolist(),
        "X": packed(rows.X),
        "y": packed(task.encode(used.table.column(task.name))),
        "columns": [
            {**column, "raw": packed(_raw(used.table, encoder, column))} for column in columns
        ],
        "unshown": max(0, len(encoder.columns) - _COLUMNS),
        "left": [column for column in used.table.column_names if column not in encoder.columns],
        **start,
    }
    return PlaySet(record, encoder, task, list(cuts))


def _unread(texts: Sequence[str]) -> str:
    """Say which columns of texts are no inputs, if there are any."""
    if not texts:
        return ""
    names = ", ".join(shortened_text(text, _LONGEST) for text in texts)
    return f" Texts are no inputs here ({names}); a model that steepest train makes reads them."


def _columns(
    drawn: _Drawn, encoder: Encoder, names: list[str]
) -> tuple[list[dict[str, Any]], Array]:
    """Return for each column values that it can be given; and encoded rows that have them."""
    found, picked = [], []
    places = encoder.places
    for name in names:
        column = drawn.table.column(name)
        if encoder.columns[name].label == "number":
            values = _numbers(encoder, name, column)
            rows = _spread(values)
            found.append({"name": name, "at": values[rows].tolist(), "range": _range(values)})
        else:
            texts, indices = read_texts(plain(column, name))
            counts = np.bincount(indices[indices >= 0], minlength=len(texts))
            order = [int(k) for k in np.argsort(-counts, kind="stable") if counts[k]][:_TEXTS]
            labels = [str(texts[k].as_py()) for k in order]
            rows = np.array([int(np.argmax(indices == k)) for k in order], np.int64)
            if (indices < 0).any():
                labels.append(_MISSING)
                rows = np.append(rows, int(np.argmax(indices < 0)))
            found.append({"name": name, "labels": labels})
        found[-1]["places"] = places[name]
        picked.append(rows)
    return found, encoder.transform(drawn.table.take(pa.array(np.concatenate(picked))))


def _with_values(columns: list[dict[str, Any]], values: Array) -> list[dict[str, Any]]:
    """Return those columns that can be given values, with what these are encoded as."""
    counts = [len(one["at"] if "at" in one else one["labels"]) for one in columns]
    found = []
    for one, part in zip(columns, np.split(values, np.cumsum(counts)[:-1]), strict=True):
        rows = part[:, one["places"]].tolist()
        encoded = [[float(f"{value:.7g}") for value in row] for row in rows]
        found += [{**one, "encoded": encoded}] if encoded else []
    return found


def _numbers(encoder: Encoder, name: str, column: Any) -> Array:
    kind: Any = encoder.columns[name]
    return read_numbers(plain(column, name), kind.pattern)[0]


def _spread(values: Array) -> NDArray[np.int64]:
    """Return rows whose values are quantiles of the column, in ascending order, each once."""
    finite = np.flatnonzero(np.isfinite(values))
    order = finite[np.argsort(values[finite], kind="stable")]
    at = np.unique(np.linspace(0, len(order) - 1, _POINTS).round().astype(np.int64))
    chosen = order[at] if len(order) else order
    _, first = np.unique(values[chosen], return_index=True)
    return chosen[first]


def _range(values: Array) -> list[float]:
    """Return what is drawn of a column: all but a fiftieth on either side."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return [0.0, 1.0]
    low, high = np.quantile(finite, [0.02, 0.98])
    return [float(low), float(high)] if low < high else [float(finite.min()), float(finite.max())]


def _raw(table: pa.Table, encoder: Encoder, column: dict[str, Any]) -> Array:
    """Return each row's number, or the place of its text among the labels; NaN for neither."""
    name = column["name"]
    if "at" in column:
        return _numbers(encoder, name, table.column(name))
    texts, indices = read_texts(plain(table.column(name), name))
    place = {label: k for k, label in enumerate(column["labels"])}
    known = np.array([place.get(str(text), np.nan) for text in texts.to_pylist()] + [np.nan])
    known[-1] = place.get(_MISSING, np.nan)
    return known[indices]
