"""Collects the tests of an oracle where its packages are installed."""

import importlib.util

NEEDED = {
    "test_jax.py": ("jax",),
    "test_onnx_files.py": ("torch", "onnxscript"),
    "test_torch.py": ("torch",),
    "test_torch_recurrent.py": ("torch",),
    "test_torch_optim.py": ("torch", "expecttest", "schedulefree"),
}

collect_ignore = [
    file for file, packages in NEEDED.items() if not all(map(importlib.util.find_spec, packages))
]
