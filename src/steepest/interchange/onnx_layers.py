"""The ONNX form of every layer, in the operators of ``ai.onnx`` 20.

A form is a function of `Here`, the layer at its place in a network, that returns the name of its
output. A layer of one's own is exported once its form is in `FORMS`. Everything is computed in
float32: ONNX Runtime has most activations in no other precision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import layers as own
from ..errors import ModelError
from ..layer import Layer
from ..network import Network
from .graph import Array, Graph

__all__ = ["FORMS", "Here", "add_network"]


@dataclass(frozen=True)
class Here:
    """A layer, and where it is: x (n, p) is its input, ``theta`` its parameters by name."""

    graph: Graph
    network: Network
    path: str
    layer: Any
    x: str
    p: int

    @property
    def theta(self) -> Mapping[str, Array]:
        """The layer's parameters, by their names in its file."""
        names = self.layer.parameters(self.p)
        return {name: self.network.parameters[f"{self.path}.{name}"] for name in names}

    def parameter(self, name: str) -> str:
        """Add a parameter as a constant."""
        return self.graph.constant(self.theta[name], np.float32)

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add an operator; return the name of its result."""
        return self.graph.op(kind, *inputs, **attributes)

    def child(self, name: str, layer: Layer, x: str, p: int) -> str:
        """Add a layer that this one is made of."""
        path = f"{self.path}.{name}" if self.path else name
        here = Here(self.graph, self.network, path, layer, x, p)
        form = FORMS.get(type(layer))
        if form is None:
            raise ModelError(
                f"layer {path}, {layer!r}, has no ONNX form; give one in "
                "steepest.interchange.onnx_layers.FORMS"
            )
        return form(here)


def add_network(graph: Graph, network: Network, x: str) -> str:
    """Add a network that reads x (n, inputs); return the name of its output.

    Raises
    ------
    ModelError
        If a layer has no ONNX form, or the network is not built.
    """
    if network.inputs is None:
        raise ModelError("the network has not met any data yet: train it, or build it, first")
    return sequential(Here(graph, network, "", network.layer, x, network.inputs))


def operator(kind: str, **attributes: Any) -> Callable[[Here], str]:
    """Return the form of a layer that is one operator; text stands for a field of the layer."""

    def form(here: Here) -> str:
        found = {
            name: float(getattr(here.layer, value)) if isinstance(value, str) else value
            for name, value in attributes.items()
        }
        return here.op(kind, here.x, **found)

    return form


def dense(here: Here) -> str:
    """y = x Aᵀ + b"""
    given = [here.x, here.parameter("A")]
    if here.layer.bias:
        given.append(here.parameter("b"))
    return here.op("Gemm", *given, transB=1)


def scale(here: Here) -> str:
    """y = s ⊙ x"""
    return here.op("Mul", here.x, here.parameter("s"))


def layer_norm(here: Here) -> str:
    """y = gamma ⊙ (x − μ)/σ + beta"""
    given = here.x, here.parameter("gamma"), here.parameter("beta")
    return here.op("LayerNormalization", *given, axis=-1, epsilon=here.layer.eps)


def embedding(here: Here) -> str:
    """y = E[x], (n, k) -> (n, k, dim) -> (n, k·dim)"""
    codes = here.graph.cast(here.x, np.int64)
    return here.op("Flatten", here.op("Gather", here.parameter("E"), codes), axis=1)


def silu(here: Here) -> str:
    """y = x σ(x)"""
    return here.op("Mul", here.x, here.op("Sigmoid", here.x))


def same(here: Here) -> str:
    """y = x"""
    return here.x


def sequential(here: Here) -> str:
    """f_h ∘ … ∘ f_1"""
    x = here.x
    for name, layer, p in here.layer.children(here.p):
        x = here.child(name, layer, x, p)
    return x


def residual(here: Here) -> str:
    """y = x + g(x)"""
    return here.op("Add", here.x, sequential(here))


def concat(here: Here) -> str:
    """y = [g_1(x), …, g_k(x)]"""
    parts = [here.child(name, layer, here.x, p) for name, layer, p in here.layer.children(here.p)]
    return here.op("Concat", *parts, axis=1)


def parallel(here: Here) -> str:
    """y = [g_1(x_1), …, g_k(x_k)]"""
    parts, start = [], 0
    for name, layer, width in here.layer.children(here.p):
        bounds = [here.graph.constant([k], np.int64) for k in (start, start + width, 1)]
        part = here.op("Slice", here.x, *bounds)
        parts.append(here.child(name, layer, part, width))
        start += width
    return here.op("Concat", *parts, axis=1)


def root_scale(here: Here) -> str:
    """y = x/√p"""
    return here.op("Mul", here.x, here.graph.constant(1 / np.sqrt(here.p), np.float32))


def average(here: Here) -> str:
    """y = the mean of k parts, (n, k·q) -> (n, k, q) -> (n, q)"""
    graph, parts = here.graph, here.layer.parts
    shape = graph.constant([-1, parts, here.p // parts], np.int64)
    axis = graph.constant([1], np.int64)
    return here.op("ReduceMean", here.op("Reshape", here.x, shape), axis, keepdims=0)


def parametric(here: Here) -> str:
    """y = x + w ⊙ (f(x) − x)"""
    f = sequential(here)
    bent = here.op("Mul", here.parameter("w"), here.op("Sub", f, here.x))
    return here.op("Add", here.x, bent)


def periodic(here: Here) -> str:
    """y_j = [x_j, W_j cos(2π ω_j x_j + φ_j) + c_j], as (n, p, 1 + m) -> (n, p·(1 + m))"""
    graph, p, theta = here.graph, here.p, here.theta
    mixed = here.layer.dim - 1
    x = here.op("Unsqueeze", here.x, graph.constant([2], np.int64))  # (n, p, 1)
    turns = here.op("Mul", x, here.parameter("omega"))
    turns = here.op("Add", turns, graph.constant(theta["phi"] / (2 * np.pi), np.float32))
    rest = here.op("Sub", turns, here.op("Round", turns))  # a cosine of a small angle is exact
    waves = here.op("Cos", here.op("Mul", rest, graph.constant(2 * np.pi, np.float32)))
    waves = here.op("Unsqueeze", waves, graph.constant([2], np.int64))  # (n, p, 1, K)
    W = theta["W"].reshape(p, mixed, -1).transpose(0, 2, 1)  # (p, K, m)
    h = here.op("MatMul", waves, graph.constant(W, np.float32))  # (n, p, 1, m)
    h = here.op("Squeeze", h, graph.constant([2], np.int64))
    h = here.op("Add", h, here.parameter("c"))
    return here.op("Flatten", here.op("Concat", x, h, axis=2), axis=1)


FORMS: dict[type[Layer], Callable[[Here], str]] = {
    own.Average: average,
    own.Concat: concat,
    own.Dense: dense,
    own.Dropout: same,
    own.ELU: operator("Elu", alpha="scale"),
    own.Embedding: embedding,
    own.GELU: operator("Gelu"),
    own.Identity: same,
    own.LayerNorm: layer_norm,
    own.LeakyReLU: operator("LeakyRelu", alpha="slope"),
    own.Mish: operator("Mish"),
    own.Parallel: parallel,
    own.Parametric: parametric,
    own.Periodic: periodic,
    own.ReLU: operator("Relu"),
    own.Residual: residual,
    own.RootScale: root_scale,
    own.SELU: operator("Selu"),
    own.Scale: scale,
    own.Sequential: sequential,
    own.SiLU: silu,
    own.Sigmoid: operator("Sigmoid"),
    own.Softmax: operator("Softmax", axis=1),
    own.Softplus: operator("Softplus"),
    own.Tanh: operator("Tanh"),
}
"""The form of each kind of layer; a layer's subclass is another kind."""
