"""How processes that train together meet: collectives that add up in one order and never hang.

Each process is a rank, numbered from 0, and all run the same program. They meet in collectives of
MPI, by mpi4py, which is imported where a communicator is given and nowhere else. A collective is
begun and then polled. Meanwhile notes from the others are heard (`steepest.ranks.heartbeat`):
whoever fails says so to all, and whoever is stopped is missed, so that nobody waits for it. Whoever
waits for too long asks who else does, and names the rank that does not.

Sums are taken in the order of the ranks: rank r gets part r of every vector, adds these parts up,
0 + 1 + … + P − 1, and gives the sum to all. As many bytes are sent as by a ring, and the bits are
the same in every run, on every rank, and with every implementation of MPI. On one machine nothing
is sent (`steepest.ranks.vectors`).
"""

from __future__ import annotations

import atexit
import os
import pickle
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import numpy as np

from ..arrays import Array
from ..errors import InputError, RankError
from ..printing import shown
from ..system.cores import allowed_cores, core_count
from ..system.memory import physical_memory
from ..validate import number, positive_count
from .heartbeat import SILENCE, Lived, heartbeat_of
from .vectors import Vector, vector_of

__all__ = ["ALONE", "Ranks", "ranks_of"]

T = TypeVar("T")

PATIENCE = 600.0
"""Seconds that a rank waits for the others at a meeting."""
_ANSWERS = 5.0  # seconds in which to answer whether one waits too, or to come to a last meeting
_GOODBYE = 1.0  # seconds in which the others may say what they have heard
_SPINS = 0.002  # seconds of looking all the time, where each rank has a core
_NAPS = 5e-5, 1e-3  # seconds between two looks, at first and at last
_FEW = 1 << 14  # bytes up to which everybody gets everything and adds up itself


class Ranks:
    """The processes of a training.

    Parameters
    ----------
    comm : mpi4py.MPI.Intracomm, optional
        The communicator of all of them, like ``MPI.COMM_WORLD``. Without one there is one rank, and
        mpi4py is not needed.
    every : int, optional
        After how many steps the ranks average. With 1 they average the gradient of every step: the
        result is that of one process with the same batches, to rounding. With k each takes k steps
        alone, and then they average the parameters and what the rule remembers. By default the
        smallest number that keeps 9 tenths of the time for steps, by what is measured.
    patience : float
        Seconds to wait for the other ranks at a meeting. One that computes for longer between two
        meetings, in a callback say, ends all.
    silence : float
        Seconds after which a rank that gives no sign of life is lost: stopped, or gone with its
        machine. A thread gives these signs, so one that computes gives them too, but not one that
        keeps Python's lock for so long.

    Attributes
    ----------
    rank, size : int
        The number of this one, from 0, and how many there are.

    Raises
    ------
    InputError
        If ``comm`` is no communicator, or another value makes no sense.

    Examples
    --------
    In a program that ``mpiexec -n 4 python program.py`` starts, with a quarter of the rows each:

    >>> from mpi4py import MPI  # doctest: +SKIP
    >>> trainer = Trainer(network, Squared(), ranks=Ranks(MPI.COMM_WORLD))  # doctest: +SKIP
    """

    def __init__(
        self,
        comm: Any = None,
        every: int | None = None,
        *,
        patience: float = PATIENCE,
        silence: float = SILENCE,
    ) -> None:
        if every is not None:
            positive_count("Ranks", "every", every)
        number("Ranks", "patience", patience, above=0)
        number("Ranks", "silence", silence, above=0)
        if comm is not None and not all(hasattr(comm, name) for name in ("Ialltoall", "Dup")):
            raise InputError(
                f"Ranks: comm must be a communicator of mpi4py, like MPI.COMM_WORLD, got "
                f"{shown(comm)}"
            )
        self.every, self.patience = every, float(patience)
        self.rank: int = 0 if comm is None else comm.Get_rank()
        self.size: int = 1 if comm is None else comm.Get_size()
        self._world = comm
        self._agreed: BaseException | None = None
        self._spins, self._sharers, self._here = 0.0, 1, 1
        if comm is None or self.size == 1:
            return
        from mpi4py.MPI import Get_processor_name

        self._beat = heartbeat_of(comm)
        self._beat.silence, self._comm = float(silence), self._beat.meetings
        hosts = self.gather((Get_processor_name(), sorted(allowed_cores())))
        own = hosts[self.rank]
        self._sharers = sum(host == own for host in hosts)
        self._here = sum(host[0] == own[0] for host in hosts)
        self._spins = _SPINS if self._here <= (os.cpu_count() or 1) else 0.0

    def __deepcopy__(self, memo: dict[int, Any]) -> Ranks:
        return self  # the processes can't be copied, as scikit-learn's clone would

    def __reduce__(self) -> tuple[Any, ...]:
        return Ranks, (None, self.every)  # who reads it in another program is alone

    def __repr__(self) -> str:
        return f"Ranks(rank {self.rank} of {self.size})"

    @property
    def speaks(self) -> bool:
        """Whether this is the one that prints and writes files."""
        return self.rank == 0

    @property
    def cores(self) -> int:
        """How many cores are this rank's: its part of those that it shares with others."""
        return core_count() if self.size == 1 else max(1, core_count() // self._sharers)

    @property
    def memory(self) -> int:
        """How many bytes of its machine's memory are this rank's."""
        return int(physical_memory()) // self._here

    # ------------------------------------------------------------------ meetings

    def meet(self) -> None:
        """Wait until all have come."""
        self._wait(self._comm.Ibarrier())

    def vector(self, size: int, dtype: Any) -> Vector:
        """Return memory for numbers to add up again and again; all ranks make it together."""
        return vector_of(self, size, dtype)

    def sum(self, vector: Array, room: Array | None = None) -> None:
        """Add up the vectors of all ranks, in their order; every rank then has the sum.

        Parameters
        ----------
        vector : ndarray
            Of the same size and dtype on all ranks, overwritten. Contiguous, and its size a
            multiple of that of the ranks (`padded`).
        room : ndarray, optional
            Memory for as many numbers.
        """
        if self.size == 1:
            return
        room = np.empty_like(vector) if room is None else room
        if vector.nbytes * self.size <= _FEW:
            parts = np.empty((self.size, vector.size), vector.dtype)
            self._wait(self._comm.Iallgather(vector, parts))
            np.add.reduce(parts, axis=0, out=vector)
            return
        parts = room.reshape(self.size, -1)
        self._wait(self._comm.Ialltoall(vector, parts))
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is found later
            own = np.add.reduce(parts, axis=0)
        self._wait(self._comm.Iallgather(own, vector))

    def part(self, rows: Any) -> Any:
        """Return this rank's part of rows that all of them have."""
        n = rows.shape[0]
        return rows[n * self.rank // self.size : n * (self.rank + 1) // self.size]

    def padded(self, size: int) -> int:
        """Return the smallest multiple of the number of ranks that is not below ``size``."""
        return -(-size // self.size) * self.size

    def total(self, value: float) -> float:
        """Return the sum of a number over the ranks, in their order."""
        return float(sum(self.gather(value)))

    def any(self, flag: bool) -> bool:
        """Return whether it is so on any rank."""
        return any(self.gather(bool(flag)))

    def gather(self, value: T) -> list[T]:
        """Return what every rank gives, in their order, on all ranks."""
        if self.size == 1:
            return [value]
        return self.first(self.gather_at_first(value))

    def gather_at_first(self, value: T) -> list[T]:
        """Return what every rank gives, on the first rank; nothing on others."""
        if self.size == 1:
            return [value]
        own = np.frombuffer(pickle.dumps(value, protocol=5), np.uint8)
        sizes = np.zeros(self.size, np.int64)
        self._wait(self._comm.Iallgather(np.array([own.size]), sizes))
        if self.rank:
            self._wait(self._comm.Igatherv(own, None))
            return []
        all_of = np.empty(int(sizes.sum()), np.uint8)
        self._wait(self._comm.Igatherv(own, (all_of, sizes)))
        ends = np.cumsum(sizes)
        parts = zip(ends - sizes, ends, strict=True)
        return [pickle.loads(all_of[start:end].data) for start, end in parts]

    def first(self, value: T) -> T:
        """Return what the first rank gives."""
        if self.size == 1:
            return value
        own = np.frombuffer(pickle.dumps(value, protocol=5), np.uint8) if self.speaks else None
        size = np.array([0 if own is None else own.size])
        self._wait(self._comm.Ibcast(size))
        content = np.empty(int(size[0]), np.uint8) if own is None else own.copy()
        self._wait(self._comm.Ibcast(content))
        return value if self.speaks else cast("T", pickle.loads(content.data))

    def share(self, arrays: Mapping[str, Array]) -> None:
        """Overwrite arrays by those of the first rank."""
        if self.size > 1:
            for array in arrays.values():
                self._wait(self._comm.Ibcast(array))

    def first_does(self, work: Callable[[], T]) -> T:
        """Have the first rank do something; return what it returns, or raise what it raises."""
        if self.size == 1:
            return work()
        found: Any = None
        with self.alike():
            found = work() if self.speaks else None
        return cast("T", self.first(found))

    @contextmanager
    def alike(self, patience: float | None = None) -> Iterator[None]:
        """Meet after what each rank does by itself; raise on all of them if it failed on one.

        Parameters
        ----------
        patience : float, optional
            Seconds to wait for the others, if what they do may take longer than usual.

        Yields
        ------
        None
            Once, on every rank.

        Raises
        ------
        Exception
            On the rank where it was raised.
        RankError
            On the others. They may go on with something else together.
        """
        if self.size == 1:
            yield
            return
        error: BaseException | None = None
        try:
            yield
        except BaseException as raised:
            if isinstance(raised, RankError) or raised is self._agreed:
                raise
            error = raised
        usual, self.patience = self.patience, patience or self.patience
        try:
            said = self.gather(None if error is None else (_said(error), _interrupts(error)))
        finally:
            self.patience = usual
        if error is not None:
            raise self.agreed(error)
        for rank, found in enumerate(said):
            if found is not None and found[1]:
                raise self.agreed(KeyboardInterrupt())
            if found is not None:
                text = f"rank {rank} of {self.size}: {found[0]}"
                raise self.agreed(RankError(text, rank))

    def agreed(self, error: BaseException) -> BaseException:
        """Note that all ranks raise an error now, so that nobody need be told; return it."""
        self._agreed = error
        return error

    def check(self, facts: Mapping[str, str]) -> None:
        """Check that facts are the same on all ranks, which are texts that people understand.

        Raises
        ------
        InputError
            On all ranks, if they are not.
        """
        every = self.gather(dict(facts))
        for rank, other in enumerate(every):
            for name in dict.fromkeys((*every[0], *other)):
                own, base = other.get(name, "none"), every[0].get(name, "none")
                if own != base:
                    text = f"{name} must be the same on all ranks, but on rank {rank} it "
                    raise self.agreed(InputError(f"{text}is {own}, and on rank 0 {base}"))

    # ------------------------------------------------------------------ an end that all hear of

    @contextmanager
    def together(self, resume: str) -> Iterator[None]:
        """Do something that all ranks do; if it fails on this one, tell the others.

        Parameters
        ----------
        resume : str
            What to do after that, for the message.

        Yields
        ------
        None
            Once, on every rank.

        Raises
        ------
        RankError
            If another rank has failed, or does not come to a meeting.
        """
        if self.size == 1 or self._beat.resume:  # alone, or within such a thing
            yield
            return
        if self._beat.raised:
            raise RankError(
                f"rank {self.rank} of {self.size}: these ranks have parted after an "
                "error; start the program again",
                self.rank,
            )
        self._beat.resume, self._agreed = resume, None
        try:
            yield
        except BaseException as error:
            if error is not self._agreed and not self._beat.raised:
                self._part()
                of = f"rank {self.rank} of {self.size}"
                self._beat.fail(f"{of} has failed: {_said(error)}; {resume}")
            raise
        finally:
            self._beat.resume = ""

    def _part(self) -> None:
        """Meet no more: a meeting is open that not all will come to, so this process must end."""
        self._beat.raised = True
        atexit.register(_abort, self._world)

    def _wait(self, request: Any) -> None:
        """Wait for a collective to end.

        Raises
        ------
        RankError
            If a rank has failed, is lost, has left, or has not come when patience is over.
        """
        clock, nap, asked = Lived(), _NAPS[0], 0.0
        beat = self._beat
        try:
            while not request.Test():
                waited = clock.look()
                if waited < self._spins:
                    continue
                beat.waits = True
                note = beat.hear()
                if note is not None:
                    self._part()
                    raise RankError(note.text, note.rank, note.is_lost)
                if waited > _ANSWERS and beat.leaving:
                    self._left()
                if waited > self.patience and not asked:
                    asked = waited
                    beat.ask()
                if asked and waited - asked > _ANSWERS:
                    raise self._missing()
                time.sleep(nap)
                nap = min(1.1 * nap, _NAPS[1])
        finally:
            beat.waits = False

    def _left(self) -> None:
        """Raise if a rank has left: it was at the last meeting that it could come to."""
        rank, since = min(self._beat.leaving.items(), key=lambda item: item[1])
        if self._beat.lived.seconds - since > _ANSWERS:
            text = (
                f"rank {rank} of {self.size} has come to the end of its program, and the others "
                "wait for it; have all ranks make the same calls"
            )
            raise self._failed(text, rank)

    def _missing(self) -> RankError:
        """Return the error that some ranks have not come; tell those that have."""
        missing = sorted(set(range(self.size)) - self._beat.waiting - {self.rank})
        names = ", ".join(map(str, missing)) or "none that can be named"
        text = (
            f"missing for {self.patience:g} s at a meeting of {self.size} ranks: {names}. "
            "Are they busy with something else? If that is no fault, give more patience, "
            f"Ranks(comm, patience=…); {self._beat.resume}"
        )
        return self._failed(text, missing[0] if missing else None)

    def _failed(self, text: str, rank: int | None) -> RankError:
        self._part()
        self._beat.fail(text)
        return RankError(text, rank)


def _said(error: BaseException) -> str:
    text = str(error)
    return f"{type(error).__name__}" + f": {text}" * bool(text)


def _interrupts(error: BaseException) -> bool:
    return isinstance(error, KeyboardInterrupt)


def _abort(world: Any) -> None:
    """End all processes: MPI can't be left in order while a meeting is open."""
    try:
        time.sleep(_GOODBYE)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:  # also if somebody ends this process meanwhile
        world.Abort(1)


ALONE = Ranks()
"""One rank, without MPI."""


def ranks_of(where: str, given: Any) -> Ranks:
    """Return the ranks of a communicator, or those given; `ALONE` for None."""
    if given is None:
        return ALONE
    if isinstance(given, Ranks):
        return given
    if not hasattr(given, "Ialltoall"):
        raise InputError(
            f"{where}: ranks must be a communicator of mpi4py, like MPI.COMM_WORLD, or "
            f"Ranks(comm, every=…), got {shown(given)}"
        )
    return Ranks(given)
