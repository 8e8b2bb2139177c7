"""The objective, lowered: fetch rows, forward, ℓ and ∇ℓ, backward. Every backward pass is this."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .data import as_inputs, as_weights
from .errors import InputError
from .loss import Loss
from .lowering import Lowering, Source, Targets
from .program import Buffer

if TYPE_CHECKING:
    from .network import Network

__all__ = ["Objective", "prepare"]

Array = NDArray[Any]


class Objective:
    """A loss on data that can be exchanged for others of the same kind.

    Parameters
    ----------
    loss : Loss
    sparse : bool
        Whether X is in CSR form.
    y : ndarray
        Prepared targets of the kind that will come (`Loss.targets`).
    weighted : bool
        Whether examples have weights.
    """

    def __init__(self, loss: Loss, sparse: bool, y: Array, weighted: bool) -> None:
        self.loss, self._kernel = loss, loss.kernels(y)[1]
        self._source, self._targets = Source(sparse), Targets(y, weighted)

    def set(self, X: Any, y: Array, w: Array | None) -> None:
        """Put prepared data in."""
        self._source.set(X)
        self._targets.set(y, w)

    def lower(
        self, low: Lowering, network: Network, chosen: Buffer, *, scale: float,
        wants_dx: bool = False, weight: Buffer | None = None,
    ) -> Buffer:  # fmt: skip
        """Emit forward, ℓ and backward for the rows ``chosen``; return their losses.

        Parameters
        ----------
        scale : float
            The gradient is that of scale · Σ_i w_i ℓ_i.
        wants_dx : bool
            Whether to go back as far as the input, if it is dense.
        weight : Buffer, optional
            Receives Σ_i w_i; each w_i is then divided by their mean.
        """
        assert network.inputs is not None
        x = self._source.lower(low, network.inputs, chosen)
        names: dict[str, Any] = self._targets.lower(low, chosen)
        if weight is not None:
            low.emit(share_out, {"w": names["w"], "total": weight})
        for observer in low.observers:
            observer.begin(chosen)
        z, backward = network.layer.lower(low, x)
        losses, dz = low.arena.array("loss", low.n), low.arena.array("dz", *z.shape)
        names |= {"z": z, "loss": losses, "dz": dz, "scale": scale, **self.loss.settings()}
        low.emit(self._kernel, names, flops=4 * z.size)
        dx = backward(dz, wants_dx and not self._source.sparse)
        low.settle()
        for observer in low.observers:
            observer.end(low, dx)
        return losses


def prepare(
    network: Network, loss: Loss, X: Any, y: Any, weights: Any, where: str
) -> tuple[Any, Array, Array | None]:
    """Return data as instructions read them, and build the network for them.

    Parameters
    ----------
    X : array-like or CSR matrix, (n, p)
    y : array-like, (n,) or (n, k)
    weights : array-like, (n,), or None
    where : str
        What to begin an error with.

    Returns
    -------
    X, y, w
        Inputs (`steepest.data.as_inputs`), targets (`Loss.targets`), and weights or None.

    Raises
    ------
    InputError
        If the data don't fit the network, the loss or one another. Nothing is changed then.
    """
    X = as_inputs(X, network.dtype, where)
    y, n = np.asarray(y), X.shape[0]
    if n == 0:
        raise InputError(f"{where}: X has no rows")
    if y.ndim == 0 or len(y) != n:
        raise InputError(f"{where}: {n} rows of X, but y has shape {y.shape}")
    network.build(X.shape[1])
    network.layer.check_inputs(X)
    w = None if weights is None else as_weights(weights, n, network.dtype, where)
    return X, loss.targets(y, network.outputs, network.dtype), w


def share_out(w, total):  # type: ignore[no-untyped-def]
    """total ← Σ w; w ← w n / total"""
    n, found = w.shape[0], w.dtype.type(0)
    for i in range(n):
        found += w[i]
    total[0] = found
    scale = w.dtype.type(n) / found if found > 0 else found
    for i in range(n):
        w[i] *= scale
