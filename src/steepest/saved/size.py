"""How large a network from a file may be, said before any of it is made."""

from __future__ import annotations

import math

from ..errors import ModelError
from ..layer import Layer
from ..parameters import leaves, states, walk
from ..shape import Shape

__all__ = ["MOST_ACTIVATIONS", "MOST_LAYERS", "check_size", "state_shapes"]

MOST_LAYERS = 10_000
MOST_ACTIVATIONS = 1 << 20
"""The most outputs of all layers together, for one example; a prediction takes 256 at once."""


def check_size(layer: Layer, shape: Shape) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a network's parameters by name, without making any.

    Raises
    ------
    ModelError
        If the network is larger than a model may be.
    InputError
        If the layers don't fit together.
    """
    activations = math.prod(shape)
    for count, (path, inner, inner_shape) in enumerate(walk(layer, shape)):
        activations += math.prod(inner.output_shape(inner_shape))
        if count >= MOST_LAYERS or activations > MOST_ACTIVATIONS:
            raise ModelError(
                f"the network is too large at layer {path}: a model has at most {MOST_LAYERS:,} "
                f"layers, with at most {MOST_ACTIVATIONS:,} outputs together"
            )
    return {
        f"{path}.{name}": parameter.shape
        for path, _, parameters in leaves(layer, shape)
        for name, parameter in parameters.items()
    }


def state_shapes(layer: Layer, shape: Shape) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a network's state by name, without making any."""
    return {
        f"{path}.{name}": state.shape
        for path, _, declared in states(layer, shape)
        for name, state in declared.items()
    }
