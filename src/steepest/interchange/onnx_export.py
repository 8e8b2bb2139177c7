"""Networks, and models with their preprocessing, as ONNX files."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ..errors import ModelError
from ..losses import Quantile
from ..network import Network
from ..onnx_form import form_of
from ..pipeline.model import Model
from ..validate import folder, instance
from .graph import Graph
from .onnx_layers import Here, add_network

__all__ = ["export_onnx"]


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
    folder("export_onnx", "path", path)
    graph = Graph()
    if isinstance(thing, Network):
        width = thing.inputs or 1
        y = add_network(graph, thing, graph.input("x", np.float32, width))
        graph.output(y, "y", np.float32, thing.layer.outputs(width))
        graph.save(path, "a network of Steepest")
    else:
        instance("export_onnx", "thing", thing, Model, "estimator.model_, or a network")
        _add_model(graph, thing)
        graph.save(path, f"a model of Steepest: {thing.task.describe()}")


def _add_model(graph: Graph, model: Model) -> None:
    from .onnx_encoder import add_encoder

    task = model.task
    link = form_of(type(model.loss), "mean")
    if link is None:
        raise ModelError(
            f"{model.loss!r} has no ONNX form; give its class an ``onnx`` beside its ``mean``: "
            "steepest/onnx_form.py says how"
        )
    if isinstance(model.loss, Quantile):
        raise ModelError("quantiles have no ONNX form; export the network by itself: model.network")
    z = add_network(graph, model.network, add_encoder(graph, model.encoder))
    width = model.network.outputs or 1
    y = link(model.loss, Here(graph, model.network, "", model.loss, z, width))
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
