"""BatchNorm: every column to mean 0 and variance 1 over the batch; (n, …, p) -> (n, …, p).

While training, y = gamma ⊙ (x − μ)/√(σ² + eps) + beta, with the mean μ and the variance σ² of each
column over all rows of the batch; gamma (p,), beta (p,). Running averages of both are kept as
state, and a prediction takes them for μ and σ².

Source: Ioffe & Szegedy, "Batch normalization", ICML 2015, arXiv:1502.03167, Algorithms 1 and 2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..emitter import Backward, Emitter
from ..engine.operands import Buffer
from ..layer import Array, Layer, Parameter, State
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, OnnxNode, Op, Reading
from ..validate import number
from .affine import Affine

__all__ = ["BatchNorm"]

_BLOCK = np.int64(64)
"""Rows whose sums are taken together. Which these are depends on no number of threads."""
_FAR = 8.0  # a mean so many standard deviations from 0 costs float32 a digit


@dataclass(frozen=True, repr=False)
class BatchNorm(Layer):
    """Normalise each column over the batch, then scale and shift it: of images, each channel.

    Φ, with u = (x − μ)/σ and N rows: dgamma = Σ dy ⊙ u, dbeta = Σ dy, and
    dx = gamma/σ ⊙ (dy − dbeta/N − u ⊙ dgamma/N).

    While training, an example's output depends on all others of its batch, which should hold at
    least some 16; also on those that other processes have. Gradients at a fixed θ
    (`steepest.Gradients`) take the kept averages as given.

    Parameters
    ----------
    momentum : float
        Weight of the old average at each step: mean ← momentum · mean + (1 − momentum) μ, as in
        Keras and ONNX. PyTorch's momentum is 1 minus this. The first steps of a training count
        alike, until a step has that weight: so a training of a few steps predicts from its own
        batches, and not from the values that the averages begin with. The average of variances
        takes Σ (x − μ)²/(N − 1), as PyTorch does; Keras divides by N. One row has no variance.
    eps : float
        Added to the variance.
    """

    torch_names: ClassVar[Mapping[str, str]] = {
        "gamma": "weight",
        "beta": "bias",
        "mean": "running_mean",
        "variance": "running_var",
    }
    torch_others: ClassVar[tuple[str, ...]] = ("num_batches_tracked",)
    predicts_alike: ClassVar[bool] = False
    sums_over_processes: ClassVar[bool] = True
    scales_and_shifts: ClassVar[tuple[str, int, str]] = ("gamma", 0, "beta")

    momentum: float = 0.9
    eps: float = 1e-5

    def __post_init__(self) -> None:
        number("BatchNorm", "momentum", self.momentum, least=0, below=1)
        number("BatchNorm", "eps", self.eps, above=0)

    def parameters(self, p: int) -> dict[str, Parameter]:
        """Return gamma (p,) and beta (p,)."""
        return {"gamma": Parameter((p,)), "beta": Parameter((p,))}

    def state(self, p: int) -> dict[str, State]:
        """Return the averages of μ (p,) and of the variance (p,)."""
        return {"mean": State((p,)), "variance": State((p,), start=1.0)}

    def init(self, rng: np.random.Generator, theta: Mapping[str, Array]) -> None:
        """gamma = 1, beta = 0"""
        theta["gamma"][...] = 1
        theta["beta"][...] = 0

    def flops(self, p: int) -> int:
        """Return the operations for one row."""
        return 8 * p

    def onnx(self, g: OnnxGraph) -> str:
        mean, variance = g.state["mean"], g.state["variance"]
        root = np.sqrt(variance + self.eps)
        if (np.abs(mean) <= _FAR * root).all():
            own = [g.constant(array) for array in (mean, variance)]
            inputs = g.x, g.parameter("gamma"), g.parameter("beta"), *own
            numbers = {"epsilon": float(self.eps), "momentum": float(self.momentum)}
            return g.op("BatchNormalization", *inputs, **numbers)
        # ONNX Runtime would compute a x + (beta − a mean), whose summands are far larger.
        u = g.op("Div", g.op("Sub", g.x, g.constant(mean)), g.constant(root))
        return g.op("Add", g.op("Mul", u, g.parameter("gamma")), g.parameter("beta"))

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return (Form(Op("BatchNormalization"), _read),)

    def lower(self, low: Emitter, x: Buffer) -> tuple[Buffer, Backward]:
        """Emit the statistics of the batch, and what they make of x; where nothing trains, those
        that are kept.
        """
        n, p = x.shape
        y, blocks = low.array("y", n, p), -(-n // int(_BLOCK))
        names: dict[str, Any] = {"x": x, "y": y, **self.settings()}
        names |= {**low.theta(self, p), **low.state(self, p)}
        names |= {name: low.array(name, p) for name in ("middle", "inverse", "along_1", "along_u")}
        names |= {
            "blocks": low.share(blocks),
            "columns": low.share(p, 16),
            "count": float(low.all_rows),
        }
        if low.training:
            names |= {name: low.array(name, blocks, p) for name in ("first", "second")}
            low.emit(self.measure, names, flops=3 * n * p)
            if low.shares_batch:
                self._average_jointly(low, names)
            else:
                low.emit(self.average, names, nbytes=0)
        else:
            low.emit(self.recall, names, nbytes=0)
        low.emit(self.forward, names, flops=3 * n * p)

        def backward(dy: Buffer, wants_dx: bool) -> Buffer | None:
            names["dy"] = dy
            dx = names["dx"] = low.array("dx", n, p) if wants_dx else None
            if low.training:
                low.emit(self.sum_up, names, flops=4 * n * p)
                low.emit(self.join, names, nbytes=0)
            if wants_dx:
                kernel = self.backward_x if low.training else self.backward_x_alone
                summed = self._join_all(low, names) if low.training and low.shares_batch else {}
                low.emit(kernel, {**names, **summed}, flops=6 * n * p)
            own = self.backward_theta if low.training else self.backward_theta_alone
            low.backward_theta(self, p, own, names)
            return dx

        return y, backward

    def _average_jointly(self, low: Emitter, names: dict[str, Any]) -> None:
        """Emit the statistics of a batch that several processes share: its means, then the rest."""
        summed = low.array("summed", names["x"].shape[1])
        names = {**names, "summed": summed}
        low.emit(self.sum_rows, names, nbytes=0)
        low.jointly(summed, self.centre, names)
        low.emit(self.sum_squares, names, nbytes=0)
        low.jointly(summed, self.settle, names)

    def _join_all(self, low: Emitter, names: dict[str, Any]) -> dict[str, Buffer]:
        """Emit the sums of all processes, and return them; ``names`` has those of this one."""
        p = names["x"].shape[1]
        along = low.array("along", 2 * p)
        summed = {"along_1": along.part(0, p), "along_u": along.part(p, p)}
        low.emit(self.join, {**names, **summed}, nbytes=0)
        low.jointly(along)
        return summed

    @staticmethod
    def measure(x: Array, first: Array, second: Array, blocks: range) -> None:
        """first = mean x, second = Σ (x − mean x)², over each block of rows"""
        n, p, zero = np.int64(x.shape[0]), x.shape[1], x.dtype.type(0)
        for block in blocks:
            begin = np.int64(block) * _BLOCK
            end = min(begin + _BLOCK, n)
            part = x.dtype.type(1) / x.dtype.type(end - begin)
            for j in range(p):
                first[block, j] = zero
                second[block, j] = zero
            for i in range(begin, end):
                for j in range(p):
                    first[block, j] += x[i, j]
            for j in range(p):
                first[block, j] *= part
            for i in range(begin, end):
                for j in range(p):
                    d = x[i, j] - first[block, j]
                    second[block, j] += d * d

    @staticmethod
    def average(
        x: Array,
        first: Array,
        second: Array,
        middle: Array,
        inverse: Array,
        mean: Array,
        variance: Array,
        momentum: float,
        eps: float,
        step: int,
        columns: range,
    ) -> None:
        """middle = mean x, inverse = 1/√(var(x) + eps); mean and variance averaged with them"""
        n, real = np.int64(x.shape[0]), x.dtype.type
        new = max(real(1) - momentum, real(1) / real(np.int64(step) + 1))
        old = real(1) - new
        for j in columns:
            middle[j] = first[0, j]
            inverse[j] = second[0, j]
        for block in range(1, first.shape[0]):  # (Chan, Golub & LeVeque 1983: two means into one)
            before = np.int64(block) * _BLOCK
            size = min(_BLOCK, n - before)
            share, both = real(size) / real(before + size), real(before) * real(size)
            for j in columns:
                d = first[block, j] - middle[j]
                middle[j] += d * share
                inverse[j] += second[block, j] + d * d * (both / real(before + size))
        for j in columns:
            squares = inverse[j]
            inverse[j] = real(1) / real(math.sqrt(squares / real(n) + eps))
            mean[j] = old * mean[j] + new * middle[j]
            if n > 1:
                variance[j] = old * variance[j] + new * (squares / real(n - 1))

    @staticmethod
    def sum_rows(x: Array, first: Array, summed: Array, columns: range) -> None:
        """summed = Σ x over the rows of this process"""
        n, real = np.int64(x.shape[0]), x.dtype.type
        for j in columns:
            summed[j] = real(0)
        for block in range(first.shape[0]):
            size = min(_BLOCK, n - np.int64(block) * _BLOCK)
            for j in columns:
                summed[j] += real(size) * first[block, j]

    @staticmethod
    def centre(summed: Array, middle: Array, count: float, columns: range) -> None:
        """middle = summed / count"""
        for j in columns:
            middle[j] = summed[j] / middle.dtype.type(count)

    @staticmethod
    def sum_squares(
        x: Array, first: Array, second: Array, middle: Array, summed: Array, columns: range
    ) -> None:
        """summed = Σ (x − middle)² over the rows of this process"""
        n, real = np.int64(x.shape[0]), x.dtype.type
        for j in columns:
            summed[j] = real(0)
        for block in range(first.shape[0]):
            size = min(_BLOCK, n - np.int64(block) * _BLOCK)
            for j in columns:
                d = first[block, j] - middle[j]
                summed[j] += second[block, j] + real(size) * (d * d)

    @staticmethod
    def settle(
        summed: Array,
        middle: Array,
        inverse: Array,
        mean: Array,
        variance: Array,
        count: float,
        momentum: float,
        eps: float,
        step: int,
        columns: range,
    ) -> None:
        """inverse = 1/√(summed/count + eps); mean and variance averaged with middle and summed"""
        real = middle.dtype.type
        n, new = real(count), max(real(1) - momentum, real(1) / real(np.int64(step) + 1))
        old = real(1) - new
        for j in columns:
            inverse[j] = real(1) / real(math.sqrt(summed[j] / n + eps))
            mean[j] = old * mean[j] + new * middle[j]
            if n > real(1):
                variance[j] = old * variance[j] + new * (summed[j] / (n - real(1)))

    @staticmethod
    def recall(
        mean: Array, variance: Array, middle: Array, inverse: Array, eps: float, columns: range
    ) -> None:
        """middle = mean, inverse = 1/√(variance + eps)"""
        for j in columns:
            middle[j] = mean[j]
            inverse[j] = mean.dtype.type(1) / mean.dtype.type(math.sqrt(variance[j] + eps))

    @staticmethod
    def forward(
        x: Array,
        y: Array,
        gamma: Array,
        beta: Array,
        middle: Array,
        inverse: Array,
        rows: range,
    ) -> None:
        """y = gamma ⊙ (x − middle) ⊙ inverse + beta"""
        for i in rows:
            for j in range(x.shape[1]):
                y[i, j] = gamma[j] * ((x[i, j] - middle[j]) * inverse[j]) + beta[j]

    @staticmethod
    def sum_up(
        x: Array,
        dy: Array,
        middle: Array,
        inverse: Array,
        first: Array,
        second: Array,
        blocks: range,
    ) -> None:
        """first = Σ dy, second = Σ dy ⊙ (x − middle) ⊙ inverse, over each block of rows"""
        n, p, zero = np.int64(x.shape[0]), x.shape[1], x.dtype.type(0)
        for block in blocks:
            begin = np.int64(block) * _BLOCK
            for j in range(p):
                first[block, j] = zero
                second[block, j] = zero
            for i in range(begin, min(begin + _BLOCK, n)):
                for j in range(p):
                    first[block, j] += dy[i, j]
                    second[block, j] += dy[i, j] * ((x[i, j] - middle[j]) * inverse[j])

    @staticmethod
    def join(first: Array, second: Array, along_1: Array, along_u: Array, columns: range) -> None:
        """along_1 = Σ first, along_u = Σ second"""
        for j in columns:
            along_1[j] = first[0, j]
            along_u[j] = second[0, j]
        for block in range(1, first.shape[0]):
            for j in columns:
                along_1[j] += first[block, j]
                along_u[j] += second[block, j]

    @staticmethod
    def backward_x(
        x: Array,
        dy: Array,
        dx: Array,
        gamma: Array,
        middle: Array,
        inverse: Array,
        along_1: Array,
        along_u: Array,
        count: float,
        rows: range,
    ) -> None:
        """dx = gamma inverse ⊙ (dy − (along_1 + u ⊙ along_u)/count), u = (x − middle) ⊙ inverse"""
        share = x.dtype.type(1) / x.dtype.type(count)
        for i in rows:
            for j in range(x.shape[1]):
                u = (x[i, j] - middle[j]) * inverse[j]
                d = dy[i, j] - share * (along_1[j] + u * along_u[j])
                dx[i, j] = gamma[j] * inverse[j] * d

    @staticmethod
    def backward_theta(
        alpha: float, dgamma: Array, dbeta: Array, along_1: Array, along_u: Array, columns: range
    ) -> None:
        """dgamma += alpha along_u; dbeta += alpha along_1"""
        for j in columns:
            dgamma[j] += alpha * along_u[j]
            dbeta[j] += alpha * along_1[j]

    @staticmethod
    def backward_x_alone(dy: Array, dx: Array, gamma: Array, inverse: Array, rows: range) -> None:
        """dx = gamma ⊙ inverse ⊙ dy"""
        for i in rows:
            for j in range(dy.shape[1]):
                dx[i, j] = gamma[j] * inverse[j] * dy[i, j]

    @staticmethod
    def backward_theta_alone(
        x: Array,
        dy: Array,
        dgamma: Array,
        dbeta: Array,
        middle: Array,
        inverse: Array,
        alpha: float,
        units: range,
    ) -> None:
        """dgamma += alpha Σ dy ⊙ (x − middle) ⊙ inverse; dbeta += alpha Σ dy"""
        for i in range(x.shape[0]):
            for j in units:
                d = alpha * dy[i, j]
                dgamma[j] += d * ((x[i, j] - middle[j]) * inverse[j])
                dbeta[j] += d


def _read(kind: Any, node: OnnxNode) -> Reading:
    """gamma ⊙ (x − mean)/√(variance + epsilon) + beta, with the mean and variance of the file."""
    given = node.given(5, epsilon=1e-5, momentum=0.9, training_mode=0, spatial=1)
    if given["training_mode"]:
        raise node.error("is in training mode, and normalises each batch by itself")
    names = ("gamma", "beta", "mean", "variance")
    arrays = {name: node.row(k) for k, name in enumerate(names, 1)}
    sizes = {array.size for array in arrays.values()}
    if len(sizes) > 1:
        raise node.error(f"has constants of different widths: {sorted(sizes)}")
    eps, momentum = (float(str(np.float32(given[name]))) for name in ("epsilon", "momentum"))
    gamma, beta, mean, variance = (array.astype(np.float64) for array in arrays.values())
    if not (variance + eps > 0).all():
        raise node.error("has a variance that is not above 0")
    layer = kind(momentum, eps) if eps > 0 and 0 <= momentum < 1 else Affine()
    if isinstance(layer, Affine):  # it can't be trained on as a BatchNorm
        s = gamma / np.sqrt(variance + eps)
        arrays = {"s": s, "b": beta - mean * s}
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise node.error("has constants that, taken together, are too large")
    return Reading(layer, node.value(0), arrays, takes=gamma.size, axis=1)


examples = (BatchNorm(), BatchNorm(momentum=0.5, eps=0.1))
