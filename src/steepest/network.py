"""A network: layers, and the numbers they have learned."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any, ClassVar, Protocol

import numpy as np

from .arrays import Array, as_inputs, as_numbers, as_weights, no_memory
from .engine.program import Program
from .errors import InputError
from .layer import Layer
from .layers.sequential import Sequential
from .loss import Loss, prepared_targets
from .lowering.predict import Predictor
from .parameters import Parameters, as_shape, walk
from .printing import Cells, Printed, as_text, shortened_text
from .shape import Shape
from .validate import flag, floats, instance, positive_count
from .validate import seed as checked_seed

__all__ = ["Network", "prepare"]


class Folders(Protocol):
    """What writes networks as folders, and reads them."""

    def save(self, thing: Network, folder: str | os.PathLike[str], /) -> None:
        """Write a network."""

    def load_network(
        self,
        folder: str | os.PathLike[str],
        /,
        *,
        plugins: Iterable[str | os.PathLike[str] | ModuleType] = (),
    ) -> Network:
        """Read one."""


class Network(Printed):
    """f = f_h ∘ … ∘ f_1 with its parameters θ.

    Parameters
    ----------
    *layers : Layer
        f_1, …, f_h.
    inputs : int or tuple of int, optional
        Width of the input, or the shape of one example. If it is not given, the first data that
        the network meets tell.
    seed : int
        Of the initial parameters.
    dtype : {"float32", "float64"}

    Attributes
    ----------
    theta : ndarray
        All parameters in one aligned vector.
    parameters : mapping of str to ndarray
        The parameters by name, like ``"0.A"`` of shape (q, p): views into ``theta``, to be read
        and written.
    state : mapping of str to ndarray
        What layers keep beside their parameters, such as running statistics, by the same kind of
        names: views, to be read and written. Training writes it, predicting reads it.

    Examples
    --------
    >>> from steepest import Dense, Network, ReLU
    >>> network = Network(Dense(8), ReLU(), Dense(1), inputs=3)
    >>> {name: view.shape for name, view in network.parameters.items()}
    {'0.A': (8, 3), '0.b': (8,), '2.A': (1, 8), '2.b': (1,)}
    """

    folders: ClassVar[Callable[[], Folders]]
    """Finds what `save` and `load` need; ``steepest`` says what that is, since it lies above this
    file."""

    def __init__(
        self,
        *layers: Layer,
        inputs: int | Shape | None = None,
        seed: int = 0,
        dtype: str = "float32",
    ) -> None:
        self.layer = Sequential(*layers)
        self.seed, self.dtype = checked_seed("Network", seed), floats("Network", dtype)
        self._built: Parameters | None = None
        self._local = threading.local()
        if inputs is not None:
            self.build(inputs)

    def build(self, inputs: int | Shape) -> None:
        """Fix the shape of the input, and draw the initial parameters.

        Does nothing if it was done for this shape.

        Parameters
        ----------
        inputs : int or tuple of int
            The width of the input, or the shape of one example.

        Raises
        ------
        InputError
            If the network was built for another shape, or a layer can't take its input.
        """
        shape = as_shape("Network", inputs)
        if self.input_shape is not None:
            if shape != self.input_shape:
                raise InputError(_misfit(self.input_shape, shape))
            return
        try:
            built = Parameters(self.layer, shape, self.dtype)
            built.draw(self.seed)
        except MemoryError as error:
            raise InputError(
                f"Network: its parameters for {_told(shape)} inputs don't fit into memory"
            ) from error
        self._built = built

    def _build_for(self, X: Any) -> None:
        """Build the network for checked data (n, …), if it is not built for them already."""
        if self._built is None or X.shape[1:] != self._built.input_shape:
            self.build(X.shape[1:])

    @property
    def built(self) -> Parameters:
        """The parameters with their names, as programs see them.

        Raises
        ------
        InputError
            If the network is not built.
        """
        if self._built is None:
            raise InputError(
                "Network: not built yet, so it has no parameters: give the width of the input, "
                "Network(…, inputs=p), call build(p), or fit it"
            )
        return self._built

    @property
    def input_shape(self) -> Shape | None:
        """The shape of one example; None until it is known."""
        return None if self._built is None else self._built.input_shape

    @property
    def output_shape(self) -> Shape:
        """The shape of what comes out for one example."""
        return self.built.output_shape

    @property
    def inputs(self) -> Any:
        """The width of the input, an int; its shape if it has several axes; None until known."""
        return None if self._built is None else _told(self._built.input_shape)

    @property
    def outputs(self) -> Any:
        """The width of the output, an int; its shape if it has several axes."""
        return _told(self.built.output_shape)

    @property
    def theta(self) -> Array:
        """All parameters in one aligned vector, (m,); what is assigned is copied into it."""
        return self.built.theta

    @theta.setter
    def theta(self, values: Array) -> None:
        self.built.theta[...] = values

    @property
    def parameters(self) -> Mapping[str, Array]:
        """The parameters by name: views into ``theta``."""
        return self.built.arrays

    @property
    def state(self) -> Mapping[str, Array]:
        """What layers keep beside their parameters, by name: views into one vector."""
        return self.built.state_arrays

    def predict(self, X: Any, *, batch: int = 256, threads: int | None = None) -> Array:
        """Return f(x; θ) for every row of ``X``.

        Parameters
        ----------
        X : array-like or CSR matrix, (n, p)
            Or (n, …), examples of the shape that the network takes.
        batch : int
            Examples that go through the network at once.
        threads : int, optional
            By default one, or all cores where the work is large enough to share.

        Returns
        -------
        ndarray, (n, q) or (n, …, q)
            The outputs: logits where the loss works on logits (`steepest.loss.Loss.mean` turns
            them into probabilities).
        """
        try:
            data = as_inputs(X, self.dtype, "predict", keeps_bytes=True)
            self._build_for(data)
            self.layer.check_inputs(data)
            return self._predictor(batch, threads).outputs(data)
        except MemoryError as error:
            raise no_memory("Network.predict", error) from error

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the network as a folder: JSON and safetensors, no pickle.

        It is what `steepest.save` does: the folder is written whole or not at all, and a network or
        model that is there already is replaced. The layers, θ and the state are kept.

        Parameters
        ----------
        folder : str or path

        Raises
        ------
        ModelError
            If the network is not built, a layer can't be written, or the folder can't be.

        Examples
        --------
        >>> import tempfile
        >>> from steepest import Dense, Network, ReLU
        >>> network = Network(Dense(8), ReLU(), Dense(1), inputs=3)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     network.save(f"{folder}/network")
        ...     same = Network.load(f"{folder}/network")
        >>> bool((same.theta == network.theta).all())
        True
        """
        type(self).folders().save(self, folder)

    @classmethod
    def load(
        cls,
        folder: str | os.PathLike[str],
        *,
        plugins: Iterable[str | os.PathLike[str] | ModuleType] = (),
    ) -> Network:
        """Read a network that `save` wrote, or that of a model which ``steepest train`` wrote.

        It runs no code of the folder. What that declares is checked before memory is taken for it.

        Parameters
        ----------
        folder : str or path
        plugins : iterable of str, path or module
            Files or modules of your own with layers that it is made of. Nothing else is imported.

        Returns
        -------
        Network
            Built, with its parameters and its state.

        Raises
        ------
        ModelError
            If the folder or a file of it lacks, is damaged, or is of a later version.
        PluginError
            If it needs a plugin that was not given, or one can't be imported.
        """
        return cls.folders().load_network(folder, plugins=plugins)

    def _predictor(self, batch: int, threads: int | None) -> Predictor:
        # One a Python thread: several may predict with one network at once.
        cached: dict[Any, Predictor] = self._local.__dict__.setdefault("predictors", {})
        key = batch, threads
        try:
            return cached[key]
        except (KeyError, TypeError):  # a list, say, has no place in a dictionary
            return cached.setdefault(key, Predictor(self.built, batch, threads))

    def program(self, batch: int = 1) -> Program:
        """Return the program that predicts ``batch`` rows; print it to read it."""
        return Predictor(self.built, batch, 1).program(batch)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers f_1, …, f_h, as they were given."""
        return self.layer.layers

    def summary(self, *, nested: bool = True, width: int | None = None) -> str:
        """Return a table of the layers: their shapes, and how many parameters each has.

        It is what ``print(network)`` shows. A network that is not built has no shapes yet, and no
        parameters.

        Parameters
        ----------
        nested : bool
            Whether layers within layers have lines of their own. A layer without them counts with
            the parameters of all that are in it.
        width : int, optional
            The most characters of what a layer is called.

        Returns
        -------
        str
            A line for each layer, and the total.
        """
        return as_text(self._summary(nested, width))

    def _summary(self, nested: bool, width: int | None) -> list[str | Cells]:
        flag("Network.summary", "nested", nested)
        if width is not None:
            positive_count("Network.summary", "width", width)
        if self.input_shape is None:
            names = [("layer", ""), *((str(k), repr(f)) for k, f in enumerate(self.layers))]
            return [Cells(names, left=2), "not built: it has not met any data yet"]
        counts: dict[str, int] = {}
        for name, view in self.parameters.items():
            path = name.rpartition(".")[0]
            key = path if nested else path.partition(".")[0]
            counts[key] = counts.get(key, 0) + view.size
        rows = [("layer", "", "inputs", "outputs", "parameters")]
        for path, layer, shape in walk(self.layer, self.input_shape):
            if nested or "." not in path:
                text = shortened_text(repr(layer), width)
                sizes = _sizes(shape), _sizes(layer.output_shape(shape))
                rows.append((path, text, *sizes, f"{counts.get(path, 0):,}"))
        rows.append(("", "", "", "", f"{self.theta.size:,}"))
        return [Cells(rows, left=2)]

    def _printed(self) -> list[str | Cells]:
        return self._summary(nested=True, width=None)

    def __repr__(self) -> str:
        layers = ", ".join(map(repr, self.layer.layers))
        return f"Network({layers}, inputs={self.inputs}, dtype={self.dtype!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {
            "layer": self.layer,
            "seed": self.seed,
            "dtype": self.dtype,
            "inputs": self.inputs,
            **{name: np.array(v) for name, v in self._vectors().items()},
        }

    def _vectors(self) -> Mapping[str, Array]:
        return {} if self._built is None else self._built.vectors

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(  # type: ignore[misc]
            *state["layer"].layers, inputs=state["inputs"], seed=state["seed"], dtype=state["dtype"]
        )
        for name, vector in self._vectors().items():
            if name in state:
                vector[:] = state[name]


def prepare(
    network: Network, loss: Loss, X: Any, y: Any, weights: Any, where: str
) -> tuple[Any, Array, Array | None]:
    """Return data as instructions read them, and build the network for them.

    Parameters
    ----------
    X : array-like or CSR matrix, (n, p); or (n, …)
    y : array-like, (n,) or (n, k); (n, …) or (n, …, k) where an example has several rows of outputs
    weights : array-like, (n,), or None
    where : str
        What to begin an error with.

    Returns
    -------
    X, y, w
        Inputs (`steepest.arrays.as_inputs`), targets (`steepest.loss.prepared_targets`), and
        weights or None.

    Raises
    ------
    InputError
        If the data don't fit the network, the loss or one another. Nothing is changed then.
    """
    instance(where, "network", network, Network, "Network(Dense(8), ReLU(), Dense(1))")
    instance(where, "loss", loss, Loss, "Squared()")
    X = as_inputs(X, network.dtype, where, keeps_bytes=True)
    y, n = as_numbers(y, "y", where), X.shape[0]
    if n == 0:
        raise InputError(f"{where}: X has no rows")
    if y.ndim == 0 or len(y) != n:
        raise InputError(f"{where}: {n} rows of X, but y has shape {y.shape}")
    w = None if weights is None else as_weights(weights, n, network.dtype, where)
    network._build_for(X)
    network.layer.check_inputs(X)
    return X, prepared_targets(loss, y, network.output_shape, network.dtype), w


def _told(shape: Shape) -> int | Shape:
    """Return a shape as people give it: a width where there is one axis."""
    return shape[0] if len(shape) == 1 else shape


def _sizes(shape: Shape) -> str:
    return "×".join(map(str, shape))


def _misfit(built: Shape, shape: Shape) -> str:
    """Say that a network was built for inputs of another shape, and what to do."""
    if len(shape) == len(built) == 1:
        return (
            f"Network: built for {built[0]} inputs, got {shape[0]}; give it the columns it was "
            "trained on"
        )
    wanted = ", ".join(map(str, built))
    if len(built) > 1 and shape == (built[-1], *built[:-1]):
        hint = "np.moveaxis(X, 1, -1) has that shape, if the first axis holds the channels"
    elif math.prod(shape) == math.prod(built):
        hint = f"X.reshape(-1, {wanted}) has that shape"
        if len(built) == 1:
            hint += ", and so has the output of Flatten() at the beginning of another network"
    else:
        hint = f"give X of shape (n, {wanted})"
    return f"Network: built for examples of shape {built}, got {shape}; {hint}"
