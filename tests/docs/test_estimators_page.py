"""Every snippet of docs/guide/estimators.md and docs/guide/tables.md works."""

import re
from pathlib import Path

import numpy as np
import pytest

DOCS = Path(__file__).parents[2] / "docs" / "guide"


def run(name):
    namespace = {}
    for snippet in re.findall(r"```python\n(.*?)```", (DOCS / name).read_text("utf-8"), re.DOTALL):
        exec(compile(snippet, name, "exec"), namespace)
    return namespace


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_snippets(capsys):
    namespace = run("estimators.md")
    assert "auc" in capsys.readouterr().out
    target, low, high = namespace["target"], namespace["low"], namespace["high"]
    assert np.mean((low <= target)[300:] & (target <= high)[300:]) == pytest.approx(0.9, abs=0.01)


def test_snippets_on_tables(capsys):
    namespace = run("tables.md")
    assert "street = " in capsys.readouterr().out
    assert (namespace["low"] <= namespace["high"]).all()
