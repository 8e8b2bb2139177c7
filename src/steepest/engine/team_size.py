"""How many threads share the next steps: decided by how long the last ones took.

More threads pay only while each has a core. So a team measures its steps, and tries another number
now and then: for three windows of 20 ms, or one if that is clearly slower. What tries cost is
earned first. Credit, in seconds, comes from three sources:

- 2 % of all time;
- the time for which a thread of the team had no core, to be spent on fewer threads;
- what would have been saved at the pace that another number had when it was last seen.

It is spent on the time that tries lose, and on making the programs of a number for the first time.
After each try in vain it comes half as fast, down to a thirty-second. So a fit of a handful of
steps tries nothing; one whose cores are taken away tries fewer threads after about 0.1 s;
and one that has the right number spends 1 % of its time on tries at first, and soon a tenth of
that. One that begins with few threads, since other programs seemed to run, tries more as soon as it
knows its own pace. Nothing is tried for work that would end before it has paid. Nothing here looks
at a clock.
"""

from __future__ import annotations

import math
from collections import deque
from statistics import median

__all__ = ["TeamSize"]

_WINDOW = 0.02  # seconds that are judged together: several time slices of a scheduler
_PIECE = 0.05  # seconds between two looks
_WINDOWS, _KEPT = 3, 5  # of a try, whose median counts; of what a number took, likewise
_BETTER, _WORSE = 0.95, 1.2  # times the present pace: taken; given up after one window
_RATE, _LEAST = 0.02, 1 / 32  # of credit, see above
_USUAL = 0.1  # of the time: that helpers need to begin, and not for want of a core
_PROGRAMS = 0.01  # seconds: what the programs of a new number cost at least
_FIRST = 16  # steps, when nothing is known


class TeamSize:
    """The number of threads for the next piece of work.

    Work is counted in steps of one kind, whatever they are.

    Parameters
    ----------
    first : int
        The number that is expected to be best.
    most, least : int
        It stays between them.
    idle : float
        How many cores seemed to have nothing to do: it begins with no more.

    Attributes
    ----------
    threads : int
        How many the next piece is to have.
    """

    def __init__(self, first: int, most: int, least: int = 1, idle: float = math.inf) -> None:
        self.first, self.most, self.least = first, most, least
        self.threads = self._present = max(least, int(min(first, idle)))
        self._room = most
        self._left = math.inf  # steps to come
        self._paces: dict[int, deque[float]] = {}  # seconds a step in the last windows
        self._steps, self._seconds = 0, 0.0  # of the window so far
        self._tried: list[float] = []  # paces of the try that is under way
        self._credit = self._starved = 0.0  # and how much of it came of cores that lacked
        if self.threads < first:
            self._credit = _WINDOW / 2 + _PROGRAMS  # to see soon whether that was right
        self._patience = 1.0
        self._costs: dict[int, float] = {}
        self._order: dict[int, int] = {self.threads: 0}  # which try was the last of each number
        self._count = 0

    @property
    def is_fixed(self) -> bool:
        """Whether there is nothing to choose."""
        return self.least == self.most

    @property
    def is_trying(self) -> bool:
        """Whether the next piece belongs to a try."""
        return self.threads != self._present

    @property
    def most_steps(self) -> int:
        """How many steps the next piece may have at most.

        Of what is new, few at first: they may take a thousand times as long as expected.
        """
        known = self._tried if self.is_trying else self._paces.get(self.threads)
        if known:
            return max(1, int((_WINDOW if self.is_trying else _PIECE) / known[-1]))
        if not self._steps:
            return 1 if self.is_trying else _FIRST
        return max(1, min(4 * self._steps, int(_WINDOW * self._steps / self._seconds)))

    def expect(self, steps: float) -> None:
        """Take note that no more than so many steps are to come."""
        self._left = steps

    def allow(self, threads: float) -> None:
        """Have no more than so many, or the least, until more are allowed: others need cores."""
        self._room = max(self.least, int(min(self.most, threads)))
        if self.threads > self._room:
            self._present = min(self._present, self._room)
            self._go_on()

    def took(self, steps: int, seconds: float, lacked: float = 0.0) -> None:
        """Take note of a piece.

        Parameters
        ----------
        steps : int
            How many there were, 0 if a kernel failed in the first.
        seconds : float
            How long they took.
        lacked : float
            How long the thread that had least of a core had none.
        """
        self._left -= steps
        self._steps += steps
        self._seconds += max(seconds, 1e-9)
        if not self.is_trying:
            self._earn(seconds, lacked)
        if self._seconds < _WINDOW or not self._steps:
            return
        pace, seconds = self._seconds / self._steps, self._seconds
        self._steps, self._seconds = 0, 0.0
        if self.is_trying:
            self._judge(pace, seconds)
        else:
            self._paces.setdefault(self.threads, deque(maxlen=_KEPT)).append(pace)
            self._consider()

    def put_off(self, seconds: float) -> None:
        """End a try that has not begun: it costs so many seconds first, and is to be worth them."""
        self._costs[self.threads] = seconds
        self._end()

    def refuse(self) -> None:
        """End a try that has not begun; never again try as many threads, or more."""
        self.most = self.threads - 1
        self._room = min(self._room, self.most)
        self._end()

    # ------------------------------------------------------------------ its parts

    def _pace(self, threads: int) -> float:
        return median(self._paces[threads])

    def _earn(self, seconds: float, lacked: float) -> None:
        """Add the credit of a piece."""
        earned = _RATE * seconds
        if self._present > 1:
            starved = max(0.0, lacked - _USUAL * seconds)
            self._starved += self._patience * starved
            earned += starved
        best = self._best()
        if best is not None:
            earned += seconds * (1 - self._pace(best) / self._pace(self._present))
        self._credit += self._patience * earned

    def _best(self) -> int | None:
        """Return the number that seems better than the present one, if there is one."""
        if self._present not in self._paces:
            return None
        paces = {n: self._pace(n) for n in self._neighbours() if n in self._paces}
        best = min(paces, key=paces.__getitem__, default=self._present)
        better = best in paces and paces[best] < _BETTER * self._pace(self._present)
        return best if better else None

    def _neighbours(self) -> list[int]:
        """Return which numbers could be tried: one more or less, twice as many or half."""
        n, near = self._present, range(self.least, self._room + 1)
        return [k for k in (n - 1, n + 1, n // 2, 2 * n) if k != n and k in near]

    def _consider(self) -> None:
        """Begin a try if there is credit for it, and enough to compare it with.

        (The first steps touch memory for the first time, so that a single window tells little.)
        """
        if len(self._paces[self._present]) < _WINDOWS:
            return
        numbers = self._neighbours()
        if self._starved > self._credit / 2:
            numbers = [n for n in numbers if n < self._present]
        best = self._best()
        if best is not None and best in numbers:
            numbers = [best]
        numbers = [n for n in numbers if n not in self._costs or self._credit >= self._cost(n)]
        if not numbers:
            return
        threads = min(numbers, key=lambda n: self._order.get(n, -1))  # tried last, or never
        if min(self._credit, self._most_saved()) >= self._cost(threads):
            self.threads = threads

    def _most_saved(self) -> float:
        """Return how many seconds another number could save of the work to come."""
        return self._left * self._pace(self._present) / 2

    def _cost(self, threads: int) -> float:
        """Return the seconds that a try is expected to lose."""
        lost = max(_WINDOW, self._pace(self._present)) / 2
        return lost if threads in self._paces else lost + self._costs.get(threads, _PROGRAMS)

    def _judge(self, pace: float, seconds: float) -> None:
        """Pay for a window of a try; end the try if that is enough to know."""
        before = self._pace(self._present)
        self._tried.append(pace)
        self._credit -= seconds * max(0.0, 1 - before / pace)
        worse = pace > _WORSE * before
        if not worse and len(self._tried) < _WINDOWS:
            return
        self._paces[self.threads] = deque(self._tried, maxlen=_KEPT)
        if not worse and median(self._tried) < _BETTER * before:
            self._present = self.threads
            self._patience, self._credit = 1.0, 0.0
        else:
            self._patience = max(_LEAST, self._patience / 2)
        self._end()

    def _end(self) -> None:
        """End a try."""
        self._count += 1
        self._order[self.threads] = self._order[self._present] = self._count
        self._go_on()

    def _go_on(self) -> None:
        """Go on with the present number."""
        self.threads = self._present
        self._tried, self._steps, self._seconds = [], 0, 0.0
        self._credit, self._starved = min(self._credit, 0.0), 0.0
