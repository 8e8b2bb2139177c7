"""What losses share whose outputs are logits of classes that exclude one another."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ..errors import InputError
from ..loss import Array, Loss, real_targets
from ..onnx_form import OnnxGraph

__all__ = ["OfLogits", "class_targets", "distributions"]

_FEW = 32  # classes up to which turning z pays


class OfLogits(Loss):
    """A loss of z (n, q) whose mean is softmax(z)."""

    link: ClassVar[str] = "softmax"

    def mean(self, z: Array) -> Array:
        """Return softmax(z), the probabilities of the classes."""
        # NumPy reduces short rows slowly: few classes lie class after class meanwhile.
        turned = z.T.copy() if z.shape[1] <= _FEW else z.T
        e = np.exp(turned - turned.max(axis=0))
        return np.ascontiguousarray((e / e.sum(axis=0)).T)

    def predict(self, z: Array) -> Array:
        """Return the most probable class of each row, (n,)."""
        return np.asarray(z.argmax(axis=1))

    def probabilities(self, z: Array) -> Array:
        """Return softmax(z), (n, classes)."""
        return self.mean(z)

    def onnx(self, g: OnnxGraph) -> str:
        return g.op("Softmax", g.x, axis=-1)


def distributions(loss: Loss, y: Array) -> Array:
    """Return ``y`` (n, q); raise `InputError` if a row is no distribution."""
    bad = (y < 0).any(axis=1) | (np.abs(y.sum(axis=1) - 1) > 1e-4)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InputError(
            f"{type(loss).__name__}: row {row} of the targets is not a distribution: its entries "
            f"must be at least 0 and add up to 1, got {y[row].tolist()}; classes are (n,)"
        )
    return y


def class_targets(loss: Loss, y: Array, q: int) -> Array:
    """Return classes (n,) as int64; raise `InputError` if one is not in 0, …, q − 1."""
    if y.dtype.kind in "iu" and y.ndim == 1 and y.size and y.min() >= 0 and y.max() < q:
        return np.array(y, np.int64)  # a copy: kernels trust that it stays as it was checked
    labels = real_targets(loss, y, "float64")[:, 0]
    bad = (labels < 0) | (labels >= q) | (labels != np.floor(labels))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InputError(
            f"{type(loss).__name__}: classes must be 0, …, {q - 1} for a network with {q} outputs; "
            f"row {row} has {labels[row]:g}"
        )
    return np.ascontiguousarray(labels, np.int64)
