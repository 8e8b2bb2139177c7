"""EmbeddingBag: y = Σ_t w_t E[x_t], or the mean, of a list x of codes; E (codes, dim).

A list is a row of a CSR matrix (n, codes) that has the weight w of each code; or a row (n, T) of
codes, filled up with a code of its own, or (n, 2T) with their weights; (n, ·) -> (n, dim).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..arrays import is_sparse
from ..declarations import FewRows
from ..emitter import Backward, Emitter
from ..engine.operands import Buffer, SparseBatch
from ..errors import InputError
from ..layer import Array, Layer, Parameter
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, OnnxNode, Op, Reading
from ..validate import flag, number, one_of, positive_count
from ._bag import csr
from ._bag.lists import matrix_of

__all__ = ["EmbeddingBag"]

_INT64 = 7  # in ONNX


@dataclass(frozen=True, repr=False)
class EmbeddingBag(Layer):
    """Replace a list of codes by the sum or the mean of their rows of a learnable table.

    Φ: dE[x_t] += w_t dy, or w_t dy / Σ w for the mean. An empty list becomes zeros. It is
    PyTorch's ``EmbeddingBag``; a step takes the time of the rows that occur in it.

    Parameters
    ----------
    codes : int
        The number of codes.
    dim : int
        The number of entries of y.
    mode : {"mean", "sum"}
        The mean divides by the number of codes in the list, or by the sum of their weights, which
        then must not be negative.
    std : float
        E begins with normal numbers of this standard deviation.
    lazy : bool
        Whether a step leaves the rows of E alone whose codes don't occur in it (`Embedding`).
    padding : int, optional
        A code that counts for nothing; it fills up lists of codes of unequal length (PyTorch's
        ``padding_idx``). A CSR matrix needs none.
    weighted : bool
        Whether rows of codes have their weights behind them, (n, 2T). Only for sums.
    """

    takes_sparse: ClassVar[bool] = True
    torch_names: ClassVar[Mapping[str, str]] = {"E": "weight"}

    codes: int
    dim: int
    mode: str = "mean"
    std: float = 1.0
    lazy: bool = False
    padding: int | None = None
    weighted: bool = False

    def __post_init__(self) -> None:
        positive_count("EmbeddingBag", "codes", self.codes)
        positive_count("EmbeddingBag", "dim", self.dim)
        one_of("EmbeddingBag", "mode", self.mode, ("mean", "sum"))
        number("EmbeddingBag", "std", self.std, least=0)
        flag("EmbeddingBag", "lazy", self.lazy)
        if self.padding is not None:
            what = "EmbeddingBag", "padding", self.padding
            number(*what, least=0, most=self.codes - 1, whole=True)
        flag("EmbeddingBag", "weighted", self.weighted)
        if self.weighted and self.mode == "mean":
            raise InputError("EmbeddingBag: weights are for mode='sum'")

    def matrix(self, tokens: Any, offsets: Any = None, weights: Any = None) -> Any:
        """Return lists of codes of any length as the CSR matrix that the layer takes.

        Parameters
        ----------
        tokens : sequence of sequences of int, or array of int
            n lists of codes, of which some may be empty; or all of them one behind the other.
        offsets : array of int, (n,), optional
            Where each list begins, if they are one behind the other.
        weights : like tokens, optional
            Numbers; by default 1 each.

        Returns
        -------
        scipy.sparse.csr_matrix, (n, codes)

        Raises
        ------
        InputError
            If a token is none of the codes, or offsets or weights don't fit. It says which.
        """
        return matrix_of(tokens, offsets, weights, self.codes)

    def outputs(self, p: int) -> int:
        self._steps(p)
        return self.dim

    def _steps(self, p: int) -> int:
        """Return how many codes stand in a row of p numbers."""
        if not self.weighted:
            return p
        if p % 2:
            raise InputError(
                f"EmbeddingBag: a row has codes and behind them as many weights, got {p} columns"
            )
        return p // 2

    def parameters(self, p: int) -> dict[str, Parameter]:
        """Return E (codes, dim)."""
        return {
            "E": Parameter(
                (self.codes, self.dim), rows=FewRows(self._steps(p), self.touches, self.lazy)
            )
        }

    def memory(self, n: int, p: int) -> dict[str, tuple[int, ...]]:
        """Return what each y was multiplied by."""
        return {"scale": (n,)}

    def settings_at(self, shape: tuple[int, ...]) -> dict[str, Any]:
        """Return whether it is the mean, and the code that counts for nothing; −1 if none does."""
        hidden = -1 if self.padding is None else self.padding
        return {
            "mean": int(self.mode == "mean"),
            "hidden": hidden,
            "weighted": int(self.weighted),
        }

    def flops(self, p: int) -> int:
        return p * self.dim

    def init(self, rng: np.random.Generator, theta: Mapping[str, Array]) -> None:
        """E is normal with mean 0 and standard deviation ``std``; 0 for padding."""
        if self.std:
            theta["E"][...] = rng.normal(0, self.std, theta["E"].shape)
        if self.padding is not None:
            theta["E"][self.padding] = 0

    def check_inputs(self, X: Any) -> None:
        """Raise `InputError` unless every entry is one of the codes, or X is CSR (n, codes)."""
        if is_sparse(X):
            if X.shape[1] != self.codes:
                raise InputError(
                    f"EmbeddingBag: a CSR matrix must have {self.codes:,} columns, one for each "
                    f"code, got {X.shape[1]:,}; EmbeddingBag.matrix makes such a matrix of lists"
                )
            if self.mode == "mean" and X.nnz and not X.data.min() >= 0:
                raise InputError(
                    f"EmbeddingBag: the mean needs weights of at least 0, got {X.data.min()}; take "
                    "mode='sum'"
                )
            return
        values = np.asarray(X)[:, : self._steps(X.shape[1])]
        with np.errstate(invalid="ignore"):
            good = (values >= 0) & (values < self.codes) & (values == np.floor(values))
        if not good.all():
            row, column = (int(index) for index in np.argwhere(~good)[0])
            raise InputError(
                f"EmbeddingBag: row {row}, column {column}: the code must be one of 0, …, "
                f"{self.codes - 1}, got {values[row, column].item()!r}"
            )

    def lower(self, low: Emitter, x: Buffer | SparseBatch) -> tuple[Buffer, Backward]:
        if isinstance(x, Buffer):
            return super().lower(low, x)
        n, shape = x.shape[0], x.shape[1:]
        y = low.array("y", n, self.dim)
        names: dict[str, Any] = {"y": y, "scale": low.array("scale", n)}
        names |= {"values": x.data, "columns": x.indices, "starts": x.indptr, "i": x.chosen}
        names |= {**self.settings_at(shape), **low.theta(self, shape)}
        flops = 2 * x.nonzeros * n * self.dim
        low.emit(csr.forward, names, flops=flops)

        def backward(dy: Buffer, wants_dx: bool) -> Buffer | None:
            low.backward_theta(self, shape, csr.backward_theta, {**names, "dy": dy}, flops)
            return None  # nobody asks for ∂ℓ/∂X of a CSR matrix

        return y, backward

    def onnx(self, g: OnnxGraph) -> str:
        """(n, T) -> (n, T, dim) -> (n, dim)"""
        rows, steps, last = np.array(g.theta["E"]), self._steps(g.shape[-1]), len(g.shape)
        if self.padding is not None:
            rows[self.padding] = 0
        codes, axis = g.x, g.constant([last], np.int64)
        if self.weighted:
            ends = [g.constant([k], np.int64) for k in (0, steps, 2 * steps)]
            codes = g.op("Slice", g.x, ends[0], ends[1], axis)
            weights = g.op("Slice", g.x, ends[1], ends[2], axis)
        each = g.op("Gather", g.constant(rows), g.cast(codes, np.int64))
        if self.weighted:
            behind = g.constant([last + 1], np.int64)
            each = g.op("Mul", each, g.op("Unsqueeze", weights, behind))
        total = g.op("ReduceSum", each, axis, keepdims=0)
        if self.mode == "sum":
            return total
        if self.padding is None:
            return g.op("Div", total, g.constant(steps))
        there = g.op("Not", g.op("Equal", codes, g.constant(self.padding)))
        many = g.op("ReduceSum", g.cast(there, np.float32), axis, keepdims=1)
        return g.op("Div", total, g.op("Max", many, g.constant(1)))

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        of_bag = Op("Gather", "E", Op("Cast", "x", to=_INT64))
        total = Op("ReduceSum", of_bag, "axis", keepdims=0)
        there = Op("Not", Op("Equal", "x", "padding"))
        many = Op("Max", Op("ReduceSum", there, "also", keepdims=1), 1.0)
        codes = Op("Slice", "x", "none", "half", "last")
        weights = Op("Unsqueeze", Op("Slice", "x", "middle", "end", "along"), "behind")
        weighted = Op("Mul", Op("Gather", "E", Op("Cast", codes, to=_INT64)), weights)
        return (
            Form(total, lambda kind, node: _read(kind, node, "sum")),
            Form(Op("Div", total, "many"), _read_mean),
            Form(Op("Div", total, many), _read_padded),
            Form(Op("ReduceSum", weighted, "axis", keepdims=0), _read_weighted),
        )

    # With weights, T codes of a row are followed by T weights; without, each is 1.

    @staticmethod
    def forward(
        x: Array,
        y: Array,
        E: Array,
        scale: Array,
        mean: int,
        hidden: int,
        weighted: int,
        rows: range,
    ) -> None:
        """y = scale Σ_t w_t E[x_t]"""
        codes, dim = E.shape
        steps = x.shape[1] >> weighted
        zero, one, above = y.dtype.type(0), y.dtype.type(1), x.dtype.type(codes)
        for i in rows:
            total = zero
            for d in range(dim):
                y[i, d] = zero
            for t in range(steps):
                v, w = x[i, t], x[i, x.shape[1] - steps + t]
                code = np.int64(v if (v >= zero) & (v < above) else zero)  # stays inside E
                if code != hidden:
                    w = w if weighted != 0 else one
                    total += w
                    for d in range(dim):
                        y[i, d] += w * E[code, d]
            scale[i] = one / total if (mean != 0) & (total > 0) else one
            for d in range(dim):
                y[i, d] *= scale[i]

    @staticmethod
    def backward_x(
        x: Array, E: Array, dy: Array, dx: Array, hidden: int, weighted: int, rows: range
    ) -> None:
        """dx = 0, and behind it dw_t = E[x_t] dy"""
        codes, dim = E.shape
        steps = x.shape[1] >> weighted
        zero, above = x.dtype.type(0), x.dtype.type(codes)
        for i in rows:
            for t in range(steps):
                v, total = x[i, t], zero
                code = np.int64(v if (v >= zero) & (v < above) else zero)
                if (code != hidden) & (weighted != 0):
                    for d in range(dim):
                        total += E[code, d] * dy[i, d]
                dx[i, x.shape[1] - steps + t] = total
                if weighted != 0:
                    dx[i, t] = zero

    @staticmethod
    def backward_theta(
        x: Array,
        scale: Array,
        dy: Array,
        dE: Array,
        alpha: float,
        hidden: int,
        weighted: int,
        thread: int,
        threads: int,
    ) -> None:
        """dE[x] += alpha scale w dy, unless x is hidden"""
        codes, dim = dE.shape
        steps = x.shape[1] >> weighted
        zero, one, above = x.dtype.type(0), x.dtype.type(1), x.dtype.type(codes)
        first, last = codes * thread // threads, codes * (thread + 1) // threads
        for i in range(x.shape[0]):
            for t in range(steps):
                v, w = x[i, t], x[i, x.shape[1] - steps + t]
                code = np.int64(v if (v >= zero) & (v < above) else zero)
                if (first <= code < last) & (code != hidden):  # every thread owns some of the codes
                    step = alpha * scale[i] * (w if weighted != 0 else one)
                    for d in range(dim):
                        dE[code, d] += step * dy[i, d]

    @staticmethod
    def touches(x: Array, E: Array, places: Array, rows: range) -> None:
        """places = x, without weights"""
        zero, above = x.dtype.type(0), x.dtype.type(E.shape[0])
        for i in rows:
            for t in range(places.shape[1]):
                v = x[i, t]
                places[i, t] = np.int32(v if (v >= zero) & (v < above) else zero)


def _read(
    kind: Any, node: OnnxNode, mode: str, padding: int | None = None, *, weighted: bool = False
) -> Reading | None:
    """Of a bag whose codes are a row of x."""
    E, shape = node.array("E"), node.examples("x")
    if E.ndim != 2 or 0 in E.shape or shape is None or shape[0] != 1 or len(shape[1]) != 1:
        return None
    if node.whole("axis") != [1]:
        return None
    layer = kind(*E.shape, mode, padding=padding, weighted=weighted)
    return Reading(layer, node.value("x"), {"E": E}, rank=1)


def _read_mean(kind: Any, node: OnnxNode) -> Reading | None:
    shape = node.examples("x")
    if shape is None or shape[1] != (int(node.number("many")),):
        return None
    return _read(kind, node, "mean")


def _read_padded(kind: Any, node: OnnxNode) -> Reading | None:
    """Of a mean over the codes that are not padding; the row of padding is zero."""
    padding, E = node.number("padding"), node.array("E")
    if node.whole("also") != [1] or padding not in range(len(E)) or E[int(padding)].any():
        return None
    return _read(kind, node, "mean", int(padding))


def _read_weighted(kind: Any, node: OnnxNode) -> Reading | None:
    """Of codes and behind them as many weights."""
    shape = node.examples("x")
    if shape is None or len(shape[1]) != 1 or shape[1][0] % 2:
        return None
    steps = shape[1][0] // 2
    cuts = {"none": 0, "half": steps, "last": 1, "middle": steps, "end": 2 * steps, "along": 1}
    if any(node.whole(name) != [value] for name, value in {**cuts, "behind": 2}.items()):
        return None
    return _read(kind, node, "sum", weighted=True)


examples = (
    EmbeddingBag(5, 3),
    EmbeddingBag(7, 2, "sum", padding=5),
    EmbeddingBag(4, 2, lazy=True, padding=0),
    EmbeddingBag(5, 3, "sum", padding=0, weighted=True),
)
