"""A file of text with a delimiter, cut between its records, for several processes to read.

A process looks at a range of bytes and can't know whether it begins within quotes. So it counts for
both cases: the number of quotes before a byte says which of the two holds, once everybody knows how
many the ranges before have. A record is read by whoever has the range in which it begins.

A quote opens a value only at the value's start. Where one stands elsewhere, or lines end in a
carriage return alone, counting says nothing, and such a file isn't cut.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Look", "look_at", "share_of"]

_AT_ONCE = 1 << 24
_NEWLINE, _RETURN, _QUOTE = b'\n\r"'


class Look(NamedTuple):
    """What a range of bytes says, if it begins outside of quotes, and if it begins within.

    Attributes
    ----------
    quotes : int
        How many there are.
    records : (int, int)
        How many records begin here.
    first : (int or None, int or None)
        Where the first of them does.
    regular : (bool, bool)
        Whether each quote stands where one can.
    """

    quotes: int
    records: tuple[int, int]
    first: tuple[int | None, int | None]
    regular: tuple[bool, bool]


def look_at(file: Path, share: tuple[int, int], delimiter: str) -> Look:
    """Look at one of several ranges of a file, in UTF-8 or another code that has ASCII's bytes."""
    own, shares = share
    size = file.stat().st_size
    begin, end = size * own // shares, size * (own + 1) // shares
    quotes, records, alike = 0, [0, 0], [True, True]
    first: list[int | None] = [None, None]
    opens = np.zeros(256, np.bool_)  # what may come before a quote that opens a value
    opens[[_NEWLINE, _RETURN, _QUOTE, *delimiter.encode()]] = True
    with file.open("rb") as raw:
        for start in range(begin, end, _AT_ONCE):
            stop = min(start + _AT_ONCE, end)
            raw.seek(max(0, start - 1))
            data = raw.read(stop + 2 - max(0, start - 1))
            # The byte before, those of the range, and two more: newlines, if the file has none.
            data = b"\n" * (start == 0) + data
            data += b"\n" * (stop - start + 3 - len(data))
            found = _Bytes(np.frombuffer(data, np.uint8), quotes)
            for within in (0, 1):
                starts = found.starts(within)
                alike[within] &= found.regular(within, opens)
                records[within] += len(starts)
                if first[within] is None and len(starts):
                    first[within] = start + int(starts[0])
            quotes += found.quotes
    return Look(quotes, _pair(records), _pair(first), _pair(alike))


def share_of(looks: list[Look], own: int, size: int, header: bool) -> tuple[int, int, int] | None:
    """Return from where to where a share goes, and how many rows come before it.

    None if the file can't be cut. The first share has the header.

    Parameters
    ----------
    looks : list of Look
        At all ranges, in their order.
    own : int
        Which share, from 0.
    size : int
        The bytes of the file.
    header : bool
        Whether the first record is one.
    """
    within, before, starts, rows = 0, [], [], -int(header)
    for look in looks:
        if not look.regular[within]:
            return None
        before.append(max(rows, 0))
        rows += look.records[within]
        if rows < 0:  # only blank lines before the header
            return None
        starts.append(look.first[within])
        within ^= look.quotes & 1
    if within:  # the last quote is open
        return None
    starts[0] = 0
    ends = [s for s in starts[own + 1 :] if s is not None]
    end, start = ends[0] if ends else size, starts[own]
    return (end, end, before[own]) if start is None else (start, end, before[own])


class _Bytes:
    """Some bytes of a range, the one before, and the two behind; ``seen`` quotes come before."""

    def __init__(self, data: NDArray[np.uint8], seen: int) -> None:
        self._data, self._seen = data, seen
        own = data[1:-2]
        self._quotes = np.flatnonzero(own == _QUOTE) + 1
        self.quotes = len(self._quotes)

    def starts(self, within: int) -> NDArray[np.int64]:
        """Return where records begin that are no blank lines, from the range's first byte on."""
        data = self._data
        ends = np.flatnonzero(data[:-3] == _NEWLINE)
        # (The byte before may be a quote; it is among those that were seen.)
        inside = np.searchsorted(self._quotes, ends) + self._seen + within & 1
        starts = ends[inside == 0] + 1
        follows = data[starts]
        blank = (follows == _NEWLINE) | ((follows == _RETURN) & (data[starts + 1] == _NEWLINE))
        found: NDArray[np.int64] = starts[~blank] - 1
        return found

    def regular(self, within: int, opens: NDArray[np.bool_]) -> bool:
        """Whether quotes that open a value stand at its start, and every return ends a line."""
        data = self._data
        returns = np.flatnonzero(data[1:-2] == _RETURN) + 1
        if (data[returns + 1] != _NEWLINE).any():
            return False
        opening = self._quotes[(self._seen + within) & 1 :: 2]
        return bool(opens[data[opening - 1]].all())


def _pair(values: list) -> tuple:  # type: ignore[type-arg]
    return values[0], values[1]
