"""The lower bounds that `dependencies.py` tests are those of pyproject.toml."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "dependencies.py"


@pytest.mark.parametrize("which", ["oldest", "newest"])
def test_every_dependency_has_a_lower_bound(which):
    done = subprocess.run(
        [sys.executable, SCRIPT, which, "--pins"], capture_output=True, text=True, check=True
    )
    found = done.stdout.split()
    names = [pin.partition("==")[0] for pin in found]
    assert {"numpy", "numba", "pyarrow", "onnxruntime", "pytest"} <= set(names)
    assert len(set(names)) == len(names)
    assert all(("==" in pin) == (which == "oldest") for pin in found)
