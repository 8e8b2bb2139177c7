"""Make machine code of a kernel: the only place that imports Numba.

A kernel is a plain function over arrays. Here it gets an entry point that reads its operands from
one row of a program (see `steepest.program`), is compiled by Numba, and leaves as an object file
that names nothing but the C library. `steepest._kernels` stores that file and loads it, so a
process whose kernels are all in the store never comes here and never pays for importing Numba.
"""

from __future__ import annotations

import builtins
import functools
import types as python_types
from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from . import _atomic, _blas

# Reassociation lets sums vectorise; NaN and infinity keep their meaning, because training that
# diverges must be seen.
_FLAGS = {"fastmath": {"reassoc", "contract", "nsz"}, "error_model": "numpy"}

_REAL = {"float32": types.float32, "float64": types.float64}
_ITEM = {"i": types.int64, "j": types.int32}


def object_code(
    function: Callable[..., Any], operands: tuple[str, ...], dtype: str, symbol: str
) -> bytes:
    """Compile ``function`` for ``operands`` and return an object file that defines ``symbol``."""
    entry = _entry(function, operands, _REAL[dtype])
    return _emit(entry, symbol)


def driver_code(function: Callable[..., Any], n_arguments: int, symbol: str) -> bytes:
    """Compile a function of ``n_arguments`` integers, the driver, in the same way."""
    signature = types.int64(*[types.int64] * n_arguments)
    entry = numba.njit(signature, no_cpython_wrapper=True, no_cfunc_wrapper=True, **_FLAGS)(
        _jitable(function)
    )
    return _emit(entry, symbol)


def start_runtime() -> None:
    """Make Numba's own run-time functions known, for a kernel that allocates or raises."""
    from numba.core.registry import cpu_target

    cpu_target.target_context  # noqa: B018  (the first access registers the symbols)


def _entry(function: Callable[..., Any], operands: tuple[str, ...], real: Any) -> Any:
    """Return the function's entry point: ``(row, thread, threads)`` -> unpack, call."""
    arguments, slot = [], 2  # slots 0 and 1 hold the address and the length of the row
    for operand in operands:
        text, width = _operand(operand, slot)
        arguments.append(text)
        slot += width
    alone = not {"share", "all", "thread", "threads"} & set(operands)
    guard = "if thread == 0: " if alone else ""
    source = f"def entry(row, thread, threads):\n    {guard}kernel({', '.join(arguments)})\n"
    namespace: dict[str, Any] = {
        "kernel": numba.njit(_jitable(function), forceinline=True, **_FLAGS),
        "carray": numba.carray,
        "share": numba.njit(_share, forceinline=True),
        "pointer_f": _pointer(real),
        "pointer_i": _pointer(types.int64),
        "pointer_j": _pointer(types.int32),
        "real": _real(real),
        "uint64": np.uint64,
    }
    exec(source, namespace)
    signature = types.void(types.CPointer(types.int64), types.int64, types.int64)
    return numba.njit(signature, no_cpython_wrapper=True, no_cfunc_wrapper=True, **_FLAGS)(
        namespace["entry"]
    )


def _operand(operand: str, slot: int) -> tuple[str, int]:
    """Return the expression that reads ``operand`` at ``slot``, and how many slots it takes.

    The letters are those of `steepest.program.Operand.code`.
    """
    if operand in ("thread", "threads"):
        return operand, 0
    if operand == "share":
        bounds = f"row[{slot}], row[{slot + 1}], thread, threads"
        return f"range(uint64(share({bounds}, 0)), uint64(share({bounds}, 1)))", 2
    if operand == "all":
        return f"range(uint64(0), uint64(row[{slot}]))", 2
    if operand[0] == "*":
        return f"pointer_{operand[1]}(row[{slot}])[0]", 1
    if operand == "f":
        return f"real(row[{slot}])", 1
    if operand == "i":
        return f"row[{slot}]", 1
    if operand[0] == "@":
        words = f"pointer_i(row[{slot}])"
        shape = "".join(f"{words}[{1 + axis}], " for axis in range(int(operand[2])))
        return f"carray(pointer_{operand[1]}({words}[0]), ({shape}))", 1
    kind, ndim = operand[0], int(operand[1])
    shape = "".join(f"row[{slot + 1 + axis}], " for axis in range(ndim))
    return f"carray(pointer_{kind}(row[{slot}]), ({shape}))", 1 + ndim


def _share(extent: int, grain: int, thread: int, threads: int, end: int) -> int:
    """Return where a thread's share of ``extent`` begins (``end`` 0) or stops (``end`` 1).

    Shares are multiples of ``grain``, so that two threads never write one cache line.
    """
    blocks = (extent + grain - 1) // grain
    return min(extent, blocks * (thread + end) // threads * grain)


def _jitable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``function`` with the plain functions that it calls replaced by compiled ones."""
    if function in _OVERLOADED:
        return function
    assert isinstance(function, python_types.FunctionType)
    namespace = dict(function.__globals__)
    for name in function.__code__.co_names:
        helper = namespace.get(name)
        if isinstance(helper, python_types.FunctionType) and helper not in _OVERLOADED:
            namespace[name] = _compiled(helper)
    return python_types.FunctionType(
        function.__code__, namespace, function.__name__, function.__defaults__, function.__closure__
    )


@functools.cache
def _compiled(helper: Callable[..., Any]) -> Any:
    """Return a helper of kernels compiled, once for all kernels that call it."""
    return numba.njit(_jitable(helper), forceinline=True, **_FLAGS)


def _emit(entry: Any, symbol: str) -> bytes:
    """Return the object file of a compiled function, with ``symbol`` as its only public name."""
    (compiled,) = entry.overloads.values()
    module = llvm.parse_assembly(compiled.library.get_llvm_str())
    for value in builtins.list(module.functions):
        if value.name == compiled.fndesc.llvm_func_name:
            value.name = symbol
        elif not value.is_declaration:
            value.linkage = "internal"
    for value in module.global_variables:
        if not value.is_declaration:
            value.linkage = "internal"
    target = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=3,
        reloc="pic",
        codemodel="small",
    )
    passes = llvm.create_new_module_pass_manager()
    passes.add_global_dead_code_eliminate_pass()
    passes.run(module, llvm.create_pass_builder(target, llvm.create_pipeline_tuning_options(3)))
    code: bytes = target.emit_object(module)
    return code


def _pointer(item: Any) -> Any:
    @intrinsic  # type: ignore[untyped-decorator]
    def pointer(typingctx: Any, address: Any) -> Any:
        signature = types.CPointer(item)(types.int64)

        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

        return signature, codegen

    return pointer


def _real(real: Any) -> Any:
    """Return the conversion from the 64 bits of a float64 to the program's dtype."""

    @intrinsic  # type: ignore[untyped-decorator]
    def convert(typingctx: Any, bits: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            double = builder.bitcast(arguments[0], ir.DoubleType())
            return context.cast(builder, double, types.float64, real)

        return real(types.int64), codegen

    return convert


# ---------------------------------------------------------------- what kernels may call, compiled


@intrinsic  # type: ignore[untyped-decorator]
def _gemm_call(
    typingctx: Any,
    address: Any, ta: Any, tb: Any, m: Any, n: Any, k: Any, alpha: Any,
    a: Any, lda: Any, b: Any, ldb: Any, beta: Any, c: Any, ldc: Any,
) -> Any:  # fmt: skip
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


@overload(_blas.gemm, jit_options=_FLAGS)
def _gemm(address, alpha, a, b, beta, c):  # type: ignore[no-untyped-def]
    item = c.dtype.bitwidth // 8

    def gemm(address, alpha, a, b, beta, c):  # type: ignore[no-untyped-def]
        # BLAS is column-major: C = A B by rows is Cᵀ = Bᵀ Aᵀ by columns. An operand whose rows
        # are contiguous goes in as it is ('N' = 78), one whose columns are goes in turned ('T').
        b_turned = b.strides[1] != item
        a_turned = a.strides[1] != item
        # (A matrix of one row may have any stride; BLAS wants one as long as the row.)
        ldb = (
            max(b.strides[1] // item, b.shape[0])
            if b_turned
            else max(b.strides[0] // item, b.shape[1])
        )
        lda = (
            max(a.strides[1] // item, a.shape[0])
            if a_turned
            else max(a.strides[0] // item, a.shape[1])
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

    return gemm


def _memory_intrinsic(kind: str) -> Any:
    @intrinsic  # type: ignore[untyped-decorator]
    def operation(typingctx: Any, address: Any, value: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            pointer = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
            if kind == "add":
                return builder.atomic_rmw("add", pointer, arguments[1], "seq_cst")
            if kind == "store":
                builder.store_atomic(arguments[1], pointer, "seq_cst", 8)
                return arguments[1]
            return builder.load_atomic(pointer, "seq_cst", 8)

        return types.int64(types.int64, types.int64), codegen

    return operation


_atomic_add, _atomic_load, _atomic_store = (
    _memory_intrinsic(kind) for kind in ("add", "load", "store")
)


@overload(_atomic.fetch_add)
def _fetch_add(address, value):  # type: ignore[no-untyped-def]
    return lambda address, value: _atomic_add(address, value)


@overload(_atomic.load)
def _load(address):  # type: ignore[no-untyped-def]
    return lambda address: _atomic_load(address, 0)


@overload(_atomic.store)
def _store(address, value):  # type: ignore[no-untyped-def]
    def store(address, value):  # type: ignore[no-untyped-def]
        _atomic_store(address, value)

    return store


@intrinsic  # type: ignore[untyped-decorator]
def _c_yield(typingctx: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.IntType(32), []), "sched_yield"
        )
        return builder.call(function, [])

    return types.int32(), codegen


@overload(_atomic.yield_core)
def _yield_core():  # type: ignore[no-untyped-def]
    return lambda: _c_yield()


@intrinsic  # type: ignore[untyped-decorator]
def _call(typingctx: Any, kernel: Any, row: Any, thread: Any, threads: Any) -> Any:
    """Call the kernel at address ``kernel`` with Numba's calling convention; return its status."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word, byte = ir.IntType(64), ir.IntType(8).as_pointer()
        result = builder.bitcast(cgutils.alloca_once(builder, byte), byte)
        error = builder.bitcast(cgutils.alloca_once(builder, byte), byte)
        function = ir.FunctionType(ir.IntType(32), [byte, byte, byte, word, word]).as_pointer()
        status = builder.call(
            builder.inttoptr(arguments[0], function),
            [result, error, builder.inttoptr(arguments[1], byte), arguments[2], arguments[3]],
        )
        return builder.sext(status, word)

    return types.int64(*[types.int64] * 4), codegen


@overload(_atomic.call)
def _overload_call(kernel, row, thread, threads):  # type: ignore[no-untyped-def]
    return lambda kernel, row, thread, threads: _call(kernel, row, thread, threads)


_OVERLOADED: set[Any] = {
    _blas.gemm,
    _atomic.fetch_add,
    _atomic.load,
    _atomic.yield_core,
    _atomic.call,
    _atomic.store,
}
