"""The contract of a layer: START HERE.

A network is f = f_h ∘ … ∘ f_1. Layer k owns its parameters θ_k, the map f_k, and Φ_k, which turns
∂ℓ/∂y_k, already computed, into ∂ℓ/∂θ_k and ∂ℓ/∂y_{k−1}. Only the layer contains its derivatives.

Notation, the same in every file of `steepest.layers`:

=================  ===============================================================
n, p, q            rows, inputs, outputs of the layer
``x`` (n, p)       input y_{k−1}
``y`` (n, q)       output y_k
``dy``, ``dx``     ∂ℓ/∂y (given) and ∂ℓ/∂x (wanted), of the shapes of y and x
``dA``             where alpha · ∂ℓ/∂A is added: a gradient, or the parameter A itself
``alpha``          the factor of the accumulation  target += alpha · ∇_θ ℓ
``rows``           this thread's share of range(n)
``inputs, units``  this thread's shares of range(p) and range(q)
``key``, ``step``  for random draws: a seed of the layer's own, and the number of the step
``before``         for them too: how many rows of the batch other processes have before these
``blas``           for products: ``gemm(blas, α, P, Q, β, C)`` is C ← α P Q + β C
=================  ===============================================================

A layer's kernels are plain static functions that ask for these by name, and for the layer's own
fields and parameters by theirs:

``forward``         sets every entry of y, whatever was there
``backward_x``      Φ, first half: sets dx; it comes first, since the second may change θ
``backward_theta``  Φ, second half: target += alpha · ∇_θ ℓ, where the target is θ itself (plain
                    gradient descent: alpha = −η) or a buffer (alpha = 1)

A layer may keep arrays that are not parameters, such as running statistics: its ``state``. Kernels
ask for them by name too. One kernel may write them, and only while the network trains:

``forward_training``  takes the place of ``forward`` there. For Φ the state before the step is a
                      constant; how y depends on the batch through the new state is part of Φ

A kernel with none of ``rows``, ``inputs``, ``units`` runs on one thread. One with ``rows`` may
touch only those rows of x, y, dx and dy; one with ``units`` or ``inputs`` may write only what
belongs to those. One that asks for both ``rows`` and ``units`` works entry by entry: it gets all
rows and some columns, or some rows and all columns, to match the kernels before and after it.

Most layers know widths only and act on the last axis of x: `steepest.shape` tells of the others.
What kernels may call is in `steepest.kernels`; `steepest.example_gradients` has three more that a
layer may bring. docs/guide/your_own_layer.md builds layers, and `steepest.check` checks them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from .arrays import Array
from .contract import required
from .declarations import Parameter
from .emitter import Backward, Emitter
from .engine.operands import Buffer
from .example_gradients import ExampleGradients
from .onnx_form import Exchanged
from .settings import Named
from .shape import Shape, Shaped
from .state import State

__all__ = ["Array", "Backward", "Layer", "Parameter", "Shape", "State"]


class Layer(Named, Exchanged, Shaped, ExampleGradients):
    """f_k and Φ_k. A subclass is a frozen dataclass whose fields are the layer's settings."""

    forward: ClassVar[Callable[..., None]] = required("writes y", "x, y, rows")
    backward_x: ClassVar[Callable[..., None]] = required(
        "writes dx, the first half of Φ", "x, dy, dx, rows"
    )
    backward_theta: ClassVar[Callable[..., None]] = required(
        "adds alpha · ∇_θ ℓ to the targets of the parameters, the second half of Φ",
        "x, dy, dA, alpha",
    )
    forward_training: ClassVar[Callable[..., None] | None] = None
    """What takes the place of `forward` in a program that trains; it may write the state."""
    takes_sparse: ClassVar[bool] = False
    """Whether ``lower`` can take a `steepest.engine.operands.SparseBatch`."""
    steepest_slope: ClassVar[float | None] = None
    """Of an activation: about its largest slope. `steepest.Watch` calls units flat by it."""
    init_from_data: ClassVar[Callable[..., None] | None] = None
    """Sets what should fit a sample of inputs (n, …): ``(rng, x, arrays)``, the arrays by name."""
    sums_over_processes: ClassVar[bool] = False  # whether ``lower`` asks for them, by ``jointly``
    predicts_alike: ClassVar[bool] = True
    """Whether predicting computes the same y as training, from the same state."""

    def outputs(self, p: int) -> int:
        """Return q, the width of the output for inputs of width ``p``."""
        return p

    def parameters(self, p: int) -> dict[str, Parameter]:
        """Return the parameters, in the order in which they are stored."""
        return {}

    def state(self, p: int) -> dict[str, State]:
        """Return the arrays kept beside the parameters, in the order in which they are stored."""
        return {}

    def memory(self, n: int, p: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of what ``forward`` leaves for the backward pass, by name."""
        return {}

    def init(self, rng: np.random.Generator, theta: Mapping[str, Array]) -> None:
        """Write initial values into the parameters."""

    def children(self, p: int) -> list[tuple[str, Layer, int]]:
        """Return the layers this one is made of: name, layer, and width of its input."""
        return []

    def flops(self, p: int) -> int:
        """Return the floating-point operations of ``forward`` for one row."""
        return self.outputs(p)

    def lower(self, low: Emitter, x: Buffer) -> tuple[Buffer, Backward]:
        """Emit the call of ``forward``; return y, and a function that emits the calls of Φ."""
        n, shape = x.shape[0], x.shape[1:]
        y = low.array("y", n, *self.output_shape(shape))
        names: dict[str, Any] = {"x": x.as_examples(), "y": y.as_examples()}
        names |= {**self.settings_at(shape), **low.theta(self, shape), **low.state(self, shape)}
        names |= {name: low.array(name, *sizes) for name, sizes in self.memory_at(n, shape).items()}
        flops = n * self.flops_at(shape)
        training = self.forward_training if low.training else None
        low.emit(training or self.forward, names, flops=flops)

        def backward(dy: Buffer, wants_dx: bool) -> Buffer | None:
            names["dy"] = dy.as_examples()
            dx = None
            if wants_dx:
                dx = low.array("dx", *x.shape)
                names["dx"] = dx.as_examples()
                low.emit(self.backward_x, names, flops=flops)
            if self.parameters_at(shape):  # (low fills in the targets and alpha)
                low.backward_theta(self, shape, self.backward_theta, names, flops)
            return dx

        return y, backward
