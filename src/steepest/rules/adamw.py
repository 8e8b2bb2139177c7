"""AdamW: Adam with decoupled weight decay, θ ← θ − η·weight_decay·θ before each step.

Source: Loshchilov & Hutter, "Decoupled weight decay regularization", ICLR 2019, arXiv:1711.05101.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..schedules import FlatCosine, Schedule
from .adam import Adam

__all__ = ["AdamW"]


@dataclass(frozen=True, kw_only=True, repr=False)
class AdamW(Adam):
    """`Adam` with a weight decay of 0.01 unless another is given."""

    weight_decay: float | Schedule = 0.01


examples = (AdamW(), AdamW(weight_decay=FlatCosine(0.1)))
