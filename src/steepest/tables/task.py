"""What the target column asks for: one of several classes, or a number.

    text, truth values           classification
    whole numbers                classification up to `FEW` distinct ones, each on average in
                                 `ROWS_PER_CLASS` rows or more, or if there are only two;
                                 else regression
    other numbers                regression

Floats that are all whole count as whole numbers, since a column of integers with gaps is often
written so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..errors import ColumnTypeError, InputError, ModelError, TableError
from ..records import check_fields
from .guess import MOST, guess
from .layouts import chunked, lay_out
from .numerals import check_pattern, read_numerals, whole_numbers
from .options import NOTHING_SAID, TableOptions
from .parsing import (
    MISSING,
    TIME,
    are_missing,
    is_text,
    plain,
    read_numbers,
    read_texts,
    read_truths,
    rows_of_texts,
)

__all__ = ["Task", "infer_task", "task_rows"]

FEW = 10
ROWS_PER_CLASS = 5
MOST_BAD = 1 - MOST
"""The share of a number's targets that may be something else; their rows are left out."""

Label = str | bool | int | float


class CountsOutputs(Protocol):
    """A loss, as far as a table knows one."""

    def outputs(self, y: Any) -> int:
        """Return how many numbers a network must return for targets like these."""


@dataclass(frozen=True)
class Task:
    """What is to be predicted.

    Attributes
    ----------
    name : str
        The target column.
    kind : str
        "binary", "multiclass" or "regression".
    reason : str
        Why this kind.
    classes : sequence of str, bool, int or float
        The labels in order, empty for regression.
    mean, deviation, low, high : float
        Of the target's values in training, for regression; the range is rounded outwards, by a
        hundredth of it at most, so that it is nobody's value.
    pattern : str
        How texts hold numbers (`steepest.tables.parsing.read_numbers`).
    """

    name: str
    kind: str
    reason: str
    classes: Sequence[Label] = ()
    mean: float = 0.0
    deviation: float = 1.0
    low: float = 0.0
    high: float = 0.0
    pattern: str = ""

    @property
    def is_regression(self) -> bool:
        """Whether the target is a number."""
        return self.kind == "regression"

    @property
    def outputs(self) -> int:
        """How many numbers a network must return: one per class, or 1 for two or none."""
        return len(self.classes) if self.kind == "multiclass" else 1

    def width(self, loss: CountsOutputs) -> int:
        """Return how many numbers a network must return for this loss: more for quantiles."""
        return loss.outputs(np.zeros((1, self.outputs)))

    def scaled(self, mean: float, deviation: float, low: float, high: float) -> Self:
        """Return the task for targets of this mean, this deviation, and in this range."""
        low, high = _outwards(low, high)
        return replace(self, mean=mean, deviation=deviation, low=low, high=high)

    def describe(self) -> str:
        """Say in one line what is to be predicted and why."""
        if self.is_regression:
            spread = f"mean {self.mean:g}, deviation {self.deviation:g}"
            return f"regression on {self.name!r} ({self.reason}): {spread}"
        shown = ", ".join(map(str, self.classes[:6])) + ", …" * (len(self.classes) > 6)
        return f"{self.kind} classification of {self.name!r} ({self.reason}): {shown}"

    def rows(self, column: Any) -> NDArray[np.bool_]:
        """Say which rows have a target that `encode` takes."""
        if self.is_regression:
            return np.isfinite(read_numbers(plain(column, self.name), self.pattern)[0])
        return self._codes(column) >= 0

    def encode(self, column: Any) -> NDArray[Any]:
        """Turn targets into what a loss compares with.

        Parameters
        ----------
        column : pyarrow.ChunkedArray or pyarrow.Array
            Targets, none missing; may have come as text from a CSV file.

        Returns
        -------
        ndarray (n,)
            The index of the class, int64; or (y − mean) / deviation, float64.

        Raises
        ------
        TableError
            If a target is missing, not a number, or of a class that was not there in training.
        """
        if self.is_regression:
            values, _ = read_numbers(plain(column, self.name), self.pattern)
            self._check(np.isfinite(values), column, "not a finite number")
            scaled: NDArray[Any] = (values - self.mean) / self.deviation
            return scaled
        codes = self._codes(column)
        self._check(codes >= 0, column, "not a class seen in training")
        return codes

    def clamp(self, prediction: NDArray[Any]) -> NDArray[Any]:
        """Keep standardised values within the range of the training targets; leave classes."""
        if not self.is_regression:
            return prediction
        low, high = ((bound - self.mean) / self.deviation for bound in (self.low, self.high))
        kept: NDArray[Any] = np.clip(prediction, low, high)
        return kept

    def decode(self, prediction: NDArray[Any]) -> NDArray[Any]:
        """Turn predictions into the user's labels or units.

        Parameters
        ----------
        prediction : ndarray
            For classification: class indices (n,), of an integer type; probabilities of the
            second of two classes, (n,) or (n, 1); or one score per class, (n, classes), of which
            the largest wins. For regression: standardised values, (n,) or (n, q).

        Returns
        -------
        ndarray (n,) or (n, q)
            Labels, or values in the user's units.
        """
        prediction = np.asarray(prediction)
        if prediction.ndim == 2 and prediction.shape[1] == 1:
            prediction = prediction[:, 0]
        if self.is_regression:
            values: NDArray[Any] = self.mean + self.deviation * prediction.astype(np.float64)
            return values
        if prediction.ndim == 2:
            prediction = prediction.argmax(axis=1)
        elif prediction.dtype.kind == "f":
            prediction = (prediction >= 0.5).astype(np.int64)
        named: NDArray[Any] = self.labels[prediction]
        return named

    @property
    def labels(self) -> NDArray[Any]:
        """The classes as an array; whole numbers exactly, of whatever type holds them."""
        if not all(type(label) is int for label in self.classes):
            return np.array(self.classes)
        for kind in (np.int64, np.uint64):
            try:
                return np.array(self.classes, kind)
            except OverflowError:
                continue
        return np.array(self.classes, object)

    def to_dict(self) -> dict[str, Any]:
        """Return the task in plain JSON types."""
        return {**asdict(self), "classes": list(self.classes)}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Return the task that `to_dict` described."""
        try:
            check_fields(cls, record)
            task = cls(**{**record, "classes": tuple(record["classes"])})
        except (KeyError, TypeError, AttributeError) as error:
            raise ModelError(f"this does not describe a task: {error!r}") from error
        if task.pattern != TIME:
            check_pattern(task.pattern)
        counts = {"binary": (2, 2), "multiclass": (2, math.inf), "regression": (0, 0)}
        least, most = counts.get(task.kind, (1, 0))
        alike = len({type(label) for label in task.classes}) <= 1
        if not (least <= len(set(task.classes)) == len(task.classes) <= most and alike):
            raise ModelError(
                f"this does not describe a task: kind {task.kind!r} with {len(task.classes)} "
                "classes; expected different labels of one type"
            )
        if not (task.deviation > 0 and task.low <= task.high):
            raise ModelError("this does not describe a task: its targets have no range")
        return task

    def _codes(self, column: Any) -> NDArray[np.int64]:
        """Return the index of each row's class, −1 if it has none."""
        column, kinds = plain(column, self.name), {type(label) for label in self.classes}
        if kinds <= {int}:
            return self._whole_codes(column)
        if kinds <= {str}:
            texts, indices = read_texts(column)
            found = pc.index_in(texts, value_set=pa.array(self.classes, pa.string()))
            codes = np.append(found.fill_null(-1).to_numpy(zero_copy_only=False), -1)
            return codes[indices].astype(np.int64)
        read = read_truths(column) if kinds <= {bool} else read_numbers(column, self.pattern)
        known = {float(label): k for k, label in enumerate(self.classes)}
        return np.array([known.get(value, -1) for value in read[0].tolist()], np.int64)

    def _whole_codes(self, column: Any) -> NDArray[np.int64]:
        """Compare whole numbers exactly, however long they are."""
        if pa.types.is_boolean(column.type):
            column = column.cast(pa.int64())
        texts, indices = read_texts(column)
        whole = whole_numbers(texts.to_pylist(), self.pattern)
        numbers = read_numerals(texts, self.pattern).tolist()
        known = {label: k for k, label in enumerate(self.classes)}
        codes = [
            known.get(number if exact is None else exact, -1)  # 1.0 is the class 1
            for exact, number in zip(whole, numbers, strict=True)
        ]
        return np.array([*codes, -1], np.int64)[indices]

    def _check(self, fine: NDArray[np.bool_], column: Any, fault: str) -> None:
        if fine.all():
            return
        row = int(np.flatnonzero(~fine)[0])
        value = column[row].as_py()
        shown = "missing" if value is None else f"{value!r}, {fault}"
        raise TableError(
            f"target {self.name!r}: {int((~fine).sum())} of {len(fine)} values can't be used; "
            f"the first, in row {row + 1}, is {shown}"
        )


def task_rows(column: Any, missing: Sequence[str] = ()) -> NDArray[np.bool_]:
    """Say which rows of a target column hold something: not missing, and finite if a number.

    ``missing`` has texts that mean a missing value, besides `steepest.tables.parsing.MISSING`.
    """
    column = lay_out("target", column)
    if pa.types.is_floating(column.type):
        return np.isfinite(read_numbers(column)[0])
    if pa.types.is_string(column.type):
        texts, indices = read_texts(column)
        there = np.append(~are_missing(texts, (*MISSING, *missing)), False)
        return there[indices]
    valid: NDArray[np.bool_] = pc.is_valid(column).to_numpy()
    return valid


def infer_task(
    column: Any, name: str, kind: str | None = None, options: TableOptions | None = None
) -> Task:
    """Find out what a target column asks for.

    Parameters
    ----------
    column : pyarrow.ChunkedArray or pyarrow.Array
        The target; rows that `task_rows` leaves out are not looked at. Texts that hold numbers are
        numbers, unless they are declared to be a category.
    name : str
        The name of the column.
    kind : str, optional
        "classification" or "regression", against the rule of this module.
    options : TableOptions, optional
        What is known of how texts are written.

    Returns
    -------
    Task
        The task, with the classes or the scale of these targets.

    Raises
    ------
    TableError
        If there is nothing to learn: no value, only one, or nearly as many classes as rows.
    """
    if kind not in (None, "classification", "regression"):
        raise InputError(f"kind must be 'classification' or 'regression', not {kind!r}")
    options = options or NOTHING_SAID
    column = chunked(column)
    declared = pa.types.is_dictionary(column.type)
    try:
        targets = plain(column, name)
    except ColumnTypeError as error:
        raise TableError(
            f"target {name!r} is of type {column.type}; expected text, truth values or numbers"
        ) from error
    there = task_rows(column if declared else targets, options.missing)
    if not there.all():
        targets = targets.filter(pa.array(there))
    if not len(targets):
        raise TableError(f"target {name!r}: all of its {len(column)} values are missing")
    holds, pattern = _holds(targets, options, declared)
    if holds == "date":
        raise TableError(
            f"target {name!r} is of type {column.type} and holds dates; expected text, truth "
            "values or numbers"
        )
    found, reason = "classification", f"{holds} values"
    if holds == "number":
        finite = np.isfinite(read_numbers(targets, pattern)[0])
        if not finite.any():
            raise TableError(f"target {name!r}: none of its {len(targets)} values is finite")
        found, reason = _number_rule(targets.filter(pa.array(finite)), pattern)
    if kind is not None and kind != found:
        found, reason = kind, "as asked"
    if found == "regression":
        return _regression(targets, name, reason, pattern)
    return _classification(targets, name, reason, holds, pattern)


def _holds(targets: Any, options: TableOptions, declared: bool) -> tuple[str, str]:
    """Return what targets are – text, truth, number or date – and how numbers are written."""
    type_ = targets.type
    if is_text(type_):
        if declared:
            return "text", ""
        texts, indices = read_texts(targets)
        found = guess(texts, rows_of_texts(texts, indices), options)
        return found.kind, found.pattern
    if pa.types.is_timestamp(type_):
        return "date", ""
    return ("truth" if pa.types.is_boolean(type_) else "number"), ""


def _number_rule(targets: Any, pattern: str) -> tuple[str, str]:
    values = read_numbers(targets, pattern)[0]
    distinct = len(np.unique(values))
    if (values != np.floor(values)).any():
        return "regression", "numbers that are not all whole"
    if (np.abs(values) > 2**53).any():  # as float64, different ones may be the same
        distinct = len(read_texts(targets)[0])
    reason = f"whole numbers, {distinct} distinct"
    few = distinct <= 2 or (distinct <= FEW and distinct * ROWS_PER_CLASS <= len(values))
    return ("classification" if few else "regression"), reason


def _classification(targets: Any, name: str, reason: str, holds: str, pattern: str) -> Task:
    classes = _classes(targets, holds, pattern)
    if len(classes) < 2:
        raise TableError(
            f"target {name!r}: all of its {len(targets)} values are {classes[0]!r}; "
            "expected at least two classes"
        )
    if len(classes) > max(2, len(targets) / 2):
        raise TableError(
            f"target {name!r}: {len(classes)} classes in {len(targets)} rows are too many to "
            "learn; is this the right column? For numbers, ask for regression"
        )
    kind = "binary" if len(classes) == 2 else "multiclass"
    return Task(name, kind, reason, tuple(classes), pattern=pattern)


def _classes(targets: Any, holds: str, pattern: str) -> list[Any]:
    """Return the different targets in order; whole numbers exactly."""
    if holds == "truth":
        return sorted({bool(value) for value in read_truths(targets)[0] if value == value})
    if holds == "text":
        return sorted(pc.unique(targets).to_pylist())
    texts = read_texts(targets)[0].to_pylist()
    whole = whole_numbers(texts, pattern)
    if None in whole:
        values = read_numbers(targets, pattern)[0]
        values = np.unique(values[np.isfinite(values)])
        alike = (values == np.floor(values)).all() and (np.abs(values) < 2**53).all()
        return list((values.astype(np.int64) if alike else values).tolist())
    numbers = sorted({number for number in whole if number is not None})
    fits = numbers[0] >= -(2**63) and numbers[-1] < 2**64
    return numbers if fits else list(map(str, numbers))


def _regression(targets: Any, name: str, reason: str, pattern: str) -> Task:
    values, bad = read_numbers(targets, pattern)
    if bad > MOST_BAD * len(values):
        row = int(np.flatnonzero(np.isnan(values))[0])
        raise TableError(
            f"target {name!r}: {bad} of {len(values)} values are not numbers, such as "
            f"{targets[row].as_py()!r}; regression needs numbers"
        )
    values = values[np.isfinite(values)]
    if not len(values):
        raise TableError(f"target {name!r}: none of its {len(targets)} values is finite")
    low, high = float(values.min()), float(values.max())
    if low == high:
        raise TableError(f"target {name!r}: all of its {len(values)} values are {low:g}")
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = float(values.mean()), float(values.std())
    if not (np.isfinite(deviation) and deviation > 0):
        raise TableError(
            f"target {name!r}: values from {low:g} to {high:g} can't be scaled; "
            "give it in other units"
        )
    return Task(name, "regression", reason, pattern=pattern).scaled(mean, deviation, low, high)


def _outwards(low: float, high: float) -> tuple[float, float]:
    """Return the ends of a range rounded in decimal, away from one another."""
    digits = 2 - math.floor(math.log10(high - low))
    step = 10.0**-digits
    ends = round(low, digits), round(high, digits)
    return (
        ends[0] if ends[0] <= low else round(ends[0] - step, digits),
        ends[1] if ends[1] >= high else round(ends[1] + step, digits),
    )
