"""Central differences, and the comparison of arrays with what they should be.

∂f/∂x_k is estimated by (f(x + h e_k) − f(x − h e_k))/(2h) with h = eps·max(1, |x_k|). In float64,
eps = 1e-6 leaves about 1e-9 of rounding and 1e-12 of truncation for numbers of order 1, so an error
of 0.05 % in a derivative stands out a thousandfold.

Where the two one-sided differences differ, x_k sits on a kink (of ReLU, say), and every value
between them is a derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from .report import DIFFERENCES, Finding

__all__ = ["Settings", "Slopes", "compare", "compare_slopes", "slopes"]


@dataclass(frozen=True)
class Settings:
    """How finely to check.

    Parameters
    ----------
    eps : float
        The step of a difference, for entries of up to 1; relative for larger ones.
    atol, rtol : float
        An entry may be wrong by atol·max(1, largest of the array) + rtol·|its value|.
    entries : int
        Of larger arrays, so many entries are drawn at random.
    seed : int
        Of everything that is drawn.
    """

    eps: float = 1e-6
    atol: float = 1e-8
    rtol: float = 1e-6
    entries: int = 2000
    seed: int = 0


@dataclass(frozen=True)
class Slopes:
    """Differences at some entries of an array: central, and from either side."""

    chosen: NDArray[np.int64]
    central: Array
    left: Array
    right: Array


def slopes(
    f: Callable[[], Array], x: Array, settings: Settings, where: NDArray[np.bool_] | None = None
) -> Slopes:
    """Differentiate numerically.

    Parameters
    ----------
    f : callable
        Reads ``x`` and returns the terms of the objective; they are subtracted one by one before
        they are added up, which keeps rounding small.
    x : ndarray
        Is changed, and put back.
    settings : Settings
    where : ndarray of bool, optional
        Which entries; by default all.
    """
    chosen = np.arange(x.size) if where is None else np.flatnonzero(where)
    if chosen.size > settings.entries:
        rng = np.random.default_rng(settings.seed)
        chosen = np.sort(rng.choice(chosen, settings.entries, replace=False))
    found = np.empty((3, chosen.size))
    middle = f().copy()
    for k, number in enumerate(chosen):
        at = np.unravel_index(number, x.shape)
        kept = x[at]
        h = settings.eps * max(1.0, abs(kept))
        above, below = kept + h, kept - h
        x[at] = above
        up = f().copy()
        x[at] = below
        down = f().copy()
        x[at] = kept
        found[:, k] = (
            (up - down).sum() / (above - below),
            (middle - down).sum() / (kept - below),
            (up - middle).sum() / (above - kept),
        )
    return Slopes(chosen, *found)


def compare_slopes(
    array: str,
    found: Slopes,
    got: Array,
    settings: Settings,
    looks: Mapping[str, Array] | None = None,
) -> Finding:
    """Compare a gradient with central differences; ``looks`` are named mistakes it may show."""
    chosen, expected = found.chosen, found.central
    values = got.reshape(-1)[chosen]
    limits = _limits(expected, settings.atol, settings.rtol)
    low, high = np.minimum(found.left, found.right), np.maximum(found.left, found.right)
    kink = (values >= low - limits) & (values <= high + limits)
    expected = np.where(kink & (np.abs(values - expected) > limits), values, expected)
    whole = expected.reshape(got.shape) if chosen.size == got.size else None

    def hint() -> str:
        return _look(expected, values, whole, got, chosen, looks or {})

    return _worst(array, DIFFERENCES, expected, values, limits, chosen, got.shape, hint)


def compare(
    array: str,
    against: str,
    expected: Array,
    got: Array,
    *,
    atol: float,
    rtol: float,
    hint: str = "",
) -> Finding:
    """Compare an array with another one; ``hint`` says what it means if they differ."""
    if expected.shape != got.shape:
        text = f"is of shape {got.shape}, not {expected.shape} as {against} says"
        return Finding(array, against, hint=text)
    if not got.size:
        return Finding(array, against, 1, expected=0.0, got=0.0)
    wanted = expected.reshape(-1).astype(np.float64)
    values = got.reshape(-1).astype(np.float64)
    limits = _limits(wanted, atol, rtol)
    everything = np.arange(values.size)
    return _worst(array, against, wanted, values, limits, everything, got.shape, lambda: hint)


def _limits(expected: Array, atol: float, rtol: float) -> Array:
    largest = np.max(np.abs(expected), initial=0.0, where=np.isfinite(expected))
    limits: Array = atol * max(1.0, float(largest)) + rtol * np.abs(expected)
    return limits


def _worst(
    array: str,
    against: str,
    expected: Array,
    got: Array,
    limits: Array,
    chosen: NDArray[np.int64],
    shape: tuple[int, ...],
    hint: Callable[[], str],
) -> Finding:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.abs(got - expected) / np.where(limits > 0, limits, np.finfo(float).tiny)
    ratios[got == expected] = 0
    ratios[np.isnan(ratios)] = np.inf
    k = int(ratios.argmax())
    at = tuple(int(i) for i in np.unravel_index(chosen[k], shape))
    return Finding(
        array,
        against,
        chosen.size,
        at,
        expected=float(expected[k]),
        got=float(got[k]),
        tolerance=float(limits[k]),
        hint=hint() if ratios[k] > 1 else "",
    )


def _look(
    expected: Array,
    got: Array,
    whole: Array | None,
    all_got: Array,
    chosen: Array,
    looks: Mapping[str, Array],
) -> str:
    """Return which common mistake this looks like, if it looks like one."""

    def same(a: Array, b: Array) -> bool:
        return bool(np.allclose(a, b, rtol=1e-5, atol=1e-7))

    if not np.isfinite(got).all():
        return "entries that were never written, or that are not finite"
    for words, values in looks.items():
        if same(values.reshape(-1)[chosen], expected):
            return words
    if same(got, np.zeros_like(got)):
        return "it is 0 everywhere: nothing was computed"
    if same(got, -expected):
        return "the sign is wrong"
    factor = float((got @ expected) / max(float(expected @ expected), 1e-300))
    if same(got, factor * expected):
        return f"everything is {factor:.6g} times what it should be"
    if whole is not None and whole.ndim == 2:
        if whole.shape[0] == whole.shape[1] and same(all_got, whole.T):
            return "it is transposed"
        for shift in (1, -1):
            if whole.shape[0] > 1 and same(all_got, np.roll(whole, shift, axis=0)):
                return "it is off by one row"
    return ""
