"""How good a model is on rows whose target is known: everything there is to say, as one record."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..arrays import Array
from ..losses import Quantile
from ..metrics import METRICS
from ..printing import aligned_table, counted, harmless
from ..probabilities.calibration import UNCHANGED, Calibration
from ..probabilities.reliability import Bin, calibration_error, reliability
from .scores import TRIVIAL, trivial

if TYPE_CHECKING:
    from .fitted_model import FittedModel

__all__ = ["ClassScores", "Evaluation", "Level", "Slice", "evaluate"]

_LABELS = ("accuracy", "balanced_accuracy", "f1", "precision", "recall", "matthews_corrcoef")
_SHARES = ("log_loss", "brier", "auc", "average_precision")
_NUMBERS = (
    "r2",
    "rmse",
    "mae",
    "median_absolute_error",
    "mape",
    "max_error",
    "explained_variance",
)
_ALL = (*_LABELS, *_SHARES, *_NUMBERS)
_BRIEF = {"accuracy", "log_loss", "auc", "r2", "rmse", "mae", "pinball"}
"""What is said of a slice."""
_CLASSES = 30  # of a confusion table
_COVERAGES = (0.8, 0.9, 0.95)
_INTERVALS = ("level", "targets below or within", "mean width")


class ClassScores(NamedTuple):
    """What there is to say of one class against all others; None where it can't be computed."""

    label: Any
    rows: int
    precision: float
    recall: float
    f1: float
    auc: float | None
    average_precision: float | None


class Level(NamedTuple):
    """A quantile's level, or what an interval or a set ought to cover; what it does; its size.

    ``width`` is the mean width of the intervals, or how many classes the sets have on average.
    """

    level: float
    covered: float
    width: float | None = None


class Slice(NamedTuple):
    """The rows of one value of a column, or of a quarter of its numbers."""

    column: str
    value: str
    rows: int
    scores: dict[str, float | None]


@dataclass(frozen=True)
class Evaluation:
    """What `Model.evaluate` found; print it to read it.

    Attributes
    ----------
    target : str
    rows : int
    scores, trivial : dict of str to float or None
        By metric, of the model and of who knows only the targets; None where it can't be computed.
    says : str
        What that one says.
    classes : list of ClassScores
    confusion : list of list of int
        Rows by the class that they are of, and by the class that was predicted.
    bins : list of Bin
        Whether probabilities come true (`steepest.probabilities.reliability`).
    levels : list of Level
        Of a model of quantiles: the share of the targets below each, and within the outermost two;
        of one of classes, how many sets of 80, 90 and 95 % hold the right class.
    slices : list of Slice
    """

    target: str
    rows: int
    scores: dict[str, float | None]
    trivial: dict[str, float | None]
    says: str
    classes: list[ClassScores] = field(default_factory=list)
    confusion: list[list[int]] = field(default_factory=list)
    bins: list[Bin] = field(default_factory=list)
    levels: list[Level] = field(default_factory=list)
    slices: list[Slice] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it in plain JSON types."""
        lists = {
            name: [one._asdict() for one in getattr(self, name)]
            for name in ("classes", "bins", "levels", "slices")
        }
        own = {name: getattr(self, name) for name in ("target", "rows", "scores", "trivial")}
        return {**own, "trivial_says": self.says, "confusion": self.confusion, **lists}

    def __str__(self) -> str:
        """Return the tables, those that there are."""
        parts = (
            self._scores_table(),
            *self._classes_tables(),
            self._bins_table(),
            self._levels_table(),
            self._slices_table(),
        )
        return "\n\n".join(part for part in parts if part)

    def _scores_table(self) -> str:
        lines = [("", "model", f"trivial ({harmless(self.says)})")]
        lines += [(name, _shown(v), _shown(self.trivial[name])) for name, v in self.scores.items()]
        head = f"{counted(self.rows, 'row')}, to predict {harmless(self.target)!r}"
        return f"{head}\n{aligned_table(lines, left=1)}"

    def _classes_tables(self) -> Iterator[str]:
        if not self.classes:
            return
        names = list(ClassScores._fields)
        lines = [["class", *names[1:]]]
        lines += [
            [harmless(str(label)), f"{rows:,}", *map(_shown, rest)]
            for label, rows, *rest in self.classes
        ]
        yield aligned_table(lines, left=1)
        counts = np.array(self.confusion)
        wrong = counts.sum(axis=1) - counts.diagonal()
        shown = np.sort(np.argsort(-wrong, kind="stable")[:_CLASSES])
        labels = [harmless(str(self.classes[k].label)) for k in shown]
        cells = [[str(n) if n else "·" for n in counts[k, shown].tolist()] for k in shown]
        rows = [("it is ↓, predicted →", *labels)]
        rows += [(name, *own) for name, own in zip(labels, cells, strict=True)]
        left = len(counts) - len(shown)
        yield aligned_table(rows, left=1) + f"\nand {left} more classes" * (left > 0)

    def _bins_table(self) -> str:
        if not self.bins:
            return ""
        lines = [("probability", "rows", "mean", "came true")]
        lines += [
            (f"{b.least:.4f} to {b.most:.4f}", f"{b.rows:,}", f"{b.said:.4f}", f"{b.came:.4f}")
            for b in self.bins
        ]
        of = f"of {str(self.classes[1].label)!r}" if len(self.classes) == 2 else "of the prediction"
        return f"calibration, probability {harmless(of)}\n{aligned_table(lines, left=1)}"

    def _levels_table(self) -> str:
        if not self.levels:
            return ""
        heads = ("sets", "hold the class", "mean size") if self.classes else _INTERVALS
        lines = [heads]
        lines += [
            (
                f"{one.level:g}",
                f"{one.covered:.4f}",
                "" if one.width is None else f"{one.width:.5g}",
            )
            for one in self.levels
        ]
        return aligned_table(lines, left=1)

    def _slices_table(self) -> str:
        texts = []
        for column in dict.fromkeys(one.column for one in self.slices):
            own = [one for one in self.slices if one.column == column]
            names = list(own[0].scores)
            lines = [(harmless(column), "rows", *names)]
            lines += [
                (harmless(one.value), f"{one.rows:,}", *(_shown(one.scores[n]) for n in names))
                for one in own
            ]
            texts.append(aligned_table(lines, left=1))
        return "\n\n".join(texts)


def evaluate(
    model: FittedModel,
    outputs: Array,
    targets: Array,
    sliced: Mapping[str, Mapping[str, Array]] | None = None,
    bins: int = 10,
) -> Evaluation:
    """Return what there is to say of a model's outputs for rows with these encoded targets.

    Parameters
    ----------
    model : Model
    outputs : ndarray (n, q)
        As `Model.outputs` returns them.
    targets : ndarray (n,)
        As `Task.encode` returns them.
    sliced : mapping, optional
        By column and by value: the numbers of the rows.
    bins : int
        Of probabilities, at most.
    """
    task, said = model.task, model.judge(outputs)
    says, other = trivial(model, targets, len(targets), model.about.get(TRIVIAL))
    weighed = model.calibration if model.has_probabilities else UNCHANGED
    slices = [
        Slice(column, value, len(rows), _scores(model, said[rows], targets[rows], weighed, _BRIEF))
        for column, groups in (sliced or {}).items()
        for value, rows in groups.items()
    ]
    found: dict[str, Any] = {"slices": slices}
    scores = _scores(model, said, targets, weighed)
    beside = _scores(model, other, targets)
    if model.has_probabilities:
        found["bins"] = reliability(said, targets, bins)
        scores["ece"] = calibration_error(found["bins"])
        beside["ece"] = calibration_error(reliability(other, targets, bins))
        found["levels"] = _sets(model, outputs, targets)
    if isinstance(model.loss, Quantile):
        found["levels"] = _levels(model, outputs, targets)
    if not task.is_regression:
        predicted = model.decide(outputs)
        found["confusion"] = _confusion(targets, predicted, len(task.classes))
        shares = said if model.has_probabilities else None
        found["classes"] = _classes(model, targets, predicted, shares)
    return Evaluation(task.name, len(targets), scores, beside, says, **found)


def _scores(
    model: FittedModel,
    said: Array,
    targets: Array,
    calibration: Calibration = UNCHANGED,
    wanted: Collection[str] = _ALL,
) -> dict[str, float | None]:
    """Return the metrics of probabilities, or of numbers in the units of the target.

    The calibration says by what costs a class is chosen.
    """
    task = model.task
    if isinstance(model.loss, Quantile):
        from sklearn.metrics import mean_pinball_loss

        y, z = task.decode(targets), task.decode(said).reshape(said.shape)
        each = [
            mean_pinball_loss(y, column, alpha=level)
            for level, column in zip(model.loss.levels, z.T, strict=True)
        ]
        return {"pinball": float(np.mean(each))}
    if task.is_regression:
        y, p = task.decode(targets)[:, None], task.decode(said)[:, None]
        return {name: _value(name, y, p) for name in _NUMBERS if name in wanted}
    decided = calibration.weighed(said)
    names = (*_LABELS, *(_SHARES if model.has_probabilities else ()))
    return {
        name: _value(name, targets, _narrow(decided if name in _LABELS else said))
        for name in names
        if name in wanted
    }


def _narrow(p: Array) -> Array:
    """Return of two classes the second's column alone: scores such as F1 are then of that class."""
    return p[:, 1:] if p.shape[1] == 2 else p


def _value(name: str, y: Array, prediction: Array) -> float | None:
    """Return a metric; None where it can't be computed: of classes that no row is of, say."""
    ranks = name in ("auc", "average_precision")
    if (ranks and len(np.unique(y)) < max(2, prediction.shape[1])) or (name == "r2" and len(y) < 2):
        return None
    if name == "balanced_accuracy" and len(np.unique(y)) < 2:
        return None
    value = METRICS[name](y, prediction)
    return value if math.isfinite(value) else None


def _confusion(y: Array, predicted: Array, count: int) -> list[list[int]]:
    from sklearn.metrics import confusion_matrix

    table: list[list[int]] = confusion_matrix(y, predicted, labels=np.arange(count)).tolist()
    return table


def _classes(model: FittedModel, y: Array, predicted: Array, p: Array | None) -> list[ClassScores]:
    """Return the scores of each class against all others."""
    from sklearn.metrics import precision_recall_fscore_support

    numbers = np.arange(len(model.task.classes))
    each = precision_recall_fscore_support(y, predicted, labels=numbers, zero_division=0.0)
    found = []
    for k, label in enumerate(model.task.classes):
        precision, recall, f1, rows = (float(column[k]) for column in each)
        own = np.asarray(y == k, np.int64)
        ranks = [
            None if p is None else _value(name, own, p[:, k : k + 1])
            for name in ("auc", "average_precision")
        ]
        found.append(ClassScores(label, int(rows), precision, recall, f1, *ranks))
    return found


def _sets(model: FittedModel, outputs: Array, targets: Array) -> list[Level]:
    """Return how many sets of classes hold the right one, and how many classes they have."""
    found = []
    for coverage in _COVERAGES if model.calibration.rows else ():
        inside = model.calibration.sets(outputs, coverage)
        own = inside[np.arange(len(targets)), targets]
        found.append(Level(coverage, float(own.mean()), float(inside.sum(axis=1).mean())))
    return found


def _levels(model: FittedModel, outputs: Array, targets: Array) -> list[Level]:
    """Return how many targets lie below each quantile, and within the outermost ones."""
    assert isinstance(model.loss, Quantile)
    levels, y = model.loss.levels, targets[:, None]
    found = [
        Level(float(level), float(np.mean(y[:, 0] <= column)))
        for level, column in zip(levels, outputs.T, strict=True)
    ]
    if len(levels) > 1:
        inside = (outputs[:, 0] <= y[:, 0]) & (y[:, 0] <= outputs[:, -1])
        width = float(np.mean(outputs[:, -1] - outputs[:, 0])) * model.task.deviation
        found.append(Level(float(levels[-1] - levels[0]), float(inside.mean()), width))
    return found


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.5g}"
