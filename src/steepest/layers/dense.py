"""Dense: y = x Aᵀ + b, the affine map of every row.

This file says what the layer is. Its kernels are in `steepest.layers._dense`, where `choose` says
which ones a program gets: `by_columns` (A stored column after column), `one_example` (the same for
one example at a time), `by_rows` (row after row, for few outputs) and `csr` (CSR input).
`example_gradients` has those for the gradients of single examples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..engine.operands import Buffer, SparseBatch
from ..errors import InputError
from ..init import INITIALISERS
from ..layer import Array, Backward, Layer, Parameter
from ..lowering.lowering import Lowering
from ..validate import positive_count
from ._dense import example_gradients
from ._dense.choose import FEW_OUTPUTS, kernels_for

__all__ = ["Dense"]


@dataclass(frozen=True, repr=False)
class Dense(Layer):
    """Affine map y = A x + b of p inputs to ``units`` outputs.

    Parameters
    ----------
    units : int
        q, the number of outputs.
    weights : str or callable
        How A begins: a name of `steepest.init.INITIALISERS` (``"glorot_uniform"``,
        ``"he_normal"``, ``"lecun_normal"``, …) or a function ``(rng, (q, p)) -> array``.
    bias : bool
        Whether there is a b. It begins at zero.

    Notes
    -----
    Φ: dx = dy A; dA = dyᵀ x, db = Σ_n dy.
    """

    takes_sparse: ClassVar[bool] = True

    units: int
    weights: str | Callable[..., Any] = "glorot_uniform"
    bias: bool = True

    def __post_init__(self) -> None:
        positive_count("Dense", "units", self.units)
        if not callable(self.weights) and self.weights not in INITIALISERS:
            raise InputError(
                f"Dense: no initialiser {self.weights!r}; there are {', '.join(INITIALISERS)}, "
                "or give a function (rng, shape) -> array"
            )

    def outputs(self, p: int) -> int:
        return self.units

    def parameters(self, p: int) -> dict[str, Parameter]:
        by_columns = self.units >= FEW_OUTPUTS
        A = {"A": Parameter((self.units, p), by_columns=by_columns, decays=True)}
        return A | {"b": Parameter((self.units,))} if self.bias else A

    def init(self, rng: np.random.Generator, theta: Mapping[str, Array]) -> None:
        A = theta["A"]
        draw = self.weights if callable(self.weights) else INITIALISERS[self.weights]
        drawn = np.asarray(draw(rng, A.shape))
        if drawn.shape != A.shape:
            raise InputError(
                f"Dense: the initialiser must return an array of shape {A.shape}, got {drawn.shape}"
            )
        A[...] = drawn

    def flops(self, p: int) -> int:
        return 2 * p * self.units

    def lower(self, low: Lowering, x: Buffer | SparseBatch) -> tuple[Buffer, Backward]:
        n, p = x.shape
        y = low.array("y", n, self.units)
        names: dict[str, Any] = {"x": x, "y": y, **low.theta(self, p)}
        if not self.bias:
            names["b"] = low.array("zero", self.units)
        flops = n * self.flops(p)
        kernels = kernels_for(n, p, self.units, sparse=isinstance(x, SparseBatch))
        if isinstance(x, SparseBatch):
            names |= {"values": x.data, "columns": x.indices, "starts": x.indptr, "i": x.chosen}
            flops = 2 * x.nonzeros * n * self.units
        parts = {}
        if kernels.in_parts:
            parts = {"units": low.dynamic_share(self.units), "inputs": low.dynamic_share(p)}
        forward = low.emit(kernels.forward, {**names, **parts}, flops=flops)

        def backward(dy: Buffer, wants_dx: bool) -> Buffer | None:
            names["dy"] = dy
            if not self.bias:
                names["db"] = low.array("nowhere", self.units)
            dx = None
            if wants_dx and kernels.backward_x is not None:
                dx = names["dx"] = low.array("dx", n, p)
                if kernels.both is not None and low.fused and low.program.threads == 1:
                    low.emit(kernels.both, {**names, **low.targets(self, p)}, flops=2 * flops)
                    return dx
                low.emit(kernels.backward_x, {**names, **parts}, flops=flops)
            low.backward_theta(self, p, kernels.backward_theta, names, flops, waits=kernels.by_rows)
            if kernels.update_and_forward is not None and low.fused and not wants_dx:
                low.join(
                    forward,
                    kernels.update_and_forward,
                    {**names, **low.targets(self, p)},
                    2 * flops,
                )
            return dx

        return y, backward

    def lower_examples(
        self, low: Lowering, what: str, kernel: Callable[..., None], names: Mapping[str, Any]
    ) -> bool:
        """Emit the kernels of `example_gradients`."""
        example_gradients.lower(low, what, kernel, {**names, "bias": int(self.bias)})
        return True
