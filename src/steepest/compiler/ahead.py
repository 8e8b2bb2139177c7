"""Kernels compiled by another process, while this one has something better to do.

The other one writes them into the store, each when it is done. It runs at the lowest priority, so
it takes the time of a core that nobody wants. It ends with this process at the latest.
"""

from __future__ import annotations

import contextlib
import math
import pickle
import subprocess
import sys
import weakref
from collections.abc import Sequence

from ..errors import KernelError
from ..system.priority import be_idle, start_idle
from .store import Kernel, count_lacking, kernel_addresses

__all__ = ["Ahead"]

_UNKNOWN = AttributeError, ImportError, OSError, pickle.UnpicklingError, KernelError


class Ahead:
    """Has another process compile what no process compiled before.

    Parameters
    ----------
    kernels : sequence of Kernel
    """

    def __init__(self, kernels: Sequence[Kernel]) -> None:
        self._kernels = list(dict.fromkeys(kernels))
        self._lacking: int | None = count_lacking(self._kernels)
        self._process: subprocess.Popen[bytes] | None = None
        if self._lacking:
            self._start()

    def lacking(self) -> float:
        """Return how many are still to be compiled; infinite while the other process is at it.

        Some may be left at its end: those that it can't find by name, and those of a store that
        can't be written to.
        """
        if self._process is not None and self._process.poll() is None:
            return math.inf
        if self._lacking is None:
            self._lacking = count_lacking(self._kernels)
        return self._lacking

    def _start(self) -> None:
        found = []
        for kernel in self._kernels:
            with contextlib.suppress(Exception):  # it has no name, or stands in a script
                if kernel[0].__module__ != "__main__":
                    found.append(pickle.dumps(kernel))
        program = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import serve; serve()"
        with contextlib.suppress(OSError):
            words = [sys.executable, "-c", program]
            self._process = start_idle(words, subprocess.PIPE, subprocess.DEVNULL)
            self._lacking = None
            weakref.finalize(self, _end, self._process)
            assert self._process.stdin is not None
            with self._process.stdin as pipe:
                pipe.write(pickle.dumps(found))


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def serve() -> None:
    """Compile what the standard input holds, in the other process."""
    be_idle()
    for pickled in pickle.load(sys.stdin.buffer):
        with contextlib.suppress(*_UNKNOWN):  # is compiled where it is needed, or told there
            kernel_addresses([pickle.loads(pickled)])
