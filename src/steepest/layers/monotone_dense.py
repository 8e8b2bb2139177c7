"""MonotoneDense: y = W x + b, W = |A| but for the columns of free inputs; (n, p) -> (n, q).

The first ``free`` columns of W are those of A, all others are those of |A|. So y rises with each of
these other inputs, or stays, whatever A and b are.

It does so in floating point, too. For w ≥ 0, fl(w·x) never falls as x rises, nor does fl(s + t) as
s or t does, nor a fused fl(w·x + s): what is rounded keeps its order. A sum that adds up such terms
in the same order therefore never falls. The order is that of the product (`steepest.kernels.gemm`),
which goes by shapes and never by values; a prediction takes the same one for a row wherever that
stands. What follows has to rise in the same strict sense: `ConvexConcave`, `ReLU`, `LeakyReLU` and
`RootScale` do.

Source: Runje & Shankaranarayana, "Constrained monotonic neural networks", ICML 2023,
arXiv:2205.11775, section 3.1; the free inputs are those of their second type of network, in which
each layer but the first has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..emitter import Backward, Emitter
from ..engine.operands import Buffer
from ..errors import InputError
from ..kernels import gemm, part
from ..layer import Array, Layer, Parameter
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, OnnxNode, Op, Reading
from ..validate import number, positive_count
from ._from_data import fit_affine

__all__ = ["MonotoneDense"]


@dataclass(frozen=True, repr=False)
class MonotoneDense(Layer):
    """Affine map y = W x + b that rises with all inputs but the first ``free`` ones.

    Φ: dx = Wᵀ dy; dA = dy xᵀ, times the sign of A (1 at 0) where W is |A|; db = dy.

    Parameters
    ----------
    units : int
        q, the number of outputs.
    free : int
        How many of the inputs, from the first on, y may depend on in any way.
    """

    units: int
    free: int = 0

    def __post_init__(self) -> None:
        positive_count("MonotoneDense", "units", self.units)
        number("MonotoneDense", "free", self.free, least=0, whole=True)

    def outputs(self, p: int) -> int:
        """Return q."""
        if p < self.free:
            raise InputError(f"MonotoneDense: {self.free} of {p} inputs can't be free")
        return self.units

    def parameters(self, p: int) -> dict[str, Parameter]:
        """Return A (q, p) and b (q,)."""
        A = Parameter((self.units, p), by_columns=True, decays=True)
        return {"A": A, "b": Parameter((self.units,))}

    def init(self, rng: np.random.Generator, theta: Mapping[str, Array]) -> None:
        """A ~ N(0, 1) of free inputs, else N(0, p/(p − free)); b ~ U(±1).

        Behind a `RootScale`, so the inputs of either kind together make outputs of about their own
        size.
        """
        q, p = theta["A"].shape
        theta["A"][...] = rng.standard_normal((q, p))
        theta["A"][:, self.free :] *= np.sqrt(p / max(1, p - self.free))
        theta["b"][...] = rng.uniform(-1, 1, q)

    def init_from_data(
        self, rng: np.random.Generator, x: Array, arrays: Mapping[str, Array]
    ) -> None:
        """Set A and b as those of a dense layer (`steepest.training.init_from_data`)."""
        fit_affine(rng, x, arrays, self.free)

    def flops(self, p: int) -> int:
        """Return those of the product."""
        return 2 * p * self.units

    def lower(self, low: Emitter, x: Buffer) -> tuple[Buffer, Backward]:
        """Emit the products; Wᵀ (p, q) is left for the backward pass."""
        n, p = x.shape
        y, flops = low.array("y", n, self.units), n * self.flops(p)
        names: dict[str, Any] = {"x": x, "y": y, "free": self.free, **low.theta(self, p)}
        names["Wt"] = low.array("Wt", p, self.units)
        low.emit(self.forward, names, flops=flops)

        def backward(dy: Buffer, wants_dx: bool) -> Buffer | None:
            names["dy"] = dy
            dx = names["dx"] = low.array("dx", n, p) if wants_dx else None
            if wants_dx:
                low.emit(self.backward_x, names, flops=flops)
            names["product"] = low.array("product", p, self.units)
            low.backward_theta(self, p, self.backward_theta, names, flops)
            return dx

        return y, backward

    @staticmethod
    def forward(
        x: Array, At: Array, b: Array, y: Array, Wt: Array, free: int, blas: int, units: range
    ) -> None:
        """Wt = At, |At| from row free on; y = x Wt + b"""
        for k in range(free):
            for j in units:
                Wt[k, j] = At[k, j]
        for k in range(free, At.shape[0]):
            for j in units:
                Wt[k, j] = abs(At[k, j])
        one = y.dtype.type(1)
        for i in range(y.shape[0]):
            for j in units:
                y[i, j] = b[j]
        gemm(blas, one, x, Wt[:, part(units)], one, y[:, part(units)])

    @staticmethod
    def backward_x(x: Array, Wt: Array, dy: Array, dx: Array, blas: int, inputs: range) -> None:
        """dx = dy Wtᵀ"""
        gemm(blas, x.dtype.type(1), dy, Wt[part(inputs)].T, x.dtype.type(0), dx[:, part(inputs)])

    @staticmethod
    def backward_theta(
        alpha: float,
        x: Array,
        y: Array,
        dy: Array,
        At: Array,
        dAt: Array,
        db: Array,
        product: Array,
        free: int,
        blas: int,
        units: range,
    ) -> None:
        """dAt += alpha xᵀ dy, times the sign of At from row free on; db += alpha Σ_i dy_i"""
        one, zero = x.dtype.type(1), x.dtype.type(0)
        gemm(blas, one, x.T, dy[:, part(units)], zero, product[:, part(units)])
        for k in range(free):
            for j in units:
                dAt[k, j] += alpha * product[k, j]
        for k in range(free, At.shape[0]):
            for j in units:
                d = product[k, j]
                dAt[k, j] += alpha * (-d if At[k, j] < zero else d)
        for i in range(dy.shape[0]):
            for j in units:
                db[j] += alpha * dy[i, j]

    def onnx(self, g: OnnxGraph) -> str:
        """x Wᵀ + b, with |A| as an operator: so it can be told from a dense layer."""
        A = g.theta["A"]
        W = g.op("Abs", g.constant(A[:, self.free :]))
        if self.free:
            W = g.op("Concat", g.constant(A[:, : self.free]), W, axis=1)
        return g.op("Gemm", g.x, W, g.parameter("b"), transB=1)

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        rising = Op("Abs", "rising")
        both = Op("Concat", "free", rising, axis=1)
        return (
            Form(Op("Gemm", "x", both, "b", transB=1), _read_both),
            Form(Op("Gemm", "x", rising, "b", transB=1), _read),
        )


def _read(kind: Any, node: OnnxNode, free: Array | None = None) -> Reading | None:
    A, b = node.array("rising"), node.array("b")
    if A.ndim != 2 or b.shape != A.shape[:1]:
        return None
    fixed = A[:, :0] if free is None else free
    if fixed.ndim != 2 or len(fixed) != len(A):
        return None
    theta = {"A": np.hstack([fixed, A]), "b": b}
    width = theta["A"].shape[1]
    return Reading(kind(len(A), width - A.shape[1]), node.value("x"), theta, takes=width)


def _read_both(kind: Any, node: OnnxNode) -> Reading | None:
    return _read(kind, node, node.array("free"))


examples = (MonotoneDense(3), MonotoneDense(33, 1))
