"""Gradients as arrays: of the average loss, of every single example, and what they are like.

`Gradients` keeps its programs from call to call; the functions beside it are for one call.
ℓ_i stands for the weighted loss w_i ℓ(f(x_i; θ), y_i) of an example, with weights of mean 1, so
that the gradient is the mean of the gradients of examples. Dropout leaves nothing out here: the
network is the one that predicts.

Source of the moments and norms: Dangel, Kunstner & Hennig, "BackPACK: packing more into backprop",
ICLR 2020, arXiv:1912.10985, section 2; that of each layer's own way is in the file of the layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, is_sparse, within_memory
from ..engine.program import Program
from ..errors import InputError
from ..loss import Loss
from ..lowering.batches import form_of
from ..lowering.observer import Observer
from ..network import Network, prepare
from ..printing import Cells, Printed, counted
from ..validate import instance, one_of, positive_count
from .gradient_pass import GradientPass
from .observers import EachExample, Flow, Norms, Squares, arrays_for

__all__ = [
    "ExampleNorms",
    "Gradient",
    "Gradients",
    "Moments",
    "example_norms",
    "gradient",
    "gradient_moments",
    "per_example_gradients",
]


@dataclass(frozen=True, repr=False)
class Gradient(Printed):
    """The gradient of ℓ = (1/n) Σ_i ℓ_i, and how it came about; printed, a table of norms.

    Attributes
    ----------
    loss : float
        ℓ.
    losses : ndarray, (n,)
        ℓ_i.
    vector : ndarray
        ∇_θ ℓ as one vector, laid out as `Network.theta`.
    theta : dict of str to ndarray
        ∇_θ ℓ by the name of the parameter, of its shape: views into ``vector``.
    y : dict of str to ndarray, (n, …, q)
        The output y of every layer by its path, like ``"0"``, or ``"1.0"`` inside a combinator.
    dy : dict of str to ndarray, (n, …, q)
        ∇_y ℓ in the same way, in the order in which backpropagation computed it.
    dx : ndarray, (n, …, p), or None
        ∇_x ℓ of the input; None for CSR input.
    """

    loss: float
    losses: Array
    vector: Array
    theta: dict[str, Array]
    y: dict[str, Array]
    dy: dict[str, Array]
    dx: Array | None

    def _printed(self) -> list[str | Cells]:
        rows = [("layer", "parameter", "shape", "‖∇θ ℓ‖", "‖∇y ℓ‖")]
        for path in self.y:
            sent = f"{_norm(self.dy[path]):.4g}" if path in self.dy else ""
            own = [
                (name, _shape(array), f"{_norm(array):.4g}")
                for name, array in _of_layer(self.theta, path).items()
            ]
            for cells in own or [("", "", "")]:
                rows.append((path, *cells, sent))
                path = sent = ""
        rows.append(("", "", "", f"{_norm(self.vector):.4g}", ""))
        n = len(self.losses)
        title = f"loss {self.loss:.6g}, the average of {counted(n, 'example')}; its gradient:"
        return [title, Cells(rows, left=3)]

    __repr__ = Printed.__str__


@dataclass(frozen=True, repr=False)
class ExampleNorms(Printed):
    """How long the gradient of every example is; printed, a table of its range by layer.

    Attributes
    ----------
    losses : ndarray, (n,)
        ℓ_i.
    layers : dict of str to ndarray, (n,)
        ‖∇_θ ℓ_i‖ over the parameters of one layer, by the path of the layer.
    total : ndarray, (n,)
        ‖∇_θ ℓ_i‖ over all parameters.
    """

    losses: Array
    layers: dict[str, Array]
    total: Array

    def _printed(self) -> list[str | Cells]:
        rows = [("layer", "least", "median", "largest")]
        for path, norms in {**self.layers, "all": self.total}.items():
            least, median, most = norms.min(), np.median(norms), norms.max()
            rows.append((path, f"{least:.4g}", f"{median:.4g}", f"{most:.4g}"))
        n = len(self.total)
        title = f"‖∇θ ℓ‖ of {counted(n, 'example')}:"
        return [title, Cells(rows, left=1)]

    __repr__ = Printed.__str__


@dataclass(frozen=True, repr=False)
class Moments(Printed):
    """Mean and variance of every parameter's gradient over the examples; printed, a table.

    Attributes
    ----------
    loss : float
    mean, variance : dict of str to ndarray
        By the name of the parameter, of its shape. The variance is (1/n) Σ_i (∇ℓ_i − ∇ℓ)².
    """

    loss: float
    mean: dict[str, Array]
    variance: dict[str, Array]

    def _printed(self) -> list[str | Cells]:
        rows = [("layer", "parameter", "shape", "‖mean‖", "average variance")]
        for name, mean in self.mean.items():
            path, _, own = name.rpartition(".")
            variance = self.variance[name].mean(dtype=np.float64)
            rows.append((path, own, _shape(mean), f"{_norm(mean):.4g}", f"{variance:.4g}"))
        return [f"loss {self.loss:.6g}; its gradient by example:", Cells(rows, left=3)]

    __repr__ = Printed.__str__


class Gradients:
    """Gradients of one network and loss, at the θ of the moment of each call.

    Parameters
    ----------
    network : Network
    loss : Loss
    batch : int
        Rows at once. It changes nothing but the time, and the rounding.
    threads : int, optional
        By default one, or more where the work is large enough to share.

    Examples
    --------
    >>> import numpy as np
    >>> from steepest import Dense, Gradients, Network, Squared
    >>> X, y = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0], [0.0]])
    >>> network = Network(Dense(1), inputs=2, dtype="float64")
    >>> network.theta[:] = 0
    >>> gradients = Gradients(network, Squared())
    >>> gradients.mean(X, y).theta["0.A"]
    array([[-0.5, -1. ]])
    >>> gradients.norms(X, y).total  # √(1² + 2² + 1²), for the second row all is well
    array([2.44948974, 0.        ])
    """

    def __init__(
        self, network: Network, loss: Loss, *, batch: int = 256, threads: int | None = None
    ) -> None:
        instance("Gradients", "network", network, Network, "Network(Dense(8), ReLU(), Dense(1))")
        instance("Gradients", "loss", loss, Loss, "Squared()")
        positive_count("Gradients", "batch", batch)
        if threads is not None:
            positive_count("Gradients", "threads", threads)
        self.network, self.loss = network, loss
        self._batch, self._threads = batch, threads
        self._sweeps: dict[Any, tuple[GradientPass, Any]] = {}

    @within_memory("Gradients.mean")
    def mean(self, X: Any, y: Any, weights: Any = None) -> Gradient:
        """Return the gradient of the average loss, and ∇_y ℓ of every layer.

        Parameters
        ----------
        X : array-like or CSR matrix, (n, p); or (n, …)
        y : array-like, (n,) or (n, k)
            Where an example has several rows of outputs, (n, …) or (n, …, k); its ℓ_i is their
            average.
        weights : array-like, (n,), optional
            Of the examples; scaled to a mean of 1.

        Returns
        -------
        Gradient
            By parameter, by layer and by example.

        Raises
        ------
        InputError
            If the data don't fit the network, the loss or one another.
        """
        X, y, w = self._data(X, y, weights, "gradient")
        sweep, flow = self._sweep(X, y, "mean")
        n, dtype = X.shape[0], self.network.dtype
        shapes = {path: (n, *shape) for path, shape in flow.shapes.items()}
        ys, dys = arrays_for(flow.y, shapes, dtype), arrays_for(flow.dy, shapes, dtype)
        dx = None if is_sparse(X) else np.empty(X.shape, dtype)
        if dx is not None:
            flow.dx.set(dx.reshape(n, -1))
        losses = sweep.run(X, y, w)
        for array in (*dys.values(), *([] if dx is None else [dx])):
            array /= n
        vector = sweep.gradient.copy()
        by_name = self.network.built.views(vector)
        return Gradient(_average(losses), losses, vector, by_name, ys, dys, dx)

    @within_memory("Gradients.norms")
    def norms(self, X: Any, y: Any, weights: Any = None) -> ExampleNorms:
        """Return ‖∇_θ ℓ_i‖ of every example, by layer and in all, without storing a gradient.

        Parameters and errors are those of `mean`.
        """
        X, y, w = self._data(X, y, weights, "example_norms")
        sweep, observer = self._sweep(X, y, "norms")
        n, dtype = X.shape[0], self.network.dtype
        squares = arrays_for(observer.handles, dict.fromkeys(observer.handles, (n,)), dtype)
        losses = sweep.run(X, y, w)
        total = np.sqrt(sum(squares.values(), np.zeros(n, dtype)))
        return ExampleNorms(losses, {path: np.sqrt(s) for path, s in squares.items()}, total)

    @within_memory("Gradients.moments")
    def moments(self, X: Any, y: Any, weights: Any = None) -> Moments:
        """Return mean and variance of the gradient over the examples, storing none of them.

        The variance is the mean square less the square of the mean: in float32 it is good to
        about 1e-6 of the mean square. Parameters and errors are those of `mean`.
        """
        X, y, w = self._data(X, y, weights, "gradient_moments")
        sweep, observer = self._sweep(X, y, "moments")
        observer.vector[:] = 0
        losses = sweep.run(X, y, w)
        mean = sweep.gradient.copy()
        variance = np.maximum(observer.vector - mean * mean, 0)
        views = self.network.built.views
        return Moments(_average(losses), views(mean), views(variance))

    @within_memory("Gradients.each")
    def each(
        self, X: Any, y: Any, weights: Any = None, out: Mapping[str, Array] | None = None
    ) -> dict[str, Array]:
        """Return ∇_θ ℓ_i of every example.

        Parameters
        ----------
        X, y, weights : array-like
            As of `mean`.
        out : mapping, optional
            What an earlier call for as many rows returned, to be written over: memory that has
            been used before is faster to write to.

        Returns
        -------
        dict of str to ndarray
            (n, …) by the name of the parameter, the rest of the shape as the parameter's own.
        """
        if out is not None:
            instance("per_example_gradients", "out", out, Mapping, "what it returned before")
        X, y, w = self._data(X, y, weights, "per_example_gradients")
        sweep, observer = self._sweep(X, y, "each")
        found: dict[str, Array] = {}
        for name, view in self.network.parameters.items():
            turned = self.network.built.declared[name].by_columns  # then memory holds the transpose
            shape = (X.shape[0], *view.shape)
            if out is None:
                stored = (shape[0], *view.shape[::-1]) if turned else shape
                memory = np.empty(stored, self.network.dtype)
                found[name] = memory.swapaxes(1, 2) if turned else memory
            else:
                found[name] = _fitting(out, name, shape, self.network.dtype)
                memory = found[name].swapaxes(1, 2) if turned else found[name]
            if not memory.flags.c_contiguous:
                raise InputError(f"per_example_gradients: out[{name!r}] was not returned by it")
            observer.handles[name].set(memory)
            observer.flat[name].set(memory.reshape(shape[0], -1))
        sweep.run(X, y, w)
        for handle in (*observer.handles.values(), *observer.flat.values()):
            handle.release()  # the arrays are large, and the caller's
        return found

    def program(self, what: str, X: Any, y: Any) -> Program:
        """Return the program of one block of rows like these; print it to read it.

        Parameters
        ----------
        what : {"mean", "norms", "moments", "each"}
            The method whose program is wanted.
        X, y : array-like
            As of `mean`.

        Returns
        -------
        Program
            For as many rows as X has.
        """
        one_of("Gradients.program", "what", what, tuple(_KINDS))
        X, y, _ = self._data(X, y, None, "Gradients.program")
        return self._sweep(X, y, what)[0].program(X.shape[0])

    def __repr__(self) -> str:
        return f"Gradients({self.network!r}, {self.loss!r}, batch={self._batch})"

    def _data(self, X: Any, y: Any, weights: Any, where: str) -> tuple[Any, Array, Array]:
        X, y, w = prepare(self.network, self.loss, X, y, weights, where)
        return X, y, np.ones(X.shape[0], self.network.dtype) if w is None else w

    def _sweep(self, X: Any, y: Array, what: str) -> tuple[GradientPass, Any]:
        """Return the sweep for data of this kind, lowered, and its observer."""
        key = what, form_of(X), y.dtype, y.shape[1:]
        if key not in self._sweeps:
            make, adds_up = _KINDS[what]
            observer = make(self.network)
            made = GradientPass(
                self.network,
                self.loss,
                (X, y),
                (observer,),
                gradient=adds_up,
                wants_dx=what == "mean",
                batch=self._batch,
                threads=self._threads,
            )
            self._sweeps[key] = made, observer
        self._sweeps[key][0].program(X.shape[0])
        return self._sweeps[key]


_KINDS: dict[str, tuple[Callable[[Network], Observer], bool]] = {
    "mean": (lambda _: Flow(), True),
    "norms": (lambda _: Norms(), False),
    "moments": (Squares, True),
    "each": (lambda _: EachExample(), False),
}
"""What observes each kind of sweep, and whether the gradient is added up in it."""


def _fitting(out: Mapping[str, Array], name: str, shape: tuple[int, ...], dtype: str) -> Array:
    array = out.get(name)
    if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != np.dtype(dtype):
        kind, found = getattr(array, "dtype", type(array).__name__), getattr(array, "shape", ())
        raise InputError(
            f"per_example_gradients: out[{name!r}] must be {dtype} of shape {shape}, got {kind} of "
            f"shape {found}"
        )
    if not array.flags.writeable:
        raise InputError(f"per_example_gradients: out[{name!r}] can't be written to")
    return array


def _of_layer(arrays: Mapping[str, Array], path: str) -> dict[str, Array]:
    """Return the arrays of the parameters of one layer, by their names within it."""
    split = ((*name.rpartition("."), array) for name, array in arrays.items())
    return {name: array for own, _, name, array in split if own == path}


def _norm(array: Array) -> float:
    return float(np.sqrt(np.sum(array.astype(np.float64) ** 2)))


def _shape(array: Array) -> str:
    return "×".join(map(str, array.shape))


def _average(losses: Array) -> float:
    return float(losses.mean(dtype=np.float64))


def gradient(network: Network, loss: Loss, X: Any, y: Any, weights: Any = None) -> Gradient:
    """Return ∇ℓ of the average loss: by parameter, by layer, and of the input.

    The same as `Gradients.mean`, for one call.

    Examples
    --------
    >>> import numpy as np
    >>> from steepest import Dense, Network, Squared, Tanh, gradient
    >>> network = Network(Dense(3), Tanh(), Dense(1))
    >>> found = gradient(network, Squared(), np.eye(2), np.zeros(2))
    >>> {name: array.shape for name, array in found.theta.items()}
    {'0.A': (3, 2), '0.b': (3,), '2.A': (1, 3), '2.b': (1,)}
    >>> {path: array.shape for path, array in found.dy.items()}  # as backpropagation runs
    {'2': (2, 1), '1': (2, 3), '0': (2, 3)}
    """
    return Gradients(network, loss).mean(X, y, weights)


def per_example_gradients(
    network: Network, loss: Loss, X: Any, y: Any, weights: Any = None
) -> dict[str, Array]:
    """Return ∇_θ ℓ_i of every example, (n, …) by parameter: `Gradients.each`, for one call."""
    return Gradients(network, loss).each(X, y, weights)


def example_norms(
    network: Network, loss: Loss, X: Any, y: Any, weights: Any = None
) -> ExampleNorms:
    """Return ‖∇_θ ℓ_i‖ of every example, by layer and in all: `Gradients.norms`, for one call."""
    return Gradients(network, loss).norms(X, y, weights)


def gradient_moments(network: Network, loss: Loss, X: Any, y: Any, weights: Any = None) -> Moments:
    """Return mean and variance of ∇_θ ℓ_i over the examples: `Gradients.moments`, for one call."""
    return Gradients(network, loss).moments(X, y, weights)
