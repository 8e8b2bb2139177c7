"""Date: the time as a number, and its place in the year, the week and the day."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from ..dates import check_order
from .column import Floats, Part, Source
from .number import Number

__all__ = ["Date"]


@dataclass(frozen=True)
class Date:
    """A date or a time t in UTC, as a `Number` and by its place in the year, week and day.

    sin and cos of 2π·(day of the year)/365.25, seven columns for the day of the week, and sin and
    cos of 2π·(hour)/24 if `hours`. All of these are 0 where t is missing. Texts are read by their
    `order` (`steepest.tables.dates`).
    """

    label: ClassVar[str] = "moment"
    time: Number
    hours: bool
    order: str = ""

    def __post_init__(self) -> None:
        check_order(self.order)

    @classmethod
    def fit(cls, source: Source, rare: int) -> Self:
        """Fit to the column."""
        seconds = source.seconds(source.pattern)
        time = Number.fit_values(seconds)
        hours = bool((seconds[~np.isnan(seconds)] % 86400 != 0).any())
        return cls(time, hours, source.pattern)

    @property
    def parts(self) -> list[Part]:
        """The columns of the matrix."""
        year = ("year sin", "year cos")
        week = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
        hour = ("hour sin", "hour cos") if self.hours else ()
        return [*self.time.parts, *(Part(f" ({flag})") for flag in (*year, *week, *hour))]

    def write(self, source: Source, out: Floats) -> None:
        """Write the column into ``out``."""
        seconds = source.seconds(self.order)
        start = len(self.time.parts)
        self.time.write_values(seconds, out[:, :start])
        rows = np.flatnonzero(~np.isnan(seconds))
        known = seconds[rows]
        days = np.floor(known / 86400).astype(np.int64)
        dates = days.astype("datetime64[D]")
        day_of_year = (dates - dates.astype("datetime64[Y]")).astype(np.int64)
        out[rows, start : start + 2] = _circle(day_of_year / 365.25)
        out[rows, start + 2 + (days + 3) % 7] = 1  # 1 January 1970 was a Thursday
        if self.hours:
            out[rows, start + 9 :] = _circle((known % 86400) / 86400)

    def one(self, value: Any) -> tuple[float, ...] | None:
        """Return None: `write` reads it."""
        return None

    def describe(self) -> str:
        """Say in a few words what the column turns into."""
        return "date, its day of the year and of the week" + ", and its hour" * self.hours


def _circle(turn: Floats) -> Floats:
    return np.column_stack([np.sin(2 * np.pi * turn), np.cos(2 * np.pi * turn)])
