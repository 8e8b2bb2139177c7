"""Which steps belong together, where an example holds padding or several sequences."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...layer import Array

__all__ = ["find_spans"]


def find_spans(x: Array, spans: Array, padding: int, start: int, rows: range) -> None:
    """spans = from which step to before which one the sequence of each step goes; -1: no such token

    Padding behind the last token belongs to nobody. Its own steps see the sequence before it.
    """
    for i in rows:
        length = np.int64(x.shape[1])
        while length > 1 and x[i, length - 1] == padding:
            length -= 1
        begin: Any = np.int64(0)
        for t in range(x.shape[1]):
            begin = t if (x[i, t] == start) & (t < length) else begin
            spans[i, 2 * t] = begin
        end = length
        for back in range(x.shape[1]):
            t = x.shape[1] - 1 - back
            spans[i, 2 * t + 1] = end
            end = t if (spans[i, 2 * t] == t) & (t < length) else end
