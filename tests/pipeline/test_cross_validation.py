"""Scores over folds: every row is tested once, and no group is on both sides."""

import numpy as np
import pyarrow as pa
import pytest

from steepest import Checkpoint, InputError
from steepest.pipeline import cross_validation
from steepest.pipeline.cross_validation import cross_validate, spread
from steepest.pipeline.request import Request
from steepest.pipeline.train import RunOptions

RNG = np.random.default_rng(0)
N = 90
X = RNG.normal(size=N)
TABLE = pa.table(
    {
        "x": X,
        "g": np.arange(N) // 3,
        "split": ["train"] * 60 + ["test"] * 30,
        "y": np.where(X > 0, "yes", "no"),
    }
)
SMALL = {"layers": (4,), "epochs": 3, "batch": 16}


def test_every_row_is_tested_once_and_groups_stay_together(monkeypatch):
    sides, whole = [], cross_validation.fit_table

    def seen(table, request):
        sides.append((table, request.test_table))
        return whole(table, request)

    monkeypatch.setattr(cross_validation, "fit_table", seen)
    found = cross_validate(TABLE, Request("y", SMALL, groups="g", cv=3))
    assert {name: len(v) for name, v in found.items()} == {"accuracy": 3, "log_loss": 3, "auc": 3}
    tested = np.concatenate([side.column("x").to_numpy() for _, side in sides])
    assert sorted(tested) == sorted(X)
    for kept, out in sides:
        assert not set(kept.column("g").to_pylist()) & set(out.column("g").to_pylist())


def test_what_is_said_of_it():
    text = spread({"accuracy": [0.8, 0.9], "log_loss": [0.5, 0.25]})
    assert text == "2 folds: accuracy 0.85 ± 0.05, log_loss 0.375 ± 0.12"


def test_what_makes_no_sense(tmp_path):
    with pytest.raises(InputError, match="cv must be a whole number of at least 2"):
        Request("y", cv=1)
    kept = RunOptions(checkpoint=Checkpoint(tmp_path / "c"))
    with pytest.raises(InputError, match="checkpoints serve one training"):
        cross_validate(TABLE, Request("y", SMALL, cv=2, options=kept))
