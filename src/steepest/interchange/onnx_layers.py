"""A network as ONNX: each of its layers writes itself (`steepest.onnx_form`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import ModelError
from ..layer import Layer
from ..network import Network
from ..onnx_form import form_of
from ..shape import Shape
from .graph import Graph

__all__ = ["Here", "add_network"]


@dataclass(frozen=True)
class Here:
    """A layer or a loss, and where it is: what its ``onnx`` asks (`steepest.onnx_form.OnnxGraph`).

    x (n, …, p) is its input, by name; ``shape`` is that of one example.
    """

    graph: Graph
    network: Network
    path: str
    layer: Any
    x: str
    shape: Shape

    @property
    def p(self) -> int:
        """The width of the input."""
        return self.shape[-1]

    @property
    def theta(self) -> Mapping[str, Array]:
        """The layer's parameters, by their names in its file."""
        names = self.layer.parameters_at(self.shape)
        return {name: self.network.parameters[f"{self.path}.{name}"] for name in names}

    @property
    def state(self) -> Mapping[str, Array]:
        """The layer's state, by the names in its file."""
        names = self.layer.state_at(self.shape)
        return {name: self.network.state[f"{self.path}.{name}"] for name in names}

    @property
    def notes(self) -> dict[str, str]:
        """What layers leave for those behind."""
        return self.graph.notes

    def parameter(self, name: str) -> str:
        """Add a parameter as a constant."""
        return self.constant(self.theta[name])

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        """Add a constant array."""
        return self.graph.constant(value, dtype)

    def cast(self, value: str, dtype: Any) -> str:
        """Add a change of type."""
        return self.graph.cast(value, dtype)

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add an operator; return the name of its result."""
        return self.graph.op(kind, *inputs, **attributes)

    def child(self, name: str, layer: Layer, x: str, at: int | Shape) -> str:
        """Add a layer that this one is made of; one that knows widths only, on all rows."""
        path = f"{self.path}.{name}" if self.path else name
        shape = at if isinstance(at, tuple) else (at,)
        if len(shape) > 1 and not layer.knows_shapes:
            rows = self._reshaped(x, shape[-1:])
            y = self.child(name, layer, rows, shape[-1])
            return self._reshaped(y, layer.output_shape(shape))
        here = Here(self.graph, self.network, path, layer, x, shape)
        form = form_of(type(layer), "forward", "lower")
        if form is None:
            raise ModelError(
                f"layer {path}, {layer!r}, has no ONNX form; give its class an ``onnx``: "
                "steepest/onnx_form.py says how"
            )
        return form(layer, here)

    def _reshaped(self, value: str, shape: Shape) -> str:
        return self.op("Reshape", value, self.constant([-1, *shape], np.int64))


def add_network(graph: Graph, network: Network, x: str) -> str:
    """Add a network that reads x (n, …); return the name of its output.

    Raises
    ------
    ModelError
        If a layer has no ONNX form, or the network is not built.
    """
    if network.input_shape is None:
        raise ModelError("the network has not met any data yet: train it, or build it, first")
    return network.layer.onnx(Here(graph, network, "", network.layer, x, network.input_shape))
