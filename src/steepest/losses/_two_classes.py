"""Softmax cross-entropy of two classes, many rows at once: vectors run along the rows.

LLVM makes such vectors only where it sees that rows of z and dz are two numbers long.

With s = z_other − z_own, where own is the class of the row: log Σ_k exp(z_k) − z_own is
max(s, 0) + log(1 + exp(−|s|)), and ∂/∂z_other is σ(s), ∂/∂z_own is −σ(s).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels.functions import exp, log1p, times

__all__ = ["gradient_of_two", "value_of_two"]


def value_of_two(z: Any, y: Any, w: Any, loss: Any, label_smoothing: Any, rows: Any) -> None:
    """What `SoftmaxCrossEntropy.value` computes, for z (n, 2)."""
    zero, half, one = z.dtype.type(0), z.dtype.type(0.5), z.dtype.type(1)
    _differences(z, y, loss, rows)
    for i in rows:
        s = loss[i]
        missed = (one - label_smoothing) * (s if s > zero else zero)
        missed += times(label_smoothing, half * abs(s))
        loss[i] = times(w[i], log1p(exp(-abs(s), z), z) + missed)


def gradient_of_two(
    z: Any, y: Any, w: Any, loss: Any, dz: Any, scale: Any, label_smoothing: Any, rows: Any
) -> None:
    """What `SoftmaxCrossEntropy.gradient` computes, for z (n, 2)."""
    zero, half, one = z.dtype.type(0), z.dtype.type(0.5), z.dtype.type(1)
    _differences(z, y, loss, rows)
    for i in rows:
        s = loss[i]
        e = exp(-abs(s), z)
        missed = (one - label_smoothing) * (s if s > zero else zero)
        missed += times(label_smoothing, half * abs(s))
        loss[i] = times(w[i], log1p(e, z) + missed)
        high = one / (one + e)
        low = e * high
        other = low if s < zero else high
        other = times(scale * w[i], other - half * label_smoothing)
        dz[i, 0] = -other if y[i] == 0 else other
        dz[i, 1] = other if y[i] == 0 else -other


def _differences(z: Any, y: Any, s: Any, rows: Any) -> None:
    """s = z_other − z_own; NaN where the larger one is not finite"""
    infinite = z.dtype.type(np.inf)
    for i in rows:
        first, second = z[i, 0], z[i, 1]
        top = second if second > first else first
        apart = second - first if abs(top) < infinite else top - top
        s[i] = apart if y[i] == 0 else -apart
