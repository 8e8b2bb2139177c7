"""What a layer or a sampler may ask for while it is lowered to instructions.

They get a `steepest.lowering.lowering.Lowering`. `steepest.layer.Layer.lower` is enough for most
layers; only one that writes a ``lower`` of its own, as combinators do, needs to know this.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from .engine.operands import Buffer, Constant, DynamicShare, Share
from .engine.program import Instruction
from .schedules import Schedule
from .shape import Shape

__all__ = ["Backward", "Emitter"]

Backward = Callable[[Buffer, bool], Buffer | None]
"""Emits the two halves of Φ: ``(dy, whether dx is wanted) -> dx``."""


class Emitter(Protocol):
    """Takes instructions one after the other; gives memory, parameters and shares of the work.

    Attributes
    ----------
    spans : Buffer or None
        Which steps of a sequence belong together, (examples, 2 T) int32: from which step to before
        which one, for each of T steps. A layer that finds it out, from tokens say, sets it, and
        those behind may ask. None if all steps of an example belong together.
    window : int or None
        In a program that computes one step of sequences after the other: how many steps are to be
        remembered. x then has one step, (examples, 1, …), whose number kernels get as ``step``; an
        `array` keeps its contents from step to step. None in all other programs.
    """

    spans: Buffer | None
    window: int | None

    @property
    def training(self) -> bool:
        """Whether the program trains; dropout asks."""

    @property
    def threads(self) -> int:
        """How many threads run the program."""

    @property
    def most_threads(self) -> int:
        """How many threads may run programs in the same memory: what each has of its own is for
        so many.
        """

    @property
    def examples(self) -> int:
        """How many examples the batch has."""

    @property
    def rows(self) -> int:
        """How many rows the current layer's input has: what kernels get shares of as ``rows``."""

    @property
    def all_rows(self) -> int:
        """How many it has together with those in other processes that share the batch."""

    @property
    def shares_batch(self) -> bool:
        """Whether other processes have examples of the batch, too."""

    @property
    def watched(self) -> bool:
        """Whether somebody looks at what each layer computes."""

    @property
    def dtype(self) -> str:
        """What real numbers are in memory: "float32" or "float64"."""

    @property
    def pairs(self) -> Constant | None:
        """What a kernel gets as ``windows`` for products of pairs of bfloat16; None for numbers."""

    @property
    def channel_windows(self) -> Constant:
        """What a kernel gets as ``windows`` for products of channels one by one."""

    @property
    def summing_windows(self) -> Constant:
        """What a kernel gets as ``summing`` for such products that sum B, too."""

    @property
    def fused(self) -> bool:
        """Whether the parameter half of Φ is the gradient step itself."""

    @property
    def goes_back(self) -> bool:
        """Whether a backward pass follows, so that layers keep what it needs."""

    def array(self, name: str, *shape: int, kind: str = "f") -> Buffer:
        """Return memory for an array of the current layer."""

    def emit(
        self,
        function: Callable[..., None],
        names: Mapping[str, Any],
        *,
        flops: int = 0,
        nbytes: int | None = None,
    ) -> Instruction:
        """Append one instruction: ``function``, its arguments taken by name from ``names``."""

    def jointly(
        self,
        summed: Buffer,
        kernel: Callable[..., None] | None = None,
        names: Mapping[str, Any] | None = None,
    ) -> None:
        """Have an array summed up over all processes that share the batch; append what follows.

        All of them run that kernel, also those that have no example in this step: it may read
        sums, parameters and state, and no rows.
        """

    def child(self, name: str, layer: Any, x: Any) -> tuple[Buffer, Backward]:
        """Lower a `Layer` of a layer; return its output and what emits its backward pass."""

    def theta(self, layer: Any, at: int | Shape) -> dict[str, Buffer]:
        """Return the parameters of the current layer, by the names its kernels use.

        ``at`` is the width of its input, or the shape.
        """

    def state(self, layer: Any, at: int | Shape) -> dict[str, Buffer]:
        """Return the state of the current layer, by the names its kernels use."""

    def targets(self, layer: Any, at: int | Shape) -> dict[str, Any]:
        """Return where ∇_θ ℓ of the current layer accumulates, by the names its kernels use."""

    def backward_theta(
        self,
        layer: Any,
        at: int | Shape,
        kernel: Callable[..., None],
        names: Mapping[str, Any],
        flops: int = 0,
        *,
        waits: bool = False,
    ) -> None:
        """Emit the parameter half of Φ of the current layer, and what observers make of it."""

    def join(
        self,
        forward: Instruction,
        kernel: Callable[..., None],
        names: Mapping[str, Any],
        flops: int,
    ) -> None:
        """Offer one kernel for the update just emitted and the ``forward`` of the next step."""

    def number(self, value: float | Schedule, below: float = math.inf) -> Constant | Buffer:
        """Return a number as an operand: constant, or one that follows a schedule."""

    def key(self) -> Constant:
        """Return a key for random numbers that no other instruction has."""

    def share(self, extent: int, grain: int = 1) -> Share:
        """Return each thread's part of ``range(extent)``, in multiples of ``grain``.

        For ``rows`` that are not those of x, say.
        """

    def row_share(self, extent: int) -> Share:
        """Return each thread's part of a range with as many entries for each example of the batch.

        A kernel that gets one is to read and write, of what others so shared have written, the same
        examples alone: then threads need not meet in between.
        """

    def dynamic_share(self, extent: int) -> Share | DynamicShare:
        """Return parts of ``range(extent)`` that threads take when they are free."""
