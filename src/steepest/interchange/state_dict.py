"""Parameters and state by the names and in the layout of PyTorch's ``state_dict``.

The layers of a `Network` are counted as those of ``torch.nn.Sequential`` are, and PyTorch stores
the same arrays under other names: `Dense` is ``torch.nn.Linear`` (weight (q, p), bias (q,)),
`Attention` is ``torch.nn.MultiheadAttention`` (in_proj_weight, in_proj_bias, out_proj),
`LayerNorm` has a weight and a bias, `Embedding` a weight (codes, dim), `Conv2D` is
``torch.nn.Conv2d`` (weight (q, p/groups, kh, kw)). Layers that PyTorch lacks keep their own names.
PyTorch's images have their channels first: a `Dense` layer behind a `Flatten` of images has its
columns in another order there, and is brought into it. State stands among PyTorch's buffers. What
wraps a module there puts a name of its own in front of others (``module.`` of ``DataParallel``,
``_orig_mod.`` of ``torch.compile``); these are passed over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import InputError
from ..layer import Layer
from ..layers import Dense, Flatten, Permute, Reshape
from ..network import Network
from ..parameters import walk
from ..printing import shown
from ..shape import Shape
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
        return {theirs: view.copy() for theirs, view in views.items()}
    others, found = _others(network), {}
    for name, (given, value) in _matched(views, like, others).items():
        if name in others:
            found[given] = value
            continue
        _as_floats(name, value, views[name])  # it must be one that could be read
        array = views[name].copy()
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
    matched = _matched(views, state, _others(network))
    matched = {name: each for name, each in matched.items() if name in views}
    arrays = {name: _as_floats(name, value, views[name]) for name, (_, value) in matched.items()}
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise InputError(
                f"state_dict: {name} holds a number that is not finite, or none of {array.dtype}"
            )
    for name, theirs in views.items():
        theirs.view[...] = arrays[name].reshape(theirs.view.shape)


def _matched(
    views: Mapping[str, _Theirs], state: Any, others: Collection[str]
) -> dict[str, tuple[str, Any]]:
    """Return for each parameter the name that ``state`` has for it, and the value.

    The same of ``others``, if they are there.
    """
    of_module = getattr(state, "state_dict", None)
    if callable(of_module) and not isinstance(state, type):
        state = of_module()
    if not isinstance(state, Mapping):
        raise InputError(
            "state_dict: expected a module, or a mapping as module.state_dict() returns it, "
            f"got {shown(state)}"
        )
    found: dict[str, tuple[str, Any]] = {}
    for given, value in state.items():
        name = ".".join(part for part in str(given).split(".") if part not in _WRAPPERS)
        if name in found:
            raise InputError(f"state_dict: {found[name][0]} and {given} are both {name}")
        found[name] = str(given), value
    lacking = [name for name in views if name not in found]
    strange = [
        given for name, (given, _) in found.items() if name not in views and name not in others
    ]
    if lacking or strange:
        odd = f"it lacks {_some(lacking)}" if lacking else ""
        odd += "; " if lacking and strange else ""
        odd += f"the network knows no {_some(strange)}" if strange else ""
        raise InputError(f"state_dict: {odd}; parameters of the network are {_some(views)}")
    return found


def _some(names: Collection[str]) -> str:
    shown, more = list(names)[:_SHOWN], len(names) - _SHOWN
    return (", ".join(shown) or "none") + (f" and {more} more" if more > 0 else "")


def _as_floats(name: str, value: Any, theirs: _Theirs) -> Array:
    """Return a tensor or an array as one of the dtype and shape of ``theirs``."""
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
    if array.shape != theirs.shape:
        raise InputError(f"state_dict: {name} is {array.shape}, expected {theirs.shape}")
    with np.errstate(over="ignore"):  # what overflows is not finite
        return array.astype(theirs.view.dtype)


@dataclass(frozen=True)
class _Theirs:
    """An array in PyTorch's order: a view, and its shape there, which may have fewer axes."""

    view: Array
    shape: tuple[int, ...]

    def copy(self) -> Array:
        """Return a copy, C-contiguous."""
        found = np.empty(self.shape, self.view.dtype)
        found.reshape(self.view.shape)[...] = self.view
        return found


def _pairs(network: Network) -> Iterator[tuple[str, _Theirs]]:
    """Yield PyTorch's name and the array of each parameter and of the state, layer by layer."""
    instance("state_dict", "network", network, Network, "Network(Dense(8), ReLU(), Dense(1))")
    if network.input_shape is None:
        raise InputError("state_dict: the network is not built; give Network(…, inputs=…)")
    named, orders = network.built.named, _Orders()
    orders.follow(network.layer, network.input_shape, "", _Place())
    renamed: dict[str, str] = {}
    for path, layer, shape in walk(network.layer, network.input_shape):
        renamed |= {f"{path}.{a}": f"{path}.{b}" for a, b in layer.torch_paths.items()}
        for own in (*layer.parameters_at(shape), *layer.state_at(shape)):
            view, axes = named[f"{path}.{own}"], layer.torch_axes.get(own)
            view = view if axes is None else view.transpose(axes)
            shape_there = view.shape
            if path in orders.images and view.ndim == 2:
                view = view.reshape(len(view), *orders.images[path])  # (a view: it splits an axis)
                view = np.moveaxis(view, -1, 1)
            theirs = _Theirs(view, shape_there)
            name = f"{path}.{layer.torch_names.get(own, own)}"
            yield renamed.get(name, name), theirs


def _others(network: Network) -> set[str]:
    """Return the names of what PyTorch has beside the parameters and the state."""
    found = walk(network.layer, network.input_shape or ())
    return {f"{path}.{name}" for path, layer, _ in found for name in layer.torch_others}


@dataclass(frozen=True)
class _Place:
    """What stands before a layer: images, with channels first in PyTorch, or such made flat."""

    images: bool = False
    flat: Shape | None = None


class _Orders:
    """Finds the matrices whose columns are the pixels and channels of images.

    Attributes
    ----------
    images : dict of str to tuple of int
        By the path of a layer, the shape of the images that it reads flat.
    """

    def __init__(self) -> None:
        self.images: dict[str, Shape] = {}

    def follow(self, layer: Layer, shape: Shape, path: str, place: _Place) -> _Place:
        """Go through a layer; return what stands behind it."""
        children = layer.children_at(shape)
        if not children:
            return self._behind(layer, shape, path, place)
        end = place
        for name, child, inner in children:
            start = end if layer.in_a_row else place
            end = self.follow(child, inner, f"{path}.{name}" if path else name, start)
        return end

    def _behind(self, layer: Layer, shape: Shape, path: str, place: _Place) -> _Place:
        made = layer.output_shape(shape)
        if layer.torch_channels_first:
            return _Place(images=True)
        if isinstance(layer, Permute) or (len(made) == 1 != len(shape) and made == shape[-1:]):
            return _Place()
        if place.images and isinstance(layer, Flatten | Reshape) and made != shape:
            if len(made) > 1:
                raise InputError(
                    f"state_dict: layer {path}, {layer!r}, reads images, which have their channels "
                    "first in PyTorch: put Permute((3, 1, 2)) before it, so that it does the same"
                )
            return _Place(flat=shape)
        if place.flat and (layer.parameters_at(shape) or layer.state_at(shape)):
            if not isinstance(layer, Dense):
                raise InputError(
                    f"state_dict: layer {path}, {layer!r}, reads images made flat, whose channels "
                    "come first in PyTorch; only of a Dense layer the order is known: put "
                    "Permute((3, 1, 2)) before Flatten"
                )
            self.images[path] = place.flat
            return _Place()
        return place
