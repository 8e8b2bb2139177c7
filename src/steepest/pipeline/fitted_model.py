"""What a test and a report ask of a model; `steepest.pipeline.model.Model` is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from ..arrays import Array
from ..losses import Hinge

if TYPE_CHECKING:
    from ..loss import Loss
    from ..network import Network
    from ..probabilities.calibration import Calibration
    from ..tables.task import Task

__all__ = ["FittedModel", "gives_probabilities"]


def gives_probabilities(task: Task, loss: Loss) -> bool:
    """Say whether a network trained with a loss says how probable each class is."""
    return not task.is_regression and not isinstance(loss, Hinge)


class FittedModel(Protocol):
    """A network between the encoder of its inputs and the task that its outputs serve."""

    network: Network
    loss: Loss
    encoder: Any
    task: Task
    about: dict[str, Any]
    calibration: Calibration

    @property
    def has_probabilities(self) -> bool:
        """Whether it says how probable each class is."""

    def outputs(self, table: Any) -> Array:
        """Return what the loss makes of the network's outputs, (n, q)."""

    def said(self, z: Array) -> Array:
        """Return what `outputs` makes of the network's outputs z, (n, q)."""

    def judge(self, outputs: Array) -> Array:
        """Return the probabilities of the classes, (n, K), or standardised values as they are."""

    def decide(self, outputs: Array) -> Array:
        """Return the number of each row's class."""
