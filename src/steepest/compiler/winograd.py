"""The transforms of `steepest.kernels.winograd`, compiled: a tile of some channels in registers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from ..kernels import winograd as plain
from .intrinsics import stands_for
from .simd import VECTOR_BYTES, Vectors
from .window_tiles import apart, repeat

__all__: list[str] = []

_WORD = ir.IntType(64)
_ZERO = ir.Constant(_WORD, 0)
_Tile = list[list[Any]]


def _inputs(builder: Any, d: list[Any]) -> list[Any]:
    """Bᵀ d"""
    add, subtract = builder.fadd, builder.fsub
    return [subtract(d[0], d[2]), add(d[1], d[2]), subtract(d[2], d[1]), subtract(d[1], d[3])]


def _outputs(builder: Any, m: list[Any]) -> list[Any]:
    """Cᵀ m"""
    add, subtract = builder.fadd, builder.fsub
    return [add(m[0], add(m[1], m[2])), subtract(subtract(m[1], m[2]), m[3])]


def _gradients(builder: Any, dy: list[Any]) -> list[Any]:
    """C dy"""
    plus, minus = builder.fadd(dy[0], dy[1]), builder.fsub(dy[0], dy[1])
    return [dy[0], plus, minus, builder.fneg(dy[1])]


def _each_way(builder: Any, transform: Callable[..., list[Any]], tile: _Tile) -> _Tile:
    """Return the tile transformed along its lines and its columns."""
    columns = [transform(builder, list(column)) for column in zip(*tile, strict=True)]
    return [transform(builder, list(line)) for line in zip(*columns, strict=True)]


def _offsets(builder: Any, line: Any, pixel: Any, extents: tuple[int, int]) -> _Tile:
    """Return how far each pixel of a tile is from the first."""
    lines, pixels = (
        [builder.mul(distance, ir.Constant(_WORD, n)) for n in range(extent)]
        for distance, extent in zip((line, pixel), extents, strict=True)
    )
    return [[builder.add(x, y) for y in pixels] for x in lines]


def _registered(
    plain: Callable[..., Any], emit: Callable[[Vectors, list[Any]], None], lengths: tuple[int, ...]
) -> None:
    """Register ``emit``, in a function of its own, for tuples of so many whole numbers."""

    @stands_for(plain)
    def transform(typingctx: Any, like: Any, extents: Any, of_a: Any, of_b: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            values = [x for each in arguments[1:] for x in cgutils.unpack_tuple(builder, each)]

            def write(builder: Any, values: list[Any]) -> None:
                emit(Vectors(builder, like), values)

            function = apart(builder.module, f"{plain.__name__}.{like}", values, write)
            builder.call(function, values)
            return context.get_dummy_value()

        return types.void(like, *(types.UniTuple(types.int64, n) for n in lengths)), codegen


def _transform_inputs(v: Vectors, values: list[Any]) -> None:
    tiles, channels, d, line, pixel, out, place, apart = values
    builder = v.builder
    from_d = _offsets(builder, line, pixel, (4, 4))
    from_v = _offsets(builder, builder.mul(place, ir.Constant(_WORD, 4)), place, (4, 4))
    vectors = builder.udiv(channels, ir.Constant(_WORD, v.lanes))

    def each_vector(values: list[Any]) -> list[Any]:
        at_d, at_v = values
        tile = [[v.load(v.at(at_d, offset)) for offset in row] for row in from_d]
        found = _each_way(builder, _inputs, tile)
        for numbers, offsets in zip(found, from_v, strict=True):
            for number, offset in zip(numbers, offsets, strict=True):
                v.store(number, v.at(at_v, offset))
        return [v.at(at, VECTOR_BYTES) for at in values]

    def each_tile(values: list[Any]) -> list[Any]:
        repeat(builder, vectors, values, each_vector)
        return [v.at(values[0], builder.add(pixel, pixel)), v.at(values[1], apart)]

    repeat(builder, tiles, [d, out], each_tile)


def _transform_outputs(v: Vectors, values: list[Any]) -> None:
    tiles, lines, pixels, channels, m, place, apart, b, y, line, pixel = values
    builder, one, two = v.builder, ir.Constant(_WORD, 1), ir.Constant(_WORD, 2)
    from_m = _offsets(builder, builder.mul(place, ir.Constant(_WORD, 4)), place, (4, 4))
    vectors = builder.udiv(channels, ir.Constant(_WORD, v.lanes))

    def if_two(extent: Any, distance: Any) -> Any:
        return builder.select(builder.icmp_signed(">", extent, one), distance, _ZERO)

    down = if_two(lines, line)

    def each_tile(values: list[Any]) -> list[Any]:
        left, at_m, at_y = values
        # What is not there goes to where something else is written later.
        from_y = _offsets(builder, down, if_two(left, pixel), (2, 2))

        def each_vector(values: list[Any]) -> list[Any]:
            at_m, at_b, at_y = values
            tile = [[v.load(v.at(at_m, offset)) for offset in row] for row in from_m]
            start = v.load(at_b)
            found = _each_way(builder, _outputs, tile)
            for i, k in ((1, 1), (1, 0), (0, 1), (0, 0)):
                v.store(builder.fadd(found[i][k], start), v.at(at_y, from_y[i][k]))
            return [v.at(at, VECTOR_BYTES) for at in values]

        repeat(builder, vectors, [at_m, b, at_y], each_vector)
        after = v.at(at_y, builder.add(pixel, pixel))
        return [builder.sub(left, two), v.at(at_m, apart), after]

    repeat(builder, tiles, [pixels, m, y], each_tile)


def _transform_gradients(v: Vectors, values: list[Any]) -> None:
    tiles, lines, pixels, channels, dy, line, pixel, m, place, apart = values
    builder, one, two = v.builder, ir.Constant(_WORD, 1), ir.Constant(_WORD, 2)
    from_m = _offsets(builder, builder.mul(place, ir.Constant(_WORD, 4)), place, (4, 4))
    vectors = builder.udiv(channels, ir.Constant(_WORD, v.lanes))
    second_line = builder.icmp_signed(">", lines, one)
    down = builder.select(second_line, line, _ZERO)

    def each_tile(values: list[Any]) -> list[Any]:
        left, at_dy, at_m = values
        second_pixel = builder.icmp_signed(">", left, one)
        from_dy = _offsets(builder, down, builder.select(second_pixel, pixel, _ZERO), (2, 2))

        def load(at: Any, i: int, k: int) -> Any:
            found = v.load(v.at(at, from_dy[i][k]))
            for condition in [second_line] * i + [second_pixel] * k:
                found = builder.select(condition, found, v.zero)
            return found

        def each_vector(values: list[Any]) -> list[Any]:
            at_dy, at_m = values
            found = _each_way(
                builder, _gradients, [[load(at_dy, i, k) for k in (0, 1)] for i in (0, 1)]
            )
            for numbers, offsets in zip(found, from_m, strict=True):
                for number, offset in zip(numbers, offsets, strict=True):
                    v.store(number, v.at(at_m, offset))
            return [v.at(at, VECTOR_BYTES) for at in values]

        repeat(builder, vectors, [at_dy, at_m], each_vector)
        after = v.at(at_dy, builder.add(pixel, pixel))
        return [builder.sub(left, two), after, v.at(at_m, apart)]

    repeat(builder, tiles, [pixels, dy, m], each_tile)


_registered(plain.transform_gradients, _transform_gradients, (4, 3, 3))
_registered(plain.transform_inputs, _transform_inputs, (2, 3, 3))
_registered(plain.transform_outputs, _transform_outputs, (4, 4, 3))
