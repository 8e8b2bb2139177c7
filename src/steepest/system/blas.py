"""The BLAS that SciPy brings along: its addresses, and how many threads it may use."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Any

from .forks import call_in_forked, lock_held_at_fork

__all__ = ["blas_address", "is_blas", "one_thread", "single_threaded"]


_addresses: dict[str, int] = {}


def blas_address(dtype: str) -> int:
    """Return the address of the BLAS ``sgemm`` or ``dgemm`` that SciPy brings along."""
    if dtype not in _addresses:
        _addresses[dtype] = _find(dtype)
    return _addresses[dtype]


def _find(dtype: str) -> int:
    from scipy.linalg import cython_blas

    capsule = cython_blas.__pyx_capi__["sgemm" if dtype == "float32" else "dgemm"]
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype = ctypes.c_char_p
    api.PyCapsule_GetName.argtypes = [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    return int(api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule)))


class _SingleThreaded:
    """Keeps BLAS on one thread while any training or prediction runs in this process.

    The limit belongs to the process, so it is counted: the first to enter sets it, the last to
    leave lifts it.
    """

    def __init__(self) -> None:
        # OpenBLAS holds a lock of its own while the number of its threads changes: a process forked
        # then would wait for it for ever.
        self._lock = lock_held_at_fork()
        self._users = 0
        self._limits: Any = None
        self._pools: Any = None
        call_in_forked(self._forked)

    def _forked(self) -> None:
        """Forget the users in a forked process: their threads are not there."""
        self._users = 0
        self._lift()

    def __enter__(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1:
                if self._pools is None:
                    from threadpoolctl import ThreadpoolController

                    blas_address("float32")  # SciPy's BLAS must be loaded to be found
                    self._pools = ThreadpoolController()
                self._let_any_thread_change_it()
                self._limits = self._pools.limit(limits=1, user_api="blas")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._users = max(0, self._users - 1)
            if self._users == 0:
                self._lift()

    def _lift(self) -> None:
        if self._limits is not None:
            self._let_any_thread_change_it()
            self._limits.restore_original_limits()
            self._let_any_thread_change_it()
            self._limits = None

    def _let_any_thread_change_it(self) -> None:
        """Undo that threadpoolctl 3.8 obeys only the Python thread that was the first to ask.

        Ours take turns: the last to leave need not be the first to enter.
        """
        for library in self._pools.lib_controllers:
            if hasattr(library, "clear_controlling_thread"):
                library.clear_controlling_thread(force=True)


single_threaded = _SingleThreaded()


def is_blas(products: Iterable[int]) -> bool:
    """Whether one of the addresses ``products`` is of BLAS."""
    return any(address in _addresses.values() for address in products)


def one_thread(products: Iterable[int]) -> AbstractContextManager[None]:
    """Return what keeps BLAS on one thread, if one of the addresses ``products`` is of BLAS."""
    return single_threaded if is_blas(products) else nullcontext()
