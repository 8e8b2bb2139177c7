"""Standard streams that can't show every letter, as what is redirected on Windows."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from thorough import all_or

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("encoding", all_or(["ascii"], ["ascii", "cp1252"]))
def test_a_letter_that_a_stream_does_not_know_stops_nothing(encoding):
    done = subprocess.run(
        [sys.executable, "-m", "steepest", "train", "--help"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONIOENCODING": encoding},
        capture_output=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert b"--target" in done.stdout
