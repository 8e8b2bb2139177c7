"""The base of observers: what may look at every layer while its backward pass is lowered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ..emitter import Emitter
from ..engine.arena import Arena
from ..engine.operands import Buffer
from ..layer import Layer
from ..shape import Shape

__all__ = ["Observed", "Observer"]


class Observed(Emitter, Protocol):
    """What an observer may ask for beyond what a layer may."""

    arena: Arena

    @property
    def prefix(self) -> str:
        """The name of the current layer among the parameters, like ``2.0``."""

    @property
    def learning(self) -> set[str]:
        """The paths of the layers that have parameters."""

    def targets(
        self, layer: Layer, at: int | Shape, buffers: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return those of the current layer among ``buffers``, by the names its kernels use."""


class Observer:
    """Sees a backward pass while it is lowered. The base class looks and does nothing."""

    def begin(self, chosen: Buffer) -> None:
        """Say which examples of the data the batch will hold."""
        self.chosen = chosen

    def layer(self, low: Observed, layer: Layer, x: Any, y: Buffer, dy: Buffer) -> None:
        """See a layer between its forward and its backward instructions; x, y, dy (examples, …)."""

    def theta(
        self,
        low: Observed,
        layer: Layer,
        shape: Shape,
        kernel: Callable[..., None],
        names: Mapping[str, Any],
        flops: int,
    ) -> None:
        """See the parameter half of Φ of the current layer, as `Lowering.backward_theta` does."""

    def end(self, low: Observed, dx: Buffer | None) -> None:
        """See ∇_x ℓ of the input, where the pass goes back so far."""
