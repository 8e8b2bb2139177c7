"""GroupNorm: groups of channels of an example to mean 0 and variance 1; (n, …, p) -> (n, …, p).

y = gamma ⊙ (x − μ)/σ + beta, gamma (p,), beta (p,). μ is the mean over all pixels of the example
and the channels of the group, σ² = mean (x − μ)² + eps.

Source: Wu & He, "Group normalization", ECCV 2018, arXiv:1803.08494, equations 1, 2 and 7.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import InputError
from ..layer import Array, Layer, Parameter, Shape
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, OnnxNode, Op, Reading
from ..validate import number, positive_count

__all__ = ["GroupNorm"]


@dataclass(frozen=True, repr=False)
class GroupNorm(Layer):
    """Normalise groups of channels, in every example by itself; then scale and shift channels.

    It keeps no state, and an example doesn't depend on others in its batch: `BatchNorm` for batches
    that are small, or of one example.

    Parameters
    ----------
    groups : int
        1 for all channels together, p for each by itself; p must be a multiple of it.
    eps : float
        Added to the variance.
    """

    scales_and_shifts: ClassVar[tuple[str, int, str]] = ("gamma", 0, "beta")
    torch_names: ClassVar[Mapping[str, str]] = {"gamma": "weight", "beta": "bias"}

    groups: int
    eps: float = 1e-5

    def __post_init__(self) -> None:
        positive_count("GroupNorm", "groups", self.groups)
        number("GroupNorm", "eps", self.eps, above=0)

    def output_shape(self, shape: Shape) -> Shape:
        if shape[-1] % self.groups:
            raise InputError(
                f"GroupNorm: {shape[-1]} channels can't be shared out to {self.groups} groups; "
                "their number must be a multiple of groups"
            )
        return shape

    def parameters_at(self, shape: Shape) -> dict[str, Parameter]:
        """Return gamma (p,) and beta (p,)."""
        return {"gamma": Parameter((shape[-1],)), "beta": Parameter((shape[-1],))}

    def memory_at(self, n: int, shape: Shape) -> dict[str, tuple[int, ...]]:
        """Return the shapes of μ and 1/σ."""
        return {"mean": (n, self.groups), "inverse": (n, self.groups)}

    def settings_at(self, shape: Shape) -> dict[str, Any]:
        """Return eps, and the channels of a group."""
        return {"eps": float(self.eps), "channels": shape[-1] // self.groups}

    def init(self, rng: np.random.Generator, theta: Mapping[str, Array]) -> None:
        """gamma = 1, beta = 0"""
        theta["gamma"][...] = 1
        theta["beta"][...] = 0

    def flops_at(self, shape: Shape) -> int:
        return 8 * math.prod(shape)

    def onnx(self, g: OnnxGraph) -> str:
        *pixels, p = g.shape
        groups, width = self.groups, p // self.groups
        split = g.constant([-1, math.prod(pixels), groups, width], np.int64)
        x = g.op("Reshape", g.x, split)
        axes = g.constant([1, 3], np.int64)
        u = g.op("Sub", x, g.op("ReduceMean", x, axes, keepdims=1))
        variance = g.op("ReduceMean", g.op("Mul", u, u), axes, keepdims=1)
        root = g.op("Sqrt", g.op("Add", variance, g.constant(self.eps)))
        joined = g.constant([-1, *g.shape], np.int64)
        normal = g.op("Reshape", g.op("Div", u, root), joined)
        return g.op("Add", g.op("Mul", normal, g.parameter("gamma")), g.parameter("beta"))

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        x = Op("Reshape", "x", "split")
        u = Op("Sub", x, Op("ReduceMean", x, "axes", keepdims=1))
        square = Op("ReduceMean", Op("Mul", u, u), "axes", keepdims=1)
        normal = Op("Div", u, Op("Sqrt", Op("Add", square, "eps")))
        instances = Op("InstanceNormalization", x, "gamma", "beta", epsilon=None).called("normal")
        return (
            Form(Op("Reshape", instances, "joined"), _read_groups),
            Form(Op("Reshape", normal, "joined"), _read_spelled_out),
            Form(Op("InstanceNormalization"), _read_instances),
            Form(Op("GroupNormalization"), _read),
        )

    @staticmethod
    def forward(
        x: Array,
        y: Array,
        gamma: Array,
        beta: Array,
        mean: Array,
        inverse: Array,
        eps: float,
        channels: int,
        rows: range,
    ) -> None:
        """y = gamma ⊙ (x − mean) ⊙ inverse + beta, inverse = 1/√(var(x) + eps)"""
        p, size, one = gamma.shape[0], x.shape[1], x.dtype.type(1)
        share = one / x.dtype.type(size // p * channels)
        for i in rows:
            for g in range(mean.shape[1]):
                begin = g * channels
                total, squares = x.dtype.type(0), x.dtype.type(0)
                for start in range(begin, size, p):
                    for j in range(channels):
                        total += x[i, start + j]
                middle = total * share
                for start in range(begin, size, p):
                    for j in range(channels):
                        d = x[i, start + j] - middle
                        squares += d * d
                factor = one / x.dtype.type(math.sqrt(squares * share + eps))
                for start in range(begin, size, p):
                    for j in range(channels):
                        u = (x[i, start + j] - middle) * factor
                        y[i, start + j] = gamma[begin + j] * u + beta[begin + j]
                mean[i, g] = middle
                inverse[i, g] = factor

    @staticmethod
    def backward_x(
        x: Array,
        dy: Array,
        dx: Array,
        gamma: Array,
        mean: Array,
        inverse: Array,
        channels: int,
        rows: range,
    ) -> None:
        """dx = inverse ⊙ (d − mean d − u mean(d ⊙ u)), d = gamma ⊙ dy, u = (x − mean) ⊙ inverse"""
        p, size = gamma.shape[0], x.shape[1]
        share = x.dtype.type(1) / x.dtype.type(size // p * channels)
        for i in rows:
            for g in range(mean.shape[1]):
                begin, middle, factor = g * channels, mean[i, g], inverse[i, g]
                along_1, along_u = x.dtype.type(0), x.dtype.type(0)
                for start in range(begin, size, p):
                    for j in range(channels):
                        d = gamma[begin + j] * dy[i, start + j]
                        along_1 += d
                        along_u += d * ((x[i, start + j] - middle) * factor)
                along_1 *= share
                along_u *= share
                for start in range(begin, size, p):
                    for j in range(channels):
                        u = (x[i, start + j] - middle) * factor
                        d = gamma[begin + j] * dy[i, start + j]
                        dx[i, start + j] = factor * (d - along_1 - u * along_u)

    @staticmethod
    def backward_theta(
        x: Array,
        dy: Array,
        dgamma: Array,
        dbeta: Array,
        mean: Array,
        inverse: Array,
        alpha: float,
        channels: int,
        thread: int,
        threads: int,
    ) -> None:
        """dgamma += alpha Σ dy ⊙ (x − mean) ⊙ inverse; dbeta += alpha Σ dy"""
        p, groups = dgamma.shape[0], mean.shape[1]
        for i in range(x.shape[0]):
            for g in range(groups * thread // threads, groups * (thread + 1) // threads):
                begin, middle, factor = g * channels, mean[i, g], inverse[i, g]
                for start in range(0, x.shape[1], p):
                    for j in range(begin, begin + channels):
                        d = alpha * dy[i, start + j]
                        dgamma[j] += d * ((x[i, start + j] - middle) * factor)
                        dbeta[j] += d


def _read_spelled_out(kind: Any, node: OnnxNode) -> Reading | None:
    """As it is written, without gamma and beta, which are a map behind it."""
    if not node.is_constant("eps") or node.whole("axes") != [1, 3]:
        return None
    (n, *split), (m, *shape) = node.whole("split"), node.whole("joined")
    if n != m or len(split) != 3 or split != [math.prod(shape[:-1]), split[1], split[2]]:
        return None
    if split[1] * split[2] != shape[-1] or min(split) < 1:
        return None
    theta = {"gamma": np.ones(1, np.float32), "beta": np.zeros(1, np.float32)}
    layer = kind(split[1], node.number("eps"))
    return Reading(layer, node.value("x"), theta, rank=len(shape), shape=tuple(shape))


def _read_groups(kind: Any, node: OnnxNode) -> Reading | None:
    """Of groups of channels, each as if it were a channel; gamma and beta are a map behind it."""
    normal, groups = node.made_by("normal"), node.row("gamma").size
    plain = (node.row("gamma") == 1).all() and (node.row("beta") == 0).all()
    before, split, after = node.examples("x"), normal.examples(0), node.makes()
    if not plain or before is None or split is None or before != after:
        return None
    (rows, shape), (rows_split, parts) = before, split
    if rows != rows_split or len(parts) < 2 or parts[0] != groups or shape[0] % groups:
        return None
    theta = {"gamma": np.ones(1, np.float32), "beta": np.zeros(1, np.float32)}
    layer = kind(groups, normal.given(3, epsilon=1e-5)["epsilon"])
    return Reading(layer, node.value("x"), theta, axis=1, rank=len(shape))


def _read_instances(kind: Any, node: OnnxNode) -> Reading:
    """Of every channel by itself."""
    given = node.given(3, epsilon=1e-5)
    theta = {"gamma": node.row(1), "beta": node.row(2)}
    channels = theta["gamma"].size
    return Reading(kind(channels, given["epsilon"]), node.value(0), theta, takes=channels, axis=1)


def _read(kind: Any, node: OnnxNode) -> Reading:
    given = node.given(3, epsilon=1e-5, num_groups=0, stash_type=1)
    theta, groups = {"gamma": node.row(1), "beta": node.row(2)}, given["num_groups"]
    channels = theta["gamma"].size
    found = node.examples(0)
    if found is None or found[1][0] != channels:
        raise node.error(f"has {channels} factors; expected one for each channel")
    return Reading(kind(groups, given["epsilon"]), node.value(0), theta, takes=channels, axis=1)


examples = (GroupNorm(1), GroupNorm(5, eps=0.1))
