"""The store of compiled kernels: on disk between processes, in memory within one.

A kernel's key is a hash of what it is: its code and that of every function it calls, the kinds of
its operands, the dtype, the processor, and the versions of Python, Numba and LLVM. So a kernel is
compiled once for all networks, a changed one is compiled anew, and a stale one is never loaded.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from ..system.files import read_plain, write_durably
from ..system.forks import lock_held_at_fork

__all__ = ["address_of", "cache_folder", "driver_address", "kernel_address"]

# A change of these makes all kernels anew.
_COMPILER = ("compile", "intrinsics", "simd", "bfloat16")

_LARGEST = 1 << 26  # bytes of an object file; ours have some ten thousand

_lock = lock_held_at_fork()  # LLVM has locks of its own within
_addresses: dict[Any, int] = {}


def kernel_address(function: Callable[..., Any], operands: tuple[str, ...], dtype: str) -> int:
    """Return the address of ``function`` compiled for ``operands`` and ``dtype``.

    Parameters
    ----------
    function : callable
        A plain function over arrays and numbers.
    operands : tuple of str
        The kind of each argument, as `steepest.engine.operands.Operand.code` gives it.
    dtype : {"float32", "float64"}
        The type of real operands.
    """

    def compile_it(symbol: str) -> bytes:
        from .compile import object_code

        return object_code(function, operands, dtype, symbol)

    return address_of(function, (*operands, dtype), compile_it)


def driver_address(function: Callable[..., Any], n_arguments: int) -> int:
    """Return the address of a compiled function of ``n_arguments`` 64-bit integers."""

    def compile_it(symbol: str) -> bytes:
        from .compile import driver_code

        return driver_code(function, n_arguments, symbol)

    return address_of(function, (str(n_arguments),), compile_it)


def cache_folder() -> Path:
    """Return the folder of the store: ``$STEEPEST_CACHE``, else the user's cache folder."""
    named = os.environ.get("STEEPEST_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "steepest"


def address_of(
    function: Callable[..., Any], kind: tuple[str, ...], compile_it: Callable[[str], bytes]
) -> int:
    """Return the address of ``function`` as it is compiled for ``kind``.

    It is compiled by ``compile_it``, which gets the symbol to define, if neither this process nor
    the store has it.
    """
    with _lock:
        known = _addresses.get((function, kind))
        if known is not None:
            return known
        digest = hashlib.sha256(_machine().encode())
        digest.update(repr(kind).encode())
        _fingerprint(function, digest, set())
        key = digest.hexdigest()[:32]
        symbol = f"steepest_{function.__name__}_{key}"
        address = _addresses.get(symbol)
        if address is None:
            path = cache_folder() / f"{symbol}.o"
            code = _read(path)
            if code is None:
                code = compile_it(symbol)
                _write(path, code)
            address = _load(code, symbol)
        _addresses[symbol] = _addresses[function, kind] = address
        return address


def _fingerprint(function: Callable[..., Any], digest: Any, seen: set[Any]) -> None:
    """Feed ``digest`` with the code of ``function`` and of all that it reaches by name."""
    if function in seen:
        return
    seen.add(function)
    assert isinstance(function, FunctionType)
    names = _digest_code(function.__code__, digest)
    reached = {name: function.__globals__.get(name) for name in sorted(names)}
    cells = function.__closure__ or ()
    reached |= {
        name: cell.cell_contents
        for name, cell in zip(function.__code__.co_freevars, cells, strict=True)
    }
    for name, value in reached.items():
        if isinstance(value, FunctionType):
            _fingerprint(value, digest, seen)
        elif isinstance(value, np.ndarray):
            digest.update(f"{name}={value.dtype}{value.shape}".encode() + value.tobytes())
        elif isinstance(value, int | float | str | tuple | np.generic):
            digest.update(f"{name}={value!r}".encode())


def _digest_code(code: CodeType, digest: Any) -> set[str]:
    digest.update(code.co_code)
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _digest_code(constant, digest)
        else:
            digest.update(repr(constant).encode())
    return names


@functools.cache
def _machine() -> str:
    """Return what a compiled kernel depends on beside its own code."""
    here = Path(__file__)
    compiler = [here.with_name(f"{name}.py").read_bytes() for name in _COMPILER]
    return " ".join(
        [
            hashlib.sha256(b"".join(compiler)).hexdigest(),
            sys.version,
            version("numba"),
            version("llvmlite"),
            llvm.get_default_triple(),
            llvm.get_host_cpu_name(),
            llvm.get_host_cpu_features().flatten(),
        ]
    )


def _read(path: Path) -> bytes | None:
    """Return the object file at ``path``, or None if there is none or it is damaged."""
    try:
        content = read_plain(path, _LARGEST)
    except OSError:
        return None
    code = content[32:]
    return code if hashlib.sha256(code).digest() == content[:32] else None


def _write(path: Path, code: bytes) -> None:
    """Store an object file behind its checksum, whole or not at all.

    A folder that can't be written to costs the next process a compilation and nothing else.
    """
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, hashlib.sha256(code).digest() + code, sync=False)


@functools.cache
def _engine() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple().create_target_machine(jit=True)
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), target)


def _load(code: bytes, symbol: str) -> int:
    if b"NRT_" in code or b"numba_" in code:  # a kernel that allocates or raises
        from .compile import start_runtime

        start_runtime()
    engine = _engine()
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return int(engine.get_function_address(symbol))
