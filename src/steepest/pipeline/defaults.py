"""The defaults of a network for a table, where they depend on the task or on the number of rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from ..rule import IfPresent

__all__ = [
    "AVERAGE",
    "BAG",
    "BATCHES",
    "BY_KIND",
    "FACTORS",
    "FEW",
    "FEW_OF_BAGS",
    "FEW_ROWS",
    "FREQUENCIES",
    "KINDS",
    "LADDER",
    "LEAST_BAG_ROWS",
    "LEAST_EPOCHS",
    "MANY",
    "MANY_MEMBERS",
    "MOST_BATCH",
    "MOST_EPOCHS",
    "STEPS",
    "TEXT_EPOCHS",
    "TEXT_STEPS",
    "VALIDATION",
    "WAVED",
    "bag_by_default",
    "by_rows",
    "of_few_rows",
    "of_many_columns",
]

_T = TypeVar("_T")

FACTORS = IfPresent(
    {"*.s": 6.0, **dict.fromkeys(("*.b", "*.w", "*.omega", "*.phi", "*.W", "*.c", "*.R"), 0.1)}
)
"""Of an adaptive rule's learning rate: scales are fast; biases, activations, waves and members'
scales are slow."""
STEPS = {"binary": 1600, "multiclass": 3000, "regression": 2000}
"""How many steps a training takes, if epochs are not given."""
LEAST_EPOCHS, MOST_EPOCHS = 8, 256
"""The epochs that such steps are, at least and at most."""
TEXT_EPOCHS, TEXT_STEPS = 16, 400
"""No more epochs, if they are so many steps, where a column holds texts: networks soon know them by
heart."""
# Of sms_spam, 3,344 training rows, two seeds: log loss on others 0.050 with 2 epochs, 0.052 with
# 16, and 0.067 with the 61 of 1,600 steps; accuracy 0.987, 0.990 and 0.984.
BY_KIND: dict[str, dict[str, Any]] = {
    "binary": {"members": 4, "label_smoothing": 0.0, "average": 1 / 8},
    "multiclass": {"dropout": 0.15, "weight_decay": 0.02, "frequency": 0.1},
    "regression": {"members": 4, "lr": 0.05, "dropout": 0.25, "activation": "mish"},
}
"""What a kind of task has in place of the defaults; `benchmarks/defaults.py` has what they were
chosen by. Several classes have the paper's own rates and waves. Members share the layers, but not
with columns of text, where predictions must rise with one, or where layers are of other kinds;
there the average is the usual one, too."""
# docs/performance/table_defaults.md has what members gain; several classes lost by them.
FEW = 1_000
FEW_ROWS: dict[str, dict[str, Any]] = {
    "binary": {"members": 16, "lr": 0.02, "epochs": 24},
    "multiclass": {"members": 16, "lr": 0.02, "epochs": 48},
}
"""What a kind of task has in place of the defaults up to `FEW` rows to train on, where one network
is trained: members that share layers, and a short training. It soon knows so few rows by heart, and
they hardly tell which epoch was best. These belong together: whoever gives one of them has the
others as for more rows; and so have tables with texts or with monotone columns."""
FEW_OF_BAGS: dict[str, tuple[tuple[int, dict[str, Any]], ...]] = {
    "binary": ((FEW, {"members": 1, "lr": 0.02, "epochs": 24}),),
    "multiclass": ((FEW, {"members": 1, "lr": 0.02, "epochs": 48}),),
    "regression": (
        (500, {"members": 4, "lr": 0.05, "epochs": 64}),
        (FEW, {"members": 1, "lr": 0.05, "epochs": 64}),
    ),
}
"""The same of the networks of a bag over folds, by the number of rows, of which all train and all
choose the epochs."""
LEAST_BAG_ROWS = 50
"""From so many rows on the default may be a bag."""
# docs/performance/table_defaults.md has the figures.
VALIDATION = 0.1
"""The share of the rows that chooses the epoch, where folds do not."""
FREQUENCIES = ((60_000, 0.3),)
"""Up to so many rows, waves are as long as this: few rows can't tell short ones from noise."""
MANY, MANY_MEMBERS = 64, 2
"""Above so many columns, so many members share the layers, where there are more: each has products
of its own with all columns."""
WAVED = 1_000
"""Up to so many columns, numbers also enter as waves, which are most of the inputs of a layer."""
# Measured, one seed each, on training rows held out. R² of abalone (3,100 rows), 0.47 with 4 and
# 0.55 with 0.3. Log loss of 10,000 rows with 1, 0.3 and 0.1: higgs 0.569, 0.556, 0.548; weather
# 0.421, 0.410, 0.407; credit default 0.443, 0.440, 0.438; census income 0.290, 0.290, 0.290;
# flights 0.504, 0.505, 0.508; elec2 0.440, 0.441, 0.449. Of 24,000 of census income with 4, 1 and
# 0.3: 0.283, 0.282, 0.282, and accuracy 0.867, 0.869, 0.870. California housing, 1 − R², 0.195 with
# 1, 0.185 with 0.3, 0.196 with 0.1. With 32 bins in the place of waves of 0.3, at 1.5 times the
# seconds, 1 − R² is better where there is little noise (California housing 0.177 for 0.185, wine
# quality 0.588 for 0.608, bike rentals 0.047 for 0.048), and worse where there is much (randhie
# 0.930 for 0.908, ames 0.090 for 0.085, 250 rows of diabetes 0.832 for 0.716); so is log loss, of
# higgs 0.559 for 0.556.
BATCHES, MOST_BATCH = ((1_024, 64), (8_192, 128), (60_000, 256), (200_000, 512)), 1024

AVERAGE = 1 / 16
"""The share of the steps over which weights are averaged, unless the kind of task has another."""

LADDER: dict[int, dict[str, Any]] = {
    1: {},
    2: {"members": 1, "folds": 8},
    3: {"members": 1, "folds": 8, "ensemble": 2},
    4: {"members": 1, "folds": 8, "ensemble": 4},
}
"""What each step of ``quality`` has in place of the defaults."""
KINDS: tuple[dict[str, Any], ...] = ({}, {"bins": 32}, {"rule": "muon"}, {"members": 4})
"""What the bags of an ensemble have in place of the defaults, one after the other, and from the
start again: networks of other kinds err in other places. They are numbers as waves, numbers as
piecewise linear functions, steps by Muon, and members that share layers."""
# docs/performance/table_defaults.md has what each of them gains.
BAG = 2
"""The first step that is a bag."""
_OF_A_BAG = {"members", "folds", "ensemble", "lr", "epochs"}


def of_few_rows(kind: str, rows: int, bag: bool) -> Mapping[str, Any]:
    """Return what a kind of task has in place of the defaults of many rows, if these are few.

    ``bag`` says whether networks over folds are trained.
    """
    if bag:
        return by_rows(FEW_OF_BAGS[kind], rows, {})
    return FEW_ROWS.get(kind, {}) if rows <= FEW else {}


def bag_by_default(kind: str, rows: int, columns: int, wanted: Collection[str]) -> bool:
    """Return whether the second step of the ladder is the default, if folds may choose the epochs.

    It is where it takes no more than about twice the time of the first, and where nothing is wanted
    that belongs to the first.
    """
    if rows < LEAST_BAG_ROWS or not _OF_A_BAG.isdisjoint(wanted):
        return False
    return columns <= WAVED if rows <= FEW else columns <= MANY and kind != "multiclass"


def of_many_columns(members: int, columns: int) -> dict[str, Any]:
    """Return what so many columns have in place of the defaults; ``members`` is that of few."""
    fewer = {"members": MANY_MEMBERS} if columns > MANY and members > MANY_MEMBERS else {}
    return fewer | ({"frequency": 0.0} if columns > WAVED else {})


def by_rows(steps: tuple[tuple[int, _T], ...], rows: int, most: _T) -> _T:
    """Return what goes with the first number of rows that is not exceeded; else ``most``."""
    return next((value for bound, value in steps if rows <= bound), most)
