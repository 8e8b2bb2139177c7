"""PiecewiseLinear: continuous functions of every input that bend at knots; (n, p) -> (n, p·dim).

For input j with T bins, from l_jt with width 1/s_jt, and m = dim − 1 functions,

    e_jt = s_jt (x_j − l_jt), not below 0 and not above 1
    y_j  = [x_j, W_j e_j + c_j]                    W (p·m, T), c (p, m)

e_jt is 0 to the left of bin t and 1 to the right of it, so y bends at the edges of the bins and
nowhere else, and is constant beyond the last ones. Edges are quantiles of the training rows
(`init_from_data`); before that, bins of equal width from −2 to 2. They are state, and stay. So that
they tell little of single rows, each is about the mean of `SHARED` rows, rounded to a thousandth of
the range.

Source: Gorishniy, Rubachev & Babenko, "On embeddings for numerical features in tabular deep
learning", NeurIPS 2022, arXiv:2203.05556, section 3.2 ("PLE").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..kernels.fma import fma
from ..layer import Array, Layer, Parameter, State
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, OnnxNode, Op, Reading
from ..validate import number, positive_count
from ._columns import (
    INPUTS,
    MIXTURES,
    ROWS,
    begin_columns,
    read_columns,
    sum_columns,
    work_columns,
    write_columns,
)

__all__ = ["PiecewiseLinear"]

_FROM, _TO = -2.0, 2.0
SHARED, FINE = 5, 1024


@dataclass(frozen=True, repr=False)
class PiecewiseLinear(Layer):
    """Numeric embedding: each input becomes itself and ``dim − 1`` piecewise linear functions.

    Parameters
    ----------
    bins : int
        T, for each input; fewer are used where the data have fewer distinct quantiles.
    dim : int
        Entries that stand for an input, itself among them; at least 2.
    """

    bins: int = 32
    dim: int = 8

    def __post_init__(self) -> None:
        positive_count("PiecewiseLinear", "bins", self.bins)
        number("PiecewiseLinear", "dim", self.dim, least=2, whole=True)

    def outputs(self, p: int) -> int:
        """Return p·dim."""
        return p * self.dim

    def parameters(self, p: int) -> dict[str, Parameter]:
        """Return W (p·(dim − 1), T), c (p, dim − 1)."""
        m = self.dim - 1
        return {"W": Parameter((p * m, self.bins)), "c": Parameter((p, m))}

    def state(self, p: int) -> dict[str, State]:
        """Return left (p, T) and scale (p, T): where bins begin, and 1 over their widths."""
        edges = np.linspace(_FROM, _TO, self.bins + 1)
        left, scale = edges[:-1], 1 / np.diff(edges)
        return {
            "left": State((p, self.bins), start=tuple(left)),
            "scale": State((p, self.bins), start=tuple(scale)),
        }

    def memory(self, n: int, p: int) -> dict[str, tuple[int, ...]]:
        """Return room for columns of x and y."""
        return {"work": (n, work_columns(p, self.dim))}

    def init(self, rng: np.random.Generator, theta: Mapping[str, Array]) -> None:
        """W and c ~ U(±1/√T)"""
        bound = 1 / np.sqrt(self.bins)
        for name in ("W", "c"):
            theta[name][...] = rng.uniform(-bound, bound, theta[name].shape)

    @staticmethod
    def init_from_data(rng: np.random.Generator, x: Array, arrays: Mapping[str, Array]) -> None:
        """The edges of the bins are quantiles of x; an input that does not vary has no bins."""
        levels = np.linspace(0, 1, arrays["left"].shape[1] + 1)
        for j, column in enumerate(x.reshape(-1, x.shape[-1]).T):
            edges = np.unique(_rounded(np.quantile(_means(column.astype(np.float64)), levels)))
            widths = np.diff(edges)
            left, scale = arrays["left"][j], arrays["scale"][j]
            left[...], scale[...] = edges[0], 0
            left[: len(widths)], scale[: len(widths)] = edges[:-1], 1 / widths

    def flops(self, p: int) -> int:
        """Return those of the functions, and 4 for each bin."""
        return p * self.bins * (2 * (self.dim - 1) + 4)

    def onnx(self, g: OnnxGraph) -> str:
        """(n, p) -> (n, p, 1) -> (n, p, dim) -> (n, p·dim)"""
        middle = g.constant([2], np.int64)
        x = g.op("Unsqueeze", g.x, middle)
        e = g.op("Mul", g.op("Sub", x, g.constant(g.state["left"])), g.constant(g.state["scale"]))
        e = g.op("Clip", e, g.constant(0), g.constant(1))
        W = g.theta["W"].reshape(g.p, self.dim - 1, -1).transpose(0, 2, 1)  # (p, T, m)
        h = g.op("MatMul", g.op("Unsqueeze", e, middle), g.constant(W))
        h = g.op("Add", g.op("Squeeze", h, middle), g.parameter("c"))
        return g.op("Flatten", g.op("Concat", x, h, axis=2), axis=1)

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return (Form(_pattern(), _read),)

    @staticmethod
    def forward(
        x: Array,
        y: Array,
        left: Array,
        scale: Array,
        W: Array,
        c: Array,
        work: Array,
        rows: range,
    ) -> None:
        """e = scale (x − left), from 0 to 1; y = [x, W e + c] for each input"""
        p, m = c.shape
        dim, start, end = m + 1, np.int64(rows.start), np.int64(rows.stop)
        own = work[start:].reshape(-1)
        for begin in range(start, end, ROWS):
            n = min(ROWS, end - begin)
            spare = own[: (MIXTURES - 1) * n].reshape(MIXTURES - 1, n)
            for first in range(0, p, INPUTS):
                inputs = min(INPUTS, p - first)
                columns = own[spare.size : spare.size + inputs * dim * n].reshape(inputs * dim, n)
                for u in range(inputs):
                    j, at = first + u, columns[u * dim : (u + 1) * dim]
                    begin_columns(x[begin : begin + n], j, c[j], at)
                    _add_bins(at, spare, left[j], scale[j], W[j * m : (j + 1) * m])
                write_columns(columns, first * dim, y[begin : begin + n])

    @staticmethod
    def backward_x(
        x: Array, dy: Array, dx: Array, left: Array, scale: Array, W: Array, c: Array, rows: range
    ) -> None:
        """dx = dy₀ + Σ_t scale ⊙ Wᵀ dy, over the bin that x lies in"""
        real = dx.dtype.type
        p, T, m = scale.shape[0], scale.shape[1], c.shape[1]
        for i in rows:
            for j in range(p):
                v, total = x[i, j], real(0)
                for t in range(T):
                    u = scale[j, t] * (v - left[j, t])
                    slope = scale[j, t] if u * (real(1) - u) > real(0) else real(0)
                    for o in range(m):
                        total += dy[i, j * (m + 1) + 1 + o] * W[j * m + o, t] * slope
                dx[i, j] = dy[i, j * (m + 1)] + total

    @staticmethod
    def backward_theta(
        x: Array,
        dy: Array,
        left: Array,
        scale: Array,
        work: Array,
        dW: Array,
        dc: Array,
        alpha: float,
        thread: int,
        threads: int,
    ) -> None:
        """dW += alpha dy eᵀ, dc += alpha Σ dy"""
        (p, m), n = dc.shape, x.shape[0]
        dim, end = m + 1, np.int64(p * (thread + 1) // threads)
        begin = np.int64(p * thread // threads)
        own = work.reshape(-1)[begin * dim * n :]
        for first in range(begin, end, INPUTS):
            inputs = min(INPUTS, end - first)
            columns = own[: inputs * dim * n].reshape(inputs * dim, n)
            read_columns(x, dy, alpha, first, columns)
            for u in range(inputs):
                j, at = first + u, columns[u * dim : (u + 1) * dim]
                _add_gradients(at, left[j], scale[j], dW[j * m : (j + 1) * m])
                sum_columns(at, dc[j])


def _add_bins(columns: Array, spare: Array, left: Array, scale: Array, W: Array) -> None:
    """columns[1:] += W e, of one input; ``spare`` is written over"""
    real, m, v = columns.dtype.type, W.shape[0], columns[0]
    for o in range(0, m, MIXTURES):
        y_0 = columns[1 + o]
        y_1 = columns[2 + o] if o + 1 < m else spare[0]
        y_2 = columns[3 + o] if o + 2 < m else spare[1]
        for t in range(left.shape[0]):
            from_, rate, w_0 = left[t], scale[t], W[o, t]
            w_1 = W[o + 1, t] if o + 1 < m else real(0)
            w_2 = W[o + 2, t] if o + 2 < m else real(0)
            for i in range(v.shape[0]):
                e = _share(v[i], from_, rate, v)
                y_0[i] = fma(w_0, e, y_0[i])
                y_1[i] = fma(w_1, e, y_1[i])
                y_2[i] = fma(w_2, e, y_2[i])


def _add_gradients(columns: Array, left: Array, scale: Array, dW: Array) -> None:
    """dW += dy eᵀ, of one input, whose x is columns[0] and whose dy is columns[1:]"""
    real, m, v = columns.dtype.type, dW.shape[0], columns[0]
    for t in range(left.shape[0]):
        from_, rate = left[t], scale[t]
        for o in range(0, m, MIXTURES):
            d_0, d_1, d_2 = columns[1 + o], columns[min(2 + o, m)], columns[min(3 + o, m)]
            s_0, s_1, s_2 = real(0), real(0), real(0)
            for i in range(v.shape[0]):
                e = _share(v[i], from_, rate, v)
                s_0 += d_0[i] * e
                s_1 += d_1[i] * e
                s_2 += d_2[i] * e
            dW[o, t] += s_0
            if o + 1 < m:
                dW[o + 1, t] += s_1
            if o + 2 < m:
                dW[o + 2, t] += s_2


def _share(v: Any, left: Any, scale: Any, like: Array) -> Any:
    """Return how much of a bin lies to the left of v: from 0 to 1."""
    zero, one = like.dtype.type(0), like.dtype.type(1)
    e = scale * (v - left)
    e = zero if e < zero else e
    return one if e > one else e


def _means(column: Array) -> Array:
    """Return the means of each `SHARED` neighbours in order; of fewer numbers, of them all."""
    width = min(SHARED, len(column))
    found: Array = np.lib.stride_tricks.sliding_window_view(np.sort(column), width).mean(axis=1)
    return found


def _rounded(edges: Array) -> Array:
    """Return ascending numbers rounded to 1/`FINE` of their range."""
    step = (edges[-1] - edges[0]) / FINE
    if step == 0:
        return edges
    found: Array = edges[0] + step * np.round((edges - edges[0]) / step)
    return found


def _pattern() -> Op:
    """Return what `PiecewiseLinear.onnx` writes."""
    x = Op("Unsqueeze", "x", "middle")
    e = Op("Clip", Op("Mul", Op("Sub", x, "left"), "scale"), 0.0, 1.0)
    mixed = Op("Squeeze", Op("MatMul", Op("Unsqueeze", e, "middle"), "W"), "middle")
    return Op("Flatten", Op("Concat", x, Op("Add", mixed, "c"), axis=2), axis=1)


def _read(kind: Any, node: OnnxNode) -> Reading:
    left, scale, W, c = (node.array(name) for name in ("left", "scale", "W", "c"))
    if node.whole("middle") != [2] or left.ndim != 2 or c.ndim != 2:
        raise node.error("is no PiecewiseLinear: it adds other axes")
    (p, T), m = left.shape, c.shape[1]
    if scale.shape != (p, T) or W.shape != (p, T, m) or len(c) != p or 0 in W.shape:
        raise node.error("is no PiecewiseLinear: its constants do not fit together")
    theta = {
        "W": W.transpose(0, 2, 1).reshape(p * m, T),
        "c": c,
        "left": left,
        "scale": scale,
    }
    return Reading(kind(T, m + 1), node.value("x"), theta, takes=p)


examples = (PiecewiseLinear(), PiecewiseLinear(5, 2))
