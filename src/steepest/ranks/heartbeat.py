"""What ranks tell one another beside their meetings: that they live, have failed, or are leaving.

Each rank has a thread that listens to notes from the others, and says once a second to the rank
before it that it lives (the last one is before the first). So whoever computes for long is not
taken for lost; and one that is stopped, or whose machine is gone, is missed by the rank before it,
which tells all. Whoever waits at a meeting then raises; a process that does not come to one is
ended with all others.

Silence and patience are counted in the time that the one who waits has lived (`Lived`): a job that
is suspended as a whole, and goes on later, loses nobody.
"""

from __future__ import annotations

import atexit
import sys
import threading
import time
from typing import Any, NamedTuple

__all__ = ["Heartbeat", "Lived", "Note", "heartbeat_of"]

SILENCE = 20.0
"""Seconds without a note after which a rank is lost."""
_BEAT = 1.0  # seconds between two signs of life
_LOOK = 0.2  # seconds between two looks of the thread
_GRACE = 6.0  # seconds for the program to come to a meeting, and hear that somebody is lost
_NAP = 0.002
_LIVES, _FAILED, _LOST, _WHO, _WAITS, _LEAVES = "lives", "failed", "lost", "who?", "waits", "leaves"

_key: Any = None
_all: list[Heartbeat] = []


class Lived:
    """A clock for somebody who looks at it all the time; it stands while the process is stopped.

    Attributes
    ----------
    seconds : float
        What it showed last.
    """

    def __init__(self) -> None:
        self.seconds, self._looked = 0.0, time.perf_counter()

    def look(self) -> float:
        """Return the seconds lived: where it was not looked at for longer than one, one of them."""
        now = time.perf_counter()
        self.seconds += min(now - self._looked, _BEAT)
        self._looked = now
        return self.seconds


class Note(NamedTuple):
    """Why no meeting will come about any more."""

    rank: int
    text: str
    is_lost: bool


class Heartbeat:
    """The notes between the ranks of one communicator, and the thread that listens to them.

    Where MPI can't be called by several threads, there is none: notes are then read by whoever
    waits, and nobody is missed for being silent.

    Parameters
    ----------
    comm : mpi4py.MPI.Intracomm
        All of its ranks make one at the same time.

    Attributes
    ----------
    meetings : mpi4py.MPI.Intracomm
        For collectives, in which nobody else's come between.
    silence : float
        Seconds without a sign of life after which a rank is lost.
    resume : str
        What to do after an end, for messages.
    end : Note or None
        Why this rank should wait for nobody any more.
    waits : bool
        Whether this rank waits at a meeting.
    waiting : set of int
        Who has said that it waits, since the last `ask`.
    leaving : dict of int to float
        Who has come to the end of its program, and when this was heard, by ``lived``.
    lived : Lived
        The clock of whoever reads the notes.
    raised : bool
        Whether the program has been told of the end.
    """

    def __init__(self, comm: Any) -> None:
        from mpi4py import MPI

        self._mpi, self.meetings, self._notes = MPI, comm.Dup(), comm.Dup()
        self.rank, self.size = comm.Get_rank(), comm.Get_size()
        self.silence, self.resume = SILENCE, ""
        self.end: Note | None = None
        self.waits, self.raised = False, False
        self.waiting: set[int] = set()
        self.leaving: dict[int, float] = {}
        self._sent: list[Any] = []
        self._lock = threading.Lock()
        self.lived, self._heard, self._beaten = Lived(), 0.0, -_BEAT
        self._ended: float | None = None
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        if MPI.Query_thread() == MPI.THREAD_MULTIPLE:
            self._thread = threading.Thread(target=self._listen, name="heartbeat", daemon=True)
            self._thread.start()

    def hear(self) -> Note | None:
        """Return why to wait no more, if there is a reason."""
        if self._thread is None:
            self.lived.look()
            self._read()
        return self.end

    def fail(self, text: str) -> None:
        """Tell all others that this rank has failed, or who has."""
        self._tell(_FAILED, text)

    def ask(self) -> None:
        """Ask all others whether they wait at a meeting, too."""
        self.waiting.clear()
        self._tell(_WHO)

    # ------------------------------------------------------------------ its thread

    def _listen(self) -> None:
        while not self._over.wait(_LOOK):
            now = self.lived.look()
            if now - self._beaten >= _BEAT:
                self._beaten = now
                self._tell(_LIVES, to=(self.rank - 1) % self.size)
            self._read()
            if self.end is None and now - self._heard > self.silence:
                self._miss((self.rank + 1) % self.size)
            late = self._ended is not None and now - self._ended > _GRACE
            if late and not self.raised:
                assert self.end is not None
                sys.stderr.write(f"steepest: rank {self.rank} ends: {self.end.text}\n")
                sys.stderr.flush()
                self._mpi.COMM_WORLD.Abort(1)

    def _miss(self, rank: int) -> None:
        """Say that a rank is lost."""
        text = (
            f"rank {rank} of {self.size} is lost: it gave no sign of life for {self.silence:g} s. "
            f"It is stopped, or its machine is gone; {self.resume or 'start the program again'}"
        )
        self._tell(_LOST, text, about=rank)
        self._end(Note(rank, text, is_lost=True))

    def _end(self, note: Note) -> None:
        if self.end is None:
            self.end = note
        if note.is_lost and self._ended is None:
            self._ended = self.lived.seconds

    def _read(self) -> None:
        while (message := self._notes.improbe()) is not None:
            kind, rank, text, about = message.recv()
            if rank == (self.rank + 1) % self.size:
                self._heard = self.lived.seconds
            if kind in (_FAILED, _LOST):
                self._end(Note(about, text, is_lost=kind == _LOST))
            elif kind == _WHO and self.waits:
                self._tell(_WAITS, to=rank)
            elif kind == _WAITS:
                self.waiting.add(rank)
            elif kind == _LEAVES:
                self.leaving[rank] = self.lived.seconds

    def _tell(
        self, kind: str, text: str = "", *, to: int | None = None, about: int | None = None
    ) -> None:
        note = kind, self.rank, text, self.rank if about is None else about
        others = [r for r in range(self.size) if r != self.rank] if to is None else [to]
        with self._lock:
            self._sent = [request for request in self._sent if not request.Test()]
            self._sent += [self._notes.isend(note, rank) for rank in others]

    # ------------------------------------------------------------------ the end of the program

    def begin_to_leave(self) -> Any:
        """Tell that this program is over; return what is complete when all are."""
        self._tell(_LEAVES)
        return self.meetings.Ibarrier()

    def leave(self, request: Any) -> None:
        """Wait until all programs are over: MPI would too, but not see that somebody is lost."""
        while not request.Test():
            time.sleep(_NAP)
        self._over.set()
        assert self._thread is not None
        self._thread.join()


def heartbeat_of(comm: Any) -> Heartbeat:
    """Return that of a communicator; at first on all of its ranks at the same time."""
    global _key
    from mpi4py import MPI

    if _key is None:
        _key = MPI.Comm.Create_keyval()
        atexit.register(_leave_all)
    found: Heartbeat | None = comm.Get_attr(_key)
    if found is None:
        found = Heartbeat(comm)
        comm.Set_attr(_key, found)
        _all.append(found)
    return found


def _leave_all() -> None:
    from mpi4py import MPI

    if MPI.Is_finalized() or MPI.Query_thread() != MPI.THREAD_MULTIPLE:
        return
    whole = [beat for beat in _all if not beat.raised]  # the others have meetings that are open
    for beat, request in [(beat, beat.begin_to_leave()) for beat in whole]:
        beat.leave(request)
