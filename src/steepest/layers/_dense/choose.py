"""Which kernels a program gets for a Dense layer: by its input, by A's storage, by the batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from . import by_columns, by_rows, csr, one_example

__all__ = ["FEW_OUTPUTS", "Kernels", "kernels_for"]

FEW_OUTPUTS = 16
"""Fewer outputs do not fill a vector, so A is stored row after row: loops run over the inputs."""

_SMALL = 1 << 15  # numbers in A up to which every core may hold all of it
_LONG = 1 << 25  # FLOPs from which one thread may be done long before another; a third of a ms
_FEW = 192  # rows up to which threads can share a long product in parts: each reads all of x
_SINGLE_OUTPUTS = 4  # up to so many, a loop for each output beats a product of matrices


class Kernels(NamedTuple):
    """The forward kernel and the halves of Φ.

    ``both`` is both halves in one sweep over A; ``update_and_forward`` is ``backward_theta`` and
    the next ``forward`` in one. Where ``by_rows``, threads share rows in ``forward`` and
    ``backward_x``, and need not meet between them and other kernels by rows. Where ``in_parts``,
    those two are long enough for threads to take parts of them when they are free.
    """

    forward: Callable[..., None]
    backward_theta: Callable[..., None]
    backward_x: Callable[..., None] | None = None
    both: Callable[..., None] | None = None
    update_and_forward: Callable[..., None] | None = None
    by_rows: bool = False
    in_parts: bool = False


def kernels_for(wide: Kernels, n: int, p: int, q: int, *, sparse: bool, bias: bool) -> Kernels:
    """Return the kernels for ``n`` rows a batch, ``p`` inputs and ``q`` outputs.

    ``wide`` are those of a large A stored column after column.
    """
    if sparse and q >= FEW_OUTPUTS:
        return Kernels(csr.forward, csr.backward_theta)
    if sparse:
        return Kernels(csr.forward_rows, csr.backward_theta_rows)
    if q >= FEW_OUTPUTS and n == 1:
        return Kernels(
            one_example.forward,
            one_example.backward_theta,
            one_example.backward_x,
            one_example.backward,
            one_example.update_and_forward,
        )
    if q >= FEW_OUTPUTS and p * q <= min(_SMALL, n * (p + q)):
        forward: Callable[..., None] = by_columns.forward if bias else by_columns.multiply
        backward_theta = wide.backward_theta if bias else by_columns.backward_theta
        return Kernels(forward, backward_theta, by_columns.backward_x, by_rows=True)
    if q >= FEW_OUTPUTS:
        return wide._replace(in_parts=n <= _FEW and 2 * n * p * q >= _LONG)
    if n == 1 or q <= _SINGLE_OUTPUTS:
        return Kernels(
            by_rows.forward_few,
            by_rows.backward_theta_few,
            by_rows.backward_x_few,
            by_rows.backward_one if n == 1 else None,
            by_rows=True,
        )
    return Kernels(
        by_rows.forward,
        by_rows.backward_theta,
        by_rows.backward_x,
        by_rows=True,
    )
