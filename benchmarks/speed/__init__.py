"""Steepest beside its peers and the machine's limits: `python -m benchmarks.speed`."""
