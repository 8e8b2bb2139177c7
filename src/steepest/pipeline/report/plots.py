"""Parts of a report as figures of Matplotlib."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import ModelError
from ...plotting import curves, figures, panels
from ...validate import one_of
from . import classes, columns, effects, numbers, training
from .subject import Known, subject

if TYPE_CHECKING:
    from types import ModuleType

    from matplotlib.figure import Figure

    from ..fitted_model import FittedModel

__all__ = ["PLOTS", "plot"]

_BARS = 20

Numbers = dict[str, Any]
Draw = Callable[[Numbers, type["Figure"]], "Figure"]


def plot(model: FittedModel, known: Known, what: str) -> Figure:
    """Return the figure of a part of a report; parameters and errors are those of `Model.plot`."""
    one_of("Model.plot", "what", what, PLOTS)
    part, draw = PLOTS[what]
    figure_class = figures("Model.plot")
    found: Numbers | None = part.section(subject(model, known))
    if found is None:
        needs = "rows whose target is known" if known.table is None else "another kind of target"
        raise ModelError(f"Model.plot: there is nothing to draw for {what!r}; it needs {needs}")
    return draw(found, figure_class)


def _training(found: Numbers, figure_class: type[Figure]) -> Figure:
    wanted = [("loss", found["losses"])]
    wanted += [(name, {name: values}) for name, values in found["metrics"].items()]
    return curves(figure_class, found["epoch"], wanted, found["best"])


def _confusions(found: Numbers, figure_class: type[Figure]) -> Figure:
    from sklearn.metrics import ConfusionMatrixDisplay

    figure, (axes,) = panels(figure_class, 1)
    table = ConfusionMatrixDisplay(np.array(found["confusions"]), display_labels=found["labels"])
    table.plot(ax=axes, cmap="Blues", xticks_rotation=45)
    return figure


def _curves(kind: str, score: str, names: tuple[str, str]) -> Draw:
    """Return what draws a curve for each class."""

    def draw(found: Numbers, figure_class: type[Figure]) -> Figure:
        if not found.get("curves"):
            raise ModelError("Model.plot: curves need probabilities, and rows of several classes")
        figure, (axes,) = panels(figure_class, 1)
        for curve in found["curves"]:
            axes.plot(*curve[kind], label=f"{curve['label']}: {curve[score]:.3f}")
        axes.set(xlabel=names[0], ylabel=names[1])
        axes.legend()
        return figure

    return draw


def _calibration(found: Numbers, figure_class: type[Figure]) -> Figure:
    if "calibration" not in found:
        raise ModelError("Model.plot: calibration needs a model with probabilities")
    figure, (axes,) = panels(figure_class, 1)
    measured = found["calibration"]
    axes.plot([0, 1], [0, 1], color="grey", linestyle="--")
    axes.plot(measured["said"], measured["came"], marker="o")
    axes.set(xlabel="probability that was said", ylabel="share that came")
    return figure


def _residuals(found: Numbers, figure_class: type[Figure]) -> Figure:
    figure, (left, right) = panels(figure_class, 2)
    left.scatter(found["predicted"], found["truth"], s=6, alpha=0.5)
    ends = [min(found["truth"]), max(found["truth"])]
    left.plot(ends, ends, color="grey", linestyle="--")
    left.set(xlabel="predicted", ylabel="true")
    right.stairs(found["residuals"]["counts"], found["residuals"]["edges"], fill=True)
    right.set(xlabel="true − predicted", ylabel="rows")
    return figure


def _importance(found: Numbers, figure_class: type[Figure]) -> Figure:
    shown = [column for column in found["columns"] if "rise" in column][:_BARS][::-1]
    if not shown:
        raise ModelError("Model.plot: importance needs rows whose target is known")
    figure, (axes,) = panels(figure_class, 1)
    axes.barh(
        [column["name"] for column in shown],
        [column["rise"] for column in shown],
        xerr=[column["spread"] for column in shown],
    )
    axes.set(xlabel="rise of the loss when the column is shuffled")
    return figure


def _effects(found: Numbers, figure_class: type[Figure]) -> Figure:
    figure, every = panels(figure_class, max(1, len(found["effects"])))
    for axes, effect in zip(every, found["effects"], strict=False):
        at = effect["at"] or effect["labels"]
        for values in effect["single"]:
            axes.plot(at, values, color="lightgrey", linewidth=0.8)
        for label, values in effect["mean"].items():
            axes.plot(at, values, label=label)
        axes.set(xlabel=effect["name"], ylabel=found["what"])
        if effect["at"] is None:
            axes.tick_params("x", rotation=60)
        axes.legend()
    return figure


PLOTS: dict[str, tuple[ModuleType, Draw]] = {
    "training": (training, _training),
    "confusions": (classes, _confusions),
    "roc": (classes, _curves("roc", "auc", ("share of others taken for it", "share found"))),
    "precision_recall": (classes, _curves("pr", "average_precision", ("recall", "precision"))),
    "calibration": (classes, _calibration),
    "residuals": (numbers, _residuals),
    "importance": (columns, _importance),
    "effects": (effects, _effects),
}
"""By name: the section that has the numbers, and what draws them."""
