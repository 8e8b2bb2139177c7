"""Attention of one step to those before it, whose keys and values are remembered in a ring."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.operands import Buffer
from ...kernels.functions import exp
from ...layer import Array

__all__ = ["attend", "no_way_back"]


def no_way_back(dy: Buffer, wants_dx: bool) -> Buffer | None:
    """Stand for the Φ of a program that takes one step after the other, and never goes back."""
    raise AssertionError("steps that are taken one by one have no backward pass")


def attend(
    x: Array,
    qk: Array,
    y: Array,
    keys: Array,
    values: Array,
    scores: Array,
    plan: Array,
    scale: float,
    step: int,
    rows: range,
) -> None:
    """y = softmax(scale q Kᵀ) V over the steps remembered, this one too"""
    window, size, heads, groups = plan[0], plan[1], plan[2], plan[3]
    slot: Any = step % window
    count: Any = min(step + 1, np.int64(window))
    for i in rows:
        for group in range(groups):
            place = np.int64(i) * groups + group
            for d in range(size):
                keys[place, d * window + slot] = qk[i, (heads + group) * size + d]
                values[place, slot * size + d] = x[i, (heads + groups + group) * size + d]
        for head in range(heads):
            place, start = np.int64(i) * groups + head // (heads // groups), head * size
            own = scores[i]
            total = weigh(qk[i, start : start + size], keys[place], own, scale, window, count)
            for d in range(size):
                y[i, start + d] = y.dtype.type(0)
            for j in range(count):
                weight = own[j] / total
                for d in range(size):
                    y[i, start + d] += weight * values[place, j * size + d]


def weigh(q: Any, keys: Any, scores: Any, scale: Any, window: int, count: int) -> Any:
    """scores = exp(scale q Kᵀ − the largest); return their sum"""
    for j in range(count):
        scores[j] = q.dtype.type(0)
    for d in range(q.shape[0]):
        factor = scale * q[d]
        for j in range(count):
            scores[j] += factor * keys[d * window + j]
    top = scores[0]
    for j in range(count):
        top = scores[j] if scores[j] > top else top
    total = q.dtype.type(0)
    for j in range(count):
        e = exp(scores[j] - top, scores)
        scores[j] = e
        total += e
    return total
