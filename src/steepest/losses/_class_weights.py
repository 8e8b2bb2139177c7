"""Softmax cross-entropy with a weight for each class; targets are classes or distributions.

With t = (1 − ε)·y + ε/q and C = Σ_k c_k t_k: ℓ = C log Σ_k exp(z_k) − Σ_k c_k t_k z_k, and
∂ℓ/∂z_k = C softmax(z)_k − c_k t_k.
"""

from __future__ import annotations

import math
from typing import Any

from ..kernels.functions import exp, times
from ..loss import Array

__all__ = ["gradient_weighted", "value_weighted"]


def value_weighted(
    z: Array, y: Array, w: Array, loss: Array, label_smoothing: float, weight: Array, rows: range
) -> None:
    """loss = −w Σ_k weight t log softmax(z), t = (1 − label_smoothing) y + label_smoothing/q"""
    one, q = z.dtype.type(1), z.shape[1]
    even = label_smoothing / z.dtype.type(q)
    for i in rows:
        top = _largest(z, i)
        total, aim, mass = z.dtype.type(0), z.dtype.type(0), z.dtype.type(0)
        for k in range(q):
            v = z[i, k] - top
            t = weight[k] * ((one - label_smoothing) * _share(y, i, k, z) + even)
            total += exp(v, z)
            aim += times(t, v)
            mass += t
        loss[i] = times(w[i], mass * z.dtype.type(math.log(total)) - aim)


def gradient_weighted(
    z: Array,
    y: Array,
    w: Array,
    loss: Array,
    dz: Array,
    scale: float,
    label_smoothing: float,
    weight: Array,
    rows: range,
) -> None:
    """dz = scale w (Σ_j c_j softmax(z) − c), c = weight t; loss = −w Σ_k c log softmax(z)"""
    one, q = z.dtype.type(1), z.shape[1]
    even = label_smoothing / z.dtype.type(q)
    for i in rows:
        top = _largest(z, i)
        total, aim, mass = z.dtype.type(0), z.dtype.type(0), z.dtype.type(0)
        for k in range(q):
            v = z[i, k] - top
            t = weight[k] * ((one - label_smoothing) * _share(y, i, k, z) + even)
            e = exp(v, z)
            dz[i, k] = e
            total += e
            aim += times(t, v)
            mass += t
        loss[i] = times(w[i], mass * z.dtype.type(math.log(total)) - aim)
        factor = scale * w[i]
        per_total = mass / total
        for k in range(q):
            t = weight[k] * ((one - label_smoothing) * _share(y, i, k, z) + even)
            dz[i, k] = times(factor, dz[i, k] * per_total - t)


def _largest(z: Any, i: Any) -> Any:
    """Return the largest logit of a row."""
    top = z[i, 0]
    for k in range(1, z.shape[1]):
        top = z[i, k] if z[i, k] > top else top
    return top


def _share(y: Any, i: Any, k: Any, like: Any) -> Any:
    """Return y_k of a row: of a class 1 or 0, of a distribution its entry."""
    if y.ndim == 1:
        return like.dtype.type(1 if y[i] == k else 0)
    return y[i, k]
