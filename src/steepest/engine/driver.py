"""The driver that runs a program, and the threads that run it together.

Every thread runs the whole program, each its share of every kernel, and they meet at barriers,
which are instructions like any other (SPMD: single program, multiple data). Nothing here knows
what a kernel computes.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import aligned
from ..compiler.store import driver_address
from ..errors import KernelError
from ..kernels.atomics import call, fetch_add, load, store, yield_core
from ..system.blas import one_thread
from .pipelining import Pipelined
from .program import Instruction, Program
from .team import Team, entry

__all__ = ["Engine", "barrier", "drive", "straight"]

_BRIEF = 100_000  # FLOPs, a few microseconds


def barrier(arrivals: int, threads: int, patience: int) -> None:
    """Wait for all threads; after ``patience`` tries offer the core to others."""
    ticket = fetch_add(arrivals, 1)
    target = (ticket // threads + 1) * threads
    spins = 0
    # The word after the count says that a thread has failed and will not come.
    while load(arrivals) < target and load(arrivals + 8) == 0:
        spins += 1
        if spins > patience:
            yield_core()


def drive(
    whole: int,
    whole_end: int,
    short: int,
    short_end: int,
    per_epoch: int,
    first: int,
    steps: int,
    control: int,
    thread: int,
    threads: int,
) -> int:
    """Run ``steps`` steps from step ``first``, and return how many were run.

    The rows of a step lie at the addresses from ``whole`` up to ``whole_end``; those for the last,
    shorter batch of every ``per_epoch`` steps, if there is one, from ``short`` to ``short_end``.
    ``control`` points to three integers: the count of arrivals at barriers, the stop flag, and the
    row whose kernel failed. (All are integers, and so many, because compiled code gets nothing
    else of Python.)
    """
    for k in range(steps):
        row, end = whole, whole_end
        if short != 0 and (first + k + 1) % per_epoch == 0:
            row, end = short, short_end
        while row < end:
            status = call(load(row), row, thread, threads)
            if status != 0:
                store(control + 16, row)
                store(control + 8, 1)
                return k
            row += 8 * load(row + 8)
        if load(control + 8) != 0:
            return k + 1
    return steps


def drive_together(words: int, thread: int, threads: int) -> int:
    """`drive` by the eight integers at ``words``; behind them it says how many steps were run."""
    done = drive(
        load(words),
        load(words + 8),
        load(words + 16),
        load(words + 24),
        load(words + 32),
        load(words + 40),
        load(words + 48),
        load(words + 56),
        thread,
        threads,
    )
    if thread == 0:
        store(words + 64, done)
    return 0


class Control:
    """The three integers by which the threads of one engine speak to one another."""

    def __init__(self) -> None:
        self.words = aligned(8, np.int64)
        self._counts: list[NDArray[np.int64]] = []

    @property
    def address(self) -> int:
        return int(self.words.ctypes.data)

    @property
    def stopped(self) -> bool:
        return bool(self.words[1])

    def stop(self) -> None:
        """Have all threads end their run, also those that wait at a barrier."""
        self.words[1] = 1

    def counts(self, threads: int) -> int:
        """Return the address of new counts, one for each thread, of parts that are taken."""
        self._counts.append(aligned(8 * threads, np.int64))
        return int(self._counts[-1].ctypes.data)

    def reset(self) -> None:
        for words in (self.words, *self._counts):
            words[:] = 0

    def check(self, programs: Iterable[Program]) -> None:
        """Raise a `KernelError` if a kernel of ``programs`` has failed."""
        failed = int(self.words[2])
        if failed:
            raise _exception_in(failed, programs)


class Engine:
    """Runs a program of whole batches and one for the last batch of an epoch, in chunks.

    Chunks of several steps run ``pipelined`` instead, where it is given; there is no shorter batch
    then. Use it as a context manager: it holds threads, and keeps BLAS, if a product is left to
    that, on one thread of its own. Between runs the same steps, as they are for another number of
    threads, may take the place of these (`use`).
    """

    def __init__(
        self,
        whole: Program,
        short: Program | None,
        per_epoch: int,
        control: Control,
        pipelined: Pipelined | None = None,
    ) -> None:
        self.per_epoch, self.control = per_epoch, control
        self._team = Team(whole.threads)
        self.use(whole, short, pipelined)
        self._blas = one_thread(a for p in self.programs for a in p.products)

    def __enter__(self) -> Engine:
        self._team.__enter__()
        self._blas.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._blas.__exit__(None, None, None)
        self._team.__exit__()

    def use(
        self, whole: Program, short: Program | None, pipelined: Pipelined | None = None
    ) -> None:
        """Run these from now on: the same steps, and as many threads as they are for.

        Raises
        ------
        ThreadError
            If the operating system starts no more threads; then nothing is changed.
        """
        assert short is None or (short.threads == whole.threads and pipelined is None)
        self._team.resize(whole.threads)
        self.whole, self.short, self.pipelined = whole, short, pipelined

    @property
    def threads(self) -> int:
        """How many threads run the steps."""
        return self._team.threads

    @property
    def lacked(self) -> float:
        """For how many seconds of the last run the thread that had least of a core had none."""
        return self._team.lacked

    @property
    def programs(self) -> list[Program]:
        """All that it may run."""
        pipelined = () if self.pipelined is None else self.pipelined.programs
        return [p for p in (self.whole, self.short, *pipelined) if p is not None]

    def run(self, first: int, steps: int) -> int:
        """Run ``steps`` steps from step ``first`` of the fit; return how many were completed.

        Fewer than asked for means that a kernel raised the stop flag.
        """
        self.control.reset()
        if self.pipelined is None or steps < 2:
            done = self._run(self.whole, first, steps)
        else:
            done = 0
            self._run(self.pipelined.prologue, first, 1)
            if not self.control.stopped:
                done = self._run(self.pipelined.steady, first, steps - 1)
            if not self.control.stopped:
                done += self._run(self.pipelined.epilogue, first + done, 1)
        self.control.check(self.programs)
        return done

    def _run(self, whole: Program, first: int, steps: int) -> int:
        spans = (*span(whole), *span(self.short))
        given = *spans, self.per_epoch, first, steps, self.control.address
        words = np.array([*given, 0], np.int64)
        self._team.run(drive_together, words, self.control.stop)
        return int(words[-1])

    def trace(self, program: Program) -> Iterator[Instruction]:
        """Run ``program`` once on one thread; yield each instruction when it has been run."""
        self.control.reset()
        row = int(program.rows.ctypes.data)
        for instruction in program.instructions:
            end = row + 8 * load(row + 8)
            if instruction.function is not barrier:
                entry(drive, 10)(row, end, 0, 0, 1, 0, 1, self.control.address, 0, 1)
                yield instruction
            row = end


def _exception_in(address: int, programs: Iterable[Program]) -> KernelError:
    """Return an error that names the instruction whose row lies at ``address``."""
    for program in programs:
        row = int(program.rows.ctypes.data)
        for instruction in program.instructions:
            if row == address:
                return KernelError(instruction.layer, instruction.formula)
            row += 8 * load(row + 8)
    raise AssertionError(f"no row at {address}")


def span(program: Program | None) -> tuple[int, int]:
    """Return the addresses of the program's rows and of their end; zeros for none."""
    if program is None:
        return 0, 0
    start = int(program.rows.ctypes.data)
    return start, start + program.rows.nbytes


def go_through(words: int) -> int:
    """Run the rows between two addresses once, on one thread; return the row that failed, or 0.

    ``words`` points to the addresses: for the caller, passing one number is quicker than ten.
    """
    row, end = load(words), load(words + 8)
    while row < end:
        if call(load(row), row, 0, 1) != 0:
            return row
        row += 8 * load(row + 8)
    return 0


def straight(program: Program) -> Callable[[], None]:
    """Return a function that runs ``program`` once, on this thread, with no more than one call.

    As thread 0 of 1, which meets nobody at barriers. The function keeps the program alive, and is
    not safe to call from two threads at once.
    """
    # From, to, which row failed; and where Numba would put an exception.
    words = (ctypes.c_int64 * 4)(*span(program))
    at = ctypes.addressof(words)
    # A brief call keeps Python's lock: to give it up and take it again takes 40 ns. Arguments that
    # are pointers already need no declared types, and nobody reads the status: 20 ns.
    kind = ctypes.PYFUNCTYPE if program.flops < _BRIEF else ctypes.CFUNCTYPE
    function = kind(None)(driver_address(go_through, 1))
    arguments = ctypes.c_void_p(at + 16), ctypes.c_void_p(at + 24), ctypes.c_void_p(at)

    def run() -> None:
        function(*arguments)
        if words[2] != 0:
            raise _exception_in(words[2], [program])

    return run
