"""A network that a page hands back, as a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...arrays import Array
from ...errors import InputError
from ...layers import Standardise
from ...network import Network
from ...saved.config import from_config
from ..folders import save
from ..model import Model
from .cut import Cut, restored
from .play import Play, check_loss
from .remote import asked_network, local, states

__all__ = ["keep"]


def keep(play: Play, record: Any, folder: Path) -> str:
    """Write the network of a page as a model folder; without an encoder, as a network alone.

    Parameters
    ----------
    play : Play
        That the page was made of.
    record : mapping
        ``set``, its number; ``layers`` and ``loss`` as `steepest.saved.config` writes them; and
        ``theta``, the numbers of each parameter, in rows, by its name.
    folder : Path
        A model that is there is replaced.

    Returns
    -------
    str
        What was written, in words.

    Raises
    ------
    InputError, ModelError
        If the record is not of this kind, or the folder can't be written.
    """
    if not isinstance(record, Mapping) or not {"set", "layers", "loss", "theta"} <= set(record):
        raise InputError("the page sent no network")
    number, layers, theta = record["set"], record["layers"], record["theta"]
    if type(number) is not int or not 0 <= number < len(play.sets):
        raise InputError("the page sent a network for rows that are not there")
    if not isinstance(layers, list) or not layers or not isinstance(theta, Mapping):
        raise InputError("the page sent a network without layers or parameters")
    chosen = play.sets[number]
    cuts: dict[str, Cut] = {}
    whole = [restored(one, chosen.cuts, f"{k}", cuts) for k, one in enumerate(layers)]
    made = tuple(from_config(local(layer), "layer") for layer in whole)
    loss = from_config(record["loss"], "loss")
    check_loss(loss)
    network = asked_network(made, tuple(chosen.record["shape"]))
    for name, value in states(layers).items():
        network.state[name][...] = value.reshape(network.state[name].shape)
    for name, view in network.parameters.items():
        values = np.asarray(theta.get(name, ()), np.float64)
        cut = cuts.get(name.removesuffix(".E"))
        size = view.size if cut is None else len(cut.codes) * cut.layer.dim
        if values.shape != (size,) or not np.isfinite(values).all():
            raise InputError(f"the page sent no {size:,} finite numbers for {name}")
        view[...] = values.reshape(view.shape) if cut is None else cut.whole(values)
    if chosen.front is not None:
        network = _standardised(network, *chosen.front)
    if chosen.encoder is None or chosen.task is None:
        save(network, folder)
        return "network"
    save(Model(network, loss, chosen.encoder, chosen.task, {"origin": "playground"}), folder)
    return "model"


def _standardised(network: Network, mean: Array, scale: Array) -> Network:
    """Return a network that takes pictures as they are, and standardises them first."""
    shape = network.input_shape
    found = Network(Standardise(), *network.layers, inputs=shape)
    found.state["0.mean"][...], found.state["0.scale"][...] = mean, scale
    found.theta[...] = network.theta
    for name, value in network.state.items():
        at, _, own = name.partition(".")
        found.state[f"{int(at) + 1}.{own}"][...] = value
    return found
