"""The examples whose gradients are longest: where a network and its data disagree most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, as_inputs, rows_of, within_memory
from ..loss import by_rows
from ..printing import Cells, Printed
from ..validate import positive_count
from .gradients import Gradients

if TYPE_CHECKING:
    from ..loss import Loss
    from ..network import Network

__all__ = ["Ranking", "hardest_examples"]


@dataclass(frozen=True, repr=False)
class Ranking(Printed):
    """Examples from the longest gradient down; printed, a table.

    Attributes
    ----------
    rows : ndarray, (k,)
        Which rows of X they are.
    norms : ndarray, (k,)
        ‖∇_θ ℓ_i‖.
    losses : ndarray, (k,)
        ℓ_i.
    layers : list of str, (k,)
        The path of the layer with the longest part of the gradient.
    targets, predictions : ndarray, (k,) or (k, q); with more axes if an example has more outputs
        y as it was given, and what the network predicts: the class where y is classes.
    """

    rows: NDArray[np.int64]
    norms: Array
    losses: Array
    layers: list[str]
    targets: Array
    predictions: Array

    def __len__(self) -> int:
        return len(self.rows)

    def _printed(self) -> list[str | Cells]:
        lines = [("#", "row", "‖∇θ ℓ‖", "loss", "mostly in", "target", "prediction")]
        for k, row in enumerate(self.rows):
            norm, loss = f"{self.norms[k]:.4g}", f"{self.losses[k]:.4g}"
            shown = (_shown(self.targets[k]), _shown(self.predictions[k]))
            lines.append((str(k + 1), str(row), norm, loss, f"layer {self.layers[k]}", *shown))
        return [Cells(lines)]

    __repr__ = Printed.__str__


@within_memory("hardest_examples")
def hardest_examples(
    network: Network, loss: Loss, X: Any, y: Any, weights: Any = None, *, top: int = 20
) -> Ranking:
    """Rank the examples by the norm of their gradient.

    A wrong label, an outlier and a rare case all pull hard at the parameters. After a few epochs,
    before the network has learned them by heart, they are at the top of this list (Paul, Ganguli &
    Dziugaite, "Deep learning on a data diet", NeurIPS 2021, arXiv:2107.07075, for the norm as a
    score of examples, there early in training).

    Parameters
    ----------
    network : Network
    loss : Loss
    X : array-like or CSR matrix, (n, p); or (n, …)
    y : array-like, (n,) or (n, k); or (n, …)
    weights : array-like, (n,), optional
    top : int
        How many to return, at most n.

    Returns
    -------
    Ranking
        The examples, those of the longest gradients first.

    Raises
    ------
    InputError
        If the data don't fit the network, the loss or one another.

    Examples
    --------
    >>> import numpy as np
    >>> from steepest import Dense, Network, Squared, hardest_examples
    >>> network = Network(Dense(1), inputs=1)
    >>> network.theta[:] = 0
    >>> hardest_examples(network, Squared(), np.ones((3, 1)), np.array([0.0, 9.0, 1.0]), top=2).rows
    array([1, 2])
    """
    positive_count("hardest_examples", "top", top)
    gradients = Gradients(network, loss)
    X = as_inputs(X, network.dtype, "hardest_examples")
    found = gradients.norms(X, y, weights)
    rows = np.argsort(-found.total, kind="stable")[:top]
    paths = list(found.layers)
    parts = np.stack([found.layers[path][rows] for path in paths])
    targets = np.asarray(y)[rows]
    outputs = by_rows(loss.mean, network.predict(rows_of(X, rows)))
    classes = targets.ndim == outputs.ndim - 1 and outputs.shape[-1] > 1
    return Ranking(
        rows,
        found.total[rows],
        found.losses[rows],
        [paths[k] for k in parts.argmax(axis=0)],
        targets,
        outputs.argmax(axis=-1) if classes else outputs,
    )


def _shown(value: Any) -> str:
    return " ".join(f"{number:.4g}" for number in np.ravel(value))
