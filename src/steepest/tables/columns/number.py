"""Number: a number, median-centred, scaled and smoothly clipped; its rank; its code if frequent."""

import itertools
import math
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...errors import ModelError
from ...printing import counted
from ..numerals import check_pattern
from ..parsing import TIME, is_text
from .column import HUGE, MISSING, Floats, Part, Source, UnusableColumn

__all__ = ["Number", "is_rounded", "origin_of"]

MANY = 10
"""Up to so many distinct numbers a column is only scaled."""
EXACT = 2.0**53
"""Beyond this, whole numbers are not all told apart as float64."""
KNOTS = 256
"""The most quantiles of a column that are kept."""
SHARED = 5
"""So many rows at least have values of which a knot is the mean: it tells of none of them alone."""
FREQUENT = 0.05
"""A number that a larger share of the rows has counts in ranks as if only so many had it."""
CODED = 256
"""The most values of a column that have a code."""
SPIKE = 0.3
"""Values have codes if one of them is that of so large a share of the rows."""
NEAR = 1e-3
"""A number is taken as a value so near, as a share of the way to the next one."""


@dataclass(frozen=True)
class Number:
    """A number x, as z / √(1 + (z/3)²) with z = (x − median) / spread, and as its normal score.

    The spread is the interquartile range; if that is 0, half the range (Holzmüller et al. 2024,
    arXiv:2407.04491). The score interpolates Φ⁻¹(rank), within ±3.72, over at most `KNOTS`
    quantiles. A number that is very frequent, such as 0 among amounts, takes no more of the ranks
    than `FREQUENT`, and leaves the others room. So that a model tells little of single rows, each
    quantile is the mean of `SHARED` rows or more (microaggregation: Domingo-Ferrer & Mateo-Sanz
    2002, IEEE TKDE 14), and all numbers are rounded.

    A column in which one number is that of many rows, such as 0 among amounts, may have others
    that mean something by themselves: a fixed sum, a limit. So each of `values`, its frequent
    numbers, has a code, which a network can learn an embedding of, as of a category; all others and
    the missing ones share the last. A number counts as a value if it is that up to `NEAR` of the
    way to the next one, so that it may be rounded, to float32 for instance.

    Texts are read by their `pattern` (`steepest.tables.parsing.read_numbers`). Whole numbers beyond
    2⁵³ are read exactly, less their `origin`, a whole number in digits; x is what is left.
    """

    # Measured with the default network, one seed, without and with the score: California housing
    # R² 0.817 and 0.840, bike rentals 0.951 and 0.955, census income accuracy 0.858 and 0.861.
    # With knots and medians as they are now, beside exact ones at single rows (up to 256 of them):
    # census income 0.8678 and 0.8682 (three seeds), California housing R² 0.8145 and 0.8118 (two),
    # abalone 0.549 and 0.536 (three), which is within what seeds differ by.
    # Without and with codes of values, one seed: log loss of census income 0.302 and 0.290, error
    # 0.134 and 0.125. Codes also of columns without a spike had 0.446 in place of 0.421 on weather.

    label: ClassVar[str] = "number"
    median: float
    spread: float
    missing: bool
    knots: Sequence[float]
    scores: Sequence[float]
    pattern: str = ""
    origin: str = ""
    values: Sequence[float] = ()

    def __post_init__(self) -> None:
        if len(self.knots) != len(self.scores):
            raise ModelError(f"{len(self.knots)} knots need as many scores, not {len(self.scores)}")
        if self.pattern != TIME:
            check_pattern(self.pattern)
        if list(self.values) != sorted(set(self.values)):
            raise ModelError("the values of a number that have codes must ascend")
        if self.origin and not re.fullmatch(r"-?[0-9]{1,61}", self.origin):
            raise ModelError(f"the origin of a number must be a whole number, got {self.origin!r}")

    @classmethod
    def fit(cls, source: Source, rare: int) -> Self:
        """Fit to the column."""
        pattern = TIME if pa.types.is_duration(source.type) else source.pattern
        origin = origin_of(source)
        numbers = read(source, pattern, origin)
        values = _repeated(numbers, max(rare, SHARED))
        return replace(cls.fit_values(numbers), pattern=pattern, origin=origin, values=values)

    @classmethod
    def fit_values(cls, values: Floats) -> Self:
        """Fit to numbers that are finite, or NaN where missing."""
        known = np.sort(values[~np.isnan(values)])
        missing = len(known) < len(values)
        if not len(known):
            raise UnusableColumn("all values are missing")
        if known[0] == known[-1] and not missing:
            raise UnusableColumn("all values are the same")
        low, median, high = np.quantile(known, [0.25, 0.5, 0.75])
        spread = float(high - low or (known[-1] - known[0]) / 2)
        knots, scores = _normal_scores(known)
        middle, spread = (_near(value, spread / 10) for value in (median, spread))
        return cls(middle, spread, missing, knots, scores, values=[])

    @property
    def parts(self) -> list[Part]:
        """The columns of the matrix."""
        return [
            Part("", "number"),
            *[Part(" (rank)", "number")] * bool(self.knots),
            *[MISSING] * self.missing,
            *[Part(" (value)", "code", len(self.values) + 1)] * bool(self.values),
        ]

    def write(self, source: Source, out: Floats) -> None:
        """Write the column into ``out``."""
        self.write_values(read(source, self.pattern, self.origin), out)

    def write_values(self, values: Floats, out: Floats) -> None:
        """Write numbers that are finite, or NaN where missing, into ``out``."""
        gone = np.isnan(values)
        values = np.where(gone, self.median, values)
        if self.spread:
            with np.errstate(over="ignore"):
                z = np.clip((values - self.median) / self.spread, -1e6, 1e6)
            out[:, 0] = z / np.sqrt(1 + (z / 3) ** 2)
        if self.knots:
            out[:, 1] = _interpolate(values, self.knots, self.scores)
        if self.missing:
            out[:, 1 + bool(self.knots)] = gone
        if self.values:
            out[:, -1] = np.where(gone, len(self.values), self._codes(values))

    def _codes(self, x: Floats) -> Floats:
        """Return which of the values each number is; their number for all others."""
        places = np.searchsorted(self.edges, x, side="right")
        return np.where(places % 2, places // 2, len(self.values))

    @cached_property
    def edges(self) -> Floats:
        """Where numbers that are taken as a value begin and end, in turn."""
        values = np.asarray(self.values, np.float64)
        gaps = np.diff(values, prepend=-np.inf, append=np.inf)
        near = NEAR * np.minimum(gaps[:-1], gaps[1:])
        near[~np.isfinite(near)] = 0  # there is one value
        return np.column_stack([values - near, np.nextafter(values + near, np.inf)]).ravel()

    def one(self, value: Any) -> tuple[float, ...] | None:
        """Return what a number turns into that comes as one, by the operations of `write`."""
        if type(value) is not float and type(value) is not int:
            return None
        x = float(value) if -EXACT <= value <= EXACT else math.nan
        if x != x or self.origin or self.pattern == TIME:  # missing, or for `write` to read
            return None
        found = [0.0]
        if self.spread:
            z = _within((x - self.median) / self.spread, -1e6, 1e6)
            third = z / 3
            found[0] = z / math.sqrt(1 + third * third)
        if self.knots:
            at, to = self.knots, self.scores
            j = bisect_right(at, x, 1, len(at) - 1) - 1
            left, below = at[j], to[j]
            share = _within((x - left) / (at[j + 1] - left), 0.0, 1.0)
            found.append(below + share * (to[j + 1] - below))
        if self.missing:
            found.append(0.0)
        if self.values:
            place = bisect_right(self._bounds, x)
            found.append(float(place // 2 if place % 2 else len(self.values)))
        return tuple(found)

    @cached_property
    def _bounds(self) -> list[float]:
        bounds: list[float] = self.edges.tolist()
        return bounds

    def describe(self) -> str:
        """Say in a few words what the column turns into."""
        also = ", and its rank" * bool(self.knots) + ", missing marked" * self.missing
        if self.values:
            also += f", and {counted(len(self.values), 'value')} embedded"
        start = f" above {self.origin}" if self.origin else ""
        what = "number" if self.pattern in ("", TIME) else f"number (1234.5 is {self.pattern})"
        unit = " seconds" if self.pattern == TIME else ""
        return f"{what}, median {self.median:g}{unit}{start}, spread {self.spread:g}{unit}{also}"


def _within(x: float, low: float, high: float) -> float:
    """Return the number in a range that is nearest to x."""
    return low if x < low else high if x > high else x


def origin_of(source: Source) -> str:
    """Return a round number below those of a column that has whole ones beyond 2⁵³; else nothing.

    It lies within a tenth of their range, so that what is left of them is as good as exact.
    """
    if not (pa.types.is_integer(source.type) or is_text(source.type)) or source.pattern == TIME:
        return ""
    values = source.numbers(source.pattern)
    if not (np.abs(values) > EXACT).any():  # NaN is not
        return ""
    whole = [number for number in source.exact(source.pattern)[0] if number is not None]
    if not whole:
        return ""
    step = 10 ** max(0, len(str(max(whole) - min(whole))) - 2)
    return str(min(whole) // step * step)


def is_rounded(source: Source, origin: str) -> bool:
    """Say whether different whole numbers of a column are the same as float64, less the origin."""
    if not origin:
        return False
    whole = {number for number in source.exact(source.pattern)[0] if number is not None}
    return len({float(number - int(origin)) for number in whole}) < len(whole)


def read(source: Source, pattern: str, origin: str) -> Floats:
    """Return the numbers of a column, less the origin."""
    values = source.numbers(pattern)
    if not origin:
        return values
    start = int(origin)
    values = values - float(start)
    if not pa.types.is_floating(source.type):
        whole, indices = source.exact(pattern)
        exact = np.array([np.nan if n is None else float(n - start) for n in (*whole, None)])
        rows = exact[indices]
        values = np.where(np.isnan(rows), values, rows)
    return np.clip(values, -HUGE, HUGE)


def _repeated(numbers: Floats, rows: int) -> list[float]:
    """Return the values that so many rows have, ascending, `CODED` at most.

    There are none in a column with up to `MANY` values, or without a value of a `SPIKE`.
    """
    values, counts = np.unique(numbers[~np.isnan(numbers)], return_counts=True)
    if len(values) <= MANY or counts.max() < SPIKE * counts.sum():
        return []
    often = np.argsort(-counts, kind="stable")[:CODED]
    found: list[float] = values[np.sort(often[counts[often] >= rows])].tolist()
    return found


def _normal_scores(known: Floats) -> tuple[list[float], list[float]]:
    """Return quantiles of sorted numbers and their normal scores, none if at most `MANY` differ."""
    first = np.append(0, np.flatnonzero(np.diff(known)) + 1)  # rows with the first of equal ones
    if len(first) <= MANY:
        return [], []
    from scipy.special import ndtri  # a tenth of what a command takes to start

    n = len(known)
    starts = _groups(first, n)
    ends = np.append(starts[1:], n)
    mass = np.minimum(ends - starts, FREQUENT * n)
    ranks = (np.cumsum(mass) - mass / 2) / mass.sum()
    scores = np.round(ndtri(np.clip(ranks, 1e-4, 1 - 1e-4)), 5)
    means = np.add.reduceat(known, starts) / (ends - starts)
    apart = np.append(True, np.diff(means) > 0)  # numbers next to one another may have one mean
    return _rounded(means[apart].tolist()), scores[apart].tolist()


def _groups(first: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Return where groups of sorted rows begin: equal ones together, at least `SHARED` in each.

    There are at most `KNOTS`, of the same size, but smaller and smaller towards both ends.
    """
    wanted = first
    if len(first) > KNOTS:
        mass = np.minimum(np.diff(first, append=n), FREQUENT * n)
        before = np.cumsum(mass) - mass
        total = before[-1] + mass[-1]
        tail = SHARED * 2 ** np.arange(math.ceil(math.log2(max(1, n / KNOTS / SHARED))))
        even = np.linspace(0, total, KNOTS + 1 - 2 * len(tail))
        wanted = np.concatenate([even, tail, total - tail])
        wanted = first[np.clip(np.searchsorted(before, wanted), 0, len(first) - 1)]
    starts = [0]
    for start in np.unique(wanted).tolist():
        if start - starts[-1] >= SHARED and n - start >= SHARED:
            starts.append(start)
    return np.array(starts, np.int64)


def _rounded(knots: list[float]) -> list[float]:
    """Return ascending numbers rounded, by a twentieth of the way to the next at most."""
    gaps = [b - a for a, b in itertools.pairwise(knots)]
    nearest = map(min, [math.inf, *gaps], [*gaps, math.inf])
    return [_near(knot, gap) for knot, gap in zip(knots, nearest, strict=True)]


def _near(x: float, gap: float) -> float:
    """Return a number rounded in decimal, by a twentieth of ``gap`` at most."""
    if not 0 < gap < math.inf:
        return float(x)
    return round(float(x), 1 - math.floor(math.log10(gap)))


def _interpolate(x: Floats, knots: Sequence[float], scores: Sequence[float]) -> Floats:
    """Interpolate, where a slope may overflow: knots may lie as close as 5e-324."""
    at, to = np.asarray(knots), np.asarray(scores)
    j = np.clip(np.searchsorted(at, x, side="right") - 1, 0, len(at) - 2)
    share = np.clip((x - at[j]) / (at[j + 1] - at[j]), 0, 1)
    scored: Floats = to[j] + share * (to[j + 1] - to[j])
    return scored
