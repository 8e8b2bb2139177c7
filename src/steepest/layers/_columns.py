"""Kernels that move columns between the arrays of a combinator and those of its layers."""

from __future__ import annotations

__all__ = ["add_columns", "copy_columns", "sum_of"]


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
