"""Numba's part of the way: from a plain function to LLVM's code, of which nothing is run here.

Numba would optimise each function as soon as that is compiled, and make machine code of it, so that
Python can call it. Ours are called by one another only, and in the end by a program. So they stay
LLVM's code until all that a kernel needs is together; the whole is optimised once, and
`steepest.compiler.compile` makes one object file of it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import typeinfer
from numba.core.codegen import JITCodeLibrary, JITCPUCodegen
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import CPUDispatcher, CPUTarget, cpu_target

__all__ = ["compiled_for", "inlined", "llvm_code", "written_code"]

# Reassociation lets sums vectorise; NaN and infinity keep their meaning, because training that
# diverges must be seen.
FLAGS = {"fastmath": {"reassoc", "contract", "nsz"}, "error_model": "numpy"}


class _Library(JITCodeLibrary):  # type: ignore[misc]
    """The LLVM code of one function and of those that it calls."""

    def _optimize_final_module(self) -> None:
        """Leave that to `optimise`, when all is together."""

    def _finalize_specific(self) -> None:
        """Make no machine code."""

    def optimise(self) -> None:
        """Do what Numba does with each function."""
        super()._optimize_final_module()


class _Codegen(JITCPUCodegen):  # type: ignore[misc]
    """Makes such libraries, and loads none of them."""

    _library_class = _Library

    def _add_module(self, module: Any) -> None:
        pass

    def set_env(self, name: str, environment: Any) -> None:
        pass


class _Target(CPUTarget):  # type: ignore[misc]
    """The processor as Numba knows it, but for the code that is made."""

    @property
    def typing_context(self) -> Any:
        return cpu_target.typing_context

    @functools.cached_property
    def target_context(self) -> Any:
        return cpu_target.target_context.subtarget(_internal_codegen=_Codegen("steepest"))


class _Dispatcher(CPUDispatcher):  # type: ignore[misc]
    targetdescr = _Target("cpu")


def _dispatcher(function: Callable[..., Any], **options: Any) -> Any:
    flags = {"nopython": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return _Dispatcher(py_func=function, targetoptions={**flags, **FLAGS, **options})


def inlined(function: Callable[..., Any]) -> Any:
    """Return a function that others may call, in whose code it will be."""
    return _dispatcher(function, forceinline=True)


def llvm_code(function: Callable[..., Any], signature: Any) -> tuple[str, str]:
    """Return the optimised LLVM code of a function and all that it calls, and its name there."""
    dispatcher = _dispatcher(function)
    with typeinfer.register_dispatcher(dispatcher):
        dispatcher.compile(signature)
    (compiled,) = dispatcher.overloads.values()
    compiled.library.optimise()
    return compiled.library.get_llvm_str(), compiled.fndesc.llvm_func_name


def compiled_for(function: Any, arguments: Sequence[Any]) -> Any:
    """Return what Numba has made of a function of `inlined` for arguments of these types."""
    function.compile(tuple(arguments))
    return function.overloads[tuple(arguments)]


def written_code(
    name: str,
    arguments: Sequence[Any],
    called: Sequence[Any],
    write: Callable[[Any, Any, tuple[Any, ...]], None],
) -> str:
    """Return the optimised LLVM code of a function that is written here, and of all that it calls.

    Parameters
    ----------
    name : str
    arguments : sequence of types
    called : sequence
        Results of `compiled_for`.
    write : callable
        Is given Numba's context, LLVM's builder and the arguments, and writes the function's body.
    """
    context = _Dispatcher.targetdescr.target_context
    convention, library = context.call_conv, context.codegen().create_library(name)
    module = library.create_ir_module(name)
    function = ir.Function(module, convention.get_function_type(types.void, arguments), name)
    builder = ir.IRBuilder(function.append_basic_block())
    write(context, builder, convention.decode_arguments(builder, arguments, function))
    convention.return_value(builder, context.get_dummy_value())
    for result in called:
        library.add_linking_library(result.library)
    library.add_ir_module(module)
    with global_compiler_lock:
        library.finalize()
    library.optimise()
    code: str = library.get_llvm_str()
    return code
