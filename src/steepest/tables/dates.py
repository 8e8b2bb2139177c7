"""Dates, times of day and durations as people write them.

Dates in ISO 8601, 2024-12-31 with a time and a zone or without, are read everywhere, and so are the
months 2024-12 and quarters 2024Q4, from their first day. Another way is found out from a column
when an encoder is fitted, if it can't be mistaken, and kept as its *order*:

    ""        ISO 8601
    "DMY"     31/12/2024, 31.12.24, 31-12-2024 23:59, 31 Dec 2024
    "MDY"     12/31/2024 11:59 PM, Dec 31, 2024
    "YMD"     2024/12/31
    "%d%m%Y"  whatever a user says, as of `datetime.strptime`

Times of day and durations become seconds: 23:59, 11:59 PM, 2 days 03:04:05.6, P2DT3H.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..errors import ModelError

__all__ = ["AMBIGUOUS", "check_order", "find_order", "read_dates", "read_times"]

Floats = NDArray[np.float64]

AMBIGUOUS = "?"
"""The order of dates that may be read with the day or the month first."""
_ISO = r"^\d{4}-\d\d-\d\d([ T]\d\d(:?\d\d(:?\d\d(\.\d+)?)?)?(Z|[+-]\d\d(:?\d\d)?)?)?$"
_CLOCK = (
    r"(?:[\sT,]+(?P<H>\d{1,2}):(?P<M>\d\d)(?::(?P<S>\d\d)(?:\.\d+)?)?\s*(?P<half>[AaPp]\.?[Mm]\.?)?"
    r"\s*(?P<zone>Z|UTC|GMT|[+-]\d\d:?\d\d)?)?"
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = r"(?P<name>(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6})\.?"
_DIGITS = re.compile(
    r"(?P<a>\d{1,4})(?P<mark>[/.\-])(?P<b>\d{1,2})(?P=mark)(?P<c>\d{4}|\d\d)" + _CLOCK
)
_WORDS = (
    re.compile(
        r"(?:[A-Za-z]{3,9},?\s+)?(?P<day>\d{1,2})[\s\-]+"
        + _MONTH
        + r"[\s\-,]+(?P<year>\d{4}|\d\d)"
        + _CLOCK
    ),
    re.compile(
        r"(?:[A-Za-z]{3,9},?\s+)?"
        + _MONTH
        + r"[\s\-]+(?P<day>\d{1,2})(?:st|nd|rd|th)?,?\s+(?P<year>\d{4})"
        + _CLOCK
    ),
)
_PART = re.compile(r"(?P<year>[1-9]\d{3})(?:-(?P<month>0[1-9]|1[0-2])|-?Q(?P<quarter>[1-4]))")
_TIME = re.compile(
    r"(?P<sign>[+-]?)(?:(?P<days>\d+)\s*days?,?\s*)?(?P<tail>[+-]?)"
    r"(?:(?P<H>\d{1,4}):(?P<M>\d\d)(?::(?P<S>\d\d(?:\.\d+)?))?\s*(?P<half>[AaPp]\.?[Mm]\.?)?)?"
)
_PERIOD = re.compile(
    r"(?P<sign>[+-]?)P(?:(?P<W>\d+)W)?(?:(?P<D>\d+)D)?"
    r"(?:T(?:(?P<H>\d+)H)?(?:(?P<M>\d+)M)?(?:(?P<S>\d+(?:\.\d+)?)S)?)?"
)
_NOTHING = float("nan")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def check_order(order: str) -> None:
    """Raise a `ModelError` if a text is no order of dates."""
    if order not in ("", "DMY", "MDY", "YMD") and "%" not in order:
        raise ModelError(f"{order!r} does not say how dates are written")


def read_dates(texts: Any, order: str = "") -> Floats:
    """Read distinct texts as whole seconds since 1970 in UTC, NaN where they are no dates.

    Parameters
    ----------
    texts : pyarrow.StringArray
    order : str
        Of the column; ISO 8601 is read whatever it is.
    """
    texts = pc.utf8_trim_whitespace(texts)
    nothing = pa.scalar(None, pa.string())
    likely = pc.if_else(pc.match_substring_regex(texts, _ISO), texts, nothing)
    values = np.concatenate([np.empty(0), *_iso(likely)])
    rest = np.flatnonzero(np.isnan(values))
    for k, text in zip(rest.tolist(), texts.take(pa.array(rest)).to_pylist(), strict=True):
        if text is not None:
            values[k] = _user(text, order) if "%" in order else _date(text, order)
    return values


def _iso(texts: Any) -> list[Floats]:
    """Read texts of the form of ISO 8601, by halves if one of them is no date."""
    for zone in (None, "UTC"):
        for unit in ("us", "ns"):  # the second for its finer fractions, the first for its range
            try:
                ticks = texts.cast(pa.timestamp(unit, zone)).cast(pa.int64())
            except pa.ArrowInvalid:
                continue
            seconds = pc.floor(
                pc.divide(ticks.cast(pa.float64(), safe=False), 1e6 if unit == "us" else 1e9)
            )
            return [seconds.to_numpy(zero_copy_only=False)]
    if len(texts) == 1:
        return [np.array([_NOTHING])]
    middle = len(texts) // 2
    return _iso(texts[:middle]) + _iso(texts[middle:])


def read_times(texts: Any) -> Floats:
    """Read distinct texts as seconds: times of day and durations; NaN where they are none."""
    return np.array([_NOTHING if t is None else _time(t.strip()) for t in texts.to_pylist()], float)


def find_order(
    texts: Sequence[str], weights: Sequence[int], user: str | None = None
) -> tuple[str, float]:
    """Find out how the dates among distinct texts are written, and which share of them are dates.

    Parameters
    ----------
    texts, weights
        As of `steepest.tables.numerals.find_pattern`.
    user : str, optional
        What the user says.

    Returns
    -------
    order : str
        `AMBIGUOUS` if days and months can't be told apart.
    share : float
    """
    whole = sum(weights)
    if not whole:
        return "", 0.0
    array, heavy = pa.array(texts, pa.string()), np.asarray(weights, np.float64)

    def share(order: str) -> float:
        return float(heavy[~np.isnan(read_dates(array, order))].sum() / whole)

    if user is not None:
        found = share(user)
        if found:
            return user, found
    plain = share("")
    if plain == 1.0:
        return "", plain
    votes: Counter[str] = Counter()
    for text, weight in zip(texts, weights, strict=True):
        found_ = _DIGITS.fullmatch(text.strip())
        if found_ is None:
            continue
        a, b = int(found_["a"]), int(found_["b"])
        if len(found_["a"]) == 4:
            votes["YMD"] += weight
        elif a > 12 or found_["mark"] == ".":  # with points the day comes first everywhere
            votes["DMY"] += weight
        elif b > 12:
            votes["MDY"] += weight
        else:
            votes[AMBIGUOUS] += weight
    ranked = sorted(("DMY", "MDY", "YMD"), key=lambda order: -votes[order])
    best = max(ranked, key=share)
    found = share(best)
    if found <= plain:
        return "", plain
    known = votes["DMY"] + votes["MDY"] + votes["YMD"]
    return (AMBIGUOUS if votes[AMBIGUOUS] and not known else best), found


def _user(text: str, order: str) -> float:
    try:
        moment = datetime.strptime(text, order)
    except ValueError:
        return _NOTHING
    return _seconds(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _date(text: str, order: str) -> float:
    part = _PART.fullmatch(text)
    if part is not None:
        month = int(part["month"] or 3 * int(part["quarter"] or 1) - 2)
        return _seconds(datetime(int(part["year"]), month, 1, tzinfo=UTC))
    found = _DIGITS.fullmatch(text) if order else None
    if found is not None:
        places = {part: found[name] for part, name in zip(order, "abc", strict=True)}
        if len(places["D"]) > 2 or len(places["M"]) > 2:
            return _NOTHING
        day, month, year = int(places["D"]), int(places["M"]), places["Y"]
    else:
        found = next((m for words in _WORDS if order and (m := words.fullmatch(text))), None)
        if found is None:
            return _NOTHING
        day, year = int(found["day"]), found["year"]
        month = 1 + _MONTHS.index(found["name"][:3].lower())
    if len(year) not in (2, 4):
        return _NOTHING
    century = 0 if len(year) == 4 else 1900 if int(year) >= 69 else 2000
    hour = _hour(int(found["H"] or 0), found["half"])
    try:
        moment = datetime(
            century + int(year),
            month,
            day,
            hour,
            int(found["M"] or 0),
            int(found["S"] or 0),
            tzinfo=_zone(found["zone"]),
        )
    except ValueError:
        return _NOTHING
    return _seconds(moment)


def _hour(hour: int, half: str | None) -> int:
    if half is None or not 1 <= hour <= 12:
        return hour if half is None else 24
    return hour % 12 + 12 * (half[0] in "pP")


def _zone(text: str | None) -> timezone:
    if text is None or text[0] not in "+-":
        return UTC
    minutes = 60 * int(text[1:3]) + int(text[-2:])
    return timezone(timedelta(minutes=minutes if text[0] == "+" else -minutes))


def _seconds(moment: datetime) -> float:
    passed = moment - _EPOCH
    return float(passed.days * 86400 + passed.seconds)


def _time(text: str) -> float:
    if text.lstrip("+-").startswith("P"):
        found = _PERIOD.fullmatch(text)
        if found is None or len(text.lstrip("+-")) < 2:
            return _NOTHING
        scale = {"W": 604800, "D": 86400, "H": 3600, "M": 60, "S": 1}
        size = sum(float(found[unit] or 0) * length for unit, length in scale.items())
        return -size if found["sign"] == "-" else size
    found = _TIME.fullmatch(text)
    if found is None or (found["days"] is None and found["H"] is None):
        return _NOTHING
    if found["tail"] and found["days"] is None and found["sign"]:
        return _NOTHING
    days = int(found["days"] or 0) * 86400.0
    hour = _hour(int(found["H"] or 0), found["half"])
    minute, second = int(found["M"] or 0), float(found["S"] or 0)
    if minute > 59 or second >= 61 or (found["half"] and hour > 23):
        return _NOTHING
    clock = hour * 3600 + minute * 60 + second
    if found["days"] is None:
        return -clock if "-" in (found["sign"], found["tail"]) else clock
    # pandas and Python write −1 hour as −1 days +23:00:00
    whole = -days if found["sign"] == "-" else days
    return whole - clock if found["tail"] == "-" else whole + clock
