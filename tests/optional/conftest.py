"""Tests against packages that are no dependencies: collected where these are installed."""

from importlib.util import find_spec

NEEDS = {"test_pytorch.py": "torch", "test_numpydoc.py": "numpydoc"}
collect_ignore = [test for test, package in NEEDS.items() if not find_spec(package)]
