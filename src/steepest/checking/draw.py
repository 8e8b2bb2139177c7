"""Random data that a layer or a loss can take, found by asking it."""

from __future__ import annotations

import contextlib

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..errors import InputError
from ..layer import Layer
from ..loss import Loss
from ..shape import Shape, check_inputs

__all__ = ["SHAPES", "codes", "inputs", "outputs", "shape", "targets"]


_WIDTHS: tuple[int, ...] = (5, *range(6, 41), *range(1, 5))
SHAPES: tuple[Shape, ...] = (*((p,) for p in _WIDTHS), (3, 5), (3, 4, 5), (2, 3, 4, 5), (3, 8))
_CODES = (7, 5, 3, 2, 1)


def shape(layer: Layer) -> Shape:
    """Return a shape of one example that ``layer`` takes: one axis of 5 if it can."""
    for each in SHAPES:
        with contextlib.suppress(InputError):
            layer.output_shape(each)
            return each
    raise InputError(f"{layer!r} takes no input of 1 to 40 columns, nor others tried; give X")


def inputs(layer: Layer, n: int, shape: Shape, rng: np.random.Generator) -> Array:
    """Return (n, *shape) normal numbers; whole ones in the columns where ``layer`` wants codes.

    They are rounded to float32, so that a check in float32 sees the same numbers. Columns lie along
    the last axis.
    """
    X = rng.standard_normal((n, *shape)).astype(np.float32).astype(np.float64)
    X[np.abs(X) < 1e-3] = 0.5
    for column in range(shape[-1]):
        if takes(layer, X, column):
            continue
        for count in _CODES:
            X[..., column] = count - 1  # the largest: those below it are all right if it is
            if takes(layer, X, column):
                X[..., column] = rng.integers(count, size=X.shape[:-1])
                break
        else:
            raise InputError(f"{layer!r} takes neither real numbers nor codes in column {column}")
    for k in range(n):  # every code may be fine and an example not, such as one of padding alone
        try:
            check_inputs(layer, X[k : k + 1])
        except InputError:
            X[k, ..., 0] = 0
    return X


def codes(layer: Layer, X: Array) -> NDArray[np.bool_]:
    """Return which columns hold codes: those where the layer refuses what lies between."""
    between = X + 0.25
    return np.array([not takes(layer, between, column) for column in range(X.shape[-1])])


def takes(layer: Layer, X: Array, column: int) -> bool:
    """Whether the layer accepts one column of ``X``, beside zeros."""
    alone = np.zeros_like(X)
    alone[..., column] = X[..., column]
    try:
        check_inputs(layer, alone)
    except InputError:
        return False
    return True


def targets(loss: Loss, n: int, rng: np.random.Generator) -> list[tuple[str, Array, int]]:
    """Return the kinds of targets that ``loss`` takes: what they are, y, and the outputs q."""
    k = 3
    kinds = {
        "numbers": rng.standard_normal((n, k)),
        "a number": rng.standard_normal((n, 1)),
        "counts": rng.poisson(2.0, (n, k)).astype(np.float64),
        "0 and 1": rng.integers(2, size=(n, k)).astype(np.float64),
        "shares": rng.random((n, k)),
        "distributions": rng.dirichlet(np.ones(k), n),
        "classes": rng.integers(k, size=n),
        "log probabilities": np.log(rng.dirichlet(np.ones(k), n)),
    }
    found: list[tuple[str, Array, int]] = []
    for name, y in kinds.items():
        y = y if y.dtype == np.int64 else y.astype(np.float32).astype(np.float64)
        q = k if name == "a number" else k * loss.outputs(np.zeros((1, 1)))
        try:
            loss.targets(y, q, "float64")
        except InputError:
            continue
        found.append((name, y, q))
        if name in ("numbers", "a number"):
            break  # then the others are but special cases
    if not found:
        raise InputError(f"{loss!r} takes none of {', '.join(kinds)} as targets for {k} outputs")
    return found


def outputs(loss: Loss, n: int, q: int, rng: np.random.Generator) -> Array:
    """Return outputs (n, q) that ``loss`` can take: normal numbers, or what is above 0."""
    z = rng.standard_normal((n, q))
    return np.abs(z) + 0.1 if loss.positive else z
