"""What a test and a report ask of a model; `steepest.pipeline.model.Model` is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from ..arrays import Array

if TYPE_CHECKING:
    from ..loss import Loss
    from ..network import Network
    from ..tables.task import Task

__all__ = ["FittedModel"]


class FittedModel(Protocol):
    """A network between the encoder of its inputs and the task that its outputs serve."""

    network: Network
    loss: Loss
    encoder: Any
    task: Task
    about: dict[str, Any]

    @property
    def has_probabilities(self) -> bool:
        """Whether it says how probable each class is."""

    def outputs(self, table: Any) -> Array:
        """Return probabilities, or standardised values, (n, q)."""
