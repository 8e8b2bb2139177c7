"""Kernels that another process compiles."""

from __future__ import annotations

import math

from steepest.compiler import store
from steepest.compiler.ahead import Ahead


def seventh(a):
    """a = 1/7"""
    for k in range(a.shape[0]):
        a[k] = 1 / 7


NAMED = (seventh, ("f1",), "float32")
UNNAMED = (lambda a: None, ("f1",), "float32")  # nobody else can find it


def test_another_process_writes_what_lacks_into_the_store(monkeypatch, tmp_path):
    monkeypatch.setenv("STEEPEST_CACHE", str(tmp_path / "kernels"))
    ahead = Ahead([NAMED, UNNAMED, NAMED])
    assert ahead.lacking() == math.inf
    ahead._process.wait()  # which takes as long as others want the cores
    assert ahead.lacking() == 1
    assert store.count_lacking([NAMED]) == 0
    assert Ahead([NAMED])._process is None


def test_the_other_process_ends_with_who_asked(monkeypatch, tmp_path):
    monkeypatch.setenv("STEEPEST_CACHE", str(tmp_path / "kernels"))
    ahead = Ahead([(seventh, ("f1",), "float64")])
    process = ahead._process
    assert process.poll() is None
    del ahead
    assert process.returncode is not None
