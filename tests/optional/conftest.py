"""Tests against packages that are no dependencies: collected where these are installed."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("torch") else ["test_pytorch.py"]
