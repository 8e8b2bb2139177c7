"""What a column of texts holds: numbers, truth values, dates, times, or just texts.

It is found out when an encoder or a task is fitted, from all of the column's texts, and kept in the
record of the column, so that a later table is read in the same way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..printing import counted
from .dates import AMBIGUOUS, find_order, read_dates, read_times
from .numerals import find_pattern, read_numerals
from .options import TableOptions
from .parsing import MISSING, NO_VALUES, TIME, are_missing

__all__ = ["Guess", "guess", "guess_plain"]

Kind = Literal["number", "truth", "date", "text"]

MOST = 0.95
"""A column holds numbers, or dates, if such a share of its values are; the others are missing."""
HALF = 0.5
"""From this share on, what the others are is worth a note."""
MANY = 8
"""Stray texts are taken as missing only beside more different numbers or dates than that."""
SAMPLE = 2000
"""How many different texts are looked at to find out how they are written."""
_LIKELY = r"\d|^(?i:\s*(true|false|[+-]?inf(inity)?)\s*)$"
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}\.\d{3}")
DIGITS = 50
"""So many different texts that begin with a digit, and are no numbers, are worth a note."""


@dataclass(frozen=True)
class Guess:
    """What a column of texts holds.

    Attributes
    ----------
    kind : str
        "number", "truth", "date" or "text".
    pattern : str
        How it is written (`steepest.tables.numerals`, `steepest.tables.dates`).
    notes : tuple of str
        What somebody should know of it, each a clause about the column.
    """

    kind: Kind
    pattern: str = ""
    notes: tuple[str, ...] = ()


def guess_plain(column: Any, numbers: Any) -> Guess | None:
    """Return at once what a column holds if all of its texts are numbers in the plain way.

    ``numbers`` are what `steepest.tables.numerals.cast_plain` makes of it. None if they are not.
    """
    if numbers is None or not pc.any(pc.is_finite(numbers)).as_py():
        return None
    some = np.unique(np.linspace(0, len(column) - 1, SAMPLE).astype(np.int64))
    sample = column.take(pa.array(some)).drop_null().unique().to_pylist()
    return Guess("number", "", _grouped_by_points(sample))


def guess(texts: Any, rows: NDArray[np.int64], options: TableOptions) -> Guess:
    """Find out what a column of texts holds.

    Parameters
    ----------
    texts : pyarrow.StringArray
        The distinct texts.
    rows : ndarray of int64
        How many rows have each of them.
    options : TableOptions
        What the user knows of it.

    Returns
    -------
    Guess
    """
    words = (*MISSING, *options.missing, *NO_VALUES)
    there = np.flatnonzero(~are_missing(texts, words) & (rows > 0))
    if not len(there):
        return Guess("text")
    texts, rows = texts.take(pa.array(there)), rows[there]
    chosen = there[:0]
    if len(there) > SAMPLE:
        chosen = np.unique(np.linspace(0, len(there) - 1, SAMPLE).astype(np.int64))
    some = texts.take(pa.array(chosen)) if len(chosen) else texts
    weights = (rows[chosen] if len(chosen) else rows).tolist()
    sample = some.to_pylist()
    kind, pattern, share, notes = _best(sample, weights, options)
    if kind == "text" or share < HALF:
        return Guess("text", "", notes or _looks_odd(sample, weights))
    values = _values(texts, kind, pattern)
    failed = np.flatnonzero(np.isnan(values))
    bad, whole = int(rows[failed].sum()), int(rows.sum())
    if not bad:
        return Guess(kind, pattern, notes)
    worst = int(failed[rows[failed].argmax()])
    times = int(rows[worst])
    what = {"number": "numbers", "date": "dates", "truth": "true or false"}[kind]
    of = (
        f"{bad:,} of {whole:,} values are not {what}, such as {texts[worst].as_py()!r} "
        f"({counted(times, 'time')})"
    )
    if bad <= (1 - MOST) * whole and len(texts) - len(failed) > MANY:
        return Guess(kind, pattern, (*notes, f"{of}; they are taken as missing"))
    if bad <= HALF * whole and len(texts) - len(failed) > MANY:
        how = "if they mean that the value is missing, name them with missing (--missing)"
        return Guess("text", "", (f"{of}, so all are taken as texts; {how}",))
    return Guess("text")


def _best(
    sample: list[str], weights: list[int], options: TableOptions
) -> tuple[Kind, str, float, tuple[str, ...]]:
    """Return what most of some texts are, how they are written, and their share."""
    whole = sum(weights)
    likely = pc.match_substring_regex(pa.array(sample, pa.string()), _LIKELY).to_numpy(False)
    if np.asarray(weights)[likely].sum() < HALF * whole:
        return "text", "", 0.0, ()
    order, dates = "", 0.0
    if options.date_format is not None:
        order, dates = find_order(sample, weights, options.date_format)
        if dates >= HALF:
            return "date", order, dates, ()
    found = find_pattern(sample, weights, options.decimal, options.thousands)
    if found.share >= MOST:
        return "number", found.pattern, found.share, _twins(sample, found.pattern, found.twin)
    truths = [text.strip().lower() in ("true", "false", "0", "1") for text in sample]
    truth = sum(w for w, is_one in zip(weights, truths, strict=True) if is_one) / whole
    order, dates = find_order(sample, weights)
    times = read_times(pa.array(sample, pa.string()))
    time = float(np.asarray(weights, np.float64)[~np.isnan(times)].sum() / whole)
    share = max(found.share, truth, dates, time)
    if not share:
        return "text", "", 0.0, ()
    if truth == share:
        return "truth", "", truth, ()
    if dates == share:
        if order == AMBIGUOUS:
            note = (
                f"dates such as {sample[0]!r} may have the day or the month first, so they are "
                "taken as texts; say which with date_format, like %d/%m/%Y (--date-format)"
            )
            return "text", "", dates, (note,)
        return "date", order, dates, ()
    if time == share:
        return "number", TIME, time, ()
    return "number", found.pattern, found.share, _twins(sample, found.pattern, found.twin)


def _twins(sample: list[str], pattern: str, twin: str) -> tuple[str, ...]:
    """Say if numbers may be meant in another way."""
    texts = pa.array(sample, pa.string())
    if twin:
        a, b = read_numerals(texts, pattern), read_numerals(texts, twin)
        k = int(np.flatnonzero(a != b)[0])
        return (
            f"{sample[k]!r} is read as {a[k]:,.15g}; if it is {b[k]:,.15g}, say so with "
            f"decimal={_point(twin)!r} (--decimal)",
        )
    if not pattern:
        return _grouped_by_points(sample)
    return ()


def _point(pattern: str) -> str:
    return pattern[pattern.index("234") + 3]


def _grouped_by_points(sample: list[str]) -> tuple[str, ...]:
    """Say if all points may group digits, as in 950 and 1.234: then they order otherwise."""
    pointed = [text.strip() for text in sample if "." in text]
    if not 0 < len(pointed) < len(sample) or not all(map(_GROUPED.fullmatch, pointed)):
        return ()
    return (
        f"{pointed[0]!r} is read as {float(pointed[0]):g}; if the point groups digits, say so with "
        "thousands='.' (--thousands)",
    )


def _looks_odd(sample: list[str], weights: list[int]) -> tuple[str, ...]:
    """Say if many different texts look like numbers or dates in a way that is not known."""
    odd = [text for text in sample if text.strip().lstrip("+-$€£¥(<>~≈≤≥")[:1].isdigit()]
    if len(odd) <= DIGITS or len(odd) < MOST * len(sample):
        return ()
    return (
        f"{len(sample):,} different texts such as {odd[0]!r} begin with a digit, but are no "
        "numbers or dates that can be read; they are taken as texts",
    )


def _values(texts: Any, kind: Kind, pattern: str) -> NDArray[np.float64]:
    """Return what all distinct texts are, NaN where they are not of the kind."""
    if kind == "truth":
        words = [text.strip().lower() for text in texts.to_pylist()]
        return np.where(np.isin(words, ("true", "false", "0", "1")), 1.0, np.nan)
    if kind == "date":
        return read_dates(texts, pattern)
    if pattern == TIME:
        return read_times(texts)
    return read_numerals(texts, pattern)
