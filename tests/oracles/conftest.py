"""Collects the tests of an oracle where its package is installed."""

import importlib.util

collect_ignore = [
    f"test_{oracle}.py" for oracle in ("jax", "torch") if importlib.util.find_spec(oracle) is None
]
