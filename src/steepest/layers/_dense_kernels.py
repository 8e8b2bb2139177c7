"""Which kernels a program gets for a Dense layer: by its input, by A's storage, by the batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from . import _dense_columns, _dense_rows, _dense_single, _dense_sparse

__all__ = ["FEW_OUTPUTS", "Kernels", "kernels_for"]

FEW_OUTPUTS = 16
"""Fewer outputs do not fill a vector, so A is stored row after row: loops run over the inputs."""

_SMALL = 1 << 15  # numbers in A up to which every core may hold all of it
_LONG = 1 << 25  # FLOPs from which one thread may be done long before another; a third of a ms
_FEW = 192  # rows up to which threads can share a long product in parts: each reads all of x
_SINGLE_OUTPUTS = 4  # up to so many, a loop for each output beats a product of matrices


class Kernels(NamedTuple):
    """The forward kernel and the halves of Φ.

    ``both`` is both halves in one sweep over A; ``sweep`` is ``backward_theta`` and the next
    ``forward`` in one. Where ``by_rows``, threads share rows in ``forward`` and ``backward_x``, and
    need not meet between them and other kernels by rows. Where ``in_parts``, those two are long
    enough for threads to take parts of them when they are free.
    """

    forward: Callable[..., None]
    backward_theta: Callable[..., None]
    backward_x: Callable[..., None] | None = None
    both: Callable[..., None] | None = None
    sweep: Callable[..., None] | None = None
    by_rows: bool = False
    in_parts: bool = False


def kernels_for(n: int, p: int, q: int, *, sparse: bool) -> Kernels:
    """Return the kernels for ``n`` rows a batch, ``p`` inputs and ``q`` outputs."""
    if sparse and q >= FEW_OUTPUTS:
        return Kernels(_dense_sparse.forward, _dense_sparse.backward_theta)
    if sparse:
        return Kernels(_dense_sparse.forward_rows, _dense_sparse.backward_theta_rows)
    if q >= FEW_OUTPUTS and n == 1:
        return Kernels(
            _dense_single.forward, _dense_single.backward_theta, _dense_single.backward_x,
            _dense_single.backward, _dense_single.sweep,
        )  # fmt: skip
    if q >= FEW_OUTPUTS and p * q <= min(_SMALL, n * (p + q)):
        return Kernels(
            _dense_columns.forward_rows, _dense_columns.backward_theta,
            _dense_columns.backward_x_rows, by_rows=True,
        )  # fmt: skip
    if q >= FEW_OUTPUTS:
        return Kernels(
            _dense_columns.forward, _dense_columns.backward_theta, _dense_columns.backward_x,
            in_parts=n <= _FEW and 2 * n * p * q >= _LONG,
        )  # fmt: skip
    if n == 1 or q <= _SINGLE_OUTPUTS:
        return Kernels(
            _dense_rows.forward_few, _dense_rows.backward_theta_few, _dense_rows.backward_x_few,
            _dense_rows.backward_one if n == 1 else None, by_rows=True,
        )  # fmt: skip
    return Kernels(
        _dense_rows.forward, _dense_rows.backward_theta, _dense_rows.backward_x, by_rows=True
    )
