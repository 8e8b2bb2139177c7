"""A softmax down columns of lanes, and its products, compiled: what `steepest.kernels.lanes` says.

exp is that of `steepest.kernels.functions`, for numbers of at most 0, in whole vectors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from ..kernels import lanes as plain
from .intrinsics import stands_for
from .simd import VECTOR_BYTES, Vectors
from .window_tiles import repeat

__all__: list[str] = []

_WORD = ir.IntType(64)
_PER_LN2 = 1.4426950408889634
_LOWEST = {4: -87.33, 8: -708.39}
_LN2 = {  # few bits, so that its multiples are exact, and the rest
    4: (0.69314575195312500, 1.4286068203094172e-06),
    8: (0.6931471805598903, 5.497923018708371e-14),
}
_FACTORIALS = {
    4: (5040, 720, 120, 24, 6, 2),
    8: (6227020800, 479001600, 39916800, 3628800, 362880, 40320, 5040, 720, 120, 24, 6, 2),
}
_BITS = {4: (ir.IntType(32), 23), 8: (ir.IntType(64), 52)}  # of an exponent


class _State:
    """What is known of a vector of lanes."""

    def __init__(self, v: Vectors, address: Any) -> None:
        self.v, self.address = v, address

    def load(self, which: int) -> Any:
        return self.v.load(self.v.at(self.address, which * self.v.size))

    def store(self, value: Any, which: int) -> None:
        self.v.store(value, self.v.at(self.address, which * self.v.size))


def _constant(v: Vectors, value: float) -> Any:
    return ir.Constant(v.vector, [value] * v.lanes)


def _exp(v: Vectors, x: Any) -> Any:
    """Emit eˣ for x ≤ 0; NaN stays NaN."""
    builder, (high, low) = v.builder, _LN2[v.size]
    whole, place = _BITS[v.size]
    number, half = ir.VectorType(ir.IntType(32), v.lanes), _constant(v, -0.5)
    lowest, one = _constant(v, _LOWEST[v.size]), _constant(v, 1.0)
    w = builder.select(builder.fcmp_ordered(">", x, lowest), x, lowest)
    k = builder.fptosi(v.fma(w, _constant(v, _PER_LN2), half), number)
    times = builder.sitofp(k, v.vector)
    r = v.fma(times, _constant(v, -high), w)
    s = builder.fmul(times, _constant(v, -low))
    if v.size == 4:
        s = v.fma(builder.fmul(s, s), _constant(v, 0.5), s)
    first, *rest = (_constant(v, 1 / f) for f in _FACTORIALS[v.size])
    p = first
    for factor in rest:
        p = v.fma(p, r, factor)
    q = v.fma(p, builder.fmul(r, r), r)
    e = builder.fadd(one, builder.fadd(q, builder.fmul(s, builder.fadd(one, q))))
    bits = ir.VectorType(whole, v.lanes)
    k = builder.sext(k, bits) if v.size == 8 else k
    shifted = builder.shl(k, ir.Constant(bits, [place] * v.lanes))
    e = builder.bitcast(builder.add(builder.bitcast(e, bits), shifted), v.vector)
    e = builder.select(builder.fcmp_ordered("<", x, lowest), v.zero, e)
    return builder.select(builder.fcmp_unordered("uno", x, x), x, e)


def _rows(
    v: Vectors, of_s: Any, values: list[Any], body: Callable[[Any, list[Any]], list[Any]]
) -> list[Any]:
    """Emit values ← body(the address of a row, values) for all rows; return the last values."""
    start, row, count = of_s

    def following(current: list[Any]) -> list[Any]:
        at, *rest = current
        return [v.builder.add(at, row), *body(at, rest)]

    return repeat(v.builder, count, [start, *values], following)[1:]


@stands_for(plain.hide_lanes)
def _hide_lanes(typingctx: Any, like: Any, first: Any, of_s: Any, state: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v, known = Vectors(builder, like), _State(Vectors(builder, like), arguments[3])
        begin, end, one = known.load(plain.BEGIN), known.load(plain.END), _constant(v, 1.0)
        hidden = _constant(v, plain.HIDDEN)

        def body(at: Any, values: list[Any]) -> list[Any]:
            (key,) = values
            inside = builder.and_(
                builder.fcmp_ordered("<=", begin, key), builder.fcmp_ordered("<", key, end)
            )
            v.store(builder.select(inside, v.load(at), hidden), at)
            return [builder.fadd(key, one)]

        key = v.splat(context.cast(builder, arguments[1], types.int64, like))
        _rows(v, cgutils.unpack_tuple(builder, arguments[2]), [key], body)
        return context.get_dummy_value()

    return types.void(like, types.int64, types.UniTuple(types.int64, 3), types.int64), codegen


@stands_for(plain.weigh_lanes)
def _weigh_lanes(typingctx: Any, like: Any, of_s: Any, state: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v, of_s = Vectors(builder, like), cgutils.unpack_tuple(builder, arguments[1])
        known = _State(v, arguments[2])
        before = known.load(plain.TOP)

        def largest(at: Any, values: list[Any]) -> list[Any]:
            s, (top,) = v.load(at), values
            return [builder.select(builder.fcmp_ordered(">", s, top), s, top)]

        (top,) = _rows(v, of_s, [before], largest)
        factor = _exp(v, builder.fsub(before, top))

        def weigh(at: Any, values: list[Any]) -> list[Any]:
            e = _exp(v, builder.fsub(v.load(at), top))
            v.store(e, at)
            return [builder.fadd(values[0], e)]

        start = builder.fmul(known.load(plain.TOTAL), factor)
        (total,) = _rows(v, of_s, [start], weigh)
        for value, which in ((top, plain.TOP), (total, plain.TOTAL), (factor, plain.FACTOR)):
            known.store(value, which)
        return context.get_dummy_value()

    return types.void(like, types.UniTuple(types.int64, 3), types.int64), codegen


@stands_for(plain.slope_lanes)
def _slope_lanes(typingctx: Any, like: Any, of_s: Any, slopes: Any, state: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v, of_s = Vectors(builder, like), cgutils.unpack_tuple(builder, arguments[1])
        known = _State(v, arguments[3])
        top, inverse, along = map(known.load, (plain.TOP, plain.TOTAL, plain.ALONG))
        apart = builder.sub(arguments[2], of_s[0])

        def slope(at: Any, values: list[Any]) -> list[Any]:
            p = builder.fmul(inverse, _exp(v, builder.fsub(v.load(at), top)))
            v.store(p, at)
            there = builder.add(at, apart)
            v.store(builder.fmul(p, builder.fsub(v.load(there), along)), there)
            return []

        _rows(v, of_s, [], slope)
        return context.get_dummy_value()

    word = types.int64
    return types.void(like, types.UniTuple(word, 3), word, word), codegen


@stands_for(plain.softmax_lanes)
def _softmax_lanes(typingctx: Any, like: Any, of_s: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v, of_s = Vectors(builder, like), cgutils.unpack_tuple(builder, arguments[1])

        def largest(at: Any, values: list[Any]) -> list[Any]:
            s, (top,) = v.load(at), values
            return [builder.select(builder.fcmp_ordered(">", s, top), s, top)]

        (top,) = _rows(v, of_s, [_constant(v, plain.HIDDEN)], largest)

        def weigh(at: Any, values: list[Any]) -> list[Any]:
            e = _exp(v, builder.fsub(v.load(at), top))
            v.store(e, at)
            return [builder.fadd(values[0], e)]

        (total,) = _rows(v, of_s, [v.zero], weigh)
        inverse = builder.fdiv(_constant(v, 1.0), total)

        def divide(at: Any, values: list[Any]) -> list[Any]:
            v.store(builder.fmul(v.load(at), inverse), at)
            return []

        _rows(v, of_s, [], divide)
        return context.get_dummy_value()

    return types.void(like, types.UniTuple(types.int64, 3)), codegen


@stands_for(plain.slope_whole_lanes)
def _slope_whole_lanes(typingctx: Any, like: Any, of_p: Any, slopes: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v, of_p = Vectors(builder, like), cgutils.unpack_tuple(builder, arguments[1])
        apart = builder.sub(arguments[2], of_p[0])

        def add(at: Any, values: list[Any]) -> list[Any]:
            return [v.fma(v.load(at), v.load(builder.add(at, apart)), values[0])]

        (along,) = _rows(v, of_p, [v.zero], add)

        def slope(at: Any, values: list[Any]) -> list[Any]:
            there = builder.add(at, apart)
            v.store(builder.fmul(v.load(at), builder.fsub(v.load(there), along)), there)
            return []

        _rows(v, of_p, [], slope)
        return context.get_dummy_value()

    return types.void(like, types.UniTuple(types.int64, 3), types.int64), codegen


@stands_for(plain.multiply_lanes)
def _multiply_lanes(
    typingctx: Any, rows: Any, k: Any, alpha: Any, of_a: Any, b: Any, onto: Any, c: Any
) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v, done = Vectors(builder, alpha), builder.append_basic_block("done")
        choice = builder.switch(arguments[0], done)
        for number in range(1, plain.LANE_ROWS + 1):
            block = builder.append_basic_block(f"rows{number}")
            choice.add_case(ir.Constant(_WORD, number), block)
            builder.position_at_end(block)
            _multiply_rows(v, number, arguments[1:])
            builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    word = types.int64
    return types.void(word, word, alpha, types.UniTuple(word, 3), word, word, word), codegen


def _multiply_rows(v: Vectors, rows: int, arguments: Any) -> None:
    """Emit C = alpha A B, or C += alpha A B, for so many rows of A and C."""
    builder, (k, alpha, of_a, b, onto, c) = v.builder, arguments
    a, row_a, step_a = cgutils.unpack_tuple(builder, of_a)
    below = [builder.mul(row_a, ir.Constant(_WORD, i)) for i in range(rows)]

    def add(values: list[Any]) -> list[Any]:
        at_a, at_b, *sums = values
        row = [v.load(at_b)]
        added = [
            v.add_products(builder.add(at_a, down), row, [total])[0]
            for down, total in zip(below, sums, strict=True)
        ]
        return [builder.add(at_a, step_a), v.at(at_b, VECTOR_BYTES), *added]

    _, _, *sums = repeat(builder, k, [a, b, *[v.zero] * rows], add)
    factor, adds = v.splat(alpha), builder.icmp_signed("!=", onto, ir.Constant(_WORD, 0))
    for i, total in enumerate(sums):
        at = v.at(c, i * VECTOR_BYTES)
        before = builder.select(adds, v.load(at), v.zero)
        v.store(v.fma(factor, total, before), at)
