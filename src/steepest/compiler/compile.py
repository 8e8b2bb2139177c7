"""Make machine code of a kernel; only this folder imports Numba.

A kernel is a plain function over arrays. Here it gets an entry point that reads its operands from
one row of a program (see `steepest.engine.program`), becomes LLVM code by Numba
(`steepest.compiler.frontend`), and leaves as an object file that names nothing but the C library.
`steepest.compiler.store` stores that file and loads it, so a process whose kernels are all in the
store never comes here, and never pays for importing Numba.
"""

from __future__ import annotations

import functools
import re
import types as python_types
from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import types
from numba.core.errors import NumbaError

from ..errors import InputError
from . import (  # noqa: F401  (register what stands for plain functions)
    bfloat16,
    lanes,
    window_tiles,
    winograd,
)
from .entry import entry_code
from .frontend import inlined, llvm_code
from .intrinsics import INSTEAD
from .target import HERE, Target


def object_code(
    function: Callable[..., Any], operands: tuple[str, ...], dtype: str, symbol: str
) -> bytes:
    """Compile ``function`` for ``operands`` and return an object file that defines ``symbol``."""
    try:
        code = entry_code(symbol, _compiled(function), operands, dtype, _compiled)
    except NumbaError as error:
        name = f"{function.__module__}.{function.__qualname__}"
        raise InputError(
            f"{name} can't be compiled: {_cause(error)}. docs/guide/your_own_layer.md says what a "
            "kernel may do"
        ) from error
    return _emit(code, symbol, symbol)


def _cause(error: NumbaError) -> str:
    """Return what Numba found wrong, without the story of how it came to look there."""
    story = re.sub("\x1b" + r"\[[0-9;]*m", "", str(error))  # (it is coloured on terminals)
    said = story.split("During:")[0].split("There are")[0].split("\nFile ")[0]
    lines = [line.strip(" >") for line in said.splitlines() if not line.startswith("Failed in")]
    cause = " ".join(" ".join(lines).split())
    place = re.search(r'File "[^"<]*", line (\d+)', story) or re.search(
        r"at [^<\n]*\.py \((\d+)\)", story
    )
    return cause + (f", in line {place[1]}" if place else "")


def driver_code(function: Callable[..., Any], n_arguments: int, symbol: str) -> bytes:
    """Compile a function of ``n_arguments`` integers, the driver, in the same way."""
    signature = types.int64(*[types.int64] * n_arguments)
    return _emit(*llvm_code(_jitable(function), signature), symbol)


def blas_code(function: Callable[..., Any], dtype: str, symbol: str) -> bytes:
    """Compile ``function``, of whole numbers and addresses, so that C can call it.

    Its global ``LIKE`` becomes a number of ``dtype``.
    """
    plain = _jitable(function)
    plain.__globals__["LIKE"] = np.dtype(dtype).type(0)
    count = plain.__code__.co_argcount
    signature = types.void(*[types.int64] * count)
    return _emit(*llvm_code(plain, signature), symbol, as_c=count)


def start_runtime() -> None:
    """Make Numba's own run-time functions known, for a kernel that allocates or raises."""
    from numba.core.registry import cpu_target
    from numba.core.runtime import rtsys

    rtsys.initialize(cpu_target.target_context)


def _jitable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``function`` with the plain functions that it calls replaced by compiled ones."""
    assert isinstance(function, python_types.FunctionType)
    namespace = dict(function.__globals__)
    for name in function.__code__.co_names:
        helper = namespace.get(name)
        if isinstance(helper, python_types.FunctionType):
            namespace[name] = INSTEAD.get(helper) or _compiled(helper)
    return python_types.FunctionType(
        function.__code__, namespace, function.__name__, function.__defaults__, function.__closure__
    )


@functools.cache
def _compiled(helper: Callable[..., Any]) -> Any:
    """Return a function that others call, compiled once for all of them."""
    return inlined(_jitable(helper))


def _emit(code: str, name: str, symbol: str, *, as_c: int = 0) -> bytes:
    """Return the object file of the function ``name``, with ``symbol`` as its only public name.

    It is called with Numba's calling convention; or, if it is to be called ``as_c`` functions are,
    with that of C and so many integers.
    """
    module = llvm.parse_assembly(code)
    if as_c:
        module.link_in(llvm.parse_assembly(_c_form(name, as_c, symbol)))
    else:
        module.get_function(name).name = symbol
    for value in (*module.functions, *module.global_variables):
        if not value.is_declaration and value.name != symbol:
            value.linkage = "internal"
    if as_c:  # of what can't raise nobody asks the status
        passes = llvm.create_new_module_pass_manager()
        passes.add_ipsccp_pass()
        passes.add_simplify_cfg_pass()
        _run(passes, module, HERE.machine())
    return machine_code(str(module), HERE)


def _c_form(name: str, n_arguments: int, symbol: str) -> str:
    """Return the LLVM code of a C function ``symbol`` that calls the compiled function ``name``.

    Numba's own form would report an exception to Python, and for that name Numba's run-time
    functions. Whoever calls this one asks for no status, so it ends the process instead.
    """
    module = ir.Module()
    word, slot = ir.IntType(64), ir.IntType(8).as_pointer()
    arguments = [word] * n_arguments
    called = ir.Function(
        module,
        ir.FunctionType(ir.IntType(32), [slot.as_pointer(), slot.as_pointer(), *arguments]),
        name,
    )
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), arguments), symbol)
    builder = ir.IRBuilder(function.append_basic_block())
    result, exception = builder.alloca(slot), builder.alloca(slot)
    status = builder.call(called, [result, exception, *function.args])
    with builder.if_then(builder.icmp_signed("!=", status, ir.Constant(status.type, 0))):
        trap = ir.Function(module, ir.FunctionType(ir.VoidType(), []), "llvm.trap")
        builder.call(trap, [])
    builder.ret_void()
    return str(module)


def machine_code(code: str, target: Target) -> bytes:
    """Return the object file of LLVM code on this or on another machine.

    Numba has made the code for this one. Its numbers and addresses are as long, and lie alike in
    memory, on every machine that Steepest supports; so what is made for another differs from what
    is made there only in which vectors and functions of the C library Numba chooses.
    """
    module = llvm.parse_assembly(code)
    machine = target.machine()
    module.triple, module.data_layout = machine.triple, str(machine.target_data)
    for function in module.functions:
        if function.name == HERE.yield_core:
            function.name = target.yield_core
    passes = llvm.create_new_module_pass_manager()
    passes.add_global_dead_code_eliminate_pass()
    _run(passes, module, machine)
    emitted: bytes = machine.emit_object(module)
    return emitted


def _run(passes: Any, module: Any, machine: Any) -> None:
    options = llvm.create_pipeline_tuning_options(3)
    passes.run(module, llvm.create_pass_builder(machine, options))
