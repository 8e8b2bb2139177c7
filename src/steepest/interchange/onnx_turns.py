"""Axes that a file turns and turns back, left as they are.

A file with channels in front has each convolution between two `Permute` layers, as it is read. What
stands between two convolutions works entry by entry, or on branches: a `Permute` can go behind it,
to the next one, which turns it back.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from ..layers import Dense, Flatten, Identity, Permute, Reshape
from ..layers import Sequential as Chain
from ..layers._combinator import Combinator
from ..layers._reading import joined
from ..onnx_reading import Reading
from ..shape import Shape
from .onnx_file import OnnxFile
from .onnx_fold import folded, settled

__all__ = ["straightened"]

Order = tuple[int, ...] | None
"""Axes as `Permute` has them; None where they stay."""


def straightened(file: OnnxFile, pieces: Sequence[Reading], shape: Shape) -> list[Reading]:
    """Return layers that compute the same with as few of them as may be that move axes.

    Parameters
    ----------
    file : OnnxFile
    pieces : sequence of Reading
        Checked: what they say of shapes is left out.
    shape : tuple of int
        Of one example of the input.
    """
    turns = _Turns(file)
    found, shapes, order = turns.chain(pieces, shape, None)
    turns.turn(found, shapes, order)
    return settled(file, folded(file, found))


class _Turns:
    """Carries an order of axes along chains of layers.

    What the file has at a place is ``Permute(order)`` of what the layers so far have made.
    """

    def __init__(self, file: OnnxFile) -> None:
        self._file = file

    def chain(
        self, pieces: Sequence[Reading], shape: Shape, order: Order
    ) -> tuple[list[Reading], list[Shape], Order]:
        """Return layers, the shapes around each of them, and the order at the end."""
        found: list[Reading] = []
        shapes = [shape]
        queue = list(_flat(pieces))
        for k, piece in enumerate(queue):
            layer = piece.layer
            if type(layer) is Permute:
                order = _one_after_the_other(order, layer.axes)
            elif type(layer) is Identity:  # that of marks, too
                continue
            elif _is_entrywise(piece):
                self._add(found, shapes, piece)
            elif isinstance(layer, Combinator) and piece.inside:
                order = self._branched(found, shapes, piece, order)
            else:
                after = _dense_behind(queue, k, order, shapes[-1])
                if after is not None:
                    queue[after] = _columns_in_order(queue[after], order, shapes[-1])
                else:
                    self.turn(found, shapes, order)
                order = None
                self._add(found, shapes, queue[k])
        return found, shapes, order

    def turn(self, found: list[Reading], shapes: list[Shape], order: Order) -> None:
        """Add the layer that brings axes into an order, if there is one to bring them into."""
        if order is None:
            return
        longer = [axis for axis in order if shapes[-1][axis - 1] != 1]
        moved = tuple(shapes[-1][axis - 1] for axis in order)
        stays = longer == sorted(longer)
        self._add(found, shapes, Reading(Reshape(moved) if stays else Permute(order), ""))

    def _add(self, found: list[Reading], shapes: list[Shape], piece: Reading) -> None:
        """Add a layer; of several that only change the shape, one or none remains."""
        piece = replace(piece, takes=None, makes=None)
        made = piece.layer.output_shape(shapes[-1])
        if isinstance(piece.layer, Reshape | Flatten):
            if found and isinstance(found[-1].layer, Reshape | Flatten):
                found.pop()
                shapes.pop()
            if made == shapes[-1]:
                return
            piece = replace(piece, layer=Flatten() if len(made) == 1 else Reshape(made))
        found.append(piece)
        shapes.append(made)

    def _branched(
        self, found: list[Reading], shapes: list[Shape], piece: Reading, order: Order
    ) -> Order:
        """Add a layer made of layers; return the order behind it."""
        layer = piece.layer
        if not layer.joins(None):
            self.turn(found, shapes, order)
            order = None
        shape = shapes[-1]
        if layer.in_a_row:
            inside = self._ending_in(self.chain(piece.inside, shape, order), order)
            inside = inside or [Reading(Identity(), "")]
            common = order
        else:
            branches = [
                self.chain([part], inner, order)
                for part, (_, _, inner) in zip(piece.inside, layer.children_at(shape), strict=True)
            ]
            ends = Counter(end for *_, end in branches if layer.joins(end))
            common = ends.most_common(1)[0][0] if ends else None
            inside = [joined(self._ending_in(branch, common)) for branch in branches]
        made = layer.of([part.layer for part in inside])
        self._add(found, shapes, replace(piece, layer=made, inside=inside))
        return common

    def _ending_in(
        self, branch: tuple[list[Reading], list[Shape], Order], order: Order
    ) -> list[Reading]:
        """Return the layers of a branch, and what brings its axes into an order."""
        found, shapes, end = branch
        if order is not None:
            back = tuple(order.index(k) + 1 for k in range(1, len(order) + 1))
            end = _one_after_the_other(end, back)
        self.turn(found, shapes, end)
        return settled(self._file, folded(self._file, found))


def _flat(pieces: Sequence[Reading]) -> Iterator[Reading]:
    """Yield layers, those of chains one by one."""
    for piece in pieces:
        if type(piece.layer) is Chain:
            yield from _flat(piece.inside)
        else:
            yield piece


def _one_after_the_other(first: Order, second: tuple[int, ...]) -> Order:
    """Return ``Permute(second)`` of ``Permute(first)`` as one order."""
    axes = second if first is None else tuple(first[axis - 1] for axis in second)
    return None if axes == tuple(range(1, len(axes) + 1)) else axes


def _is_entrywise(piece: Reading) -> bool:
    """Whether a layer does the same to every entry."""
    layer = piece.layer
    same = layer.entrywise or layer.steepest_slope is not None
    return same and all(array.size == 1 for array in piece.theta.values())


def _dense_behind(queue: Sequence[Reading], k: int, order: Order, shape: Shape) -> int | None:
    """Return the place of the `Dense` layer that reads, entry by entry, what is made flat at k."""
    layer = queue[k].layer
    if order is None or not isinstance(layer, Flatten | Reshape):
        return None
    if len(layer.output_shape(shape)) != 1:
        return None
    for place in range(k + 1, len(queue)):
        if type(queue[place].layer) is Dense:
            return place
        if not _is_entrywise(queue[place]) and type(queue[place].layer) is not Identity:
            return None
    return None


def _columns_in_order(piece: Reading, order: Order, shape: Shape) -> Reading:
    """Return a `Dense` layer for the entries of ``shape`` as they are, not in the file's order."""
    assert order is not None
    places = np.arange(math.prod(shape)).reshape(shape)
    places = places.transpose([axis - 1 for axis in order]).reshape(-1)
    A = np.empty_like(piece.theta["A"])
    A[:, places] = piece.theta["A"]
    return replace(piece, theta={**piece.theta, "A": A})
