"""The objective, lowered: fetch rows, forward, ℓ and ∇ℓ, backward. Every backward pass is this."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ..engine.operands import Buffer
from ..loss import Loss
from .batches import InputRows, TargetRows
from .lowering import Lowering

if TYPE_CHECKING:
    from ..network import Network

__all__ = ["Objective"]

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
        self._source, self._targets = InputRows(sparse), TargetRows(y, weighted)

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


def share_out(w, total):  # type: ignore[no-untyped-def]
    """total ← Σ w; w ← w n / total"""
    n, found = w.shape[0], w.dtype.type(0)
    for i in range(n):
        found += w[i]
    total[0] = found
    scale = w.dtype.type(n) / found if found > 0 else found
    for i in range(n):
        w[i] *= scale
