"""Searches over our estimators by joblib's processes and by a real Dask cluster."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from steepest.system import cores

PROGRAM = Path(__file__).parent / "programs" / "searches.py"
needs_dask = pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None, reason="Dask's distributed is not installed"
)


@pytest.mark.parametrize("kind", ["loky", pytest.param("dask", marks=needs_dask)])
def test_a_search_finds_what_it_finds_one_by_one(kind):
    done = subprocess.run(
        [sys.executable, str(PROGRAM), kind],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == "done\n"


@pytest.mark.parametrize(("given", "expected"), [("1", 1), ("3", 3), ("99", 4), ("", 4), ("x", 4)])
def test_whoever_starts_processes_says_how_many_threads_each_may_have(monkeypatch, given, expected):
    monkeypatch.setattr(cores, "core_count", lambda: 4)
    monkeypatch.setenv("OMP_NUM_THREADS", given)
    assert cores.usual_threads() == expected
    assert cores.threads_for(64, 10**9, None) == expected
    assert cores.threads_to_try(64, 10**9, None) == expected
    assert cores.threads_for(64, 10**9, 2) == 2  # whoever asks for a number has it
