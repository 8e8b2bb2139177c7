"""Whether the operators before a value of an ONNX file are those of a pattern."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from ..onnx_reading import Op
from .onnx_file import OnnxFile

__all__ = ["Matcher"]

Names = dict[str, str]
"""The values of the file, by their names in the pattern."""
_NEUTRAL = {"Mul": 1.0, "Add": 0.0}
_MOST_STEPS = 10_000  # of trying factors and summands in other orders, for one pattern


class Matcher:
    """Finds patterns in a file.

    What changes nothing is passed over: Identity, Cast from real numbers to real numbers, and
    multiplication and division by 1.
    """

    def __init__(self, file: OnnxFile) -> None:
        self._file = file
        self._steps = 0

    def plain(self, value: str) -> str:
        """Return the value that this one is only another name of."""
        for _ in self._file.made_by:  # (a circle ends)
            node = self._file.made_by.get(value)
            inner = None if node is None else self._same(node)
            if inner is None:
                break
            value = inner
        return value

    def match(self, pattern: Op, value: str) -> Names | None:
        """Return what the names in a pattern stand for, if it fits what makes ``value``."""
        self._steps = 0
        return next(self._fits(pattern, value, {}), None)

    def _same(self, node: Any) -> str | None:
        """Return the input that a node passes on as it is, if it does."""
        kind, inputs = self._file.kind(node), [str(name) for name in node.input]
        if kind == "Identity" and len(inputs) == 1:
            return inputs[0]
        if kind == "Cast" and len(inputs) == 1:
            to = self._file.attributes(node).get("to")
            return inputs[0] if to in self._file.reals else None
        if kind in ("Mul", "Div") and len(inputs) == 2 and not node.attribute:
            if self._file.scalar(inputs[1]) == 1.0:
                return inputs[0]
            if kind == "Mul" and self._file.scalar(inputs[0]) == 1.0:
                return inputs[1]
        return None

    def _fits(self, pattern: Op | str | float, value: str, names: Names) -> Iterator[Names]:
        self._steps += 1
        if self._steps > _MOST_STEPS:
            return
        value = self.plain(value)
        if isinstance(pattern, str):
            if names.get(pattern, value) == value:
                yield {**names, pattern: value}
        elif not isinstance(pattern, Op):
            if _near(self._file.scalar(value), pattern):
                yield names
        elif pattern.kind in _NEUTRAL and pattern.inputs:
            fixed = [each for each in pattern.inputs if isinstance(each, float | int)]
            items = [each for each in pattern.inputs if not isinstance(each, float | int)]
            node = self._file.made_by.get(value)
            if node is not None and self._parts(pattern.kind, node) is not None:
                total = _together(pattern.kind, fixed)
                yield from self._terms(pattern.kind, [value], items, names, total)
        else:
            node = self._file.made_by.get(value)
            if node is not None and self._is(pattern, node):
                inputs = [str(name) for name in node.input]
                if names.get(pattern.name, value) != value:
                    return
                if pattern.name:
                    names = {**names, pattern.name: value}
                yield from self._each(list(zip(pattern.inputs, inputs, strict=False)), names)

    def _is(self, pattern: Op, node: Any) -> bool:
        """Whether a node is of the kind of a pattern, with its attributes and inputs enough."""
        if self._file.kind(node) != pattern.kind:
            return False
        if not pattern.inputs:
            return True
        found = dict(self._file.attributes(node))
        for name, expected in pattern.attributes.items():
            value = found.pop(name, None)
            same = expected is None or value == expected
            if isinstance(expected, float) and isinstance(value, float):
                same = _near(value, expected)
            if not same:
                return False
        return not (found.keys() - _IDLE) and len(node.input) == len(pattern.inputs)

    def _each(self, pairs: Sequence[tuple[Op | str | float, str]], names: Names) -> Iterator[Names]:
        """Fit patterns to values one by one."""
        if not pairs:
            yield names
            return
        for found in self._fits(*pairs[0], names):
            yield from self._each(pairs[1:], found)

    def _terms(
        self, kind: str, values: list[str], items: list[Op | str], names: Names, total: float | None
    ) -> Iterator[Names]:
        """Fit factors (or summands) to values, in any order; constants must make the total."""
        self._steps += 1
        loose = sum(self._file.scalar(value) is None for value in values)
        if total is None or self._steps > _MOST_STEPS or loose > len(items):
            return
        if not values:
            if not items and _near(_NEUTRAL[kind], total):
                yield names
            return
        value, rest = self.plain(values[0]), values[1:]
        for k, item in enumerate(items):
            for found in self._fits(item, value, names):
                yield from self._terms(kind, rest, items[:k] + items[k + 1 :], found, total)
        constant = self._file.scalar(value)
        if constant is not None:
            yield from self._terms(kind, rest, items, names, _without(kind, total, constant))
            return
        node = self._file.made_by.get(value)
        parts = None if node is None else self._parts(kind, node)
        if parts is not None:
            inner, factor = parts
            total = _without(kind, total, factor)
            yield from self._terms(kind, inner + rest, items, names, total)

    def _parts(self, kind: str, node: Any) -> tuple[list[str], float] | None:
        """Return the factors (or summands) that a node makes its value of, and a constant."""
        own, inputs = self._file.kind(node), [str(name) for name in node.input]
        if len(inputs) != 2 or node.attribute:
            return None
        if own == kind:
            return inputs, _NEUTRAL[kind]
        constant = self._file.scalar(inputs[1])
        if constant is None:
            return None
        if own == "Div" and kind == "Mul" and constant != 0:
            return inputs[:1], 1 / constant
        if own == "Sub" and kind == "Add":
            return inputs[:1], -constant
        if own == "Pow" and kind == "Mul" and constant in (2.0, 3.0):
            return inputs[:1] * int(constant), 1.0
        return None


_IDLE = {"saturate", "noop_with_empty_axes", "allowzero"}
"""Attributes that change nothing of what patterns have."""


def _near(found: float | None, expected: float) -> bool:
    return found is not None and math.isclose(found, expected, rel_tol=1e-6, abs_tol=1e-9)


def _together(kind: str, numbers: Sequence[float]) -> float:
    return math.prod(numbers) if kind == "Mul" else math.fsum(numbers)


def _without(kind: str, total: float, constant: float) -> float | None:
    """Return what a total lacks beside a constant."""
    if kind == "Add":
        return total - constant
    return total / constant if constant else None
