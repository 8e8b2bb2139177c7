"""The micro-kernels of `steepest.kernels.windows`, compiled: tiles of sums that stay in registers.

There is one for each number of rows and of vectors. Of the last vector only the lanes are read and
written that the matrices have. Where rows of A meet rows of B entry by entry, a tile may have more
lines than one; and where each row of A is the next one, a step of k before, it is read once for all
rows of C that want it. A tile may also sum the rows of B, which it has in registers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import product as pairs
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from ..kernels import bfloat16
from ..kernels import simd as plain
from .bfloat16 import Pairs
from .intrinsics import stands_for
from .simd import (
    CHANNEL_BLOCK,
    CHANNEL_TILE_ROWS,
    MICROTILE_ROWS,
    MICROTILE_VECTORS,
    VECTOR_BYTES,
    Vectors,
)

__all__ = ["apart", "repeat"]

_WORD = ir.IntType(64)
_MOST = CHANNEL_TILE_ROWS
_HELD = 3  # rows of B that stay in registers while those of A slide past them
_Cells = list[tuple[int, int]]  # lines and rows
_Sums = Callable[["_Tile", list[Any], Any, Any], list[list[Any]]]


def _tile_of(
    plain: Callable[..., Any],
    kind: type[Vectors],
    cases: Mapping[int, tuple[_Cells, _Sums]],
    case: Callable[[Any, list[Any], list[Any]], Any],
    *,
    full: bool = False,
    sums_b: bool = False,
) -> None:
    """Register tiles, of which ``case`` chooses by the extents and by where A is.

    ``full`` is whether those of more than one vector have all lanes. (Masks cost time where there
    is little else to do.) ``sums_b`` is whether S gets the sums of B, and C begins with itself.
    """

    @stands_for(plain)
    def multiply(
        typingctx: Any, extents: Any, alpha: Any, of_a: Any, of_b: Any, of_s: Any, of_c: Any
    ) -> Any:
        three, five = (types.UniTuple(types.int64, n) for n in (3, 5))

        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            v = kind(builder, alpha)
            extents, factor, *places = arguments
            extents = cgutils.unpack_tuple(builder, extents)
            places = [cgutils.unpack_tuple(builder, place) for place in places]
            values = [factor, *extents[2:], *(word for place in places for word in place)]
            done = builder.append_basic_block("done")
            wide = builder.icmp_signed(">", extents[2], ir.Constant(_WORD, v.lanes))
            more = max(cases) + 1
            twice = builder.select(wide, ir.Constant(_WORD, more), ir.Constant(_WORD, 0))
            choice = builder.switch(builder.add(case(builder, extents, places[0]), twice), done)
            for vectors, number in pairs(range(1, MICROTILE_VECTORS + 1), cases):
                block = builder.append_basic_block(f"tile{number}x{vectors}")
                choice.add_case(ir.Constant(_WORD, (vectors - 1) * more + number), block)
                builder.position_at_end(block)
                name = f"{plain.__name__}.{alpha}.{number}x{vectors}"
                every = full and vectors > 1
                emit = partial(_emit, kind, alpha, cases[number], vectors, every, sums_b)
                builder.call(apart(builder.module, name, values, emit), values)
                builder.branch(done)
            builder.position_at_end(done)
            return context.get_dummy_value()

        return types.void(five, alpha, five, three, three, three), codegen


def apart(module: Any, name: str, values: list[Any], emit: Callable[[Any, list[Any]], None]) -> Any:
    """Return a function of the module that has such arguments; ``emit`` writes its body.

    In one function with others a tile would share registers with them: LLVM computes what several
    have in common before it knows which of them it wants, and keeps it in memory.
    """
    if name in module.globals:
        return module.globals[name]
    kind = ir.FunctionType(ir.VoidType(), [value.type for value in values])
    function = ir.Function(module, kind, name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    builder = ir.IRBuilder(function.append_basic_block())
    emit(builder, list(function.args))
    builder.ret_void()
    return function


def _emit(
    kind: type[Vectors],
    real: Any,
    case: tuple[_Cells, _Sums],
    vectors: int,
    full: bool,
    sums_b: bool,
    builder: Any,
    arguments: list[Any],
) -> None:
    """Emit a tile of ``vectors``, of which the last may not be ``full``."""
    factor, columns, outer, inner, *places = arguments
    v, (cells, sums) = kind(builder, real), case
    before = ir.Constant(_WORD, (vectors - 1) * v.lanes)
    mask = None if full else v.mask(builder.sub(columns, before))
    of_each = [places[:5], places[5:8], places[8:11], places[11:]]
    _Tile(v, cells, vectors, mask, sums_b).emit([outer, inner], factor, of_each, sums)


class _Tile:
    """Emits a tile of some lines and rows, and vectors; of the last one the lanes of a mask.

    Without a mask it has all lanes. If it ``sums_b``, there is a row more, for the sums of B.
    """

    def __init__(
        self, v: Vectors, cells: _Cells, vectors: int, mask: Any, sums_b: bool = False
    ) -> None:
        self.v, self.builder, self.mask = v, v.builder, mask
        self.cells, self.vectors, self.sums_b = cells, range(vectors), sums_b

    def emit(self, counts: list[Any], alpha: Any, places: list[list[Any]], sums: _Sums) -> None:
        """Emit C = alpha Σ_o Σ_k A B + S."""
        of_a, of_b, (s, *of_s), (c, *of_c) = places
        lines = [self.v.at(c, offset) for offset in self._offsets(*of_c)]
        for line in lines:
            self.v.prefetch(line, write=True)
        found, factor = sums(self, counts, of_a, of_b), self.v.splat(alpha)
        if self.sums_b:
            starts = lines = [*lines, s]
        else:
            starts = [self.v.at(s, offset) for offset in self._offsets(*of_s)]
        for line, start, row in zip(lines, starts, found, strict=True):
            for j, total in zip(self.vectors, row, strict=True):
                self._store(self.v.fma(factor, total, self._load(start, j)), line, j)

    def products(self, counts: list[Any], of_a: Any, of_b: Any) -> list[list[Any]]:
        """Emit the sums over o and k; return them row by row. A number of A meets a row of B."""
        return self._sums(counts, of_a, of_b, self.v.add_products)

    def channels(self, counts: list[Any], of_a: Any, of_b: Any) -> list[list[Any]]:
        """Emit the same, where a row of A meets one of B entry by entry."""

        def add(place: Any, row_of_b: list[Any], row: list[Any]) -> list[Any]:
            terms = zip(self.vectors, row_of_b, row, strict=True)
            return [self.v.fma(self._load(place, j), y, z) for j, y, z in terms]

        return self._sums(counts, of_a, of_b, add)

    def _sums(
        self, counts: list[Any], of_a: Any, of_b: Any, add: Callable[..., list[Any]]
    ) -> list[list[Any]]:
        v, builder = self.v, self.builder
        (a, line_a, row_a, outer_a, inner_a), (b, outer_b, inner_b) = of_a, of_b
        outer, inner = counts
        lines, rows = self._distances(line_a, row_a)

        def each_inner(values: list[Any]) -> list[Any]:
            at_a, at_b, *before = values
            row_of_b = self._row(at_b)
            starts, added = [v.at(at_a, line) for line in lines], list[Any]()
            for i, k in self.cells:
                row = before[len(added) :][: len(self.vectors)]
                added += add(v.at(starts[i], rows[k]), row_of_b, row)
            added += self._summed([row_of_b], before[len(added) :])
            return [builder.add(at_a, inner_a), builder.add(at_b, inner_b), *added]

        def each_outer(values: list[Any]) -> list[Any]:
            at_a, at_b = values[:2]
            _, _, *added = repeat(builder, inner, values, each_inner)
            return [builder.add(at_a, outer_a), builder.add(at_b, outer_b), *added]

        _, _, *sums = repeat(builder, outer, [a, b, *self._zeros()], each_outer)
        return self._rows_of(sums)

    def slide(self, counts: list[Any], of_a: Any, of_b: Any) -> list[list[Any]]:
        """Emit the sums of `channels`, where from k to k it is as far as from row to row."""
        v, builder = self.v, self.builder
        (a, line_a, row_a, outer_a, _), (b, outer_b, inner_b) = of_a, of_b
        outer, inner = counts
        held = ir.Constant(_WORD, _HELD)
        numbers = (_HELD, builder.udiv(inner, held)), (1, builder.urem(inner, held))
        lines, _ = self._distances(line_a, row_a)

        def step(held: int) -> Callable[[list[Any]], list[Any]]:
            rows_a = self._multiples(row_a, 1 + self.cells[-1][1] + held)
            rows_b = self._multiples(inner_b, held + 1)

            def each(values: list[Any]) -> list[Any]:
                at_a, at_b, *sums = values
                factors = [self._row(v.at(at_b, offset)) for offset in rows_b[:-1]]
                for i, line in enumerate(lines):
                    start = v.at(at_a, line)
                    for place, offset in enumerate(rows_a[:-1]):
                        row = self._row(v.at(start, offset))
                        self._add(row, factors, sums, [(i, place - k) for k in range(held)])
                own = len(self.cells) * len(self.vectors)
                sums[own:] = self._summed(factors, sums[own:])
                return [v.at(at_a, rows_a[held]), v.at(at_b, rows_b[held]), *sums]

            return each

        def each_outer(values: list[Any]) -> list[Any]:
            at_a, at_b = values[:2]
            for held, number in numbers:
                values = repeat(builder, number, values, step(held), perhaps_never=True)
            return [builder.add(at_a, outer_a), builder.add(at_b, outer_b), *values[2:]]

        _, _, *sums = repeat(builder, outer, [a, b, *self._zeros()], each_outer)
        return self._rows_of(sums)

    def _add(
        self, row: list[Any], factors: list[list[Any]], sums: list[Any], cells: _Cells
    ) -> None:
        """Add a row of A times each of the factors to the cell beside it, if the tile has that."""
        for cell, factor in zip(cells, factors, strict=True):
            if cell in self.cells:
                at = self.cells.index(cell) * len(self.vectors)
                for j in self.vectors:
                    sums[at + j] = self.v.fma(row[j], factor[j], sums[at + j])

    def _summed(self, rows_of_b: list[list[Any]], sums: list[Any]) -> list[Any]:
        """Return the sums of B with these rows added; none, if the tile has none."""
        for row in rows_of_b:
            sums = [self.builder.fadd(x, y) for x, y in zip(sums, row, strict=False)]
        return sums

    def _zeros(self) -> list[Any]:
        return [self.v.zero] * ((len(self.cells) + self.sums_b) * len(self.vectors))

    def _rows_of(self, sums: list[Any]) -> list[list[Any]]:
        width = len(self.vectors)
        return [sums[start : start + width] for start in range(0, len(sums), width)]

    def _multiples(self, distance: Any, number: int) -> list[Any]:
        return [self.builder.mul(distance, ir.Constant(_WORD, i)) for i in range(number)]

    def _distances(self, line: Any, row: Any) -> tuple[list[Any], list[Any]]:
        """Return how far each line, and each row of it, is from the first."""
        lines, rows = (1 + max(at) for at in zip(*self.cells, strict=True))
        return self._multiples(line, lines), self._multiples(row, rows)

    def _offsets(self, line: Any, row: Any) -> list[Any]:
        """Return how far each cell is from the first."""
        lines, rows = self._distances(line, row)
        return [self.builder.add(lines[i], rows[k]) for i, k in self.cells]

    def _row(self, address: Any) -> list[Any]:
        return [self._load(address, j) for j in self.vectors]

    def _in_part(self, j: int) -> bool:
        """Whether of vector j only some lanes are there."""
        return self.mask is not None and j == self.vectors[-1]

    def _load(self, address: Any, j: int) -> Any:
        at = self.v.at(address, j * VECTOR_BYTES)
        return self.v.load_some(at, self.mask) if self._in_part(j) else self.v.load(at)

    def _store(self, value: Any, address: Any, j: int) -> None:
        at = self.v.at(address, j * VECTOR_BYTES)
        if self._in_part(j):
            self.v.store_some(value, at, self.mask)
        else:
            self.v.store(value, at)


def repeat(
    builder: Any,
    count: Any,
    values: list[Any],
    body: Callable[[list[Any]], list[Any]],
    *,
    perhaps_never: bool = False,
) -> list[Any]:
    """Emit values ← body(values), ``count`` times; return the last values.

    It is at least once, but where ``perhaps_never`` says otherwise.
    """
    before, loop = builder.block, builder.append_basic_block("loop")
    after = builder.append_basic_block("after")
    if perhaps_never:
        never = builder.icmp_signed("==", count, ir.Constant(_WORD, 0))
        builder.cbranch(never, after, loop)
    else:
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
    end = builder.block
    builder.cbranch(builder.icmp_signed("==", left, ir.Constant(_WORD, 0)), after, loop)

    builder.position_at_end(after)
    if not perhaps_never:
        return following
    last = [builder.phi(value.type) for value in values]
    for phi, first, next_ in zip(last, values, following, strict=True):
        phi.add_incoming(first, before)
        phi.add_incoming(next_, end)
    return last


def _rows_case(builder: Any, extents: list[Any], of_a: list[Any]) -> Any:
    return extents[1]


def _channels_case(builder: Any, extents: list[Any], of_a: list[Any]) -> Any:
    """Return which of `_channel_cases` these are."""
    (lines, rows), (row_a, inner_a) = extents[:2], (of_a[2], of_a[4])
    many = builder.icmp_signed(">=", rows, ir.Constant(_WORD, CHANNEL_BLOCK))
    slides = builder.and_(many, builder.icmp_signed("==", row_a, inner_a))
    slides = builder.zext(slides, _WORD)
    before = builder.mul(builder.sub(lines, ir.Constant(_WORD, 1)), ir.Constant(_WORD, _MOST))
    twice = builder.add(before, rows)
    return builder.add(builder.add(twice, twice), slides)


def _channel_cases() -> dict[int, tuple[_Cells, _Sums]]:
    """Return tiles of one line and of more, apart or, from `CHANNEL_BLOCK` rows on, sliding."""
    cases: dict[int, tuple[_Cells, _Sums]] = {}
    for lines in range(1, CHANNEL_BLOCK + 1):
        for rows in range(1, (CHANNEL_BLOCK if lines > 1 else _MOST) + 1):
            cells, number = list(pairs(range(lines), range(rows))), (lines - 1) * _MOST + rows
            if rows <= CHANNEL_BLOCK:
                cases[2 * number] = cells, _Tile.channels
            if rows >= CHANNEL_BLOCK:
                cases[2 * number + 1] = cells, _Tile.slide
    return cases


def _block_cases() -> dict[int, tuple[_Cells, _Sums]]:
    """Return those of at most `CHANNEL_BLOCK` lines and rows."""
    block = set(pairs(range(CHANNEL_BLOCK), repeat=2))
    return {n: case for n, case in _channel_cases().items() if block.issuperset(case[0])}


def _row_cases() -> dict[int, tuple[_Cells, _Sums]]:
    cells = [[(0, i) for i in range(rows)] for rows in range(MICROTILE_ROWS + 1)]
    return {rows: (cells[rows], _Tile.products) for rows in range(1, MICROTILE_ROWS + 1)}


_tile_of(plain.multiply_window_tile, Vectors, _row_cases(), _rows_case)
_tile_of(plain.multiply_channel_tile, Vectors, _channel_cases(), _channels_case, full=True)
_tile_of(
    plain.add_channel_tile_and_sum,
    Vectors,
    _block_cases(),
    _channels_case,
    full=True,
    sums_b=True,
)
_tile_of(bfloat16.multiply_window_tile_of_pairs, Pairs, _row_cases(), _rows_case)
