"""The micro-kernels of `steepest.kernels.windows`, compiled: tiles of sums that stay in registers.

There is one for each number of rows and of vectors. Of the last vector only the lanes are read and
written that the matrices have.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from ..kernels import bfloat16
from ..kernels import simd as plain
from .bfloat16 import Pairs
from .intrinsics import stands_for
from .simd import CHANNEL_TILE_ROWS, MICROTILE_ROWS, MICROTILE_VECTORS, VECTOR_BYTES, Vectors

__all__ = ["repeat"]

_WORD = ir.IntType(64)


def _tile_of(
    plain: Callable[..., Any], most: int, kind: type[Vectors], *, by_channels: bool
) -> None:
    """Register a tile of ``most`` rows or fewer."""

    @stands_for(plain)
    def multiply(
        typingctx: Any, extents: Any, alpha: Any, of_a: Any, of_b: Any, of_s: Any, of_c: Any
    ) -> Any:
        two, three, four = (types.UniTuple(types.int64, n) for n in (2, 3, 4))

        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            v = kind(builder, alpha)
            rows, columns, *counts = cgutils.unpack_tuple(builder, arguments[0])
            done = builder.append_basic_block("done")
            lanes = ir.Constant(_WORD, v.lanes)
            wide = builder.icmp_signed(">", columns, lanes)
            mask = v.mask(builder.select(wide, builder.sub(columns, lanes), columns))
            twice = builder.select(wide, ir.Constant(_WORD, most), ir.Constant(_WORD, 0))
            choice = builder.switch(builder.add(rows, twice), done)
            for vectors in range(1, MICROTILE_VECTORS + 1):
                for number in range(1, most + 1):
                    block = builder.append_basic_block(f"rows{number}x{vectors}")
                    choice.add_case(ir.Constant(_WORD, (vectors - 1) * most + number), block)
                    builder.position_at_end(block)
                    _Tile(v, number, vectors, mask).emit(counts, arguments[1:], by_channels)
                    builder.branch(done)
            builder.position_at_end(done)
            return context.get_dummy_value()

        return types.void(four, alpha, four, three, two, two), codegen


class _Tile:
    """Emits a tile of some rows and vectors, of the last vector the lanes of a mask."""

    def __init__(self, v: Vectors, rows: int, vectors: int, mask: Any) -> None:
        self.v, self.builder, self.mask = v, v.builder, mask
        self.rows, self.vectors = range(rows), range(vectors)

    def emit(self, counts: list[Any], arguments: Any, by_channels: bool) -> None:
        """Emit C = alpha Σ_o Σ_k A B + S."""
        alpha, *places = arguments
        of_a, of_b, of_s, of_c = (cgutils.unpack_tuple(self.builder, place) for place in places)
        lines = self._rows_of(*of_c)
        for line in lines:
            self.v.prefetch(line, write=True)
        sums = self._sums(counts, of_a, of_b, by_channels)
        factor = self.v.splat(alpha)
        for line, start, row in zip(lines, self._rows_of(*of_s), sums, strict=True):
            for j, total in zip(self.vectors, row, strict=True):
                self._store(self.v.fma(factor, total, self._load(start, j)), line, j)

    def _sums(self, counts: list[Any], of_a: Any, of_b: Any, by_channels: bool) -> list[list[Any]]:
        """Emit the sums over o and k; return them row by row."""
        v, builder = self.v, self.builder
        (a, row_a, outer_a, inner_a), (b, outer_b, inner_b) = of_a, of_b
        outer, inner = counts
        below = [builder.mul(row_a, ir.Constant(_WORD, i)) for i in self.rows]

        def each_inner(values: list[Any]) -> list[Any]:
            at_a, at_b, *before = values
            row_of_b = [self._load(at_b, j) for j in self.vectors]
            added: list[Any] = []
            for i in self.rows:
                place, row = v.at(at_a, below[i]), before[len(added) :][: len(self.vectors)]
                if by_channels:
                    terms = zip(self.vectors, row_of_b, row, strict=True)
                    added += [v.fma(self._load(place, j), y, z) for j, y, z in terms]
                else:
                    added += v.add_products(place, row_of_b, row)
            return [builder.add(at_a, inner_a), builder.add(at_b, inner_b), *added]

        def each_outer(values: list[Any]) -> list[Any]:
            at_a, at_b = values[:2]
            _, _, *added = repeat(builder, inner, values, each_inner)
            return [builder.add(at_a, outer_a), builder.add(at_b, outer_b), *added]

        zeros = [v.zero] * (len(self.rows) * len(self.vectors))
        _, _, *sums = repeat(builder, outer, [a, b, *zeros], each_outer)
        width = len(self.vectors)
        return [sums[width * i : width * (i + 1)] for i in self.rows]

    def _rows_of(self, address: Any, distance: Any) -> list[Any]:
        """Return the addresses of the rows of a matrix."""
        steps = [self.builder.mul(distance, ir.Constant(_WORD, i)) for i in self.rows]
        return [self.builder.add(address, step) for step in steps]

    def _load(self, address: Any, j: int) -> Any:
        at = self.v.at(address, j * VECTOR_BYTES)
        return self.v.load_some(at, self.mask) if j == self.vectors[-1] else self.v.load(at)

    def _store(self, value: Any, address: Any, j: int) -> None:
        at = self.v.at(address, j * VECTOR_BYTES)
        if j == self.vectors[-1]:
            self.v.store_some(value, at, self.mask)
        else:
            self.v.store(value, at)


def repeat(
    builder: Any, count: Any, values: list[Any], body: Callable[[list[Any]], list[Any]]
) -> list[Any]:
    """Emit values ← body(values), ``count`` times, and at least once; return the last values."""
    before, loop = builder.block, builder.append_basic_block("loop")
    after = builder.append_basic_block("after")
    builder.branch(loop)

    builder.position_at_end(loop)
    counter, *current = (builder.phi(value.type) for value in (count, *values))
    following = body(current)
    left = builder.sub(counter, ir.Constant(_WORD, 1))
    for phi, first, next_ in zip(
        (counter, *current), (count, *values), (left, *following), strict=True
    ):
        phi.add_incoming(first, before)
        phi.add_incoming(next_, builder.block)
    builder.cbranch(builder.icmp_signed("==", left, ir.Constant(_WORD, 0)), after, loop)

    builder.position_at_end(after)
    return following


_tile_of(plain.multiply_window_tile, MICROTILE_ROWS, Vectors, by_channels=False)
_tile_of(plain.multiply_channel_tile, CHANNEL_TILE_ROWS, Vectors, by_channels=True)
_tile_of(bfloat16.multiply_window_tile_of_pairs, MICROTILE_ROWS, Pairs, by_channels=False)
