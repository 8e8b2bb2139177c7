"""∇_θ ℓ of a batch in two halves: each of two threads sums up the rows that it has computed.

Rows that another core has written come slowly: of small layers, fetching them takes as long as
multiplying them. So a kernel that sums over many rows runs twice, for the first half of the
examples and for the second, and the sums are added up. Two threads have a half each, and need not
meet before. It is done for any number of threads, since the same bits are to come of all.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from ..engine.operands import Buffer
from ..layer import Layer
from ..shape import Shape

__all__ = ["add_second", "half_of_rows", "in_rows", "units_to_share"]

_ROWS = 128  # from which on it pays


def in_rows(layer: Layer, examples: int, rows: int, shape: Shape) -> tuple[str, ...]:
    """Return the names of a layer's arrays that hold as many rows for each example.

    Nothing if that is not so of all that it keeps.
    """
    memory, longer = layer.memory_at(rows, shape), layer.memory_at(2 * rows, shape)
    for name, (size, *rest) in memory.items():
        if size % examples or longer[name] != (2 * size, *rest):
            return ()
    return ("x", "y", "dy", *memory)


def units_to_share(kernel: Callable[..., None], names: Mapping[str, Any]) -> dict[str, int]:
    """Return what threads may share of a kernel, ``units`` or ``inputs``, and how many there are.

    Nothing if it can't run for half of the rows, or there are too few of them.
    """
    wanted, dy = inspect.signature(kernel).parameters, names["dy"]
    if dy.shape[0] < _ROWS or {"rows", "thread", "threads", "i"} & set(wanted):
        return {}
    if "units" in wanted:
        return {"units": dy.shape[1]}
    return {"inputs": names["x"].shape[1]} if "inputs" in wanted else {}


def half_of_rows(buffer: Buffer, half: int, examples: int) -> Buffer:
    """Return the rows of the first half of the examples, or of the second."""
    each, first = buffer.shape[0] // examples, examples // 2
    begin, end = (0, first) if half == 0 else (first, examples)
    shape = (each * (end - begin), *buffer.shape[1:])
    offset = buffer.offset + begin * (buffer.size // examples)
    name = f"{buffer.name}[{each * begin}:{each * end}]"
    return Buffer(name, shape, buffer.kind, buffer.block, offset)


def add_second(target, second, entries):  # type: ignore[no-untyped-def]
    """target += second; second = 0"""
    zero = target.dtype.type(0)
    for i in entries:
        target[i] += second[i]
        second[i] = zero
