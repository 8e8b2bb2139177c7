"""The kernels of gradient descent with momentum, μ = momentum; they leave zeros in g."""

from __future__ import annotations

from ..rule import Array

__all__ = ["step_dampened", "step_momentum", "step_nesterov"]


def step_momentum(
    theta: Array, g: Array, v: Array, eta: float, momentum: float, entries: range
) -> None:
    """v = momentum v − eta g; theta += v"""
    for i in entries:
        v[i] = momentum * v[i] - eta * g[i]
        theta[i] += v[i]
        g[i] = 0


def step_nesterov(
    theta: Array, g: Array, v: Array, eta: float, momentum: float, entries: range
) -> None:
    """v = momentum v − eta g; theta += momentum v − eta g"""
    for i in entries:
        push = eta * g[i]
        v[i] = momentum * v[i] - push
        theta[i] += momentum * v[i] - push
        g[i] = 0


def step_dampened(
    theta: Array,
    g: Array,
    v: Array,
    eta: float,
    t: int,
    momentum: float,
    undampened: float,
    entries: range,
) -> None:
    """v = momentum v − undampened eta g; theta += v; the first step is −eta g"""
    rate = eta if t == 1 else undampened * eta
    for i in entries:
        v[i] = momentum * v[i] - rate * g[i]
        theta[i] += v[i]
        g[i] = 0
