"""The step of gradient descent, as instructions: the README's ten lines of mathematics.

========  =======================================================================
tick      η ← η_t
sample    i ← the examples of this step: all, a few, or one
fetch     x, y, w ← X[i], Y[i], W[i]
forward   y_k = f_k(y_{k−1}; θ_k), k = 1, …, h, from y_0 = x to z = y_h
loss      ℓ(z, y) of each example, and dz = ∂ℓ/∂z
backward  k = h, …, 1: Φ_k turns ∂ℓ/∂y_k into ∂ℓ/∂θ_k and ∂ℓ/∂y_{k−1}
update    θ ← θ − η ∇ℓ, or what another rule makes of ∇ℓ
record    the average of the losses
========  =======================================================================

A layer's half of Φ for θ says  target += alpha · ∇_θ ℓ. For plain gradient descent the target is θ
itself and alpha is −η: the backward pass is then the update. For any other rule the target is a
gradient, alpha is 1, and the rule's own kernel follows (`steepest.training.update`).

Here instructions are only listed, once; `steepest.training.run` runs them, step after step.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..engine.operands import Buffer
from ..kernels.moves import advance
from ..kernels.prefetch import rows_ahead
from ..loss import Loss
from ..lowering.batches import Batch, Batches
from ..lowering.lowering import Lowering
from ..rule import Rule
from ..sampling import Sampler
from .board import Board, record, tick
from .update import Update

__all__ = ["Descent", "backpropagate", "lower_step"]


@dataclass(frozen=True)
class Descent:
    """How to descend: ``batch`` examples a step, chosen by ``sampler``, for ``rule`` to step by.

    ``per_weight`` divides the sums of a batch by its weights, not by its examples.
    """

    loss: Loss
    rule: Rule
    sampler: Sampler
    batch: int
    seed: int = 0
    matmul_dtype: str | None = None
    per_weight: bool = False


def lower_step(
    low: Lowering,
    descent: Descent,
    batches: Batches,
    board: Board,
    update: Update | None,
    size: tuple[int, int],
) -> None:
    """Emit one step on ``low.n`` examples; an epoch has ``size`` examples and steps.

    Without an ``update``, the target of the layers is θ itself.
    """
    array = low.arena.array
    # tick
    low.emit(tick, board.ticks, nbytes=0)
    # sample
    i = array("i", low.n + (rows_ahead(low.n) if descent.sampler.scattered else 0), kind="i")
    descent.sampler.lower(low, size[0], descent.batch, size[1], board.epoch, i)
    # fetch
    total = array("Σw", 1) if descent.per_weight else None
    batch = batches.fetch(low, i, total)
    # forward, loss, backward
    losses, _ = backpropagate(low, descent.loss, batch, scale=1 / low.n)
    # update
    penalty = array("penalty", 8 * low.threads)
    if update is not None:
        update.lower(low, board.eta.as_number(), board.count.as_number(), penalty, total)
    # record
    low.emit(record, {**board.records, "loss": losses, "penalty": penalty})
    low.emit(advance, {"t": board.step.as_vector()}, nbytes=0)
    low.barrier()


def backpropagate(
    low: Lowering, loss: Loss, batch: Batch, *, scale: float, wants_dx: bool = False
) -> tuple[Buffer, Buffer | None]:
    """Emit forward, ℓ and backward; return the losses (n,), and ∂ℓ/∂x if it is wanted.

    Gradients are those of scale · Σ_i w_i ℓ_i.
    """
    for observer in low.observers:
        observer.begin(batch.i)
    z, backward = low.parameters.layer.lower(low, batch.x)  # f = f_h ∘ … ∘ f_1, forwards
    losses, dz = low.arena.array("loss", low.n), low.arena.array("dz", *z.shape)
    names = {"z": z, "y": batch.y, "w": batch.w, "loss": losses, "dz": dz, "scale": scale}
    _, gradient = loss.kernels(batch.like)
    low.emit(gradient, {**names, **loss.settings()}, flops=4 * z.size)
    dx = backward(dz, wants_dx and isinstance(batch.x, Buffer))  # Φ_h, …, Φ_1, backwards
    low.settle()
    for observer in low.observers:
        observer.end(low, dx)
    return losses, dx
