"""The snippet of docs/guide/checkpoints.md works."""

import re
from pathlib import Path

import numpy as np

from steepest import Checkpoint, Dense, Network, Squared, Trainer

DOCS = Path(__file__).parents[2] / "docs" / "guide" / "checkpoints.md"


def test_snippet(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    X = np.random.default_rng(0).standard_normal((50, 3))
    names = {"Checkpoint": Checkpoint, "X": X, "y": X[:, 0]}
    for _ in range(2):  # the second time it finds the first
        names["trainer"] = Trainer(Network(Dense(1)), Squared(), threads=1)
        for snippet in re.findall(r"```python\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL):
            exec(compile(snippet, "checkpoints.md", "exec"), names)
        assert len(names["trainer"].history) == 20
