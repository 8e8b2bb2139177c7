"""The store of compiled kernels: on disk between processes, in memory within one.

A kernel's key is a hash of what it is: its code and that of every function it calls, the kinds of
its operands, the dtype, the processor, and the versions of Python, Numba and LLVM. So a kernel is
compiled once for all networks, a changed one is compiled anew, and a stale one is never loaded.

A file of the store is machine code that will run, so it is believed only if nobody but its owner,
or root, can have written it, and if its checksum is that of its content under its name. Nobody
waits for whatever else lies there, and no link is followed. What is not believed is compiled anew.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import hashlib
import itertools
import os
import stat
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from ..system.caches import user_cache
from ..system.files import read_plain, write_durably
from ..system.forks import lock_held_at_fork
from ..system.handles import is_ours
from . import waiting

__all__ = [
    "Kernel",
    "address_of",
    "cache_folder",
    "count_lacking",
    "driver_address",
    "kernel_addresses",
]

Kernel = tuple[Callable[..., Any], tuple[str, ...], str]
"""A plain function over arrays and numbers, the kind of each argument, and the dtype of reals."""

# A change of these makes all kernels anew.
_COMPILER = (
    *("compile", "entry", "frontend", "intrinsics", "target"),
    *("simd", "bfloat16", "lanes", "window_tiles", "winograd"),
)

_LIMIT = 256 * 2**20
"""The bytes that the store may take; those unused for longest go first."""

_LARGEST = 2**26
"""The most bytes of an object file; ours have some ten thousand."""

_UNUSED = 30 * 86400.0
"""The seconds after which a file that nobody has used goes, such as one of an older version."""

_LOOKS = 32
"""At each so many kernels that a process writes, it looks for what goes: in a full store that takes
as long as a quarter of a compilation."""

_DAY = 86400.0
_PREFIX = "steepest_"

_lock = lock_held_at_fork()  # LLVM has locks of its own within
_addresses: dict[Any, int] = {}
_writes = itertools.count()


def kernel_addresses(kernels: Sequence[Kernel]) -> list[int]:
    """Return the address of each kernel; whoever waits is told how many have to be compiled.

    Parameters
    ----------
    kernels : sequence of (callable, tuple of str, str)
        Each a plain function over arrays and numbers; the kind of each argument, as
        `steepest.engine.operands.Operand.code` gives it; and the type of real operands, float32 or
        float64.
    """
    found = [_find(function, (*operands, dtype)) for function, operands, dtype in kernels]
    lacking = {kernel: 0 for kernel, address in zip(kernels, found, strict=True) if address is None}
    if lacking:
        tell = waiting.listener()
        for done, kernel in enumerate(lacking):
            tell(done, len(lacking))
            lacking[kernel] = _compile(*kernel)
        tell(len(lacking), len(lacking))
    return [
        lacking[kernel] if address is None else address
        for kernel, address in zip(kernels, found, strict=True)
    ]


def count_lacking(kernels: Sequence[Kernel]) -> int:
    """Return how many of the kernels would have to be compiled."""
    return sum(
        _find(function, (*operands, dtype)) is None for function, operands, dtype in set(kernels)
    )


def _compile(function: Callable[..., Any], operands: tuple[str, ...], dtype: str) -> int:
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
    return Path(named) if named else user_cache()


def address_of(
    function: Callable[..., Any], kind: tuple[str, ...], compile_it: Callable[[str], bytes]
) -> int:
    """Return the address of ``function`` as it is compiled for ``kind``.

    It is compiled by ``compile_it``, which gets the symbol to define, if neither this process nor
    the store has it.
    """
    with _lock:
        address = _find(function, kind)  # another thread may just have compiled it
        if address is not None:
            return address
        symbol = _symbol(function, kind)
        with _no_collection():
            code = compile_it(symbol)
        _write(cache_folder() / f"{symbol}.o", code)
        return _keep(function, kind, symbol, _load(code, symbol))


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Keep Python from looking for cycles of objects.

    A compilation makes objects by the hundred thousand, which are nearly all freed without it.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _find(function: Callable[..., Any], kind: tuple[str, ...]) -> int | None:
    """Return the address that this process or the store has; None if neither has."""
    with _lock:
        known = _addresses.get((function, kind))
        if known is not None:
            return known
        symbol = _symbol(function, kind)
        address = _addresses.get(symbol)
        if address is None:
            code = _read(cache_folder() / f"{symbol}.o")
            if code is None:
                return None
            address = _load(code, symbol)
        return _keep(function, kind, symbol, address)


def _keep(function: Callable[..., Any], kind: tuple[str, ...], symbol: str, address: int) -> int:
    _addresses[symbol] = _addresses[function, kind] = address
    return address


def _symbol(function: Callable[..., Any], kind: tuple[str, ...]) -> str:
    """Return what the kernel is called in the store: its name, and a hash of what it is."""
    digest = hashlib.sha256(_machine().encode())
    digest.update(repr(kind).encode())
    _fingerprint(function, digest, set())
    return f"{_PREFIX}{function.__name__}_{digest.hexdigest()[:32]}"


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
        elif value is not None:
            digest.update(f"{name}=".encode() + _content_of(value))


def _content_of(value: Any) -> bytes:
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}".encode() + value.tobytes()
    if isinstance(value, int | float | str | tuple | np.generic):
        return repr(value).encode()
    return _full_name(value).encode()  # a module, a type, a function of C


def _full_name(value: Any) -> str:
    own = getattr(value, "__qualname__", None) or getattr(value, "__name__", type(value).__name__)
    return f"{getattr(value, '__module__', '')}.{own}"


def _digest_code(code: CodeType, digest: Any) -> set[str]:
    digest.update(code.co_code)
    digest.update(repr(code.co_names).encode())  # of attributes too: math.sin is not math.cos
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
    """Return the object file at ``path``; None if there is none, or it is not to be believed."""
    try:
        if not _trusted(path.parent):
            return None
        content, used = read_plain(path, _LARGEST, ours=True), path.lstat().st_mtime
    except OSError:
        return None
    code = content[32:]
    if content[:32] != _checksum(path.name, code):
        return None
    if time.time() - used > _DAY:
        with contextlib.suppress(OSError):  # it is root's, or the disk is not written to
            os.utime(path)
    return code


def _checksum(name: str, code: bytes) -> bytes:
    """Return what a file of this name and content begins with."""
    return hashlib.sha256(name.encode() + b"\0" + code).digest()


def _trusted(folder: Path) -> bool:
    """Whether only this user and root can write to the folder of the store; warn if others can.

    Raises
    ------
    OSError
        If there is no such folder.
    """
    trusted = is_ours(folder.stat())
    if not trusted:
        _warn_of(folder)
    return trusted


@functools.cache
def _warn_of(folder: Path) -> None:
    warnings.warn(
        f"{folder} belongs to somebody else, or others can write to it, so no kernels are kept "
        "there, and every process compiles its own; make it yours (chown, chmod go-w), or set "
        "STEEPEST_CACHE to a folder that is",
        RuntimeWarning,
        stacklevel=1,
    )


def _write(path: Path, code: bytes) -> None:
    """Store an object file behind its checksum, whole or not at all.

    A folder that can't be written to costs the next process a compilation and nothing else.
    """
    with contextlib.suppress(OSError):
        folder = path.parent
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        if _trusted(folder):
            write_durably(path, _checksum(path.name, code) + code, sync=False, private=True)
            if next(_writes) % _LOOKS == 0:
                _clear(folder)


def _clear(folder: Path) -> None:
    """Remove what has not been used for long, and the oldest beyond the limit."""
    files = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(_PREFIX) and entry.name.endswith(".o"):
                found = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(found.st_mode):
                    files.append((found.st_mtime, found.st_size, entry.path))
    total, oldest = 0, time.time() - _UNUSED
    for used, size, name in sorted(files, reverse=True):
        total += size
        if total > _LIMIT or used < oldest:
            Path(name).unlink(missing_ok=True)


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
