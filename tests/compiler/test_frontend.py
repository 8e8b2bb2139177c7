"""Numba gives LLVM's code of the whole, and does nothing with its parts."""

import llvmlite.binding as llvm
import numba
import numpy as np
from numba.core.codegen import CPUCodeLibrary
from numba.core.errors import NumbaError

from steepest.compiler.compile import _cause, object_code

KINDS = ("f1", "f1", "all")


def doubled(v):
    return v + v


def double(x, y, units):
    """y = 2 x"""
    for i in units:
        y[i] = doubled(x[i])


@numba.njit
def tripled(v):
    return 3 * v


def triple(x, y, units):
    """y = 3 x"""
    for i in units:
        y[i] = tripled(x[i])


def test_no_machine_code_is_made_of_parts(monkeypatch):
    run, add = [], llvm.ExecutionEngine.add_module

    def record(engine, module):
        run.extend(function.name for function in module.functions if not function.is_declaration)
        add(engine, module)

    monkeypatch.setattr(llvm.ExecutionEngine, "add_module", record)
    assert object_code(double, KINDS, "float64", "whole").startswith(b"\x7fELF")
    assert not [name for name in run if "double" in name or name == "whole"]


def test_the_whole_is_optimised_once(monkeypatch):
    names, optimise = [], CPUCodeLibrary._optimize_final_module

    def count(library):
        names.append(library.name)
        optimise(library)

    monkeypatch.setattr(CPUCodeLibrary, "_optimize_final_module", count)
    object_code(double, KINDS, "float32", "whole")
    assert names == ["whole"]


def test_what_users_compiled_is_called_by_kernels_and_by_python():
    object_code(triple, KINDS, "float32", "triple")
    assert tripled(np.float32(2)) == 6  # of the type for which the kernel had it compiled


def test_what_can_not_be_compiled_is_told_without_colours():
    """Numba colours what it says where colorama is installed."""
    said = "\x1b[1mFailed in nopython mode\n\x1b[31mUntyped global name 'x'\x1b[0m\nDuring: so"
    assert _cause(NumbaError(said)) == "Untyped global name 'x'"
