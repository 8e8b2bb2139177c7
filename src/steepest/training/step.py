"""One step of gradient descent, as a list of instructions; ℓ = (1/n) Σ_i w_i ℓ_i over its examples.

========  =======================================================================
tick      η ← η_t
sample    i ← the examples of this step: all, a few, or one
fetch     x, targets, w ← X[i], Y[i], W[i]
forward   y_k = f_k(y_{k−1}; θ_k), k = 1, …, h, from y_0 = x to z = y_h
loss      ℓ_i of each example, and dz, whose row i is ∂ℓ/∂z_i = (w_i/n) ∂ℓ_i/∂z_i
backward  k = h, …, 1: Φ_k turns ∂ℓ/∂y_k into ∂ℓ/∂θ_k and ∂ℓ/∂y_{k−1}
update    θ ← θ − η ∂ℓ/∂θ, or what another rule makes of the gradient
record    ℓ, with the penalties of the rule
========  =======================================================================

``backward_theta`` computes  target += alpha · ∂ℓ/∂θ. For plain SGD (``rule.fuses``) the target is
θ itself and alpha is −η, so the backward pass is the update. For any other rule the target is a
gradient, alpha is 1, and `steepest.training.update` follows: clip, penalise, the rule's kernel.

Here instructions are only listed, once; `steepest.training.run` runs them, step after step.
"""

from __future__ import annotations

from ..arrays import Array
from ..engine.operands import Buffer, Constant
from ..kernels.moves import advance
from ..kernels.prefetch import rows_ahead
from ..loss import Loss
from ..lowering.batches import Batch, Batches, targets_of_rows
from ..lowering.lowering import Accumulator, Lowering
from ..parameters import Parameters
from .board import Board, record, tick
from .descent import Descent
from .update import Update

__all__ = ["backpropagate", "lower_step", "target_of"]


def target_of(parameters: Parameters, gradient: Array | None, minus_eta: Buffer) -> Accumulator:
    """Return what ``backward_theta`` adds to, and its alpha."""
    if gradient is None:
        return Accumulator(parameters.buffers, minus_eta)  # θ ← θ − η ∂ℓ/∂θ
    return Accumulator(parameters.like(gradient), Constant(1.0))  # g ← g + ∂ℓ/∂θ


def lower_step(
    low: Lowering,
    descent: Descent,
    batches: Batches,
    board: Board,
    update: Update | None,
    size: tuple[int, int],
) -> None:
    """Emit one step on ``low.examples`` examples; ``size`` is (examples, steps) of an epoch.

    ``descent`` has the loss, the rule and the sampler, ``batches`` the data, ``board`` what Python
    and the steps tell one another, such as η_t and losses. ``update`` is None if the rule fuses.
    """
    array = low.arena.array
    # tick
    low.emit(tick, board.ticks, nbytes=0)
    # sample
    n = low.examples
    i = array("i", n + (rows_ahead(n) if descent.sampler.scattered else 0), kind="i")
    descent.sampler.lower(low, size[0], descent.batch, size[1], board.epoch, i)
    # fetch
    total = array("Σw", 1) if descent.per_weight else None
    batch = descent.changed(low, batches.fetch(low, i, total))
    # forward, loss, backward
    losses, _ = backpropagate(low, descent.loss, batch, scale=1 / n)
    # update
    penalty = array("penalty", 1)  # 0, where nothing is penalised
    if update is not None:
        penalty = update.lower(low, board.eta.as_number(), board.count.as_number(), total)
    # record
    low.emit(record, {**board.records, "loss": losses, "penalty": penalty})
    low.emit(advance, {"t": board.step.as_vector()}, nbytes=0)
    low.barrier()  # threads meet


def backpropagate(
    low: Lowering, loss: Loss, batch: Batch, *, scale: float, wants_dx: bool = False
) -> tuple[Buffer, Buffer | None]:
    """Emit forward, ℓ and backward; return the losses (n,), and ∂ℓ/∂x if it is wanted.

    Here ℓ is scale · Σ_i w_i ℓ_i. If an example has T rows of outputs, the losses are (n·T,), those
    of all rows, and ℓ_i is their average over the example. Rows that an example has only while the
    network trains (`Shaped.training_shape`) share its target.
    """
    for observer in low.observers:  # (see `steepest.inspection`)
        observer.begin(batch.i)
    z, backward = low.parameters.layer.lower(low, batch.x)  # f = f_h ∘ … ∘ f_1, forwards
    n, dz = z.size // z.shape[-1], low.arena.array("dz", *z.shape)
    losses = low.arena.array("loss", n)
    own = targets_of_rows(low, batch, n)
    names = {"z": z.as_rows(), **own, "loss": losses, "dz": dz.as_rows()}
    more = {"scale": scale / (n // low.examples), "rows": low.row_share(n)}
    loss.lower(low, {**names, **more}, batch.like, gradient=True)
    dx = backward(dz, wants_dx and isinstance(batch.x, Buffer))  # Φ_h, …, Φ_1, backwards
    low.settle()  # what waits for every row
    for observer in low.observers:
        observer.end(low, dx)
    return losses, dx
