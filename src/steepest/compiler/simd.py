"""Vectors in registers, compiled: what the plain functions of `steepest.kernels.simd` say.

``microtile_of`` registers the micro-kernel of a matrix product, and ``edge_tile_of`` that for fewer
columns, which `_microtile` emits for each
number of rows; `steepest.compiler.bfloat16` registers another with it, for pairs. `_strip` emits
the products of one example. `steepest.compiler.compile` puts all of these in the place of the plain
functions.

LLVM's own vectoriser keeps no tile of sums in registers, so these write its vector types and
multiply-adds out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from ..kernels import simd as plain
from .intrinsics import prefetch, stands_for
from .processor import processor_has

_WORD = ir.IntType(64)
_WIDE = processor_has("avx512f")
VECTOR_BYTES = 64 if _WIDE else 32  # without AVX, LLVM makes two registers of one vector
MICROTILE_ROWS = 12 if _WIDE else 6  # two sums a row, and room for two of B and one of A
MICROTILE_VECTORS = 2
MICROPANEL_ROWS = 4 * MICROTILE_ROWS  # in whole vectors, for either type
_STRIP_VECTORS = 8
CHANNEL_TILE_ROWS = 8 if _WIDE else 6  # two sums a row
CHANNEL_BLOCK = 3


class Vectors:
    """Emits loads, stores and arithmetic of vectors of a real type."""

    def __init__(self, builder: Any, real: Any) -> None:
        self.builder = builder
        self.size = real.bitwidth // 8
        self.lanes = VECTOR_BYTES // self.size
        self.real = ir.FloatType() if self.size == 4 else ir.DoubleType()
        self.vector = ir.VectorType(self.real, self.lanes)
        self.zero = ir.Constant(self.vector, None)

    def at(self, address: Any, offset: Any) -> Any:
        offset = ir.Constant(_WORD, offset) if isinstance(offset, int) else offset
        return self.builder.add(address, offset)

    def load(self, address: Any, kind: Any = None) -> Any:
        pointer = (kind or self.vector).as_pointer()
        loaded = self.builder.load(self.builder.inttoptr(address, pointer))
        loaded.align = self.size
        return loaded

    def store(self, value: Any, address: Any) -> None:
        stored = self.builder.store(value, self.builder.inttoptr(address, value.type.as_pointer()))
        stored.align = self.size

    def prefetch(self, address: Any, *, write: bool) -> None:
        """Ask for the cache line at ``address``."""
        byte = self.builder.inttoptr(address, ir.IntType(8).as_pointer())
        prefetch(self.builder, byte, write=write)

    def mask(self, count: Any) -> Any:
        """Return which lanes are the first ``count``, all if there are more."""
        lanes, item = self.lanes, ir.VectorType(_WORD, self.lanes)
        numbers = ir.Constant(item, list(range(lanes)))
        nothing = ir.Constant(item, ir.Undefined)
        zero = ir.Constant(ir.IntType(32), 0)
        first = self.builder.insert_element(nothing, count, zero)
        chosen = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
        counts = self.builder.shuffle_vector(first, nothing, chosen)
        return self.builder.icmp_signed("<", numbers, counts)

    def load_some(self, address: Any, mask: Any) -> Any:
        """Load the lanes of ``mask``; the others are 0 and their memory is not touched."""
        pointer = self.vector.as_pointer()
        align = ir.IntType(32)
        kind = ir.FunctionType(self.vector, [pointer, align, mask.type, self.vector])
        name = f"llvm.masked.load.v{self.lanes}f{8 * self.size}.p0"
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        where = self.builder.inttoptr(address, pointer)
        return self.builder.call(function, [where, align(self.size), mask, self.zero])

    def store_some(self, value: Any, address: Any, mask: Any) -> None:
        """Store the lanes of ``mask``."""
        pointer = self.vector.as_pointer()
        align = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [self.vector, pointer, align, mask.type])
        name = f"llvm.masked.store.v{self.lanes}f{8 * self.size}.p0"
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        where = self.builder.inttoptr(address, pointer)
        self.builder.call(function, [value, where, align(self.size), mask])

    def shuffle(self, x: Any, y: Any, lanes: list[int]) -> Any:
        chosen = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), lanes)
        return self.builder.shuffle_vector(x, y, chosen)

    def splat(self, value: Any) -> Any:
        nothing = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(nothing, value, ir.Constant(ir.IntType(32), 0))
        return self.shuffle(first, nothing, [0] * self.lanes)

    def fma(self, x: Any, y: Any, z: Any) -> Any:
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        name = f"llvm.fma.v{self.lanes}f{8 * self.size}"
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, [x, y, z])

    def add_products(self, address: Any, factors: list[Any], sums: list[Any]) -> list[Any]:
        """Return the sums with the number at ``address`` times each of the factors added."""
        number = self.splat(self.load(address, self.real))
        return [self.fma(number, y, z) for y, z in zip(factors, sums, strict=True)]


def _constant(plain: Callable[..., Any], value: Callable[[int], int]) -> None:
    """Register a function whose result depends on the bytes of its argument's type alone."""

    @stands_for(plain)
    def constant(typingctx: Any, like: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return ir.Constant(_WORD, value(like.bitwidth // 8))

        return types.int64(like), codegen


_constant(plain.item_bytes, lambda size: size)
_constant(plain.lanes, lambda size: VECTOR_BYTES // size)
_constant(plain.microtile_columns, lambda size: MICROTILE_VECTORS * VECTOR_BYTES // size)
_constant(plain.microtile_rows, lambda size: MICROTILE_ROWS)
_constant(plain.channel_tile_rows, lambda size: CHANNEL_TILE_ROWS)
_constant(plain.channel_block, lambda size: CHANNEL_BLOCK)
_constant(plain.micropanel_rows, lambda size: MICROPANEL_ROWS)


@stands_for(plain.number)
def _number(typingctx: Any, like: Any, value: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.cast(builder, arguments[1], types.float64, like)

    return like(like, types.float64), codegen


@stands_for(plain.scratch)
def _scratch(typingctx: Any, like: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        with builder.goto_entry_block():
            memory = builder.alloca(ir.ArrayType(ir.IntType(8), plain.SCRATCH_BYTES))
            memory.align = 64
        return builder.ptrtoint(memory, _WORD)

    return types.int64(like), codegen


@stands_for(plain.peek)
def _peek(typingctx: Any, like: Any, address: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        item = context.get_value_type(like)
        return builder.load(builder.inttoptr(arguments[1], item.as_pointer()))

    return like(like, types.int64), codegen


def _whole_number(plain: Callable[..., Any], kind: Any) -> None:
    """Register the reading of an integer of ``kind``."""

    @stands_for(plain)
    def read(typingctx: Any, address: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            item = context.get_value_type(kind)
            value = builder.load(builder.inttoptr(arguments[0], item.as_pointer()))
            return context.cast(builder, value, kind, types.int64)

        return types.int64(types.int64), codegen


_whole_number(plain.peek_int, types.int32)
_whole_number(plain.peek_byte, types.uint8)


@stands_for(plain.poke)
def _poke(typingctx: Any, address: Any, value: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[0], arguments[1].type.as_pointer())
        builder.store(arguments[1], pointer)
        return context.get_dummy_value()

    return types.void(types.int64, value), codegen


def _copy(plain: Callable[..., Any], numbers: Callable[[int], int]) -> None:
    """Register the copying of so many numbers, by those in a vector."""

    @stands_for(plain)
    def copy(typingctx: Any, like: Any, source: Any, to: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            v, (_, source, to) = Vectors(builder, like), arguments
            for offset in range(0, numbers(v.lanes) * v.size, VECTOR_BYTES):
                v.store(v.load(v.at(source, offset)), v.at(to, offset))
            return context.get_dummy_value()

        return types.void(like, types.int64, types.int64), codegen


_copy(plain.copy_row, lambda lanes: MICROTILE_VECTORS * lanes)
_copy(plain.copy_micropanel_column, lambda lanes: MICROPANEL_ROWS)


@stands_for(plain.transpose_block)
def _transpose_block(typingctx: Any, like: Any, source: Any, row: Any, to: Any, row_to: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v = Vectors(builder, like)
        _, source, row, to, row_to = arguments
        transpose(v, source, row, to, row_to, v.load)
        return context.get_dummy_value()

    return types.void(like, *[types.int64] * 4), codegen


def transpose(
    v: Vectors, source: Any, row: Any, to: Any, row_to: Any, load: Callable[[Any], Any]
) -> None:
    """Emit the transposition of a square of vectors, loaded from rows ``row`` apart."""

    def line(start: Any, distance: Any, i: int) -> Any:
        return v.at(start, v.builder.mul(distance, ir.Constant(_WORD, i)))

    rows = [load(line(source, row, i)) for i in range(v.lanes)]
    half = 1
    while half < v.lanes:  # exchange off-diagonal squares of side 1, then 2, then 4, …
        low = [i if not i & half else v.lanes + i - half for i in range(v.lanes)]
        high = [i + half if not i & half else v.lanes + i for i in range(v.lanes)]
        for i in range(v.lanes):
            if not i & half:
                x, y = rows[i], rows[i + half]
                rows[i], rows[i + half] = v.shuffle(x, y, low), v.shuffle(x, y, high)
        half *= 2
    for i in range(v.lanes):
        v.store(rows[i], line(to, row_to, i))


def microtile_of(plain: Callable[..., Any], kind: type[Vectors]) -> None:
    """Register the micro-kernel: a loop over k for each number of rows, sums in registers.

    And one more, for the largest microtile, that asks for cache lines ahead.
    """

    @stands_for(plain)
    def multiply(
        typingctx: Any,
        rows: Any,
        k: Any,
        alpha: Any,
        of_a: Any,
        of_b: Any,
        beta: Any,
        of_c: Any,
        ahead: Any,
    ) -> Any:
        word = types.int64
        two, three = types.UniTuple(word, 2), types.UniTuple(word, 3)
        signature = types.void(word, word, alpha, three, two, alpha, two, three)

        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            v = kind(builder, alpha)
            rows, *rest, ahead = arguments
            lines = _Lines(v, *cgutils.unpack_tuple(builder, ahead))
            done = builder.append_basic_block("done")
            asks = builder.icmp_signed("!=", lines.start, ir.Constant(_WORD, 0))
            choice = builder.switch(builder.add(rows, builder.zext(asks, _WORD)), done)
            for number in range(1, MICROTILE_ROWS + 2):
                block = builder.append_basic_block(f"rows{number}")
                choice.add_case(ir.Constant(_WORD, number), block)
                builder.position_at_end(block)
                last = number > MICROTILE_ROWS
                _microtile(_Panel(v), number - last, rest, lines if last else None)
                builder.branch(done)
            builder.position_at_end(done)
            return context.get_dummy_value()

        return signature, codegen


def edge_tile_of(plain: Callable[..., Any], kind: type[Vectors]) -> None:
    """Register the micro-kernel for fewer columns: one for each number of rows and of vectors."""

    @stands_for(plain)
    def multiply(
        typingctx: Any, extents: Any, k: Any, alpha: Any, of_a: Any, of_b: Any, beta: Any, of_c: Any
    ) -> Any:
        two, three = types.UniTuple(types.int64, 2), types.UniTuple(types.int64, 3)
        signature = types.void(two, types.int64, alpha, three, two, alpha, two)

        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            v = kind(builder, alpha)
            rows, columns = cgutils.unpack_tuple(builder, arguments[0])
            lanes, done = ir.Constant(_WORD, v.lanes), builder.append_basic_block("done")
            wide = builder.icmp_signed(">", columns, lanes)
            mask = v.mask(builder.select(wide, builder.sub(columns, lanes), columns))
            more = builder.select(wide, ir.Constant(_WORD, MICROTILE_ROWS), ir.Constant(_WORD, 0))
            choice = builder.switch(builder.add(rows, more), done)
            for vectors in range(1, MICROTILE_VECTORS + 1):
                for number in range(1, MICROTILE_ROWS + 1):
                    block = builder.append_basic_block(f"rows{number}x{vectors}")
                    case = ir.Constant(_WORD, (vectors - 1) * MICROTILE_ROWS + number)
                    choice.add_case(case, block)
                    builder.position_at_end(block)
                    _microtile(_Panel(v, vectors, mask), number, arguments[1:], None)
                    builder.branch(done)
            builder.position_at_end(done)
            return context.get_dummy_value()

        return signature, codegen


class _Panel:
    """Emits loads and stores of rows as wide as a panel, of the last vector the lanes of a mask."""

    def __init__(self, v: Vectors, vectors: int = MICROTILE_VECTORS, mask: Any = None) -> None:
        self.v, self.vectors, self.mask = v, range(vectors), mask

    def load(self, address: Any, j: int) -> Any:
        at = self.v.at(address, j * VECTOR_BYTES)
        return self.v.load(at) if self._whole(j) else self.v.load_some(at, self.mask)

    def store(self, value: Any, address: Any, j: int) -> None:
        at = self.v.at(address, j * VECTOR_BYTES)
        if self._whole(j):
            self.v.store(value, at)
        else:
            self.v.store_some(value, at, self.mask)

    def _whole(self, j: int) -> bool:
        return self.mask is None or j < self.vectors[-1]


class _Lines:
    """Emits prefetches of the cache lines of a panel that is still to be copied.

    They lie in rows ``row`` apart. Line after line is taken from row after row, or, where
    ``across`` is not 0, from one row after the other of those that become columns, that far apart.
    """

    def __init__(self, v: Vectors, start: Any, row: Any, across: Any) -> None:
        self.v, self.start, self.row, self.across = v, start, row, across
        columns = MICROTILE_VECTORS * v.lanes
        self.shift = ir.Constant(_WORD, columns.bit_length() - 1)
        turned = v.builder.icmp_signed("!=", across, ir.Constant(_WORD, 0))
        self.mask = v.builder.select(
            turned, ir.Constant(_WORD, columns - 1), ir.Constant(_WORD, -1)
        )

    def prefetch(self, number: Any) -> None:
        """Emit the prefetch of one of them."""
        builder = self.v.builder
        down = builder.mul(builder.and_(number, self.mask), self.row)
        along = builder.mul(builder.lshr(number, self.shift), self.across)
        self.v.prefetch(builder.add(self.start, builder.add(down, along)), write=False)


def _microtile(panel: _Panel, rows: int, arguments: Any, ahead: _Lines | None) -> None:
    """Emit the microtile of ``rows`` rows: the loop over k, then the sums to memory."""
    v, builder = panel.v, panel.v.builder
    k, alpha, of_a, of_b, beta, of_c = arguments
    a, row_a, step_a = cgutils.unpack_tuple(builder, of_a)
    (b, row_b), (c, row_c) = (cgutils.unpack_tuple(builder, of) for of in (of_b, of_c))
    below = [builder.mul(row_a, ir.Constant(_WORD, i)) for i in range(rows)]
    cells = [(i, j) for i in range(rows) for j in panel.vectors]
    lines = [builder.add(c, builder.mul(row_c, ir.Constant(_WORD, i))) for i in range(rows)]
    for line in lines:
        v.prefetch(line, write=True)
    before = builder.block
    loop, after = builder.append_basic_block("k"), builder.append_basic_block("sums")
    empty = builder.icmp_signed("==", k, ir.Constant(_WORD, 0))
    builder.cbranch(empty, after, loop)

    builder.position_at_end(loop)
    counter, at_a, at_b = (builder.phi(_WORD) for _ in range(3))
    sums = {cell: builder.phi(v.vector) for cell in cells}
    row_of_b = [panel.load(at_b, j) for j in panel.vectors]
    added: dict[tuple[int, int], Any] = {}
    for i in range(rows):
        row = [(i, j) for j in panel.vectors]
        after_a = v.add_products(v.at(at_a, below[i]), row_of_b, [sums[cell] for cell in row])
        added.update(zip(row, after_a, strict=True))
    left = builder.sub(counter, ir.Constant(_WORD, 1))
    if ahead is not None:
        ahead.prefetch(left)
    for phi, start, following in (
        (counter, k, left),
        (at_a, a, builder.add(at_a, step_a)),
        (at_b, b, builder.add(at_b, row_b)),
        *((sums[cell], v.zero, added[cell]) for cell in cells),
    ):
        phi.add_incoming(start, before)
        phi.add_incoming(following, loop)
    builder.cbranch(builder.icmp_signed("==", left, ir.Constant(_WORD, 0)), after, loop)

    builder.position_at_end(after)
    total = {cell: builder.phi(v.vector) for cell in cells}
    for cell in cells:
        total[cell].add_incoming(v.zero, before)
        total[cell].add_incoming(added[cell], loop)
    factor, kept = v.splat(alpha), v.splat(beta)
    overwrites = builder.fcmp_ordered("==", beta, ir.Constant(v.real, 0.0))
    with builder.if_else(overwrites) as (fresh, onto):
        for branch, keeps in ((fresh, False), (onto, True)):
            with branch:
                for i, j in cells:
                    value = builder.fmul(factor, total[i, j])
                    value = v.fma(kept, panel.load(lines[i], j), value) if keeps else value
                    panel.store(value, lines[i], j)


microtile_of(plain.multiply_microtile, Vectors)
edge_tile_of(plain.multiply_edge_tile, Vectors)


@stands_for(plain.multiply_strip)
def _multiply_strip(
    typingctx: Any, vectors: Any, k: Any, like: Any, x: Any, of_a: Any, y: Any
) -> Any:
    word, two = types.int64, types.UniTuple(types.int64, 2)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors, k, _, x, of_a, y = arguments
        _strips(Vectors(builder, like), vectors, k, of_a, x, y)
        return context.get_dummy_value()

    return types.void(word, word, like, word, two, word), codegen


@stands_for(plain.update_strip)
def _update_strip(
    typingctx: Any,
    vectors: Any,
    k: Any,
    alpha: Any,
    x: Any,
    dy: Any,
    of_a: Any,
    ahead: Any,
    y: Any,
) -> Any:
    word, two = types.int64, types.UniTuple(types.int64, 2)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors, k, factor, x, dy, of_a, ahead, y = arguments
        _strips(Vectors(builder, alpha), vectors, k, of_a, ahead, y, (factor, x, dy))
        return context.get_dummy_value()

    return types.void(word, word, alpha, word, word, two, word, word), codegen


def _strips(v: Vectors, vectors: Any, k: Any, of_a: Any, x: Any, y: Any, step: Any = None) -> None:
    """Emit one loop over k for each number of vectors, with y in registers."""
    builder = v.builder
    done = builder.append_basic_block("done")
    choice = builder.switch(vectors, done)
    for count in range(1, _STRIP_VECTORS + 1):
        block = builder.append_basic_block(f"vectors{count}")
        choice.add_case(ir.Constant(_WORD, count), block)
        builder.position_at_end(block)
        _strip(v, count, k, of_a, x, y, step)
        builder.branch(done)
    builder.position_at_end(done)


def _strip(v: Vectors, vectors: int, k: Any, of_a: Any, x: Any, y: Any, step: Any) -> None:
    """Emit y += x A over at least one row; ``step`` (alpha, x, dy): after A += alpha xᵀ dy."""
    builder = v.builder
    a, row_a = cgutils.unpack_tuple(builder, of_a)
    offsets = [j * VECTOR_BYTES for j in range(vectors)]
    start = [v.load(v.at(y, offset)) for offset in offsets]
    before, loop = builder.block, builder.append_basic_block("k")
    after = builder.append_basic_block("sums")
    builder.branch(loop)

    builder.position_at_end(loop)
    counter, at_a, byte = (builder.phi(_WORD) for _ in range(3))
    sums = [builder.phi(v.vector) for _ in offsets]
    factor = v.splat(v.load(v.at(x, byte), v.real))
    if step is not None:
        alpha, own, dy = step
        length = v.splat(builder.fmul(alpha, v.load(v.at(own, byte), v.real)))
    added = []
    for offset, total in zip(offsets, sums, strict=True):  # one after the other: registers are few
        row = v.load(v.at(at_a, offset))
        if step is not None:
            row = v.fma(length, v.load(v.at(dy, offset)), row)
            v.store(row, v.at(at_a, offset))
        added.append(v.fma(factor, row, total))
    left = builder.sub(counter, ir.Constant(_WORD, 1))
    for phi, initial, following in (
        (counter, k, left),
        (at_a, a, builder.add(at_a, row_a)),
        (byte, ir.Constant(_WORD, 0), v.at(byte, v.size)),
        *zip(sums, start, added, strict=True),
    ):
        phi.add_incoming(initial, before)
        phi.add_incoming(following, loop)
    builder.cbranch(builder.icmp_signed("==", left, ir.Constant(_WORD, 0)), after, loop)

    builder.position_at_end(after)
    for offset, total in zip(offsets, added, strict=True):
        v.store(total, v.at(y, offset))
