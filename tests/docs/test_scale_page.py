"""The snippets of docs/guide/scale.md work: on two ranks of a real MPI, and over Dask."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from mpi import needs_mpi, run

PAGE = (Path(__file__).parents[2] / "docs" / "guide" / "scale.md").read_text("utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
ROWS = """
import numpy as np

rng = np.random.default_rng(0)

def my_rows(rank, ranks):
    X = rng.standard_normal((60, 20))
    return X[rank::ranks], rng.integers(0, 10, 60)[rank::ranks]
"""
TABLE = """
import numpy as np
import pandas as pd
from steepest import TabularClassifier

rng = np.random.default_rng(0)
age, town = rng.integers(18, 90, 80), rng.choice(["Here", "There"], 80)
table = pd.DataFrame({"age": age, "town": town})
y = np.where(table["age"] > 50, "yes", "no")
"""
CLUSTER = """
from distributed import LocalCluster

settings = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
with LocalCluster(**settings) as cluster:
"""


def test_all_snippets_are_known():
    assert [snippet.split()[1] for snippet in SNIPPETS] == ["mpi4py", "=", "joblib"]


@needs_mpi
def test_ranks_train_and_the_first_one_saves(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text("\n".join([ROWS, SNIPPETS[0], TABLE, SNIPPETS[1]]), "utf-8")
    assert "mpiexec -n 4 python train.py" in PAGE
    status, out, errors = run(2, str(tmp_path / "train.py"))
    assert status == 0, out + errors
    assert (tmp_path / "model").is_dir()


@pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None, reason="Dask's distributed is not installed"
)
def test_a_search_over_dask(tmp_path):
    search = SNIPPETS[2].replace('"scheduler:8786"', "cluster.scheduler_address")
    assert search != SNIPPETS[2]
    program = tmp_path / "search.py"
    said = "    print(search.best_params_)\n"
    program.write_text(TABLE + CLUSTER + textwrap.indent(search, "    ") + said, "utf-8")
    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "settings__lr" in done.stdout
