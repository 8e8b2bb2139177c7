"""Versions, of installed packages and of one that is only on the path."""

import importlib.metadata
import platform

import numpy as np

from steepest.system.versions import versions


def test_they_are_those_of_what_runs(monkeypatch):
    found = versions()
    assert found["python"] == platform.python_version()
    assert found["numpy"] == np.__version__

    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    assert versions()["steepest"] == "unknown"
