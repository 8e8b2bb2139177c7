"""Dense: y = A x + b, the affine map of every example; (n, p) -> (n, q).

These kernels are for wide layers on batches. `steepest.layers._dense` has more, and chooses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..emitter import Backward, Emitter
from ..engine.operands import Buffer
from ..init import check, draw
from ..kernels import gemm, part
from ..layer import Array, Layer, Parameter
from ..onnx_form import OnnxGraph
from ..validate import flag, positive_count
from ._dense import example_gradients
from ._dense.lower import FEW_OUTPUTS, Kernels, lower
from ._dense.onnx import forms
from ._from_data import fit_affine

__all__ = ["Dense"]


@dataclass(frozen=True, repr=False)
class Dense(Layer):
    """Affine map y = A x + b of p inputs to ``units`` outputs.

    Φ: dx = Aᵀ dy; dA = dy xᵀ and db = dy, added up over the examples of the batch.

    Parameters
    ----------
    units : int
        q, the number of outputs.
    weights : str or callable
        How A begins: a name of `steepest.init.INITIALISERS`, or ``(rng, (q, p)) -> array``.
    bias : bool
        Whether there is a b. It begins at zero.
    """

    takes_sparse: ClassVar[bool] = True
    scales_and_shifts: ClassVar[tuple[str, int, str]] = ("A", 0, "b")
    torch_names: ClassVar[Mapping[str, str]] = {"A": "weight", "b": "bias"}
    onnx_import = staticmethod(forms)
    init_from_data = staticmethod(fit_affine)

    units: int
    weights: str | Callable[..., Any] = "glorot_uniform"
    bias: bool = True

    def __post_init__(self) -> None:
        positive_count("Dense", "units", self.units)
        check("Dense", self.weights)
        flag("Dense", "bias", self.bias)

    def outputs(self, p: int) -> int:
        return self.units

    def parameters(self, p: int) -> dict[str, Parameter]:
        by_columns = self.units >= FEW_OUTPUTS
        A = {"A": Parameter((self.units, p), by_columns=by_columns, decays=True)}
        return A | {"b": Parameter((self.units,))} if self.bias else A

    def init(self, rng: np.random.Generator, theta: Mapping[str, Array]) -> None:
        theta["A"][...] = draw("Dense", self.weights, rng, theta["A"].shape)

    def flops(self, p: int) -> int:
        return 2 * p * self.units

    # Rows are examples, and At is Aᵀ: A x for one example becomes x At for the batch. Threads share
    # the outputs (``units``) or the inputs. Without a bias, b is 0, and nobody reads db.

    @staticmethod
    def forward(x: Array, At: Array, b: Array, y: Array, blas: int, units: range) -> None:
        """y = x At + b"""
        one = y.dtype.type(1)
        for i in range(y.shape[0]):
            for j in units:
                y[i, j] = b[j]
        gemm(blas, one, x, At[:, part(units)], one, y[:, part(units)])

    @staticmethod
    def backward_x(x: Array, At: Array, dy: Array, dx: Array, blas: int, inputs: range) -> None:
        """dx = dy Atᵀ"""
        gemm(blas, x.dtype.type(1), dy, At[part(inputs)].T, x.dtype.type(0), dx[:, part(inputs)])

    @staticmethod
    def backward_theta(
        alpha: float, x: Array, y: Array, dy: Array, dAt: Array, db: Array, blas: int, units: range
    ) -> None:
        """dAt += alpha xᵀ dy, db += alpha Σ_i dy_i"""
        gemm(blas, alpha, x.T, dy[:, part(units)], x.dtype.type(1), dAt[:, part(units)])
        for i in range(dy.shape[0]):
            for j in units:
                db[j] += alpha * dy[i, j]

    def lower(self, low: Emitter, x: Buffer) -> tuple[Buffer, Backward]:
        return lower(self, Kernels(self.forward, self.backward_theta, self.backward_x), low, x)

    def lower_examples(
        self, low: Emitter, what: str, kernel: Callable[..., None], names: Mapping[str, Any]
    ) -> bool:
        example_gradients.lower(low, what, kernel, {**names, "bias": int(self.bias)})
        return True

    def onnx(self, g: OnnxGraph) -> str:
        names = ("A", "b") if self.bias else ("A",)
        return g.op("Gemm", g.x, *map(g.parameter, names), transB=1)


examples = tuple(Dense(units, bias=bias) for units in (3, 33) for bias in (True, False))
