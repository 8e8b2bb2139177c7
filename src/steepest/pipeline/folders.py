"""Save a model or a network as a folder, and load either, without knowing which it is."""

from __future__ import annotations

import os
from collections.abc import Iterable

from ..errors import InputError
from ..network import Network
from ..plugins import Plugin, use
from ..printing import shown
from ..saved.folder import check_place, read_whole, replace
from ..saved.record import Parts, pack, unpack
from ..validate import folder as check_folder
from ..validate import iterated
from .model import Model

__all__ = ["load", "load_network", "save"]


def save(thing: Network | Model, folder: str | os.PathLike[str]) -> None:
    """Write a network, or a model of a table, as a folder: JSON and safetensors, no pickle.

    The folder is written whole or not at all. A model or network that is there already is replaced,
    and nothing else ever is. Of a network the layers, θ and the state are kept; the loss, the
    update rule and the history belong to its `Trainer`: a `Checkpoint` keeps a training.

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
        replace(folder, pack(thing))
    else:
        raise InputError(
            f"save: expected a Network, like trainer.network, or a Model, like "
            f"estimator.model_, got {shown(thing)}"
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
    found = _read("load", folder, plugins)
    return Model(*found) if isinstance(found, Parts) else found


def load_network(folder: str | os.PathLike[str], *, plugins: Iterable[Plugin] = ()) -> Network:
    """Return the network of a folder, whether it holds one alone or the model of a table.

    A model's network takes what its encoder makes of a table, and returns what its loss turns into
    predictions; `load` returns all of it.

    Parameters
    ----------
    folder : str or path
    plugins : iterable of str, path or module
        As of `load`.

    Returns
    -------
    Network
        Built, with its parameters and its state.

    Raises
    ------
    ModelError, PluginError
        As from `load`.
    """
    found = _read("load_network", folder, plugins)
    return found.network if isinstance(found, Parts) else found


def _read(where: str, folder: str | os.PathLike[str], plugins: Iterable[Plugin]) -> Parts | Network:
    """Return what a folder holds, with the plugins that were named for it."""
    check_folder(where, "folder", folder)
    named = iterated(plugins)
    if named is None or isinstance(plugins, str):
        raise InputError(
            f"{where}: plugins must be a list of files or modules, got {shown(plugins)}"
        )
    use(*named)
    return read_whole(folder, unpack)
