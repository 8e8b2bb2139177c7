"""Collects the tests of an oracle where its package is installed."""

import importlib.util

NEEDS = {
    "test_jax.py": ("jax",),
    "test_onnx_files.py": ("torch", "onnxscript"),
    "test_torch.py": ("torch",),
}
collect_ignore = [
    file
    for file, packages in NEEDS.items()
    if any(importlib.util.find_spec(package) is None for package in packages)
]
