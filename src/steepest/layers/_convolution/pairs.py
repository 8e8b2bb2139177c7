"""The kernels of a convolution whose products are of pairs of bfloat16.

x and dy are rounded to pairs of neighbouring channels, and A to pairs of rows or of columns; then a
forward pass, or dx, is that of half as many channels. For dA two images make a pair.
"""

from __future__ import annotations

import numpy as np

from ...layer import Array
from .kernels import add_products, add_to_bias

__all__ = ["backward_theta", "pair_channels", "pair_images", "pair_weights", "turn"]

_HALF, _UPPER = np.uint32(16), np.uint32(0xFFFF0000)
_ROUND, _ONE = np.uint32(0x7FFF), np.uint32(1)
_QUIET, _SIGN, _INFINITE = np.uint32(1 << 22), np.uint32(0x7FFFFFFF), np.uint32(0x7F800000)


def rounded_bits(bits: np.uint32) -> np.uint32:
    """Return the bits of a float32, whose upper half is it rounded; NaN stays NaN."""
    up = bits + _ROUND + (bits >> _HALF & _ONE)
    return bits | _QUIET if bits & _SIGN > _INFINITE else up


def pair_bits(first: np.uint32, second: np.uint32) -> np.uint32:
    """Return the bits of the pair of two numbers, from theirs."""
    return rounded_bits(first) >> _HALF | rounded_bits(second) & _UPPER


def pair_channels(wide: Array, pairs: Array, rows: range) -> None:
    """pairs = neighbours in wide"""
    for i in rows:
        numbers, to = wide[i].view(np.uint32), pairs[i].view(np.uint32)
        for k in range(to.shape[0]):
            to[k] = pair_bits(numbers[2 * k], numbers[2 * k + 1])


def pair_images(wide: Array, pairs: Array, rows: range) -> None:
    """pairs = two images of wide each, 0 beside the last of an odd number"""
    for i in rows:
        last = wide.shape[0] - 1
        first, second = wide[2 * i].view(np.uint32), wide[min(2 * i + 1, last)].view(np.uint32)
        to = pairs[i].view(np.uint32)
        if 2 * i < last:
            for k in range(to.shape[0]):
                to[k] = pair_bits(first[k], second[k])
        else:
            for k in range(to.shape[0]):
                to[k] = pair_bits(first[k], np.uint32(0))


def pair_weights(A: Array, pairs: Array, taps: range) -> None:
    """pairs = neighbouring rows of A, tap by tap"""
    bits, to = A.reshape(-1).view(np.uint32), pairs.reshape(-1).view(np.uint32)
    q, many = A.shape[-1], A.shape[-2] // 2
    for tap in taps:
        for c in range(many):
            at = (np.int64(tap) * many + c) * q
            for j in range(q):
                to[at + j] = pair_bits(bits[2 * at + j], bits[2 * at + q + j])


def turn(A: Array, turned: Array, first: int, tap_step: int, output_step: int, taps: range) -> None:
    """turned = Aᵀ, tap by tap, in pairs of its rows"""
    bits, to = A.reshape(-1).view(np.uint32), turned.view(np.uint32)
    depth, outputs = A.shape[-2], A.shape[-1]
    for tap in taps:
        source, target = np.int64(tap) * depth * outputs, first + np.int64(tap) * tap_step
        for j in range(outputs // 2):
            for c in range(depth):
                at = source + c * outputs + 2 * j
                to[target + j * output_step + c] = pair_bits(bits[at], bits[at + 1])


def backward_theta(
    alpha: float,
    x_pairs: Array,
    dy_pairs: Array,
    dy: Array,
    dA: Array,
    db: Array,
    ones: Array,
    products: Array,
    windows: int,
    pair_windows: int,
    weights: range,
    channels: range,
) -> None:
    """dA += alpha Σ xᵀ dy, of pairs of images; db += alpha Σ dy"""
    add_to_bias(alpha, dy, db, ones, windows, channels)
    add_products(pair_windows, alpha, x_pairs, dy_pairs, dA, products, weights)
