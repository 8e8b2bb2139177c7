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
from numpy.typing import NDArray

from ..arrays import as_inputs
from ..layers.dense import Dense
from ..network import Network
from ..validate import instance
from ..validate import seed as checked_seed

__all__ = ["init_from_data"]

POINTS = 5


def init_from_data(network: Network, X: Any, *, seed: int = 0) -> None:
    """Set A and b of a network's dense layers by a sample of its inputs.

    Parameters
    ----------
    network : Network
        Its outermost layers are gone through in order; those that are not ``Dense`` stay as they
        are, and so do dense layers inside combinators.
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
        own = {name: network.parameters[f"{k}{name[1:]}"] for name in part.parameters}
        if isinstance(layer, Dense):
            _fit(rng, h.reshape(-1, h.shape[-1]), own["0.A"], own.get("0.b"))
        for name, view in part.built.named.items():
            view[...] = network.built.named[f"{k}{name[1:]}"]
        h = part.predict(h)


def _fit(rng: np.random.Generator, x: NDArray[Any], A: NDArray[Any], b: Any) -> None:
    """Draw A (q, p) and b (q,) for the inputs x (n, p) of a dense layer."""
    q = A.shape[0]
    drawn = rng.standard_normal(A.shape)
    z = x.astype(np.float64) @ drawn.T
    deviation = z.std(axis=0)
    deviation[deviation == 0] = 1
    A[...] = drawn / deviation[:, None]
    if b is not None:
        weights = rng.exponential(size=(POINTS, q))
        rows = rng.integers(len(x), size=(POINTS, q))
        chosen = z[rows, np.arange(q)] / deviation
        b[...] = -(weights / weights.sum(axis=0) * chosen).sum(axis=0)
