"""From an estimator's parameters to a network, and from random draws to its first θ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

import numpy as np

from ..errors import InputError
from ..layer import Layer
from ..layers import Dense, Dropout, LayerNorm, Residual, Sigmoid
from ..network import Network
from ..pipeline.names import ACTIVATIONS
from ..validate import iterated

__all__ = ["begin", "build", "hidden_sizes", "per_hidden_layer"]


def hidden_sizes(sizes: Any) -> list[int]:
    """Return the widths of the hidden layers; raise `InputError` if one is not positive."""
    given = iterated(sizes)
    found = [sizes] if given is None else given
    try:
        whole = all(size == int(size) for size in found)
    except (OverflowError, TypeError, ValueError, np.ma.MaskError):
        whole = False
    if not whole:
        raise InputError(f"hidden_layer_sizes must be whole numbers, got {found}.")
    if any(size <= 0 for size in found):
        raise InputError(f"hidden_layer_sizes must be > 0, got {found}.")
    return [int(size) for size in found]


def per_hidden_layer(what: str, value: Any, count: int) -> list[Any]:
    """Return ``value`` for each of ``count`` hidden layers: itself, or the entries it has."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        return [value] * count
    if len(value) != count:
        raise InputError(
            f"{what}: expected one entry for each of {count} hidden layers, got {len(value)}"
        )
    return list(value)


def build(model: Any, inputs: int, outputs: int, dtype: str, seed: int) -> Network:
    """Return the network that the parameters of ``model`` describe, built.

    A network given as ``model.network`` is copied, with its parameters if it has them.
    """
    given = model.network
    if isinstance(given, Network):
        network = deepcopy(given)
        if network.inputs is None:
            network = Network(*given.layer.layers, seed=seed, dtype=dtype)
        network.build(inputs)
    else:
        layers = [given] if isinstance(given, Layer) else list(_hidden_layers(model, inputs))
        network = Network(*layers, Dense(outputs), inputs=inputs, seed=seed, dtype=dtype)
    if network.outputs != outputs:
        raise InputError(
            f"network: {outputs} outputs are needed for these targets and this loss, it has "
            f"{network.outputs}; end it with Dense({outputs})"
        )
    return network


def _hidden_layers(model: Any, width: int) -> Iterator[Layer]:
    sizes = hidden_sizes(model.hidden_layer_sizes)
    sigmas = per_hidden_layer("activation", model.activation, len(sizes))
    rates = per_hidden_layer("dropout", model.dropout, len(sizes))
    for size, sigma, rate in zip(sizes, sigmas, rates, strict=True):
        block: list[Layer] = [Dense(size)]
        if model.layer_norm:
            block.append(LayerNorm())
        block.append(ACTIVATIONS[sigma]() if isinstance(sigma, str) else sigma)
        if rate:
            block.append(Dropout(rate))
        if model.residual and size == width:
            yield Residual(*block)
        else:
            yield from block
        width = size


def begin(network: Network, activation: Any, random_state: np.random.RandomState) -> None:
    """Draw the first A and b of every dense layer, in the order in which scikit-learn draws them.

    Uniform on ±√(6/(p + q)) (Glorot & Bengio 2010, equation 16), or ±√(2/(p + q)) before a
    logistic sigmoid, biases included. The output layer goes by the activation before it.
    """
    dense = [name[:-2] for name in network.parameters if name.endswith(".A")]
    sigmas = per_hidden_layer("activation", activation, len(dense) - 1) or [activation]
    for path, sigma in zip(dense, [*sigmas, sigmas[-1]], strict=False):
        A, b = network.parameters[f"{path}.A"], network.parameters[f"{path}.b"]
        q, p = A.shape
        logistic = isinstance(sigma, str) and ACTIVATIONS[sigma] is Sigmoid
        bound = np.sqrt((2.0 if logistic else 6.0) / (p + q))
        A[...] = random_state.uniform(-bound, bound, (p, q)).T
        b[...] = random_state.uniform(-bound, bound, q)
