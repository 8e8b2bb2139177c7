"""θ of a network whose shapes are known: one vector, and every parameter a view into it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from .arrays import Array, aligned
from .engine.operands import Block, Buffer
from .layer import Layer, Parameter
from .shape import Shape
from .validate import axes_of

__all__ = ["Parameters", "as_shape", "leaves", "walk"]


class Parameters:
    """A layer, the shape of its input, and its parameters.

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
    """

    def __init__(self, layer: Layer, input_shape: Shape, dtype: str) -> None:
        self.layer, self.input_shape, self.dtype = layer, input_shape, dtype
        self.output_shape = layer.output_shape(input_shape)
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
    return axes_of(where, "inputs", inputs if isinstance(inputs, tuple | list) else (inputs,))


def walk(layer: Layer, shape: Shape, path: str = "") -> Iterator[tuple[str, Layer, Shape]]:
    """Yield every layer inside ``layer`` with its path and the shape of its input, depth first."""
    for name, child, inner_shape in layer.children_at(shape):
        inner = f"{path}.{name}" if path else name
        yield inner, child, inner_shape
        yield from walk(child, inner_shape, inner)


def leaves(layer: Layer, shape: Shape) -> Iterator[tuple[str, Layer, dict[str, Parameter]]]:
    """Yield every layer inside ``layer`` that has parameters, with its path and with them."""
    for path, child, inner_shape in walk(layer, shape):
        parameters = child.parameters_at(inner_shape)
        if parameters:
            yield path, child, parameters
