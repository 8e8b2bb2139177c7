"""Kernels that move numbers and compute nothing: rows to batches and back, columns, counts."""

from __future__ import annotations

import numpy as np

from .prefetch import fetch_ahead

__all__ = [
    "add_columns",
    "advance",
    "ask_for_rows",
    "average",
    "copy_columns",
    "following_rows",
    "gather",
    "gather_items",
    "put",
    "put_items",
    "repeat_items",
    "repeat_rows",
    "row_averages",
    "sum_of",
]

_ASKED = 1024  # entries of a row in CSR form that are asked for ahead of time, at most


def copy_columns(source, start, target, begin, width, rows):  # type: ignore[no-untyped-def]
    """target[:, begin:] = source[:, start:]"""
    for i in rows:
        for j in range(width):
            target[i, begin + j] = source[i, start + j]


def add_columns(source, start, target, begin, width, rows):  # type: ignore[no-untyped-def]
    """target[:, begin:] += source[:, start:]"""
    for i in rows:
        for j in range(width):
            target[i, begin + j] += source[i, start + j]


def sum_of(first, second, total, rows):  # type: ignore[no-untyped-def]
    """total = first + second"""
    for i in rows:
        for j in range(total.shape[1]):
            total[i, j] = first[i, j] + second[i, j]


def gather(source, i, batch, rows):  # type: ignore[no-untyped-def]
    """batch = source[i]"""
    ahead = i.shape[0] - batch.shape[0]
    for r in rows:
        row = i[r]
        if ahead > 0:
            fetch_ahead(source, i[np.int64(r) + ahead])
        for j in range(batch.shape[1]):
            batch[r, j] = source[row, j]


def gather_items(source, i, batch, rows):  # type: ignore[no-untyped-def]
    """batch = source[i]"""
    ahead = i.shape[0] - batch.shape[0]
    for r in rows:
        if ahead > 0:
            fetch_ahead(source, i[np.int64(r) + ahead])
        batch[r] = source[i[r]]


def ask_for_rows(values, columns, starts, i, n, rows):  # type: ignore[no-untyped-def]
    """have rows that come after X[i] on their way"""
    ahead = i.shape[0] - n
    for r in rows:
        row = i[np.int64(r) + ahead]
        begin, end = starts[row], starts[row + 1]
        for e in range(begin, min(end, begin + _ASKED), 64 // values.itemsize):  # line by line
            fetch_ahead(values, e)
            fetch_ahead(columns, e)


def put(batch, i, out, rows):  # type: ignore[no-untyped-def]
    """out[i] = batch"""
    for r in rows:
        row = i[r]
        for j in range(batch.shape[1]):
            out[row, j] = batch[r, j]


def put_items(batch, i, out, rows):  # type: ignore[no-untyped-def]
    """out[i] = batch"""
    for r in rows:
        out[i[r]] = batch[r]


def repeat_items(items, repeated, rows):  # type: ignore[no-untyped-def]
    """repeated = each of items, as many times as there is room"""
    times = repeated.shape[0] // items.shape[0]
    for i in rows:
        for k in range(times):
            repeated[i * times + k] = items[i]


def repeat_rows(items, repeated, rows):  # type: ignore[no-untyped-def]
    """repeated = each row of items, as many times as there is room"""
    times = repeated.shape[0] // items.shape[0]
    for i in rows:
        for k in range(times):
            for j in range(items.shape[1]):
                repeated[i * times + k, j] = items[i, j]


def row_averages(items, averages, rows):  # type: ignore[no-untyped-def]
    """averages = the averages of items, of as many at a time as there are for each"""
    times = items.shape[0] // averages.shape[0]
    for i in rows:
        total = 0.0
        for k in range(times):
            total += items[i * times + k]
        averages[i] = total / times


def following_rows(step, batch, i):  # type: ignore[no-untyped-def]
    """i ← the next rows"""
    for k in range(i.shape[0]):
        i[k] = step * batch + k


def advance(t):  # type: ignore[no-untyped-def]
    """t ← t + 1"""
    t[0] += 1


def average(loss, mean):  # type: ignore[no-untyped-def]
    """mean ← the average of loss"""
    total = 0.0
    for i in range(loss.shape[0]):
        total += loss[i]
    mean[0] = total / loss.shape[0]
