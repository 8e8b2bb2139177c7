"""The check of a whole network: each layer on what reaches it, the loss, and all of it together."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Array, as_inputs, as_numbers
from ..loss import Loss
from ..network import Network
from . import draw
from .differences import Settings
from .layers import check_layer
from .losses import check_loss
from .report import Report

__all__ = ["check_network"]


_ROWS = 5


def check_network(
    network: Network, settings: Settings, *, X: Any = None, y: Any = None, loss: Loss | None = None
) -> Report:
    """Check a network at its present parameters, in float64.

    Parameters
    ----------
    network : Network
        Is left as it is. If it was not built yet, ``X`` or the layers tell its inputs.
    settings : Settings
    X : array-like, (n, …), optional
        Inputs, of which a few rows are used; otherwise they are drawn.
    y : array-like, optional
        Targets of these rows, for ``loss``.
    loss : Loss, optional
        Checked on the network's outputs.
    """
    layers = network.layer.layers
    report = Report("the whole network")
    if X is None:
        shape = network.input_shape or draw.shape(network.layer)
        X = draw.inputs(network.layer, _ROWS, shape, np.random.default_rng(settings.seed))
    X = as_inputs(X, "float64", "check")[:_ROWS]
    whole = Network(*layers, inputs=X.shape[1:], seed=network.seed, dtype="float64")
    if network.input_shape is not None:
        for name, value in network.built.named.items():
            whole.built.named[name][...] = value
    reaches = X
    for k, layer in enumerate(layers):
        prefix = f"{k}."
        theta, state = (
            {
                name.removeprefix(prefix): value
                for name, value in arrays.items()
                if name.startswith(prefix)
            }
            for arrays in (whole.parameters, whole.state)
        )
        report.parts.append(
            check_layer(layer, settings, X=reaches, theta=theta, state=state, name=f"{k} {layer!r}")
        )
        part = Network(layer, inputs=reaches.shape[1:], dtype="float64")
        for name, value in {**theta, **state}.items():
            part.built.named[f"0.{name}"][...] = value
        reaches = part.predict(reaches)
    if loss is not None:
        z, y = (None, None) if y is None else _rows(reaches, y)
        report.parts.append(check_loss(loss, settings, z=z, y=y))
    together = check_layer(
        whole.layer,
        settings,
        X=X,
        theta=dict(whole.parameters),
        state=dict(whole.state),
        name=report.name,
    )
    report.findings = together.findings
    return report


def _rows(z: Array, y: Any) -> tuple[Array, Array]:
    """Return outputs and targets as the rows that a loss sees."""
    y, several = as_numbers(y, "y", "check")[:_ROWS], z.ndim - 2
    return z.reshape(-1, z.shape[-1]), y.reshape(-1, *y.shape[1 + several :])
