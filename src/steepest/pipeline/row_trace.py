"""The way of a row through a model: what the encoder made of each column, then every layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import Array
from ..inspection.gradients import Gradients
from ..layer import Layer
from ..layers import Concat, EmbeddingBag, Parallel, Sequential
from ..parameters import walk

if TYPE_CHECKING:
    import pyarrow as pa

    from .model import Model

__all__ = ["ColumnPath", "RowPath", "row_paths"]


_SHOWN = 6  # numbers of a layer


@dataclass(frozen=True)
class ColumnPath:
    """What became of one column's value.

    Attributes
    ----------
    name : str
    value : object
        As it is in the table; None where missing.
    kind : str
        What the column was taken as, with the statistics it is scaled by.
    encoded : dict of str to float
        The numbers that the encoder makes of it, by their names: scaled, clipped, flags or codes.
    embedded : dict of str to ndarray
        What the network's first layer makes of each of them: waves beside the number, the row of an
        embedding, or the number itself. Of several networks, the first's.
    """

    name: str
    value: object
    kind: str
    encoded: dict[str, float]
    embedded: dict[str, Array]


@dataclass(frozen=True)
class RowPath:
    """What a model did to a row; print it to read it.

    Attributes
    ----------
    columns : list of ColumnPath
        Those in use, in the order of the table.
    layers : dict of str to (Layer, ndarray)
        Every layer and its output, by path, in the order in which they are computed.
    prediction : dict of str to object
        What `steepest.pipeline.model.Model.predict` says, probabilities included.
    """

    columns: list[ColumnPath]
    layers: dict[str, tuple[Layer, Array]]
    prediction: dict[str, Any]

    def __str__(self) -> str:
        lines = []
        for column in self.columns:
            lines.append(f"{column.name}: {column.value!r} ({column.kind})")
            for name, number in column.encoded.items():
                then = column.embedded.get(name)
                more = "" if then is None or len(then) == 1 else f" → {_shown(then)}"
                lines.append(f"    {name} = {number:.4g}{more}")
        for path, (layer, y) in self.layers.items():
            lines.append(f"{path} {layer!r}: {_shown(y)}")
        said = ", ".join(
            f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value!r}"
            for name, value in self.prediction.items()
        )
        return "\n".join([*lines, said])


def row_paths(model: Model, table: pa.Table) -> list[RowPath]:
    """Return the way of every row of a table.

    Parameters
    ----------
    model : Model
    table : pyarrow.Table
        With the columns that the encoder uses.

    Raises
    ------
    TableError
        If a column lacks.
    """
    encoder, network = model.encoder, model.network
    X = encoder.transform(table, dtype=network.dtype)
    any_targets = np.zeros(len(X), np.int64)  # the way forwards does not depend on them
    outputs = Gradients(network, model.loss).mean(X, any_targets).y
    said = model.predict(table, proba=model.has_probabilities).to_pylist()
    layers = list(walk(network.layer, network.built.input_shape))
    path, first = next(
        (path, layer) for path, layer, _ in layers if not isinstance(layer, Sequential | Concat)
    )
    kinds, found = encoder.describe(), []
    for k, x in enumerate(X):
        numbers = _each(first, outputs[path][k], len(x))
        columns = [
            ColumnPath(
                name,
                table.column(name)[k].as_py(),
                kinds[name],
                encoder.told(name, table.column(name)[k].as_py(), x),
                {encoder.names[j]: numbers[j] for j in places if j in numbers},
            )
            for name, places in encoder.places.items()
        ]
        ways = {at: (layer, outputs[at][k]) for at, layer, _ in layers if at in outputs}
        found.append(RowPath(columns, ways, said[k]))
    return found


def _each(layer: Layer, y: Array, p: int) -> dict[int, Array]:
    """Return what stands for each of p inputs in the output of a layer for single columns.

    Nothing does for those whose embeddings are summed up.
    """
    branches = [(p, layer)]
    if isinstance(layer, Parallel):
        branches = list(zip(layer.widths, layer.layers, strict=True))
    found: dict[int, Array] = {}
    start = 0
    for width, branch in branches:
        each = branch.outputs(width)
        if not isinstance(branch, EmbeddingBag):
            found |= dict(zip(range(start, start + width), np.split(y[:each], width), strict=True))
        start, y = start + width, y[each:]
    return found


def _shown(values: Array) -> str:
    numbers = ", ".join(f"{value:.3g}" for value in values.ravel()[:_SHOWN])
    size = f" ({' × '.join(map(str, values.shape))})" * (values.size > 1)
    return f"[{numbers}{', …' * (values.size > _SHOWN)}]{size}"
