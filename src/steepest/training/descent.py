"""How to descend: what is minimised, and by which steps."""

from __future__ import annotations

from dataclasses import dataclass

from ..loss import Loss
from ..lowering.batches import Batch
from ..lowering.lowering import Lowering
from ..rule import Rule
from ..sampling import Augment, Sampler

__all__ = ["Descent"]


@dataclass(frozen=True)
class Descent:
    """``sampler`` chooses ``batch`` examples a step; ``rule`` turns their gradient into a step.

    Parameters
    ----------
    matmul_dtype : {"bfloat16"}, optional
        To what the factors of products of matrices are rounded, if to anything.
    per_weight : bool
        Divide the sums over a batch by its weights, Σ w, instead of its examples, n.
    augment : Augment, optional
        How images are changed before the network sees them.
    """

    loss: Loss
    rule: Rule
    sampler: Sampler
    batch: int
    seed: int = 0
    matmul_dtype: str | None = None
    per_weight: bool = False
    augment: Augment | None = None

    def changed(self, low: Lowering, batch: Batch) -> Batch:
        """Emit what changes the images of a batch; return it with these."""
        if self.augment is None:
            return batch
        return batch._replace(x=self.augment.lower(low, batch.x))
