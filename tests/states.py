"""Layers with state, written as a user would."""

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from steepest import Layer, Parameter, State


@dataclass(frozen=True, repr=False)
class Centre(Layer):
    """y = x − m, where m follows the mean of the batches; their number is counted.

    What is subtracted is the m from before the step, so ∂y/∂x is 1.
    """

    torch_names: ClassVar = {"m": "running_mean"}

    rate: float = 0.1

    def state(self, p):
        return {"m": State((p,)), "count": State((1,), averaged=False)}

    @staticmethod
    def forward(x, y, m, rows):
        """y = x − m"""
        for i in rows:
            for j in range(x.shape[1]):
                y[i, j] = x[i, j] - m[j]

    @staticmethod
    def forward_training(x, y, m, count, rate):
        """y = x − m; m += rate (mean(x) − m); count += 1"""
        for j in range(x.shape[1]):
            total = x.dtype.type(0)
            for i in range(x.shape[0]):
                y[i, j] = x[i, j] - m[j]
                total += x[i, j]
            m[j] += rate * (total / x.dtype.type(x.shape[0]) - m[j])
        count[0] += 1

    @staticmethod
    def backward_x(dy, dx, rows):
        """dx = dy"""
        for i in rows:
            for j in range(dy.shape[1]):
                dx[i, j] = dy[i, j]

    def onnx(self, g):
        return g.op("Sub", g.x, g.constant(g.state["m"]))


@dataclass(frozen=True, repr=False)
class CentreAll(Centre):
    """`Centre` of every entry of an example, whatever its shape: it knows shapes."""

    def output_shape(self, shape):
        return shape

    def state_at(self, shape):
        return self.state(prod(shape))

    def onnx(self, g):
        return g.op("Sub", g.x, g.constant(g.state["m"].reshape(1, *g.shape)))


@dataclass(frozen=True, repr=False)
class ScaledCentre(Layer):
    """y = s ⊙ (x − m), where m follows the mean of the batches: a parameter beside the state.

    Kernels of the backward pass find the new m, so what was subtracted is kept in u.
    """

    rate: float = 0.25

    def parameters(self, p):
        return {"s": Parameter((p,), decays=True)}

    def state(self, p):
        return {"m": State((p,), start=0.5)}

    def memory(self, n, p):
        return {"u": (n, p)}

    def init(self, rng, theta):
        theta["s"][...] = 1

    @staticmethod
    def forward(x, y, u, s, m, rows):
        """u = x − m; y = s ⊙ u"""
        for i in rows:
            for j in range(x.shape[1]):
                u[i, j] = x[i, j] - m[j]
                y[i, j] = s[j] * u[i, j]

    @staticmethod
    def forward_training(x, y, u, s, m, rate, units):
        """u = x − m; y = s ⊙ u; m += rate mean(u)"""
        for j in units:
            total = x.dtype.type(0)
            for i in range(x.shape[0]):
                u[i, j] = x[i, j] - m[j]
                y[i, j] = s[j] * u[i, j]
                total += u[i, j]
            m[j] += rate * (total / x.dtype.type(x.shape[0]))

    @staticmethod
    def backward_x(dy, dx, s, rows):
        """dx = s ⊙ dy"""
        for i in rows:
            for j in range(dy.shape[1]):
                dx[i, j] = s[j] * dy[i, j]

    @staticmethod
    def backward_theta(dy, u, ds, alpha, units):
        """ds += alpha Σ_n dy ⊙ u"""
        for i in range(dy.shape[0]):
            for j in units:
                ds[j] += alpha * dy[i, j] * u[i, j]


examples = (Centre(), CentreAll(), ScaledCentre())
