"""What stands between a network of classes and its predictions.

A network that is trained with label smoothing ε and weights w of K classes by a cross-entropy
−w_y Σ_k t_k log q_k, t_k = (1 − ε)[k = y] + ε/K, does not say how probable its classes are. Where
the classes of rows like this one have the probabilities p, the expected loss is

    −Σ_k ((1 − ε) w_k p_k + (ε/K) Σ_j w_j p_j) log q_k,

and least, by Gibbs' inequality, at q_k = (1 − ε) w_k p_k / Σ_j w_j p_j + ε/K. So

    p_k ∝ max(q_k − ε/K, 0) / ((1 − ε) w_k)

is what it has learned. A q_k below ε/K is none of a minimiser: then p_k would be 0, which nobody
can know from n rows, and p_k is ``least`` = 1/n instead. Calibration raises the result to a power
(temperature scaling, with power = 1/T: Guo et al., "On calibration of modern neural networks",
ICML 2017, arXiv:1706.04599) and multiplies by a factor a class (with bias correction: Alexandari,
Kundaje & Shrikumar, ICML 2020, arXiv:1901.06852); `steepest.probabilities.calibrate` fits both. In
all:

    p_k ∝ max(p'_k, least)^power · exp(shift_k),   p'_k ∝ max(q_k − ε/K, 0) / w_k
    class = argmax_k cost_k p_k

``cost`` says how much it costs to miss a class; where the training had weights, it is w, so that
a class of a higher weight is predicted more often, but not said to be more probable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..errors import InputError, ModelError
from ..records import check_fields
from ..validate import fraction, number
from .sets import MOST, kept_scores, members, uniform

__all__ = ["UNCHANGED", "Calibration", "all_classes"]

_WHERE = "Calibration"


class _Graph(Protocol):
    """An ONNX graph, as far as it is needed here."""

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str: ...
    def constant(self, value: Any, dtype: Any = None) -> str: ...
    def cast(self, value: str, dtype: Any) -> str: ...


@dataclass(frozen=True)
class Calibration:
    """From q (n, K), what a loss's mean makes of a network's outputs, to probabilities and classes.

    The default leaves q as it is and predicts the most probable class.

    Parameters
    ----------
    label_smoothing : float
        ε of the training.
    weights : tuple of float
        w, one of each class; empty where all are 1.
    least : float
        The least probability, before ``power``.
    power : float
    shifts : tuple of float
        One of each class, or empty where all are 0.
    costs : tuple of float
        One of each class, or empty where all are 1.
    rows : int
        How many rows ``scores`` comes from; 0 where sets of classes can't be predicted.
    scores : tuple of float
        What `steepest.probabilities.sets` keeps of rows that were not trained on.
    """

    label_smoothing: float = 0.0
    weights: tuple[float, ...] = ()
    least: float = 0.0
    power: float = 1.0
    shifts: tuple[float, ...] = ()
    costs: tuple[float, ...] = ()
    rows: int = 0
    scores: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        fraction(_WHERE, "label_smoothing", self.label_smoothing)
        fraction(_WHERE, "least", self.least)
        number(_WHERE, "power", self.power, above=0)
        for name in ("weights", "costs"):
            for value in getattr(self, name):
                number(_WHERE, f"each of {name}", value, above=0)
        for value in self.shifts:
            number(_WHERE, "each of shifts", value, least=-100, most=100)
        number(_WHERE, "rows", self.rows, least=0, whole=True)
        if len(self.scores) != min(self.rows, MOST) or list(self.scores) != sorted(self.scores):
            raise InputError(
                f"{_WHERE}: scores of {self.rows} rows must be {min(self.rows, MOST)} numbers, "
                "least first"
            )

    @classmethod
    def of_training(
        cls, label_smoothing: float, weights: tuple[float, ...] | None, rows: int
    ) -> Self:
        """Return what undoes smoothing and class weights of a training on so many rows."""
        own = weights or ()
        least = 1 / rows if label_smoothing else 0.0
        return cls(label_smoothing, own, least, costs=own)

    def probabilities(self, q: Array) -> Array:
        """Return p (n, K), float64, of q (n, K), or (n, 1), the second of two classes."""
        p = all_classes(q)
        if not self._changes:
            return p
        even = self.label_smoothing / p.shape[1]
        if even:
            p = np.maximum(p - even, 0)
        if self.weights:
            p = p / np.asarray(self.weights)
        if even or self.weights:
            p = p / p.sum(axis=1, keepdims=True)
        if self.least:
            p = np.maximum(p, self.least)
        if self.power != 1:
            p = p**self.power
        if self.shifts:
            p = p * np.exp(self.shifts)
        found: Array = p / p.sum(axis=1, keepdims=True)
        return found

    def weighed(self, p: Array) -> Array:
        """Return cost_k p_k as shares of their sum, (n, K)."""
        if not self.costs:
            return p
        found: Array = p * np.asarray(self.costs)
        found /= found.sum(axis=1, keepdims=True)
        return found

    def classes(self, p: Array) -> Array:
        """Return argmax_k cost_k p_k of each row, (n,); of two alike the second."""
        weighed = self.weighed(p)
        if p.shape[1] == 2:
            return np.asarray(weighed[:, 1] >= weighed[:, 0], np.int64)
        return np.asarray(weighed.argmax(axis=1))

    def sets(self, q: Array, coverage: float, *, empty: bool = False) -> NDArray[np.bool_]:
        """Say which classes are in the set of each row, (n, K), of q as of `probabilities`.

        `steepest.probabilities.sets.members` says what ``coverage`` and ``empty`` are.
        """
        p = self.probabilities(q)
        return members(p, uniform(q), self.rows, self.scores, coverage, empty=empty)

    def with_sets(self, q: Array, y: Array) -> Self:
        """Return it with what sets need of rows that were not trained on, of classes y (n,)."""
        return replace(self, rows=len(y), scores=kept_scores(self.probabilities(q), uniform(q), y))

    def onnx(self, g: _Graph, q: str, width: int) -> tuple[str, str]:
        """Add p (n, K) and the class's number (n,) to a graph; q has ``width`` columns."""
        one, p, last = g.constant(1, np.float32), q, g.constant([1], np.int64)
        if width == 1:
            p = g.op("Concat", g.op("Sub", one, p), p, axis=1)
        count = max(width, 2)

        def normalised(p: str) -> str:
            return g.op("Div", p, g.op("ReduceSum", p, last, keepdims=1))

        if self._changes:
            if self.label_smoothing:
                even = g.constant(self.label_smoothing / count, np.float32)
                p = g.op("Max", g.op("Sub", p, even), g.constant(0, np.float32))
            if self.weights:
                p = g.op("Div", p, g.constant(self.weights, np.float32))
            p = g.op("Max", normalised(p), g.constant(self.least, np.float32))
            if self.power != 1:
                p = g.op("Pow", p, g.constant(self.power, np.float32))
            if self.shifts:
                p = g.op("Mul", p, g.constant(np.exp(self.shifts), np.float32))
            p = normalised(p)
        costs = g.constant(self.costs, np.float32) if self.costs else ""
        weighed = g.op("Mul", p, costs) if costs else p
        if count > 2:
            return p, g.op("ArgMax", weighed, axis=1, keepdims=0)
        first, second = (g.op("Gather", weighed, g.constant([k], np.int64), axis=1) for k in (0, 1))
        likely = g.op("GreaterOrEqual", second, first)
        flat = g.op("Reshape", likely, g.constant([-1], np.int64))
        return p, g.cast(flat, np.int64)

    def check_classes(self, count: int) -> None:
        """Raise `ModelError` unless it is of so many classes."""
        for name in ("weights", "shifts", "costs"):
            found = len(getattr(self, name))
            if found not in (0, count):
                raise ModelError(f"the calibration has {found} {name} for {count} classes")

    def describe(self, names: tuple[Any, ...]) -> list[str]:
        """Say what is done to the outputs of classes of these names, a line each."""
        lines = []
        if self.label_smoothing:
            lines.append(f"label smoothing of {self.label_smoothing:g} undone")
        if self.weights:
            lines.append(f"class weights undone: {_by_name(names, self.weights)}")
        if self.power != 1 or self.shifts:
            shifted = f", shifts {_by_name(names, self.shifts)}" if self.shifts else ""
            lines.append(f"calibrated on rows not trained on: power {self.power:.4g}{shifted}")
        if self.costs and len(names) == 2:
            first, second = self.costs
            share = first / (first + second)
            lines.append(f"predicts {names[1]!r} from a probability of {share:.4g} on")
        elif self.costs:
            lines.append(f"predicts the largest cost × probability: {_by_name(names, self.costs)}")
        if self.rows:
            lines.append(f"sets of classes by {self.rows:,} rows not trained on")
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Return the settings in plain JSON types."""
        return {name: list(v) if type(v) is tuple else v for name, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Return the calibration that `to_dict` described."""
        if not isinstance(record, Mapping):
            raise ModelError(f"this does not describe a calibration: {record!r}")
        check_fields(cls, record)
        settings: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in record.items()
        }
        try:
            return cls(**settings)
        except InputError as error:
            raise ModelError(f"this does not describe a calibration: {error}") from error

    def with_threshold(self, share: float) -> Self:
        """Return it with the second of two classes predicted from this probability on."""
        return replace(self, costs=(float(share), 1 - float(share)))

    @property
    def _changes(self) -> bool:
        """Whether probabilities are not those of the network."""
        return bool(self.label_smoothing or self.weights or self.power != 1 or self.shifts)


UNCHANGED = Calibration()
"""The network says what it says."""


def all_classes(q: Array) -> Array:
    """Return the probabilities of all classes, (n, K), float64, also of (n, 1), the second's."""
    p = q.astype(np.float64)
    return np.concatenate([1 - p, p], axis=1) if p.shape[1] == 1 else p


def _by_name(names: tuple[Any, ...], values: tuple[float, ...]) -> str:
    shown = ", ".join(f"{n} {v:.4g}" for n, v in list(zip(names, values, strict=True))[:20])
    return shown + ", …" * (len(names) > 20)
