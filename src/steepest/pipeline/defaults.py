"""The defaults of a network for a table, where they depend on the task or on the number of rows."""

from __future__ import annotations

from typing import Any, TypeVar

from ..rule import IfPresent

__all__ = [
    "AVERAGE",
    "BATCHES",
    "BY_KIND",
    "FACTORS",
    "FREQUENCIES",
    "LADDER",
    "MOST_BATCH",
    "STEPS",
    "WAVED",
    "by_rows",
]

_T = TypeVar("_T")

FACTORS = IfPresent(
    {"*.s": 6.0, **dict.fromkeys(("*.b", "*.w", "*.omega", "*.phi", "*.W", "*.c", "*.R"), 0.1)}
)
"""Of an adaptive rule's learning rate: scales are fast; biases, activations, waves and members'
scales are slow."""
STEPS = {"binary": 1600, "multiclass": 3000, "regression": 6000}
"""How many steps a training takes, if epochs are not given."""
BY_KIND: dict[str, dict[str, Any]] = {
    "binary": {},
    "multiclass": {"dropout": 0.15, "weight_decay": 0.02, "frequency": 0.1},
    "regression": {"lr": 0.05, "dropout": 0.25, "activation": "mish"},
}
"""What a kind of task has in place of the defaults; `benchmarks/defaults.py` has what classes were
chosen by. Several classes have the paper's own rates and waves."""
FREQUENCIES = ((8_192, 0.3), (20_000, 1.0))
"""Up to so many rows, waves are as long as this: few rows can't tell short ones from noise."""
WAVED = 1_000
"""Up to so many columns, numbers also enter as waves, which are most of the inputs of a layer."""
# Measured, one seed each. R² on rows held out of abalone (3,100 rows), 0.47 with 4 and 0.55 with
# 0.3; of California housing (7,500), 0.807 with 4 and 0.830 with 1. Accuracy on census income
# (29,000), 0.865 with 1 and 0.869 with 4.
BATCHES, MOST_BATCH = ((1_024, 64), (8_192, 128), (60_000, 256), (200_000, 512)), 1024

AVERAGE = 1 / 16
"""The share of the steps over which weights are averaged."""

LADDER: dict[int, dict[str, Any]] = {
    1: {},
    2: {"members": 16},
    3: {"members": 4, "folds": 8},
    4: {"members": 4, "folds": 8, "ensemble": 3},
}
"""What each step of ``quality`` has in place of the defaults."""


def by_rows(steps: tuple[tuple[int, _T], ...], rows: int, most: _T) -> _T:
    """Return what goes with the first number of rows that is not exceeded; else ``most``."""
    return next((value for bound, value in steps if rows <= bound), most)
