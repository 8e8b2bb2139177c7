"""The part of a layer's contract that is about shapes.

One example is an array of any shape, and a batch has its examples on a first axis, (examples, …).
A layer whose methods go by widths acts on the last axis: its ``lower`` and its kernels see the
matrix of all rows, (examples · rows of one, p), and know nothing of the other axes.

A layer that overrides ``output_shape`` knows shapes. The methods here that end in ``_at`` then take
the place of those that go by widths. Its ``lower`` gets x as it is; the one that it inherits gives
its kernels x and y as matrices with one row for each example, and what ``settings_at`` returns,
such as the extents of axes.

By default each method asks the one that goes by widths.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

from .validate import axes_of, positive_count

__all__ = ["Shape", "Shaped", "check_inputs", "shape_behind"]

Shape = tuple[int, ...]
"""Of one example: what lies behind the first axis of a batch."""


class Shaped:
    """What a layer says of an input of ``shape``, which is that of one example."""

    outputs: Any
    parameters: Any
    state: Any
    memory: Any
    children: Any
    flops: Any
    settings: Any
    clips: ClassVar[bool] = False
    """Whether y = max(x, c) for a number c, entry by entry."""
    takes_largest: ClassVar[bool] = False
    """Whether each y is the largest of some x: one before it that clips may then come behind."""

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of the output. A layer that overrides this knows shapes."""
        return (*shape[:-1], self.outputs(shape[-1]))

    def training_shape(self, shape: Shape) -> Shape:
        """Return the shape of the output in a program that trains, if it is another one.

        There an example may have several rows, each with the target of the example, and ℓ is their
        mean (`steepest.training.step.backpropagate`).
        """
        return self.output_shape(shape)

    @property
    def knows_shapes(self) -> bool:
        """Whether the layer gets x as it is, and not as the matrix of all its rows."""
        return type(self).output_shape is not Shaped.output_shape

    @property
    def most_steps(self) -> float:
        """How many steps of a sequence ``lower`` can take one by one (`Emitter.window`).

        Of a layer that knows shapes: 0 if it needs all at once, ``inf`` if any number will do.
        """
        return 0

    def parameters_at(self, shape: Shape) -> dict[str, Any]:
        """Return what ``parameters`` does."""
        found: dict[str, Any] = self.parameters(shape[-1])
        return found

    def state_at(self, shape: Shape) -> dict[str, Any]:
        """Return what ``state`` does."""
        found: dict[str, Any] = self.state(shape[-1])
        return found

    def memory_at(self, n: int, shape: Shape) -> dict[str, tuple[int, ...]]:
        """Return what ``memory`` does, for n examples."""
        found: dict[str, tuple[int, ...]] = self.memory(n * math.prod(shape[:-1]), shape[-1])
        return found

    def children_at(self, shape: Shape) -> list[tuple[str, Any, Shape]]:
        """Return what ``children`` does, with the shapes of their inputs.

        In a layer that knows widths only, its layers see single rows too.
        """
        return [(name, layer, (width,)) for name, layer, width in self.children(shape[-1])]

    def flops_at(self, shape: Shape) -> int:
        """Return the floating-point operations of ``forward`` for one example."""
        return math.prod(shape[:-1]) * int(self.flops(shape[-1]))

    def check_inputs(self, X: Any) -> None:
        """Raise `InputError` if the layer can't take ``X``: its rows, or what its shape says."""

    def settings_at(self, shape: Shape) -> dict[str, Any]:
        """Return what kernels ask for by name beside arrays: fields, and what follows from shapes.

        Numbers, arrays of them, and arrays of places, which stay whole where they are int32.
        """
        found: dict[str, Any] = self.settings()
        return found


def check_inputs(layer: Any, X: Any) -> None:
    """Have a layer check ``X`` (n, …), as it is or as the matrix of all rows.

    Raises
    ------
    InputError
        If the layer can't take it.
    """
    layer.check_inputs(X if layer.knows_shapes or X.ndim == 2 else X.reshape(-1, X.shape[-1]))


def shape_behind(layer: Any, shape: Shape) -> Shape:
    """Return the shape of the output that anybody's layer says, after a look at it.

    Raises
    ------
    InputError
        If it is no shape.
    """
    name, found = type(layer).__name__, layer.output_shape(shape)
    if layer.knows_shapes:
        return axes_of(name, f"output_shape({shape})", found)
    positive_count(name, f"outputs({shape[-1]})", found[-1])
    return (*found[:-1], int(found[-1]))
