"""Parameters and state by the names and in the layout of PyTorch's ``state_dict``.

The layers of a `Network` are counted as those of ``torch.nn.Sequential`` are, and PyTorch stores
the same arrays under other names: `Dense` is ``torch.nn.Linear`` (weight (q, p), bias (q,)),
`LayerNorm` has a weight and a bias, `Embedding` a weight (codes, dim). Layers that PyTorch lacks
keep their own names. State stands among PyTorch's buffers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import InputError
from ..network import Network
from ..parameters import walk
from ..validate import instance

__all__ = ["from_state_dict", "to_state_dict"]


def to_state_dict(network: Network) -> dict[str, Array]:
    """Return copies of the parameters and of the state under PyTorch's names.

    ``torch.nn.Sequential(…).load_state_dict({k: torch.from_numpy(v) for k, v in found.items()})``
    puts them into a module of the same layers.

    Parameters
    ----------
    network : Network
        Must be built: trained, or made with ``inputs``.

    Returns
    -------
    dict of str to ndarray
        C-contiguous, of the network's dtype.

    Raises
    ------
    InputError
        If the network is not built.
    """
    return {theirs: np.array(view, order="C") for theirs, view in _pairs(network)}


def from_state_dict(network: Network, state: Mapping[str, Any]) -> None:
    """Write parameters and state under PyTorch's names into a network of the same layers.

    Parameters
    ----------
    network : Network
        Must be built. Its `Dropout` and activations have no parameters, but count as layers.
    state : mapping of str to array-like
        As ``module.state_dict()`` returns it.

    Raises
    ------
    InputError
        If a name lacks or is not known, or an array is of another shape or not of finite numbers;
        the network is then as it was.
    """
    views = dict(_pairs(network))
    if not isinstance(state, Mapping):
        raise InputError(
            f"state_dict: state must be a mapping, as module.state_dict() returns it, got {state!r}"
        )
    odd = sorted(map(str, set(views) ^ set(state)))
    if odd:
        shown = ", ".join(odd[:5]) + ", …" * (len(odd) > 5)
        raise InputError(
            f"state_dict: the network has {', '.join(views) or 'no parameters'}; the names differ "
            f"in {shown}"
        )
    arrays = {}
    for name, view in views.items():
        try:
            array = np.asarray(state[name], network.dtype)
        except (TypeError, ValueError) as error:
            raise InputError(f"state_dict: {name} is no array of numbers: {error}") from error
        if array.shape != view.shape:
            raise InputError(f"state_dict: {name} is {array.shape}, expected {view.shape}")
        if not np.isfinite(array).all():
            raise InputError(f"state_dict: {name} holds a number that is not finite")
        arrays[name] = array
    for name, view in views.items():
        view[...] = arrays[name]


def _pairs(network: Network) -> Iterator[tuple[str, Array]]:
    """Yield PyTorch's name and the view of each parameter and of the state, layer by layer."""
    instance("state_dict", "network", network, Network, "Network(Dense(8), ReLU(), Dense(1))")
    if network.input_shape is None:
        raise InputError("state_dict: the network is not built; give Network(…, inputs=…)")
    named = network.built.named
    for path, layer, shape in walk(network.layer, network.input_shape):
        for own in (*layer.parameters_at(shape), *layer.state_at(shape)):
            yield f"{path}.{layer.torch_names.get(own, own)}", named[f"{path}.{own}"]
