"""Networks, and models with their preprocessing, as ONNX files."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import losses as own
from ..errors import ModelError
from ..loss import Loss
from ..network import Network
from .graph import Graph
from .onnx_layers import add_network

if TYPE_CHECKING:
    from ..pipeline.model import Model

__all__ = ["LINKS", "export_onnx"]


def export_onnx(thing: Network | Model, path: str | os.PathLike[str]) -> None:
    """Write a network or a model as an ONNX file, for ONNX Runtime and others.

    Parameters
    ----------
    thing : Network or Model
        A network has one input ``x`` (n, p) and one output ``y`` (n, q), both float32. A model has
        one input (n, 1) for each column that it uses, called as the column: float64 for numbers
        (NaN where missing), truth values (1 and 0) and times (seconds since 1970 in UTC), texts for
        categories (empty where missing). Its outputs are ``prediction`` (n,) and, for
        classification, ``probabilities`` (n, classes).
    path : str or path-like
        The file. It is written whole or not at all.

    Raises
    ------
    ModelError
        If the package onnx is not installed, a layer, a loss or a column has no ONNX form, or the
        file can't be written.
    """
    graph = Graph()
    if isinstance(thing, Network):
        width = thing.inputs or 1
        y = add_network(graph, thing, graph.input("x", np.float32, width))
        graph.output(y, "y", np.float32, thing.layer.outputs(width))
        graph.save(path, "a network of Steepest")
    else:
        _add_model(graph, thing)
        graph.save(path, f"a model of Steepest: {thing.task.describe()}")


def _add_model(graph: Graph, model: Model) -> None:
    from .onnx_encoder import add_encoder

    task = model.task
    link = LINKS.get(type(model.loss))
    if link is None:
        raise ModelError(f"{model.loss!r} has no ONNX form")
    if isinstance(model.loss, own.Quantile):
        raise ModelError("quantiles have no ONNX form; export the network by itself: model.network")
    y = link(graph, add_network(graph, model.network, add_encoder(graph, model.encoder)))
    if task.is_regression:
        low, high = task.clamp(np.array([-np.inf, np.inf]))
        y = graph.op("Clip", y, *(graph.constant(bound, np.float32) for bound in (low, high)))
        scaled = graph.op("Mul", graph.cast(y, np.float64), graph.constant(task.deviation))
        value = graph.op("Add", scaled, graph.constant(task.mean))
        flat = graph.op("Reshape", value, graph.constant([-1], np.int64))
        graph.output(flat, "prediction", np.float64)
        return
    if task.outputs == 1:  # at one half it is the second class
        second = graph.op("GreaterOrEqual", y, graph.constant(0.5, np.float32))
        flat = graph.op("Reshape", second, graph.constant([-1], np.int64))
        index = graph.cast(flat, np.int64)
        y = graph.op("Concat", graph.op("Sub", graph.constant(1, np.float32), y), y, axis=1)
    else:
        index = graph.op("ArgMax", y, axis=1, keepdims=0)
    labels: Any = np.array(task.classes)
    graph.output(graph.op("Gather", graph.constant(labels), index), "prediction", labels.dtype)
    if model.has_probabilities:
        graph.output(y, "probabilities", np.float32, len(task.classes))


def _same(graph: Graph, z: str) -> str:
    return z


def _sign(graph: Graph, z: str) -> str:
    return graph.cast(graph.op("Greater", z, graph.constant(0, np.float32)), np.float32)


LINKS: dict[type[Loss], Callable[[Graph, str], str]] = {
    own.Absolute: _same,
    own.Hinge: _sign,
    own.Huber: _same,
    own.Logistic: lambda graph, z: graph.op("Sigmoid", z),
    own.Poisson: lambda graph, z: graph.op("Exp", z),
    own.Quantile: _same,
    own.SoftmaxCrossEntropy: lambda graph, z: graph.op("Softmax", z, axis=1),
    own.Squared: _same,
}
"""What each loss's ``mean`` makes of the network's outputs."""
