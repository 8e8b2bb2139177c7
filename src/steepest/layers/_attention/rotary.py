"""Rotary positions: pairs of entries of queries and keys, turned by angles that grow with the step.

Entry i of the first half of a head and entry i of the second half are a pair, turned at step t by
the angle t·base^(−2i/size). The product of a query and a key then depends on the distance of their
steps alone.

Source: Su et al., "RoFormer: Enhanced transformer with rotary position embedding",
arXiv:2104.09864, equations 15 and 34. The pairs are those of LLaMA and of ONNX's RotaryEmbedding;
the paper has neighbouring entries instead.
"""

from __future__ import annotations

import numpy as np

from ...kernels.functions import cosine, sine
from ...layer import Array

__all__ = ["cosines_and_sines", "rotate", "rotate_back", "rotate_step", "turns_per_step"]


def turns_per_step(size: int, base: float) -> Array:
    """Return the angle of each pair per step, (size/2,), in turns."""
    exponents = np.arange(0, size, 2, dtype=np.float64) / size
    turns: Array = base**-exponents / (2 * np.pi)
    return turns


def cosines_and_sines(steps: int, size: int, base: float) -> tuple[Array, Array]:
    """Return the cosines and sines of all angles, (steps, size/2) each."""
    angles = 2 * np.pi * np.outer(np.arange(steps), turns_per_step(size, base))
    return np.cos(angles), np.sin(angles)


def rotate(x: Array, turned: Array, cosines: Array, sines: Array, rows: range) -> None:
    """turned = (u cosines − v sines, v cosines + u sines), (u, v) the halves of x, head by head"""
    steps, half = cosines.shape
    for i in rows:
        step = np.int64(i) % steps
        for start in range(0, turned.shape[1], 2 * half):
            for d in range(half):
                c, s = cosines[step, d], sines[step, d]
                u, v = x[i, start + d], x[i, start + half + d]
                turned[i, start + d] = u * c - v * s
                turned[i, start + half + d] = v * c + u * s


def rotate_back(dturned: Array, dx: Array, cosines: Array, sines: Array, rows: range) -> None:
    """dx = (du cosines + dv sines, dv cosines − du sines), (du, dv) the halves of dturned"""
    steps, half = cosines.shape
    for i in rows:
        step = np.int64(i) % steps
        for start in range(0, dturned.shape[1], 2 * half):
            for d in range(half):
                c, s = cosines[step, d], sines[step, d]
                u, v = dturned[i, start + d], dturned[i, start + half + d]
                dx[i, start + d] = u * c + v * s
                dx[i, start + half + d] = v * c - u * s


def rotate_step(x: Array, turned: Array, turns: Array, step: int, rows: range) -> None:
    """turned = the queries and keys of x, turned by step · turns"""
    half = turns.shape[0]
    for i in rows:
        for d in range(half):
            angle = np.float64(turns[d]) * np.float64(step)
            angle -= np.float64(np.int64(angle))  # whole turns, exactly
            c, s = cosine(x.dtype.type(angle), x), sine(x.dtype.type(angle), x)
            for start in range(0, turned.shape[1], 2 * half):
                u, v = x[i, start + d], x[i, start + half + d]
                turned[i, start + d] = u * c - v * s
                turned[i, start + half + d] = v * c + u * s
