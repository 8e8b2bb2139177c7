"""Numbers as people write them.

Everywhere, without being asked: 12, −3.5, +.5, 1e-3, 0x1F, inf, nan; spaces around them don't
count. What else a column's numbers have about them is found out from the column when an encoder is
fitted, and kept as a *pattern*: how the number 1234.5 is written there.

    ""            as above
    "1,234.5"     groups of digits, as in 12,345 and 1,234,567.8 (also 12,34,567)
    "1234,5"      a decimal comma; "1.234,5" both
    "1234.5 %"    a unit after each number, which does not change its value: 12 % is 12
    "$1234.5"     a currency, before or after, which may lack; (5.50) is −5.50
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..errors import ModelError

__all__ = [
    "Found",
    "cast_plain",
    "check_pattern",
    "find_pattern",
    "read_numerals",
    "whole_numbers",
]

Floats = NDArray[np.float64]

_PLAIN = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$|^(?i:[+-]?(inf|infinity)|nan)$"
_HEX = r"^[+-]?0[xX][0-9a-fA-F]{1,16}$"
_WHOLE = re.compile(r"[+-]?\d{1,60}")
_PATTERN = re.compile(r"(?P<pre>\D{0,5})1(?P<mark>[,.' _]?)234(?P<point>[.,])5(?P<post>\D{0,9})")
_NUMBER = re.compile(
    r"(?P<pre>[^\d\s.,()+\-−'_]{1,4})?\s*(?P<sign>[+\-−]?)"
    r"(?P<body>\d[\d.,'’_ \u00a0\u202f\u2009]*(?<![\s_'’])|[.,]\d+)(?P<exp>[eE][+-]?\d+(?!\S))?"
    r"\s*(?P<post>[^\d\s.,()'+\-−][^\d\s.,()']{0,7})?"
)
_SPACES = " \u00a0\u202f\u2009"
_CURRENCIES = frozenset(
    word
    for line in (
        "USD EUR GBP CHF JPY CNY INR AUD CAD NZD SEK NOK DKK PLN CZK HUF BRL MXN ZAR KRW SGD HKD",
        "RUB TRY US$ A$ C$ R$ HK$ NT$ kr zł Kč Ft",
    )
    for word in line.split()
)
_MARKS = (
    (".", ""), (".", ","), (",", ""), (",", "."), (".", " "), (",", " "), (".", "'"), (",", "'"),
    (".", "_"), (",", "_"),
)  # fmt: skip
"""Decimal marks and what groups digits; of several that fit, the first is taken."""
_PROBE = 100
UNITS = 8
"""A unit of letters is read as one only with more different numbers: 2WD and 4WD are texts."""


class Found(NamedTuple):
    """How the numbers of a column are written.

    Attributes
    ----------
    pattern : str
    share : float
        Of the texts, by their weights, that are such numbers.
    twin : str
        Another pattern that fits as well and says something else; else empty.
    """

    pattern: str
    share: float
    twin: str = ""


def check_pattern(pattern: str) -> None:
    """Raise a `ModelError` if a text is no pattern."""
    if pattern and not _PATTERN.fullmatch(pattern):
        raise ModelError(f"{pattern!r} does not say how 1234.5 is written")


def read_numerals(texts: Any, pattern: str = "") -> Floats:
    """Read distinct texts as numbers, NaN where they are none.

    Parameters
    ----------
    texts : pyarrow.StringArray
    pattern : str
        Of the column; numbers in the plain way are read whatever it is, if they can't be mistaken.

    Returns
    -------
    ndarray of float64
    """
    if not pattern and (parsed := cast_plain(texts)) is not None:
        return _to_numpy(parsed)
    texts = _tidy(texts)
    if pattern:
        texts = _plain_form(texts, pattern)
    likely = pc.if_else(
        pc.match_substring_regex(texts, _PLAIN), texts, pa.scalar(None, pa.string())
    )
    parsed = pc.replace_substring_regex(likely, r"^\+", "").cast(pa.float64())
    values = _to_numpy(parsed)
    if not pattern:
        for k in _hexadecimal(texts):
            values[k] = int(texts[k].as_py(), 16)
    return values


def cast_plain(texts: Any) -> Any:
    """Return texts as float64 if all are numbers that Arrow reads; else None."""
    try:
        texts.slice(0, _PROBE).cast(pa.float64())  # a cast that fails takes long
        return texts.cast(pa.float64())
    except pa.ArrowInvalid:
        return None


def whole_numbers(texts: Iterable[str | None], pattern: str = "") -> list[int | None]:
    """Read texts as whole numbers of any size, exactly; None where they are none."""
    if pattern:
        texts = _plain_form(_tidy(pa.array(texts, pa.string())), pattern).to_pylist()
    found: list[int | None] = []
    for text in texts:
        word = "" if text is None else text.strip()
        if _WHOLE.fullmatch(word):
            found.append(int(word))
        elif re.fullmatch(_HEX, word):
            found.append(int(word, 16))
        else:
            found.append(None)
    return found


def _to_numpy(array: Any) -> Floats:
    values: Floats = array.to_numpy(zero_copy_only=False).astype(np.float64)
    return values


def _tidy(texts: Any) -> Any:
    return pc.replace_substring(pc.utf8_trim_whitespace(texts), "−", "-")


def _hexadecimal(texts: Any) -> list[int]:
    mask = pc.match_substring_regex(texts, _HEX).fill_null(False)
    return np.flatnonzero(mask.to_numpy(zero_copy_only=False)).tolist()


@cache
def _regex(pattern: str) -> tuple[str, str, str]:
    """Return what a pattern stands for as a regular expression, and its two marks."""
    found = _PATTERN.fullmatch(pattern)
    assert found is not None, "checked when it was loaded"
    pre, mark, point, post = found["pre"], found["mark"], found["point"], found["post"]
    fraction = rf"(?:{re.escape(point)}\d*)?"
    body = rf"\d+{fraction}|{re.escape(point)}\d+"
    if mark:
        group = f"[{_SPACES}]" if mark == " " else "['’]" if mark == "'" else re.escape(mark)
        body = rf"[1-9]\d{{0,2}}(?:{group}\d{{2,3}})*{group}\d{{3}}{fraction}|" + body
    before = rf"(?:{re.escape(pre.strip())}\s*)?" if pre else ""
    after = rf"\s*{re.escape(post.strip())}" if post else ""
    if _is_currency(post.strip()):
        after = f"(?:{after})?"
    return (
        rf"^(?P<open>\(?)(?P<one>[+-]?)\s*{before}(?P<two>[+-]?)(?P<body>{body})"
        rf"(?P<exp>(?:[eE][+-]?\d+)?){after}\)?$",
        _SPACES if mark == " " else "'’" if mark == "'" else mark,
        point,
    )


def _plain_form(texts: Any, pattern: str) -> Any:
    """Return texts that have the pattern in the plain way, null for the others."""
    regex, marks, point = _regex(pattern)
    parts = pc.extract_regex(texts, regex)
    body = pc.struct_field(parts, "body")
    for mark in marks:
        body = pc.replace_substring(body, mark, "")
    if point != ".":
        body = pc.replace_substring(body, point, ".")
    sign = pc.if_else(pc.equal(pc.struct_field(parts, "open"), "("), "-", "")
    signs = (pc.struct_field(parts, name) for name in ("one", "two"))
    return pc.binary_join_element_wise(sign, *signs, body, pc.struct_field(parts, "exp"), "")


def _is_currency(unit: str) -> bool:
    return unit in _CURRENCIES or any(unicodedata.category(mark) == "Sc" for mark in unit)


# ------------------------------------------------------------------- finding out how it is written


def find_pattern(
    texts: Sequence[str],
    weights: Sequence[int],
    decimal: str | None = None,
    thousands: str | None = None,
) -> Found:
    """Find out how the numbers among some texts are written.

    Parameters
    ----------
    texts : sequence of str
        Distinct, without those that mean a missing value.
    weights : sequence of int
        How many rows each stands for.
    decimal, thousands : str, optional
        What is known of it.

    Returns
    -------
    Found
        The plain way if it reads as many as another.
    """
    whole = sum(weights)
    if not whole:
        return Found("", 0.0)
    array, heavy = pa.array(texts, pa.string()), np.asarray(weights, np.float64)

    def share(pattern: str) -> float:
        return float(heavy[~np.isnan(read_numerals(array, pattern))].sum() / whole)

    plain = 0.0
    if decimal in (None, ".") and not thousands:
        plain = share("")
        if plain == 1.0:
            return Found("", plain)
    units: Counter[tuple[str, str]] = Counter()
    for text, weight in zip(texts, weights, strict=True):
        parts = _NUMBER.fullmatch(text.strip().strip("()").lstrip("+-− "))
        if parts is not None:
            units[parts["pre"] or "", parts["post"] or ""] += weight
    best = Found("", plain)
    for pre, post in [("", ""), *(unit for unit, _ in units.most_common(2) if unit != ("", ""))]:
        if not _is_unit(pre, post, len(texts)):
            continue
        space = " " if post and not _is_currency(post) else ""
        tried = [
            Found(pattern, share(pattern))
            for point, mark in _marks(decimal, thousands)
            if (pattern := f"{pre}1{mark}234{point}5{space}{post}") != "1234.5" or decimal
        ]
        for found in tried:
            if found.share > best.share:
                twins = [t for t in tried if t.share == found.share and _differ(array, found, t)]
                best = Found(found.pattern, found.share, twins[0].pattern if twins else "")
    return best


def _is_unit(pre: str, post: str, distinct: int) -> bool:
    if pre and not _is_currency(pre):
        return False
    if not post or _is_currency(post) or post in ("%", "‰"):
        return True
    return (not pre and distinct > UNITS and post[0].isalpha()) or post[0] in "°µ"


def _marks(decimal: str | None, thousands: str | None) -> list[tuple[str, str]]:
    marks = [(d, t) for d, t in _MARKS if decimal in (None, d) and thousands in (None, t)]
    return marks or [("," if thousands == "." else ".", thousands or "")]


def _differ(texts: Any, one: Found, other: Found) -> bool:
    a, b = (read_numerals(texts, found.pattern) for found in (one, other))
    return not np.array_equal(a, b, equal_nan=True)
