"""Vectors of pairs of bfloat16, compiled: what the functions of `steepest.kernels.bfloat16` say.

A processor with AVX512-BF16 multiplies and adds a vector of pairs in one instruction. Any other
takes the pairs apart, which gives the same products, and is no quicker than float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils

from ..kernels import bfloat16 as plain
from .intrinsics import stands_for
from .processor import processor_has
from .simd import (
    MICROPANEL_ROWS,
    MICROTILE_VECTORS,
    VECTOR_BYTES,
    Vectors,
    edge_tile_of,
    microtile_of,
    transpose,
)

_FAST = processor_has("avx512bf16")
if _FAST:
    llvm.initialize_native_asmparser()  # for `Pairs._add_fast`
_UPPER, _HALF = 0xFFFF0000, 16
_WORD = ir.IntType(64)


class _BFloat(ir.types._BaseFloatType):  # type: ignore[misc]
    """LLVM's bfloat, which llvmlite has no type for."""

    null, intrinsic_name = "0.0", "bf16"

    def __str__(self) -> str:
        return "bfloat"


_BFloat._create_instance()


class Pairs(Vectors):
    """Emits what vectors of pairs need, beside that of vectors."""

    def __init__(self, builder: Any, real: Any) -> None:
        super().__init__(builder, real)
        self.words = ir.VectorType(ir.IntType(32), self.lanes)
        self.bfloats = ir.VectorType(_BFloat(), 2 * self.lanes)

    def beside(self, first: Any, second: Any) -> Any:
        """Pair the numbers of one vector with those of another."""
        if _FAST:
            n = self.lanes
            order = [i // 2 + n * (i % 2) for i in range(2 * n)]
            return self._fast(first, second, order)
        low = self.builder.lshr(self._rounded(first), self._all(_HALF))
        high = self.builder.and_(self._rounded(second), self._all(_UPPER))
        return self.builder.bitcast(self.builder.or_(low, high), self.vector)

    def along(self, first: Any, second: Any) -> Any:
        """Pair the numbers of two vectors, one after the other, with their neighbours."""
        n = self.lanes
        if _FAST:
            return self._fast(first, second, range(2 * n))
        even, odd = ([2 * i + k for i in range(n)] for k in (0, 1))
        return self.beside(self.shuffle(first, second, even), self.shuffle(first, second, odd))

    def add_products(self, address: Any, factors: list[Any], sums: list[Any]) -> list[Any]:
        """Return the sums with both products of the pair at ``address`` with each factor added."""
        if _FAST:
            return self._add_fast(address, factors, sums)
        builder = self.builder
        pairs = [self.splat(self.load(address, self.real)), *factors]
        words = [builder.bitcast(v, self.words) for v in pairs]
        firsts = [builder.shl(v, self._all(_HALF)) for v in words]
        seconds = [builder.and_(v, self._all(_UPPER)) for v in words]
        for halves in (firsts, seconds):
            x, *of_y = [builder.bitcast(v, self.vector) for v in halves]
            sums = [self.fma(x, y, z) for y, z in zip(of_y, sums, strict=True)]
        return sums

    def _add_fast(self, address: Any, factors: list[Any], sums: list[Any]) -> list[Any]:
        """One block for the row: LLVM by itself asks for more registers than there are."""
        n = len(sums)
        kind = ir.FunctionType(
            ir.LiteralStructType([self.vector] * (n + 1)), [_WORD, *[self.vector] * (2 * n)]
        )
        code = [f"vbroadcastss (${n + 1}), ${n}"]
        code += [f"vdpbf16ps ${n}, ${n + 2 + j}, ${j}" for j in range(n)]
        wanted = ["=&v"] * (n + 1) + ["r"] + ["v"] * n + [str(j) for j in range(n)] + ["~{memory}"]
        found = self.builder.asm(
            kind, "\n".join(code), ",".join(wanted), [address, *factors, *sums], False
        )
        return [self.builder.extract_value(found, j) for j in range(n)]

    def _all(self, value: int) -> Any:
        return ir.Constant(self.words, [value] * self.lanes)

    def _fast(self, first: Any, second: Any, order: Any) -> Any:
        builder = self.builder
        kind = ir.FunctionType(self.bfloats, [self.vector] * 2)
        name = "llvm.x86.avx512bf16.cvtne2ps2bf16.512"
        function = cgutils.get_or_insert_function(builder.module, kind, name)
        halves = ir.VectorType(ir.IntType(16), 2 * self.lanes)
        found = builder.bitcast(builder.call(function, [second, first]), halves)
        chosen = ir.Constant(ir.VectorType(ir.IntType(32), 2 * self.lanes), list(order))
        return builder.bitcast(builder.shuffle_vector(found, found, chosen), self.vector)

    def _rounded(self, x: Any) -> Any:
        """Return words whose upper halves are x, rounded."""
        builder = self.builder
        bits = builder.bitcast(x, self.words)
        odd = builder.and_(builder.lshr(bits, self._all(_HALF)), self._all(1))
        up = builder.add(builder.add(bits, self._all(0x7FFF)), odd)
        return builder.select(
            builder.fcmp_unordered("uno", x, x), builder.or_(bits, self._all(1 << 22)), up
        )


@stands_for(plain.pair)
def _pair(typingctx: Any, like: Any, first: Any, second: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v = Pairs(builder, like)
        pairs = v.beside(v.splat(arguments[1]), v.splat(arguments[2]))
        return builder.extract_element(pairs, ir.Constant(ir.IntType(32), 0))

    return like(like, like, like), codegen


@stands_for(plain.pair_along)
def _pair_along(typingctx: Any, like: Any, source: Any, to: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v, (_, source, to) = Pairs(builder, like), arguments
        v.store(_load_along(v, source), to)
        return context.get_dummy_value()

    return types.void(like, types.int64, types.int64), codegen


def _load_along(v: Pairs, source: Any) -> Any:
    return v.along(v.load(source), v.load(v.at(source, VECTOR_BYTES)))


def _beside(plain: Callable[..., Any], vectors: Callable[[int], int]) -> None:
    """Register the pairing of two rows of so many vectors."""

    @stands_for(plain)
    def beside(typingctx: Any, like: Any, first: Any, second: Any, to: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            v, (_, first, second, to) = Pairs(builder, like), arguments
            for i in range(vectors(v.lanes)):
                rows = (v.load(v.at(row, i * VECTOR_BYTES)) for row in (first, second))
                v.store(v.beside(*rows), v.at(to, i * VECTOR_BYTES))
            return context.get_dummy_value()

        return types.void(like, *[types.int64] * 3), codegen


_beside(plain.pair_row, lambda lanes: MICROTILE_VECTORS)
_beside(plain.pair_micropanel_column, lambda lanes: MICROPANEL_ROWS // lanes)


@stands_for(plain.transpose_pairs)
def _transpose_pairs(typingctx: Any, like: Any, source: Any, row: Any, to: Any, row_to: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v = Pairs(builder, like)
        _, source, row, to, row_to = arguments
        transpose(v, source, row, to, row_to, lambda address: _load_along(v, address))
        return context.get_dummy_value()

    return types.void(like, *[types.int64] * 4), codegen


microtile_of(plain.multiply_pairs, Pairs)
edge_tile_of(plain.multiply_edge_of_pairs, Pairs)
