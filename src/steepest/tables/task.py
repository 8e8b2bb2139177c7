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
from dataclasses import asdict, dataclass
from typing import Any, Protocol, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..errors import InputError, ModelError, TableError
from ..records import check_fields
from .parsing import plain, read_numbers, read_truths

__all__ = ["Task", "infer_task", "task_rows"]

FEW = 10
ROWS_PER_CLASS = 5

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
        Of the target's values in training, for regression.
    """

    name: str
    kind: str
    reason: str
    classes: Sequence[Label] = ()
    mean: float = 0.0
    deviation: float = 1.0
    low: float = 0.0
    high: float = 0.0

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
            return np.isfinite(read_numbers(column)[0])
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
            values, _ = read_numbers(column)
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
        labels: NDArray[Any] = np.array(self.classes)[prediction]
        return labels

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
        known = pa.array(self.classes)
        if pa.types.is_string(known.type):
            found = plain(column).cast(pa.string())
        else:
            read = read_truths if pa.types.is_boolean(known.type) else read_numbers
            found, known = pa.chunked_array([read(column)[0]]), known.cast(pa.float64())
        codes = pc.fill_null(pc.index_in(found, value_set=known), -1)
        indices: NDArray[np.int64] = codes.to_numpy().astype(np.int64)
        return indices

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


def task_rows(column: Any) -> NDArray[np.bool_]:
    """Say which rows of a target column hold something: not missing, and finite if a number."""
    if pa.types.is_floating(plain(column).type):
        return np.isfinite(read_numbers(column)[0])
    there: NDArray[np.bool_] = pc.is_valid(plain(column)).to_numpy()
    return there


def infer_task(column: Any, name: str, kind: str | None = None) -> Task:
    """Find out what a target column asks for.

    Parameters
    ----------
    column : pyarrow.ChunkedArray or pyarrow.Array
        The target; rows that `task_rows` leaves out are not looked at.
    name : str
        The name of the column.
    kind : str, optional
        "classification" or "regression", against the rule of this module.

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
    targets = plain(column)
    targets = targets.filter(pa.array(task_rows(targets)))
    if not len(targets):
        raise TableError(f"target {name!r}: all of its {len(column)} values are missing")
    type_ = targets.type
    is_number = (
        pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_)
    )
    if not (is_number or pa.types.is_string(type_) or pa.types.is_boolean(type_)):
        raise TableError(
            f"target {name!r} is of type {type_}; expected text, truth values or numbers"
        )
    reason = f"{_word(type_)} values"
    found = "classification"
    if is_number:
        found, reason = _number_rule(targets)
    if kind is not None and kind != found:
        found, reason = kind, "as asked"
    return (_regression if found == "regression" else _classification)(targets, name, reason)


def _number_rule(targets: Any) -> tuple[str, str]:
    values = read_numbers(targets)[0]
    distinct = np.unique(values)
    if (distinct != np.floor(distinct)).any():
        return "regression", "numbers that are not all whole"
    reason = f"whole numbers, {len(distinct)} distinct"
    few = len(distinct) <= 2 or (
        len(distinct) <= FEW and len(distinct) * ROWS_PER_CLASS <= len(values)
    )
    return ("classification" if few else "regression"), reason


def _classification(targets: Any, name: str, reason: str) -> Task:
    if not (pa.types.is_string(targets.type) or pa.types.is_boolean(targets.type)):
        values = read_numbers(targets)[0]
        whole = (values == np.floor(values)).all() and (np.abs(values) < 2**53).all()
        targets = pa.array(values.astype(np.int64) if whole else values)
    classes = sorted(pc.unique(targets).to_pylist())
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
    return Task(name, "binary" if len(classes) == 2 else "multiclass", reason, tuple(classes))


def _regression(targets: Any, name: str, reason: str) -> Task:
    values, bad = read_numbers(targets)
    if bad:
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
    return Task(name, "regression", reason, (), mean, deviation, low, high)


def _word(type_: Any) -> str:
    return "truth" if pa.types.is_boolean(type_) else "text"
