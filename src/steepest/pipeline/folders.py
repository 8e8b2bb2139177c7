"""Save a model or a network as a folder, and load either, without knowing which it is."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ..errors import InputError
from ..network import Network
from ..plugins import Plugin, use
from ..saved.folder import NETWORK_FORMAT, check_place, read_whole, replace
from ..saved.record import pack_network, read_format, unpack, unpack_network
from ..validate import folder as check_folder
from ..validate import iterated
from .model import Model

__all__ = ["load", "save"]


def save(thing: Network | Model, folder: str | os.PathLike[str]) -> None:
    """Write a network, or a model of a table, as a folder: JSON and safetensors, no pickle.

    The folder is written whole or not at all. A model or network that is there already is replaced,
    and nothing else ever is. Of a network the layers and θ are kept; the loss, the update rule and
    the history belong to its `Trainer`, and are not (`Checkpoint` keeps a training).

    Parameters
    ----------
    thing : Network or Model
    folder : str or path

    Raises
    ------
    ModelError
        If the network is not built, a layer can't be written, or the folder can't be.

    Examples
    --------
    >>> import tempfile
    >>> import steepest
    >>> from steepest import Dense, Network, ReLU
    >>> network = Network(Dense(8), ReLU(), Dense(1), inputs=3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     steepest.save(network, f"{folder}/network")
    ...     same = steepest.load(f"{folder}/network")
    >>> bool((same.theta == network.theta).all())
    True
    """
    check_folder("save", "folder", folder)
    if isinstance(thing, Model):
        thing.save(folder)
    elif isinstance(thing, Network):
        check_place(folder)
        replace(folder, pack_network(thing))
    else:
        raise InputError(
            f"save: expected a Network, like trainer.network, or a Model, like "
            f"estimator.model_, got {thing!r}"
        )


def load(folder: str | os.PathLike[str], *, plugins: Iterable[Plugin] = ()) -> Network | Model:
    """Return the network or the model of a folder, whichever `save` or the command line wrote.

    It runs no code of the folder. What that declares is checked before memory is taken for it.

    Parameters
    ----------
    folder : str or path
    plugins : iterable of str, path or module
        Files or modules of your own with layers or losses that it is made of. Nothing else is
        imported.

    Returns
    -------
    Network or Model
        As the folder says.

    Raises
    ------
    ModelError
        If the folder or a file of it lacks, is damaged, or is of a later version.
    PluginError
        If it needs a plugin that was not given, or one can't be imported.
    """
    check_folder("load", "folder", folder)
    named = iterated(plugins)
    if named is None or isinstance(plugins, str):
        raise InputError(f"load: plugins must be a list of files or modules, got {plugins!r}")
    use(*named)
    return read_whole(folder, _read)


def _read(place: Path) -> Network | Model:
    if read_format(place) == NETWORK_FORMAT:
        return unpack_network(place)
    return Model(*unpack(place))
