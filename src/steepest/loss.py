"""The contract of a loss.

Training minimises (1/n) Σ w_i ℓ(z_i, y_i), where z_i = f(x_i; θ) is the output of the network, y_i
the target and w_i the weight of example i (all 1 unless given; weights are scaled to a mean of 1
over the training set). A loss owns ℓ, ∇_z ℓ, and what its targets look like. The output activation
is not part of it: where z is a logit, the loss works on the logit, and `Loss.mean` is the inverse
link that turns z into what z predicts.

Notation, the same in every file of `steepest.losses`:

============  =====================================================================
``z`` (n, q)  outputs of the network
``y``         targets, (n, k) real, or (n,) int64 where they are classes
``w`` (n,)    weights of the examples
``loss``      (n,) receives w_i ℓ(z_i, y_i)
``dz``        (n, q) receives scale · w_i ∇_z ℓ(z_i, y_i)
``scale``     1/n: the gradient is that of the batch's average
``rows``      this thread's share of range(n)
============  =====================================================================

Where an example has several rows of outputs, (n, T, q), its ℓ is their average. The kernels then
see a matrix of n·T rows, with the weight of the example at each.

A loss has two kernels, plain static functions that ask for these by name and for the loss's own
fields by theirs: ``value`` writes ``loss``, ``gradient`` writes both ``loss`` and ``dz``. An
example of weight 0 counts for nothing: its loss and its dz are 0 whatever z is
(`steepest.kernels.functions.times`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from .arrays import Array, as_numbers, too_large
from .contract import required
from .emitter import Emitter
from .errors import InputError
from .onnx_form import OnnxGraph
from .settings import Named

__all__ = ["Array", "Loss", "by_rows", "prepared_targets"]


class Loss(Named):
    """One loss. A subclass is a frozen dataclass whose fields are its settings."""

    tasks: ClassVar[tuple[str, ...]] = ("regression", "binary", "multiclass")
    """The kinds of tasks that it can be chosen for by name."""
    by_output: ClassVar[bool] = False
    """Whether ℓ is a sum over the columns of y, each of which has outputs of its own, in order."""
    link: ClassVar[str] = "identity"
    """What `mean` makes predictions of: "identity", "sigmoid" or "softmax". The mean of several
    networks' predictions is taken of that (`steepest.MemberMean`)."""
    value: ClassVar[Callable[..., None]] = required("writes the losses", "z, y, w, loss, rows")
    gradient: ClassVar[Callable[..., None]] = required(
        "writes dz and the losses", "z, y, w, loss, dz, scale, rows"
    )

    def targets(self, y: Array, q: int, dtype: str) -> Array:
        """Return targets as the kernels want them: C-contiguous, (n, k) of ``dtype``.

        Parameters
        ----------
        y : array
            As the user gave them, (n,) or (n, k).
        q : int
            The width of the network's output.
        dtype : {"float32", "float64"}
            That of the network.

        Returns
        -------
        ndarray
            (n, k) of ``dtype``, or classes (n,) of int64.

        Raises
        ------
        InputError
            If the targets don't fit the network or the loss.
        """
        y = real_targets(self, y, dtype)
        if y.shape[1] != q:
            raise InputError(
                f"{type(self).__name__}: targets of shape {y.shape} need a network with "
                f"{y.shape[1]} outputs; this one has {q}"
            )
        return y

    def lower(
        self, low: Emitter, names: Mapping[str, Any], y: Array, *, gradient: bool = False
    ) -> None:
        """List the calls of kernels that write ``loss``, and ``dz`` if ``gradient``, in ``low``.

        Parameters
        ----------
        low : Emitter
            Takes the calls.
        names : mapping of str to operand
            ``z``, ``y``, ``w`` and ``loss``; for the gradient also ``dz`` and ``scale``.
        y : array
            Prepared targets, or others of their number of axes.
        gradient : bool
            Whether ``dz`` is wanted.
        """
        value, slope = self.kernels(y)
        kernel, flops = (slope, 4) if gradient else (value, 1)
        low.emit(kernel, {**names, **self.settings()}, flops=flops * names["z"].size)

    def kernels(self, y: Array) -> tuple[Callable[..., None], Callable[..., None]]:
        """Return (``value``, ``gradient``) for prepared targets ``y``."""
        return type(self).value, type(self).gradient

    @property
    def positive(self) -> bool:
        """Whether outputs must be above 0: then a network ends in a layer like `Softplus`."""
        return False

    def outputs(self, y: Array) -> int:
        """Return the width of network that targets ``y``, as the user gave them, ask for."""
        return 1 if np.ndim(y) == 1 else int(np.shape(y)[1])

    def mean(self, z: Array) -> Array:
        """Return what outputs ``z`` predict, on the scale of the targets (the inverse link)."""
        return z

    def predict(self, z: Array) -> Array:
        """Return what outputs ``z`` predict as targets are given: numbers or classes.

        (n,) where the network has one output or the classes exclude one another, else (n, q).
        """
        mean = self.mean(z)
        return mean[:, 0] if mean.shape[1] == 1 else mean

    def probabilities(self, z: Array) -> Array:
        """Return the probabilities of the classes that outputs ``z`` stand for, (n, classes).

        Raises
        ------
        InputError
            If outputs for this loss say nothing of probabilities.
        """
        raise InputError(
            f"{type(self).__name__}: its outputs are no probabilities; those for Logistic and "
            "SoftmaxCrossEntropy are"
        )

    def onnx(self, g: OnnxGraph) -> str:
        """Add what `mean` makes of the outputs ``g.x`` to an ONNX graph; return its name."""
        return g.x


def prepared_targets(loss: Loss, y: Array, output_shape: tuple[int, ...], dtype: str) -> Array:
    """Return what `Loss.targets` does, for outputs (n, …, q) of any shape.

    Where an example has several rows of outputs, each has targets of its own: (n, …) or (n, …, k).
    """
    *several, q = output_shape
    if not several:
        return loss.targets(y, q, dtype)
    axes = 1 + len(several)
    if y.shape[1:axes] != tuple(several) or y.ndim > axes + 1:
        rows = ", ".join(map(str, several))
        raise InputError(
            f"{type(loss).__name__}: the outputs of an example are of shape {output_shape}, so "
            f"targets must be (n, {rows}) or (n, {rows}, k), got {y.shape}; for targets of the "
            "whole example, put Flatten() before the last layer"
        )
    rows_of_targets = loss.targets(y.reshape(-1, *y.shape[axes:]), q, dtype)
    return rows_of_targets.reshape(*y.shape[:axes], *rows_of_targets.shape[1:])


def by_rows(function: Callable[[Array], Array], z: Array) -> Array:
    """Return what a method of a loss, which takes (n, q), makes of outputs (n, …, q)."""
    if z.ndim == 2:
        return function(z)
    found = function(z.reshape(-1, z.shape[-1]))
    return found.reshape(*z.shape[:-1], *found.shape[1:])


def real_targets(loss: Loss, y: Array, dtype: str) -> Array:
    """Return ``y`` as (n, k) of ``dtype``; raise `InputError` if it is not of finite numbers."""
    y = as_numbers(y, "targets", type(loss).__name__)
    with np.errstate(over="ignore"):  # what overflows is named below
        real = np.ascontiguousarray(y, dtype=dtype)
    if real.ndim == 1:
        real = real[:, None]
    if real.ndim != 2:
        raise InputError(f"{type(loss).__name__}: targets must be (n,) or (n, k), got {real.shape}")
    if not np.isfinite(real).all():
        row, column = divmod(int(np.flatnonzero(~np.isfinite(real))[0]), real.shape[1])
        value = float(y.reshape(real.shape)[row, column])
        fault = too_large(value, dtype) if np.isfinite(value) else "not finite"
        raise InputError(f"{type(loss).__name__}: the target of row {row} is {fault}")
    return real
