"""Layers that a page has computed by Python, one call for each of their instructions.

The page holds θ and all numbers between layers. Such a layer is a record of type ``Remote`` there,
with all that the page has to know of it: how many numbers go in and come out, its parameters, and
the layer itself, which it sends back with every question. So nothing is kept here but programs.
"""

from __future__ import annotations

import base64
import inspect
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np

from ...arrays import Array
from ...errors import InputError
from ...inspection.gradients import Gradients
from ...layer import Layer
from ...layers import Sequential
from ...layers._combinator import Combinator
from ...loss import Loss
from ...losses import Squared
from ...network import Network
from ...parameters import walk
from ...saved.config import from_config, to_config
from ...shape import Shape
from .cut import CUT
from .play import LAYERS, REMOTE, packed

__all__ = ["Remote", "asked_network", "local", "opened_layers", "placed", "start_of", "states"]

_KEPT = 64  # networks, for as many layers
_MOST = 50_000_000
"""Numbers in a network, its parameters and all between its layers; and those in an answer."""
_ROWS = 256, 32  # that pages ask for at once: to measure, and for a step


def placed(
    layers: tuple[Layer, ...], shape: Shape, parts: Mapping[str, Array] | None = None
) -> list[dict[str, Any]]:
    """Return records of layers for a page; those that it does not compute are `REMOTE`.

    Parameters
    ----------
    layers : tuple of Layer
        One after the other.
    shape : tuple of int
        Of an example that goes into the first.
    parts : mapping of str to ndarray, optional
        State of the network by name, ``0.mean`` for example; by default as at the beginning.

    Raises
    ------
    InputError
        If a layer does not take what comes out of the one before.
    """
    return _placed(layers, shape, parts or {}, "")[0]


def _placed(
    layers: tuple[Layer, ...], shape: Shape, parts: Mapping[str, Array], path: str
) -> tuple[list[dict[str, Any]], Shape]:
    found = []
    for k, layer in enumerate(layers):
        record, shape = _one(layer, shape, parts, f"{path}{k}")
        found.append(record)
    return found, shape


def _one(
    layer: Layer, shape: Shape, parts: Mapping[str, Array], path: str
) -> tuple[dict[str, Any], Shape]:
    """Return the record of a layer, and the shape of what comes out."""
    network = Network(layer, inputs=shape)
    if type(layer).__name__ not in LAYERS:
        return _remote(layer, network, shape, _state(network, parts, path)), network.output_shape
    record = to_config(layer)
    if isinstance(layer, Combinator):
        record["layers"] = [
            _one(one, inside, parts, f"{path}.{name}")[0]
            for name, one, inside in layer.children_at(shape)
        ]
    elif network.state:
        record["state"] = _state(network, parts, path)
    return record, network.output_shape


def _state(network: Network, parts: Mapping[str, Array], path: str) -> dict[str, str]:
    """Return the state of the only layer of a network, packed, by name."""
    return {
        _own(name): _packed(parts.get(f"{path}.{_own(name)}", value))
        for name, value in network.state.items()
    }


def _remote(
    layer: Layer, network: Network, shape: Shape, state: Mapping[str, str]
) -> dict[str, Any]:
    says = inspect.getdoc(sys.modules[type(layer).__module__]) or ""
    return {
        "type": REMOTE,
        "layer": to_config(layer),
        "shape": list(shape),
        "inputs": math.prod(shape),
        "outputs": math.prod(network.output_shape),
        "output_shape": list(network.output_shape),
        "parameters": {_own(name): list(view.shape) for name, view in network.parameters.items()},
        "state": state,
        "spelled": repr(layer),
        "says": says.split("\n")[0].partition(": ")[2],
    }


def _own(name: str) -> str:
    """Return the name of an array within the only layer of a network."""
    return name.removeprefix("0.")


_BESIDE = "state", CUT, "spelled"
"""What records of layers have on a page beside their settings."""


def local(record: Any) -> Any:
    """Return a record as Python writes it, without what a page has to know beside that."""
    if not isinstance(record, Mapping):
        return record
    if record.get("type") == REMOTE:
        return record.get("layer")
    own = {name: value for name, value in record.items() if name not in _BESIDE}
    inner = own.get("layers")
    if not isinstance(inner, list):
        return own
    return {**own, "layers": [local(one) for one in inner]}


def states(records: Any, path: str = "") -> dict[str, Array]:
    """Return the state that records of layers hold, by its names in the network."""
    found = {}
    for k, record in enumerate(records):
        if "state" in record:
            for own, text in _field(record, "state", dict).items():
                found[f"{path}{k}.{own}"] = _numbers(text, (-1,))
        if isinstance(record.get("layers"), list):
            found |= states(record["layers"], f"{path}{k}.")
    return found


def opened_layers(network: Network) -> tuple[tuple[Layer, ...], str]:
    """Return the layers of a network, and what their paths begin with: see `start_of`."""
    layers, opened = network.layers, ""
    while len(layers) == 1 and isinstance(layers[0], Sequential):
        layers, opened = layers[0].layers, f"{opened}0."
    return layers, opened


def start_of(network: Network, loss: Loss) -> dict[str, Any]:
    """Return layers and a loss as the page takes them; a `Sequential` in front is opened."""
    layers, opened = opened_layers(network)
    state = {name.removeprefix(opened): value for name, value in network.state.items()}
    assert network.input_shape is not None
    return {
        "layers": placed(layers, network.input_shape, state),
        "loss": to_config(loss),
        "theta": {
            name.removeprefix(opened): packed(value) for name, value in network.parameters.items()
        },
        "batch": 32,
    }


def asked_network(layers: tuple[Layer, ...], shape: Shape, seed: int = 0) -> Network:
    """Return a network that a page asks for.

    Raises
    ------
    InputError
        If it is larger than a page has use for; nothing is allocated for it.
    """
    _check_size(layers, shape)
    return Network(*layers, inputs=shape, seed=seed)


def _check_size(layers: tuple[Layer, ...], shape: Shape) -> None:
    """Raise `InputError` for layers that are larger than a page has use for."""
    between, held = math.prod(shape), 0
    for _, layer, inside in walk(Sequential(*layers), shape):
        arrays = (*layer.parameters_at(inside).values(), *layer.state_at(inside).values())
        held += sum(math.prod(one.shape) for one in arrays)
        between += math.prod(layer.output_shape(inside))
    rows = max(_ROWS)
    _check_few(held + rows * between, f"numbers in parameters and, of {rows} rows, between layers")


def _check_few(count: int, what: str) -> None:
    if count > _MOST:
        raise InputError(
            f"the page asks for {count:,} {what}; the playground takes {_MOST:,} at most, so make "
            "the layers smaller"
        )


@dataclass
class Remote:
    """Answers the questions of a page."""

    _made: dict[str, tuple[Network, Gradients]] = field(default_factory=dict)
    _lock: Any = field(default_factory=Lock)

    def prepare(self, records: Sequence[Any], shape: Shape) -> None:
        """Compile what a page will ask for, so that it need not wait."""
        layer = {"type": "Sequential", "layers": [local(one) for one in records]}
        network, gradients = self._network({"layer": layer}, shape)
        for name, value in states(records).items():
            view = network.state[f"0.{name}"]
            view[...] = value.reshape(view.shape)
        for rows in _ROWS:
            x = np.zeros((rows, *shape), np.float32)
            gradients.mean(x, network.predict(x))

    def place(self, sent: Any) -> str:
        """Return records for the layers of a page.

        ``layers`` are records of the page, ``shape`` is that of an example.
        """
        layers, shape = _field(sent, "layers", list), _shape(sent)
        made = tuple(from_config(local(one), "layer") for one in layers)
        _check_size(made, shape)
        found = placed(made, shape, states(layers))
        _carry(layers, found)
        return json.dumps(found)

    def start(self, sent: Any) -> str:
        """Return θ of a layer, drawn from the number ``seed``."""
        layer = from_config(_field(sent, "layer", dict), "layer")
        network = asked_network((layer,), _shape(sent), _field(sent, "seed", int))
        found = {_own(name): _packed(view) for name, view in network.parameters.items()}
        return json.dumps(found)

    def compute(self, sent: Any) -> str:
        """Return y of a layer; or, where ``dy`` is sent, ∇x and ∇θ.

        ``x`` and ``dy`` are numbers, an example in a row; ``theta`` and ``state`` are numbers by
        name.
        """
        shape = _shape(sent)
        with self._lock:
            network, gradients = self._network(sent, shape)
            for views, name in ((network.parameters, "theta"), (network.state, "state")):
                values = _field(sent, name, dict)
                for full, view in views.items():
                    view[...] = _numbers(values.get(_own(full)), view.shape)
            x = _numbers(sent.get("x"), (-1, *shape))
            _check_few(len(x) * math.prod(network.output_shape), "numbers in an answer")
            y = network.predict(x)
            if sent.get("dy") is None:
                return json.dumps({"y": _packed(y)})
            dy = _numbers(sent["dy"], y.shape)
            # ∇ of ½ Σ (z − target)² is dy where the target is y − dy; it is averaged over rows.
            found = gradients.mean(x, y - dy)
            rows = math.prod(y.shape[:-1])
            theta = {_own(name): _packed(rows * part) for name, part in found.theta.items()}
            dx = found.dx if found.dx is None else _packed(rows * found.dx)
            return json.dumps({"dx": dx, "theta": theta})

    def _network(self, sent: Mapping[str, Any], shape: Shape) -> tuple[Network, Gradients]:
        record = _field(sent, "layer", dict)
        key = json.dumps([record, shape])
        if key not in self._made:
            if len(self._made) >= _KEPT:
                self._made.clear()
            network = asked_network((from_config(record, "layer"),), shape)
            self._made[key] = network, Gradients(network, Squared())
        return self._made[key]


def _carry(sent: Sequence[Any], found: list[Any]) -> None:
    """Have records say what those say that were sent in their places, of tables that are cut."""
    for one, other in zip(sent, found, strict=True):
        if CUT in one:
            other |= {name: one[name] for name in (CUT, "spelled") if name in one}
        if "layers" in other:
            _carry(one["layers"], other["layers"])


def _field(sent: Any, name: str, kind: type) -> Any:
    found = sent.get(name) if isinstance(sent, Mapping) else None
    if not isinstance(found, kind):
        raise InputError(f"the page sent no {name}")
    return found


def _shape(sent: Any) -> Shape:
    sides = _field(sent, "shape", list)
    if not sides or not all(type(side) is int and side > 0 for side in sides):
        raise InputError("the page sent no shape of an example")
    return tuple(sides)


def _packed(values: Array) -> str:
    """Return numbers as the page unpacks them: float32, little-endian, in base 64."""
    return base64.b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode()


def _numbers(text: Any, shape: tuple[int, ...]) -> Array:
    """Return what `_packed` packed."""
    if not isinstance(text, str):
        raise InputError("the page sent no numbers")
    try:
        return np.frombuffer(base64.b64decode(text), "<f4").reshape(shape)
    except ValueError:
        raise InputError(f"the page sent numbers that make no array of shape {shape}") from None
