"""A network whose outputs rise with some of its inputs, whatever its parameters are.

The columns that are free go through the layers of an ordinary network, while the others wait beside
them. What comes of it, h, and the waiting columns m go through layers that are free in h and rise
with m:

    a = φ(W₁ [h, m]),  c = φ(W₂ a),  z = W₃ c         W₁ free in h, and no negative entry else

with φ bent upwards in half of the units and downwards in the others (`steepest.ConvexConcave`).
So z may depend on h and on what h and m do together in any way, and rises with m.

Source: Runje & Shankaranarayana, "Constrained monotonic neural networks", ICML 2023,
arXiv:2205.11775, figure 5 (a network of the second type).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import layers as _layers
from ..errors import InputError
from ..layer import Layer
from ..printing import shown

__all__ = ["monotone_layers", "read_monotonic"]

UNITS = 64
"""Of each of the two layers that rise."""


def monotone_layers(hidden: Sequence[Layer], width: int, rising: int, outputs: int) -> list[Layer]:
    """Return layers whose outputs rise with the last ``rising`` of their ``width`` inputs.

    Parameters
    ----------
    hidden : sequence of Layer
        What the other inputs go through first.
    width, rising, outputs : int
    """
    layers: list[Layer] = []
    free = width - rising
    for layer in hidden:
        layers.append(_layers.Parallel((free, layer), (rising, _layers.Identity())))
        (free,) = layer.output_shape((free,))
    for units in (UNITS, UNITS):
        layers += [
            _layers.RootScale(),
            _layers.MonotoneDense(units, free),
            _layers.ConvexConcave(),
        ]
        free = 0
    return [*layers, _layers.RootScale(), _layers.MonotoneDense(outputs)]


def read_monotonic(where: str, given: Any) -> dict[str, int]:
    """Return 1 or −1 by column, of a mapping of columns to these or of texts like ``age=+1``.

    Raises
    ------
    InputError
        If it is something else.
    """
    signs = {"1": 1, "+1": 1, "-1": -1}
    pairs: list[Any] = []
    if isinstance(given, Mapping):
        pairs = list(given.items())
    elif isinstance(given, Sequence) and not isinstance(given, str):
        pairs = [str(text).rpartition("=")[::2] for text in given]
    found = {str(name): signs.get(str(sign)) for name, sign in pairs}
    fine = {name: sign for name, sign in found.items() if sign is not None and name}
    nothing = given is None or (isinstance(given, Mapping | Sequence) and len(given) == 0)
    if len(fine) < len(found) or not (found or nothing):
        raise InputError(
            f"{where}: monotonic must name columns with +1 or -1, like age=+1, or "
            f"{{'age': 1}}; got {shown(given)}"
        )
    return fine
