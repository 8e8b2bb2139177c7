"""Every snippet of docs/guide/from_python.md works."""

import re
from pathlib import Path

import numpy as np
import pyarrow as pa

from steepest.pipeline.fit import fit_table
from steepest.pipeline.request import Request

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "from_python.md"


def test_snippets(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    people = pa.table({"age": rng.integers(18, 90, 200), "town": rng.choice(["Here", "There"], 200),
                       "rich": rng.choice(["yes", "no"], 200)})  # fmt: skip
    fit_table(people, Request("rich", {"layers": (4,), "epochs": 2})).model.save("model")
    names = {}
    for snippet in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(snippet, PAGE.name, "exec"), names)
    assert names["labels"].shape == (2,)
    assert names["label"] in names["model"].classes
    assert names["classes"].shape == (500,)
    assert names["shares"].shape == (500, 3)
    assert names["means"].shape == (2000,)
    assert np.corrcoef(names["variances"][:, 0], names["spread"] ** 2)[0, 1] > 0.5
    assert len(names["frame"]) == 10
    assert names["trainer"].step == 380 + 3 * 30 + 30
    assert np.array_equal(names["same"].theta, names["network"].theta)
    printed = capsys.readouterr()
    assert "neg_log_loss" in printed.out
    assert "epoch 10 of 10" in printed.err
