"""The base of observers: what may look at every layer while its backward pass is lowered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..engine.operands import Buffer
from ..layer import Layer
from .lowering import Lowering


class Observer:
    """Sees a backward pass while it is lowered. The base class looks and does nothing."""

    def begin(self, chosen: Buffer) -> None:
        """Say which rows of the data the batch will hold."""
        self.chosen = chosen

    def layer(self, low: Lowering, layer: Layer, x: Any, y: Buffer, dy: Buffer) -> None:
        """See a layer between its forward and its backward instructions."""

    def theta(
        self, low: Lowering, layer: Layer, p: int, kernel: Callable[..., None],
        names: Mapping[str, Any], flops: int,
    ) -> None:  # fmt: skip
        """See the parameter half of Φ of the current layer, as `Lowering.backward_theta` does."""

    def end(self, low: Lowering, dx: Buffer | None) -> None:
        """See ∇_x ℓ of the input, where the pass goes back so far."""
