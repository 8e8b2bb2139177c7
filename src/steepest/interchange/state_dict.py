"""Parameters and state by the names and in the layout of PyTorch's ``state_dict``.

The layers of a `Network` are counted as those of ``torch.nn.Sequential`` are, and PyTorch stores
the same arrays under other names: `Dense` is ``torch.nn.Linear`` (weight (q, p), bias (q,)),
`LayerNorm` has a weight and a bias, `Embedding` a weight (codes, dim). Layers that PyTorch lacks
keep their own names. State stands among PyTorch's buffers. What wraps a module there puts a name
of its own in front of others (``module.`` of ``DataParallel``, ``_orig_mod.`` of
``torch.compile``); these are passed over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import InputError
from ..network import Network
from ..parameters import walk
from ..validate import instance

__all__ = ["from_state_dict", "to_state_dict"]

_WRAPPERS = ("module", "_orig_mod")
_SHOWN = 5  # names in an error


def to_state_dict(network: Network, like: Any = None) -> dict[str, Any]:
    """Return copies of the parameters and of the state under PyTorch's names.

    ``module.load_state_dict(to_state_dict(network, module))`` puts them into a module of the same
    layers, whatever wraps it and whatever its dtype is.

    Parameters
    ----------
    network : Network
        Must be built: trained, or made with ``inputs``.
    like : torch.nn.Module or mapping of str to tensor, optional
        A module of the same layers, or its ``state_dict()``: the names, dtypes and devices are to
        be those that it has. By default names have nothing in front, and values are arrays.

    Returns
    -------
    dict of str to ndarray
        C-contiguous, of the network's dtype; with ``like`` of tensors, if it has tensors.

    Raises
    ------
    InputError
        If the network is not built, or ``like`` is not of the same layers.
    """
    views = dict(_pairs(network))
    if like is None:
        return {theirs: np.array(view, order="C") for theirs, view in views.items()}
    found = {}
    for name, (given, value) in _matched(views, like).items():
        _as_floats(name, value, views[name])  # it must be one that could be read
        array = np.array(views[name], order="C")
        tensor = getattr(value, "new_tensor", None)
        found[given] = array.astype(np.asarray(value).dtype) if tensor is None else tensor(array)
    return found


def from_state_dict(network: Network, state: Any) -> None:
    """Write parameters and state under PyTorch's names into a network of the same layers.

    Parameters
    ----------
    network : Network
        Must be built. Its `Dropout` and activations have no parameters, but count as layers.
    state : torch.nn.Module or mapping of str to array-like
        A module, or what its ``state_dict()`` returns: tensors or arrays of floats, of half
        precision too.

    Raises
    ------
    InputError
        If a name lacks or is not known, or an array is of another shape, not of floats, or not of
        finite numbers; the network is then as it was.
    """
    views = dict(_pairs(network))
    matched = _matched(views, state)
    arrays = {name: _as_floats(name, value, views[name]) for name, (_, value) in matched.items()}
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise InputError(
                f"state_dict: {name} holds a number that is not finite, or none of {array.dtype}"
            )
    for name, view in views.items():
        view[...] = arrays[name]


def _matched(views: Mapping[str, Array], state: Any) -> dict[str, tuple[str, Any]]:
    """Return for each parameter the name that ``state`` has for it, and the value."""
    of_module = getattr(state, "state_dict", None)
    if callable(of_module) and not isinstance(state, type):
        state = of_module()
    if not isinstance(state, Mapping):
        raise InputError(
            "state_dict: expected a module, or a mapping as module.state_dict() returns it, "
            f"got {state!r}"
        )
    found: dict[str, tuple[str, Any]] = {}
    for given, value in state.items():
        name = ".".join(part for part in str(given).split(".") if part not in _WRAPPERS)
        if name in found:
            raise InputError(f"state_dict: {found[name][0]} and {given} are both {name}")
        found[name] = str(given), value
    lacking = [name for name in views if name not in found]
    strange = [given for name, (given, _) in found.items() if name not in views]
    if lacking or strange:
        odd = f"it lacks {_some(lacking)}" if lacking else ""
        odd += "; " if lacking and strange else ""
        odd += f"the network knows no {_some(strange)}" if strange else ""
        raise InputError(f"state_dict: {odd}; parameters of the network are {_some(views)}")
    return found


def _some(names: Collection[str]) -> str:
    shown, more = list(names)[:_SHOWN], len(names) - _SHOWN
    return (", ".join(shown) or "none") + (f" and {more} more" if more > 0 else "")


def _as_floats(name: str, value: Any, view: Array) -> Array:
    """Return a tensor or an array as one of the dtype and shape of ``view``."""
    kind = str(getattr(value, "dtype", ""))
    try:
        if hasattr(value, "detach"):
            value = value.detach().cpu()
            value = value.float() if "bfloat16" in kind else value  # which NumPy lacks
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError, NotImplementedError) as error:
        raise InputError(f"state_dict: {name} is no array of numbers: {error}") from error
    kind = kind or str(array.dtype)
    if "float" not in kind:
        raise InputError(f"state_dict: {name} is of {kind}, expected floats")
    if array.shape != view.shape:
        raise InputError(f"state_dict: {name} is {array.shape}, expected {view.shape}")
    with np.errstate(over="ignore"):  # what overflows is not finite
        return array.astype(view.dtype)


def _pairs(network: Network) -> Iterator[tuple[str, Array]]:
    """Yield PyTorch's name and the view of each parameter and of the state, layer by layer."""
    instance("state_dict", "network", network, Network, "Network(Dense(8), ReLU(), Dense(1))")
    if network.input_shape is None:
        raise InputError("state_dict: the network is not built; give Network(…, inputs=…)")
    named = network.built.named
    for path, layer, shape in walk(network.layer, network.input_shape):
        for own in (*layer.parameters_at(shape), *layer.state_at(shape)):
            yield f"{path}.{layer.torch_names.get(own, own)}", named[f"{path}.{own}"]
