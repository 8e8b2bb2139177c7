"""What layers of positions share: y_t = x_t + P_t, t counted from the start of a sequence."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...emitter import Emitter
from ...engine.operands import Buffer
from ...errors import InputError
from ...layer import Array
from ...shape import Shape

__all__ = ["add_positions", "lower_positions", "steps_of"]


def steps_of(name: str, shape: Shape, most: int | None = None) -> int:
    """Return T of an input (T, d).

    Raises
    ------
    InputError
        If it is of another shape, or T is more than there are positions.
    """
    if len(shape) != 2:
        raise InputError(
            f"{name}: expected examples of shape (T, d), got {shape}; for tokens, put "
            "TokenEmbedding(…) before it"
        )
    if most is not None and shape[0] > most:
        raise InputError(
            f"{name}: the sequence has {shape[0]} steps, but there are {most} positions; give it "
            f"{shape[0]} positions, or shorter sequences"
        )
    return shape[0]


def lower_positions(low: Emitter, x: Buffer, P: Any) -> tuple[Buffer, dict[str, Any]]:
    """Emit y = x + P; return y, and the names that its kernel has been given."""
    names: dict[str, Any]
    n, steps, d = x.shape
    if low.window is not None:
        y = low.array("y", n, 1, d)
        names = {"x": x.as_rows(), "y": y.as_rows(), "P": P}
        low.emit(add_position, names, flops=y.size)
        return y, names
    y, spans = low.array("y", n, steps, d), low.spans
    names = {"x": x.as_rows(), "y": y.as_rows(), "P": P, "steps": steps}
    names |= {"places": low.array("places", n * steps), "rows": low.row_share(n * steps)}
    names |= {"spans": np.zeros((1, 1), np.int32) if spans is None else spans}
    low.emit(add_positions, {**names, "masked": int(spans is not None)}, flops=y.size)
    return y, names


def add_position(x: Array, y: Array, P: Array, step: int, rows: range) -> None:
    """y = x + P[step]"""
    for i in rows:
        for j in range(x.shape[1]):
            y[i, j] = x[i, j] + P[step, j]


def add_positions(
    x: Array,
    y: Array,
    P: Array,
    places: Array,
    spans: Array,
    masked: int,
    steps: int,
    rows: range,
) -> None:
    """y = x + P[places], places = the steps from the start of the sequence"""
    for i in rows:
        step = np.int64(i) % steps
        if masked > 0:
            step -= spans[np.int64(i) // steps, 2 * step]
        places[i] = step
        for j in range(x.shape[1]):
            y[i, j] = x[i, j] + P[step, j]
