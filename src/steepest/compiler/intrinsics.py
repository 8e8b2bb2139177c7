"""What kernels may call beside plain Python, compiled: BLAS and what threads need.

Each is the compiled form of a plain function in `steepest.kernels`: gemm, atomics, prefetch or fma.
Those of its simd and bfloat16 are in the files of the same names here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..kernels import atomics, fma
from ..kernels import prefetch as _ahead
from ..kernels.gemm import gemm
from ..kernels.windows import add_windows_and_sum, multiply_windows
from .frontend import inlined
from .target import HERE

__all__ = ["INSTEAD", "prefetch", "stands_for"]

INSTEAD: dict[Callable[..., Any], Any] = {}
"""What stands in a compiled kernel instead of a plain function."""

_WORD = ir.IntType(64)


def stands_for(plain: Callable[..., Any]) -> Callable[[Callable[..., Any]], Any]:
    """Make an intrinsic of the function below, and have it stand for ``plain``."""

    def register(typing: Callable[..., Any]) -> Any:
        INSTEAD[plain] = intrinsic(typing)
        return INSTEAD[plain]

    return register


@intrinsic  # type: ignore[untyped-decorator]
def _gemm_call(
    typingctx: Any,
    address: Any,
    ta: Any,
    tb: Any,
    m: Any,
    n: Any,
    k: Any,
    alpha: Any,
    a: Any,
    lda: Any,
    b: Any,
    ldb: Any,
    beta: Any,
    c: Any,
    ldc: Any,
) -> Any:
    """Call BLAS ``?gemm`` (column-major, every argument by reference) at ``address``."""
    real = a.dtype
    signature = types.void(
        types.int64, *[types.int32] * 5, real, a, types.int32, b, types.int32, real, c, types.int32
    )

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        byte = ir.IntType(8).as_pointer()

        def reference(value: Any) -> Any:
            return builder.bitcast(cgutils.alloca_once_value(builder, value), byte)

        def data(index: int) -> Any:
            array = context.make_array(signature.args[index])(context, builder, arguments[index])
            return builder.bitcast(array.data, byte)

        values = [
            data(index) if index in (7, 9, 12) else reference(arguments[index])
            for index in range(1, 14)
        ]
        function = ir.FunctionType(ir.VoidType(), [byte] * 13).as_pointer()
        builder.call(builder.inttoptr(arguments[0], function), values)
        return context.get_dummy_value()

    return signature, codegen


def _gemm(address, alpha, a, b, beta, c):  # type: ignore[no-untyped-def]
    # BLAS is column-major: C = A B by rows is Cᵀ = Bᵀ Aᵀ by columns. An operand whose rows
    # are contiguous goes in as it is ('N' = 78), one whose columns are goes in turned ('T').
    item = c.itemsize
    b_turned = b.strides[1] != item
    a_turned = a.strides[1] != item
    # (A matrix of one row may have any stride; BLAS wants one as long as the row.)
    ldb = (
        max(b.strides[1] // item, b.shape[0]) if b_turned else max(b.strides[0] // item, b.shape[1])
    )
    lda = (
        max(a.strides[1] // item, a.shape[0]) if a_turned else max(a.strides[0] // item, a.shape[1])
    )
    _gemm_call(
        address,
        np.int32(84 if b_turned else 78),
        np.int32(84 if a_turned else 78),
        np.int32(c.shape[1]),
        np.int32(c.shape[0]),
        np.int32(a.shape[1]),
        alpha,
        b,
        np.int32(ldb),
        a,
        np.int32(lda),
        beta,
        c,
        np.int32(max(c.strides[0] // item, c.shape[1], 1)),
    )


INSTEAD[gemm] = inlined(_gemm)


def _multiply_windows(
    typingctx: Any,
    address: Any,
    extents: Any,
    alpha: Any,
    a: Any,
    of_a: Any,
    b: Any,
    of_b: Any,
    s: Any,
    of_s: Any,
    c: Any,
    of_c: Any,
) -> Any:
    """Call the product at ``address``, one of `steepest.kernels.windows`, with C's convention."""
    real = c.dtype
    six, three = (types.UniTuple(types.int64, n) for n in (6, 3))
    size = ir.Constant(_WORD, real.bitwidth // 8)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address, extents, alpha, *matrices = arguments
        values = [
            builder.ptrtoint(cgutils.alloca_once_value(builder, alpha), _WORD),
            *cgutils.unpack_tuple(builder, extents),
        ]
        for kind, array, entries in zip(
            signature.args[3::2], matrices[::2], matrices[1::2], strict=True
        ):
            data = context.make_array(kind)(context, builder, array).data
            values.append(builder.ptrtoint(data, _WORD))
            distances = cgutils.unpack_tuple(builder, entries)
            values += [builder.mul(distance, size) for distance in distances]
        function = ir.FunctionType(ir.VoidType(), [_WORD] * len(values)).as_pointer()
        builder.call(builder.inttoptr(address, function), values)
        return context.get_dummy_value()

    signature = types.void(types.int64, six, real, a, six, b, three, s, three, c, three)
    return signature, codegen


for _product in (multiply_windows, add_windows_and_sum):
    stands_for(_product)(_multiply_windows)


def _atomic_operation(plain: Callable[..., Any]) -> None:
    """Register the atomic load, store or addition that ``plain`` stands for."""

    def emit(builder: Any, pointer: Any, value: Any) -> Any:
        if plain is atomics.load:
            return builder.load_atomic(pointer, "seq_cst", 8)
        if plain is atomics.store:
            builder.store_atomic(value, pointer, "seq_cst", 8)
            return value
        return builder.atomic_rmw("add", pointer, value, "seq_cst")

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[0], _WORD.as_pointer())
        return emit(builder, pointer, arguments[-1])

    if plain is atomics.load:

        @stands_for(plain)
        def load(typingctx: Any, address: Any) -> Any:
            return types.int64(types.int64), codegen
    else:

        @stands_for(plain)
        def change(typingctx: Any, address: Any, value: Any) -> Any:
            return types.int64(types.int64, types.int64), codegen


for _plain in (atomics.load, atomics.store, atomics.fetch_add):
    _atomic_operation(_plain)


def prefetch(builder: Any, byte: Any, *, write: bool) -> None:
    """Ask for the cache line of a byte, to be kept in all caches."""
    flag = ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [byte.type, flag, flag, flag])
    function = builder.module.declare_intrinsic("llvm.prefetch", [byte.type], kind)
    keep, data = 3, 1
    builder.call(function, [byte, flag(int(write)), flag(keep), flag(data)])


@stands_for(_ahead.fetch_ahead)
def _fetch_ahead(typingctx: Any, array: Any, row: Any) -> Any:
    """Ask for the first and the last cache line of a row, or for that of an entry."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        matrix = context.make_array(signature.args[0])(context, builder, arguments[0])
        rows = builder.bitcast(matrix.data, ir.IntType(8).as_pointer())
        stride = builder.extract_value(matrix.strides, 0)
        first = builder.gep(rows, [builder.mul(arguments[1], stride)])
        prefetch(builder, first, write=False)
        if signature.args[0].ndim > 1:
            prefetch(builder, builder.gep(first, [builder.sub(stride, _WORD(1))]), write=False)
        return context.get_dummy_value()

    return types.void(array, types.int64), codegen


@stands_for(fma.fma)
def _multiply_add(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return c(c, c, c), codegen


@stands_for(atomics.yield_core)
def _yield_core(typingctx: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number = ir.IntType(32)
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(number, [number]), HERE.yield_core
        )
        return builder.call(function, [number(atomics.MICROSECONDS)])

    return types.int32(), codegen


@stands_for(atomics.call)
def _call(typingctx: Any, kernel: Any, row: Any, thread: Any, threads: Any) -> Any:
    """Call the kernel at address ``kernel`` with Numba's calling convention; return its status."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        byte = ir.IntType(8).as_pointer()
        result = builder.bitcast(cgutils.alloca_once(builder, byte), byte)
        error = builder.bitcast(cgutils.alloca_once(builder, byte), byte)
        function = ir.FunctionType(ir.IntType(32), [byte, byte, byte, _WORD, _WORD]).as_pointer()
        status = builder.call(
            builder.inttoptr(arguments[0], function),
            [result, error, builder.inttoptr(arguments[1], byte), arguments[2], arguments[3]],
        )
        return builder.sext(status, _WORD)

    return types.int64(*[types.int64] * 4), codegen
