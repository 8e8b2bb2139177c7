"""Initial values that fit the data: every dense layer begins with outputs of the right size.

Layer after layer, on a sample of the training inputs x and with the layers before it done:

    A_u ~ N(0, I), divided by the standard deviation of A_u x over the sample
    b_u = −Σ_k λ_k A_u x_k     for `POINTS` rows x_k of the sample drawn for unit u, and weights
                               λ ~ Exp(1) that are divided by their sum

so that each unit's bend lies inside the data.

Source: Holzmüller, Grinsztajn & Steinwart, "Better by default", NeurIPS 2024, arXiv:2407.04491,
section 3 ("he+5"), after Steinwart, "A sober look at neural network initializations", 2019,
arXiv:1903.11482.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import as_inputs
from ..network import Network
from ..validate import instance
from ..validate import seed as checked_seed

__all__ = ["init_from_data"]


def init_from_data(network: Network, X: Any, *, seed: int = 0) -> None:
    """Set the first values of a network's layers by a sample of its inputs.

    Those are A and b of ``Dense`` and of ``Heads``, and the bins of ``PiecewiseLinear``
    (`Layer.init_from_data`).

    Parameters
    ----------
    network : Network
        Its outermost layers are gone through in order; of layers inside layers, only those of
        ``Parallel`` are.
    X : array-like, (n, p); or (n, …)
        Some hundreds or thousands of training rows.
    seed : int
        Of what is drawn.

    Raises
    ------
    InputError
        If ``X`` does not fit the network, or the seed is none.
    """
    instance("init_from_data", "network", network, Network, "Network(Dense(8), ReLU(), Dense(1))")
    rng = np.random.default_rng(checked_seed("init_from_data", seed))
    h = as_inputs(X, network.dtype, "init_from_data")
    network.build(h.shape[1:])
    network.layer.check_inputs(h)
    for k, layer in enumerate(network.layer.layers):
        part = Network(layer, inputs=h.shape[1:], dtype=network.dtype)
        for name, view in part.built.named.items():
            view[...] = network.built.named[f"{k}{name[1:]}"]
        if layer.init_from_data is not None:
            layer.init_from_data(rng, h, {name[2:]: a for name, a in part.built.named.items()})
        for name, view in part.built.named.items():
            network.built.named[f"{k}{name[1:]}"][...] = view
        h = part.predict(h)
