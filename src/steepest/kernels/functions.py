"""exp, expm1, tanh, sigmoid, sine, cosine for kernels: no branches or calls, so loops vectorise.

Every function takes the number and any array of the kernel's dtype, ``like``, which says which
precision is wanted.

eᵛ = 2ᵏ eʳ with k the integer nearest to v / ln 2. ln 2 = HIGH + LOW, where HIGH has so few bits
that k·HIGH is exact, so r = v − k·HIGH is exact too (Cody & Waite, "Software Manual for the
Elementary Functions", 1980, chapter 6). e^(−k·LOW) comes in as a factor, which, unlike the usual
second subtraction, survives a compiler that may reassociate sums. On |r| ≤ ½ ln 2 a Taylor
polynomial gives eʳ − 1, and 2ᵏ is added to the exponent's bits. Results below the normal numbers
become 0.

Angles are in turns: the nearest whole number of turns is subtracted exactly, what is left is folded
into a quarter of a turn, and there a Taylor polynomial gives the sine.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["cosine", "exp", "expm1", "sigmoid", "sine", "tanh"]

_PER_LN2 = 1.4426950408889634
_HIGH_64, _LOW_64 = 0.6931471805598903, 5.497923018708371e-14  # 42 bits, and the rest
_HIGH_32, _LOW_32 = 0.69314575195312500, 1.4286068203094172e-06  # 17 bits, and the rest


def exp(v: Any, like: Any) -> Any:
    """Return eᵛ."""
    if like.itemsize == 4:
        return like.dtype.type(_exp_32(np.float32(v), False))
    return like.dtype.type(_exp_64(np.float64(v), False))


def expm1(v: Any, like: Any) -> Any:
    """Return eᵛ − 1, to full accuracy also where v is small."""
    if like.itemsize == 4:
        return like.dtype.type(_exp_32(np.float32(v), True))
    return like.dtype.type(_exp_64(np.float64(v), True))


def sigmoid(v: Any, like: Any) -> Any:
    """Return 1 / (1 + e⁻ᵛ)."""
    one = like.dtype.type(1)
    e = exp(-abs(v), like)
    high = one / (one + e)
    low = e * high
    return low if v < 0 else high


def tanh(v: Any, like: Any) -> Any:
    """Return the hyperbolic tangent of v."""
    two = like.dtype.type(2)
    e = expm1(-two * abs(v), like)
    t = e / (e + two)
    return t if v < 0 else -t


def _exp_64(v: Any, minus_1: bool) -> Any:
    low, high = np.float64(-708.39), np.float64(709.782712893384)
    w = v if v > low else low
    w = w if w < high else high
    nearest = w * np.float64(_PER_LN2)
    k = np.int32(nearest + (np.float64(-0.5) if w < 0 else np.float64(0.5)))
    times = np.float64(k)
    r = w - times * np.float64(_HIGH_64)
    s = times * np.float64(-_LOW_64)
    p = np.float64(1 / 6227020800)
    p = p * r + np.float64(1 / 479001600)
    p = p * r + np.float64(1 / 39916800)
    p = p * r + np.float64(1 / 3628800)
    p = p * r + np.float64(1 / 362880)
    p = p * r + np.float64(1 / 40320)
    p = p * r + np.float64(1 / 5040)
    p = p * r + np.float64(1 / 720)
    p = p * r + np.float64(1 / 120)
    p = p * r + np.float64(1 / 24)
    p = p * r + np.float64(1 / 6)
    p = p * r + np.float64(0.5)
    q = p * (r * r) + r
    bits = np.float64(np.float64(1) + (q + s * (np.float64(1) + q))).view(np.int64)
    e = np.int64(bits + (np.int64(k) << np.int64(52))).view(np.float64)
    e = np.float64(0) if v < low else e
    e = np.float64(np.inf) if v > high else e
    if minus_1:
        e = q if k == 0 else e - np.float64(1)
    return e if v == v else v


def _exp_32(v: Any, minus_1: bool) -> Any:
    low, high = np.float32(-87.33), np.float32(88.72283)
    w = v if v > low else low
    w = w if w < high else high
    nearest = w * np.float32(_PER_LN2)
    k = np.int32(nearest + (np.float32(-0.5) if w < 0 else np.float32(0.5)))
    times = np.float32(k)
    r = w - times * np.float32(_HIGH_32)
    c = times * np.float32(-_LOW_32)
    s = c + c * c * np.float32(0.5)
    p = np.float32(1 / 5040)
    p = p * r + np.float32(1 / 720)
    p = p * r + np.float32(1 / 120)
    p = p * r + np.float32(1 / 24)
    p = p * r + np.float32(1 / 6)
    p = p * r + np.float32(0.5)
    q = p * (r * r) + r
    bits = np.float32(np.float32(1) + (q + s * (np.float32(1) + q))).view(np.int32)
    e = np.int32(bits + (k << np.int32(23))).view(np.float32)
    e = np.float32(0) if v < low else e
    e = np.float32(np.inf) if v > high else e
    if minus_1:
        e = q if k == 0 else e - np.float32(1)
    return e if v == v else v


def log1p(v: Any, like: Any) -> Any:
    """Return log(1 + v) for 0 ≤ v ≤ 1: 2 artanh(u) with u = v/(2 + v) ≤ 1/3, by its series."""
    real = like.dtype.type
    u = v / (real(2) + v)
    s = u * u
    p = real(0)
    if like.itemsize == 8:
        p = real(1 / 35)
        p = p * s + real(1 / 33)
        p = p * s + real(1 / 31)
        p = p * s + real(1 / 29)
        p = p * s + real(1 / 27)
        p = p * s + real(1 / 25)
        p = p * s + real(1 / 23)
        p = p * s + real(1 / 21)
        p = p * s + real(1 / 19)
        p = p * s + real(1 / 17)
    p = p * s + real(1 / 15)
    p = p * s + real(1 / 13)
    p = p * s + real(1 / 11)
    p = p * s + real(1 / 9)
    p = p * s + real(1 / 7)
    p = p * s + real(1 / 5)
    p = p * s + real(1 / 3)
    return real(2) * (u + u * (s * p))


def sine(turns: Any, like: Any) -> Any:
    """Return sin(2π·turns)."""
    real = like.dtype.type
    r = _part_of_turn(real(turns), like)
    a = abs(r)
    folded = real(0.5) - a if a > real(0.25) else a
    s = _quarter_sine(folded, like)
    return -s if r < 0 else s


def cosine(turns: Any, like: Any) -> Any:
    """Return cos(2π·turns)."""
    real = like.dtype.type
    return _quarter_sine(real(0.25) - abs(_part_of_turn(real(turns), like)), like)


def _part_of_turn(turns: Any, like: Any) -> Any:
    """Return turns less the nearest whole number: in [−½, ½]; NaN where it is not finite."""
    return turns - like.dtype.type(np.rint(turns))


def _quarter_sine(r: Any, like: Any) -> Any:
    """Return sin(2πr) for |r| ≤ ¼."""
    real = like.dtype.type
    s = r * r
    p = real(0)
    if like.itemsize == 8:
        p = real(0.0011309237482517954)
        p = p * s + real(-0.012031585942120619)
        p = p * s + real(0.10422916220813978)
        p = p * s + real(-0.7181223017785001)
    p = p * s + real(3.8199525848482803)
    p = p * s + real(-15.094642576822984)
    p = p * s + real(42.058693944897634)
    p = p * s + real(-76.70585975306136)
    p = p * s + real(81.60524927607504)
    p = p * s + real(-41.341702240399755)
    p = p * s + real(6.283185307179586)
    return r * p


def times(weight: Any, v: Any) -> Any:
    """Return weight·v, and 0 where the weight is 0, even if v is infinite or NaN."""
    return weight * v if weight != 0 else weight
