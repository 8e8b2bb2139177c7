"""The contract of a layer: START HERE.

A network is f = f_h ∘ … ∘ f_1. Layer i owns its parameters θ_i, the map f_i, and Φ_i, which turns
∇_{y_i}ℓ, already computed, into ∇_{θ_i}ℓ and ∇_{y_{i−1}}ℓ. Nobody else knows how it differentiates.

Notation, the same in every file of `steepest.layers`:

=================  ===============================================================
n, p, q            rows of the batch, inputs, outputs of the layer
``x`` (n, p)       input y_{i−1}
``y`` (n, q)       output y_i
``dy``, ``dx``     ∂ℓ/∂y (given) and ∂ℓ/∂x (wanted), of the shapes of y and x
``dA``             ∂ℓ/∂A's target, of the shape of the parameter A
``alpha``          the factor of the accumulation  target += alpha · ∇_θ ℓ
``rows``           this thread's share of range(n)
``inputs, units``  this thread's shares of range(p) and range(q)
``key``, ``step``  for `steepest.kernels.squares`: what is drawn where
``blas``           for `steepest.kernels.gemm`: matrix products
=================  ===============================================================

A layer's kernels are plain static functions that ask for these by name, and for the layer's own
fields and parameters by theirs:

``forward``         writes y (all of it, never accumulating)
``backward_x``      Φ, first half: writes dx
``backward_theta``  Φ, second half: target += alpha · ∇_θ ℓ, where the target is θ itself (plain
                    gradient descent: alpha = −η) or a buffer (alpha = 1)

Three more are optional: without them, gradients of single examples come of one after the other.

``example_norms``      norms[i] = ‖∇_θ ℓ_i‖², for the rows ``i`` of the data that the batch holds
``example_gradients``  dA[i] = ∂ℓ_i/∂A: the targets have an axis of rows in front
``example_squares``    target += alpha · Σ_i (∇_θ ℓ_i)², entry by entry

A kernel with none of ``rows``, ``inputs``, ``units`` runs on one thread. One with ``rows`` may
touch only those rows of x, y, dx and dy; one with ``units`` may write only those columns of y, one
with ``inputs`` only those of dx. One that asks for both ``rows`` and ``units`` works entry by
entry: it may touch only this rectangle of x, y, dx and dy, which is all of one and a share of the
other, whichever the kernels beside it share.

What kernels may call is in `steepest.kernels`. docs/your_own_layer.md builds two layers, and
`steepest.check` says whether a layer is right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .arrays import Array
from .emitter import Backward, Emitter
from .engine.operands import Buffer
from .onnx_form import Exchanged
from .settings import Named

__all__ = ["Array", "Backward", "Layer", "Parameter"]


@dataclass(frozen=True)
class Parameter:
    """What a layer says of one of its parameters."""

    shape: tuple[int, ...]
    by_columns: bool = False
    """Stored column after column. Kernels then get the transpose, named with a t: ``At``."""
    decays: bool = False
    """Whether penalties and weight decay apply to it."""


class Layer(Named, Exchanged):
    """f_i and Φ_i. A subclass is a frozen dataclass whose fields are the layer's settings."""

    forward: ClassVar[Callable[..., None]]
    backward_x: ClassVar[Callable[..., None]]
    backward_theta: ClassVar[Callable[..., None]]
    takes_sparse: ClassVar[bool] = False
    """Whether ``lower`` can take a `steepest.engine.operands.SparseBatch`."""
    steepest_slope: ClassVar[float | None] = None
    """Of an activation, a σ of single entries: about its largest slope; tells where it is flat."""
    predicts_alike: ClassVar[bool] = True
    """Whether predicting computes the same y as training."""

    def outputs(self, p: int) -> int:
        """Return q, the width of the output for inputs of width ``p``."""
        return p

    def parameters(self, p: int) -> dict[str, Parameter]:
        """Return the parameters, in the order in which they are stored."""
        return {}

    def memory(self, n: int, p: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of what ``forward`` leaves for the backward pass, by name."""
        return {}

    def init(self, rng: np.random.Generator, theta: Mapping[str, Array]) -> None:
        """Write initial values into the parameters."""

    def children(self, p: int) -> list[tuple[str, Layer, int]]:
        """Return the layers this one is made of: name, layer, and width of its input."""
        return []

    def check_inputs(self, X: Array) -> None:
        """Raise `InputError` if the layer can't take the rows of ``X``."""

    def flops(self, p: int) -> int:
        """Return the floating-point operations of ``forward`` for one row."""
        return self.outputs(p)

    def lower(self, low: Emitter, x: Buffer) -> tuple[Buffer, Backward]:
        """Emit the forward instructions; return y and what emits the backward ones."""
        n, p = x.shape
        y = low.array("y", n, self.outputs(p))
        names: dict[str, Any] = {"x": x, "y": y, **self.settings(), **low.theta(self, p)}
        for name, shape in self.memory(n, p).items():
            names[name] = low.array(name, *shape)
        flops = n * self.flops(p)
        low.emit(self.forward, names, flops=flops)

        def backward(dy: Buffer, wants_dx: bool) -> Buffer | None:
            names["dy"] = dy
            dx = None
            if wants_dx:
                dx = names["dx"] = low.array("dx", n, p)
                low.emit(self.backward_x, names, flops=flops)
            if self.parameters(p):
                low.backward_theta(self, p, self.backward_theta, names, flops)
            return dx

        return y, backward

    def lower_examples(
        self, low: Emitter, what: str, kernel: Callable[..., None], names: Mapping[str, Any]
    ) -> bool:
        """Emit the layer's own way to ``what`` of the three; return whether it has one.

        ``kernel`` is the parameter half of Φ for the whole batch; ``names`` are its arguments, the
        targets of ``what``, and ``i`` (n,).
        """
        own = getattr(self, what, None)
        if own is not None:
            low.emit(own, names)
        return own is not None
