"""Networks, and models with their preprocessing, as ONNX files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, ModelError
from ..losses import Quantile
from ..network import Network
from ..onnx_form import add_mean
from ..probabilities.calibration import UNCHANGED
from ..trainer import Trainer
from ..validate import folder
from .graph import Graph
from .onnx_layers import Here, add_network

if TYPE_CHECKING:
    from ..loss import Loss
    from ..pipeline.model import Model

__all__ = ["export_onnx"]


def export_onnx(thing: Any, path: str | os.PathLike[str]) -> None:
    """Write a network, a model or an estimator as an ONNX file, for ONNX Runtime and others.

    Parameters
    ----------
    thing : Network, Trainer, Model, or fitted estimator of Steepest
        A network has one input ``x`` (n, p) and one output ``y`` (n, q), both float32 (with more
        axes, if its examples have them); a trainer
        stands for its network. `MLPClassifier` and `MLPRegressor` have the input ``x`` and the
        output ``prediction``, as ``predict`` returns it (float32 for numbers); a classifier that
        has them, also ``probabilities`` (n, classes). A model, or the one in a `TabularClassifier`
        or `TabularRegressor`, has
        one input (n, 1) for each column that it uses, called as the column: float64 for numbers
        (NaN where missing), truth values (1 and 0) and times (seconds since 1970 in UTC), texts for
        categories (empty where missing). Its outputs are ``prediction`` (n,) and, for
        classification, ``probabilities`` (n, classes); where a column has such a name, the output
        has an underscore behind it. A model of images has one input ``x``, float32, (n, height,
        width, channels): the pixels as they were in training.
    path : str or path-like
        The file. It is written whole or not at all.

    Raises
    ------
    InputError
        If ``thing`` is of another type.
    NotFittedError
        If it is an estimator that has not been fitted.
    ModelError
        If the package onnx is not installed, a layer, a loss or a column has no ONNX form, or the
        file can't be written.
    """
    from ..pipeline.model import Model

    folder("export_onnx", "path", path)
    thing = thing.network if isinstance(thing, Trainer) else thing
    graph = Filled()
    about = f"{type(thing).__name__} of Steepest"
    if isinstance(thing, Network):
        y = _add_network(graph, thing)
        graph.output(y, "y", np.float32, *thing.output_shape)
    elif isinstance(thing, Model):
        graph.model(thing)
        about += f": {thing.task.describe()}"
    elif hasattr(thing, "fill_onnx") and not isinstance(thing, type):
        thing.fill_onnx(graph)
    else:
        is_class = isinstance(thing, type)
        got = (
            f"the class {thing.__name__}"
            if is_class
            else f"an object of type {type(thing).__name__}"
        )
        raise InputError(
            "export_onnx: expected a Network, a Trainer, a Model or a fitted estimator of "
            f"Steepest, got {got}; of a pipeline, export its last step, pipeline[-1], of a search, "
            "best_estimator_"
        )
    graph.save(path, about)


class Filled(Graph):
    """A graph with what estimators put into it (`steepest.onnx_form.OnnxModel`)."""

    def network(self, network: Network, loss: Loss) -> tuple[str, str]:
        """Add the input x (n, p) and a network; return its outputs, and what their mean is."""
        z = _add_network(self, network)
        return z, _add_mean(self, network, loss, z)

    def model(self, model: Model) -> None:
        """Add a model of tables, with its inputs and outputs."""
        _add_model(self, model)


def _add_network(graph: Graph, network: Network) -> str:
    x = graph.input("x", np.float32, *(network.input_shape or (1,)))
    return add_network(graph, network, x)


def _add_mean(graph: Graph, network: Network, loss: Loss, z: str) -> str:
    """Add what a loss makes of a network's outputs z."""
    return add_mean(loss, Here(graph, network, "", loss, z, network.output_shape))


def _add_model(graph: Graph, model: Model) -> None:
    from .onnx_encoder import add_encoder

    task = model.task
    if isinstance(model.loss, Quantile):
        raise ModelError(
            "a model of quantiles has no ONNX form; export the network by itself: model.network "
            "(of an estimator, model_.network)"
        )
    z = add_network(graph, model.network, add_encoder(graph, model.encoder))
    y = _add_mean(graph, model.network, model.loss, z)
    if task.is_regression:
        low, high = task.clamp(np.array([-np.inf, np.inf]))
        y = graph.op("Clip", y, *(graph.constant(bound, np.float32) for bound in (low, high)))
        scaled = graph.op("Mul", graph.cast(y, np.float64), graph.constant(task.deviation))
        value = graph.op("Add", scaled, graph.constant(task.mean))
        flat = graph.op("Reshape", value, graph.constant([-1], np.int64))
        graph.output(flat, "prediction", np.float64)
        return
    calibration = model.calibration if model.has_probabilities else UNCHANGED
    y, index = calibration.onnx(graph, y, task.outputs)
    labels: Any = np.array(task.classes)
    graph.output(graph.op("Gather", graph.constant(labels), index), "prediction", labels.dtype)
    if model.has_probabilities:
        graph.output(y, "probabilities", np.float32, len(task.classes))
