"""θ of a network whose shapes are known, and its state: two vectors, and views into them by name.

The state is what layers keep from step to step beside their parameters (`steepest.state`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np

from .arrays import Array, aligned
from .engine.operands import Block, Buffer
from .errors import InputError
from .layer import Layer, Parameter, State
from .printing import shown
from .shape import Shape, shape_behind
from .validate import axes_of, instance

T = TypeVar("T")

__all__ = ["Parameters", "as_shape", "leaves", "states", "walk"]


class Parameters:
    """A layer, the shape of its input, its parameters, and its state.

    Parameters
    ----------
    layer : Layer
        f, with all the layers in it.
    input_shape : tuple of int
        Of one example x.
    dtype : {"float32", "float64"}

    Attributes
    ----------
    output_shape : tuple of int
        Of f(x; θ).
    theta : ndarray, (m,)
        All parameters, one behind the other. Zero at first.
    declared : dict of str to Parameter
        What the layers say of each, by names like ``0.A``, in the order in θ.
    buffers : dict of str to Buffer
        The same as operands, as they are stored.
    arrays : dict of str to ndarray
        The same as views into ``theta``, in the shapes that the layers declare.
    state : ndarray, (k,)
        The state of all layers, one array behind the other. What they declare, at first.
    declared_state : dict of str to State
        What the layers say of each of its arrays, by names like ``2.mean``, in the order in it.
    state_buffers : dict of str to Buffer
        The same as operands.
    state_arrays : dict of str to ndarray
        The same as views into ``state``.

    Raises
    ------
    InputError
        If a layer has a parameter and an array of its state of one name.
    """

    def __init__(self, layer: Layer, input_shape: Shape, dtype: str) -> None:
        self.layer, self.input_shape, self.dtype = layer, input_shape, dtype
        self.output_shape = shape_behind(layer, input_shape)
        found = [
            (f"{path}.{name}", name + path, parameter)
            for path, _, parameters in leaves(layer, input_shape)
            for name, parameter in parameters.items()
        ]
        self.theta: Array = aligned(sum(math.prod(p.shape) for *_, p in found), dtype)
        self.declared: dict[str, Parameter] = {}
        self.buffers: dict[str, Buffer] = {}
        block, start = Block("f", self.theta.size, self.theta), 0
        for name, label, parameter in found:
            stored = parameter.shape[::-1] if parameter.by_columns else parameter.shape
            label += "ᵀ" if parameter.by_columns else ""
            self.declared[name] = parameter
            self.buffers[name] = Buffer(label, stored, "f", block, start)
            start += math.prod(stored)
        self.arrays = self.views(self.theta)
        self._lay_out_state()

    def _lay_out_state(self) -> None:
        """Make the vector of the state, and what shows it."""
        found = [
            (path, name, state)
            for path, _, declared in states(self.layer, self.input_shape)
            for name, state in declared.items()
        ]
        self.state: Array = aligned(sum(math.prod(s.shape) for *_, s in found), self.dtype)
        self.declared_state: dict[str, State] = {}
        self.state_buffers: dict[str, Buffer] = {}
        block, start = Block("f", self.state.size, self.state), 0
        for path, name, state in found:
            full = f"{path}.{name}"
            if full in self.declared:
                raise InputError(
                    f"layer {path} has a parameter {name!r} and an array of its state of that "
                    "name; rename one of them"
                )
            self.declared_state[full] = state
            self.state_buffers[full] = Buffer(name + path, state.shape, "f", block, start)
            start += math.prod(state.shape)
        self.state_arrays = {name: b.array for name, b in self.state_buffers.items()}
        for name, view in self.state_arrays.items():
            view[...] = self.declared_state[name].start

    @property
    def vectors(self) -> dict[str, Array]:
        """All numbers that f is made of, by name: ``theta``, and ``state`` if there is any."""
        return {"theta": self.theta} | ({"state": self.state} if self.state.size else {})

    @property
    def named(self) -> dict[str, Array]:
        """All arrays by name, parameters first, then the state."""
        return {**self.arrays, **self.state_arrays}

    def views(self, vector: Array) -> dict[str, Array]:
        """Return views into a vector laid out as θ, by name, in the shapes that layers declare."""
        found = {}
        for name, b in self.buffers.items():
            stored = vector[b.offset : b.offset + b.size].reshape(b.shape)
            found[name] = stored.T if self.declared[name].by_columns else stored
        return found

    def like(self, vector: Array, d: str = "d") -> dict[str, Buffer]:
        """Return operands in a vector laid out as θ; ``d`` stands before their names."""
        block = Buffer.of("g", vector).block
        return {
            name: Buffer(d + b.name, b.shape, "f", block, b.offset)
            for name, b in self.buffers.items()
        }

    def draw(self, seed: int) -> None:
        """Write the initial values that the layers draw."""
        rng = np.random.default_rng(seed)
        for path, layer, parameters in leaves(self.layer, self.input_shape):
            layer.init(rng, {name: self.arrays[f"{path}.{name}"] for name in parameters})


def as_shape(where: str, inputs: Any) -> Shape:
    """Return the shape of one example, told as the width of its one axis or as a sequence."""
    several = isinstance(inputs, tuple | list)
    try:
        return axes_of(where, "inputs", inputs if several else (inputs,))
    except InputError as error:
        raise InputError(
            f"{where}: inputs must be the width of an example, like 3, or its shape, like "
            f"(28, 28, 1), got {shown(inputs)}"
        ) from error


def walk(layer: Layer, shape: Shape, path: str = "") -> Iterator[tuple[str, Layer, Shape]]:
    """Yield every layer inside ``layer`` with its path and the shape of its input, depth first."""
    for name, child, inner_shape in layer.children_at(shape):
        inner = f"{path}.{name}" if path else name
        yield inner, child, inner_shape
        yield from walk(child, inner_shape, inner)


def check_training_shapes(layer: Layer, shape: Shape) -> None:
    """Check that a layer whose output has another shape while it trains is the last of all.

    Raises
    ------
    InputError
        If one is not: what follows could not be trained for what it predicts from.
    """
    last, path, inside = layer, "", shape
    while last.in_a_row and (children := last.children_at(inside)):
        name, last, inside = children[-1]
        path = f"{path}.{name}" if path else name
    for at, inner, inner_shape in walk(layer, shape):
        if at != path and inner.training_shape(inner_shape) != inner.output_shape(inner_shape):
            raise InputError(
                f"layer {at}: {inner!r} must be the last layer of the network, since its output "
                "has another shape while the network trains"
            )


def leaves(layer: Layer, shape: Shape) -> Iterator[tuple[str, Layer, dict[str, Parameter]]]:
    """Yield every layer inside ``layer`` that has parameters, with its path and with them."""
    for path, child, inner_shape in walk(layer, shape):
        parameters = _declared(
            path, child, "parameters", child.parameters_at(inner_shape), Parameter
        )
        if parameters:
            yield path, child, parameters


def states(layer: Layer, shape: Shape) -> Iterator[tuple[str, Layer, dict[str, State]]]:
    """Yield every layer inside ``layer`` that has state, with its path and with that."""
    for path, child, inner_shape in walk(layer, shape):
        state = _declared(path, child, "state", child.state_at(inner_shape), State)
        if state:
            yield path, child, state


def _declared(path: str, layer: Layer, method: str, found: Any, kind: type[T]) -> dict[str, T]:
    """Return what a method of anybody's layer declares, after a look at it."""
    where = f"layer {path}: {type(layer).__name__}.{method}"
    if not isinstance(found, dict):
        raise InputError(f"{where} must return a dict by name, such as {{}}, got {shown(found)}")
    for name, each in found.items():
        if not isinstance(name, str) or not name.isidentifier():
            raise InputError(f"{where} must name arrays as kernels do, like 'A', got {shown(name)}")
        instance(where, repr(name), each, kind, f"{kind.__name__}((3, 4))")
    return found
