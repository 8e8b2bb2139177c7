"""Tables of embeddings, cut to the rows that the texts of a page use.

N-grams of texts have a table of up to a million rows, and the texts of a page use some thousands of
them. The page has these alone, and counts codes by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...arrays import Array
from ...layer import Layer
from ...layers import Concat, EmbeddingBag, Parallel, Sequential
from ...network import Network
from ...saved.config import to_config
from ...tables.columns import Text

if TYPE_CHECKING:
    from ...tables.encoder import Encoder

__all__ = ["CUT", "Cut", "codes_of", "cut_network", "mark", "restored"]

CUT = "cut"
"""What a layer's record on the page has beside its settings: the number of its `Cut`."""


@dataclass(frozen=True)
class Cut:
    """An `EmbeddingBag` of which a page has some rows.

    Attributes
    ----------
    path : str
        Of the layer in the network.
    layer : EmbeddingBag
        As it is in the model.
    codes : ndarray of int, (rows of the page,)
        What the page calls 0, 1, …
    table : ndarray, (codes, dim)
        All rows, as the model has them.
    """

    path: str
    layer: EmbeddingBag
    codes: NDArray[np.int64]
    table: Array

    def whole(self, rows: Array) -> Array:
        """Return the table with the page's rows in it."""
        found = self.table.copy()
        found[self.codes] = rows.reshape(len(self.codes), -1)
        return found


def codes_of(encoder: Encoder, *matrices: Array) -> dict[int, NDArray[np.int64]]:
    """Number the codes of texts anew in encoded rows, which change.

    Returns
    -------
    dict of int to ndarray
        For each column of texts the codes that occur, by where it begins in the matrix.
    """
    found = {}
    for name, kind in encoder.columns.items():
        if not isinstance(kind, Text):
            continue
        places = encoder.places[name][: kind.most]
        used = np.unique(np.concatenate([[0], *(X[:, places].ravel() for X in matrices)]))
        for X in matrices:
            X[:, places] = np.searchsorted(used, X[:, places])
        found[places[0]] = used.astype(np.int64)
    return found


def cut_network(
    network: Network, used: Mapping[int, NDArray[np.int64]]
) -> tuple[Network, list[Cut]]:
    """Return a network for rows whose codes are numbered anew, and what was cut for that."""
    if not used:
        return network, []
    cuts: list[Cut] = []

    def cut(layer: Layer, path: str, start: int) -> Layer:
        if isinstance(layer, EmbeddingBag) and start in used:
            table = network.parameters[f"{path}.E"]
            cuts.append(Cut(path, layer, used[start], table))
            return replace(layer, codes=len(used[start]))
        if not isinstance(layer, Sequential | Parallel | Concat):
            return layer
        widths = layer.widths if isinstance(layer, Parallel) else (0,) * len(layer.layers)
        starts = [start + sum(widths[:k]) for k in range(len(widths))]
        many = 1 if isinstance(layer, Sequential) else len(widths)  # see rows of the table
        inner = [
            cut(one, f"{path}.{k}" if path else f"{k}", starts[k])
            for k, one in enumerate(layer.layers[:many])
        ]
        return layer.of((*inner, *layer.layers[many:]))

    layers = cut(Sequential(*network.layers), "", 0).layers  # type: ignore[attr-defined]
    found = Network(*layers, inputs=network.input_shape, dtype=network.dtype)
    codes = {f"{one.path}.E": one.codes for one in cuts}
    for name, view in found.parameters.items():
        whole = network.parameters[name]
        view[...] = whole[codes[name]] if name in codes else whole
    for name, view in found.state.items():
        view[...] = network.state[name]
    return found, cuts


def mark(records: list[Any], cuts: list[Cut], opened: str) -> None:
    """Note in the records of layers which were cut; ``opened`` is what their paths begin with."""
    for number, one in enumerate(cuts):
        record: Any = {"layers": records}
        for k in one.path.removeprefix(opened).split("."):
            record = record["layers"][int(k)]
        record |= {CUT: number, "spelled": repr(one.layer)}


def restored(record: Any, cuts: list[Cut], path: str, found: dict[str, Cut]) -> Any:
    """Return the record of a layer as the model has it; ``found`` gets its cuts by their paths."""
    if not isinstance(record, Mapping):
        return record
    number, inner = record.get(CUT), record.get("layers")
    if type(number) is int and 0 <= number < len(cuts):
        found[path] = cuts[number]
        return to_config(cuts[number].layer)
    if not isinstance(inner, list):
        return record
    parts = [restored(one, cuts, f"{path}.{k}", found) for k, one in enumerate(inner)]
    return {**record, "layers": parts}
