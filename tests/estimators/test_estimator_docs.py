"""Every snippet of docs/estimators.md works."""

import re
from pathlib import Path

import pytest

DOCS = (Path(__file__).parents[2] / "docs" / "estimators.md").read_text(encoding="utf-8")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_snippets(capsys):
    namespace = {}
    for snippet in re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL):
        exec(compile(snippet, "estimators.md", "exec"), namespace)
    assert "auc" in capsys.readouterr().out
    assert (namespace["low"] <= namespace["high"]).all()
